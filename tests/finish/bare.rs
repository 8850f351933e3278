//! `Bare::finish`: the cases that differ from a `Framed`.

use super::*;

/// `finish` is cancelled at every await point, on a transport with room for one byte. The peer sees exactly one whole
/// Close.
#[tokio::test(start_paused = true)]
async fn finish_cancelled_at_every_await_point_sends_one_close() {
    for local in ROLES {
        for sent in [their_close(local), vec![]] {
            let run = async |polls_before_cancel: usize| {
                let (io, mut peer) = duplex(1);
                let sent = sent.clone();
                let peer = tokio::spawn(async move {
                    let (mut reader, mut writer) = tokio::io::split(&mut peer);
                    let reading = async {
                        let mut bytes = vec![];
                        while let Ok(byte) = reader.read_u8().await {
                            bytes.push(byte);
                            sleep(Duration::from_millis(10)).await;
                        }
                        bytes
                    };
                    let writing = async {
                        sleep(Duration::from_millis(500)).await;
                        let _ = writer.write_all(&sent).await;
                        let _ = writer.shutdown().await;
                    };
                    tokio::join!(reading, writing).0
                });
                let mut bare = Bare::new(Wire::new(local, io), codec(local));
                let (mut polls, mut finished) = (0, None);
                while finished.is_none() {
                    let mut finishing = pin!(bare.finish(GOODBYE, Timeouts::DEFAULT));
                    let mut left = polls_before_cancel;
                    finished = poll_fn(|cx| {
                        polls += 1;
                        left = left.saturating_sub(1);
                        match finishing.as_mut().poll(cx) {
                            Poll::Ready(finished) => Poll::Ready(Some(finished)),
                            Poll::Pending if left == 0 => Poll::Ready(None),
                            Poll::Pending => Poll::Pending,
                        }
                    })
                    .await;
                    // The program does something else meanwhile.
                    sleep(Duration::from_millis(3)).await;
                }
                drop(bare);
                (finished.unwrap(), peer.await.unwrap(), polls)
            };
            let (finished, bytes, polls) = run(usize::MAX).await;
            let (event, close) = if sent.is_empty() { (ABNORMAL, our_close(local)) } else { (CLEAN, our_close(local)) };
            assert_event(&finished, event, "");
            assert_eq!(bytes, close);
            assert!(polls > 5, "{polls}");
            for polls_before_cancel in 1..=polls {
                let (finished, bytes, _) = run(polls_before_cancel).await;
                assert_event(&finished, event, &format!("cancelled after {polls_before_cancel} polls"));
                assert_eq!(bytes, close, "cancelled after {polls_before_cancel} polls");
            }
        }
    }
}

/// The program's own parser has stopped inside a frame whose payload looks like a Close.
#[tokio::test(start_paused = true)]
async fn the_rest_of_a_frame_is_skipped() {
    for local in ROLES {
        let data = frame(local.peer(), 0x82, &their_close(local));
        for taken in 1..data.len() {
            for buffered in [0, 1, data.len() - taken] {
                let (io, mut peer) = duplex(1024);
                let rest = data.len() - taken;
                let mut bare = Bare::new(io, codec(local)).inside_frame(rest as u64);
                let buffered = buffered.min(rest);
                bare.read_buffer.extend_from_slice(&data[taken..taken + buffered]);
                let close = frame(local.peer(), 0x88, b"\x0f\xa0");
                peer.write_all(&[&data[taken + buffered..], &close].concat()).await.unwrap();
                peer.shutdown().await.unwrap();
                let finished = bare.finish(GOODBYE, Timeouts::DEFAULT).await;
                assert_event(&finished, (4000, "", true), &format!("{taken} bytes taken"));
            }
        }
    }
}

/// Bytes that the program has read but not used count, even half a Close. Bytes that it has queued go out first.
#[tokio::test(start_paused = true)]
async fn both_buffers_are_used() {
    for local in ROLES {
        let bytes = [frame(local.peer(), 0x81, b"text"), their_close(local)].concat();
        let queued = frame(local, 0x82, b"queued");
        for cut in 0..=bytes.len() {
            let (io, mut peer) = duplex(1024);
            let mut bare = Bare::new(io, codec(local));
            bare.read_buffer.extend_from_slice(&bytes[..cut]);
            bare.write_buffer.extend_from_slice(&queued);
            peer.write_all(&bytes[cut..]).await.unwrap();
            peer.shutdown().await.unwrap();
            let finished = bare.finish(GOODBYE, Timeouts::DEFAULT).await;
            assert_event(&finished, CLEAN, "");
            drop(bare);
            let mut written = vec![];
            peer.read_to_end(&mut written).await.unwrap();
            assert_eq!(written, [queued.clone(), our_echo(local)].concat());
        }
    }
}

/// Every discarded byte is counted.
#[tokio::test(start_paused = true)]
async fn discarded_bytes_are_counted_and_not_copied() {
    for local in ROLES {
        let data = frame(local.peer(), 0x82, &[b'x'; 100]).repeat(100);
        // Without a Close, and before and after one.
        for (bytes, awaited) in [
            (data.clone(), Awaited::Close),
            ([&data[..], &their_close(local)].concat(), Awaited::End),
            ([&data[..], &their_close(local), &data].concat(), Awaited::End),
        ] {
            let (io, mut peer) = duplex(1 << 20);
            peer.write_all(&bytes).await.unwrap();
            let mut bare = Bare::new(io, codec(local));
            let finished = bare.finish(GOODBYE, Timeouts::DEFAULT).await;
            let close = if awaited == Awaited::Close { 0 } else { their_close(local).len() };
            match finished.ending.transport_end() {
                TransportEnd::Cut { awaited: found, discarded, .. } => {
                    assert_eq!((found, discarded), (awaited, Some((bytes.len() - close) as u64)));
                }
                other => panic!("{other:?}"),
            }
            if awaited == Awaited::Close {
                assert_eq!(bare.read_buffer.capacity(), 0);
            }
        }
    }
}

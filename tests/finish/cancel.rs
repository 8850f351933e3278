//! A `finish` that is cancelled loses nothing.

use super::*;

/// A peer that reads and writes one byte at a time. It writes `bytes`, ends the transport a second later, and returns
/// what it has read.
fn slow_peer(io: DuplexStream, bytes: Vec<u8>) -> JoinHandle<Vec<u8>> {
    let (mut reader, mut writer) = tokio::io::split(io);
    tokio::spawn(async move {
        let reading = async {
            let mut bytes = vec![];
            while let Ok(byte) = reader.read_u8().await {
                bytes.push(byte);
                sleep(Duration::from_millis(100)).await;
            }
            bytes
        };
        let writing = async {
            for byte in bytes {
                sleep(Duration::from_millis(130)).await;
                let _ = writer.write_u8(byte).await;
            }
            sleep(Duration::from_secs(1)).await;
            let _ = writer.shutdown().await;
        };
        tokio::join!(reading, writing).0
    })
}

/// Polls `finish` this many times, then drops it.
async fn poll_times(framed: &mut Connection, times: usize) -> Option<Finished> {
    let mut finishing = pin!(finish(framed, GOODBYE, Timeouts::DEFAULT));
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let finished = finishing.as_mut().poll(cx).map(Some);
        if left == 0 && finished.is_pending() { Poll::Ready(None) } else { finished }
    })
    .await
}

/// The cancelled call has discarded half a frame. The inner codec would take the payload in the other half for frames,
/// so it is not called again.
#[tokio::test(start_paused = true)]
async fn after_a_cancel_inside_a_frame_the_inner_codec_is_not_called() {
    struct Untouched;
    impl Decoder for Untouched {
        type Item = Bytes;
        type Error = io::Error;
        fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Bytes>> {
            panic!("was given {src:?}");
        }
    }
    for local in ROLES {
        let from = local.peer();
        let data = frame(from, 0x82, &[b"abcd", &frame(from, 0x82, b"forged")[..]].concat());
        let (first, second) = data.split_at(data.len() - 8);
        for then in [vec![], [frame(from, 0x89, b"ping"), their_close(local)].concat()] {
            let (ours, mut peer) = duplex(1024);
            let mut framed = Framed::new(ours, codec(local).wrap(Untouched));
            peer.write_all(first).await.unwrap();
            assert!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT).now_or_never().is_none());
            peer.write_all(second).await.unwrap();
            assert!(framed.next().now_or_never().is_none());
            peer.write_all(&then).await.unwrap();
            peer.shutdown().await.unwrap();
            match framed.next().await {
                None => assert!(then.is_empty()),
                Some(message) => assert!(matches!(message, Ok(Message::Close(_)))),
            }
            let event = if then.is_empty() { ABNORMAL } else { CLEAN };
            let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
            assert_event(&finished, event, "");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn finish_can_be_called_again_after_any_cancel() {
    for local in ROLES {
        let from = local.peer();
        let closes = [frame(from, 0x82, b"data"), their_close(local)].concat();
        // A peer that closes, one that only ends the transport, and one that sends a malformed Close.
        for (sent, event) in [(closes, CLEAN), (vec![], ABNORMAL), (frame(from, 0x88, b"\x03"), ABNORMAL)] {
            // Room for a few bytes, so that writing has to wait.
            let connect = || {
                let (ours, theirs) = duplex(3);
                (connection(local, ours), slow_peer(theirs, sent.clone()))
            };
            let (mut framed, peer) = connect();
            let (finished, usual) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
            assert_event(&finished, event, "");
            drop(framed);
            assert_eq!(peer.await.unwrap(), our_close(local));

            for times in 0.. {
                let (mut framed, peer) = connect();
                let begun = Instant::now();
                let first = poll_times(&mut framed, times).await;
                let whole = first.is_some();
                let finished = match first {
                    Some(finished) => finished,
                    None => timed(finish(&mut framed, CloseFrame::EMPTY, Timeouts::DEFAULT)).await.0,
                };
                // A call that was never polled has not begun, so the second call's Close goes out.
                let close = if times == 0 { frame(local, 0x88, b"") } else { our_close(local) };
                assert_event(&finished, event, &format!("after {times} polls"));
                if times > 0 {
                    assert_eq!(begun.elapsed(), usual, "after {times} polls");
                }
                drop(framed);
                assert_eq!(peer.await.unwrap(), close, "after {times} polls");
                if whole {
                    assert!(times > 3);
                    break;
                }
            }

            // Cancelled after every single poll. The caller does something else meanwhile, such as sleep.
            let (mut framed, peer) = connect();
            let finished = loop {
                match poll_times(&mut framed, 1).await {
                    Some(finished) => break finished,
                    None => sleep(Duration::from_millis(50)).await,
                }
            };
            assert_event(&finished, event, "");
            drop(framed);
            assert_eq!(peer.await.unwrap(), our_close(local));
        }
    }
}

/// A server whose write side is blocked by data that does not fit, so that `finish` has to wait.
async fn blocked(room: usize, sent: &[u8]) -> (Framed<Wire, CloseCodec>, DuplexStream) {
    let (io, mut peer) = duplex(room);
    peer.write_all(sent).await.unwrap();
    let mut framed = Framed::new(Wire::new(Role::Server, io), CloseCodec::server());
    framed.write_buffer_mut().extend_from_slice(&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    framed.write_buffer_mut().resize(10 + (1 << 16), 0);
    (framed, peer)
}

/// Reads with `next` for at most an hour. Returns whether their Close came out.
async fn next_close(framed: &mut Framed<Wire, CloseCodec>) -> bool {
    let next = timeout(Duration::from_secs(3600), framed.next()).await;
    matches!(next, Ok(Some(Ok(Message::Close(close)))) if *close == CloseFrame::from_static(1001, "theirs"))
}

/// The cancelled call has received the Close. The next read yields it once, and the next `finish` knows it.
#[tokio::test(start_paused = true)]
async fn a_close_that_a_cancelled_call_received_is_not_lost() {
    let their_close = their_close(Role::Server);
    // The Close comes alone, behind data, or behind more data than one read takes; whole, or with its last bytes later.
    let data = frame(Role::Client, 0x82, &[b'x'; 100]);
    for before in [vec![], data.clone(), data.repeat(300), data.repeat(3_000)] {
        let sent = [before, their_close.clone()].concat();
        for first in [sent.len(), sent.len() - 1, sent.len() - 4] {
            for read_on in [true, false] {
                let (mut framed, mut peer) = blocked(1 << 20, &sent[..first]).await;
                framed.get_mut().on_write = Box::new(|_, _, _| Poll::Pending);
                assert!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT).now_or_never().is_none());
                peer.write_all(&sent[first..]).await.unwrap();
                for _ in 0..100 {
                    assert!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT).now_or_never().is_none());
                }
                if read_on {
                    assert!(next_close(&mut framed).await);
                    // Then the stream ends, and does not yield the Close again.
                    match framed.next().await {
                        Some(Err(error)) => assert!(error.is_closed()),
                        other => panic!("{other:?}"),
                    }
                    assert!(framed.next().await.is_none());
                }
                let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
                assert_event(&finished, UNANSWERED, "");
            }
        }
    }
}

/// The cancelled call had received nothing.
#[tokio::test(start_paused = true)]
async fn a_close_that_comes_after_a_cancelled_call_is_yielded() {
    let (mut framed, mut peer) = blocked(1024, b"").await;
    assert!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT).now_or_never().is_none());
    peer.write_all(&their_close(Role::Server)).await.unwrap();
    assert!(next_close(&mut framed).await);
}

/// `finish` is cancelled while it waits for the end of the transport, long after it has received the Close.
#[tokio::test(start_paused = true)]
async fn a_cancel_while_awaiting_the_end_loses_nothing() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        assert!(timeout(Duration::from_secs(1), finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await.is_err());
        let next = timeout(Duration::from_secs(3600), framed.next()).await;
        assert!(matches!(next, Ok(Some(Ok(Message::Close(_))))));
        assert_eq!(expect(&mut framed, CLEAN, 1_000).await, None);
        // `finish` has given up, but the transport has not ended. The stream must not wait for its end.
        assert!(matches!(framed.next().await, Some(Err(error)) if error.is_closed()));
        assert!(framed.next().await.is_none());
    }
}

/// A read after `finish` returns the end, not an error.
#[tokio::test(start_paused = true)]
async fn after_finish_the_stream_has_ended() {
    for local in ROLES {
        for sent in [vec![], their_close(local), their_close(local)[..3].to_vec()] {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&sent).await.unwrap();
            peer.shutdown().await.unwrap();
            let _ = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
            assert!(framed.next().await.is_none());
        }
    }
}

/// Wrapping the codec between two calls does not restart the time.
#[tokio::test(start_paused = true)]
async fn wrapping_keeps_the_deadline() {
    let (io, _peer) = duplex(64);
    let mut framed = Framed::new(io, CloseCodec::server());
    assert!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT).now_or_never().is_none());
    sleep(Duration::from_secs(9)).await;
    let mut framed = framed.map_codec(|codec| codec.wrap(BytesCodec::new()));
    let (_, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
    assert_eq!(took.as_secs(), 1);
}

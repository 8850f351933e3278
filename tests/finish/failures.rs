//! Transports that break, peers that break the protocol, and inner codecs that fail.

use websocket_close::wire;

use super::*;

/// Nothing is sent to a peer that has hung up, so neither side has closed first.
#[tokio::test(start_paused = true)]
async fn the_peer_hangs_up_without_a_close() {
    for local in ROLES {
        for sent in [vec![], frame(local.peer(), 0x82, b"data"), their_close(local)[..5].to_vec()] {
            let (mut framed, mut peer) = pair(local);
            framed.feed(other(&frame(local, 0x82, b"unsent"))).await.unwrap();
            peer.write_all(&sent).await.unwrap();
            peer.shutdown().await.unwrap();
            assert_eq!(expect(&mut framed, ABNORMAL, 0).await, None);
            assert_eq!(framed.get_ref().written(), b"");
            assert_eq!(framed.codec().closing().closed_first(), None);
        }
        // The peer is gone completely.
        let (mut framed, peer) = pair(local);
        drop(peer);
        assert_eq!(expect(&mut framed, ABNORMAL, 0).await, None);
        assert_eq!(framed.get_ref().written(), b"");
    }
}

/// Our Close was queued before. It is still written, and we closed first.
#[tokio::test(start_paused = true)]
async fn the_peer_hangs_up_after_our_close_was_queued() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        framed.feed(Message::<Bytes>::from(GOODBYE)).await.unwrap();
        peer.shutdown().await.unwrap();
        assert_eq!(expect(&mut framed, ABNORMAL, 0).await, None);
        assert_eq!(framed.get_ref().written(), our_close(local));
        assert_eq!(framed.codec().closing().closed_first(), Some(local));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_reported_whichever_operation_fails() {
    for local in ROLES {
        // Every operation fails, as after a real reset.
        let (mut framed, _peer) = pair(local);
        framed.get_mut().fails = Box::new(|_, _| RESET);
        assert_eq!(expect(&mut framed, ABNORMAL, 0).await, RESET);

        // Only reading fails, before any Close. Nothing is sent.
        let (mut framed, _peer) = pair(local);
        framed.get_mut().fails = Box::new(|_, op| RESET.filter(|_| op == Op::Read));
        assert_eq!(expect(&mut framed, ABNORMAL, 0).await, RESET);
        assert_eq!(framed.get_ref().written(), b"");

        // Only writing fails. Their Close may still come.
        let (mut framed, _peer) = pair(local);
        framed.get_mut().fails = Box::new(|_, op| RESET.filter(|_| op == Op::Write));
        assert_eq!(expect(&mut framed, ABNORMAL, 10_000).await, RESET);

        // After both Closes the event stays clean.
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        framed.get_mut().fails =
            Box::new(|call, op| RESET.filter(|_| op == Op::Read && call > 0 || op == Op::Shutdown));
        assert_eq!(expect(&mut framed, CLEAN, 0).await, RESET);
    }
}

/// If the write or the flush fails, their Close counts and ours does not.
#[tokio::test(start_paused = true)]
async fn after_a_failed_write_their_close_still_counts() {
    for local in ROLES {
        for failing in [Op::Write, Op::Flush] {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&their_close(local)).await.unwrap();
            framed.get_mut().fails = Box::new(move |_, op| RESET.filter(|_| op == failing));
            // The peer does not end the transport.
            assert_eq!(expect(&mut framed, UNANSWERED, 2_000).await, RESET);
        }
    }
}

/// The first error tells what happened. A shutdown that fails because the transport has already ended is not an error.
#[tokio::test(start_paused = true)]
async fn the_first_error_is_returned() {
    for local in ROLES {
        let kind = |op| match op {
            Op::Read => ErrorKind::ConnectionReset,
            Op::Write | Op::Flush => ErrorKind::BrokenPipe,
            Op::Shutdown => ErrorKind::TimedOut,
        };
        let (mut framed, _peer) = pair(local);
        framed.get_mut().fails = Box::new(move |_, op| Some(kind(op)));
        assert_eq!(expect(&mut framed, ABNORMAL, 0).await, RESET);
        let (mut framed, _peer) = pair(local);
        framed.get_mut().fails = Box::new(move |_, op| Some(kind(op)).filter(|_| op != Op::Read));
        assert_eq!(expect(&mut framed, ABNORMAL, 10_000).await, Some(ErrorKind::BrokenPipe));

        // Reading fails a second after writing.
        let (mut framed, mut peer) = pair(local);
        framed.get_mut().fails = Box::new(move |call, op| Some(kind(op)).filter(|_| call > 0));
        let wakes = async {
            sleep(Duration::from_secs(1)).await;
            peer.write_all(b"\x82").await.unwrap();
        };
        let (error, ()) = tokio::join!(expect(&mut framed, ABNORMAL, 1_000), wakes);
        assert_eq!(error, Some(ErrorKind::BrokenPipe));

        for (kind, told) in [(ErrorKind::TimedOut, Some(ErrorKind::TimedOut)), (ErrorKind::NotConnected, None)] {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&their_close(local)).await.unwrap();
            peer.shutdown().await.unwrap();
            framed.get_mut().fails = Box::new(move |_, op| Some(kind).filter(|_| op == Op::Shutdown));
            assert_eq!(expect(&mut framed, CLEAN, 0).await, told);
        }
    }
}

/// A transport that accepts no bytes would make the writer spin.
#[tokio::test(start_paused = true)]
async fn a_write_of_zero_bytes_is_an_error() {
    let (mut framed, _peer) = pair(Role::Server);
    framed.get_mut().on_write = Box::new(|_, _, _| Poll::Ready(Ok(0)));
    let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
    assert_eq!(finished.io_error.as_ref().unwrap().kind(), ErrorKind::WriteZero);
    assert_event(&finished, ABNORMAL, "");
    assert_eq!(took.as_secs(), 10);
}

/// A malformed answer fails the connection. Our Close is already out, so there is no second one, and the transport is
/// ended.
#[tokio::test(start_paused = true)]
async fn a_malformed_answer_gets_no_second_close() {
    for local in ROLES {
        let from = local.peer();
        let wrong = [
            frame(local, 0x88, b"\x03\xe8"),
            frame(from, 0x08, b"\x03\xe8"),
            frame(from, 0x88, b"\x03"),
            frame(from, 0x88, b"\x03\xed"),
            frame(from, 0x88, b"\x03\xe8\xff"),
            [b"\x82\x7f\x80\0\0\0\0\0\0\0".to_vec(), their_close(local)].concat(),
        ];
        for wrong in wrong {
            let (mut framed, mut peer) = pair(local);
            framed.send(Message::<Bytes>::from(GOODBYE)).await.unwrap();
            peer.write_all(&wrong).await.unwrap();
            // A correct Close comes too late.
            peer.write_all(&their_close(local)).await.unwrap();
            assert_eq!(expect(&mut framed, ABNORMAL, 2_000).await, None);
            assert_eq!(framed.get_ref().written(), our_close(local));
            assert!(framed.codec().closing().is_failed());

            // The codec has seen it before `finish`. Our only Close has the code for it.
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&wrong).await.unwrap();
            peer.shutdown().await.unwrap();
            while let Some(Ok(_)) = framed.next().await {}
            assert_eq!(expect(&mut framed, ABNORMAL, 0).await, None);
            let code: &[u8] = if wrong.ends_with(b"\xff") { b"\x03\xef" } else { b"\x03\xea" };
            assert_eq!(framed.get_ref().written(), frame(local, 0x88, code));

            // It is still in the transport when `finish` is called. The result is the same.
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&wrong).await.unwrap();
            assert_eq!(expect(&mut framed, ABNORMAL, 2_000).await, None);
            assert_eq!(framed.get_ref().written(), frame(local, 0x88, code));
        }
    }
}

/// A transport that ends inside a frame is lost, but nobody has failed the connection.
#[tokio::test(start_paused = true)]
async fn an_end_inside_a_frame_is_not_a_failure() {
    for local in ROLES {
        for lost in [frame(local.peer(), 0x82, b"data"), their_close(local)] {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&lost[..lost.len() - 1]).await.unwrap();
            peer.shutdown().await.unwrap();
            while framed.next().await.is_some() {}
            assert_eq!(expect(&mut framed, ABNORMAL, 0).await, None);
            let closing = framed.codec().closing();
            assert!(!closing.is_failed() && closing.failure().is_none());
        }
    }
}

/// The codec has already told the application about the end inside the frame. `finish` meets the end again.
#[tokio::test(start_paused = true)]
async fn an_end_inside_a_frame_is_reported_again() {
    for local in ROLES {
        let mut bytes = BytesMut::from(&frame(local.peer(), 0x82, b"data")[..3]);
        let mut codec = codec(local).wrap(Bytewise);
        while codec.decode(&mut bytes).unwrap().is_some() {}
        assert!(matches!(codec.decode_eof(&mut bytes), Err(Error::UnexpectedEof)));
        let (ours, peer) = duplex(1024);
        drop(peer);
        let finished = finish(&mut Framed::new(ours, codec), GOODBYE, Timeouts::DEFAULT).await;
        assert_eq!(finished.ending.transport_end(), TransportEnd::InsideFrame);
        assert_event(&finished, ABNORMAL, "");
    }
}

/// After a failed write the transport is neither written to nor shut down, even if it would work again.
#[tokio::test(start_paused = true)]
async fn nothing_is_written_after_a_failed_write() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        let failed = Cell::new(false);
        framed.get_mut().fails = Box::new(move |_, op| RESET.filter(|_| op == Op::Write && !failed.replace(true)));
        assert_eq!(expect(&mut framed, UNANSWERED, 2_000).await, RESET);
        assert_eq!(framed.get_ref().calls(), [Call::Read(their_close(local))]);
    }
}

/// The inner codec refuses a frame, and the program then sends a Close.
#[tokio::test(start_paused = true)]
async fn a_close_sent_after_an_inner_error_fails_the_connection() {
    let (mut framed, _peer) = refused(Role::Server).await;
    framed.send(Message::<Bytes>::from(CloseFrame::from_static(1007, ""))).await.unwrap();
    let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
    assert_event(&finished, ABNORMAL, "");
    let line = framed.codec().closing().to_string();
    assert_eq!(line, "failed by us with 1007 (invalid frame payload data), written");
}

#[tokio::test(start_paused = true)]
async fn an_inner_error_fails_the_connection_with_the_frame_given() {
    for local in ROLES {
        let (mut framed, mut peer) = refused(local).await;
        // A Close that comes now is not processed.
        peer.write_all(&their_close(local)).await.unwrap();
        peer.shutdown().await.unwrap();
        let (finished, took) = timed(finish(&mut framed, CloseFrame::from_static(1011, ""), Timeouts::DEFAULT)).await;
        assert_event(&finished, ABNORMAL, "");
        assert!(finished.io_error.is_none() && took.is_zero());
        assert!(framed.codec().closing().is_failed());
        drop(framed);
        let mut written = vec![];
        peer.read_to_end(&mut written).await.unwrap();
        assert_eq!(written, frame(local, 0x88, b"\x03\xf3"));
    }
}

/// After a failure no Close is awaited (RFC 6455, 7.1.7). A silent peer sees our Close and the end at once.
#[tokio::test(start_paused = true)]
async fn after_an_inner_error_a_silent_peer_is_not_waited_for() {
    for local in ROLES {
        let (mut framed, mut peer) = refused(local).await;
        let peer = tokio::spawn(async move {
            let mut written = vec![];
            peer.read_to_end(&mut written).await.unwrap();
            written
        });
        let (finished, took) = timed(finish(&mut framed, CloseFrame::from_static(1011, ""), Timeouts::DEFAULT)).await;
        assert_event(&finished, ABNORMAL, "");
        assert!(took.is_zero());
        assert_eq!(peer.await.unwrap(), frame(local, 0x88, b"\x03\xf3"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_failed_by_the_caller_is_ended_at_once() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        framed.codec_mut().fail(CloseFrame::from_static(1009, ""));
        peer.write_all(&their_close(local)).await.unwrap();
        // After a failure we end the transport, as a client too.
        assert_eq!(expect(&mut framed, ABNORMAL, 2_000).await, None);
        let calls = framed.get_ref().calls();
        assert_eq!(calls[..2], [Call::Write(frame(local, 0x88, b"\x03\xf1")), Call::Shutdown]);
    }
}

/// No Close is written into a frame that the inner codec has half written. Without our Close the event is not clean.
#[tokio::test(start_paused = true)]
async fn no_close_goes_into_a_half_written_frame() {
    for local in ROLES {
        for (sent, event, millis) in [(vec![], ABNORMAL, 10_000), (their_close(local), UNANSWERED, 2_000)] {
            let half = frame(local, 0x82, b"data")[..5].to_vec();
            let (mut framed, mut peer) = pair(local);
            framed.feed(other(&half)).await.unwrap();
            peer.write_all(&sent).await.unwrap();
            assert_eq!(expect(&mut framed, event, millis).await, None);
            assert_eq!(framed.get_ref().written(), half);
            // A Close is still chosen: `GOODBYE`, or the echo if theirs has come.
            let closing = framed.codec().closing();
            let code = if sent.is_empty() { 1000 } else { 1001 };
            assert!(closing.ours().is_some_and(|ours| ours.code().unwrap() == code) && closing.close_pending());
        }
    }
}

/// Who closes first in a run of `fail_each_call`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum First {
    We,
    They,
    Both,
}

/// The other end of `fail_each_call`. It ignores its errors.
async fn obliging_peer(mut io: DuplexStream, local: Role, first: First) {
    let from = local.peer();
    let _ = io.write_all(&frame(from, 0x82, b"data")).await;
    if first == First::We {
        // Our data and our Close.
        let mut bytes = vec![0; frame(local, 0x82, b"data").len() + our_close(local).len()];
        let _ = io.read_exact(&mut bytes).await;
    }
    let _ = io.write_all(&their_close(local)).await;
    if local == Role::Client {
        sleep(Duration::from_millis(100)).await;
        let _ = io.shutdown().await;
    }
    let _ = io.read_to_end(&mut vec![]).await;
    let _ = io.shutdown().await;
}

/// Makes the `n`-th call on the transport fail, for every `n`, until a run has fewer calls than that.
async fn fail_each_call(local: Role, first: First, for_good: bool) {
    for n in 0.. {
        let (ours, theirs) = duplex(16);
        let peer = tokio::spawn(obliging_peer(theirs, local, first));
        let mut framed = connection(local, ours);
        framed.get_mut().fails = Box::new(move |call, _| RESET.filter(|_| call == n || for_good && call > n));

        let work = async {
            // An ordinary program: it sends, receives, and finishes.
            let _ = framed.send(other(&frame(local, 0x82, b"data"))).await;
            while let Some(Ok(Message::Other(_))) = framed.next().await {
                if first != First::They {
                    break;
                }
            }
            let calls = framed.get_ref().calls;
            let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
            (calls, finished)
        };
        let ((before, finished), took) = timed(work).await;
        let case = format!("{local:?}, {first:?} first, call {n}, for good: {for_good}");
        assert!(took <= Duration::from_millis(12_005), "{took:?}, {case}");

        let wire = framed.get_ref();
        let has = |bytes: &[u8], close: &[u8]| bytes.windows(close.len()).any(|window| window == close);
        let received = has(&wire.read(), &their_close(local));
        // The echo if their Close was read first, otherwise our own frame.
        let sent = has(&wire.written(), &frame(local, 0x88, b"\x03\xe9")) || has(&wire.written(), &our_close(local));
        // Whether there was a flush after the last byte.
        let log = wire.log.borrow().clone();
        let last_write = log.iter().rposition(|(_, call)| matches!(call, Call::Write(_)));
        let flushed = last_write.is_some_and(|last| log[last..].iter().any(|(_, call)| *call == Call::Flush));
        let event = match (received, sent && flushed) {
            (true, true) => CLEAN,
            (true, false) => UNANSWERED,
            (false, _) => ABNORMAL,
        };
        assert_event(&finished, event, &format!("{case}\n{log:?}"));

        let fired = wire.calls > n;
        let failed_here = fired && (n >= before || for_good);
        let kind = finished.io_error.map(|error| error.kind());
        assert_eq!(kind, RESET.filter(|_| failed_here), "{case}\n{log:?}");
        drop(framed);
        peer.await.unwrap();
        if !fired {
            assert_eq!(event, CLEAN, "{case}");
            assert!(n > 5);
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_failing_in_turn() {
    for local in ROLES {
        for first in [First::We, First::They, First::Both] {
            for for_good in [false, true] {
                fail_each_call(local, first, for_good).await;
            }
        }
    }
}

/// The kernel reports a reset once. After that the socket reads as ended. A broken pipe only says that the peer no
/// longer reads.
#[tokio::test(start_paused = true)]
async fn an_end_after_a_reset_write_is_reported_as_the_reset() {
    for local in ROLES {
        for (kind, end) in [
            (ErrorKind::ConnectionReset, TransportEnd::Lost(Loss::Reset)),
            (ErrorKind::ConnectionAborted, TransportEnd::Lost(Loss::Aborted)),
            (ErrorKind::BrokenPipe, TransportEnd::InOrder),
        ] {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&their_close(local)).await.unwrap();
            peer.shutdown().await.unwrap();
            framed.get_mut().fails = Box::new(move |_, op| Some(kind).filter(|_| op == Op::Write));
            let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
            assert_event(&finished, UNANSWERED, "");
            assert_eq!(finished.ending.transport_end(), end);
            assert_eq!(finished.io_error.unwrap().kind(), kind);
        }
    }
}

/// Each error comes once from a read and once from a write.
#[tokio::test(start_paused = true)]
async fn each_io_error_becomes_a_kind_of_loss() {
    for local in ROLES {
        for (kind, loss) in [
            (ErrorKind::ConnectionReset, Loss::Reset),
            (ErrorKind::ConnectionAborted, Loss::Aborted),
            (ErrorKind::BrokenPipe, Loss::BrokenPipe),
            (ErrorKind::TimedOut, Loss::TimedOut),
            (ErrorKind::PermissionDenied, Loss::Other),
        ] {
            for failing in [Op::Read, Op::Write] {
                let (mut framed, _peer) = pair(local);
                framed.get_mut().fails = Box::new(move |_, op| Some(kind).filter(|_| op == failing));
                let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
                assert_eq!(finished.ending.transport_end(), TransportEnd::Lost(loss), "{failing:?}");
            }
        }
    }
}

/// A program may take a `Framed` apart and throw away its buffers, and a Close with them.
#[tokio::test(start_paused = true)]
async fn a_close_in_a_buffer_that_was_thrown_away_does_not_count() {
    for local in ROLES {
        for flushed in [false, true] {
            // The buffers are thrown away, kept, or moved into a `Bare`.
            for kept in [None, Some(false), Some(true)] {
                let (mut framed, mut peer) = pair(local);
                framed.feed(Message::<Bytes>::from(GOODBYE)).await.unwrap();
                if flushed {
                    SinkExt::<Message<Bytes>>::flush(&mut framed).await.unwrap();
                }
                peer.write_all(&their_close(local)).await.unwrap();
                peer.shutdown().await.unwrap();
                let parts = framed.into_parts();
                let finished = match kept {
                    None => {
                        let mut framed = Framed::new(parts.io, parts.codec);
                        finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await
                    }
                    Some(false) => finish(&mut Framed::from_parts(parts), GOODBYE, Timeouts::DEFAULT).await,
                    Some(true) => Bare::from(parts).finish(GOODBYE, Timeouts::DEFAULT).await,
                };
                // `finish` cannot know whether a buffer that is gone was flushed.
                assert_event(&finished, if kept.is_none() { UNANSWERED } else { CLEAN }, "");
                let mut bytes = vec![];
                peer.read_to_end(&mut bytes).await.unwrap();
                assert_eq!(bytes, if kept.is_none() && !flushed { vec![] } else { our_close(local) });
            }
        }
        // Clearing the buffer has the same effect.
        let (mut framed, mut peer) = pair(local);
        framed.feed(Message::<Bytes>::from(GOODBYE)).await.unwrap();
        framed.write_buffer_mut().clear();
        peer.write_all(&their_close(local)).await.unwrap();
        peer.shutdown().await.unwrap();
        assert_eq!(expect(&mut framed, UNANSWERED, 0).await, None);

        // The program has flushed it, and says so.
        let (mut framed, mut peer) = pair(local);
        framed.send(Message::<Bytes>::from(GOODBYE)).await.unwrap();
        framed.codec_mut().mark_written();
        peer.write_all(&their_close(local)).await.unwrap();
        peer.shutdown().await.unwrap();
        let parts = framed.into_parts();
        let finished = finish(&mut Framed::new(parts.io, parts.codec), GOODBYE, Timeouts::DEFAULT).await;
        assert_event(&finished, CLEAN, "");
    }
}

/// `finish` recognizes the Close with pongs behind it, in a buffer that has grown, and in a buffer that is written in
/// pieces.
#[tokio::test(start_paused = true)]
async fn a_close_in_a_busy_buffer_counts() {
    for local in ROLES {
        for (before, after, flush_between) in [(0, 1, false), (0, 1, true), (100, 100, false), (100, 100, true)] {
            let (ours, mut peer) = duplex(1 << 20);
            let mut framed = connection(local, ours);
            framed.set_backpressure_boundary(usize::MAX);
            let data = frame(local, 0x82, &[b'x'; 125]);
            for _ in 0..before {
                framed.feed(other(&data)).await.unwrap();
            }
            framed.feed(Message::<Bytes>::from(GOODBYE)).await.unwrap();
            if flush_between {
                SinkExt::<Message<Bytes>>::flush(&mut framed).await.unwrap();
            }
            let pong = frame(local, 0x8a, &[b'p'; 125]);
            for _ in 0..after {
                framed.feed(other(&pong)).await.unwrap();
            }
            peer.write_all(&their_close(local)).await.unwrap();
            peer.shutdown().await.unwrap();
            assert_eq!(expect(&mut framed, CLEAN, 0).await, None);
            let sent = [data.repeat(before), our_close(local), pong.repeat(after)].concat();
            assert_eq!(framed.get_ref().written(), sent);
        }
    }
}

/// The read buffer has a bad header behind frames that the inner codec has not read.
#[tokio::test(start_paused = true)]
async fn a_bad_header_in_the_read_buffer_fails_the_connection() {
    for local in ROLES {
        let mask = if local == Role::Server { 0xff } else { 0x7f };
        let fault = [&[0x82, mask][..], &(1_u64 << 63).to_be_bytes(), &their_close(local)].concat();
        for items in 0..3 {
            let (mut framed, mut peer) = pair_with(local, Bytewise);
            peer.write_all(&[&frame(local.peer(), 0x81, b"text")[..], &fault].concat()).await.unwrap();
            peer.shutdown().await.unwrap();
            for _ in 0..items {
                assert!(matches!(framed.next().await, Some(Ok(Message::Other(_)))));
            }
            let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
            assert_event(&finished, ABNORMAL, "");
            assert_eq!(finished.ending.closing().fault(), Some(wire::Error::LengthTooLarge(1 << 63)));
            assert_eq!(framed.get_ref().written(), frame(local, 0x88, b"\x03\xea"));
        }
    }
}

/// A frame that fails the connection counts as discarded, and so does everything behind it, however it is cut.
#[tokio::test(start_paused = true)]
async fn a_wrong_frame_and_what_follows_it_are_counted() {
    for local in ROLES {
        let from = local.peer();
        let mask = if local == Role::Server { 0x80 } else { 0 };
        let wrong = [
            frame(from, 0x08, b"\x03\xe8"),
            frame(from, 0xc8, b"\x03\xe8"),
            frame(local, 0x88, b"\x03\xe8"),
            [&[0x88, mask | 0x7e, 0, 126, 0, 0, 0, 0][..], &[b'x'; 126]].concat(),
            [&frame(from, 0x82, b"data")[..], &[0x82, mask | 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0]].concat(),
        ];
        for wrong in wrong {
            let sent = [wrong, frame(from, 0x82, b"more")].concat();
            for cut in 0..=sent.len() {
                let (mut framed, mut peer) = pair(local);
                peer.write_all(&sent[..cut]).await.unwrap();
                assert!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT).now_or_never().is_none());
                peer.write_all(&sent[cut..]).await.unwrap();
                let ending = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await.ending;
                let TransportEnd::Cut { discarded, .. } = ending.transport_end() else { panic!("{ending}") };
                assert_eq!(discarded, Some(sent.len() as u64), "{cut} of {sent:x?}");
            }
        }
    }
}

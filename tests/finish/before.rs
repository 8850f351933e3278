//! What a program has done before `finish`: thrown buffers away, read an error, filled a buffer. None of it makes
//! `finish` panic or lie.

use super::*;

/// An inner codec that waits until it has 100 bytes.
struct Waiting;

impl Decoder for Waiting {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Bytes>> {
        Ok((src.len() >= 100).then(|| src.split_to(100).freeze()))
    }
}

/// Pings with `ping`, closes, and returns what it has seen.
async fn pings_and_closes(mut peer: DuplexStream, local: Role, ping: &[u8]) -> Vec<u8> {
    peer.write_all(&frame(local.peer(), 0x89, ping)).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    peer.write_all(&their_close(local)).await.unwrap();
    peer.shutdown().await.unwrap();
    let mut seen = Vec::new();
    peer.read_to_end(&mut seen).await.unwrap();
    seen
}

/// The pong to such a ping has the length of our Close, and so it could take its place in the buffer.
#[tokio::test(start_paused = true)]
async fn a_pong_of_the_same_length_is_not_taken_for_a_close_that_was_thrown_away() {
    for local in ROLES {
        for apart in [false, true] {
            let (mut framed, peer) = pair(local);
            framed.feed(Message::<Bytes>::from(GOODBYE)).await.unwrap();
            if apart {
                let parts = framed.into_parts();
                framed = Framed::new(parts.io, parts.codec);
            } else {
                framed.write_buffer_mut().clear();
            }
            let peer = pings_and_closes(peer, local, b"12345");
            let (finished, seen) = tokio::join!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT), peer);
            assert_event(&finished, UNANSWERED, "");
            assert!(!seen.contains(&0x88), "no Close: {seen:x?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pong_of_the_programs_own_is_not_taken_for_a_close_that_was_thrown_away() {
    let (mut framed, mut peer) = pair(Role::Server);
    framed.feed(Message::<Bytes>::from(GOODBYE)).await.unwrap();
    framed.write_buffer_mut().clear();
    framed.send(other(&frame(Role::Server, 0x8a, b"12345"))).await.unwrap();
    peer.write_all(&their_close(Role::Server)).await.unwrap();
    peer.shutdown().await.unwrap();
    assert_event(&finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await, UNANSWERED, "");
}

#[tokio::test(start_paused = true)]
async fn no_pong_goes_into_half_a_close() {
    let (mut framed, peer) = pair(Role::Server);
    let stuck = std::rc::Rc::new(Cell::new(true));
    let (blocked, mut calls) = (stuck.clone(), 0);
    framed.get_mut().on_write = Box::new(move |io, cx, bytes| {
        calls += 1;
        match (calls, blocked.get()) {
            (1, _) => Pin::new(io).poll_write(cx, &bytes[..5]),
            (_, true) => Poll::Pending,
            (_, false) => Pin::new(io).poll_write(cx, bytes),
        }
    });
    assert!(timeout(Duration::from_secs(1), framed.send(Message::<Bytes>::from(GOODBYE))).await.is_err());
    stuck.set(false);
    framed.write_buffer_mut().clear();
    let peer = pings_and_closes(peer, Role::Server, b"");
    let (finished, seen) = tokio::join!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT), peer);
    assert_eq!(seen, our_close(Role::Server)[..5]);
    assert_event(&finished, UNANSWERED, "");
}

#[tokio::test(start_paused = true)]
async fn a_read_buffer_that_was_thrown_away_does_not_panic() {
    let half = frame(Role::Client, 0x82, &[7; 90])[..50].to_vec();
    let with_a_ping = [frame(Role::Client, 0x81, b"hello"), frame(Role::Client, 0x89, b"p")].concat();
    for bytes in [half, with_a_ping] {
        for apart in [false, true] {
            let (mut framed, mut peer) = pair_with(Role::Server, Waiting);
            peer.write_all(&bytes).await.unwrap();
            assert!(timeout(Duration::from_secs(1), framed.next()).await.is_err());
            if apart {
                let parts = framed.into_parts();
                framed = Framed::new(parts.io, parts.codec);
            } else {
                framed.read_buffer_mut().clear();
            }
            let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
            assert_event(&finished, ABNORMAL, "");
        }
    }
}

/// The program has read one I/O error, and perhaps the `None` behind it. The peer is still there.
#[tokio::test(start_paused = true)]
async fn an_error_that_passes_loses_no_close() {
    for local in ROLES {
        for pause in [false, true] {
            let (mut framed, mut peer) = pair(local);
            framed.get_mut().fails =
                Box::new(|call, op| Some(ErrorKind::TimedOut).filter(|_| call == 0 && op == Op::Read));
            assert!(matches!(framed.next().await, Some(Err(Error::Io(_)))));
            if pause {
                assert!(framed.next().await.is_none());
            }
            peer.write_all(&their_close(local)).await.unwrap();
            peer.shutdown().await.unwrap();
            assert_event(&finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await, CLEAN, "");
            assert_eq!(framed.get_ref().written(), our_echo(local));
        }
    }
}

/// A ping that comes in two pieces stays in the read buffer for a while. It counts with all that follows it.
#[tokio::test(start_paused = true)]
async fn bytes_behind_half_a_ping_are_counted() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        let sent = [frame(local.peer(), 0x89, b"ping"), frame(local.peer(), 0x82, b"data")].concat();
        let sending = async {
            for piece in [&sent[..3], &sent[3..]] {
                peer.write_all(piece).await.unwrap();
                sleep(Duration::from_millis(1)).await;
            }
        };
        let (finished, ()) = tokio::join!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT), sending);
        let TransportEnd::Cut { discarded, .. } = finished.ending.transport_end() else { panic!() };
        assert_eq!(discarded, Some(sent.len() as u64));
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_that_came_after_an_error_is_yielded_when_finish_was_cancelled() {
    let (mut framed, mut peer) = pair(Role::Server);
    framed.get_mut().fails = Box::new(|call, op| Some(ErrorKind::TimedOut).filter(|_| call == 0 && op == Op::Read));
    framed.get_mut().on_write = Box::new(|_, _, _| Poll::Pending);
    assert!(matches!(framed.next().await, Some(Err(Error::Io(_)))));
    peer.write_all(&their_close(Role::Server)).await.unwrap();
    assert!(timeout(Duration::from_secs(1), finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await.is_err());
    let next = timeout(Duration::from_secs(3600), framed.next()).await;
    assert!(matches!(next, Ok(Some(Ok(Message::Close(_))))), "{next:?}");
}

/// A socket tells a reset once. Then it reads as if the peer had hung up, so nobody can say that it did.
#[tokio::test]
async fn a_reset_that_the_program_has_read_is_not_told_as_an_end_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut framed = Framed::new(listener.accept().await.unwrap().0, CloseCodec::server());
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    assert!(matches!(framed.next().await, Some(Err(Error::Io(_)))));
    let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
    assert_event(&finished, ABNORMAL, "");
    assert_eq!(finished.ending.transport_end(), TransportEnd::NotKnown);
}

/// The same if the socket has no answer for a moment, as for a task that has used up its budget.
#[tokio::test(start_paused = true)]
async fn a_reset_that_the_program_has_read_is_not_forgotten_while_a_read_pends() {
    for cancelled in [false, true] {
        let (mut framed, _peer) = pair(Role::Server);
        let mut reads = [
            Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
            Poll::Pending,
            Poll::Ready(Ok(())), // no bytes: the end
        ]
        .into_iter();
        framed.get_mut().on_read = Box::new(move |_, cx, _| {
            cx.waker().wake_by_ref();
            reads.next().unwrap_or(Poll::Ready(Ok(())))
        });
        assert!(matches!(framed.next().await, Some(Err(Error::Io(_)))));
        if cancelled {
            assert!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT).now_or_never().is_none());
        }
        let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert_eq!(finished.ending.transport_end(), TransportEnd::NotKnown);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_is_not_counted_as_sent_by_a_silent_peer() {
    let (ours, _peer) = duplex(1024);
    let mut bare = Bare::new(ours, CloseCodec::server());
    bare.read_buffer.extend_from_slice(&frame(Role::Client, 0x82, &[1; 100]));
    let end = bare.finish(GOODBYE, Timeouts::DEFAULT).await.ending.transport_end();
    assert!(matches!(end, TransportEnd::Cut { awaited: Awaited::Close, discarded: Some(0), .. }), "{end:?}");
}

/// TLS without `close_notify` alarms nobody after both Closes. It does not hide another error.
#[tokio::test(start_paused = true)]
async fn the_first_error_is_told() {
    let (mut framed, mut peer) = pair(Role::Server);
    peer.write_all(&their_close(Role::Server)).await.unwrap();
    let mut shut = false;
    framed.get_mut().fails = Box::new(move |_, op| match op {
        Op::Shutdown => {
            shut = true;
            Some(ErrorKind::BrokenPipe)
        }
        Op::Read if shut => Some(ErrorKind::UnexpectedEof),
        _ => None,
    });
    let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
    assert_event(&finished, CLEAN, "");
    assert_eq!(finished.io_error.map(|error| error.kind()), Some(ErrorKind::BrokenPipe));
}

/// tokio-util's own `decode_eof` refuses bytes that are left over. The peer has gone, so nobody has failed anything.
#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_up_within_a_message_fails_nothing() {
    let endings = async |read_first| {
        let (mut framed, mut peer) = pair_with(Role::Server, Waiting);
        peer.write_all(&frame(Role::Client, 0x02, b"first")).await.unwrap();
        peer.shutdown().await.unwrap();
        while read_first && framed.next().await.is_some() {}
        finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await.ending
    };
    let ending = endings(false).await;
    assert_eq!(ending.closing().closed_first(), None);
    assert_eq!(endings(true).await, ending);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_pong_behind_both_closes_keeps_nobody_waiting_for_a_close() {
    for local in ROLES {
        let (ours, mut peer) = duplex(our_close(local).len());
        let mut framed = connection(local, ours);
        let peer = async {
            sleep(Duration::from_secs(1)).await;
            peer.write_all(&frame(local.peer(), 0x89, b"ping")).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            // Our Close is in the pipe, which is full now.
            peer.write_all(&their_close(local)).await.unwrap();
            peer
        };
        let (finished, _peer) = tokio::join!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT), peer);
        assert_event(&finished, CLEAN, "");
        let end = finished.ending.transport_end();
        assert!(matches!(end, TransportEnd::Cut { awaited: Awaited::End, .. }), "{end:?}");
    }
}

/// A transport need not tell its end twice. A `Framed` has read it before `finish`, or reads it within.
#[tokio::test(start_paused = true)]
async fn an_end_that_is_told_once_is_enough() {
    for local in ROLES {
        for read_first in [false, true] {
            for (sent, expected) in [
                (vec![], TransportEnd::InOrder),
                (frame(local.peer(), 0x82, b"data"), TransportEnd::InOrder),
                (their_close(local)[..4].to_vec(), TransportEnd::InsideFrame),
            ] {
                let (mut framed, mut peer) = pair(local);
                let mut ended = false;
                framed.get_mut().on_read = Box::new(move |io, cx, buffer| {
                    if ended {
                        return Poll::Pending;
                    }
                    let before = buffer.filled().len();
                    let read = Pin::new(io).poll_read(cx, buffer);
                    ended = read.is_ready() && buffer.filled().len() == before;
                    read
                });
                peer.write_all(&sent).await.unwrap();
                peer.shutdown().await.unwrap();
                while read_first && matches!(framed.next().await, Some(Ok(_))) {}
                let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
                assert_eq!(finished.ending.transport_end(), expected, "{read_first} {sent:x?}");
                assert_eq!((took, framed.get_ref().written()), (Duration::ZERO, vec![]));
            }
        }
    }
}

/// The peer has stopped reading inside a pong of the program's own. Our Close, which went before it, is written.
#[tokio::test(start_paused = true)]
async fn a_stuck_pong_does_not_hide_that_our_close_is_written() {
    for local in ROLES {
        for flush_between in [false, true] {
            for (sent, facts, awaited) in
                [(vec![], ABNORMAL, Awaited::Close), (their_close(local), CLEAN, Awaited::End)]
            {
                let (ours, mut peer) = duplex(our_close(local).len() + 1);
                let mut framed = connection(local, ours);
                framed.feed(Message::<Bytes>::from(GOODBYE)).await.unwrap();
                if flush_between {
                    SinkExt::<Message<Bytes>>::flush(&mut framed).await.unwrap();
                }
                framed.feed(other(&frame(local, 0x8a, b"pong"))).await.unwrap();
                framed.feed(other(&frame(local, 0x8a, b"pong"))).await.unwrap();
                let (finished, _) =
                    tokio::join!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT), peer.write_all(&sent));
                assert!(finished.ending.closing().is_written(), "{}", finished.ending);
                assert_event(&finished, facts, "");
                let end = finished.ending.transport_end();
                assert!(matches!(end, TransportEnd::Cut { awaited: what, .. } if what == awaited), "{end:?}");
            }
        }
    }
}

/// The transport has taken our Close and cannot flush it, so it may never reach the peer.
#[tokio::test(start_paused = true)]
async fn a_close_that_is_taken_and_not_flushed_is_not_written() {
    for local in ROLES {
        let (mut framed, _peer) = pair(local);
        let mut writes = 0;
        framed.get_mut().on_write = Box::new(move |_, _, _| {
            writes += 1;
            if writes == 1 { Poll::Ready(Ok(our_close(local).len())) } else { Poll::Pending }
        });
        framed.get_mut().on_flush = Box::new(|_, _| Poll::Pending);
        framed.feed(Message::<Bytes>::from(GOODBYE)).await.unwrap();
        framed.feed(other(&frame(local, 0x8a, b"pong"))).await.unwrap();
        let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert!(!finished.ending.closing().is_written(), "{}", finished.ending);
        assert_eq!(framed.get_ref().written(), our_close(local));
    }
}

/// The transport breaks at the flush behind our Close, while a pong is stuck.
#[tokio::test(start_paused = true)]
async fn an_error_of_a_flush_before_a_stuck_pong_is_told() {
    let (mut framed, _peer) = pair(Role::Server);
    let mut writes = 0;
    framed.get_mut().on_write = Box::new(move |_, _, _| {
        writes += 1;
        if writes == 1 { Poll::Ready(Ok(our_close(Role::Server).len())) } else { Poll::Pending }
    });
    framed.get_mut().on_flush = Box::new(|_, _| Poll::Ready(Err(ErrorKind::BrokenPipe.into())));
    framed.feed(Message::<Bytes>::from(GOODBYE)).await.unwrap();
    framed.feed(other(&frame(Role::Server, 0x8a, b"pong"))).await.unwrap();
    let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
    assert!(!finished.ending.closing().is_written(), "{}", finished.ending);
    assert_eq!(finished.ending.transport_end(), TransportEnd::Lost(Loss::BrokenPipe));
}

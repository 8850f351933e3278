//! Bounded time, whatever the peer and the transport do.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_silent_peer_has_ten_seconds() {
    for local in ROLES {
        let (mut framed, _peer) = pair(local);
        assert_eq!(expect(&mut framed, ABNORMAL, 10_000).await, None);
        // The Close went out, and then a shutdown.
        assert_eq!(framed.get_ref().calls(), [Call::Write(our_close(local)), Call::Shutdown]);
    }
}

/// A transport that is always ready to read: first `front`, then `unit` for ever. Each read advances the clock by
/// `step`, if there is one.
fn endless(local: Role, front: Vec<u8>, unit: Vec<u8>, step: Option<Duration>) -> Framed<Wire, CloseCodec> {
    let mut wire = Wire::alone(local);
    let mut front = Some(front).filter(|front| !front.is_empty());
    wire.on_read = Box::new(move |_, _, buffer| {
        if let Some(step) = step {
            // The clock stands still while no task waits. The first poll of `advance` moves it.
            let _ = advance(step).now_or_never();
        }
        buffer.put_slice(&front.take().unwrap_or_else(|| unit.clone()));
        Poll::Ready(Ok(()))
    });
    wire.on_write = Box::new(|_, _, bytes| Poll::Ready(Ok(bytes.len())));
    Framed::new(wire, codec(local))
}

/// What an endless peer sends first, what it then sends for ever, what we write first, the event, and the seconds until
/// it.
type FloodCase = (Vec<u8>, Vec<u8>, Vec<u8>, Facts, u64);

fn floods(local: Role) -> Vec<FloodCase> {
    let from = local.peer();
    let data = frame(from, 0x82, &[b'x'; 100]);
    let mask = if from == Role::Client { 0x80 } else { 0 };
    let announced = [&[0x82, mask | 0x7f, 0x7f][..], &[0xff; 7]].concat();
    vec![
        (vec![], data.clone(), our_close(local), ABNORMAL, 10),
        (vec![], frame(from, 0x89, b""), [frame(local, 0x8a, b""), our_close(local)].concat(), ABNORMAL, 10),
        (announced, vec![0x88; 1000], our_close(local), ABNORMAL, 10),
        // Behind a Close, which must still be answered.
        (their_close(local), data.clone(), our_echo(local), CLEAN, 2),
        (their_close(local), their_close(local), our_echo(local), CLEAN, 2),
        // Behind a frame that fails the connection.
        (frame(local, 0x88, b""), data, frame(local, 0x88, b"\x03\xea"), ABNORMAL, 2),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_flood_ends_at_the_deadline() {
    for local in ROLES {
        for (front, unit, written, event, seconds) in floods(local) {
            let (step, pings) = (Some(Duration::from_micros(100)), unit.first() == Some(&0x89));
            let mut framed = endless(local, front, unit, step);
            let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
            assert_event(&finished, event, "");
            // A little more than the deadline, because the clock is not checked at every read.
            assert!(
                (seconds * 1000..seconds * 1000 + 500).contains(&u64::try_from(took.as_millis()).unwrap()),
                "{took:?}"
            );
            let mut rest = framed.get_ref().written();
            assert!(rest.starts_with(&written), "{rest:02x?}");
            // Only pongs may follow, and only after pings.
            let rest = rest.split_off(written.len());
            let pong = if pings { frame(local, 0x8a, b"") } else { vec![] };
            assert_eq!(rest, pong.repeat(rest.len() / pong.len().max(1)));
            assert!(framed.read_buffer().capacity() <= 16 * 1024);
        }
    }
}

#[tokio::test]
async fn a_flood_ends_at_the_deadline_by_the_real_clock() {
    let short = Timeouts::DEFAULT.close(Duration::from_millis(20)).end(Duration::from_millis(20));
    for local in ROLES {
        for (front, unit, _, event, _) in floods(local) {
            let mut framed = endless(local, front, unit, None);
            let finished = timeout(Duration::from_secs(30), finish(&mut framed, GOODBYE, short)).await.unwrap();
            assert_event(&finished, event, "");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_has_ten_seconds() {
    for local in ROLES {
        let unsent = frame(local, 0x82, &[b'x'; 100]);
        for (sent, event) in [(vec![], ABNORMAL), (their_close(local), UNANSWERED)] {
            // Room for half of the data.
            let (ours, mut peer) = duplex(50);
            let mut framed = connection(local, ours);
            framed.feed(other(&unsent)).await.unwrap();
            peer.write_all(&sent).await.unwrap();
            assert_eq!(expect(&mut framed, event, 10_000).await, None);
            assert_eq!(framed.get_ref().written(), unsent[..50]);
        }
    }
}

/// A TLS `shutdown` waits for the socket. `finish` does not wait for it beyond the deadline.
#[tokio::test(start_paused = true)]
async fn a_shutdown_that_never_ends_is_given_up_at_the_deadline() {
    for local in ROLES {
        for (sent, event, seconds) in [(vec![], ABNORMAL, 10), (their_close(local), CLEAN, 2)] {
            let (ours, mut peer) = duplex(1024);
            peer.write_all(&sent).await.unwrap();
            let mut wire = Wire::new(local, ours);
            wire.on_shutdown = Box::new(|_, _| Poll::Pending);
            let mut framed = Framed::new(wire, codec(local));
            let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
            assert_event(&finished, event, "");
            assert_eq!(took.as_secs(), seconds);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_ends_the_transport_has_two_seconds() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        assert_eq!(expect(&mut framed, CLEAN, 2_000).await, None);
        // The client shuts down, too, when it has waited long enough.
        assert!(framed.get_ref().calls().contains(&Call::Shutdown));
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_time_the_close_is_still_written() {
    let none = Timeouts::DEFAULT.close(Duration::ZERO).end(Duration::ZERO);
    for local in ROLES {
        let (mut framed, _peer) = pair(local);
        let (finished, took) = timed(finish(&mut framed, GOODBYE, none)).await;
        assert_event(&finished, ABNORMAL, "");
        assert!(took < Duration::from_millis(5), "{took:?}");
        assert_eq!(framed.get_ref().written(), our_close(local));

        // What has already arrived counts.
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        let (finished, took) = timed(finish(&mut framed, GOODBYE, none)).await;
        assert_event(&finished, CLEAN, "");
        assert!(took < Duration::from_millis(5), "{took:?}");
    }
}

/// Very long timeouts. The clock cannot represent the end of the longer ones.
#[tokio::test(start_paused = true)]
async fn very_long_timeouts_work() {
    for long in [Duration::MAX, Duration::from_secs(1 << 62), Duration::from_secs(1 << 33)] {
        for local in ROLES {
            let (mut framed, mut peer) = pair(local);
            let ending = async {
                sleep(Duration::from_secs(100_000)).await;
                peer.write_all(&their_close(local)).await.unwrap();
                sleep(Duration::from_secs(100_000)).await;
                drop(peer);
            };
            let patient = Timeouts::DEFAULT.close(long).end(long);
            let ((finished, took), ()) = tokio::join!(timed(finish(&mut framed, GOODBYE, patient)), ending);
            assert_event(&finished, CLEAN, "");
            assert_eq!(took.as_secs(), 200_000);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_timeout_has_its_own_effect() {
    let own = Timeouts::DEFAULT.close(Duration::from_secs(3)).end(Duration::from_secs(7));
    for local in ROLES {
        let (mut framed, _peer) = pair(local);
        assert_eq!(timed(finish(&mut framed, GOODBYE, own)).await.1.as_secs(), 3);
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        assert_eq!(timed(finish(&mut framed, GOODBYE, own)).await.1.as_secs(), 7);
    }
    assert_eq!(Timeouts::default(), Timeouts::DEFAULT.close(Duration::from_secs(10)).end(Duration::from_secs(2)));
}

#[tokio::test(start_paused = true)]
async fn deadlines_count_from_the_first_call() {
    for local in ROLES {
        // While the Close is awaited.
        let (mut framed, _peer) = pair(local);
        assert!(timeout(Duration::from_secs(4), finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await.is_err());
        sleep(Duration::from_secs(3)).await;
        assert_eq!(expect(&mut framed, ABNORMAL, 3_000).await, None);

        // While the end is awaited.
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        assert!(timeout(Duration::from_millis(500), finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await.is_err());
        assert_eq!(expect(&mut framed, CLEAN, 1_500).await, None);

        // Long after the deadline it returns at once.
        let (mut framed, _peer) = pair(local);
        assert!(timeout(Duration::from_secs(4), finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await.is_err());
        sleep(Duration::from_secs(100)).await;
        assert_eq!(expect(&mut framed, ABNORMAL, 0).await, None);
    }
}

/// The first call is cancelled, and the second has less time. The ending tells how long both have waited, for the Close
/// or for the end.
#[tokio::test(start_paused = true)]
async fn a_second_call_tells_how_long_both_have_waited() {
    for local in ROLES {
        for (sent, first, second, told) in [
            (vec![], 4000, 1000, 4000),
            (vec![], 1000, 3000, 3000),
            (their_close(local), 1500, 500, 1500),
            (their_close(local), 500, 1000, 1000),
        ] {
            let [first, second, told] = [first, second, told].map(Duration::from_millis);
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&sent).await.unwrap();
            assert!(timeout(first, finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await.is_err());
            let shorter = Timeouts::DEFAULT.close(second).end(second);
            let ending = finish(&mut framed, GOODBYE, shorter).await.ending;
            let TransportEnd::Cut { after, .. } = ending.transport_end() else { panic!("{ending}") };
            assert!((told..told + Duration::from_millis(3)).contains(&after), "{ending}");
        }

        // What was waited for the Close does not count as waited for the end.
        let (mut framed, mut peer) = pair(local);
        assert!(timeout(Duration::from_secs(4), finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await.is_err());
        peer.write_all(&their_close(local)).await.unwrap();
        let end = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await.ending.transport_end();
        assert_eq!(end, TransportEnd::Cut { awaited: Awaited::End, after: Duration::from_secs(2), discarded: Some(0) });
    }
}

/// A transport that takes one byte at a time, and is always ready for the next.
#[tokio::test(start_paused = true)]
async fn a_transport_that_takes_one_byte_at_a_time_keeps_the_deadline() {
    for local in ROLES {
        let mut wire = Wire::alone(local);
        wire.on_read = Box::new(|_, _, _| Poll::Pending);
        wire.on_write = Box::new(|_, _, _| {
            let _ = advance(Duration::from_micros(10)).now_or_never();
            Poll::Ready(Ok(1))
        });
        let mut framed = Framed::new(wire, codec(local));
        framed.write_buffer_mut().resize(1 << 20, 0);
        let short = Timeouts::DEFAULT.close(Duration::from_millis(10));
        let (finished, _) = timed(finish(&mut framed, GOODBYE, short)).await;
        assert_event(&finished, ABNORMAL, "");
        // A thousand writes take 10 ms. The clock is checked after every few writes.
        let writes = framed.get_ref().calls;
        assert!((1_000..1_100).contains(&writes), "{writes} writes");
    }
}

/// The Close does not count before the flush is done.
#[tokio::test(start_paused = true)]
async fn a_flush_that_pends_is_waited_for() {
    for local in ROLES {
        // The flush never ends, or ends after 5 seconds. Then the end of the transport is awaited for 2 seconds.
        for (after, facts, seconds) in [(None, UNANSWERED, 10), (Some(5), CLEAN, 7)] {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&their_close(local)).await.unwrap();
            let mut flushed = after.map(|seconds| Box::pin(sleep(Duration::from_secs(seconds))));
            framed.get_mut().on_flush = Box::new(move |_, cx| match &mut flushed {
                None => Poll::Pending,
                Some(sleep) => sleep.as_mut().poll(cx).map(Ok),
            });
            assert_eq!(expect(&mut framed, facts, seconds * 1000).await, None);
        }
    }
}

/// Six peers flood and one answers, over TCP, all in one task. The floods use up the task's budget.
#[tokio::test]
async fn floods_do_not_delay_another_connection_in_the_same_task() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let begun = Instant::now();
    let long = Timeouts::DEFAULT.close(Duration::from_secs(3)).end(Duration::ZERO);
    let short = Timeouts::DEFAULT.close(Duration::from_millis(100)).end(Duration::ZERO);
    let mut endings: Vec<Pin<Box<dyn Future<Output = Duration>>>> = vec![];
    for flooding in [true, true, true, true, true, true, false] {
        let (peer, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (mut peer, (server, _)) = (peer.unwrap().into_std().unwrap(), server.unwrap());
        peer.set_nonblocking(false).unwrap();
        std::thread::spawn(move || {
            use std::io::{Read, Write};
            let data = frame(Role::Client, 0x82, &[b'x'; 125]).repeat(1000);
            if flooding {
                while begun.elapsed() < Duration::from_secs(5) && peer.write_all(&data).is_ok() {}
            } else {
                let _ = peer.read_exact(&mut [0; 7]);
                let _ = peer.write_all(&their_close(Role::Server));
                let _ = peer.read(&mut [0]);
            }
        });
        endings.push(Box::pin(async move {
            let mut framed = Framed::new(server, CloseCodec::server());
            finish(&mut framed, GOODBYE, if flooding { long } else { short }).await;
            begun.elapsed()
        }));
    }
    let took = futures_util::future::join_all(endings).await;
    // The honest connection has a deadline of 100 ms. The floods run for 3 s.
    let (honest, floods) = took.split_last().unwrap();
    assert!(floods.iter().all(|flood| *honest < *flood / 2), "{took:?}");
}

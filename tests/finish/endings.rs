//! Raw peers over TCP, and the ending that `finish` reports for each of them, with a `Framed` and with a `Bare`.

use std::net::Shutdown;

use websocket_close::{CloseCode, ClosingHandshake, DecodeError, wire};

use super::*;

/// How long `finish` waits for the Closes in these tests, and for the end.
const CLOSE: Duration = Duration::from_secs(1);
const END: Duration = Duration::from_millis(500);

/// What `finish` works on.
#[derive(Clone, Copy, Debug)]
enum Surface {
    Framed,
    Bare,
}

/// What our side has done before it calls `finish`.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    /// It has queued so much data that a peer that does not read blocks it.
    QueuedMuch,
    /// It has failed the connection because a message was too big.
    Failed,
}

/// Who acts first. If the peer does, its bytes have arrived before `finish` is called.
#[derive(Clone, Copy, PartialEq)]
enum First {
    They,
    TheyReset,
    We,
}

/// The facts of an ending, in the order of its line.
#[derive(Debug, PartialEq)]
struct Story {
    event: (u16, &'static str, bool),
    /// Whether the first Close was ours.
    ours_first: Option<bool>,
    ours: Option<u16>,
    written: bool,
    fault: Option<wire::Error>,
    end: TransportEnd,
    io_error: Option<ErrorKind>,
}

/// The story of a connection with both Closes: theirs is 1001 "theirs", and ours has `code`.
fn closed(ours_first: bool, code: u16, written: bool, end: TransportEnd) -> Story {
    let event = (1001, "theirs", written);
    Story { event, ours_first: Some(ours_first), ours: Some(code), written, fault: None, end, io_error: None }
}

/// The story of a connection without a Close from the peer. `ours` is the code of our Close.
fn unanswered(ours: Option<u16>, written: bool, end: TransportEnd) -> Story {
    Story { event: ABNORMAL, ours_first: ours.map(|_| true), ours, written, fault: None, end, io_error: None }
}

fn cut(awaited: Awaited, after: Duration, discarded: u64) -> TransportEnd {
    TransportEnd::Cut { awaited, after, discarded: Some(discarded) }
}

/// What a peer does, on a thread of its own.
type Peer = fn(Role, std::net::TcpStream);

/// Reads our Close, which has `len` bytes.
fn await_close(io: &mut std::net::TcpStream, len: usize) {
    std::io::Read::read_exact(io, &mut vec![0; len]).unwrap();
}

fn send(io: &mut std::net::TcpStream, bytes: &[u8]) {
    let _ = std::io::Write::write_all(io, bytes);
}

/// Keeps the connection until the other end has given up.
fn hold(io: std::net::TcpStream) {
    std::thread::sleep(2 * (CLOSE + END));
    drop(io);
}

/// Runs `finish` against the peer.
async fn end(surface: Surface, local: Role, before: Before, first: First, peer: Peer) -> Finished {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (theirs, ours) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (theirs, ours) = (theirs.unwrap().into_std().unwrap(), ours.unwrap().0);
    theirs.set_nonblocking(false).unwrap();
    let thread = std::thread::spawn(move || peer(local, theirs));
    if first != First::We {
        // A peek would use up a reset.
        if first == First::They {
            let _ = ours.peek(&mut [0]).await;
        }
        // The peer's next steps follow at once.
        sleep(Duration::from_millis(200)).await;
    }
    let timeouts = Timeouts::DEFAULT.close(CLOSE).end(END);
    let mut codec = codec(local);
    let mut queued = BytesMut::new();
    match before {
        Before::Nothing => {}
        Before::QueuedMuch => queued.extend_from_slice(&frame(local, 0x82, &[0; 100]).repeat(100_000)),
        Before::Failed => codec.fail(CloseFrame::from_static(1009, "at most 1 MiB")),
    }
    let finished = match surface {
        Surface::Framed => {
            let mut framed = Framed::new(ours, codec);
            *framed.write_buffer_mut() = queued;
            finish(&mut framed, GOODBYE, timeouts).await
        }
        Surface::Bare => {
            let mut bare = Bare::new(ours, codec);
            bare.write_buffer = queued;
            bare.finish(GOODBYE, timeouts).await
        }
    };
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    finished
}

/// Each row: its name, what our side has done before, who acts first, what the peer does, and the story.
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn rows(local: Role) -> Vec<(&'static str, Before, First, Peer, Story)> {
    use Before::{Failed, Nothing, QueuedMuch};
    use First::{They, TheyReset, We};
    let code = |number| DecodeError::InvalidCode(CloseCode::new(number).unwrap_err());
    let not_utf8 = *b"ok\xff";
    let bad = |answer, fault| Story { fault: Some(fault), ..unanswered(Some(answer), true, TransportEnd::InOrder) };
    let wrong_mask = if local == Role::Server { wire::Error::Unmasked } else { wire::Error::Masked };
    vec![
        (
            "1",
            Nothing,
            We,
            |local, mut io| {
                await_close(&mut io, our_close(local).len());
                send(&mut io, &their_close(local));
                io.shutdown(Shutdown::Write).unwrap();
                hold(io);
            },
            closed(true, 1000, true, TransportEnd::InOrder),
        ),
        (
            "2",
            Nothing,
            They,
            |local, mut io| {
                send(&mut io, &their_close(local));
                await_close(&mut io, our_echo(local).len());
            },
            closed(false, 1001, true, TransportEnd::InOrder),
        ),
        (
            "3, not read",
            QueuedMuch,
            They,
            |local, mut io| {
                send(&mut io, &their_close(local));
                hold(io);
            },
            closed(false, 1001, false, cut(Awaited::Write, CLOSE, 0)),
        ),
        (
            "3, reset",
            QueuedMuch,
            They,
            |local, mut io| {
                send(&mut io, &their_close(local));
                std::thread::sleep(CLOSE / 3);
                reset(io);
            },
            Story { io_error: RESET, ..closed(false, 1001, false, TransportEnd::Lost(Loss::Reset)) },
        ),
        (
            "4",
            Nothing,
            They,
            |local, mut io| {
                send(&mut io, &frame(local.peer(), 0x82, b"data"));
                io.shutdown(Shutdown::Write).unwrap();
                hold(io);
            },
            unanswered(None, false, TransportEnd::InOrder),
        ),
        (
            "5",
            Nothing,
            They,
            |local, mut io| {
                send(&mut io, &their_close(local)[..4]);
                io.shutdown(Shutdown::Write).unwrap();
                hold(io);
            },
            unanswered(None, false, TransportEnd::InsideFrame),
        ),
        (
            "6",
            Nothing,
            TheyReset,
            |_, io| {
                reset(io);
            },
            Story { io_error: RESET, ..unanswered(None, false, TransportEnd::Lost(Loss::Reset)) },
        ),
        (
            "6, after our Close",
            Nothing,
            We,
            |local, mut io| {
                await_close(&mut io, our_close(local).len());
                reset(io);
            },
            Story { io_error: RESET, ..unanswered(Some(1000), true, TransportEnd::Lost(Loss::Reset)) },
        ),
        (
            "7",
            Nothing,
            We,
            |local, mut io| {
                await_close(&mut io, our_close(local).len());
            },
            unanswered(Some(1000), true, TransportEnd::InOrder),
        ),
        ("8", Nothing, We, |_, io| hold(io), unanswered(Some(1000), true, cut(Awaited::Close, CLOSE, 0))),
        ("9", QueuedMuch, We, |_, io| hold(io), unanswered(Some(1000), false, cut(Awaited::Write, CLOSE, 0))),
        (
            "10, code 1016",
            Nothing,
            They,
            |local, mut io| {
                send(&mut io, &frame(local.peer(), 0x88, b"\x03\xf8why"));
                await_close(&mut io, our_echo(local).len());
            },
            bad(1002, code(1016).into()),
        ),
        (
            "10, code 1005",
            Nothing,
            They,
            |local, mut io| {
                send(&mut io, &frame(local.peer(), 0x88, b"\x03\xed"));
                await_close(&mut io, our_echo(local).len());
            },
            bad(1002, code(1005).into()),
        ),
        (
            "10, bad UTF-8",
            Nothing,
            They,
            |local, mut io| {
                send(&mut io, &frame(local.peer(), 0x88, b"\x03\xe8ok\xff"));
                await_close(&mut io, our_echo(local).len());
            },
            bad(1007, DecodeError::InvalidUtf8(std::str::from_utf8(&not_utf8).unwrap_err()).into()),
        ),
        (
            "10, one byte",
            Nothing,
            They,
            |local, mut io| {
                send(&mut io, &frame(local.peer(), 0x88, b"\x03"));
                await_close(&mut io, our_echo(local).len());
            },
            bad(1002, DecodeError::MissingByte.into()),
        ),
        (
            "10, wrong mask",
            Nothing,
            They,
            |local, mut io| {
                send(&mut io, &frame(local, 0x88, b"\x03\xe8"));
                await_close(&mut io, our_echo(local).len());
            },
            bad(1002, wrong_mask),
        ),
        (
            "10, as an answer",
            Nothing,
            We,
            |local, mut io| {
                await_close(&mut io, our_close(local).len());
                send(&mut io, &frame(local.peer(), 0x88, b"\x03\xf8why"));
                io.shutdown(Shutdown::Write).unwrap();
                hold(io);
            },
            bad(1000, code(1016).into()),
        ),
        (
            "11",
            Failed,
            We,
            |local, mut io| {
                await_close(&mut io, frame(local, 0x88, b"\x03\xf1at most 1 MiB").len());
            },
            unanswered(Some(1009), true, TransportEnd::InOrder),
        ),
        (
            "12",
            Nothing,
            They,
            |local, mut io| {
                send(&mut io, &their_close(local));
                hold(io);
            },
            closed(false, 1001, true, cut(Awaited::End, END, 0)),
        ),
    ]
}

/// Ends a TCP connection by RST.
fn reset(io: std::net::TcpStream) {
    socket2::SockRef::from(&io).set_linger(Some(Duration::ZERO)).unwrap();
    drop(io);
}

#[tokio::test]
async fn each_ending_over_tcp_tells_its_story() {
    let mut endings = vec![];
    for surface in [Surface::Framed, Surface::Bare] {
        for local in ROLES {
            for (row, before, first, peer, story) in rows(local) {
                // Each has its own task. In one task they would use up each other's budget.
                endings.push(tokio::spawn(async move {
                    let finished = end(surface, local, before, first, peer).await;
                    assert_eq!(read(&finished), story, "{surface:?} {local:?}, row {row}: {}", finished.ending);
                    format!("{surface:?} {local:?} {row:<20} {}", finished.ending)
                }));
            }
        }
    }
    for line in endings {
        println!("{}", line.await.unwrap());
    }
}

fn read(finished: &Finished) -> Story {
    let (closing, event) = (finished.ending.closing(), finished.ending.event());
    // The peers of these tests give no other reasons.
    let reason = if event.reason().is_empty() { "" } else { "theirs" };
    assert_eq!(reason, event.reason());
    Story {
        event: (event.code(), reason, event.was_clean()),
        ours_first: closing.closed_first().map(|first| first == closing.local()),
        ours: closing.ours().map(|ours| ours.code().unwrap().get()),
        written: closing.is_written(),
        fault: closing.fault(),
        end: finished.ending.transport_end(),
        io_error: finished.io_error.as_ref().map(io::Error::kind),
    }
}

/// A peer floods until it is cut.
#[tokio::test]
async fn the_ending_of_a_flood_tells_how_much_came() {
    for surface in [Surface::Framed, Surface::Bare] {
        for local in ROLES {
            let flood: Peer = |local, mut io| {
                let data = frame(local.peer(), 0x82, &[0; 100]).repeat(1000);
                let begun = std::time::Instant::now();
                while begun.elapsed() < 2 * CLOSE && std::io::Write::write_all(&mut io, &data).is_ok() {}
            };
            let finished = end(surface, local, Before::Nothing, First::They, flood).await;
            println!("14                   {}", finished.ending);
            match finished.ending.transport_end() {
                TransportEnd::Cut { awaited: Awaited::Close, after: CLOSE, discarded: Some(bytes) } => {
                    assert!(bytes > 100_000, "{bytes}");
                }
                other => panic!("{other:?}"),
            }
            assert_event(&finished, ABNORMAL, "");
        }
    }
}

/// TLS ends without `close_notify`. After both Closes this is harmless. Before, somebody may have truncated the stream.
#[tokio::test(start_paused = true)]
async fn tls_that_ends_without_close_notify_is_reported() {
    for local in ROLES {
        for (sent, facts, io_error) in
            [(their_close(local), CLEAN, None), (vec![], ABNORMAL, Some(ErrorKind::UnexpectedEof))]
        {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&sent).await.unwrap();
            peer.shutdown().await.unwrap();
            framed.get_mut().on_read = Box::new(|io, cx, buffer| {
                let before = buffer.filled().len();
                let read = Pin::new(io).poll_read(cx, buffer);
                // As rustls reports it.
                let ended = matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() == before;
                if ended { Poll::Ready(Err(ErrorKind::UnexpectedEof.into())) } else { read }
            });
            let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
            println!("13                   {}", finished.ending);
            assert_eq!(finished.ending.transport_end(), TransportEnd::WithoutCloseNotify);
            assert_event(&finished, facts, "");
            assert_eq!(finished.io_error.map(|error| error.kind()), io_error);
        }
    }
}

#[test]
fn a_connection_that_never_opened_was_closed_by_nobody() {
    let ending = ClosingHandshake::new(Role::Client).into_ending(TransportEnd::NeverOpened);
    println!("15                   {ending}");
    assert_eq!((ending.event().code(), ending.closing().closed_first()), (1006, None));
}

/// The program was told that the transport ended inside a frame, so nobody is left to hear a Close.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_a_peer_that_is_known_to_have_hung_up_inside_a_frame() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)[..3]).await.unwrap();
        peer.shutdown().await.unwrap();
        assert!(matches!(framed.next().await, Some(Err(Error::UnexpectedEof))));
        let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert_event(&finished, ABNORMAL, "");
        assert_eq!(finished.ending.closing().closed_first(), None);
        assert_eq!(finished.ending.transport_end(), TransportEnd::InsideFrame);
        assert_eq!(framed.get_ref().written(), b"");
    }
}

/// Both Closes are done, and a last flush pends until the deadline: the line does not say that no Close came.
#[tokio::test(start_paused = true)]
async fn a_last_flush_that_pends_is_no_missing_close() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        let mut flushes = 0;
        framed.get_mut().on_flush = Box::new(move |_, _| {
            flushes += 1;
            if flushes == 1 { Poll::Ready(Ok(())) } else { Poll::Pending }
        });
        let theirs = their_close(local);
        let answer = async {
            sleep(Duration::from_secs(1)).await;
            peer.write_all(&theirs).await.unwrap();
        };
        let (finished, ()) = tokio::join!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT), answer);
        assert_event(&finished, CLEAN, "");
        let end = finished.ending.transport_end();
        assert!(matches!(end, TransportEnd::Cut { awaited: Awaited::End, .. }), "{}", finished.ending);
    }
}

/// The program has read the error before, and a `Framed` then says that it has ended. TLS tells the error again.
#[tokio::test(start_paused = true)]
async fn an_error_that_the_program_has_read_is_no_end_in_order() {
    for local in ROLES {
        let (mut framed, _peer) = pair(local);
        framed.get_mut().on_read = Box::new(|_, _, _| Poll::Ready(Err(ErrorKind::UnexpectedEof.into())));
        assert!(matches!(framed.next().await, Some(Err(Error::Io(_)))));
        let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert_event(&finished, ABNORMAL, "");
        assert_eq!(finished.ending.transport_end(), TransportEnd::WithoutCloseNotify);
    }
}

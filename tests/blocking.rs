//! Runs the blocking example: its server and its client against each other, and each against raw bytes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use blocking::Patience;
use websocket_close::{Awaited, CloseFrame, Ending, Role, TransportEnd};

#[allow(dead_code, reason = "its `main`")]
#[path = "../examples/blocking.rs"]
mod blocking;

/// More time than any test needs.
const PATIENCE: Patience = Patience { close: Duration::from_secs(20), end: Duration::from_secs(20) };

/// What the application is told: code, reason, wasClean.
fn facts(ending: &Ending) -> (u16, String, bool) {
    let event = ending.event();
    (event.code(), event.reason().to_owned(), event.was_clean())
}

fn told(code: u16, reason: &str, was_clean: bool) -> (u16, String, bool) {
    (code, reason.to_owned(), was_clean)
}

/// Runs a client against a server, and returns how it ended for each.
fn converse(goodbye: CloseFrame<'static>) -> (Ending, Ending) {
    let (client, server) = blocking::connected().unwrap();
    let server = thread::spawn(|| blocking::server(server, PATIENCE));
    (blocking::client(client, goodbye, PATIENCE), server.join().unwrap())
}

#[test]
fn the_client_and_the_server_close_cleanly() {
    let (client, server) = converse(CloseFrame::from_static(4001, "done"));
    assert_eq!(facts(&client), told(4001, "", true));
    assert_eq!(facts(&server), told(4001, "done", true));
    for ending in [client, server] {
        assert_eq!(ending.closing().closed_first(), Some(Role::Client));
        assert_eq!(ending.transport_end(), TransportEnd::InOrder);
    }
    let (client, server) = converse(CloseFrame::EMPTY);
    assert_eq!(facts(&client), told(1005, "", true));
    assert_eq!(facts(&server), told(1005, "", true));
}

/// Writes all of `input`, reads until the end, and returns what was read. Panics on a reset.
fn raw_peer(mut stream: TcpStream, input: &[u8], end_first: bool) -> Vec<u8> {
    stream.write_all(input).unwrap();
    if end_first {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    let mut output = Vec::new();
    stream.read_to_end(&mut output).unwrap();
    output
}

/// Sends `input` to a server. Returns how it ended for the server, and what the client got back.
fn served(input: &[u8], end_first: bool) -> (Ending, Vec<u8>) {
    let (client, server) = blocking::connected().unwrap();
    let server = thread::spawn(|| blocking::server(server, PATIENCE));
    let output = raw_peer(client, input, end_first);
    (server.join().unwrap(), output)
}

#[test]
fn the_server_answers_and_ends_in_order() {
    // A ping, half a message, the Close (with key 0), and bytes behind it that must not reset the connection.
    let mut input = b"\x89\x80\0\0\0\0\x01\x81\0\0\0\0a\x88\x85\0\0\0\0\x03\xe9bye".to_vec();
    input.resize(input.len() + 60_000, b'x');
    let (ending, output) = served(&input, false);
    assert_eq!((facts(&ending), &output[..]), (told(1001, "bye", true), &b"\x88\x02\x03\xe9"[..]));
    assert_eq!(ending.transport_end(), TransportEnd::InOrder);
}

#[test]
fn the_server_fails_the_connection_for_a_malformed_frame() {
    for (input, answer) in [
        (&b"\x88\x83\0\0\0\0\x03\xe8\xff"[..], b"\x88\x02\x03\xef"),
        (b"\x88\x82\0\0\0\0\x03\xed", b"\x88\x02\x03\xea"),
        (b"\x88\x02\x03\xe8", b"\x88\x02\x03\xea"),
        (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x88\x02\x03\xea"),
    ] {
        let (ending, output) = served(input, false);
        assert_eq!((facts(&ending), &output[..]), (told(1006, "", false), &answer[..]), "{input:x?}");
        let fault = ending.closing().fault().unwrap();
        assert_eq!(fault.answer_code(), u16::from_be_bytes([answer[2], answer[3]]), "{input:x?}: {fault}");
    }
}

#[test]
fn the_server_reports_a_client_that_hangs_up() {
    for (input, end) in [
        (&b""[..], TransportEnd::InOrder),
        (b"\x88", TransportEnd::InsideFrame),
        (b"\x88\x85\0\0\0\0\x03\xe9b", TransportEnd::InsideFrame),
        (b"\x81\x85\0\0\0\0h", TransportEnd::InsideFrame),
    ] {
        let (ending, output) = served(input, true);
        assert_eq!((facts(&ending), &output[..]), (told(1006, "", false), &b""[..]), "{input:x?}");
        assert_eq!(ending.transport_end(), end, "{input:x?}");
    }
}

#[test]
fn the_client_waits_until_the_server_ends_the_transport() {
    let (client, mut server) = blocking::connected().unwrap();
    let client = thread::spawn(|| blocking::client(client, CloseFrame::from_static(1000, ""), PATIENCE));
    let mut goodbye = [0; 8];
    server.read_exact(&mut goodbye).unwrap();
    assert_eq!(goodbye[..2], [0x88, 0x82], "masked");
    // A text, an answer with another code, and a frame that nobody reads.
    server.write_all(b"\x81\x02hi\x88\x05\x0b\xb8bye\x81\x01x").unwrap();
    server.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let waiting = server.read(&mut goodbye).unwrap_err().kind();
    assert!(
        matches!(waiting, ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "the client must not end its direction yet: {waiting}"
    );
    assert!(!client.is_finished(), "the client must still wait");
    drop(server);
    assert_eq!(facts(&client.join().unwrap()), told(3000, "bye", true));
}

#[test]
fn the_client_reports_a_bad_or_lost_server() {
    for input in [&b""[..], b"\x81\x02h", b"\x88\x02\x03", b"\x88\x02\x03\xed", b"\x88\x82\0\0\0\0\x03\xe8"] {
        let (client, server) = blocking::connected().unwrap();
        let client = thread::spawn(|| blocking::client(client, CloseFrame::EMPTY, PATIENCE));
        let output = raw_peer(server, input, true);
        assert_eq!(output.len(), 6, "the client's empty Close and nothing else: {output:x?}");
        assert_eq!(facts(&client.join().unwrap()), told(1006, "", false), "{input:x?}");
    }
}

/// Short timeouts, for peers that never give up.
const SHORT: Patience = Patience { close: Duration::from_millis(300), end: Duration::from_millis(200) };

/// What a peer keeps doing.
#[derive(Clone, Copy, Debug)]
enum Habit {
    Nothing,
    /// Sends this again and again, with a pause.
    Sends(&'static [u8]),
    /// Sends as much as it can, and does not read.
    Floods,
}

/// A header that announces a huge frame. Everything behind it is payload.
const HUGE: &[u8] = b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0";

/// Keeps up the habit until `end` has returned. Panics after 30 seconds, a hundred times as long as it should take.
fn pester(peer: &mut TcpStream, habit: Habit, end: JoinHandle<Ending>) -> Ending {
    peer.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let started = Instant::now();
    let flood = vec![0; 1 << 16];
    while !end.is_finished() {
        assert!(started.elapsed() < Duration::from_secs(30), "{habit:?}");
        // An error means that our end has cut the transport.
        let _ = match habit {
            Habit::Nothing => Ok(()),
            Habit::Sends(bytes) => peer.write_all(bytes),
            Habit::Floods => peer.write_all(&flood),
        };
        if !matches!(habit, Habit::Floods) {
            thread::sleep(Duration::from_millis(10));
        }
    }
    end.join().unwrap()
}

#[track_caller]
fn assert_cut(ending: &Ending, awaited: Awaited, after: Duration) {
    match ending.transport_end() {
        TransportEnd::Cut { awaited: what, after: time, .. } => assert_eq!((what, time), (awaited, after)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_server_gives_up_on_a_client_that_never_closes() {
    for (first, habit) in [
        (&b""[..], Habit::Nothing),
        (b"", Habit::Sends(b"\x89\x80\0\0\0\0")),
        (HUGE, Habit::Sends(b"x")),
        (HUGE, Habit::Floods),
    ] {
        let (mut client, server) = blocking::connected().unwrap();
        let server = thread::spawn(|| blocking::server(server, SHORT));
        client.write_all(first).unwrap();
        let ending = pester(&mut client, habit, server);
        // It sent the client one Close, and then waited a second time.
        assert_eq!(ending.closing().ours(), Some(CloseFrame::from_static(1001, "")), "{habit:?}");
        assert!(ending.closing().is_written());
        assert_cut(&ending, Awaited::Close, SHORT.close);
        let mut output = [0; 8];
        let read = client.read(&mut output);
        assert!(!matches!(read, Ok(len) if output[..len] != *b"\x88\x02\x03\xe9"), "{habit:?}: {output:x?}");
    }
}

#[test]
fn a_client_may_still_answer_the_close_of_an_impatient_server() {
    let (mut client, server) = blocking::connected().unwrap();
    let server = thread::spawn(|| blocking::server(server, Patience { end: PATIENCE.end, ..SHORT }));
    let mut close = [0; 4];
    client.read_exact(&mut close).unwrap();
    assert_eq!(&close, b"\x88\x02\x03\xe9");
    let output = raw_peer(client, b"\x88\x82\0\0\0\0\x03\xe9", false);
    assert_eq!(output, b"");
    assert_eq!(facts(&server.join().unwrap()), told(1001, "", true));
}

#[test]
fn the_client_gives_up_on_a_server_that_never_ends() {
    for (first, habit, awaited) in [
        (&b""[..], Habit::Nothing, Awaited::Close),
        (b"", Habit::Sends(b"\x89\0"), Awaited::Close),
        (b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", Habit::Sends(b"x"), Awaited::Close),
        (b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", Habit::Floods, Awaited::Close),
        (b"\x88\0", Habit::Nothing, Awaited::End),
        (b"\x88\0", Habit::Sends(b"x"), Awaited::End),
        (b"\x88\0", Habit::Floods, Awaited::End),
    ] {
        let (client, mut server) = blocking::connected().unwrap();
        let client = thread::spawn(|| blocking::client(client, CloseFrame::EMPTY, SHORT));
        server.write_all(first).unwrap();
        let ending = pester(&mut server, habit, client);
        assert_cut(&ending, awaited, if awaited == Awaited::End { SHORT.end } else { SHORT.close });
        assert_eq!(ending.event().was_clean(), awaited == Awaited::End, "{habit:?}");
    }
}

/// The example is short enough to read at a glance.
#[test]
fn the_server_and_the_client_have_under_20_lines_each() {
    let source = include_str!("../examples/blocking.rs");
    for name in ["server", "client"] {
        let start = source.find(&format!("pub(crate) fn {name}(")).unwrap();
        let lines = source[start..].lines().position(|line| line == "}").unwrap() + 1;
        assert!(lines < 20, "{name} has {lines} lines");
    }
}

//! Runs every recipe as a program, with raw clients on loopback, and checks the bytes of the closing and the ending
//! that it prints. Then runs the twins, and counts the lines in which each pair differs.

mod process;

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use process::Process;
use similar::{ChangeTag, TextDiff};
use socket2::SockRef;
use tokio_tungstenite::tungstenite;
use websocket_close::{CloseFrame, ClosingHandshake, Loss, Role, TransportEnd};

const PATIENCE: Duration = Duration::from_secs(30);
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

impl Process {
    /// The next line that it prints.
    fn ending(&self) -> String {
        self.line(PATIENCE).unwrap()
    }

    /// A client behind its opening handshake.
    fn client(&self, target: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = Vec::new();
        while !response.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            response.extend(byte);
        }
        let response = String::from_utf8(response).unwrap();
        assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
        // The answer to this key is in RFC 6455, section 1.3.
        assert!(response.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{response}");
        stream
    }

    /// What a client that sends `bytes` gets back, to the end of the transport, and the line that is printed then.
    fn exchange(&self, target: &str, bytes: &[u8]) -> (Vec<u8>, String) {
        let mut client = self.client(target);
        client.write_all(bytes).unwrap();
        let received = read_to_end(&mut client);
        // The server waits for the end of the transport.
        drop(client);
        (received, self.ending())
    }

    /// The line that is printed when a client hangs up.
    fn hang_up(&self, target: &str) -> String {
        drop(self.client(target));
        self.ending()
    }
}

/// A client that resets its connection. TCP tells that once, and then reads as if it had ended in order.
fn tells_a_reset(recipe: &Process, target: &str) {
    let client = recipe.client(target);
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    let expected = ClosingHandshake::new(Role::Server).into_ending(TransportEnd::Lost(Loss::Reset));
    assert_eq!(recipe.ending(), expected.to_string());
}

fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    received
}

/// A client's frame.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap()];
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A client's text frame of 126 bytes and more.
fn long_text(payload: &[u8]) -> Vec<u8> {
    let mut frame = masked(0x81, &[]);
    frame.splice(1..2, [&[0xfe], &u16::try_from(payload.len()).unwrap().to_be_bytes()[..]].concat());
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The event at the front of a line that tells an ending.
fn event(line: &str) -> &str {
    line.split_once("; ").unwrap().0
}

/// The Closes that every server gets: the payload, the bytes of the right answer, and the event.
const CLOSES: [(&[u8], &[u8], &str); 7] = [
    (b"\x0f\xa1bye", b"\x88\x02\x0f\xa1", r#"4001 (private use) "bye", clean"#),
    (b"\x03\xe9", b"\x88\x02\x03\xe9", "1001 (going away), clean"),
    (b"", b"\x88\x00", "1005 (no status received), clean"),
    (b"\x03\xf6", b"\x88\x02\x03\xf6", "1014 (bad gateway), clean"),
    (b"\x03", b"\x88\x02\x03\xea", "1006 (abnormal closure), not clean"),
    (b"\x03\xed", b"\x88\x02\x03\xea", "1006 (abnormal closure), not clean"),
    (b"\x03\xe8\xff", b"\x88\x02\x03\xef", "1006 (abnormal closure), not clean"),
];
/// What the sensor sends first.
const READING: &[u8] = b"\x81\x0421.5";
const LOST: &str = "1006 (abnormal closure), not clean";

/// For servers that see the payload of a Close as it came. `before` is what they send first to every client, `end` is
/// how they report the end of the transport.
fn sees_every_close(recipe: &Process, target: &str, before: &[u8], end: TransportEnd) {
    for (payload, answer, told) in CLOSES {
        let mut closing = ClosingHandshake::new(Role::Server);
        let _answer = closing.receive_or_reject(CloseFrame::from_payload(payload));
        closing.mark_written();
        let (received, line) = recipe.exchange(target, &masked(0x88, payload));
        assert_eq!(received, [before, answer].concat(), "{payload:02x?}");
        assert_eq!((event(&line), &line), (told, &closing.into_ending(end).to_string()), "{payload:02x?}");
    }
    let line = recipe.hang_up(target);
    assert_eq!((event(&line), line.clone()), (LOST, ClosingHandshake::new(Role::Server).into_ending(end).to_string()));
}

/// Frames that no client may send, with the code of the answer.
const WRONG: [(&[u8], u16); 11] = [
    // A Close with RSV bits, without FIN, without a mask, with a longer form of the length.
    (b"\xc8\x82\0\0\0\0\x03\xe8", 1002),
    (b"\xf8\x82\0\0\0\0\x03\xe8", 1002),
    (b"\x08\x82\0\0\0\0\x03\xe8", 1002),
    (b"\x88\x02\x03\xe8\0\0\0\0", 1002),
    (b"\x88\xfe\0\x7e\0\0\0\0", 1002),
    // Other frames.
    (b"\xc9\x80\0\0\0\0", 1002),
    (b"\x09\x80\0\0\0\0", 1002),
    (b"\x89\xfe\0\x7e\0\0\0\0", 1002),
    (b"\xa1\x80\0\0\0\0", 1002),
    (b"\x83\x80\0\0\0\0", 1002),
    (b"\x82\x05hello", 1002),
];

/// The start of a frame of 1 MiB.
const TOO_BIG: &[u8] = b"\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0";

fn refuses(recipe: &Process, target: &str, before: &[u8], wrong: &[(&[u8], u16)]) {
    for (bytes, code) in wrong {
        // Some stacks want to see the whole frame.
        let (received, line) = recipe.exchange(target, &[bytes, &[0; 126][..]].concat());
        let start = &bytes[..bytes.len().min(14)];
        assert_eq!(received, [before, b"\x88\x02", &code.to_be_bytes()].concat(), "{start:x?}");
        assert_eq!(event(&line), LOST, "{start:x?}: {line}");
    }
}

/// The client has sent more behind its Close, which the server reads and discards. Otherwise the client would see a
/// reset, and perhaps no answer.
fn does_not_reset(recipe: &Process, target: &str, before: &[u8]) {
    for _ in 0..20 {
        let bytes = [masked(0x88, b"\x0f\xa1"), vec![0; 100_000]].concat();
        let (received, _) = recipe.exchange(target, &bytes);
        assert_eq!(received, [before, b"\x88\x02\x0f\xa1"].concat());
    }
}

/// Waits until the server hangs up on a client that does not even begin its opening handshake.
fn is_hung_up_on(mut mute: TcpStream) {
    mute.set_read_timeout(Some(PATIENCE)).unwrap();
    let answer = read_to_end(&mut mute);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408 "), "{answer:x?}");
}

/// What a client does until the server ends the connection.
#[derive(Clone, Copy, Debug)]
enum Habit<'a> {
    Nothing,
    /// Sends this again and again.
    Sends(&'a [u8]),
    /// Sends this as fast as it goes, and reads nothing.
    Floods(&'a [u8]),
}

/// The server lets go of all these clients, which first send something and then keep to a habit. Returns what each got,
/// and the lines that were printed, in any order.
fn lets_go<const N: usize>(
    recipe: &Process,
    target: &str,
    clients: [(&[u8], Habit<'_>); N],
) -> ([Vec<u8>; N], Vec<String>) {
    let ended = thread::scope(|scope| {
        let clients = clients.map(|(first, habit)| {
            let client = recipe.client(target);
            scope.spawn(move || pester(client, first, habit))
        });
        clients.map(|client| client.join().unwrap())
    });
    // Only now the clients hang up.
    let lines = clients.map(|_| recipe.ending()).into();
    (ended.map(|(received, _)| received), lines)
}

/// What the client got, and the client.
fn pester(mut client: TcpStream, first: &[u8], habit: Habit<'_>) -> (Vec<u8>, TcpStream) {
    let started = Instant::now();
    client.write_all(first).unwrap();
    for set_timeout in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        set_timeout(&client, Some(Duration::from_millis(100))).unwrap();
    }
    let again = |error: &io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    let (mut received, mut chunk) = (Vec::new(), [0; 1024]);
    let flood = if let Habit::Floods(bytes) = habit { bytes.repeat(1000) } else { Vec::new() };
    let mut flooded = 0;
    loop {
        assert!(started.elapsed() < PATIENCE, "{habit:?}");
        let written = match habit {
            Habit::Nothing => Ok(()),
            Habit::Sends(bytes) => client.write_all(bytes),
            Habit::Floods(_) => {
                let written = client.write(&flood[flooded..]);
                let written = written.map(|written| flooded = (flooded + written) % flood.len());
                written.or_else(|error| if again(&error) { Ok(()) } else { Err(error) })
            }
        };
        if written.is_err() {
            // The server has closed its socket. What it has sent before may still be here.
            let _ = client.read_to_end(&mut received);
            return (received, client);
        }
        if matches!(habit, Habit::Floods(_)) {
            continue;
        }
        match client.read(&mut chunk) {
            Ok(0) if matches!(habit, Habit::Nothing) => return (received, client),
            // The server has ended its direction only. It may discard for a while what still comes.
            Ok(0) => thread::sleep(Duration::from_millis(100)),
            Ok(read) => received.extend(&chunk[..read]),
            Err(error) if again(&error) => {}
            Err(_) => return (received, client),
        }
    }
}

#[test]
fn hyper() {
    let recipe = Process::start(&["hyper", "127.0.0.1:0"]);
    sees_every_close(&recipe, "/?token=1", b"", TransportEnd::InOrder);

    tells_a_reset(&recipe, "/?token=1");

    // Data is stepped over.
    let bytes = [masked(0x81, b"hello"), masked(0x88, b"\x03\xe8")].concat();
    let (received, line) = recipe.exchange("/?token=1", &bytes);
    assert_eq!((&received[..], event(&line)), (&b"\x88\x02\x03\xe8"[..], "1000 (normal closure), clean"));

    // Without a token the server is first, and reports what the client answers.
    let (received, line) = recipe.exchange("/", &masked(0x88, b"\x0b\xb8"));
    assert_eq!(received, b"\x88\x0e\x0b\xb8log in first");
    assert_eq!(event(&line), "3000 (unauthorized), clean");
}

#[test]
fn axum() {
    let recipe = Process::start(&["axum", "127.0.0.1:0"]);
    // What the client asks for in a text, what it gets, what it answers, what is printed.
    let asked: [(&str, &[u8], &[u8], &str); 4] = [
        ("4001 bye", b"\x88\x05\x0f\xa1bye", b"\x0f\xa1", "4001 (private use), clean"),
        ("1006 lost", b"\x88\x06\x03\xeblost", b"\x03\xe8ok", r#"1000 (normal closure) "ok", clean"#),
        ("hello", b"\x88\x02\x03\xeb", b"", "1005 (no status received), clean"),
        ("3000 a", b"\x88\x03\x0b\xb8a", b"\x03\xed", LOST),
    ];
    for (text, close, answer, told) in asked {
        let mut client = recipe.client("/");
        client.write_all(&masked(0x81, text.as_bytes())).unwrap();
        let mut received = vec![0; close.len()];
        client.read_exact(&mut received).unwrap();
        client.write_all(&masked(0x88, answer)).unwrap();
        assert_eq!(read_to_end(&mut client), b"");
        let line = recipe.ending();
        assert_eq!((&received[..], event(&line)), (close, told), "{text}");
    }

    // 42 times three bytes are too long by one.
    let mut client = recipe.client("/");
    client.write_all(&long_text(format!("1000 {}", "€".repeat(42)).as_bytes())).unwrap();
    let mut received = [0; 127];
    client.read_exact(&mut received).unwrap();
    assert_eq!(received[..], [b"\x88\x7d\x03\xe8", "€".repeat(41).as_bytes()].concat());
    drop(client);
    assert_eq!(event(&recipe.ending()), LOST);

    // What axum refuses. It takes bad UTF-8 in a Close for bad UTF-8, too.
    let big = b"\x82\xff\0\0\0\0\x7f\0\0\0\0\0\0\0";
    let close = masked(0x88, b"\x03\xe8\xff");
    let refused = [(&masked(0x81, b"\xff")[..], 1007), (big, 1009), (&masked(0x88, b"\x03"), 1002), (&close, 1007)];
    refuses(&recipe, "/", b"", &refused);
    // It does not look at the length form of control frames.
    let wrong: Vec<_> = WRONG.into_iter().filter(|(bytes, _)| bytes[1] != 0xfe).collect();
    refuses(&recipe, "/", b"", &wrong);

    // axum repeats the reason in its answer. It reports what it refuses as if the peer had sent the 1002.
    let closes: [(&[u8], &[u8], &str); 3] = [
        (b"\x0f\xa1bye", b"\x88\x05\x0f\xa1bye", r#"4001 (private use) "bye", clean"#),
        (b"", b"\x88\x00", "1005 (no status received), clean"),
        (b"\x03\xed", b"\x88\x14\x03\xeaProtocol violation", r#"1002 (protocol error) "Protocol violation", clean"#),
    ];
    for (payload, answer, told) in closes {
        let (received, line) = recipe.exchange("/", &masked(0x88, payload));
        assert_eq!((&received[..], event(&line)), (answer, told), "{payload:02x?}");
    }
    assert_eq!(event(&recipe.hang_up("/")), LOST);
}

/// What one end says, or that it hangs up; what reaches the other end; the event.
type Passed = (Option<&'static [u8]>, &'static [u8], &'static str);

/// The proxy, a client in front of it, and the upstream behind it; both are behind their opening handshakes.
fn proxied(name: &str) -> (Process, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("ws://{}", listener.local_addr().unwrap());
    let recipe = Process::start(&[name, "127.0.0.1:0", &upstream]);
    let upstream = thread::spawn(move || tungstenite::accept(listener.accept().unwrap().0).unwrap().into_inner());
    let client = recipe.client("/");
    let upstream = upstream.join().unwrap();
    upstream.set_read_timeout(Some(PATIENCE)).unwrap();
    (recipe, client, upstream)
}

/// Byte 0 and the payload of a frame that the proxy sends upstream.
fn read_masked(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut header = [0; 6];
    stream.read_exact(&mut header).unwrap();
    let [first, second, key @ ..] = header;
    let mut payload = vec![0; usize::from(second.checked_sub(0x80).unwrap())];
    stream.read_exact(&mut payload).unwrap();
    payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    (first, payload)
}

#[test]
fn tungstenite_passes_on_what_upstream_says() {
    let closes: [Passed; 4] = [
        (Some(b"\x88\x05\x03\xf4bye"), b"\x88\x05\x03\xf4bye", r#"as Client: 1012 (service restart) "bye", clean"#),
        (Some(b"\x88\x02\x0f\xa1"), b"\x88\x02\x0f\xa1", "as Client: 4001 (private use), clean"),
        (Some(b"\x88\x00"), b"\x88\x00", "as Client: 1005 (no status received), clean"),
        (None, b"\x88\x02\x03\xf6", "as Client: 1006 (abnormal closure), not clean"),
    ];
    for (close, expected, told) in closes {
        let (recipe, mut client, mut upstream) = proxied("tungstenite");
        if let Some(close) = close {
            upstream.write_all(close).unwrap();
            assert_eq!(read_masked(&mut upstream), (0x88, close[2..].to_vec()));
        }
        drop(upstream);
        let mut received = vec![0; expected.len()];
        client.read_exact(&mut received).unwrap();
        assert_eq!(received, expected);
        client.write_all(&masked(0x88, &received[2..])).unwrap();
        assert_eq!(read_to_end(&mut client), b"");
        // Both directions print a line.
        let lines = [recipe.ending(), recipe.ending()];
        assert!(lines.iter().any(|line| event(line) == told), "{lines:?}");
    }
}

#[test]
fn tungstenite_passes_on_what_the_client_says() {
    let closes: [Passed; 3] = [
        (Some(b"\x03\xe9"), b"\x03\xe9", "as Server: 1001 (going away), clean"),
        (Some(b""), b"", "as Server: 1005 (no status received), clean"),
        (None, b"\x03\xe9", "as Server: 1006 (abnormal closure), not clean"),
    ];
    for (close, expected, told) in closes {
        let (recipe, mut client, mut upstream) = proxied("tungstenite");
        if let Some(close) = close {
            client.write_all(&[masked(0x82, b"data"), masked(0x88, close)].concat()).unwrap();
            let data = read_masked(&mut upstream);
            assert_eq!(data, (0x82, b"data".to_vec()));
        }
        drop(client);
        assert_eq!(read_masked(&mut upstream), (0x88, expected.to_vec()));
        upstream.write_all(&[&[0x88, u8::try_from(expected.len()).unwrap()], expected].concat()).unwrap();
        drop(upstream);
        let lines = [recipe.ending(), recipe.ending()];
        assert!(lines.iter().any(|line| event(line) == told), "{lines:?}");
    }
}

/// A client hears what is wrong with its frame, and the upstream that the client is lost.
#[test]
fn tungstenite_refuses() {
    let big = b"\x82\xff\0\0\0\0\x7f\0\0\0\0\0\0\0";
    for (bytes, code) in [(&masked(0x81, b"\xff")[..], 1007_u16), (big, 1009), (&masked(0x83, b""), 1002)] {
        let (recipe, mut client, mut upstream) = proxied("tungstenite");
        client.write_all(bytes).unwrap();
        assert_eq!(read_to_end(&mut client), [b"\x88\x02", &code.to_be_bytes()[..]].concat(), "{bytes:x?}");
        drop(client);
        assert_eq!(read_masked(&mut upstream), (0x88, b"\x03\xe9".to_vec()), "{bytes:x?}");
        upstream.write_all(b"\x88\x02\x03\xe9").unwrap();
        drop(upstream);
        assert_eq!(event(recipe.ending().strip_prefix("as Server: ").unwrap()), LOST, "{bytes:x?}");
    }
}

#[test]
fn fastwebsockets() {
    let recipe = Process::start(&["fastwebsockets", "127.0.0.1:0"]);
    sees_every_close(&recipe, "/", b"", TransportEnd::NotKnown);
    echoes_before_the_close(&recipe, b"\x81\x05hello");
    // fastwebsockets does not look whether a frame is masked.
    let wrong: Vec<_> = WRONG.into_iter().filter(|(bytes, _)| bytes[1] & 0x80 != 0).collect();
    refuses(&recipe, "/", b"", &wrong);
    refuses(&recipe, "/", b"", &[(TOO_BIG, 1009)]);
    judges_texts_and_fragments(&recipe);
    does_not_reset(&recipe, "/", b"");
}

#[test]
fn fastwebsockets_waits_for_no_client_for_ever() {
    waits_for_no_client_for_ever("fastwebsockets");
}

#[test]
fn actix() {
    let recipe = Process::start(&["actix", "127.0.0.1:0"]);
    sees_every_close(&recipe, "/", b"", TransportEnd::InOrder);
    echoes_before_the_close(&recipe, b"\x81\x05hello");
    judges_texts_and_fragments(&recipe);

    refuses(&recipe, "/", b"", &WRONG);
    // actix's codec takes 64 KiB, but refuses more only when it has all of it.
    let too_big = [b"\x82\xff\0\0\0\0\0\x01\0\x01\0\0\0\0", &vec![0; 0x1_0001][..]].concat();
    refuses(&recipe, "/", b"", &[(&too_big, 1009)]);
    does_not_reset(&recipe, "/", b"");
}

#[test]
fn actix_waits_for_no_client_for_ever() {
    waits_for_no_client_for_ever("actix");
}

#[test]
fn std_net() {
    let recipe = Process::start(&["std_net", "127.0.0.1:0"]);
    sees_every_close(&recipe, "/", b"", TransportEnd::NotKnown);
    echoes_before_the_close(&recipe, b"\x81\x05hello");
    refuses(&recipe, "/", b"", &WRONG);
    refuses(&recipe, "/", b"", &[(TOO_BIG, 1009)]);
    judges_texts_and_fragments(&recipe);
    does_not_reset(&recipe, "/", b"");
    tells_a_reset(&recipe, "/");

    // A ping gets a pong, and fragments come back as fragments.
    let bytes =
        [masked(0x01, b"a"), masked(0x89, b"b"), masked(0x8a, b"c"), masked(0x80, b"d"), masked(0x88, b"")].concat();
    assert_eq!(recipe.exchange("/", &bytes).0, b"\x01\x01a\x8a\x01b\x80\x01d\x88\0");
}

#[test]
fn std_net_waits_for_no_client_for_ever() {
    waits_for_no_client_for_ever("std_net");
}

/// For echo servers that tell a late client 1001.
fn waits_for_no_client_for_ever(name: &str) {
    let recipe = Process::start(&[name, "127.0.0.1:0"]);
    let mute = TcpStream::connect(&recipe.address).unwrap();
    let close = masked(0x88, b"\x0f\xa1");
    let (received, lines) = lets_go(
        &recipe,
        "/",
        [
            (b"", Habit::Nothing),
            // A frame that never becomes whole.
            (b"\x82\xfe\xff\xff\0\0\0\0", Habit::Sends(b"x")),
            // Whoever does not read what is echoed.
            (b"", Habit::Floods(&masked(0x82, &[0; 125]))),
            (&close, Habit::Nothing),
            (&close, Habit::Sends(b"x")),
            (&close, Habit::Floods(b"x")),
        ],
    );
    let [silent, trickles, _, closed @ ..] = received;
    assert_eq!([silent, trickles], [b"\x88\x02\x03\xe9", b"\x88\x02\x03\xe9"]);
    assert_eq!(closed, [b"\x88\x02\x0f\xa1"; 3]);
    let clean = lines.iter().filter(|line| event(line) == "4001 (private use), clean").count();
    let lost = lines.iter().filter(|line| event(line) == LOST).count();
    assert_eq!((clean, lost), (3, 3), "{lines:?}");
    is_hung_up_on(mute);
}

/// For echo servers that send fragments back as they come. Each row has the frames of a client, how many of them come
/// back, and the code of the Close behind them: ours, or the client's 1000.
fn judges_texts_and_fragments(recipe: &Process) {
    type Frames<'a> = &'a [(u8, &'a [u8])];
    let rows: [(Frames<'_>, usize, u16); 12] = [
        (&[(0x81, "€".as_bytes())], 1, 1000),
        (&[(0x82, b"\xff")], 1, 1000),
        (&[(0x81, b"\xff")], 0, 1007),
        (&[(0x81, b"\xe2\x82")], 0, 1007),
        // A character in three fragments, and the same bytes where they are none.
        (&[(0x01, b"\xe2"), (0x00, b"\x82"), (0x80, b"\xac")], 3, 1000),
        (&[(0x01, b"\xe2"), (0x00, b"\x82"), (0x80, b"x")], 2, 1007),
        (&[(0x01, b"\xe2"), (0x80, b"\x82")], 1, 1007),
        (&[(0x01, b"a"), (0x00, b"\xff"), (0x80, b"")], 1, 1007),
        (&[(0x02, b"\xe2"), (0x80, b"\xff")], 2, 1000),
        // Each message counts for itself.
        (&[(0x01, b"\xe2"), (0x80, b"\x82\xac"), (0x81, b"\x82")], 2, 1007),
        // A fragment of no message, and a message inside another.
        (&[(0x80, b"a")], 0, 1002),
        (&[(0x01, b"a"), (0x81, b"b")], 1, 1002),
    ];
    for (frames, echoed, code) in rows {
        let sent: Vec<u8> = frames.iter().flat_map(|(first, payload)| masked(*first, payload)).collect();
        let (received, line) = recipe.exchange("/", &[sent, masked(0x88, b"\x03\xe8")].concat());
        let echo = frames[..echoed]
            .iter()
            .flat_map(|(first, payload)| [&[*first, u8::try_from(payload.len()).unwrap()], *payload].concat());
        let close = [b"\x88\x02", &code.to_be_bytes()[..]].concat();
        assert_eq!(received, echo.chain(close).collect::<Vec<u8>>(), "{frames:x?}: {line}");
    }
}

fn echoes_before_the_close(recipe: &Process, echo: &[u8]) {
    let bytes = [masked(0x81, b"hello"), masked(0x88, b"\x03\xe8"), masked(0x81, b"late")].concat();
    let (received, line) = recipe.exchange("/", &bytes);
    assert_eq!(received, [echo, b"\x88\x02\x03\xe8"].concat());
    assert_eq!(event(&line), "1000 (normal closure), clean");
}

#[test]
fn no_std() {
    let recipe = Process::start(&["no_std", "127.0.0.1:0"]);
    sees_every_close(&recipe, "/", READING, TransportEnd::NotKnown);
    refuses(&recipe, "/", READING, &WRONG);
    refuses(&recipe, "/", READING, &[(b"\x82\xfe\0\x7e", 1009), (b"\x82\xff", 1009)]);
    does_not_reset(&recipe, "/", READING);

    // A ping gets a pong, and data is stepped over.
    let bytes = [masked(0x01, b"a"), masked(0x89, b"b"), masked(0x8a, b"c"), masked(0x88, b"")].concat();
    assert_eq!(recipe.exchange("/", &bytes).0, [READING, b"\x8a\x01b\x88\0"].concat());
}

/// It serves one client after the other, so each of these has a sensor of its own.
#[test]
fn no_std_waits_for_no_client_for_ever() {
    let close = masked(0x88, b"\x0f\xa1");
    let clients = [
        (&b""[..], Habit::Nothing, &b"\x88\x02\x03\xe9"[..], LOST),
        (b"\x82\xfd\0\0\0\0", Habit::Sends(b"x"), b"\x88\x02\x03\xe9", LOST),
        (b"", Habit::Sends(&masked(0x8a, b"")), b"\x88\x02\x03\xe9", LOST),
        (&close, Habit::Nothing, b"\x88\x02\x0f\xa1", "4001 (private use), clean"),
        (&close, Habit::Sends(b"x"), b"\x88\x02\x0f\xa1", "4001 (private use), clean"),
        (&close, Habit::Floods(b"x"), b"\x88\x02\x0f\xa1", "4001 (private use), clean"),
    ];
    thread::scope(|scope| {
        for (first, habit, answer, told) in clients {
            scope.spawn(move || {
                let recipe = Process::start(&["no_std", "127.0.0.1:0"]);
                let ([received], lines) = lets_go(&recipe, "/", [(first, habit)]);
                assert_eq!(received, [READING, answer].concat(), "{habit:?}");
                assert_eq!(event(&lines[0]), told, "{habit:?}");
            });
        }
    });
}

#[test]
fn no_opening_handshake_lasts_for_ever() {
    thread::scope(|scope| {
        for name in ["hyper", "axum", "server"] {
            scope.spawn(move || {
                let recipe = Process::start(&[name, "127.0.0.1:0"]);
                is_hung_up_on(TcpStream::connect(&recipe.address).unwrap());
            });
        }
    });
}

/// The twins work, too: each ends after a Close.
#[test]
fn twins_run() {
    for name in ["hyper", "axum", "fastwebsockets", "actix", "std_net", "no_std"] {
        let recipe = Process::start(&[&format!("{name}_without"), "127.0.0.1:0"]);
        let mut client = recipe.client("/?token=1");
        client.write_all(&masked(0x88, b"\x03\xe9")).unwrap();
        let received = read_to_end(&mut client);
        assert!(received.ends_with(b"\x88\x02\x03\xe9"), "{name}: {received:02x?}");
    }
    let (_recipe, mut client, mut upstream) = proxied("tungstenite_without");
    client.write_all(&masked(0x88, b"\x03\xe9")).unwrap();
    assert_eq!(read_masked(&mut upstream), (0x88, b"\x03\xe9".to_vec()));
    // Unlike its recipe it sends 1006 when the upstream hangs up.
    let (_recipe, mut client, upstream) = proxied("tungstenite_without");
    drop(upstream);
    let mut received = [0; 4];
    client.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"\x88\x02\x03\xee");
}

/// Taking up the crate changes at most 20 lines, removed and added lines counted together. The glue of a stack of
/// messages is counted by itself.
#[test]
fn each_recipe_differs_from_its_twin_in_few_lines() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut pairs = 0;
    for entry in fs::read_dir(&sources).unwrap() {
        let twin = entry.unwrap().path();
        let Some(name) = twin.file_stem().unwrap().to_str().unwrap().strip_suffix("_without") else { continue };
        let (glue, with) = without_glue(&fs::read_to_string(sources.join(format!("{name}.rs"))).unwrap());
        assert!(glue <= 10, "the glue of {name} has {glue} lines");
        let without = fs::read_to_string(&twin).unwrap();
        let diff = TextDiff::from_lines(&without, &with);
        let changed = diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal).count();
        println!("{name}: {changed} lines, and {glue} of glue");
        assert!((1..=20).contains(&changed), "{name} changes {changed} lines");
        pairs += 1;
    }
    assert_eq!(pairs, 7);
}

/// The number of lines of a recipe's glue, and the rest. Formatting comes first: lines are what rustfmt makes of them.
fn without_glue(source: &str) -> (usize, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    rustfmt.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    let source = String::from_utf8(rustfmt.wait_with_output().unwrap().stdout).unwrap();
    let Some(start) = source.find("const GLUE") else { return (0, source) };
    let end = start + source[start..].find("\n};\n\n").unwrap() + "\n};\n\n".len();
    (source[start..end].trim_end().lines().count(), [&source[..start], &source[end..]].concat())
}

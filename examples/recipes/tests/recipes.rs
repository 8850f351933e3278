//! Runs every recipe as a program, with raw clients on loopback: the bytes of the closing and the event that is printed. Then
//! the twins, and the lines in which each pair differs.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};
use tokio_tungstenite::tungstenite;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A recipe that is running.
struct Recipe {
    process: Child,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Recipe {
    fn start(arguments: &[&str]) -> Self {
        let program = env!("CARGO_BIN_EXE_close-recipes");
        let mut process = Command::new(program).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let address = read_line(&mut stdout).strip_prefix("listening on ").unwrap().to_owned();
        Self { process, stdout, address }
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        read_line(&mut self.stdout)
    }

    /// A client behind its opening handshake.
    fn client(&self, target: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(PATIENCE).unwrap();
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

    /// What a client gets back that sends `bytes`, to the end of the transport, and the event that is printed then.
    fn exchange(&mut self, target: &str, bytes: &[u8]) -> (Vec<u8>, String) {
        let mut client = self.client(target);
        client.write_all(bytes).unwrap();
        let received = read_to_end(&mut client);
        // The server waits for that.
        drop(client);
        (received, self.line())
    }

    /// What is printed when a client hangs up.
    fn hang_up(&mut self, target: &str) -> String {
        drop(self.client(target));
        self.line()
    }
}

impl Drop for Recipe {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read_line(stdout: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
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

/// The Closes that every server gets: the payload, the bytes it has to answer, and the event.
const CLOSES: [(&[u8], &[u8], &str); 7] = [
    (b"\x0f\xa1bye", b"\x88\x02\x0f\xa1", r#"4001 (private use) "bye", clean"#),
    (b"\x03\xe9", b"\x88\x02\x03\xe9", "1001 (going away), clean"),
    (b"", b"\x88\x00", "1005 (no status rcvd), clean"),
    (b"\x03\xf6", b"\x88\x02\x03\xf6", "1014 (bad gateway), clean"),
    (b"\x03", b"\x88\x02\x03\xea", "1006 (abnormal closure), not clean"),
    (b"\x03\xed", b"\x88\x02\x03\xea", "1006 (abnormal closure), not clean"),
    (b"\x03\xe8\xff", b"\x88\x02\x03\xef", "1006 (abnormal closure), not clean"),
];
const LOST: &str = "1006 (abnormal closure), not clean";

/// For the servers that see the payload of a Close as it came: `before` is what they say first to every client.
fn sees_every_close(recipe: &mut Recipe, target: &str, before: &[u8]) {
    for (payload, answer, event) in CLOSES {
        let expected = ([before, answer].concat(), event.to_owned());
        assert_eq!(recipe.exchange(target, &masked(0x88, payload)), expected, "{payload:02x?}");
    }
    assert_eq!(recipe.hang_up(target), LOST);
}

#[test]
fn hyper() {
    let mut recipe = Recipe::start(&["hyper", "127.0.0.1:0"]);
    sees_every_close(&mut recipe, "/?token=1", b"");

    // Data is stepped over.
    let bytes = [masked(0x81, b"hello"), masked(0x88, b"\x03\xe8")].concat();
    let expected = (b"\x88\x02\x03\xe8".to_vec(), "1000 (normal closure), clean".to_owned());
    assert_eq!(recipe.exchange("/?token=1", &bytes), expected);

    // Without a token the server is first, and reports what the client answers.
    let (received, event) = recipe.exchange("/", &masked(0x88, b"\x0b\xb8"));
    assert_eq!(received, b"\x88\x0e\x0b\xb8log in first");
    assert_eq!(event, "3000 (unauthorized), clean");
}

#[test]
fn axum() {
    let mut recipe = Recipe::start(&["axum", "127.0.0.1:0"]);
    // What the client asks for in a text, what it gets, what it answers, what is printed.
    let asked: [(&str, &[u8], &[u8], &str); 4] = [
        ("4001 bye", b"\x88\x05\x0f\xa1bye", b"\x0f\xa1", "4001 (private use), clean"),
        ("1006 lost", b"\x88\x06\x03\xeblost", b"\x03\xe8ok", r#"1000 (normal closure) "ok", clean"#),
        ("hello", b"\x88\x02\x03\xeb", b"", "1005 (no status rcvd), clean"),
        ("3000 a", b"\x88\x03\x0b\xb8a", b"\x03\xed", LOST),
    ];
    for (text, close, answer, event) in asked {
        let bytes = [masked(0x81, text.as_bytes()), masked(0x88, answer)].concat();
        let (received, printed) = recipe.exchange("/", &bytes);
        assert_eq!((&received[..], &printed[..]), (close, event), "{text}");
    }

    // 42 times three bytes are too long by one.
    let bytes = [long_text(format!("1000 {}", "€".repeat(42)).as_bytes()), masked(0x88, b"\x03\xe8")].concat();
    let (received, _) = recipe.exchange("/", &bytes);
    assert_eq!(received, [b"\x88\x7d\x03\xe8", "€".repeat(41).as_bytes()].concat());

    // axum answers with the reason, too. What it refuses it reports as if the peer had sent that.
    let closes: [(&[u8], &[u8], &str); 3] = [
        (b"\x0f\xa1bye", b"\x88\x05\x0f\xa1bye", r#"4001 (private use) "bye", clean"#),
        (b"", b"\x88\x00", "1005 (no status rcvd), clean"),
        (b"\x03\xed", b"\x88\x14\x03\xeaProtocol violation", r#"1002 (protocol error) "Protocol violation", clean"#),
    ];
    for (payload, answer, event) in closes {
        let (received, printed) = recipe.exchange("/", &masked(0x88, payload));
        assert_eq!((&received[..], &printed[..]), (answer, event), "{payload:02x?}");
    }
    assert_eq!(recipe.hang_up("/"), LOST);
}

/// What one end says, or that it hangs up; what reaches the other end; the event.
type Passed = (Option<&'static [u8]>, &'static [u8], &'static str);

/// The proxy, a client in front of it, and the upstream behind it; both are behind their opening handshakes.
fn proxied(name: &str) -> (Recipe, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("ws://{}", listener.local_addr().unwrap());
    let recipe = Recipe::start(&[name, "127.0.0.1:0", &upstream]);
    let upstream = thread::spawn(move || tungstenite::accept(listener.accept().unwrap().0).unwrap().into_inner());
    let client = recipe.client("/");
    let upstream = upstream.join().unwrap();
    upstream.set_read_timeout(PATIENCE).unwrap();
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
        (Some(b"\x88\x00"), b"\x88\x00", "as Client: 1005 (no status rcvd), clean"),
        (None, b"\x88\x02\x03\xf6", "as Client: 1006 (abnormal closure), not clean"),
    ];
    for (close, expected, event) in closes {
        let (mut recipe, mut client, mut upstream) = proxied("tungstenite");
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
        // Both ways print a line.
        let lines = [recipe.line(), recipe.line()];
        assert!(lines.iter().any(|line| line == event), "{lines:?}");
    }
}

#[test]
fn tungstenite_passes_on_what_the_client_says() {
    let closes: [Passed; 3] = [
        (Some(b"\x03\xe9"), b"\x03\xe9", "as Server: 1001 (going away), clean"),
        (Some(b""), b"", "as Server: 1005 (no status rcvd), clean"),
        (None, b"\x03\xf6", "as Server: 1006 (abnormal closure), not clean"),
    ];
    for (close, expected, event) in closes {
        let (mut recipe, mut client, mut upstream) = proxied("tungstenite");
        if let Some(close) = close {
            client.write_all(&[masked(0x82, b"data"), masked(0x88, close)].concat()).unwrap();
            let data = read_masked(&mut upstream);
            assert_eq!(data, (0x82, b"data".to_vec()));
        }
        drop(client);
        assert_eq!(read_masked(&mut upstream), (0x88, expected.to_vec()));
        upstream.write_all(&[&[0x88, u8::try_from(expected.len()).unwrap()], expected].concat()).unwrap();
        drop(upstream);
        let lines = [recipe.line(), recipe.line()];
        assert!(lines.iter().any(|line| line == event), "{lines:?}");
    }
}

#[test]
fn fastwebsockets() {
    let mut recipe = Recipe::start(&["fastwebsockets", "127.0.0.1:0"]);
    sees_every_close(&mut recipe, "/", b"");
    echoes_before_the_close(&mut recipe, b"\x81\x05hello");
}

#[test]
fn actix() {
    let mut recipe = Recipe::start(&["actix", "127.0.0.1:0"]);
    sees_every_close(&mut recipe, "/", b"");
    echoes_before_the_close(&mut recipe, b"\x82\x05hello");

    // A frame that actix's codec refuses.
    let expected = (b"\x88\x02\x03\xea".to_vec(), LOST.to_owned());
    assert_eq!(recipe.exchange("/", &masked(0x83, b"")), expected);
}

#[test]
fn std_net() {
    let mut recipe = Recipe::start(&["std_net", "127.0.0.1:0"]);
    sees_every_close(&mut recipe, "/", b"");
    echoes_before_the_close(&mut recipe, b"\x81\x05hello");
}

fn echoes_before_the_close(recipe: &mut Recipe, echo: &[u8]) {
    let bytes = [masked(0x81, b"hello"), masked(0x88, b"\x03\xe8"), masked(0x81, b"late")].concat();
    let expected = ([echo, b"\x88\x02\x03\xe8"].concat(), "1000 (normal closure), clean".to_owned());
    assert_eq!(recipe.exchange("/", &bytes), expected);
}

#[test]
fn no_std() {
    let mut recipe = Recipe::start(&["no_std", "127.0.0.1:0"]);
    sees_every_close(&mut recipe, "/", b"\x81\x0421.5");
}

#[test]
fn mass_shutdown() {
    let program = env!("CARGO_BIN_EXE_close-recipes");
    let output = Command::new(program).args(["mass_shutdown", "1000"]).output().unwrap();
    // Of each hundred clients one hangs up and one never answers.
    let close: Vec<u8> = [b"\x88\x12\x03\xf4", &b"back in a minute"[..]].concat();
    let mut expected = String::from("1000 connections are open\n");
    for ended in (100..=1000).step_by(100) {
        writeln!(expected, "{ended} have ended").unwrap();
    }
    writeln!(expected, "20 times 1006 (abnormal closure), not clean").unwrap();
    writeln!(expected, "980 times 1012 (service restart), clean").unwrap();
    writeln!(expected, "990 clients got {close:02x?}\n10 clients got []").unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

/// The twins are programs that work, too: each ends after a Close.
#[test]
fn twins_run() {
    for name in ["hyper", "axum", "fastwebsockets", "actix", "std_net", "no_std"] {
        let recipe = Recipe::start(&[&format!("{name}_without"), "127.0.0.1:0"]);
        let mut client = recipe.client("/?token=1");
        client.write_all(&masked(0x88, b"\x03\xe9")).unwrap();
        let received = read_to_end(&mut client);
        assert!(received.ends_with(b"\x88\x02\x03\xe9"), "{name}: {received:02x?}");
    }
    let (_recipe, mut client, mut upstream) = proxied("tungstenite_without");
    client.write_all(&masked(0x88, b"\x03\xe9")).unwrap();
    assert_eq!(read_masked(&mut upstream), (0x88, b"\x03\xe9".to_vec()));
    // What its recipe does not do: an upstream that hangs up becomes a Close that says 1006.
    let (_recipe, mut client, upstream) = proxied("tungstenite_without");
    drop(upstream);
    let mut received = [0; 4];
    client.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"\x88\x02\x03\xee");
    let program = env!("CARGO_BIN_EXE_close-recipes");
    let output = Command::new(program).args(["mass_shutdown_without", "100"]).output().unwrap();
    assert!(output.stdout.starts_with(b"100 connections are open\n100 have ended\n"));
}

/// To take up the crate costs at most 20 lines, those that go and those that come.
#[test]
fn each_recipe_differs_from_its_twin_in_few_lines() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut pairs = 0;
    for entry in fs::read_dir(&sources).unwrap() {
        let twin = entry.unwrap().path();
        let Some(name) = twin.file_stem().unwrap().to_str().unwrap().strip_suffix("_without") else { continue };
        let with = fs::read_to_string(sources.join(format!("{name}.rs"))).unwrap();
        let without = fs::read_to_string(&twin).unwrap();
        let diff = TextDiff::from_lines(&without, &with);
        let changed = diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal).count();
        assert!((1..=20).contains(&changed), "{name} changes {changed} lines");
        pairs += 1;
    }
    assert_eq!(pairs, 8);
}

//! `tap`: it changes no byte and no end, keeps little, and tells how each connection ended.
#![cfg(all(feature = "cli", target_os = "linux"))]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::SockRef;

/// No wait is longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A tap, and the server behind it.
struct Tap {
    process: Child,
    port: u16,
    server: TcpListener,
    _err: BufReader<ChildStderr>,
}

impl Tap {
    fn start() -> Self {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_wsclose"))
            .args(["tap", "--json", "127.0.0.1:0", &server.local_addr().unwrap().to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut err = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        err.read_line(&mut line).unwrap();
        let address = line.split_whitespace().nth(1).unwrap();
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        Self { process, port, server, _err: err }
    }

    /// Both ends of a new connection: the client, and the server behind the tap.
    fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let (server, _) = self.server.accept().unwrap();
        for end in [&client, &server] {
            end.set_read_timeout(Some(PATIENCE)).unwrap();
            end.set_write_timeout(Some(PATIENCE)).unwrap();
        }
        (client, server)
    }

    /// The same after the opening handshake.
    fn open(&self) -> (TcpStream, TcpStream) {
        let (mut client, mut server) = self.connect();
        pass(&mut client, &mut server, b"GET /x?token=1 HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
        pass(&mut server, &mut client, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
        (client, server)
    }

    /// Interrupts it, and returns its exit status and its lines, without the times.
    fn stop(mut self) -> (Option<i32>, Vec<Value>) {
        Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().unwrap();
        let mut out = String::new();
        self.process.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let status = self.process.wait().unwrap();
        (status.code(), out.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    /// How much memory it has now, in KiB.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends bytes from one end to the other.
fn pass(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    from.write_all(bytes).unwrap();
    let mut read = vec![0; bytes.len()];
    to.read_exact(&mut read).unwrap();
    assert_eq!(read, bytes);
}

fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[track_caller]
fn is_at_end(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
}

#[track_caller]
fn is_reset(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// 64 MiB each way at the same time arrive as they were sent.
#[test]
fn bytes_are_the_same() {
    const LEN: usize = 64 << 20;
    // A block of a prime length, so that no buffer holds the same bytes twice.
    let block: Vec<u8> = (0..65_521_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let tap = Tap::start();
    let (client, server) = tap.connect();
    let send = |mut to: TcpStream, block: Vec<u8>| {
        thread::spawn(move || {
            let mut left = LEN;
            while left > 0 {
                let len = left.min(block.len());
                to.write_all(block.get(..len).unwrap()).unwrap();
                left -= len;
            }
            to.shutdown(Shutdown::Write).unwrap();
        })
    };
    let take = |mut from: TcpStream, block: Vec<u8>| {
        thread::spawn(move || {
            let (mut count, mut buffer) = (0, vec![0; 50_000]);
            loop {
                let len = from.read(&mut buffer).unwrap();
                let (read, mut at) = (buffer.get(..len).unwrap(), 0);
                while at < read.len() {
                    let expected = block.get(count % block.len()..).unwrap();
                    let here = expected.len().min(read.len() - at);
                    assert!(read.get(at..at + here) == expected.get(..here), "behind {count} bytes");
                    at += here;
                    count += here;
                }
                if len == 0 {
                    return count;
                }
            }
        })
    };
    let senders = [send(client.try_clone().unwrap(), block.clone()), send(server.try_clone().unwrap(), block.clone())];
    for taken in [take(client, block.clone()), take(server, block)] {
        assert_eq!(taken.join().unwrap(), LEN);
    }
    for sender in senders {
        sender.join().unwrap();
    }
    // This was no WebSocket.
    assert_eq!(tap.stop(), (Some(1), Vec::new()));
}

#[test]
fn half_closes_and_resets_are_passed_on() {
    let tap = Tap::start();
    for client_first in [true, false] {
        // A half-close is one: the other direction goes on.
        let (client, server) = tap.open();
        let (mut near, mut far) = if client_first { (client, server) } else { (server, client) };
        near.shutdown(Shutdown::Write).unwrap();
        is_at_end(&mut far);
        pass(&mut far, &mut near, b"after your half-close");
        far.shutdown(Shutdown::Write).unwrap();
        is_at_end(&mut near);

        // So is a reset, also after a half-close.
        for half_close in [false, true] {
            let (client, server) = tap.open();
            let (near, mut far) = if client_first { (client, server) } else { (server, client) };
            if half_close {
                far.shutdown(Shutdown::Write).unwrap();
                is_at_end(&mut near.try_clone().unwrap());
            }
            reset(near);
            is_reset(&mut far);
        }
    }
    let (status, lines) = tap.stop();
    let causes: Vec<_> = lines.iter().map(|line| line.get("cause").and_then(Value::as_str).unwrap()).collect();
    assert_eq!(status, Some(1));
    assert_eq!(causes, ["dropped", "reset", "dropped", "dropped", "reset", "dropped"]);
}

#[test]
fn each_end_is_told() {
    let tap = Tap::start();
    let (mut client, mut server) = tap.open();
    pass(&mut server, &mut client, b"\x88\x05\x03\xe9bye");
    pass(&mut client, &mut server, b"\x88\x82\0\0\0\0\x03\xe9");
    server.shutdown(Shutdown::Write).unwrap();
    is_at_end(&mut client);
    client.shutdown(Shutdown::Write).unwrap();
    is_at_end(&mut server);
    // It is still open when the tap ends.
    let (_client, _server) = tap.open();
    let (status, lines) = tap.stop();
    assert_eq!(status, Some(1));
    let [closed, open] = lines.as_slice() else { panic!("{lines:?}") };
    for (key, value) in [("cause", "closed"), ("first", "server"), ("relation", "answer"), ("path", "/x")] {
        assert_eq!(closed.get(key).unwrap(), value, "{closed}");
    }
    for (end, reason) in [("client", "bye"), ("server", "")] {
        let report = closed.pointer(&format!("/reports/{end}")).unwrap();
        assert_eq!(report, &serde_json::json!({"code": 1001, "reason": reason, "wasClean": true, "because": "seen"}));
        assert!(closed.pointer(&format!("/closes/{end}/arrived")).unwrap().is_null(), "a tap has no acknowledgements");
    }
    assert_eq!(open.get("cause").unwrap(), "open");
}

/// A thousand connections at the same time.
#[test]
fn many_connections() {
    let tap = Tap::start();
    let mut connections: Vec<_> = (0..1000)
        .map(|count| {
            if count % 100 == 99 {
                println!("{count} connections: {} KiB", tap.memory());
            }
            tap.open()
        })
        .collect();
    let memory = tap.memory();
    for (client, server) in &mut connections {
        pass(client, server, b"\x88\x80\0\0\0\0");
        pass(server, client, b"\x88\x00");
        server.shutdown(Shutdown::Both).unwrap();
        is_at_end(client);
    }
    drop(connections);
    let (status, lines) = tap.stop();
    assert_eq!((status, lines.len()), (Some(0), 1000));
    assert!(lines.iter().all(|line| line.get("cause").unwrap() == "closed"));
    assert!(memory < 100 << 10, "{memory} KiB");
}

/// Who sends to an end that does not read has to wait, as without the tap.
#[test]
fn slow_readers_cost_no_memory() {
    let tap = Tap::start();
    let before = tap.memory();
    let mut connections: Vec<_> = (0..20).map(|_| tap.open()).collect();
    for (client, server) in &mut connections {
        for end in [client, server] {
            end.set_nonblocking(true).unwrap();
        }
    }
    let (block, mut blocked_since, mut sent) = (vec![0x82; 1 << 16], Instant::now(), 0_u64);
    while blocked_since.elapsed() < Duration::from_millis(300) {
        let mut has_sent = false;
        for end in connections.iter_mut().flat_map(|(client, server)| [client, server]) {
            match end.write(&block) {
                Ok(len) => {
                    sent += len as u64;
                    has_sent = true;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        if has_sent {
            blocked_since = Instant::now();
        } else {
            thread::sleep(Duration::from_millis(10));
        }
    }
    let more = tap.memory().saturating_sub(before);
    println!("{} MiB sent, {more} KiB more in the tap", sent >> 20);
    assert!(more < 8 << 10 && sent > 20 << 20, "{sent} bytes sent, {more} KiB more");
}

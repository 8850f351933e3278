//! Runs a recipe or an example as a program, for the tests, and kills it when they are done with it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// The opening handshake of a raw client. The token is for the hyper recipe, and the answer to this key is in RFC 6455,
/// 1.3.
pub const REQUEST: &[u8] =
    b"GET /?token=1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A program that is running.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    /// Where it listens, if it was started as a recipe.
    pub address: String,
}

impl Process {
    /// A recipe that serves.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_close-recipes"));
        command.args(arguments);
        let mut process = Self::spawn(command);
        process.address = process.listens_on();
        process
    }

    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (line, lines) = channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
        Self { child, lines, address: String::new() }
    }

    /// The address on the first line of a server.
    pub fn listens_on(&self) -> String {
        let first = self.line(Duration::from_secs(20)).unwrap();
        first.strip_prefix("listening on ").unwrap().to_owned()
    }

    /// The next line that it prints within `bound`, if there is one.
    pub fn line(&self, bound: Duration) -> Option<String> {
        self.lines.recv_timeout(bound).ok()
    }

    pub fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(killed.unwrap().success());
    }

    /// Waits for its end, and returns the lines that nobody has read. One that lasts longer is killed, and fails the
    /// test.
    pub fn wait(mut self, bound: Duration) -> (ExitStatus, Vec<String>) {
        let deadline = Instant::now() + bound;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, self.lines.iter().collect());
            }
            assert!(Instant::now() < deadline, "it lasts longer than {bound:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Opens a WebSocket on a transport to a server.
pub async fn open(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.write_all(REQUEST).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    Ok(())
}

/// A client behind its opening handshake.
pub async fn connect(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    open(&mut stream).await.unwrap();
    stream
}

/// A client's frame. Its masking key is zero.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let header = match payload.len() {
        len @ 0..=125 => vec![first, 0x80 | u8::try_from(len).unwrap()],
        len @ 126..=65535 => [&[first, 0xfe], &u16::try_from(len).unwrap().to_be_bytes()[..]].concat(),
        len => [&[first, 0xff], &u64::try_from(len).unwrap().to_be_bytes()[..]].concat(),
    };
    [&header[..], &[0; 4], payload].concat()
}

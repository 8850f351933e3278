//! A server and a client on a blocking `TcpStream`, without tokio, that end their connection by `ClosingHandshake`.
//!
//! Both begin where the HTTP upgrade is done. `cargo run --example blocking` lets them talk to each other.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use websocket_close::wire::{self, Peek, Scanner};
use websocket_close::{
    Awaited, CloseFrame, ClosingHandshake, Ending, Loss, OwnedCloseFrame, Role, TransportAction, TransportEnd,
};

/// How long each end waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many bytes an end reads and discards at most, once the Closes are done. A peer may send for ever.
const MAX_DISCARDED: u64 = 1 << 20;

/// Serves until the client closes, breaks the protocol, or is lost.
pub(crate) fn server(mut stream: TcpStream) -> Ending {
    let mut closing = ClosingHandshake::new(Role::Server);
    let mut reader = Reader::new(Role::Server);
    while closing.transport() == TransportAction::Keep {
        let answer = match reader.next_close(&mut stream) {
            Ok(Ok(close)) => closing.receive(close.as_frame()),
            Ok(Err(error)) => closing.reject(error),
            Err(end) => return closing.into_ending(end),
        };
        write(&mut stream, answer, None, &mut closing);
    }
    let end = end(stream, closing.transport());
    closing.into_ending(end)
}

/// Closes with `goodbye`, waits for the server's Close, and then for the server to end the transport.
pub(crate) fn client(mut stream: TcpStream, goodbye: CloseFrame<'_>) -> Ending {
    let mut closing = ClosingHandshake::new(Role::Client);
    let mut reader = Reader::new(Role::Client);
    let goodbye = closing.start(goodbye);
    write(&mut stream, goodbye, Some(key()), &mut closing);
    while closing.transport() == TransportAction::Keep {
        let answer = match reader.next_close(&mut stream) {
            Ok(Ok(close)) => closing.receive(close.as_frame()),
            Ok(Err(error)) => closing.reject(error),
            Err(end) => return closing.into_ending(end),
        };
        write(&mut stream, answer, Some(key()), &mut closing);
    }
    let end = end(stream, closing.transport());
    closing.into_ending(end)
}

/// Writes the Close that the handshake has chosen, if there is one. If that fails, the transport is lost, and the next
/// read reports it.
fn write(stream: &mut TcpStream, frame: Option<CloseFrame<'_>>, mask: Option<[u8; 4]>, closing: &mut ClosingHandshake) {
    if let Some(frame) = frame {
        if stream.write_all(wire::encode(frame, mask, &mut [0; wire::MAX_FRAME_LEN])).is_ok() {
            closing.mark_written();
        }
    }
}

/// Ends the transport in order. Closing it with unread bytes would reset it, and the reset can destroy our own Close.
fn end(mut stream: TcpStream, action: TransportAction) -> TransportEnd {
    if action == TransportAction::End {
        // If this fails, the transport is lost, and the read below reports it.
        let _ = stream.shutdown(Shutdown::Write);
    }
    let cut = |discarded| TransportEnd::Cut { awaited: Awaited::End, after: PATIENCE, discarded };
    match io::copy(&mut Read::take(&mut stream, MAX_DISCARDED), &mut io::sink()) {
        Ok(discarded @ MAX_DISCARDED..) => cut(Some(discarded)),
        Ok(_) => TransportEnd::InOrder,
        Err(error) if timed_out(&error) => cut(None),
        Err(error) => TransportEnd::Lost(loss(&error)),
    }
}

/// Whether the read timed out. The kind depends on the platform.
fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn loss(error: &io::Error) -> Loss {
    match error.kind() {
        ErrorKind::ConnectionReset => Loss::Reset,
        ErrorKind::ConnectionAborted => Loss::Aborted,
        ErrorKind::BrokenPipe => Loss::BrokenPipe,
        _ => Loss::Other,
    }
}

/// Finds the Closes among the peer's frames. A whole program would give all other frames to its own decoder.
struct Reader {
    local: Role,
    scanner: Scanner,
    unread: Vec<u8>,
}

impl Reader {
    fn new(local: Role) -> Self {
        Self { local, scanner: Scanner::new(), unread: Vec::new() }
    }

    /// The next Close, or what is wrong with it. The outer error tells how the transport ended before one came.
    fn next_close(&mut self, stream: &mut TcpStream) -> Result<Result<OwnedCloseFrame, wire::Error>, TransportEnd> {
        loop {
            match self.scanner.skip(&self.unread) {
                Ok(other) => self.unread.drain(..other),
                Err(error) => return Ok(Err(error)),
            };
            match wire::peek(self.local, &mut self.unread) {
                Ok(Peek::Close(close)) => {
                    let len = close.frame_len();
                    let close = close.decode().map(CloseFrame::into_owned);
                    self.unread.drain(..len);
                    return Ok(close);
                }
                Ok(Peek::Incomplete { .. } | Peek::NotClose(_)) => {}
                Err(error) => return Ok(Err(error)),
            }
            let mut chunk = [0; 1024];
            match stream.read(&mut chunk) {
                Ok(0) if self.scanner.at_boundary() && self.unread.is_empty() => return Err(TransportEnd::InOrder),
                Ok(0) => return Err(TransportEnd::InsideFrame),
                Ok(read) => self.unread.extend(chunk.iter().take(read)),
                Err(error) if timed_out(&error) => {
                    return Err(TransportEnd::Cut { awaited: Awaited::Close, after: PATIENCE, discarded: None });
                }
                Err(error) => return Err(TransportEnd::Lost(loss(&error))),
            }
        }
    }
}

/// A masking key that nobody can predict. The standard library seeds its hash maps with random numbers of the system.
fn key() -> [u8; 4] {
    let [a, b, c, d, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    [a, b, c, d]
}

/// The two ends of a connection, as if the HTTP upgrade were done. Each gives up after `PATIENCE`.
pub(crate) fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
    }
    Ok((client, server))
}

fn main() -> io::Result<()> {
    let (client_stream, server_stream) = connected()?;
    thread::scope(|scope| {
        scope.spawn(|| println!("server: {}", server(server_stream)));
        println!("client: {}", client(client_stream, CloseFrame::from_static(1000, "work done")));
    });
    Ok(())
}

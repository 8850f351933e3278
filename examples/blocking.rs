//! A server and a client on a blocking `TcpStream`, without tokio, that end their connection by `ClosingHandshake`.
//!
//! Both begin where the HTTP upgrade is done. `cargo run --example blocking` lets them talk to each other.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use websocket_close::wire::{self, Peek, Scanner};
use websocket_close::{CloseEvent, CloseFrame, ClosingHandshake, OwnedCloseFrame, Role, Transport};

/// Serves until the client closes, breaks the protocol, or is lost.
pub(crate) fn server(mut stream: TcpStream) -> CloseEvent {
    let mut closing = ClosingHandshake::new(Role::Server);
    let mut reader = Reader::new(Role::Server);
    while closing.transport() == Transport::Keep {
        let answer = match reader.next_close(&mut stream) {
            Ok(Ok(close)) => closing.receive(close.as_frame()),
            Ok(Err(error)) => closing.fail(error.reply()),
            Err(_lost) => return closing.finish(),
        };
        write(&mut stream, answer, None, &mut closing);
    }
    end(stream, closing.transport());
    closing.finish()
}

/// Closes with `goodbye`, waits for the server's Close and for its end of the transport.
pub(crate) fn client(mut stream: TcpStream, goodbye: CloseFrame<'_>) -> CloseEvent {
    let mut closing = ClosingHandshake::new(Role::Client);
    let mut reader = Reader::new(Role::Client);
    let mut to_write = closing.start(goodbye);
    loop {
        write(&mut stream, to_write, Some(masking_key()), &mut closing);
        if closing.transport() != Transport::Keep {
            break;
        }
        to_write = match reader.next_close(&mut stream) {
            Ok(Ok(close)) => closing.receive(close.as_frame()),
            Ok(Err(error)) => closing.fail(error.reply()),
            Err(_lost) => return closing.finish(),
        };
    }
    end(stream, closing.transport());
    closing.finish()
}

/// Writes what the machine has handed out, if anything. If that fails the transport is lost, which the next read tells.
fn write(stream: &mut TcpStream, frame: Option<CloseFrame<'_>>, mask: Option<[u8; 4]>, closing: &mut ClosingHandshake) {
    if let Some(frame) = frame {
        if stream.write_all(wire::encode(frame, mask, &mut [0; wire::MAX_FRAME_LEN])).is_ok() {
            closing.written();
        }
    }
}

/// Ends the transport in order: to close it while bytes are unread would reset it, and our Close might be lost with it.
fn end(mut stream: TcpStream, transport: Transport) {
    if transport == Transport::End {
        // The handshake is over: if this fails, so has the transport.
        let _ = stream.shutdown(Shutdown::Write);
    }
    // Until the peer's end, the read time-out, or a limit for a peer that goes on and on.
    let _ = io::copy(&mut Read::take(&mut stream, 1 << 20), &mut io::sink());
}

/// Finds the Closes among the peer's frames. A whole program would hand the bytes that are stepped over to its own decoder.
struct Reader {
    local: Role,
    scanner: Scanner,
    unread: Vec<u8>,
}

impl Reader {
    fn new(local: Role) -> Self {
        Self { local, scanner: Scanner::new(), unread: Vec::new() }
    }

    /// The next Close, or what is wrong with it.
    fn next_close(&mut self, stream: &mut TcpStream) -> io::Result<Result<OwnedCloseFrame, wire::Error>> {
        loop {
            match self.scanner.skip(&self.unread) {
                Ok(other) => self.unread.drain(..other),
                Err(error) => return Ok(Err(error)),
            };
            match wire::peek(self.local, &self.unread) {
                Ok(Peek::Close(header)) => {
                    let len = header.frame_len();
                    let close = header.decode(&mut self.unread).map(CloseFrame::into_owned);
                    self.unread.drain(..len);
                    return Ok(close.map_err(wire::Error::from));
                }
                Ok(Peek::Incomplete { .. } | Peek::NotClose { .. }) => {}
                Err(error) => return Ok(Err(error)),
            }
            let mut chunk = [0; 1024];
            match stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.unread.extend(chunk.iter().take(read)),
            }
        }
    }
}

/// Fresh and unpredictable: the standard library keys its hash maps from the system's random numbers.
fn masking_key() -> [u8; 4] {
    let [a, b, c, d, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    [a, b, c, d]
}

/// The two ends of a connection, as if they had been upgraded, that give up after ten seconds of silence.
pub(crate) fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
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

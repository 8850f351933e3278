//! A server and a client on a blocking `TcpStream`, without tokio, that end their connection by `ClosingHandshake`.
//! A server ends its connection within 22 seconds of its beginning, a client within 12 seconds.
//!
//! Both begin where the HTTP upgrade is done. `cargo run --example blocking` lets them talk to each other. With
//! `-- serve ADDRESS` it serves the clients that come, and with `-- connect ADDRESS` it is the client of a server.
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

use std::env;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use websocket_close::wire::{self, Peek, Scanner};
use websocket_close::{
    Awaited, CloseCode, CloseFrame, ClosingHandshake, Ending, Loss, OwnedCloseFrame, Role, TransportAction,
    TransportEnd,
};

/// How long an end waits for the other.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// For the Closes. A server waits so long for its client, and once more after it has told it to go.
    pub(crate) close: Duration,
    /// For the end of the transport, from the Closes on.
    pub(crate) end: Duration,
}

const PATIENCE: Patience = Patience { close: Duration::from_secs(10), end: Duration::from_secs(2) };

/// How many bytes an end reads and discards at most, once the Closes are done.
const MAX_DISCARDED: u64 = 64 << 20;

/// Serves until the client closes, breaks the protocol, or is lost. A client that takes too long is told to go.
pub(crate) fn server(stream: TcpStream, patience: Patience) -> Ending {
    let closing = ClosingHandshake::new(Role::Server);
    end(Socket::new(stream, patience.close), closing, patience)
}

/// Closes with `goodbye`, waits for the server's Close, and then for the server to end the transport.
pub(crate) fn client(stream: TcpStream, goodbye: CloseFrame<'_>, patience: Patience) -> Ending {
    let mut closing = ClosingHandshake::new(Role::Client);
    let mut socket = Socket::new(stream, patience.close);
    let goodbye = closing.start(goodbye);
    socket.write_close(goodbye, &mut closing);
    end(socket, closing, patience)
}

/// Reads until the closing handshake is over, and then ends the transport.
fn end(mut socket: Socket, mut closing: ClosingHandshake, patience: Patience) -> Ending {
    let mut reader = Reader::new(closing.local());
    while closing.transport() == TransportAction::Keep {
        let awaited = if closing.close_pending() { Awaited::Write } else { Awaited::Close };
        let frame = match reader.next_close(&mut socket, awaited) {
            Ok(Ok(close)) => closing.receive(close.as_frame()),
            Ok(Err(error)) => closing.reject(error),
            Err(TransportEnd::Cut { .. }) if closing.is_open() => {
                socket.wait(patience.close);
                closing.start(CloseCode::GOING_AWAY.into())
            }
            Err(end) => return closing.into_ending(end),
        };
        socket.write_close(frame, &mut closing);
    }
    let end = socket.end(closing.transport(), patience.end);
    closing.into_ending(end)
}

/// A socket whose reads and writes fail when a deadline has passed. The time-outs of `TcpStream` count from each call,
/// so a peer that sends a byte now and then would never meet one.
struct Socket {
    stream: TcpStream,
    deadline: Instant,
    patience: Duration,
}

impl Socket {
    fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, deadline: Instant::now() + patience, patience }
    }

    /// Starts a new wait.
    fn wait(&mut self, patience: Duration) {
        (self.deadline, self.patience) = (Instant::now() + patience, patience);
    }

    /// The time that is left. It is never zero, which `TcpStream` takes for an error.
    fn time_left(&self) -> io::Result<Option<Duration>> {
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }

    /// Writes the Close that the handshake has chosen, if there is one. If that fails, the next read reports an error
    /// or the end.
    fn write_close(&mut self, frame: Option<CloseFrame<'_>>, closing: &mut ClosingHandshake) {
        let Some(frame) = frame else { return };
        let mask = (closing.local() == Role::Client).then(key);
        if self.write_all(wire::encode(frame, mask, &mut [0; wire::MAX_FRAME_LEN])).is_ok() {
            closing.mark_written();
        }
    }

    /// Ends the transport in order. Closing it with unread bytes would reset it, and the reset can destroy our own
    /// Close.
    fn end(mut self, action: TransportAction, patience: Duration) -> TransportEnd {
        if action == TransportAction::End {
            // If this fails, the transport is lost, and the read below reports it.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        self.wait(patience);
        match io::copy(&mut Read::take(&mut self, MAX_DISCARDED), &mut io::sink()) {
            Ok(discarded @ MAX_DISCARDED..) => {
                TransportEnd::Cut { awaited: Awaited::End, after: patience, discarded: Some(discarded) }
            }
            Ok(_) => TransportEnd::InOrder,
            Err(error) => self.ended_by(&error, Awaited::End),
        }
    }

    /// How the transport has ended if reading failed like this.
    fn ended_by(&self, error: &io::Error, awaited: Awaited) -> TransportEnd {
        TransportEnd::Lost(match error.kind() {
            // The kind of a time-out depends on the platform.
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                return TransportEnd::Cut { awaited, after: self.patience, discarded: None };
            }
            ErrorKind::ConnectionReset => Loss::Reset,
            ErrorKind::ConnectionAborted => Loss::Aborted,
            ErrorKind::BrokenPipe => Loss::BrokenPipe,
            _ => Loss::Other,
        })
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.time_left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.time_left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
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
    fn next_close(
        &mut self,
        socket: &mut Socket,
        awaited: Awaited,
    ) -> Result<Result<OwnedCloseFrame, wire::Error>, TransportEnd> {
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
            match socket.read(&mut chunk) {
                Ok(0) if self.scanner.at_boundary() && self.unread.is_empty() => return Err(TransportEnd::InOrder),
                Ok(0) => return Err(TransportEnd::InsideFrame),
                Ok(read) => self.unread.extend(chunk.iter().take(read)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(socket.ended_by(&error, awaited)),
            }
        }
    }
}

/// A masking key that nobody can predict. The standard library seeds its hash maps with random numbers of the system.
fn key() -> [u8; 4] {
    let [a, b, c, d, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    [a, b, c, d]
}

/// The two ends of a connection, as if the HTTP upgrade were done.
pub(crate) fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    Ok((client, server))
}

/// Serves each client on a thread of its own.
fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let serving =
            stream.and_then(|stream| thread::Builder::new().spawn(|| println!("server: {}", server(stream, PATIENCE))));
        // The client has hung up already, or there are no descriptors or threads left. Some will be.
        if let Err(error) = serving {
            eprintln!("{error}");
            thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let goodbye = CloseFrame::from_static(1000, "work done");
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address] => serve(address)?,
        ["connect", address] => println!("client: {}", client(TcpStream::connect(address)?, goodbye, PATIENCE)),
        _ => {
            let (client_stream, server_stream) = connected()?;
            thread::scope(|scope| {
                scope.spawn(|| println!("server: {}", server(server_stream, PATIENCE)));
                println!("client: {}", client(client_stream, goodbye, PATIENCE));
            });
        }
    }
    Ok(())
}

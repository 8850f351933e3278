//! A TCP socket for blocking code. Its reads and writes fail with `TimedOut` when a deadline has passed.
//!
//! The time-outs of `TcpStream` count from each call, so a peer that sends a byte now and then would never meet one.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::accept::PAUSE;

/// How many bytes `end` discards at most.
const MAX_DISCARDED: u64 = 64 << 20;

pub struct Socket {
    stream: TcpStream,
    deadline: Instant,
}

/// The clients of a server, whose first wait begins at once. One that cannot be accepted is passed over: it may have
/// hung up already, or there are no descriptors left, and some will be when a connection has ended.
pub fn clients(listener: &TcpListener, patience: Duration) -> impl Iterator<Item = Socket> {
    std::iter::repeat_with(|| listener.accept()).filter_map(move |accepted| match accepted {
        Ok((stream, _)) => Some(Socket { stream, deadline: Instant::now() + patience }),
        Err(error) => {
            eprintln!("{error}");
            thread::sleep(PAUSE);
            None
        }
    })
}

impl Socket {
    /// Starts a new wait.
    pub fn wait(&mut self, patience: Duration) {
        self.deadline = Instant::now() + patience;
    }

    /// Ends our direction. If that fails, the connection is lost, and reading tells so, too.
    pub fn shut_down(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends our direction, and discards what still comes until the peer ends its own. Closing a socket with unread
    /// bytes would reset the connection, and a reset can destroy what we have sent last.
    pub fn end(&mut self) {
        self.shut_down();
        let _ = io::copy(&mut self.take(MAX_DISCARDED), &mut io::sink());
    }

    /// Never zero, which `TcpStream` takes for an error.
    fn time_left(&self) -> io::Result<Option<Duration>> {
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.time_left()?)?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.time_left()?)?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Unix has another name for it.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

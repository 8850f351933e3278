//! A proxy that tells how each WebSocket ended: what an `Observer` needs from it.
//!
//! It relays one connection whose opening handshake is over. Your proxy knows where that is.
//! `cargo run --example relay` lets a server behind it drop its client.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use wsclose::{Observer, Report, Role, TransportEnd};

/// What both directions share.
struct Relay {
    observer: Mutex<Observer>,
    last_byte: Mutex<Instant>,
    patience: Duration,
}

/// Relays until both directions have ended, or no byte has passed for so long, and returns what was seen.
pub(crate) fn relay(client: &TcpStream, server: &TcpStream, patience: Duration) -> io::Result<Observer> {
    for stream in [client, server] {
        // A direction that waits looks at the other one now and then.
        stream.set_read_timeout(Some(patience / 4))?;
        stream.set_write_timeout(Some(patience))?;
    }
    let relay = Relay { observer: Mutex::default(), last_byte: Mutex::new(Instant::now()), patience };
    thread::scope(|scope| {
        for (from, source, target) in [(Role::Client, client, server), (Role::Server, server, client)] {
            let relay = &relay;
            scope.spawn(move || {
                if relay.one_way(from, source, target).is_err() {
                    // Neither end gets any further. The other direction ends, too.
                    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
                }
            });
        }
    });
    Ok(relay.observer.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

impl Relay {
    /// Relays what `from` sends, until it ends that in order.
    fn one_way(&self, from: Role, mut source: &TcpStream, mut target: &TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 14];
        loop {
            let bytes = match source.read(&mut buffer) {
                Ok(0) => {
                    self.see(|observer| observer.ended(from, TransportEnd::Fin));
                    return target.shutdown(Shutdown::Write);
                }
                Ok(len) => buffer.get(..len).unwrap_or_default(),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if self.is_idle() {
                        return Err(error);
                    }
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.see(|observer| observer.ended(from, TransportEnd::Reset));
                    return Err(error);
                }
            };
            // The order of these calls tells who was first. A proxy sees no acknowledgements.
            self.see(|observer| observer.bytes(from, bytes));
            target.write_all(bytes)?;
        }
    }

    fn see(&self, what: impl FnOnce(&mut Observer)) {
        // A poisoned lock still holds what was seen.
        what(&mut self.observer.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        *self.last_byte.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
    }

    fn is_idle(&self) -> bool {
        self.last_byte.lock().unwrap_or_else(std::sync::PoisonError::into_inner).elapsed() >= self.patience
    }
}

/// What an end reports, for a log.
pub(crate) fn line(end: &str, report: &Report) -> String {
    match report.event() {
        Some(event) => format!("{end}: {event} ({:?})", report.because()),
        None => format!("{end}: cannot be said"),
    }
}

/// Both ends of a connection over loopback.
pub(crate) fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    Ok((near, listener.accept()?.0))
}

fn main() -> io::Result<()> {
    let (mut client, from_client) = pair()?;
    let (to_server, mut server) = pair()?;
    client.write_all(b"\x81\x82\0\0\0\0hi")?;
    server.write_all(b"\x81\x02hi")?;
    drop(server);
    client.shutdown(Shutdown::Write)?;
    let observer = relay(&from_client, &to_server, Duration::from_secs(30))?;
    println!("{}", line("client", &observer.report(Role::Client)));
    println!("{}", line("server", &observer.report(Role::Server)));
    Ok(())
}

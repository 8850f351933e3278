//! The host's stand-in for the network stack of a device, for the `no_std` recipe: TCP with the opening handshake done.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use close_recipes::Connection;
use embedded_io::ErrorType;
use tokio_tungstenite::tungstenite;

use crate::deadline::{Socket, clients};

/// How long the opening handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The connections that come in at `address`, one after the other, without end.
pub fn sockets(address: &str) -> io::Result<impl Iterator<Item = Device>> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    Ok(std::iter::from_fn(move || clients(&listener, PATIENCE).next())
        .filter_map(|socket| tungstenite::accept(socket).ok())
        .map(|socket| Device(socket.into_inner())))
}

pub struct Device(Socket);

impl ErrorType for Device {
    type Error = io::Error;
}

impl embedded_io::Read for Device {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl embedded_io::Write for Device {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Connection for Device {
    fn wait(&mut self, patience: Duration) {
        self.0.wait(patience);
    }

    fn shut_down(&mut self) {
        self.0.shut_down();
    }
}

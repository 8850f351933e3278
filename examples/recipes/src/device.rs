//! The host's stand-in for the network stack of a device, for the `no_std` recipe: TCP with the opening handshake done.

use std::io;
use std::net::{TcpListener, TcpStream};

use embedded_io_adapters::std::FromStd;
use tokio_tungstenite::tungstenite;

/// The connections that come in at `address`, one after the other.
pub fn sockets(address: &str) -> io::Result<impl Iterator<Item = FromStd<TcpStream>>> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    Ok(std::iter::from_fn(move || listener.accept().ok())
        .filter_map(|(stream, _)| tungstenite::accept(stream).ok())
        .map(|socket| FromStd::new(socket.into_inner())))
}

//! `wsclose streams`: the bytes of each direction in a file of its own. The two have no common clock.

use std::io::{self, Read};

use super::connection::{Connection, Piece, Side};
use super::heads::{self, MAX_HEAD};
use super::summary::Summary;

/// One of the two directions.
struct Stream<R> {
    reader: R,
    side: Side,
    name: String,
    at: u64,
    buffer: Vec<u8>,
}

/// Reads both to their ends. `None` if they are no WebSocket.
pub(crate) fn read(client: (String, impl Read), server: (String, impl Read)) -> io::Result<Option<Summary>> {
    let mut client = Stream { reader: client.1, side: Side::A, name: client.0, at: 0, buffer: Vec::new() };
    let mut server = Stream { reader: server.1, side: Side::B, name: server.0, at: 0, buffer: Vec::new() };
    client.fill()?;
    server.fill()?;
    let has_head = heads::head_len(&client.buffer, 0).is_some() || heads::head_len(&server.buffer, 0).is_some();
    // Without a head, the mask bit of the first frame tells whose file this is.
    let is_masked = |bytes: &[u8]| bytes.get(1).map(|second| second & 0x80 != 0);
    let is_swapped = is_masked(&client.buffer) == Some(false) || is_masked(&server.buffer) == Some(true);
    let mut connection = match (has_head, is_swapped) {
        (true, _) => Connection::new(true, None),
        (false, false) => Connection::joined(Side::A),
        (false, true) => Connection::joined(Side::B),
    };
    // Both heads come before any frame: they tell which frames are legal. The request comes first, also if the files
    // are swapped.
    if server.buffer.starts_with(b"GET ") {
        server.head_to(&mut connection);
        client.head_to(&mut connection);
    } else {
        client.head_to(&mut connection);
        server.head_to(&mut connection);
    }
    client.rest_to(&mut connection)?;
    server.rest_to(&mut connection)?;
    let (a, b) = (client.name, server.name);
    Ok(connection.finish(None, |side| if side == Side::A { a.clone() } else { b.clone() }))
}

impl<R: Read> Stream<R> {
    /// Reads the first bytes.
    fn fill(&mut self) -> io::Result<()> {
        self.reader.by_ref().take(MAX_HEAD as u64).read_to_end(&mut self.buffer).map(drop)
    }

    fn head_to(&mut self, connection: &mut Connection) {
        let len = heads::head_len(&self.buffer, 0).unwrap_or(0);
        let rest = self.buffer.split_off(len);
        self.buffer_to(connection);
        self.buffer = rest;
    }

    fn rest_to(&mut self, connection: &mut Connection) -> io::Result<()> {
        while !self.buffer.is_empty() {
            self.buffer_to(connection);
            self.fill()?;
        }
        Ok(())
    }

    fn buffer_to(&mut self, connection: &mut Connection) {
        connection.bytes(self.side, Piece { time: None, ack: None, at: self.at, bytes: &self.buffer });
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
    }
}

//! A sensor that sends its reading to each client, one after the other: no allocator, static buffers, its own framing.
//! A connection ends within 9 seconds of its opening.

use core::fmt::Display;
use core::time::Duration;

use embedded_io::{Error, ErrorKind, ReadExactError};
use static_cell::ConstStaticCell;

use crate::Connection;

/// How long a client may take to close. The others wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end may take: our Close, and then the client's end of the transport.
const END: Duration = Duration::from_secs(4);

/// Byte 0 of the control frames: FIN and the opcode.
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A text frame.
static READING: [u8; 6] = *b"\x81\x0421.5";
/// Holds any control frame.
static BUFFER: ConstStaticCell<[u8; 131]> = ConstStaticCell::new([0; 131]);

/// Why no Close has come.
enum Fault {
    /// The client is at fault. We fail the connection with this code.
    Theirs(u16),
    Lost,
}

impl<E: Error> From<ReadExactError<E>> for Fault {
    fn from(error: ReadExactError<E>) -> Self {
        match error {
            ReadExactError::Other(error) if error.kind() == ErrorKind::TimedOut => Self::Theirs(1001),
            _ => Self::Lost,
        }
    }
}

/// Reports a line for each connection.
///
/// # Panics
///
/// If called twice, since the buffer is taken.
pub fn serve<C: Connection>(connections: impl IntoIterator<Item = C>, report: impl Fn(&dyn Display)) {
    let buffer = BUFFER.take();
    for mut connection in connections {
        let close = match talk(&mut connection, buffer) {
            Ok(payload) => Some(payload.first_chunk().copied().unwrap_or([0x03, 0xe8])),
            Err(Fault::Theirs(code)) => Some(code.to_be_bytes()),
            Err(Fault::Lost) => None,
        };
        connection.wait(END);
        if let Some(close) = close {
            let written = connection.write_all(&[CLOSE, 2, close[0], close[1]]);
            if written.and_then(|()| connection.flush()).is_ok() {
                report(&u16::from_be_bytes(close));
            }
        }
        end(&mut connection, buffer);
    }
}

/// Sends the reading, and returns the payload of the Close.
fn talk<'b, C: Connection>(connection: &mut C, buffer: &'b mut [u8; 131]) -> Result<&'b [u8], Fault> {
    connection.wait(PATIENCE);
    // If a write fails, half a frame may be out, and no Close can follow that.
    connection.write_all(&READING).map_err(|_| Fault::Lost)?;
    loop {
        let (first, len) = read_frame(connection, buffer)?;
        match first {
            CLOSE => return Ok(&buffer[..len.into()]),
            PING => {
                connection.write_all(&[PONG, len]).map_err(|_| Fault::Lost)?;
                connection.write_all(&buffer[..len.into()]).map_err(|_| Fault::Lost)?;
            }
            // A pong, or data that this sensor does not look at.
            _ => {}
        }
    }
}

/// Byte 0 of a frame, and the length of its payload, which is put unmasked into the buffer.
fn read_frame<C: Connection>(connection: &mut C, buffer: &mut [u8; 131]) -> Result<(u8, u8), Fault> {
    let mut head = [0; 2];
    connection.read_exact(&mut head)?;
    let [first, second] = head;
    let (opcode, len) = (first & 0x0f, second & 0x7f);
    let is_control = opcode >= 0x8;
    // RSV bits without an extension, no mask, a reserved opcode; a control frame in fragments, or with more than 125
    // bytes.
    if first & 0x70 != 0
        || second & 0x80 == 0
        || matches!(opcode, 0x3..=0x7 | 0xb..)
        || is_control && (first & 0x80 == 0 || len > 125)
    {
        return Err(Fault::Theirs(1002));
    }
    if len > 125 {
        return Err(Fault::Theirs(1009));
    }
    let mut key = [0; 4];
    connection.read_exact(&mut key)?;
    let payload = &mut buffer[..len.into()];
    connection.read_exact(payload)?;
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    Ok((first, len))
}

/// Ends our direction, and discards what still comes until the client ends its own, or until its time is over. Closing
/// a connection with unread bytes would reset it, and a reset can destroy our own Close.
fn end<C: Connection>(connection: &mut C, buffer: &mut [u8; 131]) {
    connection.shut_down();
    while connection.read(buffer).is_ok_and(|read| read > 0) {}
}

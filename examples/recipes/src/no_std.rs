//! A sensor that tells its reading to whoever connects, one after the other: no allocator, static buffers, framing of its own.

use embedded_io::{Read, ReadExactError, Write};
use static_cell::ConstStaticCell;
use websocket_close::{CloseEvent, CloseFrame, ClosingHandshake, Role, Transport, wire};

/// A text frame.
static READING: [u8; 6] = *b"\x81\x0421.5";
/// Holds any control frame.
static BUFFER: ConstStaticCell<[u8; 131]> = ConstStaticCell::new([0; 131]);

/// # Panics
///
/// If called twice, since the buffer is taken.
pub fn serve<S: Read + Write>(sockets: impl IntoIterator<Item = S>, report: impl Fn(CloseEvent)) {
    let buffer = BUFFER.take();
    for mut socket in sockets {
        let mut closing = ClosingHandshake::new(Role::Server);
        // An error means that the connection is lost.
        let _ = talk(&mut socket, buffer, &mut closing);
        report(closing.finish());
    }
}

fn talk<S: Read + Write>(
    socket: &mut S,
    buffer: &mut [u8; 131],
    closing: &mut ClosingHandshake,
) -> Result<(), ReadExactError<S::Error>> {
    socket.write_all(&READING)?;
    while closing.transport() == Transport::Keep {
        let (opcode, payload) = read_frame(socket, buffer)?;
        if opcode == 0x8 {
            let answer = match CloseFrame::from_payload(payload) {
                Ok(theirs) => closing.receive(theirs),
                Err(error) => closing.fail(error.reply()),
            };
            socket.write_all(wire::encode(answer.unwrap_or(CloseFrame::EMPTY), None, buffer))?;
            closing.written();
        }
    }
    Ok(())
}

/// The opcode of a frame, and its payload, unmasked. Long frames are more than this sensor takes.
fn read_frame<'b, S: Read>(
    socket: &mut S,
    buffer: &'b mut [u8; 131],
) -> Result<(u8, &'b [u8]), ReadExactError<S::Error>> {
    let mut head = [0; 6];
    socket.read_exact(&mut head)?;
    let [first, second, key @ ..] = head;
    let len = second.checked_sub(0x80).filter(|len| *len <= 125).ok_or(ReadExactError::UnexpectedEof)?;
    let payload = &mut buffer[..len.into()];
    socket.read_exact(payload)?;
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    Ok((first & 0x0f, payload))
}

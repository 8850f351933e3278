//! A sensor that sends its reading to each client, one after the other: no allocator, static buffers, its own framing.

use embedded_io::{Read, ReadExactError, Write};
use static_cell::ConstStaticCell;
use websocket_close::{CloseFrame, ClosingHandshake, Ending, Role, TransportAction, TransportEnd, wire};

/// A text frame.
static READING: [u8; 6] = *b"\x81\x0421.5";
/// Holds any control frame.
static BUFFER: ConstStaticCell<[u8; 131]> = ConstStaticCell::new([0; 131]);

/// # Panics
///
/// If called twice, since the buffer is taken.
pub fn serve<S: Read + Write>(sockets: impl IntoIterator<Item = S>, report: impl Fn(Ending)) {
    let buffer = BUFFER.take();
    for mut socket in sockets {
        let mut closing = ClosingHandshake::new(Role::Server);
        // An error means that the connection is lost.
        let _ = talk(&mut socket, buffer, &mut closing);
        report(closing.into_ending(TransportEnd::NotKnown));
    }
}

fn talk<S: Read + Write>(
    socket: &mut S,
    buffer: &mut [u8; 131],
    closing: &mut ClosingHandshake,
) -> Result<(), ReadExactError<S::Error>> {
    socket.write_all(&READING)?;
    while closing.transport() == TransportAction::Keep {
        let (opcode, payload) = read_frame(socket, buffer)?;
        if opcode == 0x8 {
            let answer = closing.receive_or_reject(CloseFrame::from_payload(payload));
            socket.write_all(wire::encode(answer.unwrap_or(CloseFrame::EMPTY), None, buffer))?;
            closing.mark_written();
        }
    }
    Ok(())
}

/// The opcode of a frame, and its unmasked payload. This sensor takes no long frames.
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

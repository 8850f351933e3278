//! A sensor that sends its reading to each client, one after the other: no allocator, static buffers, its own framing.

use embedded_io::{Read, ReadExactError, Write};
use static_cell::ConstStaticCell;

/// A text frame.
static READING: [u8; 6] = *b"\x81\x0421.5";
/// Holds any control frame.
static BUFFER: ConstStaticCell<[u8; 131]> = ConstStaticCell::new([0; 131]);

/// # Panics
///
/// If called twice, since the buffer is taken.
pub fn serve<S: Read + Write>(sockets: impl IntoIterator<Item = S>, report: impl Fn(Option<u16>)) {
    let buffer = BUFFER.take();
    for mut socket in sockets {
        let mut closing = None;
        // An error means that the connection is lost.
        let _ = talk(&mut socket, buffer, &mut closing);
        report(closing);
    }
}

fn talk<S: Read + Write>(
    socket: &mut S,
    buffer: &mut [u8; 131],
    closing: &mut Option<u16>,
) -> Result<(), ReadExactError<S::Error>> {
    socket.write_all(&READING)?;
    while closing.is_none() {
        let (opcode, payload) = read_frame(socket, buffer)?;
        if opcode == 0x8 {
            let code = payload.first_chunk().copied().unwrap_or([0x03, 0xe8]);
            socket.write_all(&[0x88, 2, code[0], code[1]])?;
            *closing = Some(u16::from_be_bytes(code));
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

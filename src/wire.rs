//! Whole Close frames: the header of 2 bytes, or 6 with a masking key, around the payload; and stepping over all other frames.
//!
//! [`peek`] looks at the start of a frame and says what is there, [`Header::decode`] decodes a Close, [`Scanner`] steps over
//! what is none, [`encode`] and [`to_array`] write. Reserved opcodes and the inside of other frames are not looked at: those
//! belong to whoever owns the framing. [RFC 6455, 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)
//!
//! ```text
//!  byte 0            byte 1                 a client's frame only    payload
//! +-----+-----+-----+------+-------------+ +---+---+---+---+ +------+-----+--------------+
//! | FIN | RSV | 0x8 | MASK | payload len | |  masking key  | | status code | reason ...  |
//! |  1  | 000 |     |      |   0 .. 125  | |    4 bytes    | |   2 bytes   | 0 .. 123    |
//! +-----+-----+-----+------+-------------+ +---+---+---+---+ +------+-----+--------------+
//! ```

use arrayvec::ArrayVec;

use crate::code::CloseCode;
use crate::frame::{CloseFrame, DecodeError, MAX_PAYLOAD_LEN};
use crate::role::Role;

/// The most bytes that a Close frame can have: 131, of which 2 are the header, 4 the masking key and 125 the payload.
pub const MAX_FRAME_LEN: usize = 2 + 4 + MAX_PAYLOAD_LEN;

const FIN: u8 = 0x80;
const RSV: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const OPCODE_CLOSE: u8 = 0x8;
const MASK: u8 = 0x80;
const PAYLOAD_LEN: u8 = 0x7f;

/// What stands at the start of `bytes`, a frame boundary, for an endpoint in the role `local`.
///
/// Looks at the header only, changes nothing, and may be asked again when more bytes have come. A fault in the header of a
/// Close is reported at the first byte that proves it, in the order FIN, RSV, mask, length form, payload length; code and
/// reason are judged when the frame is there whole, by [`Header::decode`].
///
/// # Errors
///
/// [`Error`] for a Close frame whose header is wrong, and for another frame whose 64-bit length has its top bit set.
///
/// ```
/// use websocket_close::{CloseCode, CloseFrame, Role, wire::{self, Peek}};
///
/// // A client's frame, as a server finds it at the front of its buffer.
/// let mut buffer = [0x88, 0x85, 0x6c, 0x10, 0xd2, 0x76, 0x63, 0xb1, 0xb0, 0x0f, 0x09];
/// assert_eq!(wire::peek(Role::Server, &buffer[..7]), Ok(Peek::Incomplete { need: 4 }));
///
/// match wire::peek(Role::Server, &buffer)? {
///     Peek::Close(header) => {
///         assert_eq!(header.frame_len(), 11);
///         assert_eq!(header.decode(&mut buffer)?, CloseFrame::from_static(4001, "bye"));
///     }
///     Peek::Incomplete { need } => println!("read {need} more bytes"),
///     Peek::NotClose { .. } => println!("some other frame"),
/// }
/// # Ok::<(), wire::Error>(())
/// ```
#[inline]
pub fn peek(local: Role, bytes: &[u8]) -> Result<Peek, Error> {
    let [first, rest @ ..] = bytes else {
        return Ok(Peek::Incomplete { need: 2 });
    };
    if first & OPCODE != OPCODE_CLOSE {
        return Ok(Peek::NotClose { frame_len: frame_len(bytes)? });
    }
    // "Control frames themselves MUST NOT be fragmented" (5.4, 5.5).
    if first & FIN == 0 {
        return Err(Error::Fragmented);
    }
    // No extension gives these bits a meaning in a control frame; RFC 7692, section 6, even forbids RSV1.
    if first & RSV != 0 {
        return Err(Error::ReservedBits((first & RSV) >> 4));
    }
    let [second, ..] = rest else {
        return Ok(Peek::Incomplete { need: 1 });
    };
    let masked = second & MASK != 0;
    // 5.1: a client masks every frame, a server none.
    match local {
        Role::Server if !masked => return Err(Error::Unmasked),
        Role::Client if masked => return Err(Error::Masked),
        Role::Server | Role::Client => {}
    }
    let payload_len = second & PAYLOAD_LEN;
    // Both a longer payload (5.5) and a longer form for a short one (5.2) are forbidden, so this byte proves a fault.
    if payload_len > 125 {
        return Err(Error::ExtendedLength(payload_len));
    }
    // 5.5.1: a body begins with a code of two bytes.
    if payload_len == 1 {
        return Err(Error::Payload(DecodeError::MissingByte));
    }
    let header = Header { masked, payload_len };
    match header.frame_len().saturating_sub(bytes.len()) {
        0 => Ok(Peek::Close(header)),
        need => Ok(Peek::Incomplete { need }),
    }
}

/// What [`peek`] saw.
///
/// ```
/// use websocket_close::{Role, wire::{self, Peek}};
///
/// // A text frame of five bytes, and nothing of a Close.
/// assert_eq!(wire::peek(Role::Client, b"\x81\x05he"), Ok(Peek::NotClose { frame_len: Some(7) }));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum Peek {
    /// A whole Close frame, to be [decoded](Header::decode).
    Close(Header),
    /// The start of a Close frame, or nothing; at least `need` more bytes are needed.
    Incomplete {
        /// How many bytes are missing at least: to the end of the frame as soon as its length is in view.
        need: usize,
    },
    /// The start of some other frame.
    NotClose {
        /// How many bytes that frame has, header included, if its length is in view.
        frame_len: Option<u64>,
    },
}

/// The header of a Close frame that is wholly in view. It is used up by decoding, since a payload is unmasked in place, once.
///
/// ```
/// use websocket_close::{CloseFrame, Role, wire::{self, Peek}};
///
/// let mut buffer = *b"\x88\x00 and more";
/// let Ok(Peek::Close(header)) = wire::peek(Role::Client, &buffer) else { panic!() };
/// assert_eq!(header.decode(&mut buffer), Ok(CloseFrame::EMPTY));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    masked: bool,
    /// 0, or 2 to 125.
    payload_len: u8,
}

impl Header {
    /// How many bytes the frame has, header included: at most 131.
    ///
    /// ```
    /// # use websocket_close::{Role, wire::{self, Peek}};
    /// let Ok(Peek::Close(header)) = wire::peek(Role::Client, b"\x88\x02\x03\xe8\x81\x00") else { panic!() };
    /// assert_eq!(header.frame_len(), 4);
    /// ```
    #[inline]
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.header_len() + usize::from(self.payload_len)
    }

    fn header_len(&self) -> usize {
        if self.masked { 6 } else { 2 }
    }

    /// Unmasks the payload in place and decodes it. `frame` begins where [`peek`] looked; bytes behind the frame are left alone.
    ///
    /// # Errors
    ///
    /// Those of [`CloseFrame::from_payload`]. A `frame` that is shorter than what was peeked at is the caller's mistake, for which
    /// the peer is not to be blamed; it is [`DecodeError::MissingByte`], too.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, DecodeError, Role, wire::{self, Peek}};
    /// let mut buffer = *b"\x88\x02\x03\xed";
    /// let Ok(Peek::Close(header)) = wire::peek(Role::Client, &buffer) else { panic!() };
    /// let error = header.decode(&mut buffer).unwrap_err();
    /// assert_eq!(error, DecodeError::InvalidCode(CloseCode::new(1005).unwrap_err()));
    /// ```
    #[inline]
    pub fn decode(self, frame: &mut [u8]) -> Result<CloseFrame<'_>, DecodeError> {
        let (header, rest) = frame.split_at_mut_checked(self.header_len()).ok_or(DecodeError::MissingByte)?;
        let payload = rest.get_mut(..self.payload_len.into()).ok_or(DecodeError::MissingByte)?;
        // A header of two bytes has no key.
        if let Some(key) = header.last_chunk() {
            apply_mask(*key, payload);
        }
        CloseFrame::from_payload(payload)
    }
}

/// Masks or unmasks. [RFC 6455, 5.3](https://www.rfc-editor.org/rfc/rfc6455#section-5.3)
#[inline]
fn apply_mask(key: [u8; 4], payload: &mut [u8]) {
    let word = u32::from_ne_bytes(key);
    let mut chunks = payload.chunks_exact_mut(4);
    for chunk in &mut chunks {
        if let Some(chunk) = chunk.first_chunk_mut() {
            *chunk = (u32::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
        }
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Writes a whole Close frame to the front of `buffer` and hands out what was written; any frame fits.
///
/// A client passes a masking key, fresh and unpredictable for each frame
/// ([5.3](https://www.rfc-editor.org/rfc/rfc6455#section-5.3)); a server passes `None`. The peer refuses anything else.
///
/// ```
/// use websocket_close::{CloseFrame, wire};
///
/// let mut buffer = [0; 131];
/// let frame = CloseFrame::from_static(1001, "bye");
/// assert_eq!(wire::encode(frame, None, &mut buffer), b"\x88\x05\x03\xe9bye");
///
/// let key = [0x37, 0xfa, 0x21, 0x3d]; // from a random number generator
/// assert_eq!(wire::encode(frame, Some(key), &mut buffer).len(), 11);
/// ```
#[inline]
#[must_use]
pub fn encode<'b>(frame: CloseFrame<'_>, mask: Option<[u8; 4]>, buffer: &'b mut [u8; MAX_FRAME_LEN]) -> &'b [u8] {
    let (first, second) = first_bytes(frame);
    let [byte0, byte1, rest @ ..] = buffer;
    *byte0 = first;
    let header_len = match mask {
        None => {
            *byte1 = second;
            let [payload @ .., _, _, _, _] = rest;
            let _ = frame.write_payload(payload);
            2
        }
        Some(key) => {
            *byte1 = MASK | second;
            let [k0, k1, k2, k3, payload @ ..] = rest;
            [*k0, *k1, *k2, *k3] = key;
            write_masked_payload(frame, key, payload);
            6
        }
    };
    // At most 6 + 125 bytes, the length of `buffer`.
    buffer.get(..header_len + frame.payload_len()).unwrap_or_default()
}

/// [`CloseFrame::write_payload`], masked on the way.
#[inline]
fn write_masked_payload(frame: CloseFrame<'_>, [k0, k1, k2, k3]: [u8; 4], buffer: &mut [u8; MAX_PAYLOAD_LEN]) {
    if let Some(code) = frame.code() {
        let [high, low, reason @ ..] = buffer;
        let [code_high, code_low] = code.get().to_be_bytes();
        [*high, *low] = [code_high ^ k0, code_low ^ k1];
        let from = frame.reason().as_bytes();
        if let Some(to) = reason.get_mut(..from.len()) {
            copy_masked([k2, k3, k0, k1], from, to);
        }
    }
}

/// Copies `from` to `to`, which is as long, and masks it.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a reason has at most 123 bytes")]
fn copy_masked(key: [u8; 4], from: &[u8], to: &mut [u8]) {
    let word = u32::from_le_bytes(key);
    let copy = |to: &mut [u8; 16], from: &[u8; 16], word: u32| {
        let two = u128::from(word) | u128::from(word) << 32;
        *to = (u128::from_le_bytes(*from) ^ (two | two << 64)).to_le_bytes();
    };
    if let Some(end) = from.last_chunk() {
        for (to, from) in to.chunks_exact_mut(16).zip(from.chunks_exact(16)) {
            if let (Some(to), Some(from)) = (to.first_chunk_mut(), from.first_chunk()) {
                copy(to, from, word);
            }
        }
        // The last 16 bytes may overlap those before; they begin at another byte of the key, as many on as `from` has.
        if let Some(to) = to.last_chunk_mut() {
            copy(to, end, word.rotate_right(8 * from.len() as u32));
        }
    } else {
        for ((to, from), key) in to.iter_mut().zip(from).zip(key.into_iter().cycle()) {
            *to = *from ^ key;
        }
    }
}

/// A server's whole Close frame as an array, for statics; in a `const` a wrong length does not compile.
///
/// # Panics
///
/// If `N` is not the length of the frame, which is 2 and [`payload_len`](CloseFrame::payload_len).
///
/// ```
/// use websocket_close::{CloseFrame, wire};
///
/// static RESTART: [u8; 4] = wire::to_array(CloseFrame::from_static(1012, ""));
/// assert_eq!(RESTART, [0x88, 0x02, 0x03, 0xf4]);
/// ```
///
/// ```compile_fail,E0080
/// # use websocket_close::{CloseFrame, wire};
/// static RESTART: [u8; 5] = wire::to_array(CloseFrame::from_static(1012, ""));
/// ```
#[must_use]
#[track_caller]
pub const fn to_array<const N: usize>(frame: CloseFrame<'_>) -> [u8; N] {
    assert!(N == 2 + frame.payload_len(), "the array does not have the length of the frame");
    let mut array = [0; N];
    let bytes: &mut [u8] = &mut array;
    if let [byte0, byte1, payload @ ..] = bytes {
        (*byte0, *byte1) = first_bytes(frame);
        frame.write_const(payload);
    }
    array
}

/// The first two bytes of a Close frame, without the mask bit.
#[expect(clippy::cast_possible_truncation, reason = "a payload has at most 125 bytes")]
const fn first_bytes(frame: CloseFrame<'_>) -> (u8, u8) {
    (FIN | OPCODE_CLOSE, frame.payload_len() as u8)
}

/// How many bytes the frame at the start of `bytes` has, header included, if its length is in view.
#[inline]
fn frame_len(bytes: &[u8]) -> Result<Option<u64>, Error> {
    let [_, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let mask_len = if second & MASK == 0 { 0 } else { 4 };
    Ok(match second & PAYLOAD_LEN {
        126 => rest.first_chunk().map(|len| 4 + mask_len + u64::from(u16::from_be_bytes(*len))),
        127 => match rest.first_chunk().map(|len| u64::from_be_bytes(*len)) {
            // 5.2: "the most significant bit MUST be 0". It also keeps the sum below from overflowing.
            Some(len) if len > i64::MAX as u64 => return Err(Error::LengthTooLarge(len)),
            len => len.map(|len| 10 + mask_len + len),
        },
        len => Some(2 + mask_len + u64::from(len)),
    })
}

/// Steps over frames that are no Close, however they are cut into pieces, without keeping any of them.
///
/// It holds at most the ten bytes of a header and a count, so that a frame which announces 2^63 bytes costs as little as
/// an empty one. A whole message in fragments is several frames, and a Close may stand between them
/// ([RFC 6455, 5.4](https://www.rfc-editor.org/rfc/rfc6455#section-5.4)).
///
/// ```
/// use websocket_close::wire::Scanner;
///
/// let mut scanner = Scanner::new();
/// // A ping, half a text frame: nothing of interest.
/// assert_eq!(scanner.skip(b"\x89\x00\x81\x05he"), Ok(6));
/// assert!(!scanner.at_boundary());
/// // The other half, and the first bytes of a Close.
/// assert_eq!(scanner.skip(b"llo\x88\x02"), Ok(3));
/// assert!(scanner.at_boundary());
/// # Ok::<(), websocket_close::wire::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    /// The bytes of a header whose length is not yet in view.
    header: ArrayVec<u8, 10>,
    /// How many bytes of the current frame are still to come after that header.
    left: u64,
}

impl Scanner {
    /// A scanner at a frame boundary.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many of the `bytes`, which follow those of the last call, belong to other frames: all of them, or those before
    /// the first byte of a Close frame, where [`peek`] goes on.
    ///
    /// # Errors
    ///
    /// [`Error::LengthTooLarge`] if a 64-bit length has its top bit set, in this and every later call: after that, nobody
    /// knows where the next frame begins.
    #[inline]
    pub fn skip(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let skipped = self.skip_until(bytes, is_close);
        self.fault()?;
        Ok(skipped)
    }

    /// The same, but stops before the first frame whose byte 0 `stop` picks; and behind a header that is a [fault](Self::fault).
    #[inline]
    pub(crate) fn skip_until(&mut self, bytes: &[u8], stop: impl Fn(u8) -> bool) -> usize {
        let mut rest = bytes;
        loop {
            let here = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
            self.left -= here as u64;
            rest = rest.get(here..).unwrap_or_default();
            let Some((&first, tail)) = rest.split_first() else { break };
            if self.header.is_empty() {
                if stop(first) {
                    break;
                }
                if let Ok(Some(len)) = frame_len(rest) {
                    self.left = len;
                    continue;
                }
            }
            // A header that is cut, or a fault: its bytes are kept. Ten always hold the length, so an eleventh finds no room.
            if self.header.try_push(first).is_err() {
                break;
            }
            rest = tail;
            if let Ok(Some(len)) = frame_len(&self.header) {
                self.left = len - self.header.len() as u64;
                self.header.clear();
            }
        }
        bytes.len() - rest.len()
    }

    /// Whether the scanner has stopped behind a header whose length is a fault.
    pub(crate) fn fault(&self) -> Result<(), Error> {
        frame_len(&self.header).map(|_| ())
    }

    /// Whether the next byte is the first of a frame. At the end of the transport this tells a frame that was cut off from
    /// one that was not.
    #[inline]
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.left == 0 && self.header.is_empty()
    }
}

/// Whether a frame with this byte 0 is a Close, right or wrong.
#[inline]
pub(crate) const fn is_close(first: u8) -> bool {
    first & OPCODE == OPCODE_CLOSE
}

/// What is wrong with a frame, and the code to answer with.
///
/// ```
/// use websocket_close::{CloseCode, Role, wire};
///
/// // Byte 1 announces a longer length form, which no control frame has.
/// let error = wire::peek(Role::Client, &[0x88, 126]).unwrap_err();
/// assert_eq!(error, wire::Error::ExtendedLength(126));
/// assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A Close frame without the FIN bit. [RFC 6455, 5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)
    #[error("a Close frame without the FIN bit")]
    Fragmented,
    /// A Close frame with these RSV bits, 1 to 7: 4 is RSV1, 2 is RSV2, 1 is RSV3.
    /// [RFC 6455, 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)
    #[error("a Close frame with the RSV bits {0:03b}")]
    ReservedBits(u8),
    /// A masked Close frame from a server. [RFC 6455, 5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.1)
    #[error("a masked Close frame from a server")]
    Masked,
    /// An unmasked Close frame from a client. [RFC 6455, 5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.1)
    #[error("an unmasked Close frame from a client")]
    Unmasked,
    /// A Close frame with a length of 16 bits (126) or 64 bits (127), which is wrong whatever that length is.
    /// [RFC 6455, 5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)
    #[error("a Close frame with the length form {0}, a control frame has at most 125 bytes")]
    ExtendedLength(u8),
    /// A frame that is no Close, with a 64-bit length whose top bit is set.
    /// [RFC 6455, 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)
    #[error("a frame with the length {0:#x}, whose top bit is set")]
    LengthTooLarge(u64),
    /// A Close frame with a wrong payload.
    #[error(transparent)]
    Payload(#[from] DecodeError),
}

impl Error {
    /// The code to fail the connection with: that of the [payload](DecodeError::close_code), otherwise 1002.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, wire};
    /// assert_eq!(wire::Error::Unmasked.close_code(), CloseCode::PROTOCOL_ERROR);
    /// ```
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::Payload(error) => error.close_code(),
            // 5.1 names 1002 for the mask; the other faults are of its kind (10.7).
            Self::Fragmented
            | Self::ReservedBits(_)
            | Self::Masked
            | Self::Unmasked
            | Self::ExtendedLength(_)
            | Self::LengthTooLarge(_) => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The Close to fail the connection with. Nothing of the bad frame is in it.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, wire};
    /// assert_eq!(wire::Error::Fragmented.reply(), CloseFrame::from_static(1002, ""));
    /// ```
    #[must_use]
    pub const fn reply(self) -> CloseFrame<'static> {
        CloseFrame::from_code(self.close_code())
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
mod tests {
    use super::*;

    /// Masked in words and windows, and one byte at a time as the RFC has it: each length, each phase of the key.
    #[test]
    fn masks_as_byte_by_byte() {
        const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let plain: [u8; 125] = core::array::from_fn(|index| index as u8);
        let masked: [u8; 125] = core::array::from_fn(|index| plain[index] ^ KEY[index % 4]);
        for len in 0..=125 {
            let mut buffer = [0; 125];
            copy_masked(KEY, &plain[..len], &mut buffer[..len]);
            assert_eq!(buffer[..len], masked[..len], "copied");
            apply_mask(KEY, &mut buffer[..len]);
            assert_eq!(buffer[..len], plain[..len], "in place");
            assert!(buffer[len..].iter().all(|byte| *byte == 0), "nothing behind");
        }
    }
}

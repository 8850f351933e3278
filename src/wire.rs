//! Whole Close frames: the header of 2 bytes, or 6 with a masking key, around the payload. And how to step over others.
//!
//! [`peek`] looks at the start of a frame and says what it is; [`RawClose::decode`] decodes a Close; [`Scanner`] steps
//! over all other frames; [`encode`] and [`to_array`] write a Close. This module does not judge other frames, neither
//! their reserved opcodes nor their content: that is the task of the code that owns the framing.
//! [RFC 6455, 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)
//!
//! ```text
//!  byte 0            byte 1                 a client's frame only    payload
//! +-----+-----+-----+------+-------------+ +---+---+---+---+ +------+-----+--------------+
//! | FIN | RSV | 0x8 | MASK | payload len | |  masking key  | | status code | reason ...  |
//! |  1  | 000 |     |      |   0 .. 125  | |    4 bytes    | |   2 bytes   | 0 .. 123    |
//! +-----+-----+-----+------+-------------+ +---+---+---+---+ +------+-----+--------------+
//! ```

use crate::code::CloseCode;
use crate::frame::{CloseFrame, DecodeError, InvalidCloseFrame, MAX_PAYLOAD_LEN};
use crate::mask;
use crate::role::Role;

/// The most bytes that a Close frame can have: 131. The header takes 2, the masking key 4, the payload up to 125.
pub const MAX_FRAME_LEN: usize = 2 + 4 + MAX_PAYLOAD_LEN;

const FIN: u8 = 0x80;
const RSV: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const OPCODE_CLOSE: u8 = 0x8;
#[cfg(feature = "codec")]
const OPCODE_PING: u8 = 0x9;
#[cfg(feature = "codec")]
const OPCODE_PONG: u8 = 0xa;
const MASK: u8 = 0x80;
const PAYLOAD_LEN: u8 = 0x7f;

/// Classifies the frame at the start of `bytes`, which must be a frame boundary. `local` is the end that we are.
///
/// It looks at the header only and changes nothing, so you may ask again when more bytes have come. It reports a fault
/// in the header of a Close at the first byte that proves it, in the order FIN, RSV, mask, length form, payload length.
/// It leaves code and reason to [`RawClose::decode`], once the whole frame is there.
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
/// assert_eq!(wire::peek(Role::Server, &mut buffer[..7]), Ok(Peek::Incomplete { need: 4 }));
///
/// match wire::peek(Role::Server, &mut buffer)? {
///     Peek::Close(close) => {
///         assert_eq!(close.frame_len(), 11);
///         assert_eq!(close.decode()?, CloseFrame::from_static(4001, "bye"));
///     }
///     Peek::Incomplete { need } => println!("read {need} more bytes"),
///     Peek::NotClose(header) => println!("a frame with the opcode {}", header.opcode),
/// }
/// # Ok::<(), wire::Error>(())
/// ```
#[inline]
pub fn peek(local: Role, bytes: &mut [u8]) -> Result<Peek<'_>, Error> {
    let [first, rest @ ..] = &*bytes else {
        return Ok(Peek::Incomplete { need: 2 });
    };
    if first & OPCODE != OPCODE_CLOSE {
        return Ok(Peek::NotClose(Header::read(*first, bytes)?));
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
    // 5.5 forbids a longer payload, 5.2 a longer form for a short one. So this byte proves a fault.
    if payload_len > 125 {
        return Err(Error::ExtendedLength(payload_len));
    }
    // 5.5.1: a body begins with a code of two bytes.
    if payload_len == 1 {
        return Err(Error::Payload(DecodeError::MissingByte));
    }
    let (have, header_len, payload_len) = (bytes.len(), if masked { 6 } else { 2 }, usize::from(payload_len));
    let frame = bytes.split_at_mut_checked(header_len);
    match frame.and_then(|(header, rest)| Some((header, rest.get_mut(..payload_len)?))) {
        // A header of two bytes has no key.
        Some((header, payload)) => Ok(Peek::Close(RawClose { key: header.last_chunk().copied(), payload })),
        None => Ok(Peek::Incomplete { need: header_len + payload_len - have }),
    }
}

/// What [`peek`] saw.
///
/// ```
/// use websocket_close::{Role, wire::{self, Peek}};
///
/// let mut start_of_a_text = *b"\x81\x05he";
/// let Ok(Peek::NotClose(header)) = wire::peek(Role::Client, &mut start_of_a_text) else { panic!() };
/// assert_eq!((header.opcode, header.payload_len, header.frame_len), (1, Some(5), Some(7)));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum Peek<'a> {
    /// A whole Close frame. [Decode](RawClose::decode) it.
    Close(RawClose<'a>),
    /// The start of a Close frame, or nothing at all.
    Incomplete {
        /// At least so many bytes are missing. Once the length is in view, exactly so many.
        need: usize,
    },
    /// Some other frame, or its start.
    NotClose(Header),
}

/// A whole Close frame in a buffer, not yet decoded.
///
/// It holds the bytes of the frame. Decoding consumes it, because it unmasks the payload in place, once.
///
/// ```
/// use websocket_close::{CloseFrame, Role, wire::{self, Peek}};
///
/// let mut buffer = *b"\x88\x00 and more";
/// let Ok(Peek::Close(close)) = wire::peek(Role::Client, &mut buffer) else { panic!() };
/// assert_eq!(close.decode(), Ok(CloseFrame::EMPTY));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct RawClose<'a> {
    key: Option<[u8; 4]>,
    /// No byte, or 2 to 125.
    payload: &'a mut [u8],
}

impl<'a> RawClose<'a> {
    /// How many bytes the frame has, header included: at most 131.
    ///
    /// ```
    /// # use websocket_close::{Role, wire::{self, Peek}};
    /// let mut buffer = *b"\x88\x02\x03\xe8\x81\x00";
    /// let Ok(Peek::Close(close)) = wire::peek(Role::Client, &mut buffer) else { panic!() };
    /// assert_eq!(close.frame_len(), 4);
    /// ```
    #[inline]
    #[must_use]
    pub fn frame_len(&self) -> usize {
        let header_len = if self.key.is_some() { 6 } else { 2 };
        header_len + self.payload.len()
    }

    /// Unmasks the payload in place and decodes it.
    ///
    /// # Errors
    ///
    /// [`Error::Payload`] with the error of [`CloseFrame::from_payload`].
    ///
    /// ```
    /// # use websocket_close::{CloseCode, DecodeError, Role, wire::{self, Peek}};
    /// let mut buffer = *b"\x88\x02\x03\xed";
    /// let Ok(Peek::Close(close)) = wire::peek(Role::Client, &mut buffer) else { panic!() };
    /// let error = close.decode().unwrap_err();
    /// assert_eq!(error, DecodeError::InvalidCode(CloseCode::new(1005).unwrap_err()).into());
    /// ```
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for `CloseFrame::from_payload`")]
    pub fn decode(self) -> Result<CloseFrame<'a>, Error> {
        let frame = match self.key {
            Some(key) => CloseFrame::from_masked_payload(key, self.payload),
            None => CloseFrame::from_payload(self.payload),
        };
        match frame {
            Ok(frame) => Ok(frame),
            Err(error) => Err(Error::Payload(error)),
        }
    }
}

/// What the header of another frame says, as far as it is in view.
///
/// ```
/// use websocket_close::{Role, wire::{self, Peek}};
///
/// // A ping from a client, in full.
/// let mut ping = *b"\x89\x82\0\0\0\0hi";
/// let Ok(Peek::NotClose(header)) = wire::peek(Role::Server, &mut ping) else { panic!() };
/// assert_eq!((header.fin, header.rsv, header.opcode, header.masked), (true, 0, 9, Some(true)));
/// assert_eq!((header.payload_len, header.frame_len, header.is_minimal()), (Some(2), Some(8), Some(true)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Header {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The RSV bits, 0 to 7: 4 is RSV1, 2 is RSV2, 1 is RSV3.
    pub rsv: u8,
    /// 0 to 15, but never 8: continuation (0), text (1), binary (2), ping (9), pong (10). The others are reserved.
    pub opcode: u8,
    /// Whether the payload is masked. It stands in byte 1.
    pub masked: Option<bool>,
    /// How many bytes the payload has.
    pub payload_len: Option<u64>,
    /// How many bytes the frame has, header included.
    pub frame_len: Option<u64>,
}

impl Header {
    #[inline]
    fn read(first: u8, bytes: &[u8]) -> Result<Self, Error> {
        let lengths = lengths(bytes)?;
        Ok(Self {
            fin: first & FIN != 0,
            rsv: (first & RSV) >> 4,
            opcode: first & OPCODE,
            masked: bytes.get(1).map(|second| second & MASK != 0),
            payload_len: lengths.map(|(_, payload_len)| payload_len),
            frame_len: lengths.map(|(header_len, payload_len)| header_len + payload_len),
        })
    }

    /// Whether the length has the shortest form, once it is in view.
    /// [RFC 6455, 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2) demands that.
    ///
    /// ```
    /// # use websocket_close::{Role, wire::{self, Peek}};
    /// let mut five_in_16_bits = *b"\x82\x7e\0\x05";
    /// let Ok(Peek::NotClose(header)) = wire::peek(Role::Client, &mut five_in_16_bits) else { panic!() };
    /// assert_eq!(header.is_minimal(), Some(false));
    /// ```
    #[must_use]
    pub const fn is_minimal(&self) -> Option<bool> {
        match (self.payload_len, self.frame_len, self.masked) {
            (Some(payload_len), Some(frame_len), Some(masked)) => {
                let shortest = match payload_len {
                    0..=125 => 2,
                    126..=0xffff => 4,
                    _ => 10,
                };
                // Nothing here can overflow, whatever a caller has put into the fields.
                Some(frame_len.wrapping_sub(payload_len) == shortest + if masked { 4 } else { 0 })
            }
            _ => None,
        }
    }
}

/// Writes a whole Close frame to the front of `buffer` and returns what it wrote. Every frame fits.
///
/// A client passes a masking key, fresh and unpredictable for each frame
/// ([5.3](https://www.rfc-editor.org/rfc/rfc6455#section-5.3)). A server passes `None`. The peer refuses anything else.
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

/// Appends a pong with this `payload` of at most 125 bytes.
#[cfg(feature = "codec")]
#[expect(clippy::cast_possible_truncation, reason = "the payload of a ping has at most 125 bytes")]
pub(crate) fn put_pong(payload: &[u8], mask: Option<[u8; 4]>, buffer: &mut bytes::BytesMut) {
    let (mask_bit, key) = mask.map_or((0, &[][..]), |_| (MASK, mask.as_slice().as_flattened()));
    buffer.extend_from_slice(&[FIN | OPCODE_PONG, mask_bit | payload.len() as u8]);
    buffer.extend_from_slice(key);
    let start = buffer.len();
    buffer.extend_from_slice(payload);
    if let (Some(key), Some(masked)) = (mask, buffer.get_mut(start..)) {
        mask::copy_masked(key, payload, masked);
    }
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
            mask::copy_masked([k2, k3, k0, k1], from, to);
        }
    }
}

/// A server's whole Close frame as an array, for statics. In a `const`, a wrong length does not compile.
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

/// How many bytes the header and the payload of the frame at the start of `bytes` have, if its length is in view.
#[inline]
fn lengths(bytes: &[u8]) -> Result<Option<(u64, u64)>, Error> {
    let [_, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let mask_len = if second & MASK == 0 { 0 } else { 4 };
    Ok(match second & PAYLOAD_LEN {
        126 => rest.first_chunk().map(|len| (4 + mask_len, u64::from(u16::from_be_bytes(*len)))),
        127 => match rest.first_chunk().map(|len| u64::from_be_bytes(*len)) {
            // 5.2: "the most significant bit MUST be 0". This also keeps sums of the two from overflowing.
            Some(len) if len > i64::MAX as u64 => return Err(Error::LengthTooLarge(len)),
            len => len.map(|len| (10 + mask_len, len)),
        },
        len => Some((2 + mask_len, u64::from(len))),
    })
}

/// Steps over all frames but Closes, however they are cut into pieces, without keeping any of them.
///
/// It holds at most the ten bytes of a header, or a count. So a frame that announces 2^63 bytes costs no more than an
/// empty one. A whole message in fragments is several frames, and a Close may come between them
/// ([RFC 6455, 5.4](https://www.rfc-editor.org/rfc/rfc6455#section-5.4)).
///
/// ```
/// use websocket_close::wire::Scanner;
///
/// let mut scanner = Scanner::new();
/// // A ping and half a text frame: no Close.
/// assert_eq!(scanner.skip(b"\x89\x00\x81\x05he"), Ok(6));
/// assert!(!scanner.at_boundary());
/// // The other half, and the first bytes of a Close.
/// assert_eq!(scanner.skip(b"llo\x88\x02"), Ok(3));
/// assert!(scanner.at_boundary());
/// # Ok::<(), websocket_close::wire::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scanner(Place);

/// Where the next byte belongs.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// To a frame that still has so many bytes; if it has none, to the next frame.
    Frame { left: u64 },
    /// To a header whose length is not yet in view. The first `len` of the bytes have come.
    Header { bytes: [u8; 10], len: u8 },
    /// Nobody can know: the last header had this length.
    Fault(u64),
}

impl Scanner {
    /// A scanner at a frame boundary.
    #[must_use]
    pub const fn new() -> Self {
        Self(Place::Frame { left: 0 })
    }

    /// A scanner inside a frame that still has so many bytes.
    #[cfg(feature = "codec")]
    pub(crate) const fn inside(left: u64) -> Self {
        Self(Place::Frame { left })
    }

    /// Returns how many of the `bytes` belong to other frames: all of them, or those before the first byte of a Close,
    /// where [`peek`] takes over. The `bytes` follow those of the last call.
    ///
    /// # Errors
    ///
    /// [`Error::LengthTooLarge`] if a 64-bit length has its top bit set, in this and every later call. After that the
    /// scanner cannot know where the next frame begins.
    #[inline]
    pub fn skip(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let skipped = self.skip_until(bytes, |first, _| is_close(first));
        self.fault()?;
        Ok(skipped)
    }

    /// The same, but stops before the first frame that `stop` picks, and behind a header that is a
    /// [fault](Self::fault). `stop` gets byte 0 of the frame, and how many of the `bytes` are left from there on.
    #[inline]
    pub(crate) fn skip_until(&mut self, bytes: &[u8], mut stop: impl FnMut(u8, usize) -> bool) -> usize {
        let mut rest = bytes;
        loop {
            match &mut self.0 {
                Place::Frame { left } => {
                    let mut frame_left = *left;
                    let first = loop {
                        let here = usize::try_from(frame_left).map_or(rest.len(), |left| left.min(rest.len()));
                        frame_left -= here as u64;
                        rest = rest.get(here..).unwrap_or_default();
                        let Some(&first) = rest.first().filter(|first| !stop(**first, rest.len())) else {
                            *left = frame_left;
                            return bytes.len() - rest.len();
                        };
                        match lengths(rest) {
                            Ok(Some((header_len, payload_len))) => frame_left = header_len + payload_len,
                            Ok(None) | Err(_) => break first,
                        }
                    };
                    self.0 = Place::Header { bytes: [first, 0, 0, 0, 0, 0, 0, 0, 0, 0], len: 1 };
                    rest = rest.get(1..).unwrap_or_default();
                }
                Place::Header { bytes: header, len } => {
                    let Some((&byte, tail)) = rest.split_first() else { return bytes.len() };
                    rest = tail;
                    // Ten bytes always hold the length.
                    if let Some(free) = header.get_mut(usize::from(*len)) {
                        *free = byte;
                        *len += 1;
                    }
                    let seen = u64::from(*len);
                    match lengths(header.get(..usize::from(*len)).unwrap_or_default()) {
                        Ok(None) => {}
                        Ok(Some((header_len, payload_len))) => {
                            self.0 = Place::Frame { left: header_len + payload_len - seen };
                        }
                        Err(_) => {
                            let [_, _, length @ ..] = *header;
                            self.0 = Place::Fault(u64::from_be_bytes(length));
                        }
                    }
                }
                Place::Fault(_) => return bytes.len() - rest.len(),
            }
        }
    }

    /// Whether the scanner has stopped behind a header whose length is a fault.
    pub(crate) const fn fault(&self) -> Result<(), Error> {
        match self.0 {
            Place::Fault(len) => Err(Error::LengthTooLarge(len)),
            Place::Frame { .. } | Place::Header { .. } => Ok(()),
        }
    }

    /// Whether the next byte is the first of a frame. At the end of the transport this tells a frame that was cut off
    /// from one that was not.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        matches!(self.0, Place::Frame { left: 0 })
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

/// Byte 0 of the frame, if the `bytes` are exactly one.
#[cfg(feature = "codec")]
#[inline]
pub(crate) fn first_of_one_frame(bytes: &[u8]) -> Option<u8> {
    let is_one =
        matches!(lengths(bytes), Ok(Some((header_len, payload_len))) if header_len + payload_len == bytes.len() as u64);
    bytes.first().copied().filter(|_| is_one)
}

/// Whether a frame with this byte 0 is a Close, right or wrong.
#[inline]
pub(crate) const fn is_close(first: u8) -> bool {
    first & OPCODE == OPCODE_CLOSE
}

/// Whether a frame with this byte 0 is a control frame: a Close, a ping, a pong, or reserved.
#[cfg(feature = "codec")]
#[inline]
pub(crate) const fn is_control(first: u8) -> bool {
    first & 0x8 != 0
}

/// Whether a frame with this byte 0 is a ping, right or wrong.
#[cfg(feature = "codec")]
#[inline]
pub(crate) const fn is_ping(first: u8) -> bool {
    first & OPCODE == OPCODE_PING
}

/// What is wrong with a frame, and the code to answer with.
///
/// ```
/// use websocket_close::{CloseCode, Role, wire};
///
/// // Byte 1 announces a longer length form, which no control frame has.
/// let error = wire::peek(Role::Client, &mut [0x88, 126]).unwrap_err();
/// assert_eq!(error, wire::Error::ExtendedLength(126));
/// assert_eq!(error.answer_code(), CloseCode::PROTOCOL_ERROR);
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
    /// A Close frame with a length of 16 bits (126) or 64 bits (127). It is wrong whatever that length is.
    /// [RFC 6455, 5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)
    #[error("a Close frame with the length form {0}, but a control frame has at most 125 bytes")]
    ExtendedLength(u8),
    /// Another frame with a 64-bit length whose top bit is set.
    /// [RFC 6455, 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)
    #[error("a frame with the length {0:#x}, whose top bit must be 0")]
    LengthTooLarge(u64),
    /// A Close frame with a wrong payload.
    #[error(transparent)]
    Payload(#[from] DecodeError),
}

impl From<InvalidCloseFrame> for Error {
    fn from(error: InvalidCloseFrame) -> Self {
        Self::Payload(error.into())
    }
}

impl Error {
    /// The code to fail the connection with: that of the [payload](DecodeError::answer_code), otherwise 1002.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, wire};
    /// assert_eq!(wire::Error::Unmasked.answer_code(), CloseCode::PROTOCOL_ERROR);
    /// ```
    #[must_use]
    pub const fn answer_code(self) -> CloseCode {
        match self {
            Self::Payload(error) => error.answer_code(),
            // 5.1 names 1002 for the mask; the other faults are of its kind (10.7).
            Self::Fragmented
            | Self::ReservedBits(_)
            | Self::Masked
            | Self::Unmasked
            | Self::ExtendedLength(_)
            | Self::LengthTooLarge(_) => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The Close to fail the connection with. It contains nothing of the bad frame.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, wire};
    /// assert_eq!(wire::Error::Fragmented.reply(), CloseFrame::from_static(1002, ""));
    /// ```
    #[must_use]
    pub const fn reply(self) -> CloseFrame<'static> {
        CloseFrame::from_code(self.answer_code())
    }
}

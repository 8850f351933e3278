//! `CloseFrame` and `OwnedCloseFrame`: the payload of a Close frame, decoded and encoded.

use core::fmt;
use core::str::Utf8Error;

use arrayvec::ArrayString;

use crate::code::{CloseCode, InvalidCloseCode};
use crate::utf8;

/// The most bytes that the payload of a control frame can have: 125.
/// [RFC 6455, 5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)
pub const MAX_PAYLOAD_LEN: usize = 125;

/// The most bytes (not characters) of UTF-8 that the reason in a Close frame can have: 123, since two of the
/// [125](MAX_PAYLOAD_LEN) are the code's.
pub const MAX_REASON_LEN: usize = 123;

/// The payload of a Close frame: nothing at all, or a status code and a reason.
/// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
///
/// Every value of this type may be sent: the code is a [`CloseCode`], the reason at most 123 bytes, and there is no reason
/// without a code. It borrows its reason, is `Copy`, and allocates nothing; [`OwnedCloseFrame`] outlives the buffer.
///
/// ```
/// use websocket_close::{CloseCode, CloseFrame, DecodeError};
///
/// let frame = CloseFrame::from_payload(b"\x03\xe9see you")?;
/// assert_eq!(frame.code(), Some(CloseCode::GOING_AWAY));
/// assert_eq!(frame.reason(), "see you");
///
/// let error = CloseFrame::from_payload(b"\x03\xed").unwrap_err(); // 1005 is never sent
/// assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseFrame<'a> {
    code: Option<CloseCode>,
    /// At most `MAX_REASON_LEN` bytes, and empty without a code.
    reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// The Close without a body. Whoever receives it reports 1005, which itself is never sent.
    ///
    /// ```
    /// # use websocket_close::CloseFrame;
    /// assert_eq!(CloseFrame::from_payload(&[]), Ok(CloseFrame::EMPTY));
    /// assert_eq!(CloseFrame::EMPTY.code(), None);
    /// ```
    pub const EMPTY: Self = Self { code: None, reason: "" };

    /// A code without a reason.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame};
    /// let frame = CloseFrame::from_code(CloseCode::SERVICE_RESTART);
    /// assert_eq!(frame.write_payload(&mut [0; 125]), [0x03, 0xf4]);
    /// ```
    #[inline]
    #[must_use]
    pub const fn from_code(code: CloseCode) -> Self {
        Self { code: Some(code), reason: "" }
    }

    /// A code and a reason of at most 123 bytes.
    ///
    /// # Errors
    ///
    /// [`ReasonTooLong`] for more than 123 bytes of UTF-8, which is fewer than 123 characters if any is not ASCII.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame};
    /// let code = CloseCode::POLICY_VIOLATION;
    /// assert_eq!(CloseFrame::new(code, "no").map(CloseFrame::payload_len), Ok(4));
    /// assert_eq!(CloseFrame::new(code, &"é".repeat(62)).unwrap_err().len(), 124);
    /// ```
    #[inline]
    pub const fn new(code: CloseCode, reason: &'a str) -> Result<Self, ReasonTooLong> {
        if reason.len() > MAX_REASON_LEN {
            return Err(ReasonTooLong::new(reason.len()));
        }
        Ok(Self { code: Some(code), reason })
    }

    /// A code and as much of the reason as fits: its longest prefix of whole characters within 123 bytes.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame};
    /// let long = "€".repeat(50); // three bytes each
    /// let frame = CloseFrame::truncated(CloseCode::INTERNAL_ERROR, &long);
    /// assert_eq!(frame.reason(), "€".repeat(41));
    /// ```
    #[must_use]
    pub fn truncated(code: CloseCode, reason: &'a str) -> Self {
        // `get` refuses an end inside a character; that of the empty prefix never is.
        let longest = reason.len().min(MAX_REASON_LEN);
        let fitting = (0..=longest).rev().find_map(|end| reason.get(..end));
        Self { code: Some(code), reason: fitting.unwrap_or_default() }
    }

    /// A literal; in a `const` a wrong one does not compile.
    ///
    /// # Panics
    ///
    /// If the code may not be sent or the reason has more than 123 bytes.
    ///
    /// ```
    /// use websocket_close::CloseFrame;
    ///
    /// const RESTART: CloseFrame<'static> = CloseFrame::from_static(1012, "back in a minute");
    /// # assert_eq!(RESTART.payload_len(), 18);
    /// ```
    ///
    /// ```compile_fail,E0080
    /// use websocket_close::CloseFrame;
    ///
    /// const NO_CODE: CloseFrame<'static> = CloseFrame::from_static(1005, "");
    /// # let _ = NO_CODE;
    /// ```
    ///
    /// ```compile_fail,E0080
    /// use websocket_close::CloseFrame;
    ///
    /// const TOO_LONG: CloseFrame<'static> = CloseFrame::from_static(
    ///     1000,
    ///     "A reason of one hundred and twenty-four bytes is by one byte longer than what fits into a control frame next to the code....",
    /// );
    /// # let _ = TOO_LONG;
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn from_static(code: u16, reason: &'static str) -> CloseFrame<'static> {
        match CloseFrame::new(CloseCode::from_static(code), reason) {
            Ok(frame) => frame,
            Err(_) => panic!("the reason has more than 123 bytes"),
        }
    }

    /// Decodes the unmasked payload of a Close frame: no byte, or a big-endian code and a reason in UTF-8.
    ///
    /// # Errors
    ///
    /// Checked in this order: [`TooLong`](DecodeError::TooLong), [`MissingByte`](DecodeError::MissingByte),
    /// [`InvalidCode`](DecodeError::InvalidCode), [`InvalidUtf8`](DecodeError::InvalidUtf8). Each knows the
    /// [code to answer with](DecodeError::close_code).
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, DecodeError};
    /// let frame = CloseFrame::from_payload(&[0x0f, 0xa1, b'b', b'y', b'e'])?;
    /// assert_eq!(frame.to_string(), r#"4001 (private use) "bye""#);
    /// # Ok::<(), DecodeError>(())
    /// ```
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a call, and a result handed over in memory, cost as much as the work itself"
    )]
    pub fn from_payload(payload: &'a [u8]) -> Result<Self, DecodeError> {
        if payload.len() > MAX_PAYLOAD_LEN {
            return Err(DecodeError::TooLong(payload.len()));
        }
        match payload {
            [] => Ok(Self::EMPTY),
            [_] => Err(DecodeError::MissingByte),
            [high, low, reason @ ..] => {
                let code = CloseCode::new(u16::from_be_bytes([*high, *low])).map_err(DecodeError::InvalidCode)?;
                match utf8::ascii(reason) {
                    Some(reason) => Ok(Self { code: Some(code), reason }),
                    None => Self::with_non_ascii(code, reason),
                }
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn with_non_ascii(code: CloseCode, reason: &'a [u8]) -> Result<Self, DecodeError> {
        let reason = utf8::check(reason).map_err(DecodeError::InvalidUtf8)?;
        Ok(Self { code: Some(code), reason })
    }

    /// The status code, if there is one.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame};
    /// let frame = CloseFrame::from_static(1000, "");
    /// assert_eq!(frame.code(), Some(CloseCode::NORMAL_CLOSURE));
    /// assert!(frame.code().is_some_and(|code| code == 1000));
    /// ```
    #[inline]
    #[must_use]
    pub const fn code(self) -> Option<CloseCode> {
        self.code
    }

    /// The reason, empty if there is none. It is for logs and for programs:
    /// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1) forbids a client to show it to its user.
    ///
    /// ```
    /// # use websocket_close::CloseFrame;
    /// assert_eq!(CloseFrame::from_static(1000, "done").reason(), "done");
    /// ```
    #[inline]
    #[must_use]
    pub const fn reason(self) -> &'a str {
        self.reason
    }

    /// How many bytes the payload has: 0, or 2 to 125.
    ///
    /// ```
    /// # use websocket_close::CloseFrame;
    /// assert_eq!(CloseFrame::EMPTY.payload_len(), 0);
    /// assert_eq!(CloseFrame::from_static(1000, "done").payload_len(), 6);
    /// ```
    #[inline]
    #[must_use]
    pub const fn payload_len(self) -> usize {
        match self.code {
            Some(_) => 2 + self.reason.len(),
            None => 0,
        }
    }

    /// The answer to this frame: the same code without the reason; to an empty frame, an empty one.
    /// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame};
    /// let theirs = CloseFrame::from_static(1001, "tab closed");
    /// assert_eq!(theirs.reply(), CloseFrame::from_code(CloseCode::GOING_AWAY));
    /// assert_eq!(CloseFrame::EMPTY.reply(), CloseFrame::EMPTY);
    /// ```
    #[inline]
    #[must_use]
    pub const fn reply(self) -> CloseFrame<'static> {
        CloseFrame { code: self.code, reason: "" }
    }

    /// Writes the payload to the front of `buffer` and hands out what was written; any frame fits.
    ///
    /// ```
    /// # use websocket_close::CloseFrame;
    /// let mut buffer = [0; 125];
    /// assert_eq!(CloseFrame::from_static(1000, "done").write_payload(&mut buffer), b"\x03\xe8done");
    /// ```
    #[inline]
    #[must_use]
    pub fn write_payload(self, buffer: &mut [u8; MAX_PAYLOAD_LEN]) -> &[u8] {
        if let Some(code) = self.code {
            let [high, low, reason @ ..] = buffer;
            [*high, *low] = code.get().to_be_bytes();
            if let Some(reason) = reason.get_mut(..self.reason.len()) {
                reason.copy_from_slice(self.reason.as_bytes());
            }
        }
        // `payload_len` is at most the length of `buffer`, since the reason has at most 123 bytes.
        buffer.get(..self.payload_len()).unwrap_or_default()
    }

    /// The payload as an array, for statics; in a `const` a wrong length does not compile.
    /// [`wire::to_array`](crate::wire::to_array) does the same for a whole frame.
    ///
    /// # Panics
    ///
    /// If `N` is not [`payload_len`](Self::payload_len).
    ///
    /// ```
    /// use websocket_close::CloseFrame;
    ///
    /// static DONE: [u8; 6] = CloseFrame::from_static(1000, "done").to_array();
    /// assert_eq!(&DONE, b"\x03\xe8done");
    /// ```
    ///
    /// ```compile_fail,E0080
    /// # use websocket_close::CloseFrame;
    /// static DONE: [u8; 7] = CloseFrame::from_static(1000, "done").to_array();
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn to_array<const N: usize>(self) -> [u8; N] {
        assert!(N == self.payload_len(), "the array does not have the length of the payload");
        let mut array = [0; N];
        self.write_const(&mut array);
        array
    }

    /// Writes the payload to `buffer`, which has its length, without anything that a `const` cannot do.
    pub(crate) const fn write_const(self, buffer: &mut [u8]) {
        if let (Some(code), [high, low, rest @ ..]) = (self.code, buffer) {
            [*high, *low] = code.get().to_be_bytes();
            let (mut to, mut from) = (rest, self.reason.as_bytes());
            while let ([byte, to_tail @ ..], [reason_byte, from_tail @ ..]) = (to, from) {
                *byte = *reason_byte;
                (to, from) = (to_tail, from_tail);
            }
        }
    }

    /// Appends the payload. Needs the feature `bytes`.
    ///
    /// # Panics
    ///
    /// If `buffer` cannot grow and has no room for [`payload_len`](Self::payload_len) bytes.
    ///
    /// ```
    /// # use websocket_close::CloseFrame;
    /// let mut buffer = bytes::BytesMut::new();
    /// CloseFrame::from_static(1000, "done").put(&mut buffer);
    /// assert_eq!(&buffer[..], b"\x03\xe8done");
    /// ```
    #[cfg(feature = "bytes")]
    pub fn put(self, buffer: &mut impl bytes::BufMut) {
        if let Some(code) = self.code {
            buffer.put_u16(code.get());
            buffer.put_slice(self.reason.as_bytes());
        }
    }

    /// The same frame with a reason of its own; no allocation, the reason is stored inline.
    ///
    /// ```
    /// # use websocket_close::CloseFrame;
    /// let mut read_buffer = *b"\x03\xe8done";
    /// let owned = CloseFrame::from_payload(&read_buffer)?.into_owned();
    /// read_buffer.fill(0);
    /// assert_eq!(owned.as_frame().reason(), "done");
    /// # Ok::<(), websocket_close::DecodeError>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn into_owned(self) -> OwnedCloseFrame {
        let mut reason = ArrayString::new();
        // It fits: a frame's reason has at most `MAX_REASON_LEN` bytes.
        let _ = reason.try_push_str(self.reason);
        OwnedCloseFrame { code: self.code, reason }
    }
}

/// `1001 (going away) "see you"`. The reason is quoted as `{:?}` quotes it, so that control characters cannot reach a terminal
/// or forge a line of a log.
impl fmt::Display for CloseFrame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            None => f.write_str("no status code"),
            Some(code) if self.reason.is_empty() => write!(f, "{code}"),
            Some(code) => write!(f, "{code} {:?}", self.reason),
        }
    }
}

impl fmt::Debug for CloseFrame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseFrame").field("code", &self.code).field("reason", &self.reason).finish()
    }
}

/// A [`CloseFrame`] that owns its reason. It stores the 123 bytes inline and allocates nothing.
///
/// ```
/// use websocket_close::{CloseFrame, OwnedCloseFrame};
///
/// let owned = OwnedCloseFrame::from(CloseFrame::from_static(1000, "done"));
/// assert_eq!(owned.as_frame(), CloseFrame::from_static(1000, "done"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OwnedCloseFrame {
    code: Option<CloseCode>,
    /// Empty without a code.
    pub(crate) reason: ArrayString<MAX_REASON_LEN>,
}

impl OwnedCloseFrame {
    /// The frame, with its reason borrowed from here.
    ///
    /// ```
    /// # use websocket_close::CloseFrame;
    /// let owned = CloseFrame::from_static(1013, "").into_owned();
    /// assert_eq!(owned.as_frame().payload_len(), 2);
    /// ```
    #[inline]
    #[must_use]
    pub fn as_frame(&self) -> CloseFrame<'_> {
        CloseFrame { code: self.code, reason: &self.reason }
    }
}

impl From<CloseFrame<'_>> for OwnedCloseFrame {
    #[inline]
    fn from(frame: CloseFrame<'_>) -> Self {
        frame.into_owned()
    }
}

impl fmt::Display for OwnedCloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_frame().fmt(f)
    }
}

impl fmt::Debug for OwnedCloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedCloseFrame").field("code", &self.code).field("reason", &self.reason).finish()
    }
}

/// A reason of more than 123 bytes, which fits into no Close frame.
///
/// ```
/// use websocket_close::{CloseCode, CloseFrame};
///
/// let error = CloseFrame::new(CloseCode::NORMAL_CLOSURE, &"a".repeat(124)).unwrap_err();
/// assert_eq!(error.to_string(), "the reason has 124 bytes, a Close frame takes at most 123");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the reason has {len} bytes, a Close frame takes at most {MAX_REASON_LEN}")]
pub struct ReasonTooLong {
    len: usize,
}

impl ReasonTooLong {
    pub(crate) const fn new(len: usize) -> Self {
        Self { len }
    }

    /// How many bytes the reason has.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame};
    /// assert_eq!(CloseFrame::new(CloseCode::TIMEOUT, &"€".repeat(42)).unwrap_err().len(), 126);
    /// ```
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "the reason that was too long is not empty")]
    pub const fn len(self) -> usize {
        self.len
    }
}

/// What is wrong with the payload of a Close frame, and the code to answer with.
///
/// ```
/// use websocket_close::{CloseCode, CloseFrame, DecodeError};
///
/// let error = CloseFrame::from_payload(b"\x03\xe8\xff").unwrap_err();
/// assert_eq!(error.close_code(), CloseCode::INVALID_PAYLOAD);
///
/// assert_eq!(CloseFrame::from_payload(b"\x03"), Err(DecodeError::MissingByte));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The payload has this many bytes, more than the 125 of a control frame.
    /// [RFC 6455, 5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)
    #[error("the payload has {0} bytes, a control frame takes at most {MAX_PAYLOAD_LEN}")]
    TooLong(usize),
    /// The payload has one byte, and a status code has two.
    /// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
    #[error("the payload has one byte, a status code has two")]
    MissingByte,
    /// The status code may not stand in a Close frame.
    /// [RFC 6455, 7.4](https://www.rfc-editor.org/rfc/rfc6455#section-7.4)
    #[error(transparent)]
    InvalidCode(InvalidCloseCode),
    /// The reason is not UTF-8; positions count from its first byte.
    /// [RFC 6455, 8.1](https://www.rfc-editor.org/rfc/rfc6455#section-8.1)
    #[error("the reason is not UTF-8: {0}")]
    InvalidUtf8(Utf8Error),
}

impl DecodeError {
    /// The code to fail the connection with: 1007 if the reason is not UTF-8, otherwise 1002.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, DecodeError};
    /// assert_eq!(DecodeError::MissingByte.close_code(), CloseCode::PROTOCOL_ERROR);
    /// ```
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            // "Data inconsistent with its type" is 1007 by definition (7.4.1); 10.7 leaves the rest to 1002.
            Self::InvalidUtf8(_) => CloseCode::INVALID_PAYLOAD,
            Self::TooLong(_) | Self::MissingByte | Self::InvalidCode(_) => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The Close to fail the connection with. Nothing of the bad frame is in it.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, DecodeError};
    /// assert_eq!(DecodeError::MissingByte.reply(), CloseFrame::from_static(1002, ""));
    /// ```
    #[must_use]
    pub const fn reply(self) -> CloseFrame<'static> {
        CloseFrame::from_code(self.close_code())
    }
}

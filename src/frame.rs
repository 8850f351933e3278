//! `CloseFrame` and `OwnedCloseFrame`: the payload of a Close frame, decoded and encoded.

use core::fmt;
use core::str::Utf8Error;

use arrayvec::ArrayString;

use crate::code::{CloseCode, InvalidCloseCode};
use crate::names::{FmtNamed, Names, REGISTERED};
use crate::utf8;

/// The most bytes that the payload of a control frame can have: 125.
/// [RFC 6455, 5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)
pub const MAX_PAYLOAD_LEN: usize = 125;

/// The most bytes (not characters) of UTF-8 that a reason can have: 123. The code takes two of the
/// [125](MAX_PAYLOAD_LEN).
pub const MAX_REASON_LEN: usize = 123;

/// The payload of a Close frame: nothing at all, or a status code and a reason.
/// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
///
/// Every value of this type may be sent. Its code is a [`CloseCode`], its reason has at most 123 bytes, and there is no
/// reason without a code. It borrows its reason, is `Copy`, and allocates nothing. [`OwnedCloseFrame`] outlives the
/// buffer.
///
/// ```
/// use websocket_close::{CloseCode, CloseFrame, DecodeError};
///
/// let frame = CloseFrame::from_payload(b"\x03\xe9see you")?;
/// assert_eq!(frame.code(), Some(CloseCode::GOING_AWAY));
/// assert_eq!(frame.reason(), "see you");
///
/// let error = CloseFrame::from_payload(b"\x03\xed").unwrap_err(); // 1005 is never sent
/// assert_eq!(error.answer_code(), CloseCode::PROTOCOL_ERROR);
/// # Ok::<(), DecodeError>(())
/// ```
///
/// The default is [`EMPTY`](Self::EMPTY). With the feature `serde` it is written as `{"code":1001,"reason":"see you"}`;
/// [`OwnedCloseFrame`] also reads that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct CloseFrame<'a> {
    code: Option<CloseCode>,
    /// At most `MAX_REASON_LEN` bytes. Empty without a code.
    reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// The Close without a body. Its receiver reports 1005, which itself is never sent.
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
    #[must_use]
    pub const fn from_code(code: CloseCode) -> Self {
        Self { code: Some(code), reason: "" }
    }

    /// A code and a reason of at most 123 bytes.
    ///
    /// # Errors
    ///
    /// [`ReasonTooLong`] for more than 123 bytes of UTF-8. Characters that are not ASCII take two to four.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame};
    /// let code = CloseCode::POLICY_VIOLATION;
    /// assert_eq!(CloseFrame::new(code, "no").map(CloseFrame::payload_len), Ok(4));
    /// assert_eq!(CloseFrame::new(code, &"é".repeat(62)).unwrap_err().len(), 124);
    /// ```
    pub const fn new(code: CloseCode, reason: &'a str) -> Result<Self, ReasonTooLong> {
        if reason.len() > MAX_REASON_LEN {
            return Err(ReasonTooLong::new(reason.len()));
        }
        Ok(Self { code: Some(code), reason })
    }

    /// Any number and any reason, such as an application or another stack hands them over.
    ///
    /// # Errors
    ///
    /// [`InvalidCloseFrame`] says which of the two a Close frame may not carry; the code is checked first.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame, InvalidCloseFrame};
    /// assert_eq!(CloseFrame::from_parts(4001, "bye"), Ok(CloseFrame::from_static(4001, "bye")));
    ///
    /// match CloseFrame::from_parts(1006, "lost") {
    ///     Err(InvalidCloseFrame::Code(error)) => assert_eq!(error.get(), 1006),
    ///     other => panic!("{other:?}"),
    /// }
    /// ```
    pub const fn from_parts(code: u16, reason: &'a str) -> Result<Self, InvalidCloseFrame> {
        match CloseCode::new(code) {
            Err(error) => Err(InvalidCloseFrame::Code(error)),
            Ok(code) => match Self::new(code, reason) {
                Err(error) => Err(InvalidCloseFrame::Reason(error)),
                Ok(frame) => Ok(frame),
            },
        }
    }

    /// A code and as much of the reason as fits: the longest prefix of whole characters within 123 bytes.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame};
    /// let long = "€".repeat(50); // three bytes each
    /// let frame = CloseFrame::truncated(CloseCode::INTERNAL_ERROR, &long);
    /// assert_eq!(frame.reason(), "€".repeat(41));
    /// ```
    #[must_use]
    pub fn truncated(code: CloseCode, reason: &'a str) -> Self {
        // `get` returns `None` inside a character; the empty prefix always works.
        let longest = reason.len().min(MAX_REASON_LEN);
        let fitting = (0..=longest).rev().find_map(|end| reason.get(..end));
        Self { code: Some(code), reason: fitting.unwrap_or_default() }
    }

    /// A literal. In a `const`, a wrong one does not compile.
    ///
    /// # Panics
    ///
    /// If the code may not be sent, or if the reason has more than 123 bytes.
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
    ///     "This reason has one hundred and twenty-four bytes, one more than fits next to the code into a control \
    ///      frame of 125 bytes ...",
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
    /// [code to answer with](DecodeError::answer_code).
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
        let reason = utf8::checked(reason).map_err(DecodeError::InvalidUtf8)?;
        Ok(Self { code: Some(code), reason })
    }

    /// Unmasks `payload` in place and decodes it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for `from_payload`")]
    pub(crate) fn from_masked_payload(key: [u8; 4], payload: &'a mut [u8]) -> Result<Self, DecodeError> {
        let [k0, k1, k2, k3] = key;
        match payload {
            [] => Ok(Self::EMPTY),
            [_] => Err(DecodeError::MissingByte),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high ^ k0, *low ^ k1]);
                [*high, *low] = code.to_be_bytes();
                let reason = utf8::unmasked([k2, k3, k0, k1], reason);
                let code = CloseCode::new(code).map_err(DecodeError::InvalidCode)?;
                match reason {
                    Ok(reason) => Ok(Self { code: Some(code), reason }),
                    Err(reason) => Self::with_non_ascii(code, reason),
                }
            }
        }
    }

    /// Splits the payload of a Close into code and reason without judging the code; `None` without a body.
    ///
    /// This is for stacks that report a Close with any code, as browsers do. Such a number may not be sent back: answer
    /// with [`from_payload`](Self::from_payload)'s frame or the `reply()` of its error.
    ///
    /// # Errors
    ///
    /// Those of [`from_payload`](Self::from_payload), except [`InvalidCode`](DecodeError::InvalidCode).
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, DecodeError};
    /// assert_eq!(CloseFrame::unjudged(b"\x03\xf8why"), Ok(Some((1016, "why"))));
    /// assert_eq!(CloseFrame::unjudged(b""), Ok(None));
    /// assert_eq!(CloseFrame::unjudged(b"\x03"), Err(DecodeError::MissingByte));
    /// ```
    pub fn unjudged(payload: &'a [u8]) -> Result<Option<(u16, &'a str)>, DecodeError> {
        match payload {
            [high, low, reason @ ..] if payload.len() <= MAX_PAYLOAD_LEN => {
                let reason = utf8::checked(reason).map_err(DecodeError::InvalidUtf8)?;
                Ok(Some((u16::from_be_bytes([*high, *low]), reason)))
            }
            // These have no code to judge.
            _ => Self::from_payload(payload).map(|_empty| None),
        }
    }

    /// The status code, if there is one.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame};
    /// let frame = CloseFrame::from_static(1000, "");
    /// assert_eq!(frame.code(), Some(CloseCode::NORMAL_CLOSURE));
    /// assert!(frame.code().is_some_and(|code| code == 1000));
    /// ```
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
    #[must_use]
    pub const fn payload_len(self) -> usize {
        match self.code {
            Some(_) => 2 + self.reason.len(),
            None => 0,
        }
    }

    /// The answer to this frame: the same code without the reason. An empty frame gets an empty answer.
    /// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame};
    /// let theirs = CloseFrame::from_static(1001, "tab closed");
    /// assert_eq!(theirs.reply(), CloseFrame::from_code(CloseCode::GOING_AWAY));
    /// assert_eq!(CloseFrame::EMPTY.reply(), CloseFrame::EMPTY);
    /// ```
    #[must_use]
    pub const fn reply(self) -> CloseFrame<'static> {
        CloseFrame::without_reason(self.code)
    }

    /// Writes the payload to the front of `buffer` and returns what it wrote. Every frame fits.
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

    /// The payload as an array, for statics. In a `const`, a wrong length does not compile.
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

    pub(crate) const fn without_reason(code: Option<CloseCode>) -> CloseFrame<'static> {
        CloseFrame { code, reason: "" }
    }

    /// Writes the payload to `buffer`, which has its length, with what a `const` can do.
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

    /// The payload as `Bytes`, for a stack whose messages hold them. Needs the feature `bytes`; allocates once.
    ///
    /// In the other direction, an owned reason costs no copy: it is a slice of the payload.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use websocket_close::CloseFrame;
    ///
    /// let payload: Bytes = CloseFrame::from_static(1000, "done").to_bytes();
    /// assert_eq!(&payload[..], b"\x03\xe8done");
    ///
    /// let frame = CloseFrame::from_payload(&payload)?;
    /// // `slice_ref` panics on a slice from elsewhere; this one comes from `payload`.
    /// let reason: Bytes = payload.slice_ref(frame.reason().as_bytes());
    /// assert_eq!(reason, "done");
    /// # Ok::<(), websocket_close::DecodeError>(())
    /// ```
    #[cfg(feature = "bytes")]
    #[must_use]
    pub fn to_bytes(self) -> bytes::Bytes {
        bytes::Bytes::copy_from_slice(self.write_payload(&mut [0; MAX_PAYLOAD_LEN]))
    }

    /// The same frame with a reason of its own. It stores the reason inline and allocates nothing.
    ///
    /// ```
    /// # use websocket_close::CloseFrame;
    /// let mut read_buffer = *b"\x03\xe8done";
    /// let owned = CloseFrame::from_payload(&read_buffer)?.into_owned();
    /// read_buffer.fill(0);
    /// assert_eq!(owned.reason(), "done");
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

impl From<CloseCode> for CloseFrame<'_> {
    #[inline]
    fn from(code: CloseCode) -> Self {
        Self::from_code(code)
    }
}

impl FmtNamed for CloseFrame<'_> {
    fn fmt_named(&self, names: Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            None => f.write_str("no status code"),
            Some(code) => {
                code.fmt_named(names, f)?;
                fmt_reason(self.reason, f)
            }
        }
    }
}

/// Writes ` "see you"`, quoted as `{:?}` quotes it, or nothing for an empty reason.
pub(crate) fn fmt_reason(reason: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if reason.is_empty() { Ok(()) } else { write!(f, " {reason:?}") }
}

/// `1001 (going away) "see you"`. The reason is quoted as `{:?}` quotes it, so that control characters cannot reach a
/// terminal or forge a line of a log.
impl fmt::Display for CloseFrame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_named(REGISTERED, f)
    }
}

/// A [`CloseFrame`] that owns its reason. It stores the 123 bytes inline and allocates nothing.
///
/// ```
/// use websocket_close::{CloseCode, CloseFrame, OwnedCloseFrame};
///
/// let owned = OwnedCloseFrame::new(CloseCode::NORMAL_CLOSURE, "done")?;
/// assert_eq!(owned, CloseFrame::from_static(1000, "done"));
/// assert_eq!((owned.code(), owned.reason()), (Some(CloseCode::NORMAL_CLOSURE), "done"));
/// # Ok::<(), websocket_close::ReasonTooLong>(())
/// ```
///
/// The default is the Close without a body. With the feature `serde` it is `{"code":1000,"reason":"done"}`. A `code`
/// that is `null` or missing is no code. Reading anything that may not be sent is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(try_from = "Unchecked"))]
pub struct OwnedCloseFrame {
    code: Option<CloseCode>,
    /// Empty without a code.
    pub(crate) reason: ArrayString<MAX_REASON_LEN>,
}

impl OwnedCloseFrame {
    /// A code and a reason of at most 123 bytes.
    ///
    /// # Errors
    ///
    /// [`ReasonTooLong`], as [`CloseFrame::new`].
    ///
    /// ```
    /// # use websocket_close::{CloseCode, OwnedCloseFrame};
    /// let reason = format!("{} of {} done", 3, 4);
    /// assert_eq!(OwnedCloseFrame::new(CloseCode::GOING_AWAY, &reason)?.reason(), "3 of 4 done");
    /// # Ok::<(), websocket_close::ReasonTooLong>(())
    /// ```
    pub fn new(code: CloseCode, reason: &str) -> Result<Self, ReasonTooLong> {
        CloseFrame::new(code, reason).map(CloseFrame::into_owned)
    }

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

    /// The status code, if there is one; see [`CloseFrame::code`].
    #[must_use]
    pub const fn code(&self) -> Option<CloseCode> {
        self.code
    }

    /// The reason, empty if there is none; see [`CloseFrame::reason`].
    #[inline]
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The answer to this frame; see [`CloseFrame::reply`].
    #[must_use]
    pub const fn reply(&self) -> CloseFrame<'static> {
        CloseFrame::without_reason(self.code)
    }
}

impl From<CloseFrame<'_>> for OwnedCloseFrame {
    #[inline]
    fn from(frame: CloseFrame<'_>) -> Self {
        frame.into_owned()
    }
}

impl From<CloseCode> for OwnedCloseFrame {
    #[inline]
    fn from(code: CloseCode) -> Self {
        CloseFrame::from_code(code).into_owned()
    }
}

impl PartialEq<CloseFrame<'_>> for OwnedCloseFrame {
    fn eq(&self, other: &CloseFrame<'_>) -> bool {
        self.as_frame() == *other
    }
}

impl PartialEq<OwnedCloseFrame> for CloseFrame<'_> {
    fn eq(&self, other: &OwnedCloseFrame) -> bool {
        *self == other.as_frame()
    }
}

impl FmtNamed for OwnedCloseFrame {
    fn fmt_named(&self, names: Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_frame().fmt_named(names, f)
    }
}

/// As that of [`CloseFrame`].
impl fmt::Display for OwnedCloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_named(REGISTERED, f)
    }
}

/// What serde reads before it is checked.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Unchecked {
    code: Option<CloseCode>,
    reason: ArrayString<MAX_REASON_LEN>,
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for OwnedCloseFrame {
    type Error = &'static str;

    fn try_from(Unchecked { code, reason }: Unchecked) -> Result<Self, &'static str> {
        if code.is_none() && !reason.is_empty() {
            return Err("a reason without a status code");
        }
        Ok(Self { code, reason })
    }
}

/// A reason of more than 123 bytes, which fits into no Close frame.
///
/// ```
/// use websocket_close::{CloseCode, CloseFrame};
///
/// let error = CloseFrame::new(CloseCode::NORMAL_CLOSURE, &"a".repeat(124)).unwrap_err();
/// assert_eq!(error.to_string(), "the reason has 124 bytes, but a Close frame takes at most 123");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the reason has {len} bytes, but a Close frame takes at most {MAX_REASON_LEN}")]
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

/// Why [`CloseFrame::from_parts`] refused a code or a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum InvalidCloseFrame {
    /// A Close frame may not carry this code.
    #[error(transparent)]
    Code(InvalidCloseCode),
    /// The reason does not fit.
    #[error(transparent)]
    Reason(ReasonTooLong),
}

/// What is wrong with the payload of a Close frame, and the code to answer with.
///
/// ```
/// use websocket_close::{CloseCode, CloseFrame, DecodeError};
///
/// let error = CloseFrame::from_payload(b"\x03\xe8\xff").unwrap_err();
/// assert_eq!(error.answer_code(), CloseCode::INVALID_PAYLOAD);
///
/// assert_eq!(CloseFrame::from_payload(b"\x03"), Err(DecodeError::MissingByte));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The payload has this many bytes, more than the 125 of a control frame.
    /// [RFC 6455, 5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)
    #[error("the payload has {0} bytes, but a control frame takes at most {MAX_PAYLOAD_LEN}")]
    TooLong(usize),
    /// The payload has one byte, but a status code has two.
    /// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
    #[error("the payload has one byte, but a status code has two")]
    MissingByte,
    /// The status code is not allowed in a Close frame.
    /// [RFC 6455, 7.4](https://www.rfc-editor.org/rfc/rfc6455#section-7.4)
    #[error(transparent)]
    InvalidCode(InvalidCloseCode),
    /// The reason is not UTF-8. Positions count from its first byte.
    /// [RFC 6455, 8.1](https://www.rfc-editor.org/rfc/rfc6455#section-8.1)
    #[error("the reason is not UTF-8: {0}")]
    InvalidUtf8(Utf8Error),
}

/// For a stack that decodes frames itself and hands over their parts.
impl From<InvalidCloseFrame> for DecodeError {
    fn from(error: InvalidCloseFrame) -> Self {
        match error {
            InvalidCloseFrame::Code(error) => Self::InvalidCode(error),
            InvalidCloseFrame::Reason(error) => Self::TooLong(2 + error.len()),
        }
    }
}

impl DecodeError {
    /// The code to fail the connection with: 1007 if the reason is not UTF-8, otherwise 1002.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, DecodeError};
    /// assert_eq!(DecodeError::MissingByte.answer_code(), CloseCode::PROTOCOL_ERROR);
    /// ```
    #[must_use]
    pub const fn answer_code(self) -> CloseCode {
        match self {
            // 7.4.1 defines 1007 as data inconsistent with its type; 10.7 leaves the rest to 1002.
            Self::InvalidUtf8(_) => CloseCode::INVALID_PAYLOAD,
            Self::TooLong(_) | Self::MissingByte | Self::InvalidCode(_) => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The Close to fail the connection with. It contains nothing of the bad frame.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, DecodeError};
    /// assert_eq!(DecodeError::MissingByte.reply(), CloseFrame::from_static(1002, ""));
    /// ```
    #[must_use]
    pub const fn reply(self) -> CloseFrame<'static> {
        CloseFrame::from_code(self.answer_code())
    }
}

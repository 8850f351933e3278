//! Valid values for fuzzers, and [`PayloadCase`]: a payload with the right verdict, for people who fuzz their own
//! stack.
//!
//! `Arbitrary` is implemented for [`CloseCode`], [`CloseFrame`], [`OwnedCloseFrame`], [`CloseEvent`], [`Role`] and
//! [`PayloadCase`]. A [`PayloadCase`] has only numbers and strings, so the fuzzed stack needs no type of this crate. If
//! your decoder has the form `fn(&[u8]) -> Result<(u16, &str), u16>`, this is the target for cargo-fuzz:
//!
//! ```
//! # use websocket_close::{CloseFrame, arbitrary::PayloadCase};
//! # fn decode(payload: &[u8]) -> Result<(u16, &str), u16> {
//! #     let frame = CloseFrame::from_payload(payload).map_err(|error| error.answer_code().get())?;
//! #     Ok((frame.code().map_or(1005, |code| code.get()), frame.reason()))
//! # }
//! # macro_rules! fuzz_target { (|$case:ident: $type:ty| $body:block) => { fn target($case: $type) $body } }
//! fuzz_target!(|case: PayloadCase| {
//!     let outcome = decode(case.payload());
//!     assert!(case.verdict().allows(outcome), "{case:?} gave {outcome:?}");
//! });
//! # let noise: Vec<u8> = (0..4096_u32).map(|n| (n * n % 251) as u8).collect();
//! # let mut input = arbitrary::Unstructured::new(&noise);
//! # while !input.is_empty() { target(input.arbitrary().unwrap()); }
//! ```

use core::fmt;

use ::arbitrary::{Arbitrary, Result, Unstructured};
use arrayvec::{ArrayString, ArrayVec};

use crate::code::CloseCode;
use crate::event::{CloseEvent, CloseEventInit};
use crate::frame::{CloseFrame, MAX_PAYLOAD_LEN, MAX_REASON_LEN, OwnedCloseFrame};
use crate::role::Role;

/// Any code. The codes with a name and the codes at the ends of a range are frequent: each comes about as often as all
/// of 3000 to 4999 together.
impl<'a> Arbitrary<'a> for CloseCode {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let number = match u.int_in_range(0..=18)? {
            low @ 0..=3 => 1000 + low,
            high @ 4..=11 => 1003 + high,
            12 => 3000,
            13 => 3003,
            14 => 3008,
            15 => 3999,
            16 => 4000,
            17 => 4999,
            _ => u.int_in_range(3000..=4999)?,
        };
        Ok(Self::new(number).unwrap_or(Self::NORMAL_CLOSURE))
    }
}

/// Any frame; one in eight has no code.
impl<'a> Arbitrary<'a> for CloseFrame<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        if u.ratio(1, 8)? { Ok(Self::EMPTY) } else { Ok(Self::truncated(u.arbitrary()?, u.arbitrary()?)) }
    }
}

/// Any frame; one in eight has no code.
impl<'a> Arbitrary<'a> for OwnedCloseFrame {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary().map(CloseFrame::into_owned)
    }
}

/// Any event. Five in eight are events that an ending can have, and one of these five has 1006. The other three have
/// any number as their code.
impl<'a> Arbitrary<'a> for CloseEvent {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let kind = u.int_in_range(0..=7)?;
        if kind == 0 {
            return Ok(Self::abnormal());
        }
        let (frame, was_clean): (CloseFrame<'_>, bool) = u.arbitrary()?;
        let event = Self::received(frame, was_clean);
        if kind < 5 {
            return Ok(event);
        }
        let init = CloseEventInit { code: u.arbitrary()?, reason: frame.reason(), was_clean };
        Ok(Self::new(init).unwrap_or(event))
    }
}

/// Each role is equally frequent.
impl<'a> Arbitrary<'a> for Role {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::Client, Self::Server]).copied()
    }
}

/// The longest payload of a [`PayloadCase`], which is a few bytes longer than a Close allows.
const MAX_CASE_LEN: usize = MAX_PAYLOAD_LEN + 8;

/// The payload of a Close, good or nearly good, with the right verdict.
///
/// It is built from parts whose verdict is known, such as a code from a certain range, whole characters, or bytes that
/// are never in UTF-8. Nothing is decoded to find the verdict, so a fault of this crate's decoder cannot falsify it.
///
/// ```
/// use arbitrary::Unstructured;
/// use websocket_close::arbitrary::{PayloadCase, Verdict};
///
/// let case: PayloadCase = Unstructured::new(b"the fuzzer's input").arbitrary()?;
/// match case.verdict() {
///     Verdict::Accept { code, reason } => println!("{:?} is {code} {reason:?}", case.payload()),
///     Verdict::Refuse { fault, codes } => println!("{:?} is {fault:?}, fail with one of {codes:?}", case.payload()),
/// }
/// # Ok::<(), arbitrary::Error>(())
/// ```
#[derive(Clone)]
pub struct PayloadCase {
    payload: ArrayVec<u8, MAX_CASE_LEN>,
    verdict: OwnedVerdict,
}

/// A [`Verdict`] that owns its reason.
#[derive(Clone)]
enum OwnedVerdict {
    Accept(u16, ArrayString<MAX_CASE_LEN>),
    Refuse(Fault, &'static [u16]),
}

impl PayloadCase {
    /// The payload, unmasked and without a header. It has at most 133 bytes.
    ///
    /// ```
    /// # use websocket_close::arbitrary::PayloadCase;
    /// let case: PayloadCase = arbitrary::Unstructured::new(&[]).arbitrary()?;
    /// assert_eq!(case.payload(), b"");
    /// # Ok::<(), arbitrary::Error>(())
    /// ```
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The result of a correct decoder.
    ///
    /// ```
    /// # use websocket_close::arbitrary::{PayloadCase, Verdict};
    /// let case: PayloadCase = arbitrary::Unstructured::new(&[]).arbitrary()?;
    /// assert_eq!(case.verdict(), Verdict::Accept { code: 1005, reason: "" });
    /// # Ok::<(), arbitrary::Error>(())
    /// ```
    #[must_use]
    pub fn verdict(&self) -> Verdict<'_> {
        match &self.verdict {
            OwnedVerdict::Accept(code, reason) => Verdict::Accept { code: *code, reason },
            OwnedVerdict::Refuse(fault, codes) => Verdict::Refuse { fault: *fault, codes },
        }
    }
}

impl fmt::Debug for PayloadCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadCase").field("payload", &self.payload()).field("verdict", &self.verdict()).finish()
    }
}

/// The right result for a payload, from [`PayloadCase::verdict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict<'a> {
    /// The Close is good. It is reported with this code and reason.
    Accept {
        /// The code, or 1005 for a Close without a code.
        code: u16,
        /// The exact reason. Nothing is replaced, cut or stripped.
        reason: &'a str,
    },
    /// The Close is bad. The connection must be failed.
    Refuse {
        /// The first fault in the order of the bytes.
        fault: Fault,
        /// The codes to fail with. The first is the code that RFC 6455 names. The others are codes that good stacks
        /// use.
        codes: &'static [u16],
    },
}

impl Verdict<'_> {
    /// Whether this outcome is right. `Ok` has code and reason of a Close that was accepted. `Err` has the code with
    /// which the connection was failed.
    ///
    /// ```
    /// use websocket_close::arbitrary::{Fault, Verdict};
    ///
    /// let verdict = Verdict::Refuse { fault: Fault::NotUtf8, codes: &[1007, 1002] };
    /// assert!(verdict.allows(Err(1002)));
    /// assert!(!verdict.allows(Ok((1000, "\u{fffd}"))));
    ///
    /// let verdict = Verdict::Accept { code: 1014, reason: "" };
    /// assert!(verdict.allows(Ok((1014, ""))));
    /// assert!(!verdict.allows(Err(1002)));
    /// ```
    #[must_use]
    pub fn allows(self, outcome: core::result::Result<(u16, &str), u16>) -> bool {
        match (self, outcome) {
            (Self::Accept { code, reason }, Ok(accepted)) => accepted == (code, reason),
            (Self::Refuse { codes, .. }, Err(code)) => codes.contains(&code),
            (Self::Accept { .. }, Err(_)) | (Self::Refuse { .. }, Ok(_)) => false,
        }
    }
}

/// What is wrong with a payload. A fuzz target can skip the known faults of its stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// More than 125 bytes. [RFC 6455, 5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)
    TooLong,
    /// One byte, where a code has two. [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
    OneByte,
    /// 1005, 1006 or 1015, which no endpoint may send.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ReportOnlyCode,
    /// A number below 1000, 1004, 1016 to 2999, or above 4999. RFC 6455 says that nobody sends them, but not what a
    /// receiver does with them. Nearly every server refuses them. Chromium and Firefox accept them.
    /// [RFC 6455, 7.4.2](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.2)
    UndefinedCode,
    /// A good code, but a reason that is not UTF-8. [RFC 6455, 8.1](https://www.rfc-editor.org/rfc/rfc6455#section-8.1)
    NotUtf8,
}

/// Every verdict and every fault is frequent. A fault in the code comes with and without a fault in the reason.
impl<'a> Arbitrary<'a> for PayloadCase {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let kind = u.int_in_range(0..=15)?;
        let (code, code_fault) = match kind {
            0 => return Ok(Self { payload: ArrayVec::new(), verdict: OwnedVerdict::Accept(1005, ArrayString::new()) }),
            1 => {
                let payload = [u.arbitrary()?].into_iter().collect();
                return Ok(Self { payload, verdict: OwnedVerdict::Refuse(Fault::OneByte, &[1002]) });
            }
            2 | 3 => (*u.choose(&[1005, 1006, 1015])?, Some(Fault::ReportOnlyCode)),
            4..=6 => (undefined_code(u)?, Some(Fault::UndefinedCode)),
            _ => (u.arbitrary::<CloseCode>()?.get(), None),
        };
        let mut payload: ArrayVec<u8, MAX_CASE_LEN> = code.to_be_bytes().into_iter().collect();
        let verdict = match (code_fault, kind) {
            (None, 7) => {
                payload.extend(text(u.int_in_range(MAX_REASON_LEN + 1..=MAX_CASE_LEN - 2)?, u)?.bytes());
                OwnedVerdict::Refuse(Fault::TooLong, &[1002])
            }
            (None, 8..=10) => {
                ill_formed_text(u, &mut payload)?;
                OwnedVerdict::Refuse(Fault::NotUtf8, &[1007, 1002])
            }
            (Some(fault), 3 | 6) => {
                ill_formed_text(u, &mut payload)?;
                OwnedVerdict::Refuse(fault, &[1002, 1007])
            }
            (Some(fault), _) => {
                payload.extend(text(reason_len(u)?, u)?.bytes());
                OwnedVerdict::Refuse(fault, &[1002])
            }
            (None, _) => {
                let reason = text(reason_len(u)?, u)?;
                payload.extend(reason.bytes());
                OwnedVerdict::Accept(code, reason)
            }
        };
        Ok(Self { payload, verdict })
    }
}

/// A number that is not a status code, and that RFC 6455 does not reserve for reports. The ends of the ranges are
/// frequent.
fn undefined_code(u: &mut Unstructured<'_>) -> Result<u16> {
    let (first, last) = *u.choose(&[(0, 999), (1004, 1004), (1016, 2999), (5000, u16::MAX)])?;
    Ok(match u.int_in_range(0..=3)? {
        0 => first,
        1 => last,
        _ => u.int_in_range(first..=last)?,
    })
}

/// The length of a reason that fits. One in four has the longest.
fn reason_len(u: &mut Unstructured<'_>) -> Result<usize> {
    if u.ratio(1, 4)? { Ok(MAX_REASON_LEN) } else { u.int_in_range(0..=MAX_REASON_LEN) }
}

/// Whole characters of `len` bytes in all. The first and last characters of each length in UTF-8 are frequent.
fn text(len: usize, u: &mut Unstructured<'_>) -> Result<ArrayString<MAX_CASE_LEN>> {
    const EDGES: [char; 15] = [
        'a',
        '\0',
        '\n',
        '"',
        '\u{7f}',
        '\u{80}',
        '\u{7ff}',
        '\u{800}',
        '\u{d7ff}',
        '\u{e000}',
        '\u{feff}',
        '\u{fffd}',
        '\u{ffff}',
        '\u{10000}',
        '\u{10ffff}',
    ];
    let mut text = ArrayString::new();
    while text.len() < len {
        let char = if u.ratio(1, 8)? { u.arbitrary()? } else { *u.choose(&EDGES)? };
        let _ = text.try_push(if text.len() + char.len_utf8() <= len { char } else { '-' });
    }
    Ok(text)
}

/// Appends a reason that is not UTF-8: whole characters with an ill-formed sequence between them or at the end.
fn ill_formed_text(u: &mut Unstructured<'_>, payload: &mut ArrayVec<u8, MAX_CASE_LEN>) -> Result<()> {
    /// Each row is one kind of fault, with the range of each byte. The rows follow from the table of well-formed
    /// sequences in RFC 3629, section 4. A sequence that is cut short stays cut short, because the next byte begins
    /// another character.
    const ILL_FORMED: [&[(u8, u8)]; 20] = [
        // A byte from inside a character without the start of the character, and bytes that are in no character.
        &[(0x80, 0xbf)],
        &[(0xf5, 0xff)],
        // Characters in more bytes than they need.
        &[(0xc0, 0xc1), (0x80, 0xbf)],
        &[(0xe0, 0xe0), (0x80, 0x9f), (0x80, 0xbf)],
        &[(0xf0, 0xf0), (0x80, 0x8f), (0x80, 0xbf), (0x80, 0xbf)],
        // A surrogate, and a number beyond U+10FFFF.
        &[(0xed, 0xed), (0xa0, 0xbf), (0x80, 0xbf)],
        &[(0xf4, 0xf4), (0x90, 0xbf), (0x80, 0xbf), (0x80, 0xbf)],
        // Characters that are cut short after one, two and three bytes.
        &[(0xc2, 0xdf)],
        &[(0xe0, 0xef)],
        &[(0xf0, 0xf4)],
        &[(0xe0, 0xe0), (0xa0, 0xbf)],
        &[(0xe1, 0xec), (0x80, 0xbf)],
        &[(0xed, 0xed), (0x80, 0x9f)],
        &[(0xee, 0xef), (0x80, 0xbf)],
        &[(0xf0, 0xf0), (0x90, 0xbf)],
        &[(0xf1, 0xf3), (0x80, 0xbf)],
        &[(0xf4, 0xf4), (0x80, 0x8f)],
        &[(0xf0, 0xf0), (0x90, 0xbf), (0x80, 0xbf)],
        &[(0xf1, 0xf3), (0x80, 0xbf), (0x80, 0xbf)],
        &[(0xf4, 0xf4), (0x80, 0x8f), (0x80, 0xbf)],
    ];
    let ill_formed = *u.choose(&ILL_FORMED)?;
    let around = reason_len(u)?.saturating_sub(ill_formed.len());
    let before = if u.ratio(1, 4)? { around } else { u.int_in_range(0..=around)? };
    payload.extend(text(before, u)?.bytes());
    for &(first, last) in ill_formed {
        payload.push(u.int_in_range(first..=last)?);
    }
    payload.extend(text(around - before, u)?.bytes());
    Ok(())
}

//! One input of `decode`, decoded: for a person, and as the object of `--json`.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;
use websocket_close::wire::{self, Header, Peek};
use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, DecodeError, Role};

use super::hex::Hex;
use super::words::bytes;

/// What an input turned out to be.
pub(crate) struct Decoded<'a> {
    pub(crate) outcome: Outcome<'a>,
    /// Whether the input is a payload without a frame around it.
    bare: bool,
    /// Who receives it, if we know that.
    local: Option<Role>,
    /// How many bytes the input has.
    len: usize,
    /// How many bytes the first frame has, if it is a Close and wholly in view.
    consumed: Option<usize>,
}

pub(crate) enum Outcome<'a> {
    Close(CloseFrame<'a>),
    Fault(wire::Error),
    Incomplete { need: usize },
    Other(Header),
}

/// The object of `decode --json`: see `tests/vectors/README.md` of websocket-close.
#[derive(Serialize)]
pub(crate) struct Verdict<'a> {
    outcome: &'static str,
    code: Option<u16>,
    has_code: Option<bool>,
    reason: Option<&'a str>,
    error_kind: Option<&'static str>,
    fail_code: Option<u16>,
    consumed: Option<usize>,
}

impl<'a> Decoded<'a> {
    pub(crate) fn payload(local: Option<Role>, payload: &'a [u8]) -> Self {
        let outcome = CloseFrame::from_payload(payload).map_or_else(|e| Outcome::Fault(e.into()), Outcome::Close);
        Self { outcome, bare: true, local, len: payload.len(), consumed: None }
    }

    pub(crate) fn frame(role: Option<Role>, bytes: &'a mut [u8]) -> Self {
        let len = bytes.len();
        let mask_bit = bytes.get(1).map(|byte| byte & 0x80 != 0);
        let local = role.or(mask_bit.map(|masked| if masked { Role::Server } else { Role::Client }));
        // If there is no role, the mask bit is not in view, and any role will do.
        let (outcome, consumed) = match wire::peek(local.unwrap_or(Role::Client), bytes) {
            Ok(Peek::Close(close)) => {
                let consumed = close.frame_len();
                (close.decode().map_or_else(Outcome::Fault, Outcome::Close), Some(consumed))
            }
            Ok(Peek::Incomplete { need }) => (Outcome::Incomplete { need }, None),
            Ok(Peek::NotClose(header)) => (Outcome::Other(header), None),
            // `peek` refuses a body of one byte as soon as it sees the length, before that byte or the masking key.
            Err(error @ wire::Error::Payload(_)) => {
                let frame_len = if mask_bit == Some(true) { 7 } else { 3 };
                (Outcome::Fault(error), (len >= frame_len).then_some(frame_len))
            }
            Err(error) => (Outcome::Fault(error), None),
        };
        Self { outcome, bare: false, local, len, consumed }
    }

    /// The answer of `decode --json`.
    pub(crate) fn verdict(&self) -> Verdict<'a> {
        let (outcome, frame, fault) = match self.outcome {
            Outcome::Close(frame) => ("ok", Some(frame), None),
            Outcome::Fault(error) => ("error", None, Some(error)),
            Outcome::Incomplete { .. } => ("incomplete", None, None),
            Outcome::Other(_) => ("other_opcode", None, None),
        };
        Verdict {
            outcome,
            code: frame.map(|frame| frame.code().map_or(1005, CloseCode::get)),
            has_code: frame.map(|frame| frame.code().is_some()),
            reason: frame.map(CloseFrame::reason),
            error_kind: fault.map(error_kind),
            fail_code: fault.map(|error| error.answer_code().get()),
            consumed: self.consumed,
        }
    }

    /// Explains it to a person.
    pub(crate) fn explain(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let what = if self.bare { "payload" } else { "frame" };
        let direction = self.direction();
        let size = bytes(self.consumed.unwrap_or(self.len));
        let mut closing = ClosingHandshake::new(self.local.unwrap_or(Role::Client));
        let answer = match self.outcome {
            Outcome::Incomplete { need } => {
                return writeln!(out, "The start of a frame{direction}, {size}: at least {need} more needed");
            }
            Outcome::Other(_) => {
                self.other(out)?;
                return writeln!(out, "  If this is a payload without its frame, try --payload");
            }
            Outcome::Fault(error) => {
                writeln!(out, "A bad {what}{direction}, {size}")?;
                row(out, "fault", error)?;
                closing.reject(error)
            }
            Outcome::Close(frame) => {
                writeln!(out, "A Close {what}{direction}, {size}")?;
                if let Some(code) = frame.code() {
                    row(out, "code", code)?;
                    row(out, "", code.description())?;
                } else {
                    row(out, "code", "none, which is reported as 1005")?;
                }
                match frame.reason() {
                    "" => row(out, "reason", "none")?,
                    reason => row(out, "reason", format_args!("{reason:?}, {}", bytes(reason.len())))?,
                }
                closing.receive(frame)
            }
        };
        if let Some(answer) = answer {
            row(out, "answer", format_args!("{answer}: {}", self.encode_answer(answer)))?;
        }
        closing.mark_written();
        let event = closing.event();
        let (code, reason, was_clean) = (event.code(), event.reason(), event.was_clean());
        row(out, "CloseEvent", format_args!("{{ code: {code}, reason: {reason:?}, wasClean: {was_clean} }}"))?;
        match self.consumed.map(|consumed| self.len - consumed) {
            None | Some(0) => Ok(()),
            Some(more) => row(out, "then", format_args!("{} after the frame", bytes(more))),
        }
    }

    /// Tells of a frame that is no Close.
    pub(crate) fn other(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let Outcome::Other(Header { opcode, frame_len, .. }) = self.outcome else { return Ok(()) };
        let kind = ["continuation", "text", "binary"].get(usize::from(opcode));
        let kind = kind.copied().unwrap_or(match opcode {
            0x9 => "ping",
            0xa => "pong",
            _ => "reserved",
        });
        let direction = self.direction();
        let given = self.len as u64;
        let size = match frame_len {
            None => format!("of unknown length; {} given", bytes(given)),
            Some(frame_len) if frame_len > given => format!("{}; {} given", bytes(frame_len), bytes(given)),
            Some(frame_len) => bytes(frame_len),
        };
        writeln!(out, "Not a Close{direction}: opcode {opcode:#x} ({kind}), {size}")
    }

    const fn direction(&self) -> &'static str {
        match self.local {
            Some(Role::Client) => ", from a server to a client",
            Some(Role::Server) => ", from a client to a server",
            None => "",
        }
    }

    /// The answer in the form of the input: a payload or a frame.
    fn encode_answer(&self, answer: CloseFrame<'_>) -> String {
        match self.local {
            _ if self.bare => Hex(answer.write_payload(&mut [0; 125])).to_string(),
            Some(Role::Client) => {
                let mut buffer = [0; 131];
                let frame = Hex(wire::encode(answer, Some([0; 4]), &mut buffer));
                format!("{frame} (masked with 00000000; a client takes a random key)")
            }
            Some(Role::Server) | None => Hex(wire::encode(answer, None, &mut [0; 131])).to_string(),
        }
    }
}

pub(crate) fn row(out: &mut (impl Write + ?Sized), label: &str, value: impl Display) -> io::Result<()> {
    writeln!(out, "  {label:<12}{value}")
}

/// The name of a fault in the conformance vectors in `tests/vectors`.
fn error_kind(error: wire::Error) -> &'static str {
    match error {
        wire::Error::Fragmented => "fragmented_control",
        wire::Error::ReservedBits(_) => "reserved_bits",
        wire::Error::Masked => "unexpected_mask",
        wire::Error::Unmasked => "not_masked",
        wire::Error::ExtendedLength(_) => "control_too_long",
        wire::Error::LengthTooLarge(_) => "length_high_bit",
        wire::Error::Payload(DecodeError::MissingByte) => "payload_len_1",
        wire::Error::Payload(DecodeError::TooLong(_)) => "payload_too_long",
        wire::Error::Payload(DecodeError::InvalidUtf8(_)) => "invalid_utf8",
        wire::Error::Payload(DecodeError::InvalidCode(code)) => match code.get() {
            1004 | 1005 | 1006 | 1015 => "reserved_code",
            1016..=2999 => "unassigned_code",
            _ => "code_out_of_range",
        },
    }
}

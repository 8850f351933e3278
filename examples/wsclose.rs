//! `wsclose`: explains Close frames in hex, writes them, and says what the status codes mean.
//!
//! ```text
//! cargo run --example wsclose -- decode 88856c10d27663b1b00f09
//! ```

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;

use lexopt::prelude::*;
use serde_json::json;
use websocket_close::registry::{self, REGISTRY, REGISTRY_DATE};
use websocket_close::wire::{self, Header, Peek};
use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, DecodeError, Role};

const HELP: &str = "\
Close frames of WebSockets, explained and written.

wsclose decode [--payload] [--role client|server] [--json] [HEX...]
    Explains each HEX. Without a HEX it explains each line of the standard input, and skips what follows a #.
    Spaces in HEX are skipped. If each HEX is a single byte, all of them are one input.
      --payload  HEX is the unmasked payload of a Close, not a frame
      --role     who receives the frame; without this, a server if the frame is masked
      --json     one object a line: outcome, code, has_code, reason, error_kind, fail_code, consumed
    Exit status: 0 if each input is a valid Close, otherwise 1; with --json always 0.

wsclose encode [--payload] [--mask HEX8] [--truncate] [CODE [REASON]]
    Writes a Close in hex: a server's frame, with --mask a client's frame, with --payload the payload alone.
      --truncate cuts a REASON of more than 123 bytes

wsclose codes [CODE]
    Explains CODE, or lists all.

Exit status 2: bad usage.
";

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let out = BufWriter::new(io::stdout().lock());
    wsclose(std::env::args_os().skip(1), io::stdin().lock(), out, io::stderr()).into()
}

/// Runs a command line, given without the name of the program, and returns the exit status.
pub(crate) fn wsclose(
    args: impl IntoIterator<Item = impl Into<OsString>, IntoIter: 'static>,
    input: impl BufRead,
    mut out: impl Write,
    mut err: impl Write,
) -> u8 {
    let result = run(&mut lexopt::Parser::from_args(args), input, &mut out);
    // Write what was found before the error, too.
    let flushed = out.flush();
    match result.and_then(|status| Ok(flushed.map(|()| status)?)) {
        Ok(status) => status,
        // The reader of the output has seen enough.
        Err(error) if error.downcast_ref().is_some_and(|e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe) => 0,
        Err(error) => {
            // If this fails too, there is nobody to tell.
            let _ = writeln!(err, "wsclose: {}", printable(&error.to_string()));
            2
        }
    }
}

fn run(args: &mut lexopt::Parser, input: impl BufRead, out: &mut impl Write) -> Result<u8> {
    match args.next()? {
        Some(Value(command)) if command == "decode" => decode(args, input, out),
        Some(Value(command)) if command == "encode" => encode(args, out),
        Some(Value(command)) if command == "codes" => codes(args, out),
        Some(Long("help") | Short('h')) => help(out),
        Some(Value(command)) => Err(format!("no command {command:?}; try --help").into()),
        Some(arg) => Err(arg.unexpected().into()),
        None => Err("no command; try --help".into()),
    }
}

fn help(out: &mut impl Write) -> Result<u8> {
    out.write_all(HELP.as_bytes())?;
    Ok(0)
}

fn decode(args: &mut lexopt::Parser, input: impl BufRead, out: &mut impl Write) -> Result<u8> {
    let (mut payload, mut json, mut role, mut inputs) = (false, false, None, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Long("payload") => payload = true,
            Long("json") => json = true,
            Long("role") => {
                role = Some(match args.value()?.string()?.as_str() {
                    "client" => Role::Client,
                    "server" => Role::Server,
                    other => return Err(format!("--role is client or server, not {other:?}").into()),
                });
            }
            Long("help") | Short('h') => return help(out),
            Value(hex) => inputs.push(hex.string()?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    // No frame has a single byte, so this was pasted from a dump without quotes.
    if inputs.iter().all(|hex| hex.len() == 2) && !inputs.is_empty() {
        inputs = vec![inputs.concat()];
    }

    let (mut first, mut status) = (true, 0);
    let mut explain = |mut bytes: Vec<u8>| {
        let decoded = if payload { Decoded::payload(role, &bytes) } else { Decoded::frame(role, &mut bytes) };
        if json {
            return writeln!(out, "{}", printable(&decoded.json().to_string()));
        }
        if !matches!(decoded.outcome, Outcome::Close(_)) {
            status = 1;
        }
        if !std::mem::take(&mut first) {
            writeln!(out)?;
        }
        decoded.explain(out)
    };
    for hex in &inputs {
        explain(from_hex(hex).map_err(|error| format!("{hex:?} is not hex: {error}"))?)?;
    }
    if inputs.is_empty() {
        for (line, number) in input.lines().zip(1..) {
            let line = line.map_err(|error| format!("line {number}: {error}"))?;
            let hex = line.split('#').next().unwrap_or_default();
            if !hex.trim().is_empty() {
                explain(from_hex(hex).map_err(|error| format!("line {number} is not hex: {error}"))?)?;
            }
        }
    }
    Ok(status)
}

fn from_hex(text: &str) -> Result<Vec<u8>, hex::FromHexError> {
    hex::decode(text.split_whitespace().collect::<String>())
}

/// What an input turned out to be.
struct Decoded<'a> {
    outcome: Outcome<'a>,
    /// Whether the input is a payload without a frame around it.
    bare: bool,
    /// Who receives it, if we know that.
    local: Option<Role>,
    /// How many bytes the input has.
    len: usize,
    /// How many bytes the first frame has, if it is a Close and wholly in view.
    consumed: Option<usize>,
}

enum Outcome<'a> {
    Close(CloseFrame<'a>),
    Fault(wire::Error),
    Incomplete { need: usize },
    Other(Header),
}

impl<'a> Decoded<'a> {
    fn payload(local: Option<Role>, payload: &'a [u8]) -> Self {
        let outcome = CloseFrame::from_payload(payload).map_or_else(|e| Outcome::Fault(e.into()), Outcome::Close);
        Self { outcome, bare: true, local, len: payload.len(), consumed: None }
    }

    fn frame(role: Option<Role>, bytes: &'a mut [u8]) -> Self {
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

    fn json(&self) -> serde_json::Value {
        let (mut code, mut has_code, mut reason, mut kind, mut fail_code) = (None, None, None, None, None);
        let outcome = match self.outcome {
            Outcome::Close(frame) => {
                code = Some(frame.code().map_or(1005, CloseCode::get));
                has_code = Some(frame.code().is_some());
                reason = Some(frame.reason());
                "ok"
            }
            Outcome::Fault(error) => {
                kind = Some(error_kind(error));
                fail_code = Some(error.answer_code().get());
                "error"
            }
            Outcome::Incomplete { .. } => "incomplete",
            Outcome::Other(_) => "other_opcode",
        };
        json!({
            "outcome": outcome,
            "code": code,
            "has_code": has_code,
            "reason": reason,
            "error_kind": kind,
            "fail_code": fail_code,
            "consumed": self.consumed,
        })
    }

    /// Explains it to a person.
    fn explain(&self, out: &mut impl Write) -> io::Result<()> {
        let what = if self.bare { "payload" } else { "frame" };
        let direction = match self.local {
            Some(Role::Client) => ", from a server to a client",
            Some(Role::Server) => ", from a client to a server",
            None => "",
        };
        let size = bytes(self.consumed.unwrap_or(self.len));
        let mut closing = ClosingHandshake::new(self.local.unwrap_or(Role::Client));
        let answer = match self.outcome {
            Outcome::Incomplete { need } => {
                return writeln!(out, "The start of a frame{direction}, {size}: at least {need} more needed");
            }
            Outcome::Other(Header { opcode, frame_len, .. }) => {
                let kind = ["continuation", "text", "binary"].get(usize::from(opcode));
                let kind = kind.copied().unwrap_or(match opcode {
                    0x9 => "ping",
                    0xa => "pong",
                    _ => "reserved",
                });
                let frame_len = frame_len.map_or("of unknown length".into(), bytes);
                writeln!(
                    out,
                    "Not a Close{direction}: opcode {opcode:#x} ({kind}), {frame_len}; {} given",
                    bytes(self.len)
                )?;
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

    /// The answer in the form of the input: a payload or a frame.
    fn encode_answer(&self, answer: CloseFrame<'_>) -> String {
        match self.local {
            _ if self.bare => hex::encode(answer.write_payload(&mut [0; 125])),
            Some(Role::Client) => {
                let frame = hex::encode(wire::encode(answer, Some([0; 4]), &mut [0; 131]));
                format!("{frame} (masked with 00000000; a client takes a random key)")
            }
            Some(Role::Server) | None => hex::encode(wire::encode(answer, None, &mut [0; 131])),
        }
    }
}

/// A line that is safe to print: what could disturb a terminal or an editor, such as U+009B or a bidi control, becomes
/// `\uXXXX`. JSON stays the same JSON.
fn printable(line: &str) -> String {
    let mut printable = String::new();
    for character in line.chars() {
        // `escape_debug` would also escape quotes and backslashes. In JSON they are syntax.
        if matches!(character, ' '..='~') || character.escape_debug().len() == 1 {
            printable.push(character);
        } else {
            printable.extend(character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    printable
}

fn row(out: &mut impl Write, label: &str, value: impl Display) -> io::Result<()> {
    writeln!(out, "  {label:<12}{value}")
}

/// `1 byte`, `2 bytes`.
fn bytes(count: impl Display) -> String {
    let count = count.to_string();
    if count == "1" { "1 byte".into() } else { format!("{count} bytes") }
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

fn encode(args: &mut lexopt::Parser, out: &mut impl Write) -> Result<u8> {
    let (mut payload, mut truncate, mut mask, mut code, mut reason) = (false, false, None, None, None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("payload") => payload = true,
            Long("truncate") => truncate = true,
            Long("mask") => {
                let mut key = [0; 4];
                hex::decode_to_slice(args.value()?.string()?, &mut key)
                    .map_err(|error| format!("--mask takes eight hex digits: {error}"))?;
                mask = Some(key);
            }
            Long("help") | Short('h') => return help(out),
            Value(value) if code.is_none() => code = Some(CloseCode::new(value.parse()?)?),
            Value(value) if reason.is_none() => reason = Some(value.string()?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    if payload && mask.is_some() {
        return Err("--mask is for a frame, and a payload has none".into());
    }

    let reason = reason.unwrap_or_default();
    let frame = match code {
        None => CloseFrame::EMPTY,
        Some(code) if truncate => CloseFrame::truncated(code, &reason),
        Some(code) => CloseFrame::new(code, &reason).map_err(|error| format!("{error}; --truncate cuts it"))?,
    };
    let hex = if payload {
        hex::encode(frame.write_payload(&mut [0; 125]))
    } else {
        hex::encode(wire::encode(frame, mask, &mut [0; 131]))
    };
    writeln!(out, "{hex}")?;
    Ok(0)
}

fn codes(args: &mut lexopt::Parser, out: &mut impl Write) -> Result<u8> {
    let mut asked: Option<u16> = None;
    while let Some(arg) = args.next()? {
        match arg {
            Long("help") | Short('h') => return help(out),
            Value(value) if asked.is_none() => asked = Some(value.parse()?),
            _ => return Err(arg.unexpected().into()),
        }
    }

    if let Some(number) = asked {
        writeln!(out, "{number} {}\n{}", registry::name(number), registry::description(number))?;
        let verdict = match CloseCode::new(number) {
            Ok(code) if code.is_allowed_from_script() => "Allowed in a Close frame. A browser's close() accepts it.",
            Ok(_) => "Allowed in a Close frame. A browser's close() refuses it.",
            Err(_) => "Not allowed in a Close frame.",
        };
        writeln!(out, "{verdict}")?;
    } else {
        writeln!(out, "The registry as of {REGISTRY_DATE}. A + marks the codes that are allowed in a Close frame.")?;
        for row in REGISTRY {
            let range =
                if row.first == row.last { row.first.to_string() } else { format!("{}-{}", row.first, row.last) };
            let sent = if CloseCode::new(row.first).is_ok() { '+' } else { ' ' };
            writeln!(out, "{range:>10} {sent} {:<27} {}", row.name, row.description)?;
        }
    }
    Ok(0)
}

//! `wsclose decode`: explains single frames, payloads, and the start of a stream up to its first Close.

use std::io::{self, BufRead, BufReader, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use lexopt::prelude::*;
use websocket_close::Role;
use websocket_close::wire::{self, Header, Peek};

use super::decoded::{Decoded, Outcome, row};
use super::hex::{self, Dump, DumpLine};
use super::words::bytes as count_bytes;
use super::{Io, Result, heads, help, json, open};

/// What to do with each input.
#[derive(Clone, Copy, Default)]
struct Options {
    payload: bool,
    base64: bool,
    json: bool,
    role: Option<Role>,
}

/// A file for `--raw` may have so many bytes; `streams` takes longer ones.
const MAX_RAW: u64 = 1 << 26;

pub(crate) fn run(args: &mut lexopt::Parser, io: &mut Io<'_>) -> Result<u8> {
    let (mut options, mut raw, mut inputs) = (Options::default(), None, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Long("payload") => options.payload = true,
            Long("base64") => options.base64 = true,
            Long("json") => options.json = true,
            Long("raw") => raw = Some(args.value()?),
            Long("role") => {
                options.role = Some(match args.value()?.string()?.as_str() {
                    "client" => Role::Client,
                    "server" => Role::Server,
                    other => return Err(format!("--role is client or server, not {other:?}").into()),
                });
            }
            Long("help") | Short('h') => return help(io),
            Value(hex) => inputs.push(hex.string()?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let mut explainer = Explainer { options, out: &mut *io.out, is_first: true, status: 0 };
    match raw {
        Some(_) if !inputs.is_empty() || options.base64 => return Err("--raw takes the place of HEX".into()),
        Some(file) if file == "-" => explainer.raw(&mut *io.input)?,
        Some(file) => explainer.raw(open(file)?)?,
        None if inputs.is_empty() => explainer.lines(&mut *io.input)?,
        None => explainer.arguments(&inputs)?,
    }
    // With --json the answer is in the object.
    Ok(if options.json { 0 } else { explainer.status })
}

struct Explainer<'a> {
    options: Options,
    out: &'a mut dyn Write,
    is_first: bool,
    status: u8,
}

impl Explainer<'_> {
    fn raw(&mut self, reader: impl Read) -> Result<()> {
        let mut bytes = Vec::new();
        reader.take(MAX_RAW + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_RAW {
            return Err(format!("more than {MAX_RAW} bytes; wsclose streams takes more").into());
        }
        Ok(self.explain(bytes, None)?)
    }

    fn arguments(&mut self, inputs: &[String]) -> Result<()> {
        let options = self.options;
        let read = |text: &String| {
            let bytes = options.read(text).map_err(|error| match hint(text) {
                Some(hint) => format!("{text:?} is not {}: {error}; {hint}", options.form()),
                None => format!("{text:?} is not {}: {error}", options.form()),
            })?;
            Ok::<_, Box<dyn std::error::Error>>((bytes, hint(text)))
        };
        // No frame has a single byte, so this was pasted from a dump without quotes.
        let is_byte = |text: &String| text.len() == 2 || hex::parse(text).is_ok_and(|bytes| bytes.len() == 1);
        let is_dump = !options.base64 && inputs.iter().all(is_byte);
        if is_dump {
            let bytes = inputs.iter().map(read).collect::<Result<Vec<_>>>()?;
            return Ok(self.explain(bytes.into_iter().flat_map(|(bytes, _)| bytes).collect(), None)?);
        }
        for text in inputs {
            let (bytes, hint) = read(text)?;
            self.explain(bytes, hint)?;
        }
        Ok(())
    }

    fn lines(&mut self, input: &mut dyn Read) -> Result<()> {
        let (options, mut dump) = (self.options, None::<Dump>);
        for (line, number) in BufReader::new(input).lines().zip(1..) {
            let line = line.map_err(|error| format!("line {number}: {error}"))?;
            let text = line.split('#').next().unwrap_or_default();
            let wrong = |error: String| format!("line {number} is not {}: {error}", options.form());
            let dump_line =
                DumpLine::read(text).filter(|line| !options.base64 && (dump.is_some() || line.starts_dump()));
            if let Some(line) = dump_line {
                if line.starts_dump() {
                    self.end_dump(&mut dump)?;
                }
                dump.get_or_insert_default().push(line).map_err(|error| wrong(error.to_string()))?;
                continue;
            }
            let is_end = dump.as_ref().is_some_and(|dump| dump.is_end(text));
            self.end_dump(&mut dump)?;
            if !is_end && !text.trim().is_empty() {
                let bytes = options.read(text).map_err(wrong)?;
                self.explain(bytes, hint(text))?;
            }
        }
        self.end_dump(&mut dump)
    }

    fn end_dump(&mut self, dump: &mut Option<Dump>) -> Result<()> {
        match dump.take() {
            Some(dump) => Ok(self.explain(dump.bytes, None)?),
            None => Ok(()),
        }
    }

    /// Explains one input.
    fn explain(&mut self, mut bytes: Vec<u8>, hint: Option<String>) -> io::Result<()> {
        let Options { payload, json, role, .. } = self.options;
        if json {
            let decoded = if payload { Decoded::payload(role, &bytes) } else { Decoded::frame(role, &mut bytes) };
            return writeln!(self.out, "{}", json::line(&decoded.verdict())?);
        }
        if !std::mem::take(&mut self.is_first) {
            writeln!(self.out)?;
        }
        let decoded = if payload {
            Decoded::payload(role, &bytes)
        } else {
            let at = self.step_to_close(&mut bytes)?;
            Decoded::frame(role, bytes.get_mut(at..).unwrap_or_default())
        };
        if !matches!(decoded.outcome, Outcome::Close(_)) {
            self.status = 1;
        }
        decoded.explain(self.out)?;
        hint.map_or(Ok(()), |hint| row(self.out, "hint", hint))
    }

    /// Tells of an HTTP head and of whole frames that stand before others, and returns where the first Close is, or the
    /// last frame.
    fn step_to_close(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut at = 0;
        if bytes.starts_with(b"GET ") || bytes.starts_with(b"HTTP/1.") {
            let Some(len) = heads::head_len(bytes, 0) else { return Ok(0) };
            writeln!(self.out, "An HTTP head, {}", count_bytes(len))?;
            at = len;
        }
        loop {
            let rest = bytes.get_mut(at..).unwrap_or_default();
            let len = rest.len() as u64;
            // A Close is left as it is: decoding unmasks it.
            let Ok(Peek::NotClose(Header { frame_len: Some(frame_len), .. })) = wire::peek(Role::Client, rest) else {
                return Ok(at);
            };
            if frame_len >= len {
                return Ok(at);
            }
            let decoded = Decoded::frame(self.options.role, rest);
            decoded.other(self.out)?;
            // It is less than `len`.
            at += usize::try_from(frame_len).unwrap_or(usize::MAX);
        }
    }
}

impl Options {
    fn read(self, text: &str) -> Result<Vec<u8>, String> {
        if !self.base64 {
            return hex::parse(text).map_err(|error| error.to_string());
        }
        let config =
            GeneralPurposeConfig::new().with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
        let text: String = text.split_whitespace().collect();
        // The alphabet for URLs, too.
        let text = text.replace('-', "+").replace('_', "/");
        GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(text).map_err(|error| error.to_string())
    }

    const fn form(self) -> &'static str {
        if self.base64 { "base64" } else { "hex" }
    }
}

/// What to say if the input may be a status code in decimal.
fn hint(text: &str) -> Option<String> {
    // Four digits are hex, too, and rarely a code outside of this range.
    let code: u16 = text.trim().parse().ok()?;
    if !matches!((text.trim().len(), code), (4, 1000..=4999) | (3 | 5, _)) {
        return None;
    }
    Some(format!("if {code} is a status code and not hex: wsclose codes {code}"))
}

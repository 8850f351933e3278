//! `wsclose codes`: what the status codes mean.

use std::io::Write;

use lexopt::prelude::*;
use serde::Serialize;
use websocket_close::CloseCode;
use websocket_close::registry::{self, REGISTRY, REGISTRY_DATE};

use super::json;
use super::{Io, Result, help};

pub(crate) fn run(args: &mut lexopt::Parser, io: &mut Io<'_>) -> Result<u8> {
    let (mut json, mut asked) = (false, None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("help") | Short('h') => return help(io),
            Long("json") => json = true,
            Value(value) if asked.is_none() => asked = Some(number(&value.string()?)?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    match asked {
        Some(code) if json => {
            writeln!(io.out, "{}", line(code, code, registry::name(code), registry::description(code))?)?;
        }
        Some(code) => explain(code, io.out)?,
        None if json => {
            for row in REGISTRY {
                writeln!(io.out, "{}", line(row.first, row.last, row.name, row.description)?)?;
            }
        }
        None => list(io.out)?,
    }
    Ok(0)
}

/// A code as people write it: in decimal.
fn number(text: &str) -> Result<u16> {
    text.parse().map_err(|error| {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        match u16::from_str_radix(digits, 16) {
            Ok(code) if text.len() >= 4 => format!("{text:?} is no decimal number; in hex it is {code}").into(),
            _ => format!("{text:?} is no status code: {error}").into(),
        }
    })
}

fn explain(code: u16, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{code} {}\n{}", registry::name(code), registry::description(code))?;
    let verdict = match CloseCode::new(code) {
        Ok(code) if code.is_allowed_from_script() => "Allowed in a Close frame. A browser's close() accepts it.",
        Ok(_) => "Allowed in a Close frame. A browser's close() refuses it.",
        Err(_) => "Not allowed in a Close frame.",
    };
    writeln!(out, "{verdict}")?;
    Ok(())
}

fn list(out: &mut dyn Write) -> Result<()> {
    writeln!(out, "The registry as of {REGISTRY_DATE}. A + marks the codes that are allowed in a Close frame.")?;
    for row in REGISTRY {
        let range = if row.first == row.last { row.first.to_string() } else { format!("{}-{}", row.first, row.last) };
        let sent = if CloseCode::new(row.first).is_ok() { '+' } else { ' ' };
        writeln!(out, "{range:>10} {sent} {:<27} {}", row.name, row.description)?;
    }
    Ok(())
}

/// A row of the registry, all of whose codes may be sent or none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    first: u16,
    last: u16,
    name: &'a str,
    description: &'a str,
    in_frame: bool,
    from_script: bool,
}

fn line(first: u16, last: u16, name: &str, description: &str) -> std::io::Result<String> {
    let code = CloseCode::new(first).ok();
    let from_script = code.is_some_and(CloseCode::is_allowed_from_script);
    json::line(&Row { first, last, name, description, in_frame: code.is_some(), from_script })
}

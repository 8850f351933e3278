//! `wsclose encode`: writes a Close in hex.

use lexopt::prelude::*;
use websocket_close::{CloseCode, CloseFrame, wire};

use super::hex::{self, Hex};
use super::{Io, Result, help};

pub(crate) fn run(args: &mut lexopt::Parser, io: &mut Io<'_>) -> Result<u8> {
    let (mut payload, mut truncate, mut mask, mut code, mut reason) = (false, false, None, None, None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("payload") => payload = true,
            Long("truncate") => truncate = true,
            Long("mask") => mask = Some(key(&args.value()?.string()?)?),
            Long("help") | Short('h') => return help(io),
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
    if payload {
        writeln!(io.out, "{}", Hex(frame.write_payload(&mut [0; 125])))?;
    } else {
        writeln!(io.out, "{}", Hex(wire::encode(frame, mask, &mut [0; 131])))?;
    }
    Ok(0)
}

fn key(text: &str) -> Result<[u8; 4]> {
    let key = hex::parse(text).map_err(|error| format!("--mask takes eight hex digits: {error}"))?;
    key.try_into().map_err(|_| format!("--mask takes eight hex digits, not {text:?}").into())
}

//! Speaks the protocol of `wsclose decode --json` for the crate tungstenite. It reads with its `WebSocket` from memory.
//!
//! ```text
//! python3 tests/vectors/run.py --ignore error_kind --ignore consumed --ignore fail_code \
//!     -- cargo run --quiet -p close-recipes --example vectors-tungstenite --
//! ```

use std::io::{self, Read, Write};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A peer that has sent these bytes, and is silent now.
struct Peer<'a>(&'a [u8]);

impl Read for Peer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { self.0.read(buffer) }
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn decode(data: &[u8], role: Role) -> Value {
    let other = data.first().is_some_and(|first| matches!(first & 0x0f, 0x0 | 0x1 | 0x2 | 0x9 | 0xa));
    // The vectors are about Close frames. Data, pings and pongs are left to the owner of the framing.
    if other {
        return json!({ "outcome": "other_opcode" });
    }
    match WebSocket::from_raw_socket(Peer(data), role, None).read() {
        Ok(Message::Close(None)) => json!({ "outcome": "ok", "code": 1005, "has_code": false, "reason": "" }),
        Ok(Message::Close(Some(close))) => {
            json!({ "outcome": "ok", "code": u16::from(close.code), "has_code": true, "reason": &*close.reason })
        }
        Ok(_) => json!({ "outcome": "other_opcode" }),
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => json!({ "outcome": "incomplete" }),
        // tungstenite leaves the answer to the application.
        Err(_) => json!({ "outcome": "error" }),
    }
}

/// A server's Close frame around a payload.
fn framed(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x88];
    match u8::try_from(payload.len()) {
        Ok(len @ ..126) => frame.push(len),
        _ => frame.extend([&[126], &u16::try_from(payload.len()).unwrap().to_be_bytes()[..]].concat()),
    }
    frame.extend(payload);
    frame
}

fn main() {
    let (mut payload, mut role, mut inputs) = (false, Role::Client, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--payload" => payload = true,
            "--role" => role = if arguments.next().unwrap() == "server" { Role::Server } else { Role::Client },
            _ => inputs.push(argument),
        }
    }
    if inputs.is_empty() {
        inputs = io::stdin().lines().map(Result::unwrap).collect();
    }
    for input in inputs {
        let data = hex::decode(input).unwrap();
        println!("{}", if payload { decode(&framed(&data), Role::Client) } else { decode(&data, role) });
    }
}

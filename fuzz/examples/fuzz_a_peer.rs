//! Fuzzes the close frames of another stack, tungstenite, with `PayloadCase`:
//! `cargo run --release --example fuzz_a_peer`.
//!
//! Under `cargo fuzz` a target is the three lines that the documentation of `websocket_close::arbitrary` begins with.
//! Here the input is noise from a generator, so that the example runs anywhere. It prints each way in which the outcome
//! differs from the verdict, with the first case of it.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use arbitrary::Unstructured;
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Error, Message};
use websocket_close::arbitrary::{PayloadCase, Verdict};

/// What tungstenite makes of a Close with this payload: code and reason, or the code of the Close that it answers with.
fn decode(payload: &[u8]) -> Result<(u16, String), u16> {
    let len = u16::try_from(payload.len()).expect("a case has at most 133 bytes").to_be_bytes();
    let header = if payload.len() > 125 { vec![0x88, 126, len[0], len[1]] } else { vec![0x88, len[1]] };
    let frame = [&header, payload].concat();
    let mut socket = WebSocket::from_raw_socket(Transport { unread: Cursor::new(frame) }, Role::Client, None);
    match socket.read() {
        Ok(Message::Close(None)) => Ok((1005, String::new())),
        Ok(Message::Close(Some(frame))) => Ok((frame.code.into(), frame.reason.to_string())),
        // It leaves the Close to its caller here; RFC 6455 has these codes for it.
        Err(Error::Protocol(_)) => Err(1002),
        Err(Error::Utf8(_)) => Err(1007),
        other => panic!("{other:?}"),
    }
}

fn main() {
    let mut state = 1_u64;
    let mut divergences = BTreeMap::new();
    for _ in 0..200_000 {
        let noise = [0; 300].map(|_: u8| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        });
        let case: PayloadCase = Unstructured::new(&noise).arbitrary().expect("noise is enough");
        let outcome = decode(case.payload());
        if !case.verdict().allows(outcome.as_ref().map(|(code, reason)| (*code, reason.as_str())).map_err(|code| *code))
        {
            let kind = match case.verdict() {
                Verdict::Accept { code, .. } => format!("{code} is to be accepted"),
                Verdict::Refuse { fault, .. } => format!("{fault:?} is to be refused"),
            };
            divergences.entry(kind).or_insert((case, outcome));
        }
    }
    for (kind, (case, outcome)) in &divergences {
        println!("{kind}, tungstenite gave {outcome:?} for {:02x?}", case.payload());
    }
    let known = ["1014 is to be accepted", "ReportOnlyCode is to be refused", "UndefinedCode is to be refused"];
    assert!(divergences.keys().eq(known), "tungstenite has changed");
}

/// A transport from which a few bytes come, and into which all goes.
struct Transport {
    unread: Cursor<Vec<u8>>,
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.unread.read(buffer)
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

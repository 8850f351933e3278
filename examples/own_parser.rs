//! For a stack with its own frame parser: `CloseFrame::from_payload` decodes the payload that the parser returns.
//!
//! `cargo run --example own_parser`
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::expect_used)]

use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, Ending, Role, TransportEnd};

/// Byte 0 of the control frames: FIN and the opcode.
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// Stands for your parser. This one knows a client's short frames. It takes a frame off the front, and returns its
/// first byte and the unmasked payload. `None` is a frame that is not whole. The error is the code to fail the
/// connection with.
///
/// The crate sees only the payload of a Close, so the parser judges its header. (`wire::peek` would do that.)
/// Yours also judges what this one does not: the order of fragments (RFC 6455, 5.4), and whether a text is UTF-8 (8.1).
fn parse(bytes: &mut &[u8]) -> Result<Option<(u8, Vec<u8>)>, CloseCode> {
    let [first, second, rest @ ..] = *bytes else { return Ok(None) };
    let (opcode, len) = (first & 0x0f, second & 0x7f);
    let is_control = opcode >= 0x8;
    // RSV bits without an extension, no mask, a reserved opcode; a control frame in fragments, or with more than 125
    // bytes.
    if first & 0x70 != 0
        || second & 0x80 == 0
        || matches!(opcode, 0x3..=0x7 | 0xb..)
        || is_control && (first & 0x80 == 0 || len > 125)
    {
        return Err(CloseCode::PROTOCOL_ERROR);
    }
    if len > 125 {
        return Err(CloseCode::MESSAGE_TOO_BIG);
    }
    let [k0, k1, k2, k3, rest @ ..] = rest else { return Ok(None) };
    let Some((payload, rest)) = rest.split_at_checked(len.into()) else { return Ok(None) };
    *bytes = rest;
    let key = [k0, k1, k2, k3].into_iter().cycle();
    Ok(Some((*first, payload.iter().zip(key).map(|(byte, key)| byte ^ key).collect())))
}

/// Stands for your writer.
fn write(first: u8, payload: &[u8], sent: &mut Vec<u8>) {
    sent.extend([first, u8::try_from(payload.len()).expect("a short payload")]);
    sent.extend(payload);
}

/// A server that echoes what it receives, until the end.
pub(crate) fn serve(mut received: &[u8], sent: &mut Vec<u8>) -> Ending {
    let mut closing = ClosingHandshake::new(Role::Server);
    while closing.is_open() {
        let close = match parse(&mut received) {
            // An error of the payload knows what to answer: 1002, or 1007 for a reason that is not UTF-8.
            Ok(Some((CLOSE, payload))) => closing.receive_or_reject(CloseFrame::from_payload(&payload)),
            Err(code) => closing.fail(code.into()),
            Ok(None) => break,
            Ok(Some((first, payload))) => {
                match first {
                    PING => write(PONG, &payload, sent),
                    PONG => {}
                    // Text or binary, or a fragment. `parse` has refused everything else.
                    _ => write(first, &payload, sent),
                }
                None
            }
        };
        if let Some(close) = close {
            write(CLOSE, close.write_payload(&mut [0; 125]), sent);
            closing.mark_written();
        }
    }
    // Here a server ends the transport, and then it knows how that went. This one has no transport, only bytes.
    closing.into_ending(TransportEnd::NotKnown)
}

fn main() {
    let mut sent = Vec::new();
    let ending = serve(b"\x81\x85\0\0\0\0hello\x88\x85\0\0\0\0\x03\xe9bye", &mut sent);
    println!("sent {sent:02x?}");
    println!("{ending}");
}

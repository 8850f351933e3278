//! For a stack with its own frame parser: `CloseFrame::from_payload` decodes the payload that the parser returns.
//!
//! `cargo run --example own_parser`
#![allow(clippy::expect_used)]

use websocket_close::{CloseFrame, ClosingHandshake, Ending, Role, TransportEnd};

/// Stands for your parser. This one knows a client's short frames. It takes a frame off the front, and returns the
/// opcode and the unmasked payload.
fn parse(bytes: &mut &[u8]) -> Option<(u8, Vec<u8>)> {
    let [first, second, k0, k1, k2, k3, rest @ ..] = *bytes else { return None };
    let len = Some(second & 0x7f).filter(|len| *len <= 125)?;
    let (payload, rest) = rest.split_at_checked(len.into())?;
    *bytes = rest;
    let key = [k0, k1, k2, k3].into_iter().cycle();
    Some((first & 0x0f, payload.iter().zip(key).map(|(byte, key)| byte ^ key).collect()))
}

/// Stands for your writer.
fn write(byte0: u8, payload: &[u8], sent: &mut Vec<u8>) {
    sent.extend([byte0, u8::try_from(payload.len()).expect("a short payload")]);
    sent.extend(payload);
}

/// A server that echoes what it receives, until the end.
pub(crate) fn serve(mut received: &[u8], sent: &mut Vec<u8>) -> Ending {
    let mut closing = ClosingHandshake::new(Role::Server);
    while let Some((opcode, payload)) = parse(&mut received) {
        if opcode != 0x8 {
            write(0x80 | opcode, &payload, sent);
            continue;
        }
        // An error knows what to answer: 1002, or 1007 for a reason that is not UTF-8.
        let answer = closing.receive_or_reject(CloseFrame::from_payload(&payload));
        if let Some(answer) = answer {
            write(0x88, answer.write_payload(&mut [0; 125]), sent);
            closing.mark_written();
        }
        break;
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

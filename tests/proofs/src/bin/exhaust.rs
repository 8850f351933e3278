//! Tries every input of a space against oracles that do not use the crate: `exhaust codes`, `reasons`, `places`,
//! `leads` or `all`. `tests/proofs/exhaust.sh` builds and runs it.

use std::process::ExitCode;
use std::thread;

use websocket_close::{CloseCode, CloseFrame, DecodeError, InvalidCloseFrame};

/// The codes that may be sent (RFC 6455, 7.4, and the registry), one by one and by range.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000 | 1001 | 1002 | 1003 | 1007 | 1008 | 1009 | 1010 | 1011 | 1012 | 1013 | 1014)
        || (3000..=3999).contains(&code)
        || (4000..=4999).contains(&code)
}

/// All codes with all lengths of payload. Each payload is decoded, encoded again, built from its parts, and split by
/// `unjudged`.
fn codes() -> (u64, u64) {
    let mut accepted = 0;
    for code in 0..=u16::MAX {
        let mut payload = [b'r'; 126];
        payload[..2].copy_from_slice(&code.to_be_bytes());
        for len in 0..=126 {
            let payload = &payload[..len];
            match (CloseFrame::from_payload(payload), len) {
                (Ok(frame), 0) => assert_eq!(frame, CloseFrame::EMPTY),
                (Err(DecodeError::MissingByte), 1) | (Err(DecodeError::TooLong(126)), 126) => {}
                (Ok(frame), 2..=125) if may_be_sent(code) => {
                    assert_eq!(frame.code().map(CloseCode::get), Some(code));
                    assert_eq!(frame.reason().as_bytes(), &payload[2..]);
                    assert_eq!(frame.write_payload(&mut [0; 125]), payload);
                    accepted += 1;
                }
                (Err(DecodeError::InvalidCode(error)), 2..=125) if !may_be_sent(code) => assert_eq!(error.get(), code),
                (decoded, _) => panic!("{decoded:?} for {code} with {len} bytes"),
            }
            let reason = payload.get(2..).map(|reason| str::from_utf8(reason).expect("ASCII"));
            match (CloseFrame::unjudged(payload), len) {
                (Ok(None), 0) | (Err(DecodeError::MissingByte), 1) | (Err(DecodeError::TooLong(126)), 126) => {}
                (Ok(split), 2..=125) => assert_eq!(split, reason.map(|reason| (code, reason))),
                (split, _) => panic!("{split:?} for {code} with {len} bytes"),
            }
            let Some(reason) = reason else { continue };
            match CloseFrame::from_parts(code, reason) {
                Ok(frame) => assert_eq!(Ok(frame), CloseFrame::from_payload(payload)),
                Err(InvalidCloseFrame::Code(error)) => assert!(error.get() == code && !may_be_sent(code)),
                Err(InvalidCloseFrame::Reason(error)) => assert!(error.len() == 124 && len == 126 && may_be_sent(code)),
            }
        }
    }
    (65_536 * 127, accepted)
}

/// Whether the text is `UTF8-octets` by the grammar of RFC 3629, section 4.
#[inline]
fn is_utf8(mut text: &[u8]) -> bool {
    loop {
        text = match text {
            [] => return true,
            [0x00..=0x7f, rest @ ..]
            | [0xc2..=0xdf, 0x80..=0xbf, rest @ ..]
            | [0xe0, 0xa0..=0xbf, 0x80..=0xbf, rest @ ..]
            | [0xe1..=0xec | 0xee..=0xef, 0x80..=0xbf, 0x80..=0xbf, rest @ ..]
            | [0xed, 0x80..=0x9f, 0x80..=0xbf, rest @ ..]
            | [0xf0, 0x90..=0xbf, 0x80..=0xbf, 0x80..=0xbf, rest @ ..]
            | [0xf1..=0xf3, 0x80..=0xbf, 0x80..=0xbf, 0x80..=0xbf, rest @ ..]
            | [0xf4, 0x80..=0x8f, 0x80..=0xbf, 0x80..=0xbf, rest @ ..] => rest,
            _ => return false,
        }
    }
}

/// Tries one reason with code 1000. The verdict must be that of the grammar. The text and the place of the fault must
/// be those of `core::str`. Returns the verdict.
#[inline]
fn as_the_oracles_say(payload: &[u8]) -> bool {
    let text = std::str::from_utf8(&payload[2..]);
    assert_eq!(text.is_ok(), is_utf8(&payload[2..]), "{payload:x?}");
    match (CloseFrame::from_payload(payload), text) {
        (Ok(frame), Ok(text)) => {
            assert_eq!(frame.reason(), text);
            true
        }
        (Err(DecodeError::InvalidUtf8(error)), Err(expected)) => {
            assert_eq!(error, expected);
            false
        }
        (decoded, text) => panic!("{decoded:?} for {payload:x?}, core::str: {text:?}"),
    }
}

/// All reasons of up to three bytes.
fn reasons() -> (u64, u64) {
    let (mut size, mut accepted) = (0, 0);
    for len in 0..=3_u32 {
        for number in 0..1_u32 << (8 * len) {
            let [a, b, c, _] = number.to_le_bytes();
            size += 1;
            accepted += u64::from(as_the_oracles_say(&[0x03, 0xe8, a, b, c][..2 + len as usize]));
        }
    }
    // 1 + 128 + (128^2 + 1920) + (128^3 + 2 * 128 * 1920 + 61440): characters of 1, 2 and 3 bytes in every order.
    assert_eq!(accepted, 1 + 128 + 18_304 + 2_650_112);
    (size, accepted)
}

/// How many reasons of four bytes begin with a character of 2, 3 or 4 bytes, with any text behind it.
const LEADS: u64 = 1920 * 18_304 + 61_440 * 128 + 1_048_576;

/// Tries all reasons of four bytes whose first byte is in the range, on two threads. `valid` of them must be UTF-8.
fn four_bytes(first: u8, last: u8, valid: u64) -> (u64, u64) {
    let half = |odd: u8| {
        move || {
            let mut accepted = 0;
            for lead in (first..=last).filter(|lead| lead % 2 == odd) {
                for rest in 0..1_u32 << 24 {
                    let [a, b, c, _] = rest.to_le_bytes();
                    accepted += u64::from(as_the_oracles_say(&[0x03, 0xe8, lead, a, b, c]));
                }
            }
            accepted
        }
    };
    let halves = [0, 1].map(|odd| thread::spawn(half(odd)));
    let accepted = halves.into_iter().map(|half| half.join().expect("no panic")).sum();
    assert_eq!(accepted, valid);
    ((u64::from(last - first) + 1) << 24, accepted)
}

/// Four bytes at every place of a reason of 123 bytes. Each byte is the first or the last of a range in RFC 3629's
/// grammar, or just outside. A validator that works in blocks could differ here. The rest of the reason is ASCII; in a
/// second pass its ends are wide characters, which make the crate choose simdutf8.
fn places() -> (u64, u64) {
    const EDGES: [u8; 22] = [
        0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
        0xf0, 0xf3, 0xf4, 0xf5,
    ];
    let (mut size, mut accepted) = (0, 0);
    for ends in ["rr", "é"] {
        for place in 0..=119 {
            let mut payload = [b'r'; 125];
            payload[..2].copy_from_slice(&[0x03, 0xe8]);
            payload[2..4].copy_from_slice(ends.as_bytes());
            payload[123..].copy_from_slice(ends.as_bytes());
            for a in EDGES {
                for b in EDGES {
                    for c in EDGES {
                        for d in EDGES {
                            payload[2 + place..6 + place].copy_from_slice(&[a, b, c, d]);
                            size += 1;
                            accepted += u64::from(as_the_oracles_say(&payload));
                        }
                    }
                }
            }
        }
    }
    (size, accepted)
}

fn main() -> ExitCode {
    let space = std::env::args().nth(1).unwrap_or_default();
    let (size, accepted) = match space.as_str() {
        "codes" => codes(),
        "reasons" => reasons(),
        "places" => places(),
        "leads" => four_bytes(0xc2, 0xf4, LEADS),
        "all" => four_bytes(0x00, 0xff, 128 * 2_650_112 + LEADS),
        _ => {
            eprintln!("usage: exhaust codes | reasons | places | leads | all");
            return ExitCode::FAILURE;
        }
    };
    println!("{space}: {size} payloads decoded, {accepted} accepted, all as the oracle says");
    ExitCode::SUCCESS
}

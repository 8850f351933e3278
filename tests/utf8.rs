//! Compares the UTF-8 check of `CloseFrame::from_payload`, `CloseFrame::unjudged` and `RawClose::decode` with `core`
//! and with the grammar of RFC 3629.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::ops::RangeInclusive;
use std::str;

use websocket_close::wire::{self, Peek};
use websocket_close::{CloseFrame, DecodeError, Role};

#[path = "common/stride.rs"]
mod stride;

use stride::STRIDE;

const TAIL: RangeInclusive<u8> = 0x80..=0xbf;

/// The rows of `UTF8-octets` in RFC 3629, section 4: what each byte of a character may be.
const GRAMMAR: [&[RangeInclusive<u8>]; 9] = [
    &[0x00..=0x7f],
    &[0xc2..=0xdf, TAIL],
    &[0xe0..=0xe0, 0xa0..=0xbf, TAIL],
    &[0xe1..=0xec, TAIL, TAIL],
    &[0xed..=0xed, 0x80..=0x9f, TAIL],
    &[0xee..=0xef, TAIL, TAIL],
    &[0xf0..=0xf0, 0x90..=0xbf, TAIL, TAIL],
    &[0xf1..=0xf3, TAIL, TAIL, TAIL],
    &[0xf4..=0xf4, 0x80..=0x8f, TAIL, TAIL],
];

fn is_utf8(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let fits = |row: &&&[RangeInclusive<u8>]| {
            row.len() <= bytes.len() && row.iter().zip(bytes).all(|(range, byte)| range.contains(byte))
        };
        let Some(row) = GRAMMAR.iter().find(fits) else { return false };
        bytes = &bytes[row.len()..];
    }
    true
}

/// Compares the verdict on a payload with code 1000 with both oracles. A refusal must also name the place of the fault.
#[track_caller]
fn check(payload: &[u8]) {
    let reason = &payload[2..];
    let grammar = is_utf8(reason);
    match (CloseFrame::from_payload(payload), str::from_utf8(reason)) {
        (Ok(frame), Ok(text)) => assert!(grammar && frame.reason() == text, "{reason:02x?}"),
        (Err(DecodeError::InvalidUtf8(error)), Err(core)) => {
            assert!(!grammar && error == core, "{reason:02x?}: {error}");
        }
        (decoded, core) => panic!("{reason:02x?}: {decoded:?} and {core:?}, by the grammar {grammar}"),
    }
    let text = str::from_utf8(reason).map_err(DecodeError::InvalidUtf8);
    assert_eq!(CloseFrame::unjudged(payload), text.map(|text| Some((1000, text))));
    // The same in a masked frame.
    let mut frame = [0x88, 0x80 | payload.len() as u8, 0x37, 0xfa, 0x21, 0x3d].to_vec();
    frame.extend(payload.iter().zip([0x37, 0xfa, 0x21, 0x3d].iter().cycle()).map(|(byte, key)| byte ^ key));
    let Ok(Peek::Close(close)) = wire::peek(Role::Server, &mut frame) else { panic!() };
    assert_eq!(close.decode(), CloseFrame::from_payload(payload).map_err(Into::into));
}

#[test]
fn every_string_of_two_bytes_is_judged_like_the_oracles() {
    check(b"\x03\xe8");
    for a in 0..=u8::MAX {
        check(&[0x03, 0xe8, a]);
        for b in (0..=u8::MAX).step_by(STRIDE) {
            check(&[0x03, 0xe8, a, b]);
        }
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "2^24 strings: cargo test --release --test utf8")]
fn every_string_of_three_bytes_is_judged_like_the_oracles() {
    for number in 0..1_u32 << 24 {
        let [_, a, b, c] = number.to_be_bytes();
        check(&[0x03, 0xe8, a, b, c]);
    }
}

/// Every character in Unicode.
#[test]
fn every_character_is_accepted() {
    for character in ('\0'..=char::MAX).step_by(STRIDE * STRIDE) {
        let mut payload = [0x03, 0xe8, 0, 0, 0, 0];
        let len = character.encode_utf8(&mut payload[2..]).len();
        let frame = CloseFrame::from_payload(&payload[..2 + len]).unwrap();
        assert_eq!(frame.reason().chars().collect::<Vec<_>>(), [character]);
    }
}

/// For every row of the grammar: the first and last byte of each range and their neighbours, in all combinations, whole
/// and cut off.
fn boundary_sequences() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for row in GRAMMAR {
        let mut sequences = vec![Vec::new()];
        for range in row {
            let (first, last) = (*range.start(), *range.end());
            let edges = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
            sequences = sequences
                .iter()
                .flat_map(|sequence| edges.map(|edge| [sequence.as_slice(), &[edge]].concat()))
                .collect();
            all.extend_from_slice(&sequences);
        }
    }
    all.sort();
    all.dedup();
    all
}

/// Each sequence stands at each offset of a reason of 123 bytes, and at the end of a shorter one.
#[test]
fn boundary_sequences_are_judged_like_the_oracles_at_every_offset() {
    let mut payload = [b'a'; 125];
    payload[..2].copy_from_slice(&[0x03, 0xe8]);
    for sequence in boundary_sequences().into_iter().step_by(STRIDE) {
        for at in (2..=125 - sequence.len()).step_by(STRIDE / 3 + 1) {
            let end = at + sequence.len();
            payload[at..end].copy_from_slice(&sequence);
            check(&payload);
            check(&payload[..end]);
            payload[at..end].fill(b'a');
        }
    }
}

/// The same in text that already has characters outside ASCII.
#[test]
fn boundary_sequences_are_judged_like_the_oracles_among_wide_characters() {
    for sequence in boundary_sequences().into_iter().step_by(4 * STRIDE - 3) {
        for wide in ["é", "€", "😀"] {
            for count in [1, 7, 15, 16, 30] {
                let wide = wide.repeat(count);
                for (before, after) in [(wide.as_str(), ""), ("", wide.as_str()), (&wide, "a"), ("aaa", &wide)] {
                    let reason = [before.as_bytes(), &sequence, after.as_bytes()].concat();
                    if reason.len() <= 123 {
                        check(&[&[0x03, 0xe8], reason.as_slice()].concat());
                    }
                }
            }
        }
    }
}

/// Some decoders change these texts.
#[test]
fn text_is_kept_as_it_is() {
    for text in
        ["\u{feff}bom", "\u{feff}\u{feff}", "\0", "\r\n", "\u{fffd}", "\u{fffe}\u{ffff}", "e\u{301}", "\u{202e}abc"]
    {
        let payload = [b"\x03\xe8", text.as_bytes()].concat();
        assert_eq!(CloseFrame::from_payload(&payload).unwrap().reason(), text);
    }
}

/// Two bytes that are not ASCII stand at every two places of every length. A check that works in blocks must not let
/// them cancel each other out.
#[test]
fn two_bad_bytes_are_refused_at_every_two_places() {
    for len in (2..=123).step_by(STRIDE / 2 + 1) {
        let mut payload = [b'r'; 125];
        payload[..2].copy_from_slice(&[0x03, 0xe8]);
        let payload = &mut payload[..2 + len];
        for first in (2..payload.len()).step_by(STRIDE / 8 + 1) {
            payload[first] = 0x80;
            for second in first + 1..payload.len() {
                payload[second] = 0x80;
                let Err(DecodeError::InvalidUtf8(error)) = CloseFrame::from_payload(payload) else {
                    panic!("{len} bytes with 0x80 at {first} and {second} were accepted")
                };
                assert_eq!((error.valid_up_to(), error.error_len()), (first - 2, Some(1)));
                payload[second] = b'r';
            }
            payload[first] = b'r';
        }
    }
}

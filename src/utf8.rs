//! Turns bytes into a checked `&str`, fast for reasons of at most 123 bytes. It has the only `unsafe` of the crate.

use core::str::{self, Utf8Error};

use crate::mask;
#[cfg(feature = "simdutf8")]
use fast::is_utf8;

/// `bytes` as text if every one of them is below 0x80.
#[inline]
pub(crate) fn ascii(bytes: &[u8]) -> Option<&str> {
    text(bytes, is_ascii(bytes))
}

/// Checks that `bytes` are UTF-8, with the result of [`core::str::from_utf8`]. Use it for text that is not ASCII.
#[inline]
pub(crate) fn checked(bytes: &[u8]) -> Result<&str, Utf8Error> {
    text(bytes, is_utf8(bytes)).map_or_else(|| refused(bytes), Ok)
}

/// Unmasks `bytes` in place: text if every one of them is then below 0x80, else the plain bytes.
#[inline]
pub(crate) fn unmasked(key: [u8; 4], bytes: &mut [u8]) -> Result<&str, &[u8]> {
    let is_ascii = mask::unmask(key, bytes);
    text(bytes, is_ascii).ok_or(bytes)
}

/// Only `core` tells where the fault is.
#[cold]
fn refused(bytes: &[u8]) -> Result<&str, Utf8Error> {
    str::from_utf8(bytes)
}

/// Call it only with the answer that `is_ascii`, `mask::unmask` or `is_utf8` has just given for these very bytes.
#[inline]
fn text(bytes: &[u8], is_text: bool) -> Option<&str> {
    // SAFETY: `bytes` is valid UTF-8. `is_ascii` and `mask::unmask` have seen that every byte is below 0x80, which is a
    // whole character by itself (RFC 3629, section 3). Tested below: each byte value at each place of a slice of each
    // length. `is_utf8` asks simdutf8, or has the grammar of RFC 3629, section 4. tests/proofs holds it against that
    // grammar for every string of four bytes, the longest a character can be; tests/utf8.rs for the edges of the
    // grammar at every place.
    #[allow(unsafe_code)]
    is_text.then(|| unsafe { str::from_utf8_unchecked(bytes) })
}

/// Whether every byte is below 0x80.
///
/// ORs overlapping windows from both ends: from four bytes up, no loop and no single-byte tail. For slices this short
/// that takes less than half the time of `<[u8]>::is_ascii`.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    let len = bytes.len();
    let window =
        |at| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(u128::MAX, |window| u128::from_ne_bytes(*window));
    match len {
        16..=128 => {
            let mut seen = window(0) | window(len - 16);
            if len > 32 {
                seen |= window(16) | window(len - 32);
            }
            if len > 64 {
                seen |= window(32) | window(48) | window(len - 64) | window(len - 48);
            }
            seen & u128::from_ne_bytes([0x80; 16]) == 0
        }
        8..16 => match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => {
                (u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last)) & u64::from_ne_bytes([0x80; 8]) == 0
            }
            _ => false,
        },
        4..8 => match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => {
                (u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last)) & u32::from_ne_bytes([0x80; 4]) == 0
            }
            _ => false,
        },
        _ => bytes.iter().all(u8::is_ascii),
    }
}

/// Whether `bytes` are UTF-8; meant for what is not ASCII.
#[cfg(not(feature = "simdutf8"))]
fn is_utf8(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok()
}

/// The same with SIMD for long text, and with an automaton for short text.
#[cfg(feature = "simdutf8")]
mod fast {
    use super::is_ascii;
    use State::{AfterE0, AfterEd, AfterF0, AfterF4, Between, OneMore, Refused, ThreeMore, TwoMore};

    /// Whether `bytes` are UTF-8; meant for what is not ASCII.
    #[inline]
    pub(super) fn is_utf8(mut bytes: &[u8]) -> bool {
        // 16 bytes of ASCII at either end are whole characters.
        while let Some((_, rest)) = bytes.split_first_chunk::<16>().filter(|(first, _)| is_ascii(*first)) {
            bytes = rest;
        }
        while let Some((rest, _)) = bytes.split_last_chunk::<16>().filter(|(_, last)| is_ascii(*last)) {
            bytes = rest;
        }
        // simdutf8 leaves text below 64 bytes to `core`. It takes the same time for any text of 65 to 128 bytes.
        if bytes.len() >= 64 { simdutf8::basic::from_utf8(bytes).is_ok() } else { accepts(bytes) }
    }

    /// A state of the automaton: a load and a shift for each byte, where `core` has branches for each character.
    ///
    /// Each byte has a row of 64 bits. A state is a place in that row: the six bits from there on are the next state.
    #[derive(Clone, Copy)]
    enum State {
        Refused = 0,
        /// Between two characters.
        Between = 6,
        OneMore = 12,
        TwoMore = 18,
        ThreeMore = 24,
        AfterE0 = 30,
        AfterEd = 36,
        AfterF0 = 42,
        AfterF4 = 48,
    }

    /// The grammar of RFC 3629, section 4.
    #[rustfmt::skip]
    const fn next(state: State, byte: u8) -> State {
        match (state, byte) {
            (Between, 0..=0x7f) | (OneMore, 0x80..=0xbf) => Between,
            (Between, 0xc2..=0xdf) | (TwoMore, 0x80..=0xbf)
            | (AfterE0, 0xa0..=0xbf) | (AfterEd, 0x80..=0x9f) => OneMore,
            (Between, 0xe0) => AfterE0,
            (Between, 0xed) => AfterEd,
            (Between, 0xe1..=0xef) | (ThreeMore, 0x80..=0xbf)
            | (AfterF0, 0x90..=0xbf) | (AfterF4, 0x80..=0x8f) => TwoMore,
            (Between, 0xf0) => AfterF0,
            (Between, 0xf1..=0xf3) => ThreeMore,
            (Between, 0xf4) => AfterF4,
            _ => Refused,
        }
    }

    #[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "computed by the compiler")]
    static ROWS: [u64; 256] = {
        let states = [Between, OneMore, TwoMore, ThreeMore, AfterE0, AfterEd, AfterF0, AfterF4];
        let mut rows = [0; 256];
        let mut byte = 0;
        while byte < rows.len() {
            let mut index = 0;
            while index < states.len() {
                let state = states[index];
                rows[byte] |= (next(state, byte as u8) as u64) << state as u32;
                index += 1;
            }
            byte += 1;
        }
        rows
    };

    #[expect(clippy::indexing_slicing, reason = "a row for each byte")]
    pub(super) fn accepts(bytes: &[u8]) -> bool {
        // A shift takes the lowest six bits for its distance.
        let state = bytes.iter().fold(Between as u64, |state, byte| ROWS[usize::from(*byte)] >> (state & 63));
        state & 63 == Between as u64
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// Miri is a thousand times slower, so it takes only some of the cases.
    const STRIDE: usize = if cfg!(miri) { 97 } else { 1 };

    /// Each byte value at each place of a slice of each length, ASCII elsewhere, bare and masked.
    #[test]
    fn ascii_is_every_byte_below_0x80_and_nothing_else() {
        const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let masked = |plain: [u8; 130]| core::array::from_fn::<_, 130, _>(|index| plain[index] ^ KEY[index % 4]);
        for len in (0..=130).step_by(STRIDE.min(5)) {
            let mut plain = [0x7f; 130];
            assert!(is_ascii(&plain[..len]), "{len} ASCII bytes");
            for place in (0..len).step_by(STRIDE.min(7)) {
                for value in (0..=u8::MAX).step_by(STRIDE) {
                    plain[place] = value;
                    assert_eq!(is_ascii(&plain[..len]), value < 0x80, "{value:#04x} at {place} of {len}");
                    let mut bytes = masked(plain);
                    assert_eq!(mask::unmask(KEY, &mut bytes[..len]), value < 0x80, "{value:#04x} at {place} of {len}");
                    assert_eq!(bytes[..len], plain[..len], "{value:#04x} at {place} of {len}");
                }
                plain[place] = 0;
            }
        }
    }

    /// If `is_utf8` refused good text, `core` would still accept it. Only the speed would suffer.
    #[test]
    fn every_character_is_utf8() {
        for character in ('\0'..=char::MAX).step_by(STRIDE * STRIDE) {
            assert!(is_utf8(character.encode_utf8(&mut [0; 4]).as_bytes()), "{character:?}");
        }
    }
}

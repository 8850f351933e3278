//! Bytes to a checked `&str`, fast for the at most 123 bytes of a close reason; the only `unsafe` of the crate.

use core::str::{self, Utf8Error};

/// `bytes` as text if every one of them is below 0x80.
#[inline]
pub(crate) fn ascii(bytes: &[u8]) -> Option<&str> {
    if !is_ascii(bytes) {
        return None;
    }
    // SAFETY: `is_ascii` has just seen that every byte of `bytes` is below 0x80, each byte of that kind is a whole
    // character of UTF-8 by itself (RFC 3629, section 3), and so any sequence of them is valid UTF-8. That `is_ascii` says
    // so of no other slice is tested below: each byte value at each place of a slice of each length.
    #[allow(unsafe_code)]
    Some(unsafe { str::from_utf8_unchecked(bytes) })
}

/// Whether every byte is below 0x80.
///
/// Looked at in windows from both ends, which may overlap in the middle: no loop, and no byte looked at alone, from four bytes
/// on. For slices this short that takes less than half the time of `<[u8]>::is_ascii`.
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

/// Checks that `bytes` are UTF-8, as [`core::str::from_utf8`] does and with its error; meant for what is not ASCII. The text is
/// handed out by whoever has checked it.
#[inline]
pub(crate) fn check(bytes: &[u8]) -> Result<&str, Utf8Error> {
    #[cfg(feature = "simdutf8")]
    if suits_simdutf8(bytes) {
        if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
            return Ok(text);
        }
        // It does not say where the fault is.
    }
    str::from_utf8(bytes)
}

/// Whether simdutf8 is likely to be faster than `core`: it takes the same time for any text, `core` a step for each character
/// that is not ASCII, of which there are many in a text that has some at both ends. Below 64 bytes simdutf8 calls `core` itself.
#[cfg(feature = "simdutf8")]
#[inline]
fn suits_simdutf8(bytes: &[u8]) -> bool {
    match (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
        (Some(first), Some(last)) => bytes.len() >= 64 && !is_ascii(first) && !is_ascii(last),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// The precondition of the `unsafe` above: each byte value at each place of a slice of each length, ASCII elsewhere.
    #[test]
    fn ascii_is_every_byte_below_0x80_and_nothing_else() {
        for len in 0..=130 {
            let mut bytes = [0x7f; 130];
            let bytes = &mut bytes[..len];
            assert!(is_ascii(bytes), "{len} ASCII bytes");
            for place in 0..len {
                for value in 0..=u8::MAX {
                    bytes[place] = value;
                    assert_eq!(is_ascii(bytes), value < 0x80, "{value:#04x} at {place} of {len}");
                }
                bytes[place] = 0;
            }
        }
    }
}

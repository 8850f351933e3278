//! Bytes to a checked `&str`, fast for the at most 123 bytes of a close reason; the only `unsafe` of the crate.

use core::str::{self, Utf8Error};

/// Checks that `bytes` are UTF-8, as [`core::str::from_utf8`] does and with its error.
#[inline]
pub(crate) fn check(bytes: &[u8]) -> Result<&str, Utf8Error> {
    match ascii(bytes) {
        Some(text) => Ok(text),
        None => check_non_ascii(bytes),
    }
}

/// `bytes` as text if every one of them is below 0x80.
#[inline]
fn ascii(bytes: &[u8]) -> Option<&str> {
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
/// Written with windows of fixed size that may overlap at the end, so that no byte is looked at alone: for slices this short
/// that takes less than half the time of `<[u8]>::is_ascii`.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk::<16>() {
        let mut seen = u128::from_ne_bytes(*last);
        let mut rest = bytes;
        while let Some((window, tail)) = rest.split_first_chunk::<16>() {
            seen |= u128::from_ne_bytes(*window);
            rest = tail;
        }
        seen & u128::from_ne_bytes([0x80; 16]) == 0
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last)) & u64::from_ne_bytes([0x80; 8]) == 0
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last)) & u32::from_ne_bytes([0x80; 4]) == 0
    } else {
        bytes.iter().all(u8::is_ascii)
    }
}

/// Non-ASCII text goes to a validator that hands out its own `&str`.
#[cold]
#[inline(never)]
fn check_non_ascii(bytes: &[u8]) -> Result<&str, Utf8Error> {
    // Below 64 bytes simdutf8 calls `core` itself, and it does not say where a fault is.
    #[cfg(feature = "simdutf8")]
    if bytes.len() >= 64 {
        if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
            return Ok(text);
        }
    }
    str::from_utf8(bytes)
}

#[cfg(test)]
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

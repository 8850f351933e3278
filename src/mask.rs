//! Masking ([RFC 6455, 5.3](https://www.rfc-editor.org/rfc/rfc6455#section-5.3)) word by word, for the few bytes of a
//! control frame.

/// Unmasks `bytes` in place, and returns whether every byte is then below 0x80.
///
/// It looks at the words while it has them. Loading them again in larger pieces would stall the processor.
#[inline]
pub(crate) fn unmask(key: [u8; 4], bytes: &mut [u8]) -> bool {
    let word = u32::from_le_bytes(key);
    let mut seen = 0;
    let mut chunks = bytes.chunks_exact_mut(4);
    for chunk in &mut chunks {
        if let Some(chunk) = chunk.first_chunk_mut() {
            let plain = u32::from_le_bytes(*chunk) ^ word;
            *chunk = plain.to_le_bytes();
            seen |= plain;
        }
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(key) {
        *byte ^= key;
        seen |= u32::from(*byte);
    }
    seen & u32::from_ne_bytes([0x80; 4]) == 0
}

/// Copies `from` to `to`, which has the same length, and masks it.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a reason has at most 123 bytes")]
pub(crate) fn copy_masked(key: [u8; 4], from: &[u8], to: &mut [u8]) {
    let word = u32::from_le_bytes(key);
    let copy = |to: &mut [u8; 16], from: &[u8; 16], word: u32| {
        let two = u128::from(word) | u128::from(word) << 32;
        *to = (u128::from_le_bytes(*from) ^ (two | two << 64)).to_le_bytes();
    };
    if let Some(end) = from.last_chunk() {
        for (to, from) in to.chunks_exact_mut(16).zip(from.chunks_exact(16)) {
            if let (Some(to), Some(from)) = (to.first_chunk_mut(), from.first_chunk()) {
                copy(to, from, word);
            }
        }
        // The last 16 bytes overlap the previous block, so rotate the key to their offset.
        if let Some(to) = to.last_chunk_mut() {
            copy(to, end, word.rotate_right(8 * from.len() as u32));
        }
    } else {
        for ((to, from), key) in to.iter_mut().zip(from).zip(key.into_iter().cycle()) {
            *to = *from ^ key;
        }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// Word by word, and byte by byte as in the RFC: each length, each phase of the key.
    #[test]
    fn masks_as_byte_by_byte() {
        const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let plain: [u8; 125] = core::array::from_fn(|index| index as u8);
        let masked: [u8; 125] = core::array::from_fn(|index| plain[index] ^ KEY[index % 4]);
        for len in 0..=125 {
            let mut buffer = [0; 125];
            copy_masked(KEY, &plain[..len], &mut buffer[..len]);
            assert_eq!(buffer[..len], masked[..len], "copied");
            unmask(KEY, &mut buffer[..len]);
            assert_eq!(buffer[..len], plain[..len], "in place");
            assert!(buffer[len..].iter().all(|byte| *byte == 0), "nothing behind");
        }
    }
}

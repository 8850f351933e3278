//! Judges messages frame by frame: the order of the fragments (RFC 6455, 5.4), and whether a text is UTF-8 (8.1).

use std::str;

/// The message that is under way, if its last fragment is still to come.
#[derive(Default)]
pub enum Fragments {
    #[default]
    None,
    Binary,
    /// The start of a character, if the last fragment has cut one.
    Text(Vec<u8>),
}

impl Fragments {
    /// Judges the next frame: a text, a binary message, or a continuation. The error is the code to answer with.
    pub fn judge(&mut self, opcode: u8, is_last: bool, payload: &[u8]) -> Result<(), u16> {
        match (opcode, &self) {
            (0x0, Self::None) | (0x1 | 0x2, Self::Binary | Self::Text(_)) => return Err(1002),
            (0x1, Self::None) => *self = Self::Text(Vec::new()),
            (0x2, Self::None) => *self = Self::Binary,
            _ => {}
        }
        if let Self::Text(cut) = self {
            cut.extend_from_slice(payload);
            let valid = match str::from_utf8(cut) {
                Ok(text) => text.len(),
                // What is left may be the start of a character.
                Err(error) if error.error_len().is_none() && !is_last => error.valid_up_to(),
                Err(_) => return Err(1007),
            };
            cut.drain(..valid);
        }
        if is_last {
            *self = Self::None;
        }
        Ok(())
    }
}

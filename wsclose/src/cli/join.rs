//! Joining a connection that was open before the capture began.

use websocket_close::wire::{self, Peek};

use crate::Role;

/// Whole frames, all masked or all unmasked.
pub(crate) struct Frames {
    /// Who sent them, as the mask bit tells.
    pub(crate) from: Role,
    /// Whether one of them is a right Close, a control frame or the end of a message: no other protocol looks like
    /// that.
    is_proof: bool,
}

/// Which end sent these bytes, if they show that the connection is a WebSocket.
pub(crate) fn proof_from(bytes: &[u8]) -> Option<Role> {
    frames_in(bytes).filter(|frames| frames.is_proof).map(|frames| frames.from)
}

/// The frames in `bytes`, if these are whole frames from the first to the last.
pub(crate) fn frames_in(mut bytes: &[u8]) -> Option<Frames> {
    let from = if bytes.get(1)? & 0x80 == 0 { Role::Server } else { Role::Client };
    let mut frames = Frames { from, is_proof: false };
    while !bytes.is_empty() {
        let mut head = [0; wire::MAX_FRAME_LEN];
        let len = head.len().min(bytes.len());
        head.get_mut(..len)?.copy_from_slice(bytes.get(..len)?);
        let (frame_len, is_proof) = match wire::peek(from.peer(), head.get_mut(..len)?).ok()? {
            // A wrong code or reason may come from a wrong program.
            Peek::Close(close) => (close.frame_len() as u64, close.decode().is_ok()),
            Peek::NotClose(header) => {
                let is_masked = header.masked? == (from == Role::Client);
                let is_legal = match header.opcode {
                    0..=2 => matches!(header.rsv, 0 | 4),
                    9 | 10 => header.fin && header.rsv == 0 && header.payload_len? <= 125,
                    _ => false,
                };
                // An empty fragment is legal, but so are the zeros of any other protocol.
                let is_empty = header.payload_len? == 0 && !header.fin;
                if !is_masked || !is_legal || is_empty || header.is_minimal() != Some(true) {
                    return None;
                }
                (header.frame_len?, header.fin)
            }
            Peek::Incomplete { .. } => return None,
        };
        frames.is_proof |= is_proof;
        bytes = bytes.get(usize::try_from(frame_len).ok()?..)?;
    }
    Some(frames)
}

//! Joining a connection that was open before the capture began.

use websocket_close::wire::{self, Peek};

use crate::Role;

/// Whether `bytes` are whole frames from the first to the last, all masked or all unmasked: then which end sent them. So
/// a connection is recognised that was open before the capture began.
pub(crate) fn frames_from(mut bytes: &[u8]) -> Option<Role> {
    let sender = if bytes.get(1)? & 0x80 == 0 { Role::Server } else { Role::Client };
    let mut finals = 0;
    while !bytes.is_empty() {
        let mut head = [0; wire::MAX_FRAME_LEN];
        let len = head.len().min(bytes.len());
        head.get_mut(..len)?.copy_from_slice(bytes.get(..len)?);
        let (frame_len, is_final) = match wire::peek(sender.peer(), head.get_mut(..len)?).ok()? {
            Peek::Close(close) => {
                let frame_len = close.frame_len() as u64;
                close.decode().ok()?;
                (frame_len, true)
            }
            Peek::NotClose(header) => {
                let is_masked = header.masked? == (sender == Role::Client);
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
        finals += u32::from(is_final);
        bytes = bytes.get(usize::try_from(frame_len).ok()?..)?;
    }
    (finals > 0).then_some(sender)
}

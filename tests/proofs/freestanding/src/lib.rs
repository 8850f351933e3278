//! The crate without std and without an allocator, with a panic handler that must not be linked.
//!
//! The functions can be called from C and from JavaScript. Bytes go in and out through [`buffer`].
#![no_std]

use core::panic::PanicInfo;
use core::ptr::addr_of_mut;
use core::time::Duration;

use websocket_close::wire::{self, Peek, Scanner};
use websocket_close::{
    Awaited, CloseCode, CloseEvent, CloseFrame, ClosingHandshake, ClosingState, Role, TransportAction, TransportEnd,
    registry, script,
};

/// If any panic is linked, this function is linked, too, and its name shows.
#[panic_handler]
fn panic_was_linked(_: &PanicInfo<'_>) -> ! {
    loop {}
}

static mut BUFFER: [u8; 256] = [0; 256];

/// The buffer for payloads and frames: 256 bytes, used by one thread.
#[unsafe(no_mangle)]
pub extern "C" fn buffer() -> *mut u8 {
    addr_of_mut!(BUFFER).cast()
}

/// The first bytes of the buffer.
fn bytes(len: usize) -> &'static mut [u8] {
    // SAFETY: the probes run on one thread, one at a time, and keep no reference.
    let buffer: &'static mut [u8; 256] = unsafe { &mut *addr_of_mut!(BUFFER) };
    buffer.get_mut(..len).unwrap_or_default()
}

/// Returns the status code of the payload in the buffer, 0 if it has none, or the negated code to fail with if it is
/// bad.
#[unsafe(no_mangle)]
pub extern "C" fn decode(len: usize) -> i32 {
    match CloseFrame::from_payload(bytes(len)) {
        Ok(frame) => frame.code().map_or(0, |code| i32::from(code.get())),
        Err(error) => -i32::from(error.answer_code().get()),
    }
}

/// Decodes the payload in the buffer, clears the buffer, and writes the payload back. Returns its length, or -1 if it
/// is bad.
#[unsafe(no_mangle)]
pub extern "C" fn reencode(len: usize) -> i32 {
    let Ok(frame) = CloseFrame::from_payload(bytes(len)) else { return -1 };
    let owned = frame.into_owned();
    bytes(256).fill(0);
    let mut payload = [0xaa; 125];
    let payload = owned.as_frame().write_payload(&mut payload);
    for (byte, written) in bytes(256).iter_mut().zip(payload) {
        *byte = *written;
    }
    i32::try_from(payload.len()).unwrap_or(-1)
}

/// Calls everything else that is public and has no `# Panics` section. Returns a number that depends on all of it.
#[unsafe(no_mangle)]
pub extern "C" fn others(len: usize, number: u16) -> usize {
    #[cfg(feature = "control")]
    if bytes(len)[usize::from(number)] == 0 {
        return 0;
    }
    let mut sum = registry::name(number).len() + registry::description(number).len();
    let local = if len & 1 == 0 { Role::Client } else { Role::Server };
    let mut scanner = Scanner::new();
    sum += scanner.skip(bytes(len)).unwrap_or(1) + usize::from(scanner.at_boundary());
    let mut closing = ClosingHandshake::new(local);
    match wire::peek(local, bytes(len)) {
        Ok(Peek::Close(close)) => sum += close.frame_len() + close.decode().map_or(2, CloseFrame::payload_len),
        Ok(Peek::Incomplete { need }) => sum += need,
        Ok(Peek::NotClose(header)) => sum += usize::from(header.is_minimal() == Some(true)),
        Err(error) => {
            sum += usize::from(error.answer_code().get()) + error.reply().payload_len();
            sum += closing.reject(error).map_or(8, CloseFrame::payload_len);
        }
    }
    sum += CloseFrame::unjudged(bytes(len)).ok().flatten().map_or(9, |(code, reason)| usize::from(code) + reason.len());
    let text = core::str::from_utf8(bytes(len)).unwrap_or("");
    sum += CloseFrame::from_parts(number, text).map_or(10, CloseFrame::payload_len);
    let mut state = ClosingState::new(local.peer());
    if let Ok(code) = CloseCode::new(number) {
        let frame = CloseFrame::truncated(code, text);
        sum += wire::encode(frame, Some([1, 2, 3, 4]), &mut [0; 131]).len();
        sum += wire::encode(frame, None, &mut [0; 131]).len();
        sum += closing.start(frame).map_or(3, CloseFrame::payload_len);
        sum += closing.receive(frame).map_or(4, CloseFrame::payload_len);
        sum += closing.fail(frame).map_or(5, CloseFrame::payload_len);
        closing.mark_written();
        sum += state.receive(frame).map_or(11, CloseFrame::payload_len);
        sum += state.answer_with(frame).map_or(12, CloseFrame::payload_len);
        sum += usize::from(state.close_pending());
        state.mark_written();
    }
    sum += usize::from(closing.transport() == TransportAction::End) + usize::from(closing.may_send_data());
    sum += usize::from(state.is_clean()) + usize::from(state.closed_first() == Some(local));
    let cut = TransportEnd::Cut { awaited: Awaited::End, after: Duration::from_secs(2), discarded: None };
    let ending = closing.into_ending(if len == 0 { TransportEnd::InOrder } else { cut });
    sum += usize::from(ending.transport_end() == cut) + usize::from(ending.closing().fault().is_some());
    let event = ending.event();
    sum += event.to_frame().map_or(6, CloseFrame::payload_len) + usize::from(event.was_clean());
    sum += event.forward(local).payload_len() + usize::from(event.close_code().is_some());
    sum += usize::from(CloseEvent::observed(bytes(len)).code());
    sum + script::close(Some(number), Some(text)).map_or(7, CloseFrame::payload_len)
}

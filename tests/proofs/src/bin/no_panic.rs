//! Link-time proof that no function of the core panics: `tests/proofs/no_panic.sh`.
//!
//! Each function below calls some of the public API with any input. `#[no_panic]` makes the link fail if a panic can still be
//! reached after optimisation. Those with a `# Panics` section (`from_static`, both `to_array`, `put`) are left out by intent,
//! and so are `Display` and `Debug`, since `core::fmt` calls its writers through pointers.

use std::hint::black_box;

use no_panic::no_panic;
use websocket_close::wire::{self, Peek, Scanner};
use websocket_close::{
    CloseCode, CloseEvent, CloseEventInit, CloseFrame, ClosingHandshake, DecodeError, OwnedCloseFrame, ReasonTooLong,
    Role, Transport, registry, script,
};

#[no_panic]
fn code(number: u16) -> Result<(u16, &'static str, &'static str, bool), u16> {
    let code = CloseCode::new(number).map_err(|error| error.get())?;
    let flags = code.is_library() | code.is_private() | code.allowed_from_script();
    Ok((code.get(), code.name(), code.description(), flags))
}

#[no_panic]
fn code_conversions(number: u16) -> Option<(u16, bool, bool)> {
    let code = CloseCode::try_from(number).ok()?;
    Some((code.into(), code == number, number == code))
}

#[no_panic]
fn names(number: u16) -> (&'static str, &'static str) {
    (registry::name(number), registry::description(number))
}

#[no_panic]
fn from_payload(payload: &[u8]) -> Result<CloseFrame<'_>, DecodeError> {
    CloseFrame::from_payload(payload)
}

#[no_panic]
fn decode_error(error: DecodeError) -> (CloseCode, CloseFrame<'static>) {
    (error.close_code(), error.reply())
}

#[no_panic]
fn new(code: CloseCode, reason: &str) -> Result<CloseFrame<'_>, ReasonTooLong> {
    CloseFrame::new(code, reason)
}

#[no_panic]
fn reason_too_long(error: ReasonTooLong) -> usize {
    error.len()
}

#[no_panic]
fn truncated(code: CloseCode, reason: &str) -> CloseFrame<'_> {
    CloseFrame::truncated(code, reason)
}

#[no_panic]
fn parts(frame: CloseFrame<'_>) -> (Option<CloseCode>, &str, usize, CloseFrame<'static>) {
    (frame.code(), frame.reason(), frame.payload_len(), frame.reply())
}

#[no_panic]
fn from_code(code: CloseCode) -> CloseFrame<'static> {
    CloseFrame::from_code(code)
}

#[no_panic]
fn write_payload<'b>(frame: CloseFrame<'_>, buffer: &'b mut [u8; 125]) -> &'b [u8] {
    frame.write_payload(buffer)
}

#[no_panic]
fn owned(frame: CloseFrame<'_>) -> OwnedCloseFrame {
    frame.into_owned()
}

#[no_panic]
fn borrowed(frame: &OwnedCloseFrame) -> CloseFrame<'_> {
    frame.as_frame()
}

#[no_panic]
fn peek(local: Role, bytes: &[u8]) -> Result<Peek, wire::Error> {
    wire::peek(local, bytes)
}

#[no_panic]
fn peek_and_decode(local: Role, bytes: &mut [u8]) -> Option<CloseFrame<'_>> {
    match wire::peek(local, bytes) {
        Ok(Peek::Close(header)) if header.frame_len() > 0 => header.decode(bytes).ok(),
        _ => None,
    }
}

/// A header that was seen elsewhere: the bytes may be too few.
#[no_panic]
fn decode(header: wire::Header, bytes: &mut [u8]) -> Result<CloseFrame<'_>, DecodeError> {
    header.decode(bytes)
}

#[no_panic]
fn wire_error(error: wire::Error) -> (CloseCode, CloseFrame<'static>) {
    (error.close_code(), error.reply())
}

#[no_panic]
fn encode<'b>(frame: CloseFrame<'_>, mask: Option<[u8; 4]>, buffer: &'b mut [u8; 131]) -> &'b [u8] {
    wire::encode(frame, mask, buffer)
}

#[no_panic]
fn skip(scanner: &mut Scanner, bytes: &[u8]) -> (Result<usize, wire::Error>, bool) {
    (scanner.skip(bytes), scanner.at_boundary())
}

#[no_panic]
fn event(init: CloseEventInit<'_>) -> Result<CloseEvent, ReasonTooLong> {
    CloseEvent::new(init)
}

#[no_panic]
fn observed(payload: &[u8]) -> CloseEvent {
    CloseEvent::observed(payload)
}

#[no_panic]
fn event_parts(event: &CloseEvent) -> (u16, &str, bool, Option<CloseFrame<'_>>) {
    (event.code(), event.reason(), event.was_clean(), event.to_frame())
}

#[no_panic]
fn start<'a>(closing: &mut ClosingHandshake, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
    closing.start(frame)
}

#[no_panic]
fn receive(closing: &mut ClosingHandshake, frame: CloseFrame<'_>) -> Option<CloseFrame<'static>> {
    closing.receive(frame)
}

#[no_panic]
fn fail<'a>(closing: &mut ClosingHandshake, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
    closing.fail(frame)
}

#[no_panic]
fn written(closing: &mut ClosingHandshake) -> bool {
    closing.written();
    closing.was_written()
}

#[no_panic]
fn state(closing: &ClosingHandshake) -> (bool, bool, bool, bool, Transport) {
    let sent = closing.sent().is_some() | closing.received().is_some() | closing.failure().is_some();
    let begun = closing.initiator().is_some() | closing.failed();
    (sent | begun, closing.answer_owed(), closing.pongs_due(), closing.may_send_data(), closing.transport())
}

#[no_panic]
fn finish(closing: ClosingHandshake) -> CloseEvent {
    closing.finish()
}

#[no_panic]
fn script_close(code: Option<u16>, reason: Option<&str>) -> Result<CloseFrame<'_>, &'static str> {
    script::close(code, reason).map_err(script::Error::name)
}

#[cfg(feature = "control")]
#[no_panic]
fn control(payload: &[u8], place: usize) -> u8 {
    payload[place]
}

/// Calls everything with inputs that the optimiser knows nothing about.
fn main() {
    let bytes = std::env::args().next().unwrap_or_default().into_bytes();
    let mut bytes = [&[0x88, 0x03], &bytes[..]].concat();
    let bytes: &mut [u8] = black_box(&mut bytes);
    let text = std::env::args().next_back().unwrap_or_default();
    let text = black_box(text.as_str());
    let number = black_box(1001);
    let role = black_box(Role::Client);

    black_box((code(number).ok(), code_conversions(number), names(number)));
    let (mut payload, mut whole) = ([0; 125], [0; 131]);
    let some_code = black_box(CloseCode::GOING_AWAY);
    let frame = black_box(CloseFrame::EMPTY);
    match from_payload(bytes) {
        Ok(frame) => _ = black_box(parts(frame)),
        Err(error) => _ = black_box(decode_error(error)),
    }
    match new(some_code, text) {
        Ok(frame) => _ = black_box(parts(frame)),
        Err(error) => _ = black_box(reason_too_long(error)),
    }
    black_box((truncated(some_code, text), from_code(some_code), borrowed(&owned(frame)).reason()));
    black_box((write_payload(frame, &mut payload), encode(frame, black_box(None), &mut whole)));
    let _ = black_box(skip(&mut black_box(Scanner::new()), bytes));
    match peek(role, bytes) {
        Ok(Peek::Close(header)) => _ = black_box(decode(header, bytes)),
        Ok(_) => {}
        Err(error) => _ = black_box(wire_error(error)),
    }
    black_box(peek_and_decode(role, bytes));
    if let Ok(event) = event(CloseEventInit { code: number, reason: text, was_clean: true }) {
        black_box(event_parts(&event));
    }
    black_box((observed(bytes), script_close(black_box(Some(1000)), Some(text)).ok()));
    let mut closing = black_box(ClosingHandshake::new(role));
    black_box((start(&mut closing, frame), receive(&mut closing, frame), fail(&mut closing, frame)));
    black_box((written(&mut closing), state(&closing), finish(closing)));
    #[cfg(feature = "control")]
    black_box(control(bytes, usize::from(number)));
}

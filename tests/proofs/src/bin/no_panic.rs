//! The link-time proof that no function of the core panics. `tests/proofs/no_panic.sh` runs it.
//!
//! Each function below calls a part of the public API with any input. `#[no_panic]` makes the link fail if a panic can
//! still be reached after optimisation. Functions with a `# Panics` section (`from_static`, both `to_array`, `put`) are
//! left out. `Display`, `Debug` and `Named` are left out, too, because `core::fmt` calls its writers through pointers.

use std::hint::black_box;
use std::time::Duration;

use no_panic::no_panic;
use websocket_close::wire::{self, Header, Peek, RawClose, Scanner};
use websocket_close::{
    Awaited, CloseCode, CloseEvent, CloseEventInit, CloseFrame, ClosingHandshake, ClosingState, DecodeError, Ending,
    InvalidCloseCode, InvalidCloseFrame, OwnedCloseFrame, ReasonTooLong, Role, TransportAction, TransportEnd, registry,
    script,
};

#[no_panic]
fn code(number: u16) -> Result<(u16, &'static str, &'static str, bool), u16> {
    let code = CloseCode::new(number).map_err(InvalidCloseCode::get)?;
    let flags = code.is_library() | code.is_private() | code.is_allowed_from_script();
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
fn peer(role: Role) -> Role {
    role.peer()
}

#[no_panic]
fn from_payload(payload: &[u8]) -> Result<CloseFrame<'_>, DecodeError> {
    CloseFrame::from_payload(payload)
}

#[no_panic]
fn unjudged(payload: &[u8]) -> Result<Option<(u16, &str)>, DecodeError> {
    CloseFrame::unjudged(payload)
}

#[no_panic]
fn decode_error(error: DecodeError) -> (CloseCode, CloseFrame<'static>) {
    (error.answer_code(), error.reply())
}

#[no_panic]
fn new(code: CloseCode, reason: &str) -> Result<CloseFrame<'_>, ReasonTooLong> {
    CloseFrame::new(code, reason)
}

#[no_panic]
fn from_parts(code: u16, reason: &str) -> Result<CloseFrame<'_>, InvalidCloseFrame> {
    CloseFrame::from_parts(code, reason)
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
fn from_code(code: CloseCode) -> (CloseFrame<'static>, CloseFrame<'static>) {
    (CloseFrame::from_code(code), code.into())
}

#[no_panic]
fn write_payload<'b>(frame: CloseFrame<'_>, buffer: &'b mut [u8; 125]) -> &'b [u8] {
    frame.write_payload(buffer)
}

#[no_panic]
fn owned(frame: CloseFrame<'_>) -> (OwnedCloseFrame, OwnedCloseFrame) {
    (frame.into_owned(), frame.into())
}

#[no_panic]
fn owned_new(code: CloseCode, reason: &str) -> Result<OwnedCloseFrame, ReasonTooLong> {
    OwnedCloseFrame::new(code, reason)
}

#[no_panic]
fn owned_from_code(code: CloseCode) -> OwnedCloseFrame {
    code.into()
}

#[no_panic]
fn owned_parts(frame: &OwnedCloseFrame) -> (CloseFrame<'_>, Option<CloseCode>, &str, CloseFrame<'static>) {
    (frame.as_frame(), frame.code(), frame.reason(), frame.reply())
}

#[no_panic]
fn owned_comparisons(owned: &OwnedCloseFrame, frame: CloseFrame<'_>) -> bool {
    frame == *owned && owned.clone() == frame
}

#[no_panic]
fn peek(local: Role, bytes: &mut [u8]) -> Result<Peek<'_>, wire::Error> {
    wire::peek(local, bytes)
}

#[no_panic]
fn frame_len(close: &RawClose<'_>) -> usize {
    close.frame_len()
}

#[no_panic]
fn decode(close: RawClose<'_>) -> Result<CloseFrame<'_>, wire::Error> {
    close.decode()
}

#[no_panic]
fn peek_and_decode(local: Role, bytes: &mut [u8]) -> Option<CloseFrame<'_>> {
    match wire::peek(local, bytes) {
        Ok(Peek::Close(close)) if close.frame_len() > 0 => close.decode().ok(),
        _ => None,
    }
}

/// The public fields of the header may have any value.
#[no_panic]
fn is_minimal(header: &Header) -> Option<bool> {
    header.is_minimal()
}

#[no_panic]
fn wire_error(error: wire::Error) -> (CloseCode, CloseFrame<'static>) {
    (error.answer_code(), error.reply())
}

#[no_panic]
fn wire_error_from(error: DecodeError) -> wire::Error {
    error.into()
}

#[no_panic]
fn errors_from_parts(error: InvalidCloseFrame) -> (DecodeError, wire::Error) {
    (error.into(), error.into())
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
fn event_parts(event: &CloseEvent) -> (u16, &str, bool, Option<CloseCode>) {
    (event.code(), event.reason(), event.was_clean(), event.close_code())
}

#[no_panic]
fn event_frames(event: &CloseEvent, from: Role) -> (Option<CloseFrame<'_>>, CloseFrame<'_>) {
    (event.to_frame(), event.forward(from))
}

#[no_panic]
fn state_start<'a>(closing: &mut ClosingState, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
    closing.start(frame)
}

#[no_panic]
fn state_receive(closing: &mut ClosingState, frame: CloseFrame<'_>) -> Option<CloseFrame<'static>> {
    closing.receive(frame)
}

#[no_panic]
fn state_answer_with<'a>(closing: &mut ClosingState, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
    closing.answer_with(frame)
}

#[no_panic]
fn state_fail<'a>(closing: &mut ClosingState, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
    closing.fail(frame)
}

#[no_panic]
fn state_mark_written(closing: &mut ClosingState) {
    closing.mark_written();
}

#[no_panic]
fn flags(closing: ClosingState) -> [bool; 7] {
    let (may_send_data, is_receiving, close_pending) =
        (closing.may_send_data(), closing.is_receiving(), closing.close_pending());
    let (is_open, is_written) = (closing.is_open(), closing.is_written());
    [is_open, may_send_data, is_receiving, close_pending, is_written, closing.is_clean(), closing.is_failed()]
}

#[no_panic]
fn closes(closing: ClosingState) -> [Option<CloseFrame<'static>>; 3] {
    [closing.ours(), closing.theirs(), closing.failure()]
}

#[no_panic]
fn sides(closing: ClosingState) -> (Role, Option<Role>, TransportAction) {
    (closing.local(), closing.closed_first(), closing.transport())
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
fn answer_with<'a>(closing: &mut ClosingHandshake, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
    closing.answer_with(frame)
}

#[no_panic]
fn fail<'a>(closing: &mut ClosingHandshake, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
    closing.fail(frame)
}

#[no_panic]
fn reject(closing: &mut ClosingHandshake, error: wire::Error) -> Option<CloseFrame<'static>> {
    closing.reject(error)
}

#[no_panic]
fn receive_or_reject(
    closing: &mut ClosingHandshake,
    decoded: Result<CloseFrame<'_>, DecodeError>,
) -> Option<CloseFrame<'static>> {
    closing.receive_or_reject(decoded)
}

#[no_panic]
fn mark_written(closing: &mut ClosingHandshake) {
    closing.mark_written();
}

#[no_panic]
fn told(closing: &ClosingHandshake) -> (Option<CloseFrame<'_>>, Option<wire::Error>, CloseEvent) {
    (closing.theirs(), closing.fault(), closing.event())
}

/// Dereferences the handshake to its state.
#[no_panic]
fn state(closing: &ClosingHandshake) -> ClosingState {
    **closing
}

#[no_panic]
fn into_ending(closing: ClosingHandshake, end: TransportEnd) -> Ending {
    closing.into_ending(end)
}

#[no_panic]
fn ending(ending: &Ending) -> (CloseEvent, &ClosingHandshake, TransportEnd) {
    (ending.event(), ending.closing(), ending.transport_end())
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

/// Calls everything with inputs that the optimiser does not know.
fn main() {
    let bytes = std::env::args().next().unwrap_or_default().into_bytes();
    let mut bytes = [&[0x88, 0x03], &bytes[..]].concat();
    let bytes: &mut [u8] = black_box(&mut bytes);
    let text = std::env::args().next_back().unwrap_or_default();
    let text = black_box(text.as_str());
    let number = black_box(1001);
    let role = black_box(Role::Client);

    black_box((code(number).ok(), code_conversions(number), names(number), peer(role)));
    frames(number, text, bytes);
    let _ = black_box(skip(&mut black_box(Scanner::default()), bytes));
    match peek(role, bytes) {
        Ok(Peek::Close(close)) => _ = black_box((frame_len(&close), decode(close))),
        Ok(Peek::NotClose(header)) => _ = black_box(is_minimal(&header)),
        Ok(Peek::Incomplete { .. }) => {}
        Err(error) => _ = black_box(wire_error(error)),
    }
    black_box(peek_and_decode(role, bytes));
    if let Ok(event) = event(CloseEventInit { code: number, reason: text, was_clean: true }) {
        black_box((event_parts(&event), event_frames(&event, role)));
    }
    black_box((observed(bytes), script_close(black_box(Some(1000)), Some(text)).ok()));
    handshakes(role);
    #[cfg(feature = "control")]
    black_box(control(bytes, usize::from(number)));
}

fn frames(number: u16, text: &str, bytes: &[u8]) {
    let (mut payload, mut whole) = ([0; 125], [0; 131]);
    let some_code = black_box(CloseCode::GOING_AWAY);
    let frame = black_box(CloseFrame::EMPTY);
    match from_payload(bytes) {
        Ok(frame) => _ = black_box(parts(frame)),
        Err(error) => _ = black_box((decode_error(error), wire_error_from(error))),
    }
    match new(some_code, text) {
        Ok(frame) => _ = black_box(parts(frame)),
        Err(error) => _ = black_box(reason_too_long(error)),
    }
    let _ = black_box((unjudged(bytes), owned_new(some_code, text)));
    if let Err(error) = from_parts(number, text) {
        black_box(errors_from_parts(error));
    }
    black_box((truncated(some_code, text), from_code(some_code), owned_from_code(some_code)));
    let (owned, _) = owned(frame);
    black_box((owned_parts(&owned), owned_comparisons(&owned, frame)));
    black_box((write_payload(frame, &mut payload), encode(frame, black_box(None), &mut whole)));
}

fn handshakes(role: Role) {
    let frame = black_box(CloseFrame::EMPTY);
    let mut closing = black_box(ClosingState::new(role));
    black_box((state_start(&mut closing, frame), state_receive(&mut closing, frame)));
    black_box((state_answer_with(&mut closing, frame), state_fail(&mut closing, frame)));
    state_mark_written(&mut closing);
    black_box((flags(closing), closes(closing), sides(closing)));

    let mut closing = black_box(ClosingHandshake::new(role));
    black_box((start(&mut closing, frame), receive(&mut closing, frame), answer_with(&mut closing, frame)));
    black_box((fail(&mut closing, frame), reject(&mut closing, black_box(wire::Error::Masked))));
    black_box(receive_or_reject(&mut closing, from_payload(black_box(b"\x03"))));
    mark_written(&mut closing);
    black_box((told(&closing), state(&closing)));
    let cut = TransportEnd::Cut { awaited: Awaited::End, after: Duration::from_secs(2), discarded: None };
    black_box(ending(&into_ending(closing, black_box(cut))));
}

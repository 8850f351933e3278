//! The functions with a `# Panics` section, called at run time: they panic for what they refuse in a `const`, and else do the same.

use std::panic::catch_unwind;

use websocket_close::{CloseCode, CloseFrame, wire};

/// The message of the panic.
fn panic_of<T>(call: impl FnOnce() -> T + std::panic::UnwindSafe) -> String {
    let Err(panic) = catch_unwind(call) else { return "no panic".to_owned() };
    panic.downcast_ref::<&str>().map_or_else(|| "another panic".to_owned(), ToString::to_string)
}

#[test]
fn from_static_panics_for_a_code_that_may_not_be_sent() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
        assert_eq!(
            panic_of(|| CloseCode::from_static(code)),
            "this status code may not stand in a Close frame",
            "{code}"
        );
    }
}

#[test]
fn from_static_panics_for_a_reason_that_is_too_long() {
    const REASON: &str = match str::from_utf8(&[b'r'; 124]) {
        Ok(reason) => reason,
        Err(_) => "",
    };
    assert_eq!(panic_of(|| CloseFrame::from_static(1000, REASON)), "the reason has more than 123 bytes");
    assert_eq!(CloseFrame::from_static(1000, &REASON[1..]).payload_len(), 125);
}

#[test]
fn to_array_panics_for_another_length() {
    let frame = CloseFrame::from_static(1001, "été");
    assert_eq!(frame.to_array(), *b"\x03\xe9\xc3\xa9t\xc3\xa9");
    assert_eq!(panic_of(|| frame.to_array::<6>()), "the array does not have the length of the payload");
    assert_eq!(panic_of(|| frame.to_array::<8>()), "the array does not have the length of the payload");
    assert_eq!(CloseFrame::EMPTY.to_array(), []);
}

#[test]
fn to_array_of_a_whole_frame_panics_for_another_length() {
    let frame = CloseFrame::from_static(1001, "été");
    assert_eq!(wire::to_array(frame), *b"\x88\x07\x03\xe9\xc3\xa9t\xc3\xa9");
    assert_eq!(panic_of(|| wire::to_array::<8>(frame)), "the array does not have the length of the frame");
    assert_eq!(panic_of(|| wire::to_array::<10>(frame)), "the array does not have the length of the frame");
    assert_eq!(wire::to_array(CloseFrame::EMPTY), [0x88, 0x00]);
}

#[cfg(feature = "bytes")]
#[test]
fn put_panics_if_there_is_no_room() {
    let frame = CloseFrame::from_static(1001, "bye");
    let mut room = [0; 5];
    frame.put(&mut &mut room[..]);
    assert_eq!(room, *b"\x03\xe9bye");
    assert_ne!(panic_of(move || frame.put(&mut &mut [0; 4][..])), "no panic");
}

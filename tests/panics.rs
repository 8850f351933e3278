//! The functions with a `# Panics` section, called at run time. They panic where a `const` would not compile, and
//! otherwise do the same.

use std::panic::catch_unwind;

use websocket_close::{CloseCode, CloseFrame, wire};

/// The message of the panic, if the call panics.
fn panic_of<T>(call: impl FnOnce() -> T + std::panic::UnwindSafe) -> Option<String> {
    let panic = catch_unwind(call).err()?;
    Some(panic.downcast_ref::<&str>().map_or_else(|| "another panic".to_owned(), ToString::to_string))
}

/// Whether the call panics, with a message that names what is wrong.
fn panics_about<T>(about: &str, call: impl FnOnce() -> T + std::panic::UnwindSafe) -> bool {
    panic_of(call).is_some_and(|message| message.contains(about))
}

#[test]
fn from_static_panics_for_a_code_that_may_not_be_sent() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
        assert!(panics_about("status code", || CloseCode::from_static(code)), "{code}");
        assert!(panics_about("status code", || CloseFrame::from_static(code, "")), "{code}");
    }
}

#[test]
fn from_static_panics_for_a_reason_that_is_too_long() {
    const REASON: &str = match std::str::from_utf8(&[b'r'; 124]) {
        Ok(reason) => reason,
        Err(_) => "",
    };
    assert!(panics_about("123 bytes", || CloseFrame::from_static(1000, REASON)));
    assert_eq!(CloseFrame::from_static(1000, &REASON[1..]).payload_len(), 125);
}

#[test]
fn to_array_panics_for_another_length() {
    let frame = CloseFrame::from_static(1001, "été");
    assert_eq!(frame.to_array(), *b"\x03\xe9\xc3\xa9t\xc3\xa9");
    assert!(panics_about("length of the payload", || frame.to_array::<6>()));
    assert!(panics_about("length of the payload", || frame.to_array::<8>()));
    assert_eq!(CloseFrame::EMPTY.to_array(), []);
}

#[test]
fn to_array_of_a_whole_frame_panics_for_another_length() {
    let frame = CloseFrame::from_static(1001, "été");
    assert_eq!(wire::to_array(frame), *b"\x88\x07\x03\xe9\xc3\xa9t\xc3\xa9");
    assert!(panics_about("length of the frame", || wire::to_array::<8>(frame)));
    assert!(panics_about("length of the frame", || wire::to_array::<10>(frame)));
    assert_eq!(wire::to_array(CloseFrame::EMPTY), [0x88, 0x00]);
}

#[cfg(feature = "bytes")]
#[test]
fn put_panics_if_there_is_no_room() {
    let frame = CloseFrame::from_static(1001, "bye");
    let mut room = [0; 5];
    frame.put(&mut &mut room[..]);
    assert_eq!(room, *b"\x03\xe9bye");
    assert!(panic_of(move || frame.put(&mut &mut [0; 4][..])).is_some());
}

//! `Display`, `Debug` and `Named` of every type. Users read these texts in their logs. No text moves a terminal's
//! cursor, applications can name their codes, and the error of a writer is passed on.
#![allow(clippy::unwrap_used)]

use std::fmt::{self, Debug, Display, Write};
use std::time::Duration;

use websocket_close::{
    Awaited, CloseCode, CloseEvent, CloseEventInit, CloseFrame, ClosingHandshake, DecodeError, Ending, Loss, Named,
    Role, TransportEnd, registry, script, wire,
};

fn event(code: u16, reason: &str, was_clean: bool) -> CloseEvent {
    CloseEvent::new(CloseEventInit { code, reason, was_clean }).unwrap()
}

/// The only test that pins these texts word by word. Users read them, and search their logs for them.
#[test]
fn codes_frames_and_events_have_these_texts() {
    for (code, text) in [
        (1000, "1000 (normal closure)"),
        (1001, "1001 (going away)"),
        (1002, "1002 (protocol error)"),
        (1003, "1003 (unsupported data)"),
        (1007, "1007 (invalid frame payload data)"),
        (1008, "1008 (policy violation)"),
        (1009, "1009 (message too big)"),
        (1010, "1010 (mandatory extension)"),
        (1011, "1011 (internal error)"),
        (1012, "1012 (service restart)"),
        (1013, "1013 (try again later)"),
        (1014, "1014 (bad gateway)"),
        (3000, "3000 (unauthorized)"),
        (3001, "3001 (unassigned)"),
        (3003, "3003 (forbidden)"),
        (3008, "3008 (timeout)"),
        (4999, "4999 (private use)"),
    ] {
        assert_eq!(CloseCode::new(code).unwrap().to_string(), text);
        assert_eq!(CloseFrame::from_parts(code, "").unwrap().to_string(), text);
        assert_eq!(event(code, "", true).to_string(), format!("{text}, clean"));
    }
    for (frame, text) in [
        (CloseFrame::EMPTY, "no status code"),
        (CloseFrame::from_static(4001, "até logo"), r#"4001 (private use) "até logo""#),
        (CloseFrame::from_static(1000, "a\n\x1b[2J\"\\"), r#"1000 (normal closure) "a\n\u{1b}[2J\"\\""#),
    ] {
        assert_eq!(frame.to_string(), text);
        assert_eq!(frame.into_owned().to_string(), text);
    }
    for (event, text) in [
        (event(1001, "see you", true), r#"1001 (going away) "see you", clean"#),
        (event(1006, "", false), "1006 (abnormal closure), not clean"),
        (event(1005, "", true), "1005 (no status received), clean"),
        (event(1015, "", false), "1015 (TLS handshake), not clean"),
        (event(0, "", false), "0 (unused), not clean"),
        (event(1004, "", false), "1004 (reserved), not clean"),
        (event(2999, "", false), "2999 (unassigned), not clean"),
        (event(65535, "\n\u{1b}[2J\u{202e}", false), r#"65535 (out of range) "\n\u{1b}[2J\u{202e}", not clean"#),
    ] {
        assert_eq!(event.to_string(), text);
    }
}

#[test]
fn debug_shows_codes_and_reasons() {
    let frame = CloseFrame::from_static(1001, "see \n you");
    let owned = frame.into_owned();
    let event = event(1001, "see \n you", true);
    let texts =
        [format!("{:?}", CloseCode::GOING_AWAY), format!("{frame:?}"), format!("{owned:?}"), format!("{event:?}")];
    for (text, type_name) in texts.iter().zip(["CloseCode", "CloseFrame", "OwnedCloseFrame", "CloseEvent"]) {
        assert!(text.starts_with(type_name) && text.contains("1001"), "{text}");
    }
    for text in &texts[1..] {
        assert!(text.contains(r#""see \n you""#), "{text}");
    }
}

/// The ending of a connection on which the peer closed with `theirs`, and which was then reset.
fn ending(theirs: CloseFrame<'_>) -> Ending {
    let mut closing = ClosingHandshake::new(Role::Server);
    let _echo = closing.receive(theirs);
    closing.into_ending(TransportEnd::Lost(Loss::Reset))
}

/// Calls `look` with each text that shows `frame`, from every type that holds one.
fn with_everything_that_shows(frame: CloseFrame<'_>, look: impl Fn(String)) {
    let owned = frame.into_owned();
    let ending = ending(frame);
    let (event, closing) = (ending.event(), ending.closing());
    let both = |value: &dyn DisplayAndDebug| {
        look(value.to_string());
        look(format!("{value:?}"));
    };
    both(&frame);
    both(&owned);
    both(&event);
    both(closing);
    both(&ending);
    let names = |_| Some("a name");
    look(Named(&frame, names).to_string());
    look(Named(&owned, names).to_string());
    look(Named(&event, names).to_string());
    look(Named(closing, names).to_string());
    look(Named(&ending, names).to_string());
}

trait DisplayAndDebug: Display + Debug {}

impl<T: Display + Debug> DisplayAndDebug for T {}

/// A character that moves a terminal's cursor, ends a line or changes the direction of writing is escaped.
#[test]
fn unprintable_characters_are_escaped_in_every_type() {
    let controls = ('\0'..'\u{20}').chain('\u{7f}'..'\u{a0}');
    let separators = '\u{2028}'..='\u{2029}';
    let directions = ('\u{200e}'..='\u{200f}').chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
    for character in controls.chain(separators).chain(directions) {
        let reason = format!("be{character}fore");
        for code in [1000, 4001] {
            let frame = CloseFrame::from_parts(code, &reason).unwrap();
            with_everything_that_shows(frame, |text| {
                assert!(!text.contains(character), "{text:?}");
                assert!(text.contains("\"be\\"), "{text:?}");
            });
        }
    }
}

/// An application's names for its codes.
fn names(code: u16) -> Option<&'static str> {
    match code {
        4000 => Some("the First"),
        4001 => Some("session taken over"),
        4999 => Some("the last"),
        _ => None,
    }
}

/// What `Named` shows for a value whose `Display` is `text`.
fn renamed(text: &str) -> String {
    text.replace("4000 (private use)", "4000 (the First)")
        .replace("4001 (private use)", "4001 (session taken over)")
        .replace("4999 (private use)", "4999 (the last)")
}

/// An event can hold all 65,536 numbers; three of them have a name here.
#[test]
fn an_application_names_the_codes_from_4000_to_4999() {
    for code in 0..=u16::MAX {
        let event = event(code, "why", true);
        let text = Named(&event, names).to_string();
        assert_eq!(text, renamed(&event.to_string()));
        assert_eq!(text != event.to_string(), matches!(code, 4000 | 4001 | 4999), "{code}");
        if let Ok(code) = CloseCode::new(code) {
            assert_eq!(Named(&code, names).to_string(), renamed(&code.to_string()));
        }
    }
    // An application cannot rename a code outside 4000 to 4999.
    for code in 0..=u16::MAX {
        let text = Named(&event(code, "", true), |_| Some("mine")).to_string();
        assert_eq!(text == format!("{code} (mine), clean"), (4000..=4999).contains(&code), "{text}");
        assert_eq!(text == event(code, "", true).to_string(), !(4000..=4999).contains(&code), "{text}");
    }
}

/// The documentation of `Named` promises this. So the application's function may even panic for other codes.
#[test]
fn an_application_is_not_asked_about_other_codes() {
    fn picky(code: u16) -> Option<&'static str> {
        assert!((4000..=4999).contains(&code), "asked about {code}");
        (code % 2 == 0).then_some("mine")
    }
    for code in 0..=u16::MAX {
        let text = Named(&event(code, "", true), picky).to_string();
        assert_eq!(text.contains("mine"), (4000..=4999).contains(&code) && code % 2 == 0, "{code}");
    }
}

/// Each code in a value gets its name: the peer's, ours, and that of a failure.
#[test]
fn an_application_names_the_codes_in_every_type() {
    let codes = [None, Some(1001), Some(3999), Some(4000), Some(4001), Some(4002), Some(4999)];
    let frame = |code: Option<u16>| code.map_or(CloseFrame::EMPTY, |code| CloseFrame::from_parts(code, "why").unwrap());
    let mut named = 0;
    let mut check = |closing: ClosingHandshake| {
        let state = *closing;
        let ending = closing.clone().into_ending(TransportEnd::InOrder);
        for (text, display) in [
            (Named(&state, names).to_string(), state.to_string()),
            (Named(&closing, names).to_string(), closing.to_string()),
            (Named(&ending, names).to_string(), ending.to_string()),
        ] {
            assert_eq!(text, renamed(&display));
            named += usize::from(text != display);
        }
    };
    for first in codes {
        let close = frame(first);
        assert_eq!(Named(&close, names).to_string(), renamed(&close.to_string()));
        assert_eq!(Named(&close.into_owned(), names).to_string(), renamed(&close.to_string()));
        for second in codes {
            let with = |calls: &dyn Fn(&mut ClosingHandshake)| {
                let mut closing = ClosingHandshake::new(Role::Client);
                calls(&mut closing);
                closing
            };
            check(with(&|closing| _ = (closing.receive(close), closing.answer_with(frame(second)))));
            check(with(&|closing| _ = (closing.start(close), closing.receive(frame(second)))));
            check(with(&|closing| _ = (closing.start(close), closing.fail(frame(second)))));
            check(with(&|closing| _ = closing.fail(close)));
        }
    }
    assert!(named > 0);
}

/// A writer with room for `left` bytes.
struct Room {
    left: usize,
    text: String,
}

impl Write for Room {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.left = self.left.checked_sub(text.len()).ok_or(fmt::Error)?;
        self.text.push_str(text);
        Ok(())
    }
}

/// Displays `value` to writers that fail after 0, 1, 2 and more bytes. The error is passed on, and the bytes before it
/// are the start of the text.
fn fails_at_every_byte(value: &dyn Display) {
    let whole = value.to_string();
    for left in 0..whole.len() {
        let mut room = Room { left, text: String::new() };
        assert_eq!(write!(room, "{value}"), Err(fmt::Error), "{whole:?} in {left} bytes");
        assert!(whole.starts_with(&room.text));
    }
    let mut room = Room { left: whole.len(), text: String::new() };
    assert_eq!(write!(room, "{value}"), Ok(()));
    assert_eq!(room.text, whole);
}

#[test]
fn codes_and_errors_pass_on_the_error_of_a_writer() {
    for row in registry::REGISTRY {
        match CloseCode::new(row.first) {
            Ok(code) => {
                fails_at_every_byte(&code);
                fails_at_every_byte(&Named(&code, |_| Some("a name")));
            }
            Err(error) => fails_at_every_byte(&error),
        }
    }
    let bad_utf8 = CloseFrame::from_payload(b"\x03\xe8\xff").unwrap_err();
    for error in [DecodeError::TooLong(126), DecodeError::MissingByte, bad_utf8] {
        fails_at_every_byte(&error);
    }
    for error in [wire::Error::Fragmented, wire::Error::ReservedBits(5), wire::Error::LengthTooLarge(1 << 63)] {
        fails_at_every_byte(&error);
    }
    fails_at_every_byte(&CloseFrame::from_parts(1006, "").unwrap_err());
    fails_at_every_byte(&CloseFrame::from_parts(1000, &"r".repeat(124)).unwrap_err());
    fails_at_every_byte(&script::close(Some(1001), None).unwrap_err());
}

#[test]
fn frames_and_events_pass_on_the_error_of_a_writer() {
    for payload in [&b""[..], b"\x03\xe8", b"\x03\xe9see\n\"you\"", b"\x0f\xa1bye"] {
        let frame = CloseFrame::from_payload(payload).unwrap();
        fails_at_every_byte(&frame);
        fails_at_every_byte(&frame.into_owned());
        fails_at_every_byte(&CloseEvent::observed(payload));
        fails_at_every_byte(&Named(&frame, |_| Some("a name")));
    }
    fails_at_every_byte(&CloseEvent::observed(b"\x03"));
}

#[test]
fn handshakes_and_endings_pass_on_the_error_of_a_writer() {
    let (ours, theirs) = (CloseFrame::from_static(1000, "ours"), CloseFrame::from_static(4000, "theirs"));
    let steps: [fn(&mut ClosingHandshake, CloseFrame<'static>); 6] = [
        |closing, frame| _ = closing.start(frame),
        |closing, frame| _ = closing.receive(frame),
        |closing, frame| _ = closing.answer_with(frame),
        |closing, frame| _ = closing.fail(frame),
        |closing, _| _ = closing.reject(wire::Error::Masked),
        |closing, _| closing.mark_written(),
    ];
    for first in steps {
        for second in steps {
            for third in steps {
                let mut closing = ClosingHandshake::new(Role::Server);
                first(&mut closing, ours);
                second(&mut closing, theirs);
                third(&mut closing, CloseFrame::EMPTY);
                fails_at_every_byte(&*closing);
                fails_at_every_byte(&closing);
                fails_at_every_byte(&Named(&closing, |_| Some("a name")));
                fails_at_every_byte(&closing.into_ending(TransportEnd::InOrder));
            }
        }
    }
    let mut failed_without_a_code = ClosingHandshake::new(Role::Client);
    let _ = failed_without_a_code.fail(CloseFrame::EMPTY);
    fails_at_every_byte(&failed_without_a_code);

    for awaited in [Awaited::Close, Awaited::Write, Awaited::End] {
        for discarded in [None, Some(0), Some(7)] {
            let end = TransportEnd::Cut { awaited, after: Duration::from_millis(1500), discarded };
            fails_at_every_byte(&ClosingHandshake::new(Role::Client).into_ending(end));
        }
    }
}

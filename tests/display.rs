//! `Display` and `Debug` of every type, into a writer that fails after any number of bytes: the error is passed on, and what was
//! written before is the front of the whole.

use std::fmt::{self, Display, Write};

use websocket_close::{CloseCode, CloseEvent, CloseFrame, ClosingHandshake, Role, registry};

/// Takes so many bytes.
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
fn codes_and_errors() {
    for row in registry::REGISTRY {
        match CloseCode::new(row.first) {
            Ok(code) => fails_at_every_byte(&code),
            Err(error) => fails_at_every_byte(&error),
        }
    }
}

#[test]
fn frames_and_events() {
    for payload in [&b""[..], b"\x03\xe8", b"\x03\xe9see\n\"you\""] {
        let frame = CloseFrame::from_payload(payload).ok();
        fails_at_every_byte(&frame.unwrap_or(CloseFrame::EMPTY));
        fails_at_every_byte(&CloseEvent::observed(payload));
    }
}

#[test]
fn handshakes() {
    let (ours, theirs) = (CloseFrame::from_static(1000, "ours"), CloseFrame::from_static(4000, "theirs"));
    let steps: [fn(&mut ClosingHandshake, CloseFrame<'static>); 4] = [
        |closing, frame| _ = closing.start(frame),
        |closing, frame| _ = closing.receive(frame),
        |closing, frame| _ = closing.fail(frame),
        |closing, _| closing.written(),
    ];
    for first in steps {
        for second in steps {
            for third in steps {
                let mut closing = ClosingHandshake::new(Role::Server);
                first(&mut closing, ours);
                second(&mut closing, theirs);
                third(&mut closing, CloseFrame::EMPTY);
                fails_at_every_byte(&closing);
            }
        }
    }
    let mut failed_without_a_code = ClosingHandshake::new(Role::Client);
    let _ = failed_without_a_code.fail(CloseFrame::EMPTY);
    fails_at_every_byte(&failed_without_a_code);
}

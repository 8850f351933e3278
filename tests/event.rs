//! `CloseEvent`: the DOM's constructor, what Chromium was seen to report, and the frame that passes an event on.
#![allow(clippy::unwrap_used)]

use websocket_close::{CloseCode, CloseEvent, CloseEventInit, CloseFrame};

fn facts(event: &CloseEvent) -> (u16, &str, bool) {
    (event.code(), event.reason(), event.was_clean())
}

#[test]
fn the_constructor_takes_any_code() {
    assert_eq!(facts(&CloseEvent::new(CloseEventInit::default()).unwrap()), (0, "", false));
    for code in 0..=u16::MAX {
        for was_clean in [false, true] {
            let event = CloseEvent::new(CloseEventInit { code, reason: "why", was_clean }).unwrap();
            assert_eq!(facts(&event), (code, "why", was_clean));
        }
    }
}

#[test]
fn the_constructor_refuses_what_no_frame_holds() {
    for len in 0..=300 {
        let reason = "r".repeat(len);
        match CloseEvent::new(CloseEventInit { reason: &reason, ..Default::default() }) {
            Ok(event) => assert!(len <= 123 && event.reason() == reason),
            Err(error) => assert!(len > 123 && error.len() == len),
        }
    }
    let reason = "é".repeat(62);
    assert_eq!(CloseEvent::new(CloseEventInit { reason: &reason, ..Default::default() }).unwrap_err().len(), 124);
}

/// Chromium 156, a server's frame with each of the 65,536 codes and a reason: it takes all but three.
#[test]
fn observed_codes() {
    for code in 0..=u16::MAX {
        let [high, low] = code.to_be_bytes();
        let failed = [1005, 1006, 1015].contains(&code);
        for (payload, reason) in [(&[high, low][..], ""), (&[high, low, b'b', b'y', b'e'], "bye")] {
            let expected = if failed { (1006, "", false) } else { (code, reason, true) };
            assert_eq!(facts(&CloseEvent::observed(payload)), expected, "{code}");
        }
    }
}

#[test]
fn observed_payloads() {
    const FAILED: (u16, &str, bool) = (1006, "", false);

    assert_eq!(facts(&CloseEvent::observed(&[])), (1005, "", true));
    for byte in 0..=u8::MAX {
        assert_eq!(facts(&CloseEvent::observed(&[byte])), FAILED);
    }
    for len in 0..=200 {
        let reason = "r".repeat(len);
        let payload = [b"\x03\xe8", reason.as_bytes()].concat();
        let expected = if len <= 123 { (1000, reason.as_str(), true) } else { FAILED };
        assert_eq!(facts(&CloseEvent::observed(&payload)), expected);
    }
    // Nothing survives of a reason that is not UTF-8, nor of its code.
    for reason in [&b"\xff"[..], b"ok\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"] {
        assert_eq!(facts(&CloseEvent::observed(&[b"\x03\xe8", reason].concat())), FAILED);
        assert_eq!(facts(&CloseEvent::observed(&[b"\x00\x07", reason].concat())), FAILED);
    }
    // Kept as it is.
    for reason in ["\u{feff}bom", "\0", "\r\n", "\u{fffd}", "e\u{301}"] {
        let payload = [b"\x0f\xa0", reason.as_bytes()].concat();
        assert_eq!(facts(&CloseEvent::observed(&payload)), (4000, reason, true));
    }
}

#[test]
fn to_frame() {
    for code in 0..=u16::MAX {
        let event = CloseEvent::new(CloseEventInit { code, reason: "why", was_clean: code % 2 == 0 }).unwrap();
        let frame = event.to_frame();
        match code {
            1005 => assert_eq!(frame, Some(CloseFrame::EMPTY)),
            1000..=1003 | 1007..=1014 | 3000..=4999 => {
                let frame = frame.unwrap();
                assert_eq!((frame.code().map(CloseCode::get), frame.reason()), (Some(code), "why"));
            }
            _ => assert_eq!(frame, None, "{code}"),
        }
    }
    // A proxy always has something to say.
    let lost = CloseEvent::observed(b"\x03\xee");
    let frame = lost.to_frame().unwrap_or(CloseFrame::from_code(CloseCode::BAD_GATEWAY));
    assert_eq!(frame.code(), Some(CloseCode::BAD_GATEWAY));
}

#[test]
fn text() {
    let event = |code, reason, was_clean| CloseEvent::new(CloseEventInit { code, reason, was_clean }).unwrap();
    for (event, display) in [
        (event(1001, "see you", true), r#"1001 (going away) "see you", clean"#),
        (event(1000, "", true), "1000 (normal closure), clean"),
        (event(1006, "", false), "1006 (abnormal closure), not clean"),
        (event(1005, "", true), "1005 (no status rcvd), clean"),
        (event(0, "", false), "0 (unused), not clean"),
        (event(65535, "\n\u{1b}[2J\u{202e}", false), r#"65535 (out of range) "\n\u{1b}[2J\u{202e}", not clean"#),
    ] {
        assert_eq!(event.to_string(), display);
    }
    assert_eq!(format!("{:?}", event(0, "\n", false)), r#"CloseEvent { code: 0, reason: "\n", was_clean: false }"#);
}

#[test]
fn events_are_equal_by_their_facts() {
    let event = |code, reason, was_clean| CloseEvent::new(CloseEventInit { code, reason, was_clean }).unwrap();
    let first = event(1000, "done", true);
    assert_eq!(first, first.clone());
    assert_eq!(first, CloseEvent::observed(b"\x03\xe8done"));
    for other in [event(1001, "done", true), event(1000, "dine", true), event(1000, "done", false)] {
        assert_ne!(first, other);
    }
}

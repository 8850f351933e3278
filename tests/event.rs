//! `CloseEvent`: the DOM's constructor, what Chromium was observed to report, and the frames that pass an event on.
#![allow(clippy::unwrap_used)]

use websocket_close::{CloseCode, CloseEvent, CloseEventInit, CloseFrame, ClosingHandshake, Role};

#[path = "common/stride.rs"]
mod stride;

use stride::STRIDE;

/// The codes that a Close frame may carry: RFC 6455, 7.4, and the IANA registry.
fn is_legal(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn event(code: u16, reason: &str, was_clean: bool) -> CloseEvent {
    CloseEvent::new(CloseEventInit { code, reason, was_clean }).unwrap()
}

fn facts(event: &CloseEvent) -> (u16, &str, bool) {
    (event.code(), event.reason(), event.was_clean())
}

/// RFC 6455, 7.4.1, and the DOM.
#[test]
fn the_constants_have_their_values() {
    assert_eq!(CloseEvent::NO_STATUS_RECEIVED, 1005);
    assert_eq!(CloseEvent::ABNORMAL_CLOSURE, 1006);
    assert_eq!(CloseEvent::TLS_HANDSHAKE, 1015);
    assert_eq!(CloseEvent::TYPE, "close");
}

#[test]
fn the_constructor_takes_any_code() {
    // The defaults of the DOM's `CloseEventInit`.
    assert_eq!(facts(&CloseEvent::new(CloseEventInit::default()).unwrap()), (0, "", false));
    for code in (0..=u16::MAX).step_by(STRIDE) {
        for was_clean in [false, true] {
            let event = CloseEvent::new(CloseEventInit { code, reason: "why", was_clean }).unwrap();
            assert_eq!(facts(&event), (code, "why", was_clean));
        }
    }
}

#[test]
fn the_constructor_refuses_a_reason_of_more_than_123_bytes() {
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

/// Chromium 156 accepts a Close with any of the 65,536 codes, except three.
#[test]
fn observed_reports_every_code_as_chromium_does() {
    for code in (0..=u16::MAX).step_by(STRIDE) {
        let [high, low] = code.to_be_bytes();
        let failed = [1005, 1006, 1015].contains(&code);
        for (payload, reason) in [(&[high, low][..], ""), (&[high, low, b'b', b'y', b'e'], "bye")] {
            let expected = if failed { (1006, "", false) } else { (code, reason, true) };
            assert_eq!(facts(&CloseEvent::observed(payload)), expected, "{code}");
        }
    }
}

#[test]
fn observed_reports_every_length_as_chromium_does() {
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
    // If the reason is not UTF-8, neither the reason nor the code survives.
    for reason in [&b"\xff"[..], b"ok\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"] {
        assert_eq!(facts(&CloseEvent::observed(&[b"\x03\xe8", reason].concat())), FAILED);
        assert_eq!(facts(&CloseEvent::observed(&[b"\x00\x07", reason].concat())), FAILED);
    }
    // A valid reason is not changed.
    for reason in ["\u{feff}bom", "\0", "\r\n", "\u{fffd}", "e\u{301}"] {
        let payload = [b"\x0f\xa0", reason.as_bytes()].concat();
        assert_eq!(facts(&CloseEvent::observed(&payload)), (4000, reason, true));
    }
}

/// The illegal numbers include 1005, 1006 and 1015.
#[test]
fn close_code_is_none_for_every_illegal_number() {
    for code in (0..=u16::MAX).step_by(STRIDE) {
        let found = event(code, "why", code % 2 == 0).close_code().map(CloseCode::get);
        assert_eq!(found, is_legal(code).then_some(code), "{code}");
    }
}

#[test]
fn to_frame_returns_a_frame_for_legal_codes_and_1005() {
    for code in (0..=u16::MAX).step_by(STRIDE) {
        let event = event(code, "why", code % 2 == 0);
        let frame = event.to_frame();
        match code {
            1005 => assert_eq!(frame, Some(CloseFrame::EMPTY)),
            _ if is_legal(code) => {
                let frame = frame.unwrap();
                assert_eq!((frame.code().map(CloseCode::get), frame.reason()), (Some(code), "why"));
            }
            _ => assert_eq!(frame, None, "{code}"),
        }
    }
}

/// A proxy never forwards 1005, 1006 or 1015, which "MUST NOT be set as a status code in a Close control frame". (RFC
/// 6455, 7.4.1)
#[test]
fn forward_replaces_every_code_that_may_not_be_sent() {
    for code in (0..=u16::MAX).step_by(STRIDE) {
        for reason in ["", "why"] {
            for was_clean in [false, true] {
                let event = event(code, reason, was_clean);
                for (from, for_what_cannot_be_sent) in [(Role::Server, 1014), (Role::Client, 1001)] {
                    let frame = event.forward(from);
                    let expected = match code {
                        1005 => (None, ""),
                        _ if is_legal(code) => (Some(code), reason),
                        _ => (Some(for_what_cannot_be_sent), ""),
                    };
                    assert_eq!((frame.code().map(CloseCode::get), frame.reason()), expected, "{code} from {from:?}");
                    assert!(frame.code().is_none_or(|code| is_legal(code.get())), "{code} from {from:?}");
                }
            }
        }
    }
}

/// Through a whole proxy: the other peer hears what the first peer said, or that the first peer is lost.
#[test]
fn a_proxy_passes_on_what_a_peer_said() {
    let longest = "é".repeat(61);
    for said in
        [CloseFrame::EMPTY, CloseFrame::from_static(4001, "bye"), CloseFrame::from_parts(1000, &longest).unwrap()]
    {
        for local in [Role::Client, Role::Server] {
            let mut closing = ClosingHandshake::new(local);
            assert_eq!(
                closing.event().forward(local.peer()).payload_len(),
                2,
                "if the peer is lost, there is no reason"
            );
            let _answer = closing.receive(said);
            assert_eq!(closing.event().forward(local.peer()), said);
        }
    }
}

#[test]
fn events_are_equal_if_code_reason_and_was_clean_are() {
    let first = event(1000, "done", true);
    assert_eq!(first, first.clone());
    assert_eq!(first, CloseEvent::observed(b"\x03\xe8done"));
    for other in [event(1001, "done", true), event(1000, "dine", true), event(1000, "done", false)] {
        assert_ne!(first, other);
    }
}

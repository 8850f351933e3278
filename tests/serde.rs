//! Codes, frames and events as JSON. Each good text is written and read as expected, and each bad text is refused.
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used)]

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use websocket_close::{CloseCode, CloseEvent, CloseEventInit, CloseFrame, OwnedCloseFrame};

fn event(code: u16, reason: &str, was_clean: bool) -> CloseEvent {
    CloseEvent::new(CloseEventInit { code, reason, was_clean }).unwrap()
}

fn owned(code: u16, reason: &str) -> OwnedCloseFrame {
    CloseFrame::from_parts(code, reason).unwrap().into_owned()
}

/// Asserts that `value` is written as `text`, and that `text` is read as `value`.
#[track_caller]
fn assert_both_ways<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T, text: &str) {
    assert_eq!(serde_json::to_string(value).unwrap(), text);
    assert_eq!(serde_json::from_str::<T>(text).unwrap(), *value);
    assert_eq!(serde_json::from_reader::<_, T>(text.as_bytes()).unwrap(), *value);
    assert_eq!(serde_json::from_value::<T>(serde_json::from_str(text).unwrap()).unwrap(), *value);
}

/// Asserts that `text` is refused, and that the error contains the `facts`: the wrong field, the value, or what is
/// allowed.
#[track_caller]
fn assert_refused<T: DeserializeOwned + std::fmt::Debug>(text: &str, facts: &[&str]) {
    let error = serde_json::from_str::<T>(text).unwrap_err().to_string();
    for fact in facts {
        assert!(error.contains(fact), "{text}: {fact:?} is not in {error:?}");
    }
}

/// The codes that a Close frame may carry: RFC 6455, 7.4, and the IANA registry.
#[test]
fn every_code_is_a_number() {
    for number in 0..=u16::MAX {
        let text = number.to_string();
        match number {
            1000..=1003 | 1007..=1014 | 3000..=4999 => assert_both_ways(&CloseCode::new(number).unwrap(), &text),
            _ => assert_refused::<CloseCode>(&text, &[&text]),
        }
    }
}

#[test]
fn other_numbers_and_types_are_not_codes() {
    for text in ["65536", "-1", "1000.5", "1e3", "null", "true", r#""1000""#, r#"{"code":1000}"#, "[1000]", ""] {
        assert_refused::<CloseCode>(text, &[]);
    }
}

#[test]
fn a_frame_has_a_code_and_a_reason() {
    let rows = [
        (owned(1001, "see you"), r#"{"code":1001,"reason":"see you"}"#),
        (owned(4999, ""), r#"{"code":4999,"reason":""}"#),
        (OwnedCloseFrame::default(), r#"{"code":null,"reason":""}"#),
        (owned(1000, "\"\\\n\u{0}\u{feff}é€😀"), "{\"code\":1000,\"reason\":\"\\\"\\\\\\n\\u0000\u{feff}é€😀\"}"),
        (owned(3000, &"€".repeat(41)), &format!(r#"{{"code":3000,"reason":"{}"}}"#, "€".repeat(41))),
    ];
    for (frame, text) in rows {
        assert_both_ways(&frame, text);
        assert_eq!(serde_json::to_string(&frame.as_frame()).unwrap(), text);
    }
}

/// serde reads a missing `Option` as `None`, and ignores other fields.
#[test]
fn a_frame_may_lack_the_code_and_have_other_fields() {
    for text in [r#"{"reason":""}"#, r#"{"reason":"","code":null,"why":7}"#] {
        assert_eq!(serde_json::from_str::<OwnedCloseFrame>(text).unwrap(), CloseFrame::EMPTY);
    }
    let text = r#"{"type":"close","reason":"bye","code":4001,"wasClean":true}"#;
    assert_eq!(serde_json::from_str::<OwnedCloseFrame>(text).unwrap(), CloseFrame::from_static(4001, "bye"));
}

/// Every number that a Close frame may not carry, a reason that is too long, a reason without a code, and wrong types.
#[test]
fn a_frame_that_may_not_be_sent_is_refused() {
    for number in 0..=u16::MAX {
        let text = format!(r#"{{"code":{number},"reason":"why"}}"#);
        match number {
            1000..=1003 | 1007..=1014 | 3000..=4999 => assert_both_ways(&owned(number, "why"), &text),
            _ => assert_refused::<OwnedCloseFrame>(&text, &[&number.to_string()]),
        }
    }
    for len in 0..=130 {
        let text = format!(r#"{{"code":1000,"reason":"{}"}}"#, "a".repeat(len));
        match serde_json::from_str::<OwnedCloseFrame>(&text) {
            Ok(frame) => assert!(len <= 123 && frame.reason().len() == len),
            Err(_) => assert!(len > 123),
        }
    }
    let too_long_in_bytes = format!(r#"{{"code":1000,"reason":"{}"}}"#, "\\u20ac".repeat(42));
    let rows: [(&str, &[&str]); 13] = [
        ("{}", &["`reason`"]),
        (r#"{"code":1000}"#, &["`reason`"]),
        (r#"{"code":null,"reason":"why"}"#, &["reason", "code"]),
        (r#"{"reason":"why"}"#, &["reason", "code"]),
        (&too_long_in_bytes, &["126", "123"]),
        (r#"{"code":65536,"reason":""}"#, &["65536"]),
        (r#"{"code":-1,"reason":""}"#, &["-1"]),
        (r#"{"code":"1000","reason":""}"#, &["1000"]),
        (r#"{"code":1000,"reason":null}"#, &["null", "123"]),
        (r#"{"code":1000,"reason":"\ud800"}"#, &[]),
        (r#"{"code":1000,"code":1000,"reason":""}"#, &["`code`"]),
        (r#"{"code":1000,"reason":"","reason":""}"#, &["`reason`"]),
        ("1000", &["1000"]),
    ];
    for (text, facts) in rows {
        assert_refused::<OwnedCloseFrame>(text, facts);
    }
}

#[test]
fn an_event_has_the_names_and_the_order_of_the_fields() {
    let rows = [
        (event(1001, "bye", true), r#"{"code":1001,"reason":"bye","wasClean":true}"#),
        (event(1006, "", false), r#"{"code":1006,"reason":"","wasClean":false}"#),
        (event(0, "", true), r#"{"code":0,"reason":"","wasClean":true}"#),
        (
            event(65535, "\"\\\n\u{0}\u{feff}é€😀", false),
            "{\"code\":65535,\"reason\":\"\\\"\\\\\\n\\u0000\u{feff}é€😀\",\"wasClean\":false}",
        ),
    ];
    for (event, text) in rows {
        assert_both_ways(&event, text);
    }
}

/// serde hands over a borrowed text, a text with escapes, a text from a reader and a `String` in different ways.
#[test]
fn every_kind_of_string_is_read() {
    let longest = "€".repeat(41);
    for reason in ["plain", "li\nes", "", &longest] {
        let text = json!({ "wasClean": true, "reason": reason, "code": 4000 }).to_string();
        let escaped = text.replace('€', "\\u20ac");
        for text in [&text, &escaped] {
            assert_eq!(serde_json::from_str::<CloseEvent>(text).unwrap(), event(4000, reason, true));
            assert_eq!(serde_json::from_str::<OwnedCloseFrame>(text).unwrap(), owned(4000, reason));
        }
        let reader = text.as_bytes();
        assert_eq!(serde_json::from_reader::<_, CloseEvent>(reader).unwrap(), event(4000, reason, true));
        assert_eq!(serde_json::from_reader::<_, OwnedCloseFrame>(reader).unwrap(), owned(4000, reason));
        let value = || serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::from_value::<CloseEvent>(value()).unwrap(), event(4000, reason, true));
        assert_eq!(serde_json::from_value::<OwnedCloseFrame>(value()).unwrap(), owned(4000, reason));
    }
}

/// The DOM's event has more fields than these three.
#[test]
fn other_fields_of_an_event_are_ignored() {
    let text = r#"{"isTrusted":true,"type":"close","code":1000,"reason":"","wasClean":true,"timeStamp":12.5}"#;
    assert_eq!(serde_json::from_str::<CloseEvent>(text).unwrap(), event(1000, "", true));
}

#[test]
fn a_bad_event_is_refused() {
    let long = format!(r#"{{"code":1000,"reason":"{}","wasClean":true}}"#, "a".repeat(124));
    let long_in_bytes = format!(r#"{{"code":1000,"reason":"{}","wasClean":true}}"#, "\\u20ac".repeat(42));
    let rows: [(&str, &[&str]); 16] = [
        ("{}", &["`code`"]),
        (r#"{"reason":"","wasClean":true}"#, &["`code`"]),
        (r#"{"code":1000,"wasClean":true}"#, &["`reason`"]),
        (r#"{"code":1000,"reason":"","was_clean":true}"#, &["`wasClean`"]),
        (r#"{"code":1000,"code":1001,"reason":"","wasClean":true}"#, &["`code`"]),
        (r#"{"code":65536,"reason":"","wasClean":true}"#, &["65536", "u16"]),
        (r#"{"code":-1,"reason":"","wasClean":true}"#, &["-1", "u16"]),
        (r#"{"code":1000.5,"reason":"","wasClean":true}"#, &["1000.5", "u16"]),
        (r#"{"code":"1000","reason":"","wasClean":true}"#, &["1000", "u16"]),
        (r#"{"code":null,"reason":"","wasClean":true}"#, &["null", "u16"]),
        (r#"{"code":1000,"reason":null,"wasClean":true}"#, &["null", "123"]),
        (r#"{"code":1000,"reason":"","wasClean":1}"#, &["1", "boolean"]),
        (r#"{"code":1000,"reason":"\ud800","wasClean":true}"#, &[]),
        (&long, &["124", "123"]),
        (&long_in_bytes, &["126", "123"]),
        (r#""1000""#, &["1000", "CloseEvent"]),
    ];
    for (text, facts) in rows {
        assert_refused::<CloseEvent>(text, facts);
    }
}

//! `CloseEvent` as JSON, both ways: literal texts against literal fields, and what each bad input is told.
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used)]

use serde_json::json;
use websocket_close::{CloseEvent, CloseEventInit};

fn event(code: u16, reason: &str, was_clean: bool) -> CloseEvent {
    CloseEvent::new(CloseEventInit { code, reason, was_clean }).unwrap()
}

#[test]
fn the_json_has_the_names_and_the_order_of_the_fields() {
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
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
        assert_eq!(serde_json::from_str::<CloseEvent>(text).unwrap(), event);
    }
}

/// A text that is borrowed, one with escapes, one from a reader, and a `String`: serde hands each over in another way.
#[test]
fn every_kind_of_string_is_read() {
    let longest = "€".repeat(41);
    for reason in ["plain", "li\nes", "", &longest] {
        let expected = event(4000, reason, true);
        let text = json!({ "wasClean": true, "reason": reason, "code": 4000 }).to_string();
        let escaped = text.replace('€', "\\u20ac");
        assert_eq!(serde_json::from_str::<CloseEvent>(&text).unwrap(), expected);
        assert_eq!(serde_json::from_str::<CloseEvent>(&escaped).unwrap(), expected);
        assert_eq!(serde_json::from_reader::<_, CloseEvent>(text.as_bytes()).unwrap(), expected);
        assert_eq!(serde_json::from_value::<CloseEvent>(serde_json::from_str(&text).unwrap()).unwrap(), expected);
    }
}

/// A dump of the DOM's event holds more than these three.
#[test]
fn other_fields_are_passed_over() {
    let text = r#"{"isTrusted":true,"type":"close","code":1000,"reason":"","wasClean":true,"timeStamp":12.5}"#;
    assert_eq!(serde_json::from_str::<CloseEvent>(text).unwrap(), event(1000, "", true));
}

#[test]
fn bad_input_is_told_what_is_wrong() {
    let long = format!(r#"{{"code":1000,"reason":"{}","wasClean":true}}"#, "a".repeat(124));
    let long_in_bytes = format!(r#"{{"code":1000,"reason":"{}","wasClean":true}}"#, "\\u20ac".repeat(42));
    let rows = [
        ("{}", "missing field `code`"),
        (r#"{"reason":"","wasClean":true}"#, "missing field `code`"),
        (r#"{"code":1000,"wasClean":true}"#, "missing field `reason`"),
        (r#"{"code":1000,"reason":"","was_clean":true}"#, "missing field `wasClean`"),
        (r#"{"code":1000,"code":1001,"reason":"","wasClean":true}"#, "duplicate field `code`"),
        (r#"{"code":65536,"reason":"","wasClean":true}"#, "invalid value: integer `65536`, expected u16"),
        (r#"{"code":-1,"reason":"","wasClean":true}"#, "invalid value: integer `-1`, expected u16"),
        (r#"{"code":1000.5,"reason":"","wasClean":true}"#, "invalid type: floating point `1000.5`, expected u16"),
        (r#"{"code":"1000","reason":"","wasClean":true}"#, "invalid type: string \"1000\", expected u16"),
        (r#"{"code":null,"reason":"","wasClean":true}"#, "invalid type: null, expected u16"),
        (
            r#"{"code":1000,"reason":null,"wasClean":true}"#,
            "invalid type: null, expected a string no more than 123 bytes long",
        ),
        (r#"{"code":1000,"reason":"","wasClean":1}"#, "invalid type: integer `1`, expected a boolean"),
        (r#"{"code":1000,"reason":"\ud800","wasClean":true}"#, "unexpected end of hex escape"),
        (&long, "invalid length 124, expected a string no more than 123 bytes long"),
        (&long_in_bytes, "invalid length 126, expected a string no more than 123 bytes long"),
        (r#""1000""#, "invalid type: string \"1000\", expected struct CloseEvent"),
    ];
    for (text, message) in rows {
        let error = serde_json::from_str::<CloseEvent>(text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{text}\n    said: {error}\nexpected: {message}");
    }
}

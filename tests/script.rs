//! `script::close`: the argument checks of the browser's `close()`, over every code and every length of a reason.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::Value;
use websocket_close::script::{self, Error};
use websocket_close::{CloseCode, CloseFrame};

#[path = "common/stride.rs"]
mod stride;

use stride::STRIDE;

/// Every vector of this operation, from all files of `vectors/`.
fn vectors(op: &str) -> Vec<Value> {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors")).unwrap();
    let json =
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|name| name == "json"));
    let vectors = json.flat_map(|path| serde_json::from_slice::<Vec<Value>>(&std::fs::read(path).unwrap()).unwrap());
    let vectors: Vec<Value> = vectors.filter(|vector| vector["op"] == op).collect();
    assert!(!vectors.is_empty());
    vectors
}

fn payload(frame: CloseFrame<'_>) -> String {
    hex::encode(frame.write_payload(&mut [0; 125]))
}

#[test]
#[cfg_attr(miri, ignore = "Miri takes minutes for a quarter of a megabyte of JSON")]
fn every_close_vector_has_its_outcome() {
    for vector in vectors("whatwg_close") {
        let (input, expected, id) = (&vector["input"], &vector["expected"], &vector["id"]);
        // Before the call an engine clamps the code ([Clamp]) and replaces lone surrogates (USVString).
        let code = match &input["code"] {
            Value::Null => None,
            Value::String(text) => Some(clamp(text.parse().unwrap_or(f64::NAN))),
            number => Some(clamp(number.as_f64().unwrap())),
        };
        let reason = match input["reason_utf16"].as_array() {
            Some(units) => Some(usv_string(units)),
            None => input["reason"].as_str().map(str::to_owned),
        };
        let closed = script::close(code, reason.as_deref());
        assert_outcome(closed.map(payload).map_err(Error::name), expected, id);
    }
}

/// Compares the payload of the Close, or the name of the exception, with a vector.
fn assert_outcome(result: Result<String, &str>, expected: &Value, id: &Value) {
    match (result, expected["outcome"].as_str().unwrap()) {
        (Ok(payload), "ok") => assert_eq!(payload, expected["payload_hex"], "{id}"),
        (Err(exception), "throw") => assert_eq!(exception, expected["exception"], "{id}"),
        (result, outcome) => panic!("{id}: {result:?}, expected {outcome}"),
    }
}

/// For `close({closeCode, reason})` of a `WebSocketStream`, the engine does something else before the call.
#[test]
#[cfg_attr(miri, ignore = "Miri takes minutes for a quarter of a megabyte of JSON")]
fn every_stream_vector_has_its_outcome() {
    for vector in vectors("websocketstream_close") {
        let (input, expected) = (&vector["input"], &vector["expected"]);
        let code = match &input["closeCode"] {
            Value::Null => Ok(None),
            Value::String(text) => enforce_range(text.parse().unwrap_or(f64::NAN)).map(Some),
            number => enforce_range(number.as_f64().unwrap()).map(Some),
        };
        let closed = code.and_then(|code| script::close(code, input["reason"].as_str()).map_err(Error::name));
        assert_outcome(closed.map(payload), expected, &vector["id"]);
    }
}

/// "Close using reason": a script aborts its streams with an error. If the error's code and reason may not be sent, the
/// Close has no body.
#[test]
#[cfg_attr(miri, ignore = "Miri takes minutes for a quarter of a megabyte of JSON")]
fn every_reason_vector_has_its_outcome() {
    for vector in vectors("close_using_reason") {
        let error = &vector["input"]["error"];
        let code = error["closeCode"].as_u64().map(|code| u16::try_from(code).unwrap());
        let frame = script::close(code, error["reason"].as_str()).unwrap_or_default();
        assert_outcome(Ok(payload(frame)), &vector["expected"], &vector["id"]);
    }
}

/// Web IDL's `[EnforceRange] unsigned short`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn enforce_range(number: f64) -> Result<u16, &'static str> {
    let integer = number.trunc();
    if (0.0..=65535.0).contains(&integer) { Ok(integer as u16) } else { Err("TypeError") }
}

/// Web IDL's `[Clamp] unsigned short`. Like it, Rust's `as` saturates, and makes 0 of NaN.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn clamp(number: f64) -> u16 {
    number.round_ties_even() as u16
}

fn usv_string(units: &[Value]) -> String {
    let units = units.iter().map(|unit| u16::from_str_radix(unit.as_str().unwrap(), 16).unwrap());
    String::from_utf16_lossy(&units.collect::<Vec<_>>())
}

/// "If code is neither 1000 nor in the range 3000 to 4999, inclusive, throw an `InvalidAccessError`".
#[test]
fn codes_other_than_1000_and_3000_to_4999_are_refused() {
    for code in (0..=u16::MAX).step_by(STRIDE) {
        for reason in [None, Some(""), Some("why")] {
            let result = script::close(Some(code), reason);
            if code == 1000 || (3000..=4999).contains(&code) {
                let bytes = [&code.to_be_bytes(), reason.unwrap_or_default().as_bytes()].concat();
                assert_eq!(result.map(payload), Ok(hex::encode(bytes)), "{code}");
            } else {
                assert_eq!(result, Err(Error::InvalidAccess(code)));
                assert_eq!(result.unwrap_err().name(), "InvalidAccessError");
            }
        }
    }
}

/// "If reasonBytes is longer than 123 bytes, then throw a `SyntaxError`". These are bytes of UTF-8, not characters.
#[test]
fn reasons_of_more_than_123_bytes_are_refused() {
    for character in ["a", "é", "€", "😀"] {
        for len in (0..=130).step_by(STRIDE / 8 + 1) {
            // As many of these characters as fit, filled up with ASCII.
            let mut reason = character.repeat(len / character.len());
            reason.push_str(&"-".repeat(len % character.len()));
            assert_eq!(reason.len(), len);
            for code in [None, Some(1000), Some(4999)] {
                match script::close(code, Some(&reason)) {
                    Ok(frame) => {
                        assert!(len <= 123, "{len} bytes went through");
                        assert_eq!(frame.reason(), reason);
                        // If the script gives no code, an empty reason has none, and any other gets 1000.
                        let expected = code.or((len > 0).then_some(1000));
                        assert_eq!(frame.code().map(CloseCode::get), expected);
                    }
                    Err(Error::Syntax(error)) => {
                        assert!(len > 123, "{len} bytes were refused");
                        assert_eq!(error.len(), len);
                        assert_eq!(Error::Syntax(error).name(), "SyntaxError");
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}

#[test]
fn the_code_is_checked_first() {
    let long = "a".repeat(124);
    assert_eq!(script::close(Some(1001), Some(&long)), Err(Error::InvalidAccess(1001)));
    assert_eq!(script::close(Some(1000), Some(&long)).unwrap_err().name(), "SyntaxError");
}

/// 41 lone surrogates become 123 bytes and pass, 42 do not.
#[test]
fn lone_surrogates_count_three_bytes() {
    let reason = |count| String::from_utf16_lossy(&vec![0xd800; count]);
    assert!(script::close(Some(1000), Some(&reason(41))).is_ok());
    assert_eq!(script::close(Some(1000), Some(&reason(42))).unwrap_err().name(), "SyntaxError");
}

#[test]
fn without_arguments_there_is_no_body() {
    assert_eq!(script::close(None, None), Ok(CloseFrame::EMPTY));
    assert_eq!(script::close(None, Some("")), Ok(CloseFrame::EMPTY));
}

#[test]
fn errors_contain_the_offending_value_and_the_limits() {
    let long = "a".repeat(124);
    for (code, facts) in [(1001, &["1001", "1000", "3000", "4999"][..]), (1000, &["124", "123"])] {
        let text = script::close(Some(code), Some(&long)).unwrap_err().to_string();
        assert!(facts.iter().all(|fact| text.contains(fact)), "{text}");
    }
}

//! Runs the conformance vectors, the captured frames and the API vectors of `tests/vectors` on the types of the crate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use common::{assert_verdict, vectors};
use serde_json::{Value, json};
use websocket_close::wire::{self, Peek};
use websocket_close::{CloseCode, CloseFrame, DecodeError, Role, registry};

/// Operations of `api.json` and `own.json` that do not run here, with the reason.
const NOT_HERE: [(&str, &str); 6] = [
    ("whatwg_close", "runs with the tests of `script`"),
    ("websocketstream_close", "runs with the tests of `script`"),
    ("close_using_reason", "runs with the tests of `script`"),
    ("range", "a fact, by the README of the vectors; `tests/code.rs` checks the ranges"),
    ("valid_ranges", "a fact, by the README of the vectors; `tests/code.rs` checks the sets"),
    ("may_send", "a fact, by the README of the vectors; no type knows who sends a code"),
];

#[test]
fn every_conformance_vector_has_its_verdict() {
    for record in vectors("level") {
        let verdict = match record["level"].as_str().unwrap() {
            "payload" => payload_verdict(&mut bytes(&record["payload_hex"])),
            "frame" => frame_verdict(role(&record["role"]), &mut bytes(&record["frame_hex"])),
            level => panic!("{}: no level {level}", record["id"]),
        };
        assert_verdict(&record, &verdict);
    }
}

/// A payload has the same verdict inside a frame, masked or not.
#[test]
fn every_payload_has_the_same_verdict_in_a_frame() {
    for record in vectors("level") {
        let Some(payload) = record.get("payload_hex").map(bytes) else { continue };
        let Some(len) = u8::try_from(payload.len()).ok().filter(|len| *len <= 125) else { continue };

        let mut from_server = [&[0x88, len], payload.as_slice()].concat();
        assert_verdict(&record, &frame_verdict(Role::Client, &mut from_server));

        let key = [0xa5, 0x00, 0xff, 0x3c];
        let masked: Vec<u8> = payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
        let mut from_client = [&[0x88, 0x80 + len], key.as_slice(), &masked].concat();
        assert_verdict(&record, &frame_verdict(Role::Server, &mut from_client));
    }
}

#[test]
fn every_capture_decodes_to_its_call() {
    for record in vectors("call") {
        // A capture names the sender's role.
        let receiver = role(&record["role"]).peer();
        let mut frame = bytes(&record["frame_hex"]);
        let len = frame.len();
        let Ok(Peek::Close(close)) = wire::peek(receiver, &mut frame) else { panic!("{record} must be a Close") };
        assert_eq!(close.frame_len(), len, "{record}");
        let frame = close.decode().unwrap();

        let (code, reason) = call(record["call"].as_str().unwrap());
        // Each API chooses what a call without arguments sends. Here it is 1000.
        let python = record["from"].as_str().unwrap().starts_with("Python websockets");
        let code = code.or(python.then_some(1000));
        assert_eq!(frame.code().map(CloseCode::get), code, "{record}");
        assert_eq!(frame.reason(), reason, "{record}");
    }
}

/// Parses the arguments of a call such as `close()`, `close(1000)`, `close(1000, "done")`, `close(4000, 123 x "a")` or
/// `close(4002, 30 x emoji)`.
fn call(text: &str) -> (Option<u16>, String) {
    let arguments = text.strip_prefix("close(").and_then(|text| text.strip_suffix(')')).expect(text);
    let (code, reason) = arguments.split_once(", ").unwrap_or((arguments, "\"\""));
    let (count, reason) = match reason.split_once(" x ") {
        Some((count, reason)) if !reason.is_empty() && count.parse::<usize>().is_ok() => {
            (count.parse().unwrap(), reason)
        }
        _ => (1, reason),
    };
    let reason = if reason == "emoji" { "😀".into() } else { serde_json::from_str::<String>(reason).expect(text) };
    (code.parse().ok(), reason.repeat(count))
}

#[test]
fn every_api_vector_has_its_outcome() {
    for record in vectors("op") {
        let (id, input, expected) = (&record["id"], &record["input"], &record["expected"]);
        match record["op"].as_str().unwrap() {
            "encode" => {
                let encoded = frame(input).map(|frame| hex::encode(frame.write_payload(&mut [0xee; 125])));
                assert_eq!(outcome("payload_hex", encoded), *expected, "{id}");
            }
            "encode_frame" => {
                let mask = input.get("mask_hex").map(|key| bytes(key).try_into().unwrap());
                assert_eq!(mask.is_some(), role(&input["role"]) == Role::Client, "{id}: clients mask, servers do not");
                let encoded = frame(input).map(|frame| hex::encode(wire::encode(frame, mask, &mut [0xee; 131])));
                assert_eq!(outcome("frame_hex", encoded), *expected, "{id}");
            }
            "truncate_reason" => {
                let frame = CloseFrame::truncated(CloseCode::NORMAL_CLOSURE, input["reason"].as_str().unwrap());
                assert_eq!(expected["reason"], frame.reason(), "{id}");
                assert_eq!(expected["bytes"], frame.reason().len(), "{id}");
            }
            "registry_name" => {
                let code = u16::try_from(input["code"].as_u64().unwrap()).unwrap();
                assert_eq!(expected["name"], registry::name(code), "{id}");
            }
            op => assert!(NOT_HERE.iter().any(|(listed, _)| *listed == op), "{id}: no operation {op}"),
        }
    }
}

/// The frame with `code` and `reason`, or the kind of the error.
fn frame(input: &Value) -> Result<CloseFrame<'_>, &'static str> {
    let reason = input["reason"].as_str().unwrap_or_default();
    let Some(code) = input["code"].as_i64() else {
        return if reason.is_empty() { Ok(CloseFrame::EMPTY) } else { Err("reason_without_code") };
    };
    let code = u16::try_from(code).map_err(|_| "code_out_of_range")?;
    let code = CloseCode::new(code).map_err(|error| code_kind(error.get()))?;
    CloseFrame::new(code, reason).map_err(|_| "reason_too_long")
}

fn outcome(key: &str, encoded: Result<String, &str>) -> Value {
    match encoded {
        Ok(hex) => json!({ "outcome": "ok", key: hex }),
        Err(kind) => json!({ "outcome": "error", "error_kind": kind }),
    }
}

fn payload_verdict(payload: &mut [u8]) -> Value {
    match CloseFrame::from_payload(payload) {
        Ok(frame) => ok(frame, None),
        Err(error) => fault(error.into(), None),
    }
}

fn frame_verdict(local: Role, bytes: &mut [u8]) -> Value {
    match wire::peek(local, bytes) {
        Ok(Peek::Close(close)) => {
            let consumed = Some(close.frame_len());
            match close.decode() {
                Ok(frame) => ok(frame, consumed),
                Err(error) => fault(error, consumed),
            }
        }
        Ok(Peek::Incomplete { .. }) => json!({ "outcome": "incomplete" }),
        Ok(Peek::NotClose(_)) => json!({ "outcome": "other_opcode" }),
        Err(error) => fault(error, None),
    }
}

fn ok(frame: CloseFrame<'_>, consumed: Option<usize>) -> Value {
    json!({
        "outcome": "ok",
        "code": frame.code().map_or(1005, CloseCode::get),
        "has_code": frame.code().is_some(),
        "reason": frame.reason(),
        "error_kind": null,
        "fail_code": null,
        "consumed": consumed,
    })
}

fn fault(error: wire::Error, consumed: Option<usize>) -> Value {
    use wire::Error::{ExtendedLength, Fragmented, LengthTooLarge, Masked, Payload, ReservedBits, Unmasked};

    let kind = match error {
        Fragmented => "fragmented_control",
        ReservedBits(_) => "reserved_bits",
        Masked => "unexpected_mask",
        Unmasked => "not_masked",
        ExtendedLength(_) => "control_too_long",
        LengthTooLarge(_) => "length_high_bit",
        Payload(DecodeError::TooLong(_)) => "payload_too_long",
        Payload(DecodeError::MissingByte) => "payload_len_1",
        Payload(DecodeError::InvalidCode(code)) => code_kind(code.get()),
        Payload(DecodeError::InvalidUtf8(_)) => "invalid_utf8",
    };
    let mut verdict = json!({
        "outcome": "error",
        "code": null,
        "reason": null,
        "error_kind": kind,
        "fail_code": error.answer_code().get(),
    });
    // If the header is bad, there is no end of the frame to compare.
    if let Some(consumed) = consumed {
        verdict["consumed"] = consumed.into();
    }
    if let Payload(DecodeError::InvalidUtf8(error)) = error {
        verdict["utf8_valid_up_to"] = error.valid_up_to().into();
        verdict["utf8_error_len"] = error.error_len().into();
    }
    verdict
}

/// The kinds as the README of the vectors lists them.
fn code_kind(code: u16) -> &'static str {
    match code {
        1004 | 1005 | 1006 | 1015 => "reserved_code",
        1016..=2999 => "unassigned_code",
        0..=999 | 5000.. => "code_out_of_range",
        legal => panic!("{legal} is allowed in a Close frame"),
    }
}

fn role(name: &Value) -> Role {
    match name.as_str() {
        Some("client") => Role::Client,
        Some("server") => Role::Server,
        _ => panic!("no role {name}"),
    }
}

fn bytes(hex: &Value) -> Vec<u8> {
    hex::decode(hex.as_str().unwrap()).unwrap()
}

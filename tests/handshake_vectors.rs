//! Plays the handshake vectors, which are whole connections, with a small stack that obeys its `ClosingHandshake`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};
use websocket_close::{
    CloseCode, CloseEvent, CloseFrame, ClosingHandshake, DecodeError, OwnedCloseFrame, Role, TransportAction,
};

/// Every vector with steps, from all files of `vectors/`.
fn vectors() -> Vec<Value> {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors")).unwrap();
    let json =
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|name| name == "json"));
    let vectors = json.flat_map(|path| serde_json::from_slice::<Vec<Value>>(&std::fs::read(path).unwrap()).unwrap());
    vectors.filter(|vector| vector["steps"].is_array()).collect()
}

#[test]
fn every_vector_ends_as_expected() {
    let vectors = vectors();
    assert!(!vectors.is_empty());
    let mut wrong = Vec::new();
    for vector in &vectors {
        if let Err(error) = play(vector) {
            wrong.push(format!("{}: {error}", vector["id"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} vectors:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
}

/// An unknown step or expectation must fail, because a vector that is skipped proves nothing.
#[test]
fn an_unknown_step_or_expectation_fails() {
    let step = json!({"role": "client", "steps": [{"recv_pigeon": true}], "expected": {}});
    assert!(play(&step).unwrap_err().contains("unknown step"));
    let expectation = json!({"role": "client", "steps": [{"eof": true}], "expected": {"smoke": "white"}});
    assert!(play(&expectation).unwrap_err().contains("unknown expectation"));
    let event = json!({"code": 1000, "reason": "", "wasClean": true});
    let wrong = json!({"role": "client", "steps": [{"eof": true}], "expected": {"event": event}});
    assert!(play(&wrong).unwrap_err().contains("event"));
}

/// Steps that the description of the vectors has, but that no vector uses.
#[test]
fn steps_that_no_vector_uses_work_too() {
    let bye = json!({"code": 1001, "reason": "bye", "wasClean": true});
    let abnormal = json!({"code": 1006, "reason": "", "wasClean": false});
    let lost = json!({"code": 1001, "reason": "bye", "wasClean": false});
    let theirs = json!({"recv_close": "03e9627965"});
    let ours = json!({"local_close": {"code": 1000, "reason": ""}});
    #[rustfmt::skip]
    let cases = [
        ("client", json!([{"next_write_fails": true}, theirs, {"reset": true}]),
            json!({"sent_close": [], "event": lost})),
        ("server", json!([theirs, {"next_write_fails": true}, {"eof": true}]),
            json!({"sent_close": ["03e9"], "event": lost})),
        ("client", json!([ours, theirs, {"timeout": true}]), json!({"tcp_close": "local_after_timeout", "event": bye})),
        ("client", json!([ours, {"timeout": true}]), json!({"tcp_close": "local_after_timeout", "event": abnormal})),
        ("server", json!([ours, {"timeout": true}]), json!({"tcp_close": "local_after_timeout", "event": abnormal})),
        ("server", json!([ours, theirs, {"timeout": true}]), json!({"tcp_close": "local_first", "event": bye})),
        ("client", json!([theirs, {"h2_end_stream": true}]), json!({"tcp_close": "wait_for_peer", "event": bye})),
        ("client", json!([{"h2_end_stream": true}]), json!({"sent_close": [], "event": abnormal})),
        ("client", json!([theirs, {"h3_fin": true}]), json!({"tcp_close": "wait_for_peer", "event": bye})),
        ("server", json!([{"h3_stream_error": "H3_REQUEST_CANCELLED"}]), json!({"sent_close": [], "event": abnormal})),
        ("server", json!([theirs, {"local_send_text": "x"}]),
            json!({"sent_close": ["03e9"], "refused": ["local_send_text"]})),
        ("server", json!([{"recv_text": "hi"}, theirs, {"recv_text": "ho"}]),
            json!({"delivered": ["hi"], "event": bye})),
        ("client", json!([{"recv_text_fragment": "a"}, {"recv_continuation": "b", "fin": false}, {"recv_continuation": "c"}]),
            json!({"delivered": ["abc"]})),
        ("client", json!([{"recv_garbage": "ff"}, {"recv_ping": "61"}, {"recv_text": "x"}]),
            json!({"sent_close": ["03ea"], "sent_pong": [], "delivered": [], "failed": true, "event": abnormal})),
        ("client", json!([{"local_close": {"code": 1005}}]),
            json!({"sent_close": [], "refused": ["local_close"], "event": abnormal})),
        ("client", json!([{"state": "CLOSED"}, ours]), json!({"sent_close": [], "state_after": "CLOSED"})),
        ("client", json!([{"local_fragmented_in_progress": true}, theirs, {"eof": true}]), json!({"event": lost})),
    ];
    for (role, steps, expected) in cases {
        let vector = json!({"role": role, "steps": steps, "expected": expected});
        assert_eq!(play(&vector), Ok(()), "{vector}");
    }
}

fn play(vector: &Value) -> Result<(), String> {
    let mut stack = Stack::new(match vector["role"].as_str() {
        Some("client") => Role::Client,
        Some("server") => Role::Server,
        other => return Err(format!("unknown role {other:?}")),
    });
    for step in vector["steps"].as_array().unwrap() {
        stack.step(step)?;
    }
    stack.compare(&vector["expected"])
}

/// A WebSocket stack without bytes. At the next step it writes the Close that the handshake has chosen, unless
/// something holds the Close back.
struct Stack {
    closing: ClosingHandshake,
    /// `readyState` before the handshake. A vector may set it.
    state: &'static str,
    unwritten: Option<OwnedCloseFrame>,
    /// A message of ours is being sent. A Close has to wait for its end.
    sending_message: bool,
    next_write_fails: bool,
    /// A Close whose write failed.
    write_failed: Option<String>,
    sent_close: Vec<String>,
    sent_pong: Vec<String>,
    partial: String,
    delivered: Vec<String>,
    refused: Vec<&'static str>,
    never_opened: bool,
    tcp_close: Option<&'static str>,
    event: Option<CloseEvent>,
}

/// Who or what ended the transport, if it was not us.
#[derive(Clone, Copy, PartialEq)]
enum Cause {
    Peer,
    Timeout,
}

impl Stack {
    fn new(local: Role) -> Self {
        Self {
            closing: ClosingHandshake::new(local),
            state: "OPEN",
            unwritten: None,
            sending_message: false,
            next_write_fails: false,
            write_failed: None,
            sent_close: Vec::new(),
            sent_pong: Vec::new(),
            partial: String::new(),
            delivered: Vec::new(),
            refused: Vec::new(),
            never_opened: false,
            tcp_close: None,
            event: None,
        }
    }

    fn step(&mut self, step: &Value) -> Result<(), String> {
        let (name, value) = step
            .as_object()
            .and_then(|step| step.iter().find(|(name, _)| *name != "fin"))
            .ok_or_else(|| format!("unknown step {step}"))?;
        let text = value.as_str().unwrap_or_default();
        if name != "next_write_fails" {
            self.flush();
        }
        match name.as_str() {
            "recv_close" => {
                let payload = hex::decode(text).unwrap();
                let frame = match CloseFrame::from_payload(&payload) {
                    Ok(frame) => self.closing.receive(frame),
                    Err(error) => self.closing.reject(error.into()),
                };
                self.queue(frame);
            }
            "recv_garbage" => self.fail(CloseFrame::from_code(CloseCode::PROTOCOL_ERROR)),
            "fail" => self.fail(frame_of(value)?.as_frame()),
            "recv_ping" if self.closing.is_receiving() => self.sent_pong.push(text.into()),
            // After the peer's Close, or after a failure, everything is discarded and no pongs are sent.
            "recv_ping" | "recv_text" | "recv_text_fragment" | "recv_continuation" if !self.closing.is_receiving() => {}
            "recv_text" => self.delivered.push(text.into()),
            "recv_text_fragment" => self.partial.push_str(text),
            "recv_continuation" => {
                self.partial.push_str(text);
                if step["fin"] != json!(false) {
                    self.delivered.push(std::mem::take(&mut self.partial));
                }
            }
            "local_close" => self.local_close(value),
            "local_send_text" => {
                if !self.closing.may_send_data() {
                    self.refused.push("local_send_text");
                }
            }
            "local_fragmented_in_progress" => self.sending_message = true,
            "local_finish_message" => {
                if !self.closing.may_send_data() {
                    self.refused.push("local_finish_message");
                }
                self.sending_message = false;
                self.flush();
            }
            "next_write_fails" => {
                self.next_write_fails = true;
                self.flush();
            }
            "flushed" => {}
            "timeout" => self.end(Some(Cause::Timeout)),
            "eof" | "reset" => self.end(Some(Cause::Peer)),
            "opening_handshake_failed" => {
                self.never_opened = true;
                self.end(Some(Cause::Peer));
            }
            "state" => {
                let known = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"].into_iter().find(|state| *state == text);
                self.state = known.ok_or_else(|| format!("unknown step {step}"))?;
            }
            stream if stream.starts_with("h2_") || stream.starts_with("h3_") => self.end(Some(Cause::Peer)),
            _ => return Err(format!("unknown step {step}")),
        }
        Ok(())
    }

    fn fail(&mut self, frame: CloseFrame<'_>) {
        let frame = self.closing.fail(frame);
        self.queue(frame);
    }

    fn local_close(&mut self, arguments: &Value) {
        let Ok(frame) = frame_of(arguments) else {
            self.refused.push("local_close");
            return;
        };
        match self.state {
            // "Fail the WebSocket connection and set ready state to CLOSING": there is no peer to send a Close to.
            "CONNECTING" => {
                self.never_opened = true;
                self.state = "CLOSING";
            }
            "OPEN" => {
                let frame = self.closing.start(frame.as_frame());
                self.queue(frame);
            }
            _ => {}
        }
    }

    fn queue(&mut self, frame: Option<CloseFrame<'_>>) {
        if let Some(frame) = frame {
            assert!(self.unwritten.is_none() && self.sent_close.is_empty(), "a second Close to write");
            self.unwritten = Some(frame.into_owned());
        }
    }

    fn flush(&mut self) {
        if self.sending_message || self.event.is_some() {
            return;
        }
        if let Some(frame) = self.unwritten.take() {
            let payload = hex::encode(frame.as_frame().write_payload(&mut [0; 125]));
            if self.next_write_fails {
                self.write_failed = Some(payload);
            } else {
                self.sent_close.push(payload);
                self.closing.mark_written();
            }
        }
    }

    /// The transport has ended. If there is no cause, we ended it as the handshake told us.
    fn end(&mut self, cause: Option<Cause>) {
        if self.event.is_none() {
            self.tcp_close = match (self.closing.transport(), cause) {
                (TransportAction::End, _) => Some("local_first"),
                (_, Some(Cause::Timeout)) => Some("local_after_timeout"),
                (TransportAction::AwaitEnd, _) => Some("wait_for_peer"),
                (TransportAction::Keep, _) => None,
            };
            self.event = Some(self.closing.event());
        }
    }

    fn ready_state(&self) -> &'static str {
        match self.event {
            Some(_) => "CLOSED",
            None if self.state == "OPEN" && !self.closing.is_open() => "CLOSING",
            None => self.state,
        }
    }

    fn compare(mut self, expected: &Value) -> Result<(), String> {
        self.flush();
        let state_after = self.ready_state();
        if expected["event"].is_object() {
            self.end(None);
        }
        let event =
            self.event.as_ref().map(|e| json!({"code": e.code(), "reason": e.reason(), "wasClean": e.was_clean()}));
        for name in expected.as_object().unwrap().keys().filter(|name| !name.starts_with("alt_")) {
            let found = match name.as_str() {
                "sent_close" => json!(self.sent_close),
                "sent_pong" => json!(self.sent_pong),
                "delivered" => json!(self.delivered),
                "refused" => json!(self.refused),
                "failed" => json!(self.closing.is_failed()),
                "tcp_close" => json!(self.tcp_close),
                "event" => json!(event),
                "state_after" => json!(state_after),
                "error_event" => json!(self.closing.is_failed() || self.never_opened),
                "reply_reason_free" => continue,
                _ => return Err(format!("unknown expectation {name}")),
            };
            // A Close whose write failed may be listed as sent or not.
            let or_found = match (name.as_str(), &self.write_failed) {
                ("sent_close", Some(payload)) => json!([payload]),
                _ => found.clone(),
            };
            let only_code = name == "sent_close" && expected["reply_reason_free"] == json!(true);
            let allowed = expected[format!("alt_{name}")].as_array().into_iter().flatten().chain([&expected[name]]);
            let matches = |allowed: &Value| {
                [&found, &or_found]
                    .into_iter()
                    .any(|found| allowed == found || (only_code && codes(allowed) == codes(found)))
            };
            if !allowed.clone().any(matches) {
                return Err(format!("{name} is {found}, expected {}", expected[name]));
            }
        }
        Ok(())
    }
}

/// The frame with the given `{code, reason}`. Both may be absent.
fn frame_of(arguments: &Value) -> Result<OwnedCloseFrame, String> {
    let reason = arguments["reason"].as_str().unwrap_or_default();
    let mut payload = Vec::new();
    if let Some(code) = arguments["code"].as_u64() {
        payload.extend(u16::try_from(code).map_err(|error| error.to_string())?.to_be_bytes());
        payload.extend(reason.as_bytes());
    }
    CloseFrame::from_payload(&payload).map(CloseFrame::into_owned).map_err(|error: DecodeError| error.to_string())
}

/// The status codes of some payloads in hex, without the reasons.
fn codes(payloads: &Value) -> Option<Vec<&str>> {
    payloads.as_array()?.iter().map(|payload| payload.as_str()?.get(..4)).collect()
}

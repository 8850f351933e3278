//! Makes random calls on a `ClosingHandshake`. A model works out the expected answers from all calls so far.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, DecodeError, Role, TransportAction, wire};

#[derive(Clone, Debug)]
enum Call {
    Start(Frame),
    Receive(Frame),
    Fail(Frame),
    Reject(wire::Error),
    AnswerWith(Frame),
    MarkWritten,
}

type Frame = Option<(CloseCode, String)>;

fn borrow(frame: &Frame) -> CloseFrame<'_> {
    frame.as_ref().map_or(CloseFrame::EMPTY, |(code, reason)| CloseFrame::truncated(*code, reason))
}

fn without_reason(frame: CloseFrame<'_>) -> CloseFrame<'static> {
    frame.code().map_or(CloseFrame::EMPTY, CloseFrame::from_code)
}

fn frame() -> impl Strategy<Value = Frame> {
    let code = prop_oneof![1000_u16..=1003, 1007_u16..=1014, 3000_u16..=4999];
    let code = code.prop_filter_map("a legal code", |code| CloseCode::new(code).ok());
    prop::option::of((code, "\\PC{0,140}"))
}

/// Faults, with the code that RFC 6455 has for each (7.4.1).
fn faults() -> [(wire::Error, CloseCode); 4] {
    let bad_utf8 = CloseFrame::from_payload(b"\x03\xe8\xff").unwrap_err();
    [
        (wire::Error::Fragmented, CloseCode::PROTOCOL_ERROR),
        (wire::Error::ReservedBits(2), CloseCode::PROTOCOL_ERROR),
        (wire::Error::Payload(DecodeError::MissingByte), CloseCode::PROTOCOL_ERROR),
        (wire::Error::Payload(bad_utf8), CloseCode::INVALID_PAYLOAD),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        frame().prop_map(Call::Start),
        frame().prop_map(Call::Receive),
        frame().prop_map(Call::Fail),
        (0_usize..4).prop_map(|index| Call::Reject(faults()[index].0)),
        frame().prop_map(Call::AnswerWith),
        Just(Call::MarkWritten),
    ]
}

/// What RFC 6455 says about a connection after these calls.
struct Expected<'a> {
    /// The first call that closes. It tells who closed first (7.1.3), and our only Close, unless the answer is replaced
    /// (5.5.1, 7.1.5).
    spoken: Option<usize>,
    /// The first Close received, unless we had failed before (1.4, 7.1.7).
    received: Option<&'a Frame>,
    /// The Close that we failed with, unless a Close had been received before.
    failure: Option<CloseFrame<'a>>,
    /// The peer's fault, if that was why we failed.
    fault: Option<wire::Error>,
    written: bool,
    /// The last call that replaced the answer before the answer was written.
    answered_with: Option<usize>,
}

impl<'a> Expected<'a> {
    fn after(calls: &'a [Call]) -> Self {
        let closes = |call: &Call| !matches!(call, Call::AnswerWith(_) | Call::MarkWritten);
        let spoken = calls.iter().position(closes);
        let written = spoken.and_then(|spoken| {
            let later = calls[spoken..].iter().position(|call| matches!(call, Call::MarkWritten))?;
            Some(spoken + later)
        });
        let answering = spoken.filter(|at| matches!(calls[*at], Call::Receive(_)));
        let answered_with = answering.and_then(|at| {
            let until_written = at..written.unwrap_or(calls.len());
            until_written.rev().find(|at| matches!(calls[*at], Call::AnswerWith(_)))
        });
        let decisive = calls.iter().find(|call| matches!(call, Call::Receive(_) | Call::Fail(_) | Call::Reject(_)));
        let (received, failure, fault) = match decisive {
            Some(Call::Receive(frame)) => (Some(frame), None, None),
            Some(Call::Fail(frame)) => (None, Some(borrow(frame)), None),
            Some(Call::Reject(error)) => (None, Some(reply_to(*error)), Some(*error)),
            _ => (None, None, None),
        };
        Self { spoken, received, failure, fault, written: written.is_some(), answered_with }
    }
}

fn reply_to(fault: wire::Error) -> CloseFrame<'static> {
    let found = faults().into_iter().find(|(error, _)| *error == fault);
    found.map_or(CloseFrame::EMPTY, |(_, code)| CloseFrame::from_code(code))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_calls_agree_with_the_rfc(client: bool, calls in prop::collection::vec(call(), 0..12)) {
        let (local, peer) = if client { (Role::Client, Role::Server) } else { (Role::Server, Role::Client) };
        let mut closing = ClosingHandshake::new(local);
        for (at, call) in calls.iter().enumerate() {
            let returned = match call {
                Call::Start(frame) => closing.start(borrow(frame)),
                Call::Receive(frame) => closing.receive(borrow(frame)),
                Call::Fail(frame) => closing.fail(borrow(frame)),
                Call::Reject(error) => closing.reject(*error),
                Call::AnswerWith(frame) => closing.answer_with(borrow(frame)),
                Call::MarkWritten => { closing.mark_written(); None }
            };
            let expected = Expected::after(&calls[..=at]);

            // Our Close: the one that the call gave, the echo of the Close that it answers, or an answer of our own.
            let chosen = expected.spoken.map(|at| match &calls[at] {
                Call::Start(frame) | Call::Fail(frame) => (local, borrow(frame)),
                Call::Reject(error) => (local, reply_to(*error)),
                Call::Receive(frame) => (peer, without_reason(borrow(frame))),
                Call::AnswerWith(_) | Call::MarkWritten => unreachable!("this call does not close"),
            });
            let answer = expected.answered_with.map(|at| match &calls[at] {
                Call::AnswerWith(frame) => borrow(frame),
                _ => unreachable!("`position` found a call that closes"),
            });
            let ours = answer.or(chosen.map(|(_, frame)| frame));
            let now = expected.spoken == Some(at) || expected.answered_with == Some(at);
            prop_assert_eq!(returned, if now { ours } else { None });
            prop_assert_eq!(closing.ours(), ours.map(without_reason));
            prop_assert_eq!(closing.closed_first(), chosen.map(|(first, _)| first));
            prop_assert_eq!(closing.is_open(), chosen.is_none());
            prop_assert_eq!(closing.is_written(), expected.written);
            prop_assert_eq!(closing.close_pending(), chosen.is_some() && !expected.written);
            prop_assert_eq!(closing.theirs(), expected.received.map(borrow));
            prop_assert_eq!(closing.is_failed(), expected.failure.is_some());
            prop_assert_eq!(closing.failure(), expected.failure.map(without_reason));
            prop_assert_eq!(closing.fault(), expected.fault);

            // What may still be sent, and who ends the transport:
            let (received, failed) = (expected.received.is_some(), expected.failure.is_some());
            let done = received && expected.written;
            prop_assert_eq!(closing.is_receiving(), !received && !failed);
            let answering = chosen.is_some_and(|(first, _)| first == peer);
            prop_assert_eq!(closing.may_send_data(), chosen.is_none() || (answering && !expected.written));
            prop_assert_eq!(closing.is_clean(), done);
            let action = match (failed, done, client) {
                (true, ..) | (false, true, false) => TransportAction::End,
                (false, true, true) => TransportAction::AwaitEnd,
                (false, false, _) => TransportAction::Keep,
            };
            prop_assert_eq!(closing.transport(), action);

            // The event, if the transport ended now:
            let event = closing.event();
            let code = expected.received.map_or(1006, |frame| frame.as_ref().map_or(1005, |(code, _)| code.get()));
            prop_assert_eq!(event.code(), code);
            prop_assert_eq!(event.reason(), expected.received.map_or("", |frame| borrow(frame).reason()));
            prop_assert_eq!(event.was_clean(), done);
        }
    }
}

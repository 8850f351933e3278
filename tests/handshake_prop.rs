//! Random scripts through `ClosingHandshake`, against a model that is a few questions to the list of all calls so far.
#![allow(clippy::indexing_slicing)]

use proptest::prelude::*;
use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, Role, Transport};

#[derive(Clone, Debug)]
enum Call {
    Start(Frame),
    Receive(Frame),
    Fail(Frame),
    Written,
}

type Frame = Option<(CloseCode, String)>;

fn borrow(frame: &Frame) -> CloseFrame<'_> {
    frame.as_ref().map_or(CloseFrame::EMPTY, |(code, reason)| CloseFrame::truncated(*code, reason))
}

fn frame() -> impl Strategy<Value = Frame> {
    let code = prop_oneof![1000_u16..=1003, 1007_u16..=1014, 3000_u16..=4999];
    let code = code.prop_filter_map("a legal code", |code| CloseCode::new(code).ok());
    prop::option::of((code, "\\PC{0,140}"))
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        frame().prop_map(Call::Start),
        frame().prop_map(Call::Receive),
        frame().prop_map(Call::Fail),
        Just(Call::Written),
    ]
}

/// What RFC 6455 says about a connection on which `calls` were made, in this order.
struct Expected<'a> {
    /// The first call that is not `Written` speaks our one Close (5.5.1, 7.1.5).
    spoken: Option<usize>,
    /// The first Close received, unless we had failed before (1.4, 7.1.7).
    received: Option<&'a Frame>,
    /// The failure, unless a Close had been received before.
    failure: Option<&'a Frame>,
    written: bool,
}

impl<'a> Expected<'a> {
    fn after(calls: &'a [Call]) -> Self {
        let spoken = calls.iter().position(|call| !matches!(call, Call::Written));
        let decisive = calls.iter().find(|call| matches!(call, Call::Receive(_) | Call::Fail(_)));
        Self {
            spoken,
            received: decisive.and_then(|call| if let Call::Receive(frame) = call { Some(frame) } else { None }),
            failure: decisive.and_then(|call| if let Call::Fail(frame) = call { Some(frame) } else { None }),
            written: spoken.is_some_and(|at| calls[at..].iter().any(|call| matches!(call, Call::Written))),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn agrees_with_the_rules(client: bool, calls in prop::collection::vec(call(), 0..12)) {
        let (local, peer) = if client { (Role::Client, Role::Server) } else { (Role::Server, Role::Client) };
        let mut closing = ClosingHandshake::new(local);
        for (at, call) in calls.iter().enumerate() {
            let handed_out = match call {
                Call::Start(frame) => closing.start(borrow(frame)),
                Call::Receive(frame) => closing.receive(borrow(frame)),
                Call::Fail(frame) => closing.fail(borrow(frame)),
                Call::Written => { closing.written(); None }
            };
            let expected = Expected::after(&calls[..=at]);

            // Our Close: as it was asked for, or the code of the Close that it answers.
            let spoken = expected.spoken.map(|at| match &calls[at] {
                Call::Start(frame) | Call::Fail(frame) => (local, borrow(frame)),
                Call::Receive(Some((code, _))) => (peer, CloseFrame::from_code(*code)),
                Call::Receive(None) | Call::Written => (peer, CloseFrame::EMPTY),
            });
            let close = spoken.map(|(_, frame)| frame);
            prop_assert_eq!(handed_out, if expected.spoken == Some(at) { close } else { None });
            prop_assert_eq!(closing.sent(), close);
            prop_assert_eq!(closing.initiator(), spoken.map(|(first, _)| first));
            prop_assert_eq!(closing.was_written(), expected.written);
            prop_assert_eq!(closing.received(), expected.received.map(borrow));
            prop_assert_eq!(closing.failed(), expected.failure.is_some());
            prop_assert_eq!(closing.failure(), expected.failure.and_then(|frame| frame.as_ref().map(|(code, _)| *code)));

            // What may still be sent, and who ends the transport.
            let (received, failed, written) = (expected.received.is_some(), expected.failure.is_some(), expected.written);
            prop_assert_eq!(closing.answer_owed(), received && !written);
            prop_assert_eq!(closing.pongs_due(), !received && !failed);
            let answering = spoken.is_some_and(|(first, _)| first == peer);
            prop_assert_eq!(closing.may_send_data(), spoken.is_none() || (answering && !written));
            let transport = match (failed, received && written, client) {
                (true, ..) | (false, true, false) => Transport::End,
                (false, true, true) => Transport::AwaitEnd,
                (false, false, _) => Transport::Keep,
            };
            prop_assert_eq!(closing.transport(), transport);

            // The end, were it to come now.
            let event = closing.clone().finish();
            let code = expected.received.map_or(1006, |frame| frame.as_ref().map_or(1005, |(code, _)| code.get()));
            prop_assert_eq!(event.code(), code);
            prop_assert_eq!(event.reason(), expected.received.map_or("", |frame| borrow(frame).reason()));
            prop_assert_eq!(event.was_clean(), received && written);
        }
    }
}

//! Every sequence of six calls, through `ClosingState`, through `ClosingHandshake` and through the first edition of the
//! same machine, which is the oracle. After each call all verdicts are compared. And the states that are reached are
//! those in the diagram of `ClosingState`, no more and no less.
//!
//! `cargo test --test sequences -- --nocapture` prints how many sequences and states there are.
#![allow(clippy::unwrap_used)]

#[path = "common/first_edition.rs"]
mod first_edition;

use std::collections::{BTreeSet, HashMap};

use first_edition::FirstEdition;
use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, ClosingState, Role, TransportAction, wire};

const DEPTH: usize = 6;

/// The codes with which each call is made, none among them: no two calls share a code, so that a mix-up shows.
const STARTS: [Option<u16>; 2] = [None, Some(1000)];
const RECEIVES: [Option<u16>; 2] = [None, Some(4001)];
const FAILS: [Option<u16>; 2] = [None, Some(1011)];
const ANSWERS: [Option<u16>; 2] = [None, Some(1008)];
/// The codes with which the two faults are answered.
const REJECTS: [Option<u16>; 2] = [Some(1002), Some(1007)];

fn faults() -> [wire::Error; 2] {
    let bad_utf8 = CloseFrame::from_payload(b"\x03\xe8\xff").unwrap_err();
    [wire::Error::Fragmented, wire::Error::Payload(bad_utf8)]
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Start(CloseFrame<'static>),
    Receive(CloseFrame<'static>),
    Fail(CloseFrame<'static>),
    AnswerWith(CloseFrame<'static>),
    /// Fails for this fault, with the Close that answers it.
    Reject(wire::Error, CloseFrame<'static>),
    MarkWritten,
}

fn calls() -> Vec<Call> {
    let frame =
        |code: Option<u16>, reason| code.map_or(CloseFrame::EMPTY, |code| CloseFrame::from_static(code, reason));
    let mut calls = vec![Call::MarkWritten];
    calls.extend(STARTS.map(|code| Call::Start(frame(code, "ours"))));
    calls.extend(RECEIVES.map(|code| Call::Receive(frame(code, "theirs"))));
    calls.extend(FAILS.map(|code| Call::Fail(frame(code, "broken"))));
    calls.extend(ANSWERS.map(|code| Call::AnswerWith(frame(code, "answer"))));
    calls.extend(faults().into_iter().zip(REJECTS).map(|(fault, code)| Call::Reject(fault, frame(code, ""))));
    calls
}

/// The three machines on which the same calls were made.
#[derive(Clone)]
struct Step {
    state: ClosingState,
    closing: ClosingHandshake,
    oracle: FirstEdition,
    /// Noted: the peer's fault, when a `reject` made the oracle fail.
    fault: Option<wire::Error>,
    /// Noted: the connection failed before any Close.
    failed_first: bool,
}

impl Step {
    fn start(local: Role) -> Self {
        Self {
            state: ClosingState::new(local),
            closing: ClosingHandshake::new(local),
            oracle: FirstEdition::new(local),
            fault: None,
            failed_first: false,
        }
    }

    /// Makes the call on all three, and compares the Close to write.
    fn make(&mut self, call: Call) {
        let Self { state, closing, oracle, fault, failed_first } = self;
        *failed_first |= state.is_open() && matches!(call, Call::Fail(_) | Call::Reject(..));
        let mut decoded = closing.clone();
        let (of_state, of_closing, expected) = match call {
            Call::Start(frame) => (state.start(frame), closing.start(frame), oracle.start(frame)),
            Call::Receive(frame) => (state.receive(frame), closing.receive(frame), oracle.receive(frame)),
            Call::Fail(frame) => (state.fail(frame), closing.fail(frame), oracle.fail(frame)),
            Call::AnswerWith(frame) => {
                (state.answer_with(frame), closing.answer_with(frame), oracle.answer_with(frame))
            }
            Call::Reject(error, reply) => {
                let had_failed = oracle.failed();
                let expected = oracle.fail(reply);
                if oracle.failed() && !had_failed {
                    *fault = Some(error);
                }
                (state.fail(reply), closing.reject(error), expected)
            }
            Call::MarkWritten => {
                state.mark_written();
                closing.mark_written();
                oracle.written();
                (None, None, None)
            }
        };
        assert_eq!(of_state, expected);
        assert_eq!(of_closing, expected);
        // `receive` and `reject` in one.
        let of_decoded = match call {
            Call::Receive(frame) => decoded.receive_or_reject(Ok::<_, wire::Error>(frame)),
            Call::Reject(error, _) => decoded.receive_or_reject(Err(error)),
            _ => return,
        };
        assert_eq!(of_decoded, expected);
        assert_eq!(decoded, *closing);
    }

    /// Compares every verdict.
    fn compare(&self) {
        let Self { state, closing, oracle, fault, .. } = self;
        assert_eq!(**closing, *state);
        for state in [*state, **closing] {
            assert_eq!(state.is_open(), oracle.initiator().is_none());
            assert_eq!(state.may_send_data(), oracle.may_send_data());
            assert_eq!(state.is_receiving(), oracle.pongs_due());
            assert_eq!(state.transport(), oracle.transport());
            assert_eq!(state.closed_first(), oracle.initiator());
            assert_eq!(state.ours(), oracle.sent().map(without_reason));
            assert_eq!(state.theirs(), oracle.received().map(without_reason));
            assert_eq!(state.is_written(), oracle.was_written());
            assert_eq!(state.close_pending(), oracle.sent().is_some() && !oracle.was_written());
            assert!(state.close_pending() || !oracle.answer_owed());
            assert_eq!(state.is_failed(), oracle.failed());
            let failure = oracle.failed().then(|| oracle.failure().map_or(CloseFrame::EMPTY, CloseFrame::from_code));
            assert_eq!(state.failure(), failure);
            assert_eq!(state.is_clean(), oracle.received().is_some() && oracle.was_written());
        }
        assert_eq!(closing.theirs(), oracle.received());
        assert_eq!(closing.fault(), *fault);
        let (event, expected) = (closing.event(), oracle.finish());
        assert_eq!(
            (event.code(), event.reason(), event.was_clean()),
            (expected.code(), expected.reason(), expected.was_clean())
        );
    }
}

fn without_reason(frame: CloseFrame<'_>) -> CloseFrame<'static> {
    frame.code().map_or(CloseFrame::EMPTY, CloseFrame::from_code)
}

/// All that a state can tell, as numbers, with 1005 for a Close without a code: is it the server, who was first, our
/// code, their code, the code of the failure, and is ours written. And whether the connection failed before any Close:
/// a state tells that in its line only, because `ours` and `failure` may have the same code in both cases.
type Told = (bool, Option<bool>, Option<u16>, Option<u16>, Option<u16>, bool, bool);

impl Step {
    fn told(&self) -> Told {
        let code = |frame: Option<CloseFrame<'_>>| frame.map(|frame| frame.code().map_or(1005, CloseCode::get));
        let is_server = |role| role == Role::Server;
        let state = self.state;
        (
            is_server(state.local()),
            state.closed_first().map(is_server),
            code(state.ours()),
            code(state.theirs()),
            code(state.failure()),
            state.is_written(),
            self.failed_first,
        )
    }
}

/// Goes on with every call from here, and compares after each. Returns how many sequences that is.
fn walk(calls: &[Call], step: &Step, depth: usize, seen: &mut HashMap<ClosingState, Told>) -> usize {
    step.compare();
    assert_eq!(*seen.entry(step.state).or_insert_with(|| step.told()), step.told(), "a state is two states");
    if depth == DEPTH {
        return 1;
    }
    let mut sequences = 0;
    for call in calls {
        let mut next = step.clone();
        next.make(*call);
        sequences += walk(calls, &next, depth + 1, seen);
    }
    sequences
}

#[test]
fn every_sequence_of_six_calls() {
    let calls = calls();
    let mut seen = HashMap::new();
    let mut sequences = 0;
    for local in [Role::Client, Role::Server] {
        sequences += walk(&calls, &Step::start(local), 0, &mut seen);
    }
    println!("{sequences} sequences of {DEPTH} calls, {} states", seen.len());
    assert_eq!(sequences, 2 * calls.len().pow(u32::try_from(DEPTH).unwrap()));

    // No two states tell the same, so they can be compared by what they tell.
    let reached: BTreeSet<Told> = seen.values().copied().collect();
    assert_eq!(reached.len(), seen.len());
    let shown: BTreeSet<Told> = [false, true].into_iter().flat_map(shown_in_the_diagram).collect();
    assert_eq!(reached, shown);
    // One is open. Answering: 2 answers to an empty Close and 3 to one with a code (that code, or an answer of our
    // own), each written or not. Started: 2 Closes, each written or not, with no outcome, 2 answers, or 4 failures.
    // Failed: 4 Closes, each written or not.
    assert_eq!(shown.len(), 2 * (1 + 5 * 2 + 4 * (1 + 2 + 4) + 4 * 2));
}

/// The states in the diagram of `ClosingState`, phase by phase, with all codes of this test.
fn shown_in_the_diagram(server: bool) -> Vec<Told> {
    let codes = |codes: &[Option<u16>]| codes.iter().map(|code| code.unwrap_or(1005)).collect::<BTreeSet<u16>>();
    let failures = codes(&[FAILS.as_slice(), &REJECTS].concat());
    let (us, peer) = (Some(server), Some(!server));

    // OPEN
    let mut states = vec![(server, None, None, None, None, false, false)];
    for written in [false, true] {
        // ANSWERING, and both are written: the echo, or an answer of our own
        for theirs in codes(&RECEIVES) {
            for ours in codes(&ANSWERS).into_iter().chain([theirs]) {
                states.push((server, peer, Some(ours), Some(theirs), None, written, false));
            }
        }
        for ours in codes(&STARTS) {
            // STARTED
            states.push((server, us, Some(ours), None, None, written, false));
            // STARTED, then answered
            for theirs in codes(&RECEIVES) {
                states.push((server, us, Some(ours), Some(theirs), None, written, false));
            }
            // STARTED, then failed: nothing more is sent
            for failure in &failures {
                states.push((server, us, Some(ours), None, Some(*failure), written, false));
            }
        }
        // FAILED
        for failure in &failures {
            states.push((server, us, Some(*failure), None, Some(*failure), written, true));
        }
    }
    states
}

/// The table beside the diagram of `ClosingState`: whether data may be sent, whether what comes counts, and what to do
/// with the transport.
#[test]
fn the_table_beside_the_diagram() {
    let (keep, end) = (TransportAction::Keep, TransportAction::End);
    let close = CloseFrame::from_static(1000, "");
    let (start, receive, fail, write) =
        (Call::Start(close), Call::Receive(close), Call::Fail(close), Call::MarkWritten);
    for (local, both_written) in [(Role::Client, TransportAction::AwaitEnd), (Role::Server, end)] {
        let row = |calls: &[Call]| {
            let mut step = Step::start(local);
            for call in calls {
                step.make(*call);
            }
            (step.state.may_send_data(), step.state.is_receiving(), step.state.transport())
        };
        // OPEN
        assert_eq!(row(&[]), (true, true, keep));
        // STARTED
        assert_eq!(row(&[start]), (false, true, keep));
        assert_eq!(row(&[start, write]), (false, true, keep));
        // ANSWERING
        assert_eq!(row(&[receive]), (true, false, keep));
        // answered, while our Close, which was first, is not yet written
        assert_eq!(row(&[start, receive]), (false, false, keep));
        // both are written
        assert_eq!(row(&[receive, write]), (false, false, both_written));
        assert_eq!(row(&[start, write, receive]), (false, false, both_written));
        assert_eq!(row(&[start, receive, write]), (false, false, both_written));
        // FAILED
        for calls in [&[fail][..], &[fail, write], &[start, fail], &[start, write, fail], &[start, fail, write]] {
            assert_eq!(row(calls), (false, false, end));
        }
    }
}

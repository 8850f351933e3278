//! Makes every sequence of six calls on a `ClosingState`, on a `ClosingHandshake`, and on the first edition of the same
//! machine, which is the oracle. After each call all answers are compared. The states that are reached must be exactly
//! those in the diagram of `ClosingState`.
//!
//! `cargo test --test sequences -- --nocapture` prints how many sequences and states there are.
#![allow(clippy::unwrap_used)]

#[path = "common/first_edition.rs"]
mod first_edition;

use std::collections::{BTreeSet, HashMap};

use first_edition::FirstEdition;
use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, ClosingState, Role, TransportAction, wire};

const DEPTH: usize = 6;

/// The codes for each call, with and without one. No two calls share a code, so that a mix-up shows.
const STARTS: [Option<u16>; 2] = [None, Some(1000)];
const RECEIVES: [Option<u16>; 2] = [None, Some(4001)];
const FAILS: [Option<u16>; 2] = [None, Some(1011)];
const ANSWERS: [Option<u16>; 2] = [None, Some(1008)];
/// The codes that answer the two faults.
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
    /// Rejects this fault. The Close answers it.
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

/// The three machines after the same calls.
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

    /// Makes the call on all three machines, and compares the Closes that they return.
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
        // `receive_or_reject` must do the same.
        let of_decoded = match call {
            Call::Receive(frame) => decoded.receive_or_reject(Ok::<_, wire::Error>(frame)),
            Call::Reject(error, _) => decoded.receive_or_reject(Err(error)),
            _ => return,
        };
        assert_eq!(of_decoded, expected);
        assert_eq!(decoded, *closing);
    }

    /// Compares every answer.
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

/// All that a state tells: whether we are the server, whether the server closed first, our code, their code, the code
/// of the failure, whether our Close is written, and whether the connection failed before any Close. 1005 is a Close
/// without a code. A state tells the last fact only in its line, because `ours` and `failure` may have the same code in
/// both cases.
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

/// Makes every call from here on, and compares after each. Returns the number of sequences.
fn walk(calls: &[Call], step: &Step, depth: usize, seen: &mut HashMap<ClosingState, Told>) -> usize {
    step.compare();
    assert_eq!(*seen.entry(step.state).or_insert_with(|| step.told()), step.told(), "equal states differ");
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
fn every_sequence_of_six_calls_agrees_with_the_first_edition() {
    let calls = calls();
    let mut seen = HashMap::new();
    let mut sequences = 0;
    for local in [Role::Client, Role::Server] {
        sequences += walk(&calls, &Step::start(local), 0, &mut seen);
    }
    println!("{sequences} sequences of {DEPTH} calls, {} states", seen.len());
    assert_eq!(sequences, 2 * calls.len().pow(u32::try_from(DEPTH).unwrap()));

    // No two states tell the same facts, so the facts can be compared in their place.
    let reached: BTreeSet<Told> = seen.values().copied().collect();
    assert_eq!(reached.len(), seen.len());
    let shown: BTreeSet<Told> = [false, true].into_iter().flat_map(shown_in_the_diagram).collect();
    assert_eq!(reached, shown);
    // For each role: 1 open state. Answering: 2 answers to an empty Close, and 3 to a Close with a code (its echo, or
    // an answer of our own), each written or not. Started: 2 Closes, each written or not, without an outcome or with 2
    // answers or 4 failures. Failed: 4 Closes, each written or not.
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
        // ANSWERING, written or not: the echo, or an answer of our own
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

/// The table tells whether data may be sent, whether incoming frames count, and what to do with the transport.
#[test]
fn the_table_beside_the_diagram_is_true() {
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
        // STARTED and answered, but our Close is not written yet
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

//! The rules of the closing handshake. Each test quotes the words of RFC 6455 that it checks, with their section.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use websocket_close::{
    Awaited, CloseCode, CloseEvent, CloseFrame, ClosingHandshake, ClosingState, DecodeError, Loss, Role,
    TransportAction, TransportEnd, wire,
};

const BOTH: [Role; 2] = [Role::Client, Role::Server];
const OURS: CloseFrame<'_> = CloseFrame::from_static(1000, "ours");
const THEIRS: CloseFrame<'_> = CloseFrame::from_static(4001, "theirs");
const PROTOCOL_ERROR: CloseFrame<'_> = CloseFrame::from_static(1002, "");
/// An answer of our own, with another code than theirs.
const ANSWER: CloseFrame<'_> = CloseFrame::from_static(1008, "no");

fn new(local: Role) -> ClosingHandshake {
    ClosingHandshake::new(local)
}

/// We have sent our Close, and nothing has come yet.
fn closing(local: Role) -> ClosingHandshake {
    let mut closing = new(local);
    assert_eq!(closing.start(OURS), Some(OURS));
    closing.mark_written();
    closing
}

/// The peer's Close has come. Our answer is not written yet.
fn unanswered(local: Role) -> ClosingHandshake {
    let mut closing = new(local);
    assert!(closing.receive(THEIRS).is_some());
    closing
}

/// Both have sent a Close.
fn done(local: Role) -> ClosingHandshake {
    let mut closing = unanswered(local);
    closing.mark_written();
    closing
}

fn failed(local: Role) -> ClosingHandshake {
    let mut closing = new(local);
    assert_eq!(closing.fail(PROTOCOL_ERROR), Some(PROTOCOL_ERROR));
    closing.mark_written();
    closing
}

/// A Close as `ours()` and `failure()` return it: they do not keep the reason.
fn without_reason(frame: CloseFrame<'_>) -> CloseFrame<'static> {
    frame.code().map_or(CloseFrame::EMPTY, CloseFrame::from_code)
}

fn facts(event: &CloseEvent) -> (u16, &str, bool) {
    (event.code(), event.reason(), event.was_clean())
}

const ABNORMAL: (u16, &str, bool) = (1006, "", false);

/// "Upon either sending or receiving a Close control frame, it is said that _The WebSocket Closing Handshake is
/// Started_". (7.1.3)
#[test]
fn a_close_sent_or_received_starts_the_handshake() {
    assert_eq!(new(Role::Client).closed_first(), None);
    assert_eq!(closing(Role::Client).closed_first(), Some(Role::Client));
    assert_eq!(closing(Role::Server).closed_first(), Some(Role::Server));
    assert_eq!(done(Role::Client).closed_first(), Some(Role::Server));
    assert_eq!(done(Role::Server).closed_first(), Some(Role::Client));
    assert_eq!(failed(Role::Client).closed_first(), Some(Role::Client));
}

/// "an endpoint MUST send a Close control frame, as described in Section 5.5.1, whose status code is set to /code/ and
/// whose close reason is set to /reason/." (7.1.2)
#[test]
fn start_returns_the_close_to_write() {
    for frame in [OURS, THEIRS, CloseFrame::EMPTY] {
        for local in BOTH {
            let mut closing = new(local);
            assert_eq!((closing.ours(), closing.is_written(), closing.close_pending()), (None, false, false));
            assert_eq!(closing.start(frame), Some(frame));
            let ours = Some(without_reason(frame));
            assert_eq!((closing.ours(), closing.is_written(), closing.close_pending()), (ours, false, true));
            closing.mark_written();
            assert_eq!((closing.ours(), closing.is_written(), closing.close_pending()), (ours, true, false));
        }
    }
}

/// The role decides who ends the transport. (7.1.1)
#[test]
fn a_handshake_knows_our_role() {
    for local in BOTH {
        for closing in [new(local), closing(local), unanswered(local), done(local), failed(local)] {
            assert_eq!(closing.local(), local);
        }
    }
    assert_eq!((Role::Client.peer(), Role::Server.peer()), (Role::Server, Role::Client));
}

/// With the first Close, sent or received, "the WebSocket connection is in the CLOSING state". (7.1.3) A failure does
/// the same.
#[test]
fn a_connection_is_open_until_the_first_close() {
    for local in BOTH {
        assert!(new(local).is_open());
        for closing in [closing(local), unanswered(local), done(local), failed(local)] {
            assert!(!closing.is_open());
        }
    }
}

/// "The application MUST NOT send any more data frames after sending a Close frame." Control frames are not data.
/// (5.5.1)
#[test]
fn no_data_after_our_close() {
    for local in BOTH {
        assert!(new(local).may_send_data());
        let mut starting = new(local);
        let _close = starting.start(OURS);
        assert!(!starting.may_send_data(), "the queued Close already stops data");
        assert!(!closing(local).may_send_data());
        assert!(!done(local).may_send_data());
        assert!(!failed(local).may_send_data());
        assert!(closing(local).is_receiving(), "a pong is a control frame");
    }
}

/// "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint MUST send a Close
/// frame in response." "An endpoint MAY delay sending a Close frame until its current message is sent" (5.5.1)
#[test]
fn an_answer_is_due_and_may_wait_for_the_current_message() {
    for local in BOTH {
        assert!(!new(local).close_pending() && !closing(local).close_pending(), "there is nothing to answer");
        let mut closing = unanswered(local);
        assert!(closing.close_pending() && closing.may_send_data());
        assert_eq!(closing.transport(), TransportAction::Keep, "the answer is still to be written");
        closing.mark_written();
        assert!(!closing.close_pending() && !closing.may_send_data());
    }
}

/// "When sending a Close frame in response, the endpoint typically echos the status code it received." (5.5.1)
#[test]
fn an_answer_has_the_peers_code_and_no_reason() {
    for code in (1000..=1003).chain(1007..=1014).chain(3000..=4999) {
        let theirs = CloseFrame::new(CloseCode::new(code).unwrap(), "why").unwrap();
        let answer = new(Role::Server).receive(theirs).unwrap();
        assert_eq!((answer.code().unwrap().get(), answer.reason()), (code, ""));
    }
}

/// An endpoint "typically" echos the code (5.5.1), so it may also answer with another Close, until the answer is
/// written.
#[test]
fn an_answer_of_our_own_replaces_the_echo_until_it_is_written() {
    for local in BOTH {
        for answer in [ANSWER, CloseFrame::EMPTY] {
            let mut closing = unanswered(local);
            assert_eq!(closing.answer_with(answer), Some(answer));
            assert_eq!(closing.ours(), Some(without_reason(answer)));
            assert!(closing.close_pending(), "the answer is not written yet");
            // It changes our Close and nothing else.
            assert_eq!(closing.theirs(), Some(THEIRS));
            assert_eq!(closing.closed_first(), Some(local.peer()));
            assert!(closing.may_send_data() && !closing.is_receiving() && !closing.is_failed());
            assert_eq!(closing.answer_with(OURS), Some(OURS), "a second time, because the answer is not written yet");
            closing.mark_written();
            assert_eq!(closing.ours(), Some(without_reason(OURS)));
            assert_eq!(facts(&closing.event()), (4001, "theirs", true), "the event has their code and reason");

            let written = closing.clone();
            assert_eq!(closing.answer_with(answer), None, "the answer is written");
            assert_eq!(closing, written);
        }
        // If no answer is due, there is nothing to replace.
        let mut starting = new(local);
        let _close = starting.start(OURS);
        let mut crossed = starting.clone();
        let _none = crossed.receive(THEIRS);
        for before in [new(local), starting, crossed, closing(local), failed(local)] {
            let mut closing = before.clone();
            assert_eq!(closing.answer_with(ANSWER), None);
            assert_eq!(closing, before);
        }
    }
}

/// 1005 "MUST NOT be set as a status code in a Close control frame", so an empty Close gets an empty answer. (7.4.1)
#[test]
fn an_empty_close_gets_an_empty_answer() {
    for local in BOTH {
        let mut closing = new(local);
        assert_eq!(closing.receive(CloseFrame::EMPTY), Some(CloseFrame::EMPTY));
        closing.mark_written();
        assert_eq!(facts(&closing.event()), (1005, "", true));
    }
}

/// "after receiving a control frame indicating the connection should be closed, a peer discards any further data
/// received." (1.4)
#[test]
fn everything_after_the_peers_close_is_discarded() {
    for local in BOTH {
        for before in [unanswered(local), done(local)] {
            let mut closing = before.clone();
            assert_eq!(closing.receive(CloseFrame::from_static(1001, "again")), None);
            assert_eq!(closing.fail(PROTOCOL_ERROR), None);
            assert_eq!(closing.reject(wire::Error::Fragmented), None);
            assert_eq!(closing.fault(), None);
            assert_eq!(closing, before);
        }
    }
}

/// "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it already received a Close
/// frame." (5.5.2)
#[test]
fn frames_count_until_the_peers_close() {
    for local in BOTH {
        assert!(new(local).is_receiving() && closing(local).is_receiving());
        assert!(!unanswered(local).is_receiving() && !done(local).is_receiving());
        assert!(!failed(local).is_receiving(), "nothing is processed after failing (7.1.7)");
    }
}

/// The peer may send data between our Close and its own, and the data counts. But we must not expect that a peer reads
/// data after its Close: "there is no guarantee that the endpoint that has already sent a Close frame will continue to
/// process data". (5.5.1)
#[test]
fn the_peers_data_counts_after_our_close() {
    for local in BOTH {
        assert_eq!(closing(local).transport(), TransportAction::Keep, "we go on reading");
        assert!(closing(local).is_receiving() && !closing(local).is_failed());
    }
}

/// "If a client and server both send a Close message at the same time, both endpoints will have sent and received a
/// Close message" (5.5.1), "and will not send further Close frames". (7.1.5)
#[test]
fn closes_that_cross_answer_each_other() {
    for local in BOTH {
        let mut closing = closing(local);
        assert_eq!(closing.receive(THEIRS), None);
        assert_eq!(closing.start(OURS), None);
        assert!(!closing.close_pending());
        assert_eq!(closing.ours(), Some(without_reason(OURS)));
        assert_eq!(closing.closed_first(), Some(local), "each end sees its own first");
        assert_eq!(facts(&closing.event()), (4001, "theirs", true));

        let mut unwritten = new(local);
        let _close = unwritten.start(OURS);
        assert_eq!(unwritten.receive(THEIRS), None);
        assert!(unwritten.close_pending(), "our Close is the answer, and is not written yet");
        assert!(!unwritten.may_send_data(), "data may go out before an answer, but not after a Close of our own");
        assert_eq!(unwritten.transport(), TransportAction::Keep);
        assert_eq!(unwritten.start(OURS), None);
    }
}

/// "The server MUST close the underlying TCP connection immediately; the client SHOULD wait for the server to close the
/// connection". (5.5.1) The transport "SHOULD be closed first by the server". (7.1.1)
#[test]
fn the_server_ends_the_transport_and_the_client_waits() {
    for local in BOTH {
        assert_eq!(new(local).transport(), TransportAction::Keep);
        assert_eq!(closing(local).transport(), TransportAction::Keep, "theirs is still to come");
        assert_eq!(unanswered(local).transport(), TransportAction::Keep, "ours is still to be written");
    }
    let answered = |local| {
        let mut closing = closing(local);
        let _none = closing.receive(THEIRS);
        closing
    };
    for (local, action) in [(Role::Server, TransportAction::End), (Role::Client, TransportAction::AwaitEnd)] {
        assert_eq!(answered(local).transport(), action);
        assert_eq!(done(local).transport(), action);
    }
}

/// "When the underlying TCP connection is closed, it is said that _The WebSocket Connection is Closed_" (7.1.4). The
/// ending keeps what the handshake knew. The event is also there before the end.
#[test]
fn an_ending_keeps_the_handshake_and_its_event() {
    for local in BOTH {
        for closing in [new(local), closing(local), unanswered(local), done(local), failed(local)] {
            let event = closing.event();
            assert_eq!(closing.event(), event, "`event` changes nothing");
            let ending = closing.clone().into_ending(TransportEnd::NotKnown);
            assert_eq!(ending.event(), event);
            assert_eq!(*ending.closing(), closing);
            assert_eq!(ending.transport_end(), TransportEnd::NotKnown);
        }
    }
}

/// "If the TCP connection was closed after the WebSocket closing handshake was completed, the WebSocket connection is
/// said to have been closed _cleanly_", whatever the code. (7.1.4)
#[test]
fn clean_means_that_both_closes_are_done() {
    for local in BOTH {
        for (closing, clean) in [
            (new(local), false),
            (closing(local), false),
            (unanswered(local), false),
            (done(local), true),
            (failed(local), false),
        ] {
            assert_eq!((closing.is_clean(), closing.event().was_clean()), (clean, clean));
        }
        let mut closing = closing(local);
        let _none = closing.receive(CloseFrame::from_static(1011, ""));
        assert_eq!(facts(&closing.event()), (1011, "", true));
        // A call of `mark_written` before there is a Close does not count.
        let mut early = new(local);
        early.mark_written();
        assert!(!early.is_written());
        let _answer = early.receive(THEIRS);
        assert!(!early.event().was_clean());
    }
}

/// "_The WebSocket Connection Close Code_ is defined as the status code contained in the first Close control frame
/// received". "If this Close control frame contains no status code", it is 1005; if "no Close control frame was
/// received", 1006. It is never ours. (7.1.5)
#[test]
fn the_event_has_the_code_of_the_peer() {
    let code = |theirs: &[CloseFrame<'_>]| {
        let mut closing = closing(Role::Client);
        for frame in theirs {
            assert_eq!(closing.receive(*frame), None);
        }
        closing.event().code()
    };
    assert_eq!(code(&[THEIRS]), 4001);
    assert_eq!(code(&[THEIRS, CloseFrame::from_static(1001, "")]), 4001);
    assert_eq!(code(&[CloseFrame::EMPTY, THEIRS]), 1005);
    assert_eq!(code(&[]), 1006);
}

/// "_The WebSocket Connection Close Reason_ is defined as the UTF-8-encoded data following the status code contained in
/// the first Close control frame received", or it "is the empty string". (7.1.6)
#[test]
fn the_event_has_the_reason_of_the_peer() {
    for reason in ["", "why", "\u{feff}kept as it is\0"] {
        let mut closing = closing(Role::Server);
        let _none = closing.receive(CloseFrame::new(CloseCode::GOING_AWAY, reason).unwrap());
        let _none = closing.receive(THEIRS);
        assert_eq!(closing.theirs().unwrap().reason(), reason);
        assert_eq!(closing.event().reason(), reason);
    }
    assert_eq!(closing(Role::Server).event().reason(), "");
}

/// Their Close came, but our answer was not written. The event has their code, not 1006, and is not clean. (7.1.4,
/// 7.1.5)
#[test]
fn the_peers_code_counts_even_if_our_answer_is_lost() {
    for local in BOTH {
        assert_eq!(facts(&unanswered(local).event()), (4001, "theirs", false));
    }
}

/// We closed with 1000 and the peer dropped the connection: "no Close control frame was received", so it is 1006.
/// (7.1.5)
#[test]
fn our_code_is_not_reported() {
    for local in BOTH {
        assert_eq!(facts(&closing(local).event()), ABNORMAL);
    }
}

/// A reset, or a deadline that passes, after "the WebSocket closing handshake was completed" does not make it unclean.
/// (7.1.4)
#[test]
fn the_way_the_transport_ends_does_not_change_the_event() {
    let cut = TransportEnd::Cut { awaited: Awaited::End, after: Duration::from_secs(10), discarded: Some(7) };
    for local in BOTH {
        for end in [TransportEnd::InOrder, TransportEnd::InsideFrame, TransportEnd::Lost(Loss::Reset), cut] {
            assert_eq!(facts(&done(local).into_ending(end).event()), (4001, "theirs", true));
            assert_eq!(facts(&unanswered(local).into_ending(end).event()), (4001, "theirs", false));
            assert_eq!(facts(&closing(local).into_ending(end).event()), ABNORMAL);
        }
    }
}

/// "the endpoint SHOULD send a Close frame with an appropriate status code before proceeding to _Close the WebSocket
/// Connection_", and "MUST NOT continue to attempt to process data (including a responding Close frame)". (7.1.7)
#[test]
fn after_failing_there_is_one_close_and_nothing_is_received() {
    for local in BOTH {
        for code in [1002, 1003, 1007, 1008, 1009, 1010, 1011] {
            let code = CloseCode::new(code).unwrap();
            let frame = CloseFrame::new(code, "what was wrong").unwrap();
            let mut closing = new(local);
            assert_eq!(closing.fail(frame), Some(frame));
            assert_eq!(closing.transport(), TransportAction::End, "the transport may be ended without the Close");
            closing.mark_written();
            let before = closing.clone();
            assert_eq!(closing.receive(THEIRS), None);
            assert_eq!(closing.start(OURS), None);
            assert_eq!(closing.fail(PROTOCOL_ERROR), None);
            assert_eq!(closing.reject(wire::Error::Masked), None);
            assert_eq!(closing, before);
            assert_eq!((closing.failure(), closing.theirs()), (Some(CloseFrame::from_code(code)), None));
            assert!(closing.is_failed());
            assert_eq!(facts(&closing.event()), ABNORMAL);
        }
        // A failure without a code is a failure, too.
        let mut closing = new(local);
        assert_eq!(closing.fail(CloseFrame::EMPTY), Some(CloseFrame::EMPTY));
        assert_eq!((closing.is_failed(), closing.failure()), (true, Some(CloseFrame::EMPTY)));
    }
}

/// A malformed Close does not count: "no Close control frame was received". Its fault is kept. (7.1.5, 7.1.7)
#[test]
fn a_malformed_close_does_not_count_and_its_fault_is_kept() {
    let malformed = |payload| wire::Error::Payload(CloseFrame::from_payload(payload).unwrap_err());
    for (error, code) in [
        (malformed(b"\x03"), 1002),
        (malformed(b"\x03\xed"), 1002),
        (malformed(b"\x03\xe8\xff"), 1007),
        (wire::Error::Fragmented, 1002),
        (DecodeError::TooLong(126).into(), 1002),
    ] {
        for local in BOTH {
            let mut closing = new(local);
            let close = closing.reject(error).unwrap();
            assert_eq!((close.code().unwrap().get(), close.reason()), (code, ""));
            assert_eq!((closing.ours(), closing.failure()), (Some(close), Some(close)));
            assert_eq!(closing.fault(), Some(error));
            closing.mark_written();
            assert_eq!(closing.theirs(), None);
            assert_eq!(closing.transport(), TransportAction::End);
            assert_eq!(facts(&closing.event()), ABNORMAL);

            // Only the first fault is kept, and none after a failure of ours.
            let _none = closing.reject(wire::Error::ReservedBits(7));
            assert_eq!(closing.fault(), Some(error));
            let mut ours = new(local);
            let _close = ours.fail(error.reply());
            assert_eq!(ours.reject(error), None);
            assert_eq!(ours.fault(), None, "the failure was ours");
        }
    }
}

/// A malformed Close that answers ours fails the connection, without a second Close. (5.5.1, 7.1.7)
#[test]
fn there_is_no_second_close_for_a_malformed_answer() {
    for local in BOTH {
        let mut closing = closing(local);
        assert_eq!(closing.reject(wire::Error::Unmasked), None);
        assert_eq!(closing.ours(), Some(without_reason(OURS)));
        assert_eq!(closing.failure(), Some(PROTOCOL_ERROR));
        assert_eq!(closing.fault(), Some(wire::Error::Unmasked));
        assert_eq!(closing.transport(), TransportAction::End);
        assert_eq!(closing.receive(THEIRS), None);
        assert_eq!(facts(&closing.event()), ABNORMAL);
    }
}

/// "If at any point the underlying transport layer connection is unexpectedly lost", or if it never opens. (7.2.1,
/// 7.1.4)
#[test]
fn the_transport_may_be_lost_at_any_time() {
    for local in BOTH {
        for end in [TransportEnd::NeverOpened, TransportEnd::Lost(Loss::Reset)] {
            assert_eq!(facts(&new(local).into_ending(end).event()), ABNORMAL);
            assert_eq!(facts(&closing(local).into_ending(end).event()), ABNORMAL);
            assert_eq!(facts(&unanswered(local).into_ending(end).event()), (4001, "theirs", false));
            assert_eq!(facts(&failed(local).into_ending(end).event()), ABNORMAL);
        }
    }
}

/// The line for the log says who closed first, with what code, whether our Close is written, and what came of it. This
/// test pins the words that carry these facts. The sentence around them may change.
#[test]
fn the_line_tells_who_closed_and_with_what() {
    type Calls = fn(&mut ClosingHandshake);
    let cases: [(Calls, &[&str], &[&str]); 9] = [
        (|_| {}, &["open"], &["closed", "failed", "written"]),
        (|c| _ = c.start(OURS), &["closed by us", "1000", "not written"], &["by the peer", "4001", "failed"]),
        (|c| _ = (c.start(OURS), c.mark_written()), &["closed by us", "1000", ", written"], &["not written"]),
        (
            |c| _ = (c.start(OURS), c.mark_written(), c.receive(THEIRS)),
            &["closed by us", "1000", ", written", "by the peer", "4001", "\"theirs\""],
            &["not written", "failed"],
        ),
        (
            |c| _ = (c.receive(THEIRS), c.answer_with(ANSWER)),
            &["closed by the peer", "4001", "\"theirs\"", "1008", "not written"],
            &["closed by us", "failed"],
        ),
        (|c| _ = (c.receive(THEIRS), c.mark_written()), &["closed by the peer", "4001", ", written"], &["not written"]),
        (
            |c| _ = (c.fail(PROTOCOL_ERROR), c.mark_written()),
            &["failed by us", "1002", ", written"],
            &["closed", "not written", "fault"],
        ),
        (
            |c| _ = (c.start(OURS), c.fail(PROTOCOL_ERROR)),
            &["closed by us", "1000", "not written", "failed", "1002"],
            &["by the peer", "fault"],
        ),
        (|c| _ = c.reject(wire::Error::Masked), &["failed", "1002", "the peer's fault", "masked"], &["closed"]),
    ];
    for (calls, told, not_told) in cases {
        let mut closing = new(Role::Client);
        calls(&mut closing);
        let line = closing.to_string();
        assert!(told.iter().all(|word| line.contains(word)), "{told:?}: {line}");
        assert!(!not_told.iter().any(|word| line.contains(word)), "{not_told:?}: {line}");
    }
}

/// The line of a `ClosingState` is the line of the handshake without the reason and the fault. Only the handshake keeps
/// these.
#[test]
fn the_line_of_a_state_has_only_the_codes() {
    let mut closing = new(Role::Client);
    let _answer = closing.receive(THEIRS);
    assert_eq!(closing.to_string().replace(" \"theirs\"", ""), ClosingState::to_string(&closing));
    let mut closing = new(Role::Client);
    let _close = closing.reject(wire::Error::Masked);
    assert!(closing.to_string().starts_with(&ClosingState::to_string(&closing)));
}

/// The values have no heap, so this is all that a connection pays for them.
#[test]
fn handshakes_and_events_have_these_sizes() {
    let sizes = (size_of::<ClosingState>(), size_of::<ClosingHandshake>(), size_of::<CloseEvent>());
    println!("ClosingState: {} bytes, ClosingHandshake: {} bytes, CloseEvent: {} bytes", sizes.0, sizes.1, sizes.2);
    assert_eq!(sizes, (10, 152, 132));
}

/// A stack that decodes frames itself hands over the parts, or the error that they have.
#[test]
fn receive_or_reject_takes_parts_or_their_error() {
    let long = "a".repeat(124);
    for (code, reason, answer) in [(4001, "bye", 4001), (1016, "bye", 1002), (1005, "", 1002), (1000, &*long, 1002)] {
        let mut closing = ClosingHandshake::new(Role::Server);
        let reply = closing.receive_or_reject(CloseFrame::from_parts(code, reason));
        assert_eq!(reply.unwrap().code().unwrap(), answer);
        assert_eq!(closing.is_failed(), code != answer);
        let fault = match (code, reason.len()) {
            (4001, _) => None,
            (_, 124) => Some(DecodeError::TooLong(126)),
            _ => Some(DecodeError::InvalidCode(CloseCode::new(code).unwrap_err())),
        };
        assert_eq!(closing.fault(), fault.map(Into::into));
    }
}

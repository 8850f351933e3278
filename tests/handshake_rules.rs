//! The rules of the closing handshake, one test each, by the numbers that the comments in `handshake.rs` cite.
#![allow(clippy::unwrap_used)]

use websocket_close::{CloseCode, CloseEvent, CloseFrame, ClosingHandshake, Role, Transport};

const BOTH: [Role; 2] = [Role::Client, Role::Server];
const OURS: CloseFrame<'_> = CloseFrame::from_static(1000, "ours");
const THEIRS: CloseFrame<'_> = CloseFrame::from_static(4001, "theirs");
const PROTOCOL_ERROR: CloseFrame<'_> = CloseFrame::from_static(1002, "");

/// Rules that bind whoever drives the machine, or that are a policy it has no part in, and what it contributes.
const NOT_THE_MACHINES: [(u8, &str); 4] = [
    (
        36,
        "how a TCP connection is closed without losing bytes: the driver's, told in the documentation of `Transport::End`",
    ),
    (
        37,
        "no specification names a deadline: the machine has no clock, a driver calls `finish` when its own has passed",
    ),
    (47, "when to connect again: policy, told in the documentation of the codes 1012 and 1013"),
    (48, "when to close: the application's, `start` may be called at any time"),
];

fn new(local: Role) -> ClosingHandshake {
    ClosingHandshake::new(local)
}

/// We have sent our Close.
fn closing(local: Role) -> ClosingHandshake {
    let mut closing = new(local);
    assert_eq!(closing.start(OURS), Some(OURS));
    closing.written();
    closing
}

/// The peer's Close has come in, our answer is not yet written.
fn owing(local: Role) -> ClosingHandshake {
    let mut closing = new(local);
    assert!(closing.receive(THEIRS).is_some());
    closing
}

/// Both have sent a Close.
fn done(local: Role) -> ClosingHandshake {
    let mut closing = owing(local);
    closing.written();
    closing
}

fn failed(local: Role) -> ClosingHandshake {
    let mut closing = new(local);
    assert_eq!(closing.fail(PROTOCOL_ERROR), Some(PROTOCOL_ERROR));
    closing.written();
    closing
}

fn facts(event: &CloseEvent) -> (u16, &str, bool) {
    (event.code(), event.reason(), event.was_clean())
}

const ABNORMAL: (u16, &str, bool) = (1006, "", false);

/// "Upon either sending or receiving a Close control frame, it is said that the WebSocket Closing Handshake is Started." (7.1.3)
#[test]
fn rule_25_started_by_a_close_sent_or_received() {
    assert_eq!(new(Role::Client).initiator(), None);
    assert_eq!(closing(Role::Client).initiator(), Some(Role::Client));
    assert_eq!(closing(Role::Server).initiator(), Some(Role::Server));
    assert_eq!(done(Role::Client).initiator(), Some(Role::Server));
    assert_eq!(done(Role::Server).initiator(), Some(Role::Client));
    assert_eq!(failed(Role::Client).initiator(), Some(Role::Client));
}

/// To start the closing handshake an endpoint MUST send a Close, with a code and a reason if it likes. (7.1.2)
#[test]
fn rule_26_starting_hands_out_a_close() {
    for frame in [OURS, THEIRS, CloseFrame::EMPTY] {
        for local in BOTH {
            let mut closing = new(local);
            assert_eq!((closing.sent(), closing.was_written()), (None, false));
            assert_eq!(closing.start(frame), Some(frame));
            assert_eq!((closing.sent(), closing.was_written()), (Some(frame), false));
            closing.written();
            assert_eq!((closing.sent(), closing.was_written()), (Some(frame), true));
        }
    }
}

/// "The application MUST NOT send any more data frames after sending a Close frame." Control frames are not data. (5.5.1)
#[test]
fn rule_27_no_data_after_our_close() {
    for local in BOTH {
        assert!(new(local).may_send_data());
        let mut starting = new(local);
        let _close = starting.start(OURS);
        assert!(!starting.may_send_data(), "not even before the Close is written: it stands behind all queued data");
        assert!(!closing(local).may_send_data());
        assert!(!done(local).may_send_data());
        assert!(!failed(local).may_send_data());
        assert!(closing(local).pongs_due(), "a pong is a control frame");
    }
}

/// A Close that answers none is answered, as soon as practical, which may be after the message that is being sent. (5.5.1)
#[test]
fn rule_28_an_answer_is_owed_and_may_wait() {
    for local in BOTH {
        assert!(!new(local).answer_owed() && !closing(local).answer_owed(), "there is nothing to answer");
        let mut closing = owing(local);
        assert!(closing.answer_owed() && closing.may_send_data());
        assert_eq!(closing.transport(), Transport::Keep, "the answer is still to be written");
        closing.written();
        assert!(!closing.answer_owed() && !closing.may_send_data());
    }
}

/// "When sending a Close frame in response, the endpoint typically echos the status code it received." (5.5.1)
#[test]
fn rule_29_the_answer_has_their_code_and_no_reason() {
    for code in (1000..=1003).chain(1007..=1014).chain(3000..=4999) {
        let theirs = CloseFrame::new(CloseCode::new(code).unwrap(), "why").unwrap();
        let answer = new(Role::Server).receive(theirs).unwrap();
        assert_eq!((answer.code().unwrap().get(), answer.reason()), (code, ""));
    }
}

/// "1005 [...] MUST NOT be set as a status code in a Close control frame": an empty Close gets an empty answer. (7.4.1)
#[test]
fn rule_30_an_empty_close_gets_an_empty_answer() {
    for local in BOTH {
        let mut closing = new(local);
        assert_eq!(closing.receive(CloseFrame::EMPTY), Some(CloseFrame::EMPTY));
        closing.written();
        assert_eq!(facts(&closing.finish()), (1005, "", true));
    }
}

/// After a Close was received, "a peer discards any further data received": a second Close and garbage, too. (1.4)
#[test]
fn rule_31_what_follows_their_close_is_discarded() {
    for local in BOTH {
        for before in [owing(local), done(local)] {
            let mut closing = before.clone();
            assert_eq!(closing.receive(CloseFrame::from_static(1001, "again")), None);
            assert_eq!(closing.fail(PROTOCOL_ERROR), None);
            assert_eq!(closing, before);
        }
    }
}

/// A ping is answered with a pong, "unless it already received a Close frame". (5.5.2)
#[test]
fn rule_32_pongs_until_their_close() {
    for local in BOTH {
        assert!(new(local).pongs_due() && closing(local).pongs_due());
        assert!(!owing(local).pongs_due() && !done(local).pongs_due());
        assert!(!failed(local).pongs_due(), "nothing is processed after failing (7.1.7)");
    }
}

/// Data between our Close and theirs is no error; whether it is delivered nobody says, and the machine never sees it. (1.4)
#[test]
fn rule_33_data_may_come_after_our_close() {
    for local in BOTH {
        assert_eq!(closing(local).transport(), Transport::Keep, "it is read");
        assert!(!closing(local).failed());
    }
}

/// If both "send a Close message at the same time, both endpoints will have sent and received a Close message". (5.5.1, 7.1.5)
#[test]
fn rule_34_closes_that_cross_answer_each_other() {
    for local in BOTH {
        let mut closing = closing(local);
        assert_eq!(closing.receive(THEIRS), None);
        assert_eq!(closing.start(OURS), None);
        assert!(!closing.answer_owed());
        assert_eq!(closing.sent(), Some(OURS));
        assert_eq!(facts(&closing.finish()), (4001, "theirs", true));

        let mut unwritten = new(local);
        let _close = unwritten.start(OURS);
        assert_eq!(unwritten.receive(THEIRS), None);
        assert!(unwritten.answer_owed(), "ours is the answer, and not yet written");
        assert!(!unwritten.may_send_data(), "it is no answer that may wait");
        assert_eq!(unwritten.start(OURS), None);
    }
}

/// "The server MUST close the underlying TCP connection immediately; the client SHOULD wait for the server". (5.5.1, 7.1.1)
#[test]
fn rule_35_the_server_ends_the_transport() {
    for local in BOTH {
        assert_eq!(new(local).transport(), Transport::Keep);
        assert_eq!(closing(local).transport(), Transport::Keep, "theirs is still to come");
        assert_eq!(owing(local).transport(), Transport::Keep, "ours is still to be written");
    }
    let answered = |local| {
        let mut closing = closing(local);
        let _none = closing.receive(THEIRS);
        closing.transport()
    };
    assert_eq!((answered(Role::Server), done(Role::Server).transport()), (Transport::End, Transport::End));
    assert_eq!((answered(Role::Client), done(Role::Client).transport()), (Transport::AwaitEnd, Transport::AwaitEnd));
}

/// "When the underlying TCP connection is closed, [...] the WebSocket connection is in the CLOSED state": the event, once. (7.1.4)
#[test]
fn rule_38_the_event_ends_the_machine() {
    // By type: `finish` takes the machine, so that there is one event and no call after it.
    let finish: fn(ClosingHandshake) -> CloseEvent = ClosingHandshake::finish;
    for local in BOTH {
        for machine in [new(local), closing(local), owing(local), done(local), failed(local)] {
            let _event = finish(machine);
        }
    }
}

/// Closed cleanly is what was closed "after the WebSocket closing handshake was completed", whatever the code. (7.1.4)
#[test]
fn rule_39_clean_means_both_closes() {
    for local in BOTH {
        assert!(!new(local).finish().was_clean(), "never opened");
        assert!(!closing(local).finish().was_clean());
        assert!(!owing(local).finish().was_clean());
        assert!(done(local).finish().was_clean());
        assert!(!failed(local).finish().was_clean());
        let mut closing = closing(local);
        let _none = closing.receive(CloseFrame::from_static(1011, ""));
        assert_eq!(facts(&closing.finish()), (1011, "", true));
        // Clean must be earned: to say `written` too early does not help.
        let mut early = new(local);
        early.written();
        let _answer = early.receive(THEIRS);
        assert!(!early.finish().was_clean());
    }
}

/// The close code is that of the first Close received, 1005 if it has none, 1006 if there was none; never ours. (7.1.5)
#[test]
fn rule_40_the_code_is_theirs() {
    let code = |theirs: &[CloseFrame<'_>]| {
        let mut closing = closing(Role::Client);
        for frame in theirs {
            assert_eq!(closing.receive(*frame), None);
        }
        closing.finish().code()
    };
    assert_eq!(code(&[THEIRS]), 4001);
    assert_eq!(code(&[THEIRS, CloseFrame::from_static(1001, "")]), 4001);
    assert_eq!(code(&[CloseFrame::EMPTY, THEIRS]), 1005);
    assert_eq!(code(&[]), 1006);
}

/// The close reason is that of the first Close received, or empty. (7.1.6)
#[test]
fn rule_41_the_reason_is_theirs() {
    for reason in ["", "why", "\u{feff}kept as it is\0"] {
        let mut closing = closing(Role::Server);
        let _none = closing.receive(CloseFrame::new(CloseCode::GOING_AWAY, reason).unwrap());
        let _none = closing.receive(THEIRS);
        assert_eq!(closing.received().unwrap().reason(), reason);
        assert_eq!(closing.finish().reason(), reason);
    }
    assert_eq!(closing(Role::Server).finish().reason(), "");
}

/// Their Close came, our answer was not written: their code, not 1006, and not clean. (7.1.4, 7.1.5)
#[test]
fn rule_42a_their_code_and_our_answer_lost() {
    for local in BOTH {
        assert_eq!(facts(&owing(local).finish()), (4001, "theirs", false));
    }
}

/// We closed with 1000 and the peer dropped the connection: 1006, not clean. (7.1.5)
#[test]
fn rule_42b_our_code_is_not_reported() {
    for local in BOTH {
        assert_eq!(facts(&closing(local).finish()), ABNORMAL);
    }
}

/// A reset after the complete handshake is clean: the machine is not told how the transport went. (7.1.4)
#[test]
fn rule_42c_a_reset_after_both_closes_is_clean() {
    for local in BOTH {
        assert_eq!(facts(&done(local).finish()), (4001, "theirs", true));
    }
}

/// The server never ends the transport and the client's deadline passes: clean. (7.1.1, 7.1.4)
#[test]
fn rule_42d_a_time_out_after_both_closes_is_clean() {
    let closing = done(Role::Client);
    assert_eq!(closing.transport(), Transport::AwaitEnd);
    assert_eq!(facts(&closing.finish()), (4001, "theirs", true));
}

/// To fail is to end the transport, a Close with a fitting code first; after that nothing is processed, not even a Close. (7.1.7)
#[test]
fn rule_43_failing_sends_one_close_and_hears_nothing() {
    for local in BOTH {
        for code in [1002, 1003, 1007, 1008, 1009, 1010, 1011] {
            let code = CloseCode::new(code).unwrap();
            let frame = CloseFrame::new(code, "what was wrong").unwrap();
            let mut closing = new(local);
            assert_eq!(closing.fail(frame), Some(frame));
            assert_eq!(closing.transport(), Transport::End, "it may be left out, too");
            closing.written();
            let before = closing.clone();
            assert_eq!(
                (closing.receive(THEIRS), closing.start(OURS), closing.fail(PROTOCOL_ERROR)),
                (None, None, None)
            );
            assert_eq!(closing, before);
            assert_eq!((closing.failed(), closing.failure(), closing.received()), (true, Some(code), None));
            assert_eq!(facts(&closing.finish()), ABNORMAL);
        }
        // Without a code, too, it is a failure.
        let mut closing = new(local);
        assert_eq!(closing.fail(CloseFrame::EMPTY), Some(CloseFrame::EMPTY));
        assert_eq!((closing.failed(), closing.failure()), (true, None));
    }
}

/// A malformed Close is none: nothing was received, and the event is 1006. (7.1.5, 7.1.7)
#[test]
fn rule_44_a_malformed_close_is_not_received() {
    for (payload, code) in [(&b"\x03"[..], 1002), (b"\x03\xed", 1002), (b"\x03\xe8\xff", 1007)] {
        for local in BOTH {
            let mut closing = new(local);
            let reply = closing.fail(CloseFrame::from_payload(payload).unwrap_err().reply());
            assert_eq!(reply.and_then(CloseFrame::code).map(CloseCode::get), Some(code));
            closing.written();
            assert_eq!(closing.received(), None);
            assert_eq!(facts(&closing.finish()), ABNORMAL);
        }
    }
}

/// A malformed Close after ours: we fail without a second Close. (5.5.1, 7.1.7)
#[test]
fn rule_45_no_second_close_for_a_malformed_answer() {
    for local in BOTH {
        let mut closing = closing(local);
        assert_eq!(closing.fail(PROTOCOL_ERROR), None);
        assert_eq!(closing.sent(), Some(OURS));
        assert_eq!((closing.failed(), closing.failure()), (true, Some(CloseCode::PROTOCOL_ERROR)));
        assert_eq!(closing.transport(), Transport::End);
        assert_eq!(closing.receive(THEIRS), None);
        assert_eq!(facts(&closing.finish()), ABNORMAL);
    }
}

/// The transport may be lost at any time, or never open: `finish` there and then. (7.2.1, 7.2.2)
#[test]
fn rule_46_the_transport_may_be_lost_at_any_time() {
    for local in BOTH {
        assert_eq!(facts(&new(local).finish()), ABNORMAL);
        assert_eq!(facts(&closing(local).finish()), ABNORMAL);
        assert_eq!(facts(&owing(local).finish()), (4001, "theirs", false));
        assert_eq!(facts(&failed(local).finish()), ABNORMAL);
    }
}

/// `END_STREAM` or FIN is the orderly end, `CANCEL` or `H3_REQUEST_CANCELLED` the abrupt one (RFC 8441, 5; RFC 9220, 3): both are
/// `finish`, which takes nothing that could tell them apart, and the server ends the stream as it would end TCP.
#[test]
fn rule_49_streams_of_http_2_and_3_end_the_same_way() {
    assert_eq!(done(Role::Server).transport(), Transport::End);
    assert_eq!(done(Role::Client).transport(), Transport::AwaitEnd);
    for local in BOTH {
        assert_eq!(facts(&done(local).finish()), (4001, "theirs", true));
        assert_eq!(facts(&new(local).finish()), ABNORMAL);
    }
}

/// Each rule from 25 to 49 has a test above that is named after it, or stands in `NOT_THE_MACHINES` with the reason.
#[test]
fn every_rule_is_here() {
    let source = include_str!("handshake_rules.rs");
    for rule in 25..=49 {
        let tested = source.contains(&format!("\nfn rule_{rule}_")) || source.contains(&format!("\nfn rule_{rule}a_"));
        let listed = NOT_THE_MACHINES.iter().any(|(number, reason)| *number == rule && !reason.is_empty());
        assert!(tested != listed, "rule {rule}");
    }
    for part in ["42a", "42b", "42c", "42d"] {
        assert!(source.contains(&format!("\nfn rule_{part}_")), "rule {part}");
    }
}

/// One readable line says who closed first and with what, and what came of it.
#[test]
fn the_line_for_the_log() {
    let line = |change: &dyn Fn(&mut ClosingHandshake)| {
        let mut closing = new(Role::Client);
        change(&mut closing);
        closing.to_string()
    };
    let start = |closing: &mut ClosingHandshake| {
        let _close = closing.start(OURS);
    };
    let receive = |closing: &mut ClosingHandshake| {
        let _answer = closing.receive(THEIRS);
    };
    let fail = |closing: &mut ClosingHandshake| {
        let _close = closing.fail(PROTOCOL_ERROR);
    };
    #[rustfmt::skip]
    let cases: [(&str, String); 11] = [
        ("open", line(&|_| ())),
        (r#"closed by us with 1000 (normal closure) "ours", not written"#, line(&|c| start(c))),
        (r#"closed by us with 1000 (normal closure) "ours", written"#, line(&|c| { start(c); c.written(); })),
        (r#"closed by us with 1000 (normal closure) "ours", written; answered 4001 (private use) "theirs""#, line(&|c| { start(c); c.written(); receive(c); })),
        (r#"closed by the peer with 4001 (private use) "theirs"; our Close 4001 (private use) not written"#, line(&|c| receive(c))),
        (r#"closed by the peer with 4001 (private use) "theirs"; our Close 4001 (private use) written"#, line(&|c| { receive(c); c.written(); })),
        ("failed by us with 1002 (protocol error), written", line(&|c| { fail(c); c.written(); })),
        (r#"closed by us with 1000 (normal closure) "ours", not written; then failed by us with 1002 (protocol error)"#, line(&|c| { start(c); fail(c); })),
        // With the same code, but another Close.
        (r#"closed by us with 1002 (protocol error) "mine", not written; then failed by us with 1002 (protocol error)"#, line(&|c| { let _close = c.start(CloseFrame::from_static(1002, "mine")); fail(c); })),
        ("closed by us with no status code, not written; then failed by us", line(&|c| { let _close = (c.start(CloseFrame::EMPTY), c.fail(CloseFrame::EMPTY)); })),
        ("failed by us with no status code, not written", line(&|c| { let _close = c.fail(CloseFrame::EMPTY); })),
    ];
    for (expected, found) in cases {
        assert_eq!(found, expected);
    }
}

/// Both are values without a heap: what a connection pays for an ending it can tell everything about.
#[test]
fn sizes() {
    let (machine, event) = (size_of::<ClosingHandshake>(), size_of::<CloseEvent>());
    println!("ClosingHandshake: {machine} bytes, CloseEvent: {event} bytes");
    assert_eq!((machine, event), (280, 132));
}

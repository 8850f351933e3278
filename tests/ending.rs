//! Every ending: each state that a handshake can reach, with each way in which a transport can end. Each ending has its
//! own line, and the line tells the facts.
//!
//! `cargo test --test ending -- --nocapture` prints how many combinations and how many different lines there are.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use websocket_close::{
    Awaited, CloseCode, CloseFrame, ClosingHandshake, DecodeError, Ending, Loss, Named, Role, TransportEnd, wire,
};

/// What was fed into a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fed {
    local: Role,
    phase: Phase,
    written: bool,
}

/// The code, if there is one, and the reason.
type Close = (Option<u16>, String);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The peer closed with this Close, and we answered with this code.
    Answering(Close, Option<u16>),
    /// We closed first with this code.
    Started(Option<u16>, Outcome),
    /// We failed the connection with this code.
    Failed(Option<u16>),
    /// We rejected a frame of the peer before any Close.
    Rejected(wire::Error),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Awaited,
    Answered(Close),
    Failed(Option<u16>),
    Rejected(wire::Error),
}

/// The peer's reasons: plain ones, the longest one, and ones that try to end the line, turn it around, overwrite it or
/// imitate another line.
fn reasons() -> Vec<String> {
    let mut reasons: Vec<String> = [
        "",
        "bye",
        "\n",
        "\\n",
        "\r\n1000 (normal closure), clean",
        "\u{202e}",
        "\\u{202e}",
        "\u{2028}",
        "\u{1b}[2J\u{7}",
        "\"",
        "x\", clean; closed by us with 1000 (normal closure), written; failed; the peer's fault: none; reset",
        "até 再见 😀",
        "\0\u{7f}\u{85}\u{2066}\u{200f}",
    ]
    .map(str::to_owned)
    .to_vec();
    reasons.push("r".repeat(123));
    reasons
}

/// Quotes a reason as a line must quote it. Characters that do not print become numbers.
fn quoted(reason: &str) -> String {
    let mut quoted = String::from("\"");
    for character in reason.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\0' => quoted.push_str("\\0"),
            ' '..='~' | 'é' | '再' | '见' | '😀' => quoted.push(character),
            _ => write!(quoted, "\\u{{{:x}}}", u32::from(character)).unwrap(),
        }
    }
    quoted.push('"');
    quoted
}

fn faults() -> Vec<wire::Error> {
    let payload = |payload: &[u8]| wire::Error::Payload(CloseFrame::from_payload(payload).unwrap_err());
    let mut faults = vec![
        wire::Error::Fragmented,
        wire::Error::Masked,
        wire::Error::Unmasked,
        wire::Error::ExtendedLength(126),
        wire::Error::ExtendedLength(127),
        wire::Error::LengthTooLarge(1 << 63),
        wire::Error::LengthTooLarge(u64::MAX),
        DecodeError::TooLong(126).into(),
        DecodeError::TooLong(65_535).into(),
        payload(b"\x03"),
        payload(b"\x03\xed"),
        payload(b"\x03\xee"),
        payload(b"\x00\x00"),
        payload(b"\x03\xe8\xff"),
        payload(b"\x03\xe8ok\xff"),
        payload(b"\x03\xe8\xe2\x82"),
        payload(b"\x03\xe8\xe2\x82ok"),
    ];
    faults.extend((1..=7).map(wire::Error::ReservedBits));
    faults
}

/// Every handshake, with what was fed into it.
fn handshakes() -> Vec<(Fed, ClosingHandshake)> {
    let mut theirs: Vec<Close> = reasons().into_iter().map(|reason| (Some(1001), reason)).collect();
    theirs.extend([(None, String::new()), (Some(1000), String::new()), (Some(4001), "bye".to_owned())]);
    let ours = [None, Some(1000), Some(4001)];
    let failures = [None, Some(1002), Some(1007), Some(1011)];

    let mut phases = vec![Phase::Open];
    for close in &theirs {
        let echo = close.0;
        let mut answers = vec![echo];
        answers.extend(ours.into_iter().filter(|code| *code != echo));
        phases.extend(answers.into_iter().map(|answer| Phase::Answering(close.clone(), answer)));
    }
    for ours in ours {
        let mut outcomes = vec![Outcome::Awaited];
        outcomes.extend(theirs.iter().cloned().map(Outcome::Answered));
        outcomes.extend(failures.map(Outcome::Failed));
        outcomes.extend(faults().into_iter().map(Outcome::Rejected));
        phases.extend(outcomes.into_iter().map(|outcome| Phase::Started(ours, outcome)));
    }
    phases.extend(failures.map(Phase::Failed));
    phases.extend(faults().into_iter().map(Phase::Rejected));

    let mut handshakes = Vec::new();
    for local in [Role::Client, Role::Server] {
        for phase in &phases {
            for written in [false, true] {
                // Nothing can be written before there is a Close.
                if !written || *phase != Phase::Open {
                    let fed = Fed { local, phase: phase.clone(), written };
                    handshakes.push((fed.clone(), reach(&fed)));
                }
            }
        }
    }
    for (at, (fed, _)) in handshakes.iter().enumerate() {
        assert!(handshakes.iter().skip(at + 1).all(|(other, _)| other != fed), "{fed:?} twice");
    }
    handshakes
}

fn frame(code: Option<u16>, reason: &str) -> CloseFrame<'_> {
    code.map_or(CloseFrame::EMPTY, |code| CloseFrame::from_parts(code, reason).unwrap())
}

/// Makes the calls that lead to the state `fed`.
fn reach(fed: &Fed) -> ClosingHandshake {
    let mut closing = ClosingHandshake::new(fed.local);
    match &fed.phase {
        Phase::Open => {}
        Phase::Answering((code, reason), answer) => {
            let _echo = closing.receive(frame(*code, reason));
            if answer != code {
                let _close = closing.answer_with(frame(*answer, "our reason"));
            }
        }
        Phase::Started(ours, outcome) => {
            let _close = closing.start(frame(*ours, "our reason"));
            let none = match outcome {
                Outcome::Awaited => None,
                Outcome::Answered((code, reason)) => closing.receive(frame(*code, reason)),
                Outcome::Failed(code) => closing.fail(frame(*code, "our reason")),
                Outcome::Rejected(fault) => closing.reject(*fault),
            };
            assert_eq!(none, None, "there is no second Close");
        }
        Phase::Failed(code) => _ = closing.fail(frame(*code, "our reason")),
        Phase::Rejected(fault) => _ = closing.reject(*fault),
    }
    if fed.written {
        closing.mark_written();
    }
    closing
}

/// The ends of a transport, except those where we cut it, with words that only the line of this end has. An end in
/// order has other words if it was expected, after both Closes or after a failure.
const ENDS: [(TransportEnd, &str); 10] = [
    (TransportEnd::InOrder, "between frames"),
    (TransportEnd::InsideFrame, "inside a frame"),
    (TransportEnd::WithoutCloseNotify, "close_notify"),
    (TransportEnd::Lost(Loss::Reset), "reset"),
    (TransportEnd::Lost(Loss::Aborted), "aborted"),
    (TransportEnd::Lost(Loss::BrokenPipe), "no longer reads"),
    (TransportEnd::Lost(Loss::TimedOut), "timed out"),
    (TransportEnd::Lost(Loss::Other), "I/O error"),
    (TransportEnd::NeverOpened, "never opened"),
    (TransportEnd::NotKnown, "not known"),
];

const AWAITED: [(Awaited, &str); 3] =
    [(Awaited::Close, "no Close"), (Awaited::Write, "written"), (Awaited::End, "did not end")];

const WAITS: [(Duration, &str); 5] = [
    (Duration::ZERO, "0ns"),
    (Duration::from_nanos(1), "1ns"),
    (Duration::from_millis(1500), "1.5s"),
    (Duration::from_secs(10), "10s"),
    (Duration::MAX, "18446744073709551615.999999999s"),
];

/// How many bytes came meanwhile, with the words for it. An unknown number is not mentioned.
const DISCARDED: [(Option<u64>, Option<&str>); 5] = [
    (None, None),
    (Some(0), Some("nothing")),
    (Some(1), Some("sent 1 ")),
    (Some(4096), Some("sent 4096 ")),
    (Some(u64::MAX), Some("sent 18446744073709551615 ")),
];

/// Each end, with words that its line must contain.
fn ends() -> Vec<(TransportEnd, Vec<&'static str>)> {
    let mut ends: Vec<_> = ENDS.iter().map(|(end, word)| (*end, vec![*word])).collect();
    for (awaited, what) in AWAITED {
        for (after, how_long) in WAITS {
            for (discarded, how_many) in DISCARDED {
                let words = ["cut by us", what, how_long].into_iter().chain(how_many).collect();
                ends.push((TransportEnd::Cut { awaited, after, discarded }, words));
            }
        }
    }
    ends
}

/// The event, words that the line must contain, and words that it must not contain.
struct Facts {
    event: (u16, String, bool),
    words: Vec<String>,
    not: Vec<&'static str>,
}

fn facts(fed: &Fed) -> Facts {
    let close = |code: Option<u16>| match code {
        Some(code) => format!("{code} ("),
        None => "no status code".to_owned(),
    };
    let (theirs, mut words, mut not) = match &fed.phase {
        Phase::Open => (None, vec!["nobody closed".to_owned()], vec!["written", "failed", "fault"]),
        Phase::Answering(theirs, answer) => {
            let words = vec!["closed by the peer".to_owned(), format!("answered by us with {}", close(*answer))];
            (Some(theirs), words, vec!["closed by us", "answered by the peer", "no answer", "failed", "fault"])
        }
        Phase::Started(ours, outcome) => {
            let mut words = vec![format!("closed by us with {}", close(*ours))];
            let (theirs, not) = match outcome {
                Outcome::Awaited => {
                    words.push("no answer".to_owned());
                    (None, vec!["by the peer", "failed", "fault"])
                }
                Outcome::Answered(theirs) => {
                    words.push("answered by the peer".to_owned());
                    (Some(theirs), vec!["no answer", "failed", "fault"])
                }
                Outcome::Failed(code) => {
                    words.push(format!("then failed by us with {}", close(*code)));
                    (None, vec!["by the peer", "no answer", "fault"])
                }
                Outcome::Rejected(fault) => {
                    words.push(format!("then failed by us with {}", fault.answer_code()));
                    words.push(format!("the peer's fault: {fault}"));
                    (None, vec!["by the peer", "no answer"])
                }
            };
            (theirs, words, not)
        }
        Phase::Failed(code) => {
            (None, vec![format!("failed by us with {}", close(*code))], vec!["closed by", "no answer", "fault"])
        }
        Phase::Rejected(fault) => {
            let words =
                vec![format!("failed by us with {}", fault.answer_code()), format!("the peer's fault: {fault}")];
            (None, words, vec!["closed by", "no answer"])
        }
    };
    let event = match theirs {
        Some((code, reason)) => (code.unwrap_or(1005), reason.clone(), fed.written),
        None => (1006, String::new(), false),
    };
    words.push(format!("{} (", event.0));
    words.push(if event.2 { ", clean;" } else { ", not clean;" }.to_owned());
    not.push(if event.2 { "not clean" } else { ", clean" });
    if fed.phase != Phase::Open {
        words.push(if fed.written { ", written;" } else { ", not written;" }.to_owned());
        not.push(if fed.written { "not written" } else { ", written" });
    }
    Facts { event, words, not }
}

/// Asserts that `line` is one line, and that every terminal shows it in the order in which it is written.
fn assert_one_line(line: &str) {
    for character in line.chars() {
        let moves = matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}')
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!character.is_control() && !moves, "{line:?}");
    }
}

#[test]
fn every_ending_has_a_line_of_its_own() {
    let (handshakes, ends) = (handshakes(), ends());
    let mut lines = HashMap::new();
    let mut combinations = 0;
    for (fed, closing) in &handshakes {
        for (end, _) in &ends {
            combinations += 1;
            let line = closing.clone().into_ending(*end).to_string();
            assert_one_line(&line);
            // The next test compares the lines of a client with those of a server.
            if let Some(other) = lines.insert((fed.local, line.clone()), (fed, end)) {
                panic!("{:?} and {:?} both give\n{line}", other, (fed, end));
            }
        }
    }
    let mut different: Vec<&String> = lines.keys().map(|(_, line)| line).collect();
    different.sort_unstable();
    different.dedup();
    println!(
        "{} handshakes, {} ends: {combinations} combinations, {} different lines",
        handshakes.len(),
        ends.len(),
        different.len()
    );
    assert_eq!((handshakes.len(), ends.len(), combinations), (926, 85, 78_710));
}

/// A proxy is a client and a server, and writes the lines of both into one log.
#[test]
fn the_line_tells_whether_we_are_the_client_or_the_server() {
    let handshakes = handshakes();
    let of = |local| handshakes.iter().filter(move |(fed, _)| fed.local == local);
    let mut same = Vec::new();
    for ((fed, client), (other, server)) in of(Role::Client).zip(of(Role::Server)) {
        assert_eq!((&fed.phase, fed.written), (&other.phase, other.written));
        for (end, _) in ends() {
            let line = client.clone().into_ending(end).to_string();
            if server.clone().into_ending(end).to_string() == line {
                same.push(line);
            }
        }
    }
    assert!(same.is_empty(), "{} lines are those of both ends, such as\n{}", same.len(), same[0]);
}

#[test]
fn an_ending_tells_what_was_fed_in() {
    for (fed, closing) in handshakes() {
        let facts = facts(&fed);
        for (end, _) in ends() {
            let ending: Ending = closing.clone().into_ending(end);
            let event = ending.event();
            assert_eq!(
                (event.code(), event.reason(), event.was_clean()),
                (facts.event.0, &*facts.event.1, facts.event.2)
            );
            assert_eq!(*ending.closing(), closing);
            assert_eq!(ending.transport_end(), end);
        }
        let failed_with = |code: Option<u16>| Some(code.map_or(CloseFrame::EMPTY, |code| frame(Some(code), "")));
        let (ours, theirs, failure, fault) = match &fed.phase {
            Phase::Open => (None, None, None, None),
            Phase::Answering(theirs, answer) => (failed_with(*answer), Some(theirs), None, None),
            Phase::Started(ours, outcome) => {
                let (theirs, failure, fault) = match outcome {
                    Outcome::Awaited => (None, None, None),
                    Outcome::Answered(theirs) => (Some(theirs), None, None),
                    Outcome::Failed(code) => (None, failed_with(*code), None),
                    Outcome::Rejected(fault) => (None, Some(fault.reply()), Some(*fault)),
                };
                (failed_with(*ours), theirs, failure, fault)
            }
            Phase::Failed(code) => (failed_with(*code), None, failed_with(*code), None),
            Phase::Rejected(fault) => (Some(fault.reply()), None, Some(fault.reply()), Some(*fault)),
        };
        assert_eq!(closing.ours(), ours);
        assert_eq!(closing.theirs(), theirs.map(|(code, reason)| frame(*code, reason)));
        assert_eq!(closing.failure(), failure);
        assert_eq!(closing.fault(), fault);
        assert_eq!(closing.is_written(), fed.written);
        assert_eq!(closing.local(), fed.local);
    }
}

/// The line has the codes and the peer's reason, and says who did what and how the transport ended. This test pins the
/// words that carry these facts. The sentence around them may change.
#[test]
fn the_line_tells_the_facts() {
    for (fed, closing) in handshakes() {
        let facts = facts(&fed);
        let reason = quoted(&facts.event.1);
        let failed = matches!(
            fed.phase,
            Phase::Failed(_) | Phase::Rejected(_) | Phase::Started(_, Outcome::Failed(_) | Outcome::Rejected(_))
        );
        for (end, words_of_end) in ends() {
            let mut line = closing.clone().into_ending(end).to_string();
            if !facts.event.1.is_empty() {
                assert!(line.contains(&reason), "{reason}: {line}");
                // The peer's words must not pass for ours, so they are taken out.
                line = line.replacen(&reason, "", 1);
            }
            let (story, how_it_ended) = line.rsplit_once("; ").unwrap();
            let story = format!("{story};");
            for word in &facts.words {
                assert!(story.contains(word.as_str()), "{word:?}: {line}");
            }
            for word in &facts.not {
                assert!(!story.contains(word), "{word:?}: {line}");
            }
            assert!(!line.contains("our reason"), "our reason is not kept: {line}");

            if end == TransportEnd::InOrder && (facts.event.2 || failed) {
                assert!(how_it_ended.contains("in order"), "{line}");
            } else {
                for word in words_of_end {
                    assert!(how_it_ended.contains(word), "{word:?}: {line}");
                }
            }
            let other_ends = ENDS.iter().filter(|(other, _)| *other != end).map(|(_, word)| *word);
            let other_waits = AWAITED
                .into_iter()
                .filter(|(other, _)| !matches!(end, TransportEnd::Cut { awaited, .. } if awaited == *other))
                .map(|(_, word)| word);
            for word in other_ends.chain(other_waits) {
                assert!(!how_it_ended.contains(word), "{word:?}: {line}");
            }
        }
    }
}

/// An application's name replaces "private use" wherever its code is shown, and replaces nothing else.
#[test]
fn an_application_names_the_codes_of_an_ending() {
    let names = |code| (code == 4001).then_some("session taken over");
    let mut with_a_name = 0;
    for (_, closing) in handshakes() {
        for (end, _) in ends() {
            let ending = closing.clone().into_ending(end);
            let (line, with_names) = (ending.to_string(), Named(&ending, names).to_string());
            assert_eq!(with_names, line.replace("4001 (private use)", "4001 (session taken over)"));
            assert_one_line(&with_names);
            with_a_name += usize::from(line != with_names);
        }
    }
    assert!(with_a_name > 0);
    let code = CloseCode::from_static(4001);
    assert_eq!(Named(&code, names).to_string(), "4001 (session taken over)");
}

//! The observer: its size, its allocations, its verdicts, and the property that the fuzzer checks.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../../tests/common/alloc.rs"]
mod alloc;
#[allow(unreachable_pub)]
#[path = "../../fuzz/src/observer.rs"]
mod property;

use std::fs;
use std::path::Path;

use alloc::allocations;
use proptest::prelude::*;
use wsclose::Role::{Client, Server};
use wsclose::{Because, Blind, Doubt, Extensions, Fault, Observer, Pings, Relation, Role, TransportEnd};

/// What happens in front of an observer. A client's frames are masked with zeros.
#[derive(Clone, Copy)]
enum Do {
    /// These bytes, sent by the client.
    C(&'static [u8]),
    /// These bytes, sent by the server.
    S(&'static [u8]),
    Ack(Role, u64),
    Gap(Role, u64),
    Undelivered(Role),
    Fin(Role),
    Rst(Role),
}
use Because::{BadClose, Failed, Missing, MoreAfterClose, NoClose, NotArrived, Seen, Unanswered};
use Do::{Ack, C, Fin, Gap, Rst, S, Undelivered};
use Relation::{Alone, Answer, Crossed, Own, OwnOrCrossed};

const C_1000: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";
const C_1009: &[u8] = b"\x88\x82\0\0\0\0\x03\xf1";
const C_EMPTY: &[u8] = b"\x88\x80\0\0\0\0";
const S_1000: &[u8] = b"\x88\x02\x03\xe8";
const S_1000_BYE: &[u8] = b"\x88\x05\x03\xe8bye";
const S_1002: &[u8] = b"\x88\x02\x03\xea";
const S_1009: &[u8] = b"\x88\x02\x03\xf1";
const S_1005: &[u8] = b"\x88\x02\x03\xed";
const S_999: &[u8] = b"\x88\x02\x03\xe7";
const C_999: &[u8] = b"\x88\x82\0\0\0\0\x03\xe7";
const S_EMPTY: &[u8] = b"\x88\x00";
const S_TEXT: &[u8] = b"\x81\x02hi";

fn observe(mut observer: Observer, steps: &[Do]) -> Observer {
    for step in steps {
        match *step {
            C(bytes) => observer.bytes(Client, bytes),
            S(bytes) => observer.bytes(Server, bytes),
            Ack(by, bytes) => observer.acknowledged(by, bytes),
            Gap(from, len) => observer.gap(from, len),
            Undelivered(from) => observer.undelivered(from),
            Fin(by) => observer.ended(by, TransportEnd::Fin),
            Rst(by) => observer.ended(by, TransportEnd::Reset),
        }
    }
    observer
}

#[test]
fn is_small_and_allocates_nothing() {
    assert!(size_of::<Observer>() < 1024, "{}", size_of::<Observer>());
    assert_eq!(
        allocations(|| {
            let observer =
                observe(Observer::new(), &[S(S_TEXT), C(C_1000), S(S_1000_BYE), S(b"\x83\x00"), Fin(Server)]);
            let reports = [observer.report(Client), observer.report(Server)];
            assert!(reports.iter().all(|report| report.because() != Because::Missing));
        }),
        0
    );
}

/// What an end reports: code and wasClean, because of what.
type Verdict = (Option<(u16, bool)>, Because);
/// Its name, the steps, who was first, how the second Close stands to it, what the client reports, what the server
/// reports.
type Case = (&'static str, &'static [Do], Option<Role>, Option<Relation>, Verdict, Verdict);

const NOTHING: Verdict = (Some((1006, false)), NoClose);
const UNKNOWN: Verdict = (None, Missing);

const fn seen(code: u16) -> Verdict {
    (Some((code, true)), Seen)
}

const fn not(because: Because) -> Verdict {
    (Some((1006, false)), because)
}

const VERDICTS: &[Case] = &[
    ("nothing", &[], None, None, NOTHING, NOTHING),
    ("dropped", &[S(S_TEXT), Fin(Server)], None, None, NOTHING, NOTHING),
    ("answered", &[S(S_1000_BYE), C(C_1000)], Some(Server), Some(Answer), seen(1000), seen(1000)),
    ("without a code", &[C(C_EMPTY), S(S_EMPTY)], Some(Client), Some(Answer), seen(1005), seen(1005)),
    (
        "another reason is no answer",
        &[C(C_1000), S(S_1000_BYE)],
        Some(Client),
        Some(OwnOrCrossed),
        seen(1000),
        seen(1000),
    ),
    ("own, perhaps crossed", &[S(S_EMPTY), C(C_1000)], Some(Server), Some(OwnOrCrossed), seen(1005), seen(1000)),
    ("own", &[S(S_EMPTY), Ack(Client, 2), C(C_1000), Ack(Server, 8)], Some(Server), Some(Own), seen(1005), seen(1000)),
    (
        "crossed",
        &[Ack(Client, 0), C(C_1000), Ack(Server, 0), S(S_1000), Ack(Client, 4), Ack(Server, 8)],
        Some(Client),
        Some(Crossed),
        seen(1000),
        seen(1000),
    ),
    // The server acknowledged the client's Close before it sent its own, so the capture has the two in the wrong order.
    (
        "captured in the wrong order",
        &[Ack(Server, 8), S(S_1000), Ack(Client, 0), C(C_1000), Ack(Client, 4)],
        Some(Client),
        Some(Answer),
        seen(1000),
        seen(1000),
    ),
    ("unanswered", &[S(S_1000), Fin(Server)], Some(Server), Some(Alone), (Some((1000, false)), Unanswered), NOTHING),
    ("failed", &[S(S_1009), C(C_1009)], Some(Server), Some(Answer), seen(1009), not(Failed)),
    (
        "failed, nobody answers",
        &[C(C_1009), Fin(Client)],
        Some(Client),
        Some(Alone),
        not(Failed),
        (Some((1009, false)), Unanswered),
    ),
    ("refused a right Close", &[C(C_1000), S(S_1002)], Some(Client), Some(OwnOrCrossed), seen(1002), not(Failed)),
    ("a bad Close", &[S(S_1005), C(C_1000)], Some(Server), Some(OwnOrCrossed), not(BadClose), seen(1000)),
    ("a bad header", &[S(b"\x08"), C(C_1000)], Some(Server), Some(OwnOrCrossed), not(BadClose), seen(1000)),
    ("cut inside a Close", &[S(b"\x88\x05\x03\xe8by"), Fin(Server)], None, None, NOTHING, NOTHING),
    (
        "more follows",
        &[S(S_1000), S(S_TEXT), C(C_1000)],
        Some(Server),
        Some(Answer),
        (Some((1000, true)), MoreAfterClose),
        seen(1000),
    ),
    (
        "half a frame follows",
        &[S(S_1000), S(b"\x81\x02h"), C(C_1000)],
        Some(Server),
        Some(Answer),
        seen(1000),
        seen(1000),
    ),
    ("not acknowledged", &[Ack(Client, 0), S(S_1000)], Some(Server), Some(Alone), UNKNOWN, NOTHING),
    (
        "never arrived",
        &[Ack(Client, 0), S(S_1000), Undelivered(Server)],
        Some(Server),
        Some(Alone),
        not(NotArrived),
        NOTHING,
    ),
    ("sent to a dead machine", &[Rst(Client), S(S_1000)], Some(Server), Some(Alone), not(NotArrived), NOTHING),
    (
        "acknowledged, then reset",
        &[S(S_1000), Ack(Client, 4), Rst(Client)],
        Some(Server),
        Some(Alone),
        (Some((1000, false)), Unanswered),
        NOTHING,
    ),
    ("a gap", &[Gap(Server, 1), C(C_1000)], None, None, UNKNOWN, UNKNOWN),
    ("a gap, and a Close that failed", &[Gap(Server, 4), C(C_1009)], None, None, UNKNOWN, UNKNOWN),
    (
        "a gap inside a frame",
        &[S(b"\x81\x04h"), Gap(Server, 2), S(b"i"), C(C_1000), S(S_1000)],
        Some(Client),
        Some(Answer),
        seen(1000),
        seen(1000),
    ),
    (
        "a gap to the end of a frame",
        &[S(b"\x81\x04h"), Gap(Server, 3), C(C_1000), S(S_1000)],
        Some(Client),
        Some(Answer),
        seen(1000),
        seen(1000),
    ),
    (
        "a gap behind the Close",
        &[S(S_1000), Gap(Server, 1), C(C_1000)],
        Some(Server),
        Some(Answer),
        UNKNOWN,
        seen(1000),
    ),
    ("a gap in a Close", &[S(b"\x88\x02"), Gap(Server, 2), C(C_1000)], None, None, UNKNOWN, UNKNOWN),
];

#[test]
fn verdicts() {
    for (name, steps, first, relation, client, server) in VERDICTS {
        let observer = observe(Observer::new(), steps);
        let verdict = |end| {
            let report = observer.report(end);
            (report.event().map(|event| (event.code(), event.was_clean())), report.because())
        };
        assert_eq!((observer.first(), observer.relation()), (*first, *relation), "{name}");
        assert_eq!((verdict(Client), verdict(Server)), (*client, *server), "{name}");
    }
}

/// Where some programs differ from the standard, a report says so.
#[test]
fn doubts() {
    for (steps, end, doubt) in [
        (&[S(S_1000), C(C_1000)][..], Client, None),
        (&[S(S_1000), S(S_TEXT), C(C_1000)], Client, Some(Doubt::MoreAfterClose)),
        (&[C(C_1000), C(C_EMPTY), S(S_1000)], Server, None),
        (&[S(S_1000), C(C_1000), Rst(Server)], Client, Some(Doubt::ResetAfterClose)),
        (&[S(S_1000), Rst(Client)], Client, Some(Doubt::PerhapsNotRead)),
        (&[C(C_1000), Fin(Client), S(S_1000)], Client, Some(Doubt::EndedBefore)),
        (&[C(C_1009), S(S_1009)], Client, Some(Doubt::ByItsCode)),
        (&[S(S_999), C(C_999)], Client, Some(Doubt::AcceptedBadClose)),
        (&[S(S_999), C(C_1000)], Client, Some(Doubt::RefusedCode)),
        (&[S(b"\x88\x03\x03\xe8\xff"), C(C_1000)], Client, None),
        (&[C(C_1000), Rst(Client)], Server, Some(Doubt::AnswerNotSeen)),
    ] {
        assert_eq!(observe(Observer::new(), steps).report(end).doubt(), doubt);
    }
}

/// Who comes late does not know what passed before.
#[test]
fn joined() {
    let first = |steps| observe(Observer::new().joined(), steps).first();
    assert_eq!(first(&[C(C_1000)]), None);
    assert_eq!(first(&[S(b"\x89\x00"), C(C_1000)]), None, "a ping may follow a Close");
    assert_eq!(first(&[S(S_TEXT), C(C_1000)]), Some(Client));
    assert_eq!(first(&[C(C_1000), S(S_1000)]), Some(Client));
    let observer = observe(Observer::new().joined(), &[S(S_1000)]);
    assert_eq!(observer.report(Client).because(), Because::Missing, "perhaps the client closed before");
    assert_eq!(observer.report(Server).because(), Because::Missing);
    // A continuation may belong to a message that began before, and nobody knows the extensions.
    let observer = observe(Observer::new().joined().with_extensions(Extensions::NotKnown), &[S(b"\x80\x01x\xc1\x01x")]);
    assert_eq!(observer.sent_by(Server).fault(), None);
}

/// Without a common clock nobody was first, and a failure may be an answer.
#[test]
fn unordered() {
    let observer = observe(Observer::new().unordered(), &[C(C_1000), S(S_1000)]);
    assert_eq!((observer.first(), observer.relation()), (None, Some(Relation::Answer)));
    assert_eq!(observer.report(Client).because(), Because::Seen);
    let observer = observe(Observer::new().unordered(), &[C(C_1009), S(S_1009)]);
    assert_eq!(observer.report(Client).because(), Because::Missing);
    let observer = observe(Observer::new().unordered(), &[C(C_1009), S(S_1000)]);
    assert_eq!(observer.report(Client).because(), Because::Failed);
    let observer = observe(Observer::new().unordered(), &[C(b"\x8a\x80\0\0\0\0"), S(b"\x89\x00\x89\x00")]);
    assert_eq!(pings_of_server(&observer), (2, 1));
}

/// The first rule that a frame breaks, with the value.
#[test]
fn faults() {
    for (extensions, steps, fault) in [
        (Extensions::None, &[S(b"\x83")][..], Fault::Opcode(3)),
        (Extensions::NotKnown, &[S(b"\xff\x00")], Fault::Opcode(15)),
        (Extensions::None, &[S(b"\x09\x00")], Fault::FragmentedControl(9)),
        (Extensions::None, &[S(b"\xc1\x00")], Fault::ReservedBits(4)),
        (Extensions::Deflate, &[S(b"\xa1\x00")], Fault::ReservedBits(2)),
        (Extensions::Deflate, &[S(b"\xc9\x00")], Fault::ReservedBits(4)),
        (Extensions::Deflate, &[S(b"\x41\x00\xc0\x00")], Fault::ReservedBits(4)),
        (Extensions::None, &[S(b"\x80\x00")], Fault::ContinuationOfNothing),
        (Extensions::None, &[S(b"\x01\x00\x82\x00")], Fault::MessageInsideMessage(2)),
        (Extensions::None, &[S(b"\x81\x80\0\0\0\0")], Fault::Masked),
        (Extensions::None, &[C(b"\x81\x00")], Fault::Unmasked),
        (Extensions::None, &[S(b"\x89\x7e\x00\x7e")], Fault::LongControl(126)),
        (Extensions::None, &[S(b"\x89\x7e\x00\x05")], Fault::LongForm(5)),
        (Extensions::None, &[S(b"\x81\x7f\0\0\0\0\0\0\xff\xff")], Fault::LongForm(0xffff)),
        (Extensions::None, &[S(b"\x81\x7f\x80\0\0\0\0\0\0\0")], Fault::Length(1 << 63)),
    ] {
        let observer = observe(Observer::new().with_extensions(extensions), steps);
        let from = if matches!(steps[0], C(_)) { Client } else { Server };
        let found = observer.sent_by(from).fault().map(|(fault, _)| fault);
        assert_eq!(found, Some(fault), "{fault}");
        assert!(!fault.to_string().is_empty() && fault.section().starts_with("5."));
    }
    // The first fault counts, and its frame has a number.
    let observer = observe(Observer::new(), &[S(S_TEXT), S(b"\x83\x00\x84\x00")]);
    assert_eq!(observer.sent_by(Server).fault(), Some((Fault::Opcode(3), 2)));
    // Legal: a compressed message, a ping between fragments, a Close between fragments.
    let legal = [S(b"\x41\x01x\x89\x00\x80\x01x\xc2\x00"), C(b"\x01\x80\0\0\0\0"), C(C_1000)];
    let observer = observe(Observer::new().with_extensions(Extensions::Deflate), &legal);
    assert_eq!((observer.sent_by(Server).fault(), observer.sent_by(Client).fault()), (None, None));
    assert_eq!(observer.first(), Some(Client));
    // Behind a length of more than 63 bits nothing can be told apart.
    let observer = observe(Observer::new(), &[S(b"\x82\x7f\xff\0\0\0\0\0\0\0"), S(S_1000)]);
    assert_eq!((observer.sent_by(Server).blind(), observer.first()), (Some(Blind::Fault), None));
}

/// How many pings the server sent, and how many of them were not answered.
fn pings_of_server(observer: &Observer) -> (u32, u32) {
    let Pings { sent, unanswered, .. } = observer.pings(Server);
    (sent, unanswered)
}

#[test]
fn pings() {
    let asks = S(b"\x89\x00");
    let answers = C(b"\x8a\x80\0\0\0\0");
    for (steps, sent, unanswered) in [
        (&[asks, answers, asks, answers][..], 2, 0),
        (&[asks, asks, answers], 2, 0),
        (&[asks, answers, asks, asks], 3, 2),
        // Nobody owes a pong once a Close is on its way.
        (&[C(C_1000), asks], 0, 0),
        (&[S(S_1000), asks], 0, 0),
    ] {
        assert_eq!(pings_of_server(&observe(Observer::new(), steps)), (sent, unanswered));
    }
}

/// The committed seeds of the fuzz target.
#[test]
fn corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/observer");
    let files: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files {
        println!("{}", file.display());
        property::check(&fs::read(&file).unwrap());
    }
}

/// A step of a script of the property: mostly frames that matter, sometimes anything.
fn step() -> impl Strategy<Value = Vec<u8>> {
    let frames: &[&[u8]] = &[
        C_1000,
        C_1009,
        C_EMPTY,
        C_999,
        S_1000,
        S_1000_BYE,
        S_1002,
        S_1009,
        S_1005,
        S_EMPTY,
        S_TEXT,
        b"\x89\x00",
        b"\x8a\x80\0\0\0\0",
        b"\x81\x85\0\0\0\0hello",
        b"\x01\x01x",
        b"\x80\x03abc",
        b"\xc1\x01x",
        b"\x83\x00",
        b"\x08",
        b"\x88\x01\x03",
        b"\x82\x7e\x00\x90",
        b"\x82\x7f\x80\0\0\0\0\0\0\0",
    ];
    let frame = prop_oneof![
        4 => proptest::sample::select(frames).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    let bytes = proptest::collection::vec(frame, 1..4).prop_map(|frames| {
        let mut bytes = frames.concat();
        bytes.truncate(31);
        bytes
    });
    prop_oneof![
        6 => (any::<bool>(), bytes).prop_map(|(server, bytes)| {
            let head = u8::from(server) | u8::try_from(bytes.len()).unwrap() << 3;
            [vec![head], bytes].concat()
        }),
        2 => (any::<bool>(), 0..32_u8).prop_map(|(server, number)| vec![u8::from(server) | 4 | number << 3]),
        1 => (any::<bool>(), 0..2_u8).prop_map(|(server, fin)| vec![u8::from(server) | 6 | fin << 3]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any cut gives the same answers, and what is hidden makes them fewer.
    #[test]
    fn same_bytes_same_answers(kind in any::<u8>(), steps in proptest::collection::vec(step(), 0..8)) {
        property::check(&[vec![kind], steps.concat()].concat());
    }
}

//! An observer of both directions: however the bytes are cut, it says the same. Bytes that it does not see make it say
//! less, never something else.
//!
//! The first byte of the input says what is known of the connection. Then come steps: a byte, and what it announces.

use std::ops::Range;

use websocket_close::{CloseEvent, CloseFrame, OwnedCloseFrame, Role, wire};
use wsclose::{Because, Doubt, Extensions, Fault, Observer, Pings, Relation, TransportEnd};

/// What happens before the eyes of the observer.
#[derive(Clone, Copy)]
enum Step<'a> {
    Bytes(Role, &'a [u8]),
    Acknowledged(Role, u64),
    Ended(Role, TransportEnd),
}

/// Everything that the observer can be asked.
#[derive(Debug, PartialEq)]
struct Answers {
    first: Option<Role>,
    relation: Option<Relation>,
    ends: [End; 2],
}

#[derive(Debug, PartialEq)]
struct End {
    report: (Option<CloseEvent>, Because, Option<Doubt>),
    close: Option<(Result<OwnedCloseFrame, wire::Error>, u64, Option<u64>)>,
    arrived: Option<bool>,
    followed_by: u64,
    fault: Option<(Fault, u64)>,
    pings: Pings,
    is_inside_frame: bool,
    position: u64,
}

/// The property.
pub fn check(input: &[u8]) {
    let Some((&kind, script)) = input.split_first() else { return };
    let steps = steps(script);
    let whole = observe(kind, &steps, |bytes| vec![bytes], &[]);
    assert_eq!(observe(kind, &steps, |bytes| bytes.chunks(1).collect(), &[]), whole, "byte by byte");
    assert_eq!(observe(kind, &steps, |bytes| bytes.chunks(3).collect(), &[]), whole, "in threes");

    // Hide the end of a piece, its start, or the middle, as far as the input has it.
    for (step, count) in steps.iter().enumerate().filter_map(|(at, step)| match step {
        Step::Bytes(_, bytes) if !bytes.is_empty() => Some((at, bytes.len())),
        _ => None,
    }) {
        let middle = usize::from(input[step % input.len()]) % count;
        for hidden in [0..count, 0..middle, middle..count, middle..middle + 1, middle / 2..middle] {
            let less = observe(kind, &steps, |bytes| vec![bytes], &[(step, hidden)]);
            assert_no_more(&less, &whole);
        }
    }
}

/// The steps of a script: a role in bit 0, what happens in bits 1 and 2, a number in the rest.
fn steps(mut script: &[u8]) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    while let Some((&head, rest)) = script.split_first() {
        let role = if head & 1 == 0 { Role::Client } else { Role::Server };
        script = rest;
        steps.push(match head >> 1 & 3 {
            0 | 1 => {
                let (bytes, rest) = rest.split_at(usize::from(head >> 3).min(rest.len()));
                script = rest;
                Step::Bytes(role, bytes)
            }
            2 => Step::Acknowledged(role, u64::from(head >> 3) * 2),
            _ => Step::Ended(role, if head >> 3 == 0 { TransportEnd::Reset } else { TransportEnd::Fin }),
        });
    }
    steps
}

/// Shows the steps to an observer, in pieces, and hides these parts of them.
fn observe(
    kind: u8,
    steps: &[Step<'_>],
    cut: impl Fn(&[u8]) -> Vec<&[u8]>,
    hidden: &[(usize, Range<usize>)],
) -> Answers {
    let mut observer = Observer::new().with_extensions(match kind & 3 {
        0 | 1 => Extensions::None,
        2 => Extensions::Deflate,
        _ => Extensions::NotKnown,
    });
    if kind & 4 != 0 {
        observer = observer.joined();
    }
    if kind & 8 != 0 {
        observer = observer.unordered();
    }
    for (at, step) in steps.iter().enumerate() {
        match *step {
            Step::Acknowledged(..) if kind & 16 != 0 => {}
            Step::Acknowledged(by, bytes) => observer.acknowledged(by, bytes),
            Step::Ended(by, how) => observer.ended(by, how),
            Step::Bytes(from, bytes) => {
                let gap = hidden.iter().find(|(step, _)| *step == at).map_or(0..0, |(_, range)| range.clone());
                for piece in cut(&bytes[..gap.start]) {
                    observer.bytes(from, piece);
                }
                observer.gap(from, gap.len() as u64);
                for piece in cut(&bytes[gap.end..]) {
                    observer.bytes(from, piece);
                }
            }
        }
    }
    let end = |role: Role| {
        let (report, sent) = (observer.report(role), observer.sent_by(role));
        let close =
            sent.close().map(|close| (close.frame().map(CloseFrame::into_owned), close.end(), close.acknowledges()));
        End {
            report: (report.event().cloned(), report.because(), report.doubt()),
            close,
            arrived: observer.arrived(role),
            followed_by: sent.followed_by(),
            fault: sent.fault(),
            pings: observer.pings(role),
            is_inside_frame: sent.is_inside_frame(),
            position: sent.position(),
        }
    };
    Answers { first: observer.first(), relation: observer.relation(), ends: [end(Role::Client), end(Role::Server)] }
}

/// What is said is what was said with everything in view, or that it cannot be said.
fn assert_no_more(less: &Answers, whole: &Answers) {
    assert!(less.first.is_none() || less.first == whole.first, "{less:?} {whole:?}");
    assert!(less.relation.is_none() || less.relation == whole.relation, "{less:?} {whole:?}");
    for (less, whole) in less.ends.iter().zip(&whole.ends) {
        let (event, because, _) = &less.report;
        assert!(
            *because == Because::Missing || (event, because) == (&whole.report.0, &whole.report.1),
            "{less:?} {whole:?}"
        );
        assert!(less.close.is_none() || less.close == whole.close, "{less:?} {whole:?}");
        assert!(less.followed_by <= whole.followed_by, "{less:?} {whole:?}");
        assert!(less.fault.is_none() || less.fault == whole.fault, "{less:?} {whole:?}");
        assert_eq!(less.position, whole.position);
    }
}

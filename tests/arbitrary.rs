//! The feature `arbitrary`: its values are legal, every kind comes up, and an oracle in this file gives the same
//! verdicts.
#![cfg(feature = "arbitrary")]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Arbitrary, Unstructured};
use websocket_close::arbitrary::{Fault, PayloadCase, Verdict};
use websocket_close::{CloseCode, CloseEvent, CloseFrame, OwnedCloseFrame, Role};

/// Calls `look` with 40,000 values. The noise that they are made from is the same in every run.
fn sample<A: for<'a> Arbitrary<'a>>(mut look: impl FnMut(A)) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..40_000 {
        let noise = [0; 300].map(|_: u8| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        look(Unstructured::new(&noise).arbitrary().unwrap());
    }
}

/// RFC 6455, 7.4, and the registry.
fn may_be_sent(code: u16) -> bool {
    [1000..=1003, 1007..=1014, 3000..=4999].iter().any(|range| range.contains(&code))
}

/// The verdict that this file finds for the bytes.
fn judge(payload: &[u8]) -> Verdict<'_> {
    let [high, low, reason @ ..] = payload else {
        return match payload {
            [] => Verdict::Accept { code: 1005, reason: "" },
            _ => Verdict::Refuse { fault: Fault::OneByte, codes: &[1002] },
        };
    };
    let code = u16::from_be_bytes([*high, *low]);
    match (may_be_sent(code), std::str::from_utf8(reason)) {
        _ if payload.len() > 125 => Verdict::Refuse { fault: Fault::TooLong, codes: &[1002] },
        (true, Ok(reason)) => Verdict::Accept { code, reason },
        (true, Err(_)) => Verdict::Refuse { fault: Fault::NotUtf8, codes: &[1007, 1002] },
        (false, text) => Verdict::Refuse {
            fault: if matches!(code, 1005 | 1006 | 1015) { Fault::ReportOnlyCode } else { Fault::UndefinedCode },
            codes: if text.is_ok() { &[1002] } else { &[1002, 1007] },
        },
    }
}

#[test]
fn verdicts_are_right_and_every_kind_is_frequent() {
    let mut kinds = BTreeMap::<_, u32>::new();
    sample(|case: PayloadCase| {
        assert_eq!(case.verdict(), judge(case.payload()), "{:?}", case.payload());
        let kind = match case.verdict() {
            Verdict::Accept { code, reason } => format!("accept {} {}", code == 1005, reason.len() == 123),
            Verdict::Refuse { fault, codes } => format!("{fault:?} {codes:?}"),
        };
        *kinds.entry(kind).or_default() += 1;
    });
    assert_eq!(kinds.len(), 10, "{kinds:#?}");
    assert!(kinds.values().all(|&count| count > 200), "{kinds:#?}");
}

/// Notes what `core` says about each ill-formed reason: the first byte of the fault, how many bytes belong to the
/// fault, and whether the reason ends with them.
#[test]
fn reasons_are_ill_formed_in_every_possible_way() {
    let (mut faults, mut places, mut cut_by_the_limit) = (BTreeSet::new(), BTreeSet::new(), 0);
    sample(|case: PayloadCase| {
        if let Some(Err(error)) = case.payload().get(2..).map(std::str::from_utf8) {
            let fault = &case.payload()[2 + error.valid_up_to()..];
            faults.insert((fault[0], error.error_len().unwrap_or(fault.len()), error.error_len().is_none()));
            places.insert(error.valid_up_to());
            cut_by_the_limit += u32::from(error.error_len().is_none() && case.payload().len() == 125);
        }
    });
    // RFC 3629, 4: each byte that is not ASCII can be wrong by itself. A byte that begins a character can also be
    // followed by too few bytes for that character, inside the reason or at its end.
    let mut expected: BTreeSet<_> = (0x80..=0xff).map(|byte| (byte, 1, false)).collect();
    for (bytes, len) in [(0xc2..=0xdf, 2), (0xe0..=0xef, 3), (0xf0..=0xf4, 4)] {
        expected.extend(bytes.flat_map(|byte| (1..len).flat_map(move |cut| [(byte, cut, false), (byte, cut, true)])));
    }
    assert_eq!(faults, expected);
    assert_eq!(places, (0..=122).collect());
    assert!(cut_by_the_limit > 200, "{cut_by_the_limit}");
}

#[test]
fn undefined_codes_come_from_each_range_and_its_ends() {
    let mut codes = BTreeSet::new();
    sample(|case: PayloadCase| {
        if let (Verdict::Refuse { fault: Fault::UndefinedCode, .. }, [high, low, ..]) = (case.verdict(), case.payload())
        {
            codes.insert(u16::from_be_bytes([*high, *low]));
        }
    });
    assert!([0, 999, 1004, 1016, 2999, 5000, 65535].iter().all(|code| codes.contains(code)));
    assert!(codes.len() > 500);
}

#[test]
fn an_outcome_is_allowed_if_it_matches_the_verdict() {
    let accept = Verdict::Accept { code: 1000, reason: "a" };
    let refuse = Verdict::Refuse { fault: Fault::NotUtf8, codes: &[1007, 1002] };
    assert!(accept.allows(Ok((1000, "a"))));
    assert!(refuse.allows(Err(1007)) && refuse.allows(Err(1002)));
    for wrong in [Ok((1000, "")), Ok((1001, "a")), Err(1000), Err(1002)] {
        assert!(!accept.allows(wrong), "{wrong:?}");
    }
    for wrong in [Ok((1007, "")), Err(1000), Err(1006)] {
        assert!(!refuse.allows(wrong), "{wrong:?}");
    }
}

#[test]
fn a_case_shows_its_payload_and_its_verdict() {
    let case: PayloadCase = Unstructured::new(&[]).arbitrary().unwrap();
    assert_eq!(format!("{case:?}"), r#"PayloadCase { payload: [], verdict: Accept { code: 1005, reason: "" } }"#);
}

#[test]
fn codes_are_legal_and_named_codes_are_frequent() {
    let mut counts = BTreeMap::<_, u32>::new();
    sample(|code: CloseCode| {
        assert!(may_be_sent(code.get()));
        *counts.entry(code.get()).or_default() += 1;
    });
    for named in (1000..=1003).chain(1007..=1014).chain([3000, 3003, 3008, 3999, 4000, 4999]) {
        assert!(counts[&named] > 500, "{named}");
    }
    assert!(counts.len() > 500);
}

#[test]
fn frames_have_many_lengths_and_keep_the_limits() {
    let (mut borrowed, mut owned) = (BTreeSet::new(), BTreeSet::new());
    let look = |frame: CloseFrame<'_>, lengths: &mut BTreeSet<usize>| {
        assert!(frame.code().is_some() || frame.reason().is_empty());
        assert!(frame.reason().len() <= 123);
        lengths.insert(frame.payload_len());
    };
    sample(|frame: OwnedCloseFrame| look(frame.as_frame(), &mut owned));
    // The input is ASCII, so all of it becomes the reason.
    for len in 0..200 {
        let input: Vec<u8> = std::iter::repeat_n(b'~', len).collect();
        look(Unstructured::new(&input).arbitrary().unwrap(), &mut borrowed);
    }
    assert!(owned.contains(&0) && owned.contains(&2) && owned.len() > 5);
    assert!(borrowed.contains(&125) && borrowed.len() > 60, "{borrowed:?}");
}

#[test]
fn events_have_legal_and_illegal_codes_and_are_clean_or_not() {
    let (mut kinds, mut abnormal, mut impossible) = (BTreeSet::new(), 0, 0);
    sample(|event: CloseEvent| {
        kinds.insert((event.to_frame().is_some(), event.was_clean(), event.reason().is_empty()));
        abnormal += u32::from((event.code(), event.reason(), event.was_clean()) == (1006, "", false));
        impossible += u32::from(!may_be_sent(event.code()) && !matches!(event.code(), 1005 | 1006));
    });
    assert_eq!(kinds.len(), 8);
    assert!(abnormal > 4_000, "{abnormal}");
    // Three events in eight have a random number as their code. One in thirty of these is a code that an ending can
    // have.
    assert!((13_000..16_000).contains(&impossible), "{impossible}");
}

#[test]
fn both_roles_come_up_about_equally_often() {
    let mut clients = 0;
    sample(|role: Role| clients += u32::from(role == Role::Client));
    assert!((15_000..25_000).contains(&clients));
}

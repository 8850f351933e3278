//! All 65,536 status codes against the registry, written out by hand.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use websocket_close::registry::{self, REGISTRY};
use websocket_close::{CloseCode, InvalidCloseCode};

/// Whether a Close frame may carry the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Yes,
    Never,
}
use Wire::{Never, Yes};

/// First and last number, name in the registry (or what RFC 6455 calls the range), whether a Close frame may carry the
/// numbers, and words that the description must contain. Sources: RFC 6455, 7.4.1, 7.4.2 and 11.7; IANA, WebSocket
/// Close Code Number Registry, 2026-06-10.
const TABLE: [(u16, u16, &str, Wire, &[&str]); 26] = [
    (0, 999, "Unused", Never, &["not used"]),
    (1000, 1000, "Normal Closure", Yes, &["purpose"]),
    (1001, 1001, "Going Away", Yes, &["server", "page"]),
    (1002, 1002, "Protocol error", Yes, &["protocol"]),
    (1003, 1003, "Unsupported Data", Yes, &["kind of data"]),
    (1004, 1004, "Reserved", Never, &["without a meaning"]),
    (1005, 1005, "No Status Received", Never, &["without a status code"]),
    (1006, 1006, "Abnormal Closure", Never, &["without a close frame"]),
    (1007, 1007, "Invalid frame payload data", Yes, &["utf-8"]),
    (1008, 1008, "Policy Violation", Yes, &["refused", "private"]),
    (1009, 1009, "Message Too Big", Yes, &["message", "too big"]),
    (1010, 1010, "Mandatory Extension", Yes, &["extension", "only clients", "reason"]),
    (1011, 1011, "Internal Error", Yes, &["unexpected"]),
    (1012, 1012, "Service Restart", Yes, &["restart", "random", "5 to 30 seconds"]),
    (1013, 1013, "Try Again Later", Yes, &["overloaded", "another", "user"]),
    (1014, 1014, "Bad Gateway", Yes, &["gateway", "upstream", "502"]),
    (1015, 1015, "TLS handshake", Never, &["tls handshake"]),
    (1016, 2999, "Unassigned", Never, &["protocol", "extensions"]),
    (3000, 3000, "Unauthorized", Yes, &["not authenticated"]),
    (3001, 3002, "Unassigned", Yes, &["libraries", "not registered", "may be sent"]),
    (3003, 3003, "Forbidden", Yes, &["may not"]),
    (3004, 3007, "Unassigned", Yes, &["libraries", "not registered", "may be sent"]),
    (3008, 3008, "Timeout", Yes, &["too long"]),
    (3009, 3999, "Unassigned", Yes, &["libraries", "not registered", "may be sent"]),
    (4000, 4999, "Private Use", Yes, &["agreed", "cannot be registered"]),
    (5000, 65535, "Out of Range", Never, &["4999"]),
];

/// Every number in order, with its row of `TABLE`.
fn numbers() -> impl Iterator<Item = (u16, &'static str, Wire, &'static [&'static str])> {
    TABLE
        .into_iter()
        .flat_map(|(first, last, name, wire, words)| (first..=last).map(move |code| (code, name, wire, words)))
}

#[test]
fn the_table_has_every_number_once() {
    assert!(numbers().map(|(code, ..)| code).eq(0..=u16::MAX));
}

#[test]
fn exactly_the_legal_numbers_become_codes() {
    let mut legal = 0;
    for (number, name, wire, _) in numbers() {
        let code = CloseCode::new(number);
        assert_eq!(code, CloseCode::try_from(number));
        if wire == Yes {
            let code = code.unwrap();
            assert_eq!(code.get(), number);
            assert_eq!(u16::from(code), number);
            assert_eq!(code, number);
            assert_eq!(number, code);
            assert_ne!(code, number + 1);
            assert_ne!(number + 1, code);
            assert_eq!(code.name(), name);
            assert_eq!(code.description(), registry::description(number));
            legal += 1;
        } else {
            let error: InvalidCloseCode = code.unwrap_err();
            assert_eq!(error.get(), number);
        }
    }
    // 1000 to 1003, 1007 to 1014, 3000 to 4999.
    assert_eq!(legal, 2012);
}

#[test]
fn names_and_descriptions_are_those_of_the_table() {
    for (number, name, wire, words) in numbers() {
        assert_eq!(registry::name(number), name, "{number}");
        let description = registry::description(number);
        let lower = description.to_lowercase();
        for word in words {
            assert!(lower.contains(word), "{number} needs {word:?}: {description}");
        }
        assert_eq!(lower.contains("never sent"), wire == Never, "{number}: {description}");
        assert!(description.ends_with('.'), "{number}: {description}");
    }
}

#[test]
fn the_registry_has_the_rows_of_the_table() {
    let rows: Vec<_> = REGISTRY.iter().map(|row| (row.first, row.last, row.name)).collect();
    assert_eq!(rows, TABLE.map(|(first, last, name, ..)| (first, last, name)));
    for row in REGISTRY {
        for code in [row.first, row.last] {
            assert_eq!(registry::description(code), row.description, "{code}");
        }
    }
    assert_eq!(registry::REGISTRY_DATE, "2026-06-10");
}

#[test]
fn each_code_is_in_the_right_range() {
    for code in (0..=u16::MAX).filter_map(|number| CloseCode::new(number).ok()) {
        let number = code.get();
        assert_eq!(code.is_library(), number / 1000 == 3, "{number}");
        assert_eq!(code.is_private(), number / 1000 == 4, "{number}");
        assert_eq!(code.is_allowed_from_script(), number == 1000 || number / 1000 >= 3, "{number}");
    }
}

#[test]
fn each_constant_has_its_number() {
    for (code, number) in [
        (CloseCode::NORMAL_CLOSURE, 1000),
        (CloseCode::GOING_AWAY, 1001),
        (CloseCode::PROTOCOL_ERROR, 1002),
        (CloseCode::UNSUPPORTED_DATA, 1003),
        (CloseCode::INVALID_PAYLOAD, 1007),
        (CloseCode::POLICY_VIOLATION, 1008),
        (CloseCode::MESSAGE_TOO_BIG, 1009),
        (CloseCode::MANDATORY_EXTENSION, 1010),
        (CloseCode::INTERNAL_ERROR, 1011),
        (CloseCode::SERVICE_RESTART, 1012),
        (CloseCode::TRY_AGAIN_LATER, 1013),
        (CloseCode::BAD_GATEWAY, 1014),
        (CloseCode::UNAUTHORIZED, 3000),
        (CloseCode::FORBIDDEN, 3003),
        (CloseCode::TIMEOUT, 3008),
    ] {
        assert_eq!(code.get(), number);
        assert_eq!(code, CloseCode::from_static(number));
    }
}

/// Older tables use other names. A search for one of them in the documentation finds our constant. This test reads the
/// aliases from the source.
#[test]
fn old_names_lead_to_the_constants() {
    let mut found = Vec::new();
    let mut aliases = Vec::new();
    for line in include_str!("../src/code.rs").lines().map(str::trim) {
        if let Some(alias) = line.strip_prefix("#[doc(alias = \"").and_then(|rest| rest.strip_suffix("\")]")) {
            aliases.push(alias);
        } else if let Some(constant) = line.strip_prefix("pub const ") {
            let constant = constant.split(':').next().unwrap();
            found.extend(aliases.drain(..).map(|alias| (alias, constant)));
        }
    }
    for old in [
        ("CLOSE_NORMAL", "NORMAL_CLOSURE"),
        ("CLOSE_GOING_AWAY", "GOING_AWAY"),
        ("CLOSE_PROTOCOL_ERROR", "PROTOCOL_ERROR"),
        ("CLOSE_UNSUPPORTED", "UNSUPPORTED_DATA"),
        ("CLOSE_INVALID_DATA", "INVALID_PAYLOAD"),
        ("CLOSE_POLICY_VIOLATION", "POLICY_VIOLATION"),
        ("CLOSE_TOO_LARGE", "MESSAGE_TOO_BIG"),
        ("CLOSE_EXTENSION_REQUIRED", "MANDATORY_EXTENSION"),
        ("INTERNAL_SERVER_ERROR", "INTERNAL_ERROR"),
    ] {
        assert!(found.contains(&old), "{old:?}");
    }
}

/// The error contains the number and its name in the registry, for every number that is refused.
#[test]
fn the_error_tells_the_number_and_its_name() {
    for (number, name, wire, _) in numbers() {
        if wire == Never {
            let text = CloseCode::new(number).unwrap_err().to_string();
            assert!(text.contains(&number.to_string()), "{number}: {text}");
            assert!(text.to_lowercase().contains(&name.to_lowercase()), "{number}: {text}");
        }
    }
}

#[test]
fn the_registry_works_in_a_const() {
    const NAME: &str = registry::name(1006);
    const DESCRIPTION: &str = registry::description(1012);
    const ROWS: usize = REGISTRY.len();
    assert_eq!((NAME, ROWS), ("Abnormal Closure", 26));
    assert!(DESCRIPTION.contains("restart"));
}

#[test]
fn codes_order_and_hash_like_their_numbers() {
    let codes: Vec<CloseCode> = (0..=u16::MAX).filter_map(|number| CloseCode::new(number).ok()).collect();
    assert!(codes.is_sorted_by(|a, b| a < b));
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len());
}

/// `Option` takes no extra space, because `None` uses a number that is not a code.
#[test]
fn an_optional_code_takes_two_bytes() {
    assert_eq!(size_of::<CloseCode>(), 2);
    assert_eq!(size_of::<Option<CloseCode>>(), 2);
    assert_eq!(size_of::<Result<CloseCode, InvalidCloseCode>>(), 4);
}

/// The panic comes at run time. In a `const` the literal does not compile; a doc test of `from_static` checks that.
#[test]
#[should_panic(expected = "Close frame")]
fn from_static_panics_for_a_wrong_literal() {
    let _ = CloseCode::from_static(1006);
}

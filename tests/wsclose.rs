//! The example `wsclose`: its command line, its exit status, and every vector through `decode --json`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;
#[allow(dead_code, reason = "`main` is not called here")]
#[path = "../examples/wsclose.rs"]
mod wsclose;

use std::io::{self, Write};

use common::{assert_verdict, vectors};
use serde_json::Value;

/// Exit status, standard output and standard error of a command line.
fn run(args: &[&str], input: &str) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    let status = wsclose::wsclose(args, input.as_bytes(), &mut out, &mut err);
    (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn vectors_as_json() {
    let mut passed = 0;
    for (level, hex, role, options) in [
        ("payload", "payload_hex", None, ["--payload"].as_slice()),
        ("frame", "frame_hex", Some("client"), &["--role", "client"]),
        ("frame", "frame_hex", Some("server"), &["--role=server"]),
    ] {
        let mut records = vectors("level");
        records.retain(|r| r["level"] == level && role.is_none_or(|role| r["role"] == role));
        // Empty lines are skipped, so an empty input has to be an argument.
        let (empty, records): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| record[hex] == "");
        let lines = records.iter().map(|record| record[hex].as_str().unwrap()).collect::<Vec<_>>().join("\n");

        let command = [&["decode", "--json"], options].concat();
        let (status, out, err) = run(&command, &lines);
        assert_eq!((status, err.as_str()), (0, ""));
        let mut verdicts: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(verdicts.len(), records.len());

        for _ in &empty {
            let (_, out, _) = run(&[&command[..], &[""]].concat(), "no hex, and not read");
            verdicts.push(serde_json::from_str(&out).unwrap());
        }
        for (record, verdict) in records.iter().chain(&empty).zip(&verdicts) {
            assert_verdict(record, verdict);
            let keys: Vec<&String> = verdict.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["code", "consumed", "error_kind", "fail_code", "has_code", "outcome", "reason"]);
            passed += 1;
        }
    }
    assert_eq!(passed, vectors("level").len());
}

/// Each fault and its name, and where the frame ends if it is wholly in view.
#[test]
fn faults_as_json() {
    for (hex, kind, fail_code, consumed) in [
        ("08", "fragmented_control", 1002, None),
        ("c8", "reserved_bits", 1002, None),
        ("887e", "control_too_long", 1002, None),
        ("827f8000000000000000", "length_high_bit", 1002, None),
        ("8801", "payload_len_1", 1002, None),
        ("88010388", "payload_len_1", 1002, Some(3)),
        ("888100000000", "payload_len_1", 1002, None),
        ("88810000000003", "payload_len_1", 1002, Some(7)),
        ("880203ed", "reserved_code", 1002, Some(4)),
        ("88820000000003f8ff", "unassigned_code", 1002, Some(8)),
        ("8802ffff", "code_out_of_range", 1002, Some(4)),
        ("880303e8ff", "invalid_utf8", 1007, Some(5)),
    ] {
        let (status, out, _) = run(&["decode", "--json", hex], "");
        let verdict: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((status, &verdict["outcome"]), (0, &"error".into()), "{hex}");
        assert_eq!(verdict["error_kind"], kind, "{hex}");
        assert_eq!(verdict["fail_code"], fail_code, "{hex}");
        assert_eq!(verdict["consumed"].as_u64(), consumed, "{hex}");
        assert!(verdict["code"].is_null() && verdict["has_code"].is_null() && verdict["reason"].is_null(), "{hex}");

        let (status, out, _) = run(&["decode", hex], "");
        assert_eq!(status, 1, "{hex}");
        assert!(out.contains(&format!("answer      {fail_code} ")), "{hex}: {out}");
    }
    for (role, hex, kind) in [("client", "8880", "unexpected_mask"), ("server", "8800", "not_masked")] {
        let (_, out, _) = run(&["decode", "--json", "--role", role, hex], "");
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["error_kind"], kind);
    }
}

/// Controls, bidi controls, what has no width, what separates lines, and a tag beyond U+FFFF.
const DISTURBING: &str = "\u{0}\u{7}\t\r\n\u{1b}\u{7f}\u{80}\u{85}\u{9b}\u{9f}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{2029}\
    \u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}\u{fffe}\u{e0001}\u{10fffd}";

#[test]
fn no_reason_disturbs_who_prints_it() {
    for reason in [DISTURBING, "\"\\/'", "plain é 中 😀", "e\u{301}"] {
        let hex = hex::encode([b"\x03\xe8", reason.as_bytes()].concat());
        for args in [&["decode", "--json", "--payload", &hex][..], &["decode", "--payload", &hex]] {
            let (_, out, _) = run(args, "");
            let printed = out.trim_end_matches('\n').chars();
            let raw = printed.filter(|c| *c != '\n' && !matches!(c, ' '..='~') && c.escape_debug().len() > 1);
            // The form for people leaves combining characters as they are, unless they come first.
            let raw: Vec<char> = raw.filter(|c| args.contains(&"--json") || *c != '\u{301}').collect();
            assert_eq!(raw, [], "{args:?}: {out:?}");
        }
        // After parsing, nothing has changed.
        let (_, out, _) = run(&["decode", "--json", "--payload", &hex], "");
        assert_eq!(out.lines().count(), 1);
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["reason"], reason);
    }
    // Text that can be read stays text.
    let hex = hex::encode("\u{3}é 中 😀".as_bytes()).replacen("03", "03f3", 1);
    assert!(run(&["decode", "--json", "--payload", &hex], "").1.contains("é 中 😀"));
}

#[test]
fn decode_for_people() {
    let (status, out, err) = run(&["decode", "88856c10d27663b1b00f09"], "");
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "A Close frame, from a client to a server, 11 bytes\n\
        \x20 code        4001 (private use)\n\
        \x20             Means what the two ends have agreed on; cannot be registered.\n\
        \x20 reason      \"bye\", 3 bytes\n\
        \x20 answer      4001 (private use): 88020fa1\n\
        \x20 CloseEvent  { code: 4001, reason: \"bye\", wasClean: true }\n"
    );
    // The same, unquoted and byte by byte, with a ping behind it; and from a server, so that the answer is masked.
    let (status, out, _) = run(&["decode", "88", "02", "03", "E8", "89", "00"], "");
    assert_eq!(status, 0);
    assert!(out.contains("from a server to a client, 4 bytes"), "{out}");
    assert!(out.contains("88820000000003e8"), "{out}");
    assert!(out.contains("2 bytes after the frame"), "{out}");

    for (args, said) in [
        (&["decode", ""][..], "at least 2 more needed"),
        (&["decode", "88 85 6c"], "from a client to a server, 3 bytes: at least 8 more needed"),
        (&["decode", "8900"], "opcode 0x9 (ping), 2 bytes"),
        (&["decode", "81"], "opcode 0x1 (text), of unknown length"),
        (&["decode", "8302ffff"], "opcode 0x3 (reserved), 4 bytes"),
        (&["decode", "--payload", "03"], "A bad payload, 1 byte"),
        (&["decode", "880203ed"], "1005 (no status received)"),
        (&["decode", "880303e8ff"], "{ code: 1006, reason: \"\", wasClean: false }"),
    ] {
        let (status, out, _) = run(args, "");
        assert_eq!(status, 1, "{args:?}");
        assert!(out.contains(said), "{args:?}: {out}");
    }
}

#[test]
fn lines() {
    let input = "# a capture\n\n8800 # empty\r\n  88 02 03 e8\n\t\n8800";
    let (status, out, _) = run(&["decode", "--json"], input);
    assert_eq!((status, out.lines().count()), (0, 3));

    // The lines before a bad one are decoded. The error says which line is bad.
    let (status, out, err) = run(&["decode", "--json"], "8800\n# fine\n88zz\n8800\n");
    assert_eq!((status, out.lines().count()), (2, 1));
    assert!(err.contains("line 3 "), "{err}");
}

#[test]
fn encode() {
    for (args, hex) in [
        (&["encode"][..], "8800\n"),
        (&["encode", "1001", "bye"], "880503e9627965\n"),
        (&["encode", "1001", "bye", "--mask", "37fa213d"], "888537fa213d3413434452\n"),
        (&["encode", "--payload", "1001", "bye"], "03e9627965\n"),
        (&["encode", "--payload"], "\n"),
        (&["encode", "1000", "--", "--mask"], "880803e82d2d6d61736b\n"),
    ] {
        assert_eq!(run(args, ""), (0, hex.into(), String::new()), "{args:?}");
    }
    let long = "€".repeat(42);
    assert_eq!(run(&["encode", "1000", &long], "").0, 2);
    let cut = format!("03e8{}\n", "e282ac".repeat(41));
    assert_eq!(run(&["encode", "--payload", "--truncate", "1000", &long], ""), (0, cut, String::new()));
}

#[test]
fn codes() {
    let (status, out, _) = run(&["codes"], "");
    assert_eq!(status, 0);
    assert!(out.contains("1014 + Bad Gateway"), "{out}");
    assert!(out.contains("1006   Abnormal Closure"), "{out}");

    for (code, said) in [("1000", "close() accepts it"), ("1001", "close() refuses it"), ("1006", "Not allowed")] {
        let (status, out, _) = run(&["codes", code], "");
        assert_eq!(status, 0);
        assert!(out.contains(said), "{out}");
    }
}

#[test]
fn bad_usage_is_one_line_and_status_2() {
    for args in [
        &[][..],
        &["explain"],
        &["--json"],
        &["decode", "--a\n\u{9b}"],
        &["decode", "8"],
        &["decode", "88zz"],
        &["decode", "8800", "xx"],
        &["decode", "--role", "proxy", "8800"],
        &["decode", "--role"],
        &["decode", "--mask", "8800"],
        &["encode", "1005"],
        &["encode", "65536"],
        &["encode", "1000", "a", "b"],
        &["encode", "--mask", "37fa21"],
        &["encode", "--mask", "37fa213d", "--payload"],
        &["codes", "-1"],
        &["codes", "1000", "1001"],
    ] {
        let (status, _, err) = run(args, "");
        assert_eq!((status, err.lines().count()), (2, 1), "{args:?}: {err}");
        assert!(!err.trim_end().contains(char::is_control), "{args:?}: {err:?}");
    }
    let (status, out, err) = run(&["--help"], "");
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains("wsclose decode"));
}

/// A pipe that nobody reads any more, as behind `wsclose codes | head -1`.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut err = Vec::new();
    assert_eq!(wsclose::wsclose(["codes"], io::empty(), Closed, &mut err), 0);
    assert!(err.is_empty());
}

//! `decode`, `encode` and `codes`: the command line, the exit status, and every vector through `decode --json`.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;
#[allow(dead_code, reason = "it looks for the vectors in another crate")]
#[path = "../../tests/common/mod.rs"]
mod verdicts;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use common::{lines, run};
use serde_json::Value;
use verdicts::assert_verdict;

/// The records of websocket-close's vectors that have a level.
fn vectors() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/conformance.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn vectors_as_json() {
    let mut passed = 0;
    for (level, hex, role, options) in [
        ("payload", "payload_hex", None, ["--payload"].as_slice()),
        ("frame", "frame_hex", Some("client"), &["--role", "client"]),
        ("frame", "frame_hex", Some("server"), &["--role=server"]),
    ] {
        let mut records = vectors();
        records.retain(|record| record["level"] == level && role.is_none_or(|role| record["role"] == role));
        // Empty lines are skipped, so an empty input has to be an argument.
        let (empty, records): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| record[hex] == "");
        let input = records.iter().map(|record| record[hex].as_str().unwrap()).collect::<Vec<_>>().join("\n");

        let command = [&["decode", "--json"], options].concat();
        let (status, out, err) = run(&command, input.as_bytes());
        assert_eq!((status, err.as_str()), (0, ""));
        let mut verdicts = lines(&out);
        assert_eq!(verdicts.len(), records.len());

        for _ in &empty {
            let (_, out, _) = run(&[&command[..], &[""]].concat(), b"no hex, and not read");
            verdicts.push(serde_json::from_str(&out).unwrap());
        }
        for (record, verdict) in records.iter().chain(&empty).zip(&verdicts) {
            assert_verdict(record, verdict);
            let keys: Vec<&String> = verdict.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["code", "consumed", "error_kind", "fail_code", "has_code", "outcome", "reason"]);
            passed += 1;
        }
    }
    assert_eq!(passed, vectors().len());
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
        let (status, out, _) = run(&["decode", "--json", hex], b"");
        let verdict: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((status, &verdict["outcome"]), (0, &"error".into()), "{hex}");
        assert_eq!(verdict["error_kind"], kind, "{hex}");
        assert_eq!(verdict["fail_code"], fail_code, "{hex}");
        assert_eq!(verdict["consumed"].as_u64(), consumed, "{hex}");
        assert!(verdict["code"].is_null() && verdict["has_code"].is_null() && verdict["reason"].is_null(), "{hex}");

        let (status, out, _) = run(&["decode", hex], b"");
        assert_eq!(status, 1, "{hex}");
        assert!(out.contains(&format!("answer      {fail_code} ")), "{hex}: {out}");
    }
    for (role, hex, kind) in [("client", "8880", "unexpected_mask"), ("server", "8800", "not_masked")] {
        let (_, out, _) = run(&["decode", "--json", "--role", role, hex], b"");
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["error_kind"], kind);
    }
}

#[test]
fn decode_for_people() {
    let (status, out, err) = run(&["decode", "88856c10d27663b1b00f09"], b"");
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
    let (status, out, _) = run(&["decode", "88", "02", "03", "E8", "89", "00"], b"");
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
        let (status, out, _) = run(args, b"");
        assert_eq!(status, 1, "{args:?}");
        assert!(out.contains(said), "{args:?}: {out}");
    }
}

#[test]
fn lines_of_input() {
    let input = "# a capture\n\n8800 # empty\r\n  88 02 03 e8\n\t\n8800";
    let (status, out, _) = run(&["decode", "--json"], input.as_bytes());
    assert_eq!((status, out.lines().count()), (0, 3));

    // The lines before a bad one are decoded. The error says which line is bad.
    let (status, out, err) = run(&["decode", "--json"], b"8800\n# fine\n88zz\n8800\n");
    assert_eq!((status, out.lines().count()), (2, 1));
    assert!(err.contains("line 3 "), "{err}");
}

/// The same Close in the shapes in which people paste it, as an argument and as a line.
#[test]
fn shapes_of_hex() {
    for text in [
        "880803e9676f6f646279",
        "88 08 03 e9 67 6f 6f 64 62 79",
        "88:08:03:e9:67:6f:6f:64:62:79",
        "88-08-03-E9-67-6F-6F-64-62-79",
        "88,8,3,e9,67,6f,6f,64,62,79",
        "0x88, 0x8, 0x03, 0xE9, 0x67, 0x6f, 0x6f, 0x64, 0x62, 0x79",
        "{0x88, 0x08, 0x03, 0xe9, 0x67, 0x6f, 0x6f, 0x64, 0x62, 0x79};",
        "0x880803e9676f6f646279",
        r"\x88\x08\x03\xe9\x67\x6f\x6f\x64\x62\x79",
        r#""\x88\x08\x03\xe9\x67\x6f\x6f\x64\x62\x79""#,
        "<Buffer 88 08 03 e9 67 6f 6f 64 62 79>",
        "[88, 08, 03, e9, 67, 6f, 6f, 64, 62, 79]",
        "00000000: 8808 03e9 676f 6f64 6279                 ....goodby",
        "00000000: 88 08 03 e9 67 6f 6f 64 62 79                    ....goodby",
        "00000000  88 08 03 e9 67 6f 6f 64  62 79                    |....goodby|\n0000000a",
        "0000   88 08 03 e9 67 6f 6f 64 62 79                     ....goodby",
        "0000  88 08 03 e9 67 6f 6f 64  62 79                     ....good by",
        "\t0x0000:  8808 03e9 676f 6f64 6279                 ....goodby",
        "0000000 88 08 03 e9 67 6f 6f 64 62 79\n0000012",
        "000000 88 08 03 e9 67 6f 6f 64 62 79\n00000a",
    ] {
        for (status, out, err) in [run(&["decode", "--json", text], b""), run(&["decode", "--json"], text.as_bytes())] {
            assert_eq!((status, err.as_str()), (0, ""), "{text}");
            let found = lines(&out);
            assert_eq!(
                (found.len(), &found[0]["code"], &found[0]["consumed"]),
                (1, &1001.into(), &10.into()),
                "{text}"
            );
            assert_eq!(found[0]["reason"], "goodby", "{text}");
        }
    }
    // Arguments of single bytes are one input.
    let (_, out, _) = run(&["decode", "--json", "0x88,", "0x02,", "0x03,", "0xe8"], b"");
    assert_eq!(lines(&out)[0]["code"], 1000);

    // A dump of several lines, and what follows it.
    let dump = "\
        00000000  81 0e 66 6f 75 72 74 65  65 6e 20 62 79 74 65 73  |..fourteen bytes|\n\
        00000010  88 02 03 e8                                       |....|\n\
        00000014\n\
        8800\n\
        00000000  88 02 03 e9                                       |....|\n\
        00000000  88 02 03 ea                                       |....|\n";
    let (_, out, _) = run(&["decode", "--json"], dump.as_bytes());
    let codes: Vec<_> = lines(&out).iter().map(|line| line["code"].as_u64()).collect();
    assert_eq!(codes, [None, Some(1005), Some(1001), Some(1002)]);
    let (status, out, _) = run(&["decode", &dump[..160]], b"");
    assert!(status == 0 && out.contains("code        1000"), "{out}");

    for text in ["888", "88 0x2g", "0000000 0288 e803", "00000000  88 02\n00000010  03 e8\n", "880203e8 \u{e9}"] {
        for (status, _, err) in [run(&["decode", text], b""), run(&["decode"], text.as_bytes())] {
            assert_eq!((status, err.lines().count()), (2, 1), "{text}");
        }
    }
}

#[test]
fn base64_and_raw_files() {
    for text in ["iAUD6WJ5ZQ==", "iAUD6WJ5ZQ", "iAUD 6WJ5 ZQ=="] {
        let (status, out, _) = run(&["decode", "--base64", "--json", text], b"");
        assert_eq!((status, &lines(&out)[0]["reason"]), (0, &"bye".into()));
    }
    // The alphabet of URLs: the payload of 1000 "\u{fb}\u{ff}".
    let (_, out, _) = run(&["decode", "--base64", "--json", "--payload"], "A-jDu8O_\n".as_bytes());
    assert_eq!(lines(&out)[0]["reason"], "\u{fb}\u{ff}");
    assert_eq!(run(&["decode", "--base64", "iAUD6"], b"").0, 2);

    let file = std::env::temp_dir().join(format!("wsclose-raw-{}", std::process::id()));
    fs::write(&file, b"\x88\x05\x03\xe9bye").unwrap();
    let (status, out, _) = run(&["decode", "--json", "--raw", file.to_str().unwrap()], b"");
    fs::remove_file(&file).unwrap();
    assert_eq!((status, &lines(&out)[0]["code"]), (0, &1001.into()));
    let (_, out, _) = run(&["decode", "--json", "--raw", "-"], b"\x88\x00");
    assert_eq!(lines(&out)[0]["code"], 1005);
    assert_eq!(run(&["decode", "--raw", file.to_str().unwrap()], b"").0, 2, "the file is gone");
    assert_eq!(run(&["decode", "--raw", "-", "8800"], b"").0, 2);
}

/// A stream: a person is led to its first Close. The object is about the first frame alone.
#[test]
fn streams_to_their_first_close() {
    let head = b"GET /chat?token=secret HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
    let frames = b"\x81\x82\0\0\0\0hi\x89\x80\0\0\0\0\x88\x85\0\0\0\0\x03\xe9bye\x88\x80\0\0\0\0";
    let stream = [&head[..], frames].concat();
    let (status, out, _) = run(&["decode", "--raw", "-"], &stream);
    assert_eq!(status, 0);
    for said in
        ["An HTTP head, ", "opcode 0x1 (text), 8 bytes", "opcode 0x9 (ping)", "\"bye\"", "6 bytes after the frame"]
    {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert!(!out.contains("secret"), "no header is shown");
    let (status, out, _) = run(&["decode", "--json", "--raw", "-"], frames);
    assert_eq!((status, &lines(&out)[0]["outcome"]), (0, &"other_opcode".into()));

    // Without a Close, or with a wrong one, the status says so.
    assert_eq!(run(&["decode", "--raw", "-"], &frames[..14]).0, 1);
    assert_eq!(run(&["decode", "--raw", "-"], b"\x81\x00\x88\x02\x03\xed").0, 1);
    assert_eq!(run(&["decode", "--raw", "-"], &head[..20]).0, 1, "half a head");
}

/// A number in decimal is a mistake, even where it is hex, too.
#[test]
fn hints_at_decimal_codes() {
    let (status, out, _) = run(&["decode", "1001"], b"");
    assert!(status == 1 && out.contains("wsclose codes 1001"), "{out}");
    let (status, out, _) = run(&["decode", "--payload", "1001"], b"");
    assert!(status == 0 && out.contains("4097") && out.contains("wsclose codes 1001"), "{out}");
    let (status, out, _) = run(&["decode", "--payload"], b"4001\n");
    assert!(status == 1 && out.contains("wsclose codes 4001"), "{out}");
    let (status, _, err) = run(&["decode", "999"], b"");
    assert!(status == 2 && err.contains("wsclose codes 999"), "{err}");
    assert!(!run(&["decode", "8800"], b"").1.contains("codes"), "that is a frame");
    let (status, _, err) = run(&["codes", "03e8"], b"");
    assert!(status == 2 && err.contains("1000"), "{err}");
}

/// Controls, bidi controls, what has no width, what separates lines, and a tag beyond U+FFFF.
const DISTURBING: &str = "\u{0}\u{7}\t\r\n\u{1b}\u{7f}\u{80}\u{85}\u{9b}\u{9f}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{2029}\
    \u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}\u{fffe}\u{e0001}\u{10fffd}";

#[test]
fn no_reason_disturbs_who_prints_it() {
    for reason in [DISTURBING, "\"\\/'", "plain é 中 😀", "e\u{301}"] {
        let (_, hex, _) = run(&["encode", "--payload", "1000", reason], b"");
        for args in [&["decode", "--json", "--payload", hex.trim()][..], &["decode", "--payload", hex.trim()]] {
            let (_, out, _) = run(args, b"");
            let printed = out.trim_end_matches('\n').chars();
            let raw = printed.filter(|c| *c != '\n' && !matches!(c, ' '..='~') && c.escape_debug().len() > 1);
            // The form for people leaves combining characters as they are, unless they come first.
            let raw: Vec<char> = raw.filter(|c| args.contains(&"--json") || *c != '\u{301}').collect();
            assert_eq!(raw, [], "{args:?}: {out:?}");
        }
        // After parsing, nothing has changed.
        let (_, out, _) = run(&["decode", "--json", "--payload", hex.trim()], b"");
        assert_eq!(out.lines().count(), 1);
        assert_eq!(lines(&out)[0]["reason"], reason);
    }
    // Text that can be read stays text.
    let (_, hex, _) = run(&["encode", "--payload", "1011", "é 中 😀"], b"");
    assert!(run(&["decode", "--json", "--payload", hex.trim()], b"").1.contains("é 中 😀"));
}

/// What was typed, and the names of files, come back in errors.
#[test]
fn no_error_disturbs_who_prints_it() {
    let typed = DISTURBING.replace('\0', "");
    let typed = typed.as_str();
    for args in [
        &[typed][..],
        &["decode", typed],
        &["decode", "--base64", typed],
        &["decode", "--role", typed, "8800"],
        &["decode", &format!("--{typed}")],
        &["decode", "--raw", typed],
        &["encode", typed],
        &["encode", "--mask", typed],
        &["codes", typed],
        &["pcap", typed],
        &["streams", typed, typed],
        &["tap", typed, "127.0.0.1:1"],
    ] {
        let (status, _, err) = run(args, b"");
        assert_eq!((status, err.lines().count()), (2, 1), "{err:?}");
        let raw: Vec<char> =
            err.chars().filter(|c| !matches!(c, '\n' | ' '..='~') && c.escape_debug().len() > 1).collect();
        assert_eq!(raw, [], "{err:?}");
    }
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
        assert_eq!(run(args, b""), (0, hex.into(), String::new()), "{args:?}");
    }
    let long = "€".repeat(42);
    assert_eq!(run(&["encode", "1000", &long], b"").0, 2);
    let cut = format!("03e8{}\n", "e282ac".repeat(41));
    assert_eq!(run(&["encode", "--payload", "--truncate", "1000", &long], b""), (0, cut, String::new()));
}

#[test]
fn codes() {
    let (status, out, _) = run(&["codes"], b"");
    assert_eq!(status, 0);
    assert!(out.contains("1014 + Bad Gateway"), "{out}");
    assert!(out.contains("1006   Abnormal Closure"), "{out}");

    let (_, out, _) = run(&["codes", "--json"], b"");
    let rows = lines(&out);
    assert_eq!(
        rows.iter().map(|row| row["last"].as_u64().unwrap() - row["first"].as_u64().unwrap() + 1).sum::<u64>(),
        65_536
    );
    let (_, out, _) = run(&["codes", "1001", "--json"], b"");
    let row = &lines(&out)[0];
    assert_eq!((&row["first"], &row["last"], &row["name"]), (&1001.into(), &1001.into(), &"Going Away".into()));
    assert_eq!((&row["inFrame"], &row["fromScript"]), (&true.into(), &false.into()));

    for (code, said) in [("1000", "close() accepts it"), ("1001", "close() refuses it"), ("1006", "Not allowed")] {
        let (status, out, _) = run(&["codes", code], b"");
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
        &["streams", "one"],
        &["streams", "no such file", "no such file"],
        &["pcap"],
        &["pcap", "no such file"],
        &["pcap", "--lan", "-"],
        &["tap", "127.0.0.1:0"],
        &["tap", "0.0.0.0:0", "127.0.0.1:1"],
        &["tap", "nonsense", "127.0.0.1:1"],
    ] {
        let (status, _, err) = run(args, b"");
        assert_eq!((status, err.lines().count()), (2, 1), "{args:?}: {err}");
    }
    let (status, out, err) = run(&["--help"], b"");
    assert_eq!((status, err.as_str()), (0, ""));
    for command in ["decode", "streams", "pcap", "tap", "encode", "codes"] {
        assert!(out.contains(&format!("wsclose {command}")));
        assert_eq!(run(&[command, "--help"], b""), (0, out.clone(), String::new()));
    }
    assert_eq!(run(&["--version"], b"").1, concat!("wsclose ", env!("CARGO_PKG_VERSION"), "\n"));
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
    assert_eq!(wsclose::cli::run(["codes"], io::empty(), Closed, &mut err, wsclose::cli::Terminal::default()), 0);
    assert!(err.is_empty());
}

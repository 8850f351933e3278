//! `streams`: two files without a common clock; and what the options change in the output.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{lines, run};
use serde_json::Value;
use wsclose::cli::{self, Terminal};

const REQUEST: &[u8] = b"GET /chat?token=secret HTTP/1.1\r\nUpgrade: websocket\r\nCookie: secret\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
const DEFLATE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15\r\n\r\n";

/// Two files, removed at the end.
struct Files([PathBuf; 2]);

impl Files {
    fn new(client: &[&[u8]], server: &[&[u8]]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let files = ["client", "server"].map(|end| std::env::temp_dir().join(format!("wsclose-{id}-{end}")));
        fs::write(&files[0], client.concat()).unwrap();
        fs::write(&files[1], server.concat()).unwrap();
        Self(files)
    }

    fn run(&self, options: &[&str]) -> (u8, String, String) {
        let files = self.0.each_ref().map(|file| file.to_str().unwrap());
        run(&[&["streams"], options, &files].concat(), b"")
    }

    fn line(&self) -> Value {
        lines(&self.run(&["--json"]).1).remove(0)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for file in &self.0 {
            let _ = fs::remove_file(file);
        }
    }
}

#[test]
fn endings() {
    let text: &[u8] = b"\x81\x82\0\0\0\0hi";
    for (name, client, server, cause, relation, reports) in [
        (
            "answered",
            &[REQUEST, text, b"\x88\x82\0\0\0\0\x03\xe8"][..],
            &[ANSWER, b"\x81\x02hi\x88\x02\x03\xe8"][..],
            "closed",
            Some("answer"),
            [Some(1000), Some(1000)],
        ),
        (
            "two codes",
            &[REQUEST, b"\x88\x82\0\0\0\0\x0f\xa1"],
            &[DEFLATE, b"\xc1\x02hi\x88\x02\x03\xe8"],
            "closed",
            Some("ownOrCrossed"),
            [Some(1000), Some(4001)],
        ),
        (
            "failed by one of them",
            &[REQUEST, b"\x88\x82\0\0\0\0\x03\xea"],
            &[ANSWER, b"\x83\x00\x88\x02\x03\xe8"],
            "failed",
            Some("ownOrCrossed"),
            [Some(1006), Some(1002)],
        ),
        (
            "an answer or not",
            &[REQUEST, b"\x88\x82\0\0\0\0\x03\xf1"],
            &[ANSWER, b"\x88\x02\x03\xf1"],
            "closed",
            Some("answer"),
            [None, None],
        ),
        (
            "unanswered",
            &[REQUEST, text],
            &[ANSWER, b"\x88\x02\x03\xe8"],
            "closed",
            Some("alone"),
            [Some(1000), Some(1006)],
        ),
        ("dropped", &[REQUEST, text], &[ANSWER], "dropped", None, [Some(1006), Some(1006)]),
        ("refused", &[REQUEST], &[b"HTTP/1.1 403 Forbidden\r\n\r\nno"], "refused", None, [Some(1006), Some(1006)]),
        (
            "without heads",
            &[text, b"\x88\x80\0\0\0\0"],
            &[b"\x88\x00"],
            "closed",
            Some("answer"),
            [Some(1005), Some(1005)],
        ),
    ] {
        let (line, swapped) = (Files::new(client, server).line(), Files::new(server, client).line());
        assert_eq!(line["cause"], cause, "{name}: {line}");
        assert_eq!(line["relation"].as_str(), relation, "{name}: {line}");
        assert!(line["first"].is_null(), "{name}: two files have no order");
        for (end, code) in [("client", reports[0]), ("server", reports[1])] {
            assert_eq!(line["reports"][end]["code"].as_u64(), code, "{name}: {line}");
            assert!(line["closes"][end].is_null() || line["closes"][end]["at"].is_null(), "{name}");
        }
        for key in ["cause", "path", "relation", "reports", "closes"] {
            assert_eq!(swapped[key], line[key], "{name}: the two files swapped");
        }
    }
}

#[test]
fn options() {
    let close = b"\x88\x05\x03\xe8bye";
    let files = Files::new(&[REQUEST, b"\x88\x82\0\0\0\0\x03\xe8"], &[ANSWER, close]);
    let (status, out, err) = files.run(&[]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains(" /chat   closed by both, clean\n") && out.contains("\"bye\""), "{out}");
    assert!(!out.contains("secret"), "{out}");
    assert!(files.run(&["--query"]).1.contains("/chat?token=secret"));
    assert!(!files.run(&["--no-reason"]).1.contains("bye"));
    assert!(!files.run(&["--no-reason", "--json"]).1.contains("bye"));
    assert_eq!(files.run(&["--brief"]).1.lines().count(), 1);
    for form in ["--json", "--brief"] {
        assert_eq!(files.run(&[form]).0, 0);
    }
    assert!(!out.contains('\u{1b}'), "no colour without a terminal");

    let terminal = Terminal { color: true, progress: false };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let names = files.0.each_ref().map(|file| file.to_str().unwrap().to_owned());
    let args = ["streams".to_owned()].into_iter().chain(names);
    assert_eq!(cli::run(args, &b""[..], &mut out, &mut err, terminal), 0);
    assert!(String::from_utf8(out).unwrap().contains("\u{1b}[32mclosed by both, clean\u{1b}[0m"));

    // What is not clean, or no WebSocket, says so in the status.
    let files = Files::new(&[REQUEST], &[ANSWER]);
    assert_eq!((files.run(&[]).0, files.run(&["--json"]).0), (1, 1));
    let files = Files::new(&[b"SSH-2.0-x\r\n"], &[b"SSH-2.0-y\r\n"]);
    let (status, out, err) = files.run(&[]);
    assert_eq!((status, out.as_str(), err.lines().count()), (1, "", 1));
    let files = Files::new(&[], &[]);
    assert_eq!(files.run(&[]).0, 1);
}

/// A reason and a path that would disturb a terminal.
#[test]
fn nothing_disturbs_who_prints_it() {
    let reason = "\u{9b}\u{202e}\u{2028}\u{1b}";
    let payload = [&b"\x03\xe8"[..], reason.as_bytes()].concat();
    let frame = [&[0x88, u8::try_from(payload.len()).unwrap()][..], &payload].concat();
    let request = "GET /\u{9b}x HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".as_bytes();
    let files = Files::new(&[request], &[ANSWER, &frame]);
    for form in [&[][..], &["--json"], &["--query"]] {
        let (_, out, _) = files.run(form);
        assert!(out.chars().all(|letter| matches!(letter, '\n' | ' '..='~')), "{out:?}");
    }
    assert_eq!(files.line()["closes"]["server"]["reason"], reason);
}

//! Compares what this crate reports with what Chromium 156 and Firefox 153 were observed to report to a page for the
//! same bytes. All three agree wherever both browsers follow the standards. Each deliberate difference names the
//! section that decides it.
#![allow(clippy::unwrap_used)]

use websocket_close::wire::{self, Peek, Scanner};
use websocket_close::{CloseCode, CloseEvent, CloseFrame, ClosingHandshake, Role, script};

/// code, reason, wasClean
type Report = (u16, &'static str, bool);

const FAILED: Report = (1006, "", false);

/// What happens to the client, in order. After the last step the transport is gone.
#[derive(Clone, Copy)]
enum Step {
    /// The server sends these bytes.
    Bytes(&'static [u8]),
    /// The page calls `close(1000, "mine")`.
    Close,
    /// Everything that the client writes from now on is lost.
    WritesFail,
}
use Step::{Bytes, Close, WritesFail};

struct Row {
    situation: &'static str,
    steps: &'static [Step],
    chromium: Report,
    firefox: Report,
    ours: Report,
    /// Why the three differ: the section that decides it, and what it says. Empty if all three agree.
    difference: &'static str,
}

/// All three agree.
const fn same(situation: &'static str, steps: &'static [Step], report: Report) -> Row {
    Row { situation, steps, chromium: report, firefox: report, ours: report, difference: "" }
}

const fn differ(
    situation: &'static str,
    steps: &'static [Step],
    [chromium, firefox, ours]: [Report; 3],
    difference: &'static str,
) -> Row {
    Row { situation, steps, chromium, firefox, ours, difference }
}

const LONGEST: &str = match std::str::from_utf8(&[b'a'; 123]) {
    Ok(reason) => reason,
    Err(_) => "",
};

/// A Close with 1000 and [`LONGEST`].
const LONGEST_FRAME: &[u8] = &{
    let mut frame = [b'a'; 127];
    [frame[0], frame[1], frame[2], frame[3]] = [0x88, 0x7d, 0x03, 0xe8];
    frame
};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    same("a Close without a payload", &[Bytes(b"\x88\x00")], (1005, "", true)),
    same("a code alone", &[Bytes(b"\x88\x02\x03\xe8")], (1000, "", true)),
    same("a code and a reason", &[Bytes(b"\x88\x06\x03\xe9done")], (1001, "done", true)),
    same("1014, which some libraries refuse", &[Bytes(b"\x88\x02\x03\xf6")], (1014, "", true)),
    same("a library's code", &[Bytes(b"\x88\x02\x0b\xb8")], (3000, "", true)),
    same("the last private code", &[Bytes(b"\x88\x02\x13\x87")], (4999, "", true)),
    same("the longest reason", &[Bytes(LONGEST_FRAME)], (1000, LONGEST, true)),
    same("a reason that is not UTF-8", &[Bytes(b"\x88\x03\x03\xe8\xff")], FAILED),
    same("a reason that ends inside a character", &[Bytes(b"\x88\x04\x03\xe8\xe2\x82")], FAILED),
    same("a byte order mark in front of the reason",
        &[Bytes(b"\x88\x07\x03\xe8\xef\xbb\xbfhi")], (1000, "\u{feff}hi", true)),
    same("control characters in the reason", &[Bytes(b"\x88\x05\x03\xe8\0\r\n")], (1000, "\0\r\n", true)),
    same("a Close without FIN", &[Bytes(b"\x08\x02\x03\xe8")], FAILED),
    same("a Close with RSV1", &[Bytes(b"\xc8\x02\x03\xe8")], FAILED),
    same("a length of 16 bits for a short payload", &[Bytes(b"\x88\x7e\x00\x02\x03\xe8")], FAILED),
    same("a payload of 126 bytes", &[Bytes(b"\x88\x7e\x00\x7e\x03\xe8")], FAILED),
    same("the bytes of a Close one by one",
        &[Bytes(b"\x88"), Bytes(b"\x03"), Bytes(b"\x03"), Bytes(b"\xe8"), Bytes(b"x")], (1000, "x", true)),
    same("a Close between the fragments of a message",
        &[Bytes(b"\x01\x01a"), Bytes(b"\x88\x02\x03\xe8")], (1000, "", true)),
    same("the start of a further frame behind the Close", &[Bytes(b"\x88\x02\x03\xe8\x81")], (1000, "", true)),
    same("FIN or RST without a Close, a failed opening", &[], FAILED),
    same("FIN inside a Close", &[Bytes(b"\x88\x05\x03\xe8b")], FAILED),
    same("FIN or RST before the answer is out", &[WritesFail, Bytes(b"\x88\x05\x03\xe8bye")], (1000, "bye", false)),
    same("close(1000, mine) answered with another code",
        &[Close, Bytes(b"\x88\x07\x0b\xb8yours")], (3000, "yours", true)),
    same("close(1000, mine) answered without a code", &[Close, Bytes(b"\x88\x00")], (1005, "", true)),
    same("close(1000, mine) never answered", &[Close], FAILED),
    same("close(1000, mine) with a bad answer", &[Close, Bytes(b"\x88\x03\x03\xe8\xff")], FAILED),
    differ("a payload of one byte", &[Bytes(b"\x88\x01\x03")], [FAILED, (1005, "", true), FAILED],
        "RFC 6455, 5.5.1: a body begins with a code of two bytes"),
    differ("a code that only reports", &[Bytes(b"\x88\x02\x03\xed")], [FAILED, (1005, "", true), FAILED],
        "RFC 6455, 7.4.1: 1005, 1006 and 1015 are never in a Close"),
    differ("a code that is not assigned", &[Bytes(b"\x88\x02\x03\xe7")], [(999, "", true), (999, "", true), FAILED],
        "RFC 6455, 7.4: 0-999, 1004, 1016-2999 and 5000-65535 are not defined; all servers refuse them"),
    differ("a masked Close", &[Bytes(b"\x88\x82\0\0\0\0\x03\xe8")], [FAILED, (1000, "", true), FAILED],
        "RFC 6455, 5.1: a server never masks"),
    differ("a whole frame behind the Close",
        &[Bytes(b"\x88\x02\x03\xe8\x81\x00")], [FAILED, (1000, "", true), (1000, "", true)],
        "RFC 6455, 1.4: everything after the Close is discarded"),
    differ("RST after both Closes",
        &[Bytes(b"\x88\x05\x03\xe8bye")], [(1000, "bye", false), (1000, "bye", true), (1000, "bye", true)],
        "RFC 6455, 7.1.4: the handshake was complete"),
    differ("a failed TLS handshake", &[], [FAILED, (1015, "", false), FAILED],
        "WHATWG WebSockets, feedback from the protocol: a page cannot tell one failed opening from another"),
];

#[test]
fn every_row_gives_its_event() {
    for row in ROWS {
        let event = play(row.steps).closing.event();
        assert_eq!((event.code(), event.reason(), event.was_clean()), row.ours, "{}", row.situation);
        let agreed = row.chromium == row.ours && row.firefox == row.ours;
        assert_eq!(agreed, row.difference.is_empty(), "{}", row.situation);
    }
}

#[test]
fn each_difference_is_listed_once() {
    let mut differences: Vec<_> = ROWS.iter().map(|row| row.difference).filter(|why| !why.is_empty()).collect();
    let listed = differences.len();
    differences.sort_unstable();
    differences.dedup();
    assert_eq!(differences.len(), listed);
    assert!(differences.iter().all(|why| why.starts_with("RFC ") || why.starts_with("WHATWG ")));
}

/// A server sends each code with a reason. The browsers have no list of legal codes.
#[test]
fn every_code_from_a_server_is_reported_as_expected() {
    for code in 0..=u16::MAX {
        let payload = [&code.to_be_bytes()[..], b"why"].concat();
        let chromium = match code {
            1005 | 1006 | 1015 => (1006, "", false),
            _ => (code, "why", true),
        };
        let firefox = (code, "why", true);
        let mut stack = Stack::new();
        stack.read(&[&[0x88, 5], &payload[..]].concat());
        let event = stack.closing.event();
        let ours = (event.code(), event.reason(), event.was_clean());
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => assert!(ours == chromium && ours == firefox, "{code}"),
            // RFC 6455, 7.4: reserved, or not defined.
            _ => assert_eq!(ours, FAILED, "{code}"),
        }
        let observed = CloseEvent::observed(&payload);
        assert_eq!((observed.code(), observed.reason(), observed.was_clean()), chromium, "{code}");
    }
}

/// For every payload in the table, `observed` reports what Chromium does.
#[test]
fn observed_reports_what_chromium_reports() {
    for row in ROWS.iter().filter(|row| !row.situation.starts_with("RST")) {
        match row.steps {
            [Bytes([0x88, len @ 0..=0x7d, payload @ ..])] if usize::from(*len) == payload.len() => {
                let event = CloseEvent::observed(payload);
                assert_eq!((event.code(), event.reason(), event.was_clean()), row.chromium, "{}", row.situation);
            }
            _ => {}
        }
    }
    assert_eq!(CloseEvent::observed(&[b'a'; 126]).code(), 1006);
}

/// The answers to a Close, as rows of payload, Chromium's code, Firefox's code, our code, and why they differ. 1005 is
/// an empty Close, and `None` is no Close. The browsers echo the reason too. We leave it out, because RFC 6455, 5.5.1
/// only mentions the code.
#[test]
fn every_close_gets_its_answer() {
    #[rustfmt::skip]
    let rows = [
        (&b""[..], Some(1005), Some(1005), 1005, ""),
        (b"\x03\xe8bye", Some(1000), Some(1000), 1000, ""),
        (b"\x0b\xb8", Some(3000), Some(3000), 3000, ""),
        (b"\x03", Some(1002), Some(1005), 1002, "RFC 6455, 5.5.1: a code has two bytes"),
        (b"\x00\x00", Some(0), Some(1005), 1002, "RFC 6455, 7.4.2: not used"),
        (b"\x03\xed", Some(1002), Some(1005), 1002, "RFC 6455, 7.4.1: never in a Close"),
        (b"\x03\xe8\xff", Some(1002), None, 1007,
            "RFC 6455, 7.4.1: 1007 is for text that is not UTF-8; 7.1.7: a Close goes first"),
    ];
    for (payload, chromium, firefox, ours, difference) in rows {
        let mut stack = Stack::new();
        stack.read(&[&[0x88, u8::try_from(payload.len()).unwrap()], payload].concat());
        assert_eq!(
            stack.answer.map(|answer| (answer.code().map_or(1005, CloseCode::get), answer.reason())),
            Some((ours, ""))
        );
        assert_eq!(stack.closing.ours(), stack.answer);
        let agreed = [chromium, firefox] == [Some(ours); 2];
        assert_eq!(agreed, difference.is_empty(), "{payload:x?}");
    }
}

/// `close()`: both browsers take exactly 1000 and 3000 to 4999. They differ on a reason without a code, where the
/// standard is silent.
#[test]
fn close_takes_1000_and_3000_to_4999() {
    for code in 0..=u16::MAX {
        let browsers = code == 1000 || (3000..=4999).contains(&code);
        assert_eq!(script::close(Some(code), None).is_ok(), browsers, "{code}");
    }
    // Chromium: InvalidAccessError. Firefox: an empty frame. WebSocketStream, undici and Bun: 1000.
    assert_eq!(script::close(None, Some("x")), Ok(CloseFrame::from_static(1000, "x")));
}

/// A client that reads bytes, and writes each Close at once.
struct Stack {
    closing: ClosingHandshake,
    scanner: Scanner,
    unread: Vec<u8>,
    /// What it answered to the server's Close.
    answer: Option<CloseFrame<'static>>,
    writes_fail: bool,
}

fn play(steps: &[Step]) -> Stack {
    let mut stack = Stack::new();
    for step in steps {
        match step {
            Bytes(bytes) => stack.read(bytes),
            Close => {
                let close = stack.closing.start(script::close(Some(1000), Some("mine")).unwrap());
                stack.write(close.is_some());
            }
            WritesFail => stack.writes_fail = true,
        }
    }
    stack
}

impl Stack {
    fn new() -> Self {
        Self {
            closing: ClosingHandshake::new(Role::Client),
            scanner: Scanner::new(),
            unread: Vec::new(),
            answer: None,
            writes_fail: false,
        }
    }

    fn read(&mut self, bytes: &[u8]) {
        self.unread.extend(bytes);
        loop {
            let skipped = self.scanner.skip(&self.unread).unwrap();
            self.unread.drain(..skipped);
            let answer = match wire::peek(Role::Client, &mut self.unread) {
                Ok(Peek::Close(close)) => {
                    let len = close.frame_len();
                    let answer = match close.decode() {
                        Ok(frame) => self.closing.receive(frame),
                        Err(error) => self.closing.reject(error),
                    };
                    self.unread.drain(..len);
                    answer
                }
                Err(error) => {
                    self.unread.clear();
                    self.closing.reject(error)
                }
                Ok(Peek::Incomplete { .. } | Peek::NotClose(_)) => return,
            };
            self.answer = self.answer.or(answer);
            self.write(answer.is_some());
        }
    }

    fn write(&mut self, frame: bool) {
        if frame && !self.writes_fail {
            self.closing.mark_written();
        }
    }
}

//! The check: thousands of endings in a headless browser, each compared with what the crate reports for the same bytes.
//!
//! The browser is the judge. If it and the crate differ, the difference is in a literal table here: [`HANDED_ON`],
//! [`TAKEN_BY_FIREFOX`] or [`ENDINGS`]. The check demands each difference, so one that vanishes is a failure, too.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{timeout, timeout_at};
use websocket_close::{CloseEvent, CloseEventInit, OwnedCloseFrame, script};

use crate::Lab;
use crate::browser::{Browser, Kind};
use crate::run::{Ending, Fault, First, Log, Plan};

/// The deadline for the browser's whole part.
const DEADLINE: Duration = Duration::from_secs(80);
/// How long the server's ends may take when the browser is gone.
const SETTLING: Duration = Duration::from_secs(5);

/// The codes that both browsers report as clean, although RFC 6455 (7.4) and this crate refuse them.
const HANDED_ON: [RangeInclusive<u16>; 4] = [0..=999, 1004..=1004, 1016..=2999, 5000..=65535];

/// The codes that only Firefox reports as clean. It answers them with an empty Close.
const TAKEN_BY_FIREFOX: [u16; 3] = [1005, 1006, 1015];
/// Firefox reports a payload of one byte as if there were no payload.
const ONE_BYTE_BY_FIREFOX: u16 = 1005;
/// One code of [`HANDED_ON`] that Firefox reports, but answers with an empty Close.
const EMPTY_ANSWER_BY_FIREFOX: u16 = 0;

/// The codes that a script may pass to `close()`, by its first step in the WHATWG standard.
const FROM_SCRIPT: [RangeInclusive<u16>; 2] = [1000..=1000, 3000..=4999];

/// Faults and endings for a Close with 4001 and "bye", then Chromium's event, Firefox's event, and this crate's event.
///
/// Chromium fails the connection if a whole frame follows the Close, but RFC 6455 (1.4, 5.5.1) discards the frame.
/// Chromium calls a reset unclean, but by the RFC (7.1.4) only the two Closes count. Firefox takes a payload of one
/// byte for an empty one, and accepts a masked frame.
const ENDINGS: [(First, Fault, Ending, Told, Reports, Told); 22] = [
    (First::Server, Fault::None, Ending::Clean, BYE, Always(BYE), BYE),
    (First::Server, Fault::None, Ending::Half, BYE, RACE, BYE),
    (First::Server, Fault::None, Ending::Silent, BYE, Always(BYE), BYE),
    (First::Server, Fault::ByteByByte, Ending::Clean, BYE, Always(BYE), BYE),
    (First::Server, Fault::Missing, Ending::Clean, LOST, Always(LOST), LOST),
    (First::Server, Fault::Missing, Ending::Reset, LOST, Always(LOST), LOST),
    (First::Server, Fault::CutShort, Ending::Clean, LOST, Always(LOST), LOST),
    (First::Server, Fault::CutShort, Ending::Reset, LOST, Always(LOST), LOST),
    (First::Server, Fault::OneByte, Ending::Clean, LOST, Always((1005, "", true)), LOST),
    (First::Server, Fault::NotUtf8, Ending::Clean, LOST, Always(LOST), LOST),
    (First::Server, Fault::CutCharacter, Ending::Clean, LOST, Always(LOST), LOST),
    (First::Server, Fault::TooLong, Ending::Clean, LOST, Always(LOST), LOST),
    (First::Server, Fault::LongForm, Ending::Clean, LOST, Always(LOST), LOST),
    (First::Server, Fault::Fragmented, Ending::Clean, LOST, Always(LOST), LOST),
    (First::Server, Fault::Rsv1, Ending::Clean, LOST, Always(LOST), LOST),
    (First::Server, Fault::Masked, Ending::Clean, LOST, Always(BYE), LOST),
    (First::Page, Fault::NotUtf8, Ending::Clean, LOST, Always(LOST), LOST),
    (First::Page, Fault::Missing, Ending::Clean, LOST, Always(LOST), LOST),
    (First::Page, Fault::Missing, Ending::Reset, LOST, Always(LOST), LOST),
    (First::Server, Fault::DataAfter, Ending::Clean, LOST, Always(BYE), BYE),
    (First::Server, Fault::None, Ending::Reset, CUT, RACE, BYE),
    (First::Page, Fault::None, Ending::Reset, (4001, "", false), Always((4001, "", true)), (4001, "", true)),
];

/// Code, reason, wasClean.
type Told = (u16, &'static str, bool);
const BYE: Told = (4001, "bye", true);
const CUT: Told = (4001, "bye", false);
const LOST: Told = (1006, "", false);

/// What a browser reports about an ending.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reports {
    Always(Told),
    /// Firefox sees the end of TCP either after it has answered the Close, which is clean, or before, which is not.
    EndRacesAnswer {
        answered: Told,
        unanswered: Told,
    },
}
use Reports::{Always, EndRacesAnswer};

const RACE: Reports = EndRacesAnswer { answered: BYE, unanswered: CUT };

/// One WebSocket of the check.
pub struct Case {
    kind: Kind,
    group: &'static str,
    name: String,
    pub plan: Plan,
    /// The arguments of `close()`, if the page closes first.
    pub close: Option<CloseCall>,
    expected: Expected,
}

/// The arguments of `close(code, reason)`. The reason is in UTF-16.
#[derive(Clone, Serialize)]
pub struct CloseCall {
    code: Option<u16>,
    reason: Option<Vec<u16>>,
}

enum Expected {
    /// The server closes. Browser and crate report the same.
    Same,
    /// The server closes with a code of [`HANDED_ON`].
    HandedOn,
    /// The server closes with what only Firefox takes. It reports this code.
    TakenByFirefox(u16),
    /// A row of [`ENDINGS`].
    Told { browser: Reports, ours: Told },
    /// The page closes. Browser and crate agree on the exception or on the bytes.
    PageCloses,
}

/// What the page posts when it is done.
#[derive(Deserialize)]
pub struct Findings {
    seen: Vec<Seen>,
    close: CloseArguments,
}

#[derive(Deserialize)]
struct Seen {
    threw: Option<String>,
    error: bool,
    event: CloseEvent,
}

#[derive(Deserialize)]
struct CloseArguments {
    accepted: Vec<u16>,
    names: Vec<String>,
}

/// Runs the check, and prints its result.
pub async fn check(
    lab: &Lab,
    mut findings: mpsc::Receiver<Findings>,
    browser: &Browser,
    address: &str,
) -> Result<ExitCode, Box<dyn Error>> {
    let started = Instant::now();
    let profile = tempfile::tempdir()?;
    let mut child =
        browser.open(profile.path(), address).map_err(|error| format!("{}: {error}", browser.path.display()))?;
    let found = select! {
        found = timeout(DEADLINE, findings.recv()) => found.ok().flatten().ok_or(format!("the browser was not done after {DEADLINE:?}")),
        status = child.wait() => Err(format!("the browser ended too soon: {}", status?)),
    };
    child.kill().await?;
    let Findings { seen, close } = match found {
        Ok(findings) => findings,
        Err(why) => {
            println!("{why}\n0 passed, 1 failed");
            return Ok(ExitCode::FAILURE);
        }
    };

    let settled = tokio::time::Instant::now() + SETTLING;
    let cases = lab.check.as_ref().map(|check| check.cases.as_slice()).unwrap_or_default();
    let mut groups: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut count = |group, name: &str, verdict: Result<(), String>| {
        let (passed, failed) = groups.entry(group).or_default();
        match verdict {
            Ok(()) => *passed += 1,
            Err(why) => {
                *failed += 1;
                println!("FAILED {group}: {name}: {why}");
            }
        }
    };
    for (number, case) in cases.iter().enumerate() {
        let verdict = match (lab.run(&number.to_string()), seen.get(number)) {
            (Some(run), Some(seen)) => match timeout_at(settled, run.log()).await {
                Ok(Some(log)) => case.judge(seen, &log),
                _ => Err("the server's end is still open".to_owned()),
            },
            _ => Err("the page did not report it".to_owned()),
        };
        count(case.group, &case.name, verdict);
    }
    count("close(): all 65,536 codes", "accepted or not", close.judge());

    println!();
    let (mut passed, mut failed) = (0, 0);
    for (group, (good, bad)) in groups {
        println!("{group:<52} {good:>5} passed, {bad} failed");
        passed += good;
        failed += bad;
    }
    println!("\nin {:.1} s with {}", started.elapsed().as_secs_f64(), browser.path.display());
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Case {
    fn judge(&self, seen: &Seen, log: &Log) -> Result<(), String> {
        match self.expected {
            Expected::Same => {
                same("client", &log.client, &seen.event)?;
                observed(log, seen)?;
                self.judge_answer(seen, log)
            }
            Expected::HandedOn => {
                let payload = self.plan.payload.as_slice();
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                let reason = std::str::from_utf8(&payload[2..]).map_err(|error| error.to_string())?;
                same("browser", &seen.event, &event((code, reason, true)))?;
                same("client", &log.client, &event(LOST))?;
                observed(log, seen)?;
                self.judge_answer(seen, log)
            }
            Expected::TakenByFirefox(code) => {
                let reason = self.plan.payload.get(2..).unwrap_or_default();
                let reason = std::str::from_utf8(reason).map_err(|error| error.to_string())?;
                same("browser", &seen.event, &event((code, reason, true)))?;
                same("error event", &seen.error, &false)?;
                same("client", &log.client, &event(LOST))?;
                same("CloseEvent::observed, which follows Chromium", &log.observed, &Some(event(LOST)))?;
                same("the answer", &unmask(&log.read)?, &Vec::new())
            }
            Expected::Told { browser: Always(told), ours } => {
                same("browser", &seen.event, &event(told))?;
                same("client", &log.client, &event(ours))
            }
            Expected::Told { browser: EndRacesAnswer { answered, unanswered }, ours } => {
                if seen.event != event(unanswered) {
                    same("browser", &seen.event, &event(answered))?;
                }
                same("client", &log.client, &event(ours))
            }
            Expected::PageCloses => self.judge_page(seen, log),
        }
    }

    /// Judges the browser's answer to the server's Close: the same payload, or, if the browser failed the connection,
    /// 1002 from Chromium and nothing from Firefox.
    fn judge_answer(&self, seen: &Seen, log: &Log) -> Result<(), String> {
        same("error event", &seen.error, &!seen.event.was_clean())?;
        if self.kind == Kind::Firefox && !seen.event.was_clean() {
            return same("the answer", &log.read, &Vec::new());
        }
        let payload = unmask(&log.read)?;
        if self.kind == Kind::Firefox && self.plan.payload.starts_with(&EMPTY_ANSWER_BY_FIREFOX.to_be_bytes()) {
            return same("the answer", &payload, &Vec::new());
        }
        let heard = log.heard.as_ref().ok_or("the server heard nothing")?;
        if !seen.event.was_clean() {
            same("the answer's code", &payload.get(..2), &Some(&[0x03, 0xea]))?;
            let code = heard.as_ref().ok().and_then(OwnedCloseFrame::code);
            return same("the answer as the server reads it", &code.map(Into::into), &Some(1002_u16));
        }
        same("the answer", &payload, &self.plan.payload)?;
        match (&self.expected, heard) {
            (Expected::HandedOn, Err(_)) => same("server", &log.server, &event(LOST)),
            (Expected::Same, Ok(_)) => same("server", &log.server, &seen.event),
            _ => Err(format!("the server reads {heard:?}")),
        }
    }

    fn judge_page(&self, seen: &Seen, log: &Log) -> Result<(), String> {
        let CloseCall { code, reason } = self.close.as_ref().ok_or("no call")?;
        let text = reason.as_deref().map(String::from_utf16_lossy);
        let payload = unmask(&log.read)?;
        let verdict = script::close(*code, text.as_deref());
        same("script::close", &verdict.err().map(|error| error.name().to_owned()), &seen.threw)?;
        // After an exception the page closed without arguments.
        let (code, text) = if seen.threw.is_some() { (None, "") } else { (*code, text.as_deref().unwrap_or_default()) };
        let bytes = code.map(|code| [&code.to_be_bytes(), text.as_bytes()].concat()).unwrap_or_default();
        same("the bytes", &payload, &bytes)?;
        if let (Ok(frame), None) = (verdict, &seen.threw) {
            let heard = log.heard.as_ref().and_then(|heard| heard.as_ref().ok());
            same("the server reads", &heard.map(OwnedCloseFrame::as_frame), &Some(frame))?;
        }
        let code = code.unwrap_or(CloseEvent::NO_STATUS_RECEIVED);
        same("server", &log.server, &event((code, text, true)))?;
        // The crate's answer has no reason.
        same("browser", &seen.event, &event((code, "", true)))
    }
}

impl CloseArguments {
    fn judge(&self) -> Result<(), String> {
        let literal = (0..=u16::MAX).filter(|code| FROM_SCRIPT.iter().any(|range| range.contains(code)));
        same("browser", &self.accepted, &literal.collect())?;
        let ours = (0..=u16::MAX).filter(|code| script::close(Some(*code), None).is_ok());
        same("script::close", &self.accepted, &ours.collect())?;
        same("exceptions", &self.names, &vec!["InvalidAccessError".to_owned()])
    }
}

/// `CloseEvent::observed` must be the browser's event.
fn observed(log: &Log, seen: &Seen) -> Result<(), String> {
    log.observed.as_ref().map_or(Ok(()), |observed| same("CloseEvent::observed", observed, &seen.event))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, left: &T, right: &T) -> Result<(), String> {
    if left == right { Ok(()) } else { Err(format!("{what}: {left:?} is not {right:?}")) }
}

fn event((code, reason, was_clean): (u16, &str, bool)) -> CloseEvent {
    CloseEvent::new(CloseEventInit { code, reason, was_clean }).unwrap_or_else(|error| panic!("{error}"))
}

/// The payload of the one frame that the page sent, read without the crate.
fn unmask(frame: &[u8]) -> Result<Vec<u8>, String> {
    match frame {
        [0x88, length, k0, k1, k2, k3, payload @ ..] if usize::from(length & 0x7f) == payload.len() => {
            Ok(payload.iter().zip([k0, k1, k2, k3].into_iter().cycle()).map(|(byte, key)| byte ^ key).collect())
        }
        _ => Err(format!("the page sent {}", hex::encode(frame))),
    }
}

/// All cases except the last one, which needs no WebSocket.
pub fn cases(kind: Kind) -> Vec<Case> {
    let server_sends = |group, expected, payload| server_sends(kind, group, expected, payload);
    let page_closes = |group, code, reason| page_closes(kind, group, code, reason);
    let mut cases = Vec::new();
    cases.extend(ENDINGS.map(|(first, fault, ending, chromium, firefox, ours)| {
        let browser = match kind {
            Kind::Chromium => Always(chromium),
            Kind::Firefox => firefox,
        };
        let group = match browser {
            Always(told) if told == ours => "faults and endings: the same",
            Always(_) => "faults and endings: differ as documented",
            EndRacesAnswer { .. } => "faults and endings: the end of TCP races the answer",
        };
        let name = format!("{first:?} first, {fault:?}, {ending:?}");
        let plan = Plan { first, payload: b"\x0f\xa1bye".into(), fault, ending };
        let close = (first == First::Page).then(|| CloseCall { code: Some(4001), reason: Some(units("bye")) });
        Case { kind, group, name, plan, close, expected: Expected::Told { browser, ours } }
    }));
    cases.extend(codes().into_iter().map(|code| {
        let payload = [&code.to_be_bytes(), "déjà vu".as_bytes()].concat();
        if HANDED_ON.iter().any(|range| range.contains(&code)) {
            server_sends("server sends, codes: the page gets, we refuse", Expected::HandedOn, payload)
        } else {
            server_sends("server sends, codes: the same", Expected::Same, payload)
        }
    }));
    cases.extend(payload_lengths().map(|payload| server_sends("server sends, lengths", Expected::Same, payload)));
    cases.extend(byte_strings().into_iter().map(|reason| {
        server_sends("server sends, UTF-8 right and wrong", Expected::Same, [b"\x03\xe8", reason.as_slice()].concat())
    }));

    let of_code = |code| page_closes("page sends, codes", Some(code), Some(units("déjà vu")));
    cases.extend(codes().into_iter().filter(|code| (990..5010).contains(code)).map(of_code));
    cases.push(page_closes("page sends, codes", None, None));
    cases.push(page_closes("page sends, codes", Some(1000), None));
    cases.extend(text_lengths().map(|text| page_closes("page sends, lengths", Some(4000), Some(units(&text)))));
    cases.extend(utf16().map(|units| page_closes("page sends, UTF-16 right and wrong", Some(1000), Some(units))));
    cases
}

fn server_sends(kind: Kind, group: &'static str, expected: Expected, payload: Vec<u8>) -> Case {
    let (group, expected) = match (kind, taken_by_firefox(&payload)) {
        (Kind::Firefox, Some(code)) => ("server sends, only Firefox takes it", Expected::TakenByFirefox(code)),
        _ => (group, expected),
    };
    let name = hex::encode(&payload);
    let plan = Plan { first: First::Server, payload, fault: Fault::None, ending: Ending::Clean };
    Case { kind, group, name, plan, close: None, expected }
}

fn page_closes(kind: Kind, group: &'static str, code: Option<u16>, reason: Option<Vec<u16>>) -> Case {
    let name = format!("{code:?}, {:04x?}", reason.as_deref().unwrap_or_default());
    let plan = Plan { first: First::Page, payload: Vec::new(), fault: Fault::None, ending: Ending::Clean };
    Case { kind, group, name, plan, close: Some(CloseCall { code, reason }), expected: Expected::PageCloses }
}

/// The code that Firefox reports for this payload, if it is one that only Firefox takes.
fn taken_by_firefox(payload: &[u8]) -> Option<u16> {
    match payload {
        [_] => Some(ONE_BYTE_BY_FIREFOX),
        [high, low, ..] => Some(u16::from_be_bytes([*high, *low])).filter(|code| TAKEN_BY_FIREFOX.contains(code)),
        [] => None,
    }
}

/// Every code from 990 to 1029, the edges of every class, and a sample of the rest.
fn codes() -> BTreeSet<u16> {
    let edges =
        [0, 1, 999, 1000, 1999, 2000, 2999, 3000, 3001, 3003, 3008, 3999, 4000, 4999, 5000, 5001, 32767, 32768, 65534];
    edges.into_iter().chain(990..1030).chain((0..=u16::MAX).step_by(113)).chain([u16::MAX]).collect()
}

/// Reasons of every length up to 130 bytes, each ending in a character of one, two, three and four bytes.
fn text_lengths() -> impl Iterator<Item = String> {
    (0..=130_usize).flat_map(|length| {
        let last = ["a", "é", "€", "😀"].into_iter().filter(move |last| length >= last.len());
        let texts = last.map(move |last| "a".repeat(length - last.len()) + last);
        texts.chain((length == 0).then(String::new))
    })
}

/// The same reasons in payloads, and payloads that are too short for a code.
fn payload_lengths() -> impl Iterator<Item = Vec<u8>> {
    let short = [vec![], vec![0x00], vec![0x03], vec![0xff]];
    short.into_iter().chain(text_lengths().map(|text| [b"\x0f\xa1", text.as_bytes()].concat()))
}

/// Every single byte. Every row of Unicode's table 3-7, with continuation bytes inside, at the edge and outside. Each
/// kind of fault around the places where a fast check changes its stride. Some texts that decoders tend to change.
fn byte_strings() -> Vec<Vec<u8>> {
    const FIRST: [u8; 18] =
        [0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5];
    const SECOND: [u8; 8] = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf];
    const LAST: [u8; 4] = [0x7f, 0x80, 0xbf, 0xc0];
    let mut strings: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
    for first in FIRST {
        for second in SECOND {
            strings.push(vec![first, second]);
            for third in LAST.into_iter().filter(|_| first >= 0xe0) {
                strings.push(vec![first, second, third]);
                strings.extend(LAST.iter().filter(|_| first >= 0xf0).map(|fourth| vec![first, second, third, *fourth]));
            }
        }
    }
    let parts: [&[u8]; 9] = [
        "é".as_bytes(),
        "€".as_bytes(),
        "😀".as_bytes(),
        b"\xff",
        b"\xc3",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
        b"\xed\xa0\x80",
        b"\xc0\x80",
    ];
    for at in [7, 14, 15, 16, 30, 31, 32, 61, 62, 63, 64, 100, 119] {
        for part in parts {
            strings.push([&[b'a'; 119][..at], part].concat());
            strings.push([&[b'a'; 119][..at], part, &[b'a'; 119][at..]].concat());
        }
    }
    let texts = [
        "\u{feff}text",
        "te\u{feff}xt",
        "\0",
        "a\0b",
        "\r\n",
        "\u{fffd}",
        "\u{fffe}",
        "\u{10ffff}",
        "\u{202e}abc",
        "e\u{301}",
        "\u{85}\u{2028}",
    ];
    strings.extend(texts.map(|text| text.as_bytes().to_vec()));
    strings
}

/// Code units at the edges of each length in UTF-8. Surrogates in pairs, alone, and in the wrong order. And 40 to 42
/// lone surrogates, which become three bytes each: 41 of them fit, 42 do not.
fn utf16() -> impl Iterator<Item = Vec<u16>> {
    const UNITS: [u16; 15] =
        [0x00, 0x41, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xfeff, 0xfffd, 0xffff];
    let pairs = UNITS.into_iter().flat_map(|first| UNITS.into_iter().map(move |second| vec![first, second]));
    let single = UNITS.into_iter().map(|unit| vec![unit]);
    let many =
        [40, 41, 42].into_iter().flat_map(|count| [vec![0xd800; count], vec![0xdc00; count], vec![0x20ac; count]]);
    single.chain(pairs).chain(many)
}

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

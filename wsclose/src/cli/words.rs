//! Words for people: a headline for each connection, and the evidence indented below it.
//!
//! What is said comes in four grades: sent (it passed here), acknowledged (the other machine had it), by its code (what
//! an end says about itself), and cannot be said. A proxy may stand at either end, hence "the server's side".

use std::fmt::{self, Display};
use std::io::{self, Write};

use websocket_close::CloseEvent;

use super::json::role;
use super::output::{Form, Options};
use super::summary::{Cause, Summary};
use super::time::Span;
use crate::{Because, Blind, Doubt, Relation, Report, Role, TransportEnd};

/// How good the news is: it picks the colour.
#[derive(Clone, Copy)]
enum News {
    Good,
    Bad,
    NotKnown,
}

pub(crate) fn write(summary: &Summary, options: Options, out: &mut impl Write) -> io::Result<()> {
    let (verdict, news) = verdict(summary);
    let path = match &summary.path {
        Some(path) => format!(" {}", options.path(path).escape_debug()),
        None if summary.is_joined => " (open before the capture)".into(),
        None => String::new(),
    };
    let (color, reset) = match news {
        _ if !options.color => ("", ""),
        News::Good => ("\x1b[32m", "\x1b[0m"),
        News::Bad => ("\x1b[31m", "\x1b[0m"),
        News::NotKnown => ("\x1b[33m", "\x1b[0m"),
    };
    let (client, server) = (summary.client.escape_debug(), summary.server.escape_debug());
    writeln!(out, "{client} > {server}{path}   {color}{verdict}{reset}")?;
    if options.form == Form::Brief {
        return Ok(());
    }
    for line in evidence(summary, options) {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

/// The headline: who ended the connection, and how.
fn verdict(summary: &Summary) -> (String, News) {
    let events = [Role::Client, Role::Server].map(|end| summary.report(end)?.event().map(CloseEvent::was_clean));
    let clean = summary.is_clean();
    let first = summary.first().map(role);
    let ender = summary.transport.first().map_or("nobody", |end| role(end.by));
    let news = match summary.cause {
        Cause::Closed if clean => News::Good,
        Cause::Closed if !events.contains(&Some(false)) => News::NotKnown,
        Cause::Open | Cause::Tls | Cause::Http2 | Cause::NotKnown => News::NotKnown,
        _ => News::Bad,
    };
    let closed = match events {
        _ if clean => "clean",
        [Some(false), _] | [_, Some(false)] => "not clean",
        _ => "and whether clean, cannot be said",
    };
    let text = match summary.cause {
        Cause::Closed => match (summary.observer.relation(), first) {
            (Some(Relation::Crossed), _) => format!("closed by both at once, {closed}"),
            (Some(Relation::Alone), Some(first)) => format!("closed by the {first}, not answered"),
            (Some(Relation::Alone), None) => "closed by one end, not answered".into(),
            (_, Some(first)) => format!("closed by the {first}, {closed}"),
            (_, None) => format!("closed by both, {closed}"),
        },
        Cause::Failed => failed(summary),
        Cause::Dropped if summary.transport.is_empty() => "ended without a Close".into(),
        Cause::Dropped => format!("dropped by the {ender}'s side without a Close"),
        Cause::Reset => format!("reset by the {ender}'s side without a Close"),
        Cause::Idle => {
            let seconds = summary.silence.unwrap_or_default();
            format!("ended by the {ender}'s side after {seconds} s of silence: looks like an idle time-out there")
        }
        Cause::Unresponsive => {
            let first = summary.first().unwrap_or(Role::Client);
            let (first, other) = (role(first), role(first.peer()));
            format!("closed by the {first}; the {other}'s machine had it, but its program did nothing: looks hung")
        }
        Cause::Refused(Some(status)) => format!("refused with status {status}: never a WebSocket"),
        Cause::Refused(None) => "never a WebSocket: the request got no answer".into(),
        Cause::Open => "still open at the end".into(),
        Cause::Tls => format!("TLS, cannot be read{}", by_whom(summary)),
        Cause::Http2 => format!("HTTP/2, which this program does not cover{}", by_whom(summary)),
        Cause::NotKnown => "cannot be said: bytes are missing".into(),
    };
    (text, news)
}

/// Who ended TCP, where nothing else is known.
fn by_whom(summary: &Summary) -> String {
    match summary.transport.first() {
        Some(end) => format!(
            "; TCP {} by the {}'s side",
            if end.how == TransportEnd::Fin { "ended" } else { "reset" },
            role(end.by)
        ),
        None => "; TCP still open at the end".into(),
    }
}

fn failed(summary: &Summary) -> String {
    let ends = [summary.first(), summary.first().map(Role::peer), Some(Role::Client), Some(Role::Server)];
    for end in ends.into_iter().flatten() {
        match summary.observer.sent_by(end).close().map(crate::SeenClose::frame) {
            Some(Err(_)) => return format!("failed: a bad Close from the {}", role(end)),
            Some(Ok(frame)) if summary.report(end).is_some_and(|report| report.because() == Because::Failed) => {
                let code = frame.code().map_or_else(String::new, |code| format!(" with {code}"));
                return format!("failed by the {}{code}", role(end));
            }
            _ => {}
        }
    }
    "failed".into()
}

/// The lines below the headline.
fn evidence(summary: &Summary, options: Options) -> Vec<String> {
    let mut timed: Vec<(Option<Span>, String)> = Vec::new();
    for from in [Role::Client, Role::Server] {
        if let Some(text) = close(summary, options, from) {
            timed.push((summary.close_at(from), format!("{}  {text}", role(from))));
        }
    }
    if !summary.is_clean() {
        for end in &summary.transport {
            let how = if end.how == TransportEnd::Fin { "ended TCP (FIN)" } else { "reset TCP (RST)" };
            timed.push((end.at, format!("{}  {how}", role(end.by))));
        }
    }
    timed.sort_by_key(|(at, _)| *at);
    let mut lines: Vec<_> =
        timed.into_iter().map(|(at, text)| (at.map_or_else(String::new, |at| format!("{at} s")), text)).collect();
    for from in [Role::Client, Role::Server] {
        notes(summary, from, &mut lines);
    }
    if summary.is_cut_short {
        lines.push(("missing".into(), "the capture cut packets short: capture with -s 0".into()));
    }
    reports(summary, &mut lines);
    let width = lines.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    lines.into_iter().map(|(label, text)| format!("{label:<width$}  {text}")).collect()
}

/// The Close of an end.
fn close(summary: &Summary, options: Options, from: Role) -> Option<String> {
    let observer = &*summary.observer;
    let close = observer.sent_by(from).close()?;
    let mut text = match close.frame() {
        Ok(frame) if options.no_reason => frame.reply().to_string(),
        Ok(frame) => frame.to_string(),
        Err(error) => format!("a bad Close: {error}"),
    };
    let is_second = summary.first() == Some(from.peer()) && observer.sent_by(from.peer()).close().is_some();
    text += match observer.relation() {
        Some(Relation::Answer) if is_second => ", the answer",
        Some(Relation::Crossed) if is_second => ", crossed the other Close",
        Some(Relation::Own) if is_second => ", a code of its own; its machine had the other Close",
        Some(Relation::OwnOrCrossed) if is_second => ", a code of its own, or the two crossed",
        _ => "",
    };
    match observer.arrived(from) {
        Some(false) => text += "; it never arrived",
        Some(true) if observer.sent_by(from.peer()).close().is_none() => text += "; acknowledged",
        None if close.acknowledges().is_some() => text += "; not acknowledged here",
        _ => {}
    }
    match observer.sent_by(from).followed_by() {
        0 => {}
        1 => text += "; one more frame followed",
        more => return Some(format!("{text}; {more} more frames followed")),
    }
    Some(text)
}

/// What else is known of an end.
fn notes(summary: &Summary, from: Role, lines: &mut Vec<(String, String)>) {
    let (observer, name) = (&*summary.observer, role(from));
    let sent = observer.sent_by(from);
    if let Some((fault, frame)) = sent.fault() {
        lines.push(("fault".into(), format!("{name} sent {fault}: frame {frame} (RFC 6455, {})", fault.section())));
    }
    if sent.is_inside_frame() && summary.cause != Cause::Open {
        lines.push(("note".into(), format!("{name} stopped inside a frame")));
    }
    let pings = observer.pings(from);
    if pings.unanswered > 0 {
        lines.push(("pings".into(), format!("{} of {} by the {name} without a pong", pings.unanswered, pings.sent)));
    }
    if sent.missing() > 0 {
        lines.push(("missing".into(), format!("{} of the {name}", bytes(sent.missing()))));
    } else if sent.blind() == Some(Blind::Missing) {
        lines.push(("missing".into(), format!("bytes of the {name}, nobody knows how many")));
    }
}

/// What both ends report.
fn reports(summary: &Summary, lines: &mut Vec<(String, String)>) {
    let reports = [Role::Client, Role::Server].map(|end| (end, summary.report(end)));
    if reports.iter().all(|(_, report)| report.is_none()) {
        return;
    }
    if let Cause::Refused(status) = summary.cause {
        let hides = status.map_or_else(String::new, |status| format!("; a browser hides the {status}"));
        lines.push(("reports".into(), format!("client 1006 not clean{hides}")));
        return;
    }
    let texts = reports.iter().map(|(end, report)| format!("{} {}", role(*end), Reported(report.as_ref())));
    lines.push(("reports".into(), texts.collect::<Vec<_>>().join(", ")));
    for (end, report) in &reports {
        if let Some(doubt) = report.as_ref().and_then(Report::doubt) {
            lines.push(("perhaps".into(), format!("{} {}", role(*end), doubt_words(doubt))));
        }
    }
}

/// `1001 clean`, `1006 not clean (no Close came)`.
struct Reported<'a>(Option<&'a Report>);

impl Display for Reported<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((report, event)) = self.0.and_then(|report| Some((report, report.event()?))) else {
            return f.write_str("cannot be said");
        };
        write!(f, "{} {}", event.code(), if event.was_clean() { "clean" } else { "not clean" })?;
        match report.because() {
            Because::NoClose => f.write_str(" (no Close came)"),
            Because::BadClose => f.write_str(" (the Close was wrong)"),
            Because::Failed => f.write_str(" (by its code it failed the connection)"),
            Because::NotArrived => f.write_str(" (the Close never arrived)"),
            Because::Unanswered => f.write_str(" (it sent no answer)"),
            Because::Seen | Because::MoreAfterClose | Because::Missing => Ok(()),
        }
    }
}

const fn doubt_words(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::MoreAfterClose => "1006 not clean, if it is Chromium: frames follow the Close",
        Doubt::ResetAfterClose => "not clean, if it is Chromium: a reset follows the Close",
        Doubt::PerhapsNotRead => "1006 not clean, if its program had stopped reading",
        Doubt::EndedBefore => "1006 not clean, if it had stopped reading: it ended TCP before the Close came",
        Doubt::ByItsCode => "the other Close, clean, if its program chose this code by itself",
        Doubt::AnswerNotSeen => "clean, if it wrote an answer that the reset destroyed",
        Doubt::RefusedCode => "1002 not clean, if it is tungstenite",
        Doubt::AcceptedBadClose => "the code of that Close, clean: it answered with the same one, as browsers do",
    }
}

/// `1 byte`, `2 bytes`.
pub(crate) fn bytes(count: impl Display) -> String {
    let count = count.to_string();
    if count == "1" { "1 byte".into() } else { format!("{count} bytes") }
}

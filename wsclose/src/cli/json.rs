//! JSON: one object a line, with the keys in a fixed order, and nothing that a terminal would take for a command.

use std::fmt::{self, Display, Write};

use websocket_close::{CloseCode, CloseEvent, CloseFrame};

use super::output::Options;
use super::summary::{Cause, Summary};
use super::time::Span;
use crate::{Because, Relation, Role, TransportEnd};

/// An object of these keys and values.
pub(crate) fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(key, value)| format!("{}:{value}", string(key))).collect();
    format!("{{{}}}", fields.join(","))
}

pub(crate) fn array(values: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", values.into_iter().collect::<Vec<_>>().join(","))
}

pub(crate) fn or_null(value: Option<impl Display>) -> String {
    value.map_or("null".into(), |value| value.to_string())
}

pub(crate) fn string(text: &str) -> String {
    Quoted(text).to_string()
}

pub(crate) fn string_or_null(text: Option<&str>) -> String {
    or_null(text.map(Quoted))
}

/// A string. Everything that `char::escape_debug` escapes is written as `\uXXXX`, but quotes.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for letter in self.0.chars() {
            match letter {
                '"' | '\\' => write!(f, "\\{letter}")?,
                '\'' => f.write_char(letter)?,
                _ if letter.escape_debug().count() > 1 => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        write!(f, "\\u{unit:04x}")?;
                    }
                }
                _ => f.write_char(letter)?,
            }
        }
        f.write_char('"')
    }
}

/// The line of one connection. Scripts rely on its keys; a new version of them has another `v`.
pub(crate) fn line(summary: &Summary, options: Options) -> String {
    let observer = &*summary.observer;
    let both = |of: &dyn Fn(Role) -> String| object(&[("client", of(Role::Client)), ("server", of(Role::Server))]);
    let mut fields = vec![
        ("v", "1".into()),
        ("client", string(&summary.client)),
        ("server", string(&summary.server)),
        ("path", string_or_null(summary.path.as_deref().map(|path| options.path(path)))),
        ("joined", summary.is_joined.to_string()),
        ("opened", or_null(summary.opened.map(super::time::Time::seconds))),
        ("seconds", seconds(summary.length)),
        ("cause", string(cause(summary.cause))),
    ];
    if let Cause::Refused(status) = summary.cause {
        fields.push(("status", or_null(status)));
    }
    fields.extend([
        ("first", string_or_null(summary.first().map(role))),
        ("relation", string_or_null(observer.relation().map(relation))),
        ("closes", both(&|from| close(summary, options, from))),
        ("reports", both(&|end| report(summary, options, end))),
        (
            "transport",
            array(summary.transport.iter().map(|end| {
                object(&[("by", string(role(end.by))), ("how", string(how(end.how))), ("at", seconds(end.at))])
            })),
        ),
        ("silence", seconds(summary.silence)),
        (
            "pings",
            both(&|from| {
                let pings = observer.pings(from);
                array([pings.sent.to_string(), pings.unanswered.to_string()])
            }),
        ),
        (
            "faults",
            array([Role::Client, Role::Server].into_iter().filter_map(|from| {
                let (fault, frame) = observer.sent_by(from).fault()?;
                Some(object(&[
                    ("by", string(role(from))),
                    ("frame", frame.to_string()),
                    ("section", string(fault.section())),
                    ("fault", string(&fault.to_string())),
                ]))
            })),
        ),
        ("missing", both(&|from| observer.sent_by(from).missing().to_string())),
    ]);
    object(&fields)
}

fn close(summary: &Summary, options: Options, from: Role) -> String {
    let sent = summary.observer.sent_by(from);
    let Some(close) = sent.close() else { return "null".into() };
    let frame = close.frame();
    let reason = frame.ok().map(CloseFrame::reason).filter(|_| !options.no_reason);
    object(&[
        ("at", seconds(summary.close_at(from))),
        ("code", or_null(frame.ok().and_then(CloseFrame::code).map(CloseCode::get))),
        ("reason", string_or_null(reason)),
        ("error", string_or_null(frame.err().map(|error| error.to_string()).as_deref())),
        ("arrived", or_null(summary.observer.arrived(from))),
        ("followedBy", sent.followed_by().to_string()),
    ])
}

fn report(summary: &Summary, options: Options, end: Role) -> String {
    let report = summary.report(end);
    let event = report.as_ref().and_then(crate::Report::event);
    let why = report.as_ref().map_or(Because::Missing, crate::Report::because);
    let reason = event.map(CloseEvent::reason).filter(|_| !options.no_reason);
    object(&[
        ("code", or_null(event.map(CloseEvent::code))),
        ("reason", string_or_null(reason)),
        ("wasClean", or_null(event.map(CloseEvent::was_clean))),
        ("because", string(because(why))),
    ])
}

fn seconds(span: Option<Span>) -> String {
    or_null(span.map(Span::seconds))
}

pub(crate) const fn role(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Server => "server",
    }
}

const fn how(how: TransportEnd) -> &'static str {
    match how {
        TransportEnd::Fin => "fin",
        TransportEnd::Reset => "rst",
    }
}

const fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::Alone => "alone",
        Relation::Answer => "answer",
        Relation::Crossed => "crossed",
        Relation::Own => "own",
        Relation::OwnOrCrossed => "ownOrCrossed",
    }
}

const fn because(because: Because) -> &'static str {
    match because {
        Because::Seen => "seen",
        Because::NoClose => "noClose",
        Because::BadClose => "badClose",
        Because::Failed => "failed",
        Because::NotArrived => "notArrived",
        Because::Unanswered => "unanswered",
        Because::MoreAfterClose => "moreAfterClose",
        Because::Missing => "missing",
    }
}

const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Closed => "closed",
        Cause::Failed => "failed",
        Cause::Dropped => "dropped",
        Cause::Idle => "idle",
        Cause::Reset => "reset",
        Cause::Unresponsive => "unresponsive",
        Cause::Refused(_) => "refused",
        Cause::Open => "open",
        Cause::Tls => "tls",
        Cause::Http2 => "http2",
        Cause::NotKnown => "unknown",
    }
}

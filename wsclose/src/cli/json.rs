//! The line of a connection in JSON. Scripts rely on its keys; a new version of them has another `v`.

use serde::Serialize;
use websocket_close::{CloseCode, CloseEvent, CloseFrame};

use super::output::Options;
use super::printable;
use super::summary::{Cause, Summary};
use super::time::{Span, Time};
use crate::{Because, Relation, Role, TransportEnd};

/// Writes an object on one line.
pub(crate) fn line(object: &impl Serialize) -> std::io::Result<String> {
    Ok(printable(&serde_json::to_string(object)?))
}

#[derive(Serialize)]
pub(crate) struct Connection<'a> {
    v: u8,
    client: &'a str,
    server: &'a str,
    path: Option<&'a str>,
    joined: bool,
    opened: Option<f64>,
    seconds: Option<f64>,
    cause: &'static str,
    #[serde(flatten)]
    refused: Option<Refused>,
    first: Option<&'static str>,
    relation: Option<&'static str>,
    closes: Both<Option<Close<'a>>>,
    reports: Both<Report>,
    transport: Vec<Transport>,
    silence: Option<f64>,
    pings: Both<[u32; 2]>,
    faults: Vec<Fault>,
    missing: Both<u64>,
}

#[derive(Serialize)]
struct Refused {
    /// `None` if there was no answer.
    status: Option<u16>,
}

#[derive(Serialize)]
struct Both<T> {
    client: T,
    server: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Close<'a> {
    at: Option<f64>,
    code: Option<u16>,
    reason: Option<&'a str>,
    error: Option<String>,
    arrived: Option<bool>,
    followed_by: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    code: Option<u16>,
    reason: Option<String>,
    was_clean: Option<bool>,
    because: &'static str,
}

#[derive(Serialize)]
struct Transport {
    by: &'static str,
    how: &'static str,
    at: Option<f64>,
}

#[derive(Serialize)]
struct Fault {
    by: &'static str,
    /// The number of the frame, counted from 1.
    frame: u64,
    /// The section of RFC 6455 with the rule.
    section: &'static str,
    #[serde(rename = "fault")]
    text: String,
}

impl<T> Both<T> {
    fn of(of: impl Fn(Role) -> T) -> Self {
        Self { client: of(Role::Client), server: of(Role::Server) }
    }
}

impl<'a> Connection<'a> {
    pub(crate) fn new(summary: &'a Summary, options: Options) -> Self {
        let observer = &*summary.observer;
        let fault = |by| {
            let (fault, frame) = observer.sent_by(by).fault()?;
            Some(Fault { by: role(by), frame, section: fault.section(), text: fault.to_string() })
        };
        let transport = summary.transport.iter();
        Self {
            v: 1,
            client: &summary.client,
            server: &summary.server,
            path: summary.path.as_deref().map(|path| options.path(path)),
            joined: summary.is_joined,
            opened: summary.opened.map(Time::seconds),
            seconds: summary.length.map(Span::seconds),
            cause: cause(summary.cause),
            refused: if let Cause::Refused(status) = summary.cause { Some(Refused { status }) } else { None },
            first: summary.first().map(role),
            relation: observer.relation().map(relation),
            closes: Both::of(|from| Close::new(summary, options, from)),
            reports: Both::of(|end| Report::new(summary, options, end)),
            transport: transport
                .map(|end| Transport { by: role(end.by), how: how(end.how), at: end.at.map(Span::seconds) })
                .collect(),
            silence: summary.silence.map(Span::seconds),
            pings: Both::of(|from| {
                let pings = observer.pings(from);
                [pings.sent, pings.unanswered]
            }),
            faults: [Role::Client, Role::Server].into_iter().filter_map(fault).collect(),
            missing: Both::of(|from| observer.sent_by(from).missing()),
        }
    }
}

impl<'a> Close<'a> {
    fn new(summary: &'a Summary, options: Options, from: Role) -> Option<Self> {
        let sent = summary.observer.sent_by(from);
        let frame = sent.close()?.frame();
        Some(Self {
            at: summary.close_at(from).map(Span::seconds),
            code: frame.ok().and_then(CloseFrame::code).map(CloseCode::get),
            reason: frame.ok().map(CloseFrame::reason).filter(|_| !options.no_reason),
            error: frame.err().map(|error| error.to_string()),
            arrived: summary.observer.arrived(from),
            followed_by: sent.followed_by(),
        })
    }
}

impl Report {
    fn new(summary: &Summary, options: Options, end: Role) -> Self {
        let report = summary.report(end);
        let event = report.as_ref().and_then(crate::Report::event);
        Self {
            code: event.map(CloseEvent::code),
            reason: event.map(|event| event.reason().to_owned()).filter(|_| !options.no_reason),
            was_clean: event.map(CloseEvent::was_clean),
            because: because(report.as_ref().map_or(Because::Missing, crate::Report::because)),
        }
    }
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

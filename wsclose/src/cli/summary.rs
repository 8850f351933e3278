//! `Summary`: how one connection ended, ready for words and for JSON; and `Cause`, the one word for it.

use super::time::{Span, Time};
use crate::{Because, Observer, Relation, Report, Role, TransportEnd};
use websocket_close::CloseEvent;

/// How one connection ended.
pub(crate) struct Summary {
    /// The address of an end, or the name of its file.
    pub(crate) client: String,
    pub(crate) server: String,
    pub(crate) path: Option<String>,
    pub(crate) is_joined: bool,
    pub(crate) opened: Option<Time>,
    pub(crate) length: Option<Span>,
    pub(crate) cause: Cause,
    pub(crate) closes: [Option<Span>; 2],
    pub(crate) transport: Vec<TransportEvent>,
    pub(crate) silence: Option<Span>,
    pub(crate) is_cut_short: bool,
    pub(crate) observer: Box<Observer>,
}

/// An end of the transport.
#[derive(Clone, Copy)]
pub(crate) struct TransportEvent {
    pub(crate) by: Role,
    pub(crate) how: TransportEnd,
    pub(crate) at: Option<Span>,
}

/// The one word for how a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody closed.
    Closed,
    /// Somebody failed the connection: by the code of the first Close, or because that Close was wrong.
    Failed,
    /// TCP ended in order, without a Close.
    Dropped,
    /// The same after a long silence.
    Idle,
    /// TCP was reset, without a Close.
    Reset,
    /// One end closed. The machine of the other had every byte, but its program never answered.
    Unresponsive,
    /// It never opened. The status of the answer, if there was one.
    Refused(Option<u16>),
    /// TCP had not ended when the capture did.
    Open,
    Tls,
    Http2,
    /// Too much is missing.
    NotKnown,
}

/// From here on, silence looks like an idle time-out.
const IDLE: Span = Span::millis(20_000);
/// An end that closes and leaves before this time is over has not waited for an answer.
const WAITED: Span = Span::millis(1000);

impl Summary {
    /// What an end reports; `None` where the connection has not ended or cannot be read.
    pub(crate) fn report(&self, end: Role) -> Option<Report> {
        match self.cause {
            Cause::Open | Cause::Tls | Cause::Http2 => None,
            cause => Some(self.observer.report(end)).filter(|report| {
                // Where an answer may still come, what depends on it is not known yet.
                let depends = matches!(report.because(), Because::Unanswered | Because::NoClose);
                cause == Cause::Unresponsive
                    || self.opened.is_none()
                    || !depends
                    || !may_still_answer(&self.observer, &self.transport)
            }),
        }
    }

    /// Which end closed first, as far as that can be said.
    pub(crate) fn first(&self) -> Option<Role> {
        match (self.observer.relation(), self.closes) {
            // The acknowledgements do not order these two. The clock does.
            (Some(Relation::Crossed), [Some(client), Some(server)]) if client != server => {
                Some(if client < server { Role::Client } else { Role::Server })
            }
            _ => self.observer.first(),
        }
    }

    pub(crate) fn close_at(&self, from: Role) -> Option<Span> {
        let [client, server] = self.closes;
        match from {
            Role::Client => client,
            Role::Server => server,
        }
    }

    /// Whether both ends closed, and both call it clean.
    pub(crate) fn is_clean(&self) -> bool {
        let clean = |end| self.report(end).is_some_and(|report| report.event().is_some_and(CloseEvent::was_clean));
        self.cause == Cause::Closed && clean(Role::Client) && clean(Role::Server)
    }
}

/// Whether an end that owes an answer to a Close may still send one after the end of the capture.
fn may_still_answer(observer: &Observer, transport: &[TransportEvent]) -> bool {
    let owes = |end: Role| {
        observer.sent_by(end).close().is_none()
            && observer.sent_by(end.peer()).close().is_some()
            && !transport.iter().any(|event| event.by == end || event.how == TransportEnd::Reset)
    };
    owes(Role::Client) || owes(Role::Server)
}

/// What the cause depends on besides the observer.
pub(crate) struct Facts<'a> {
    pub(crate) observer: &'a Observer,
    pub(crate) has_clock: bool,
    /// In the order of time.
    pub(crate) transport: &'a [TransportEvent],
    pub(crate) closes: [Option<Span>; 2],
    /// When the last bytes of client and server passed.
    pub(crate) last_bytes: [Option<Span>; 2],
    pub(crate) silence: Option<Span>,
}

impl Facts<'_> {
    /// The cause of an end of an open WebSocket.
    pub(crate) fn cause(&self) -> Cause {
        let observer = self.observer;
        let Some(relation) = observer.relation() else {
            let nobody_closed =
                [Role::Client, Role::Server].into_iter().all(|end| observer.has_certainly_not_closed(end));
            return if nobody_closed { self.without_close() } else { Cause::NotKnown };
        };
        let first_close = self.closes.into_iter().flatten().min();
        if self.transport.first().and_then(|end| end.at).zip(first_close).is_some_and(|(end, close)| end < close) {
            return self.without_close();
        }
        let first = match observer.first() {
            Some(first) => first,
            None if self.has_clock => return Cause::NotKnown,
            // Without a clock the two are told apart by what they sent alone.
            None if observer.sent_by(Role::Client).close().is_some() => Role::Client,
            None => Role::Server,
        };
        let is_bad = |end: Role| observer.sent_by(end).close().is_some_and(|close| close.frame().is_err());
        let has_failed = |end| observer.report(end).because() == Because::Failed;
        if is_bad(first) || has_failed(first) || !self.has_clock && (is_bad(first.peer()) || has_failed(first.peer())) {
            return Cause::Failed;
        }
        match relation {
            Relation::Alone if self.is_hung(first.peer()) => Cause::Unresponsive,
            Relation::Alone if self.has_clock && may_still_answer(observer, self.transport) => Cause::Open,
            _ => Cause::Closed,
        }
    }

    fn without_close(&self) -> Cause {
        let Some(end) = self.transport.first() else {
            return if self.has_clock { Cause::Open } else { Cause::Dropped };
        };
        match end.how {
            _ if self.silence.is_some_and(|silence| silence >= IDLE) => Cause::Idle,
            TransportEnd::Fin => Cause::Dropped,
            TransportEnd::Reset => Cause::Reset,
        }
    }

    /// Whether the program of `end` did nothing, although its machine had the other Close and the other end waited.
    fn is_hung(&self, end: Role) -> bool {
        let closer = end.peer();
        let of = |role: Role, [client, server]: [Option<Span>; 2]| if role == Role::Client { client } else { server };
        let Some(close_at) = of(closer, self.closes) else { return false };
        let is_silent = of(end, self.last_bytes).is_none_or(|last| last <= close_at);
        let first_end = self.transport.first().filter(|first| first.by == closer).and_then(|first| first.at);
        let has_waited = first_end.is_some_and(|at| at.minus(close_at) >= WAITED)
            || first_end.is_some() && self.observer.pings(closer).unanswered > 0;
        self.observer.arrived(closer) == Some(true) && is_silent && has_waited
    }
}

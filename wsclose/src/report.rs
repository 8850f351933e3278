//! `Report`: what one end tells its application about the end of the connection, and because of what.

use websocket_close::{CloseCode, CloseEvent, CloseFrame, ClosingHandshake, DecodeError, Role, wire};

use crate::direction::{Blind, Ended};
use crate::observer::{Observer, Relation};

/// What one end reports if it keeps to the standard.
///
/// It comes from [`Observer::report`]. Some programs report something else in the same situation: see
/// [`doubt`](Self::doubt).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    event: Option<CloseEvent>,
    because: Because,
    doubt: Option<Doubt>,
}

/// What a [`Report`] rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Because {
    /// The other Close came.
    Seen,
    /// No Close came: 1006.
    NoClose,
    /// The Close that came was wrong: 1006.
    BadClose,
    /// Its own Close says that it failed the connection, and so it read no Close any more: 1006.
    Failed,
    /// The other Close was sent, but never arrived: 1006.
    NotArrived,
    /// The other Close came, but it sent none itself: not clean.
    Unanswered,
    /// The other Close came, and more frames behind it.
    MoreAfterClose,
    /// It cannot be said: bytes or acknowledgements are missing.
    Missing,
}

/// Why some programs may report something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Doubt {
    /// Chromium reports 1006 when it meets a frame behind the Close.
    MoreAfterClose,
    /// Chromium reports "not clean" when the other end resets the connection behind its Close.
    ResetAfterClose,
    /// The Close came to its machine. If the program had stopped reading, it reports 1006.
    PerhapsNotRead,
    /// It had ended its side of the transport before the Close came. If it had stopped reading, it reports 1006.
    EndedBefore,
    /// Its code says that it failed the connection. A program that chose this code by itself reports the answer.
    ByItsCode,
    /// The other end reset the connection behind its Close. The answer may have been written, and lost.
    AnswerNotSeen,
    /// It took the wrong Close for a right one: it answered with the same code, and may report that.
    AcceptedBadClose,
    /// tungstenite reports 1002 where a Close has a code that it refuses.
    RefusedCode,
}

impl Report {
    fn new(closing: &ClosingHandshake, because: Because, doubt: Option<Doubt>) -> Self {
        Self { event: Some(closing.event()), because, doubt }
    }

    const fn missing() -> Self {
        Self { event: None, because: Because::Missing, doubt: None }
    }

    /// Code, reason and wasClean. `None` if they cannot be said.
    #[must_use]
    pub const fn event(&self) -> Option<&CloseEvent> {
        self.event.as_ref()
    }

    /// What the report rests on.
    #[must_use]
    pub const fn because(&self) -> Because {
        self.because
    }

    /// Why this end may report something else, if there is a reason.
    #[must_use]
    pub const fn doubt(&self) -> Option<Doubt> {
        self.doubt
    }
}

/// Whether an end failed the connection, as far as its Close shows.
enum Failed<'a> {
    No,
    With(CloseFrame<'a>),
    NotKnown,
}

/// What came of a Close at the end that it was for.
#[derive(Clone, Copy)]
enum Came<'a> {
    /// None was sent.
    None,
    Good(CloseFrame<'a>),
    Bad(wire::Error),
    /// It was sent, but did not arrive.
    Never,
    NotKnown,
}

impl Observer {
    /// What `end` reports when the transport is over.
    ///
    /// ```
    /// use websocket_close::Role;
    /// use wsclose::{Because, Observer, TransportEnd};
    ///
    /// let mut observer = Observer::new();
    /// observer.ended(Role::Server, TransportEnd::Fin);
    /// let report = observer.report(Role::Client);
    /// assert_eq!(report.because(), Because::NoClose);
    /// assert_eq!(report.event().map(|event| event.code()), Some(1006));
    /// ```
    #[must_use]
    pub fn report(&self, end: Role) -> Report {
        let (ours, theirs) = (self.sent_by(end), self.sent_by(end.peer()));
        let mut closing = ClosingHandshake::new(end);
        let came = self.came(end.peer());
        if let Came::Bad(error) = came {
            let _close = closing.reject(error);
            let doubt = match error {
                _ if ours.close().is_some_and(|close| close.frame() == Err(error)) => Some(Doubt::AcceptedBadClose),
                wire::Error::Payload(DecodeError::InvalidCode(_)) => Some(Doubt::RefusedCode),
                _ => None,
            };
            return Report::new(&closing, Because::BadClose, doubt);
        }
        if ours.close().is_none() && !self.has_certainly_not_closed(end) {
            // A Close that we did not see may say that it failed the connection.
            return Report::missing();
        }
        match self.failed(end) {
            Failed::No => {}
            Failed::NotKnown => return Report::missing(),
            Failed::With(frame) => {
                let _close = closing.fail(frame);
                return Report::new(&closing, Because::Failed, Some(Doubt::ByItsCode));
            }
        }
        let frame = match came {
            Came::Good(frame) if theirs.blind() != Some(Blind::Missing) => frame,
            Came::Good(_) | Came::Bad(_) | Came::NotKnown => return Report::missing(),
            Came::Never => return Report::new(&closing, Because::NotArrived, None),
            Came::None => return Report::new(&closing, Because::NoClose, None),
        };
        let Some(own) = ours.close() else {
            let _answer = closing.receive(frame);
            let doubt = if theirs.reset.is_some() { Doubt::AnswerNotSeen } else { Doubt::PerhapsNotRead };
            return Report::new(&closing, Because::Unanswered, Some(doubt));
        };
        // For an event it counts that a Close was sent, not what stood in it.
        let _close = closing.start(own.frame().unwrap_or(CloseFrame::EMPTY));
        closing.mark_written();
        let _none = closing.receive(frame);
        let because = if theirs.followed_by() > 0 { Because::MoreAfterClose } else { Because::Seen };
        let doubt = match end {
            _ if ours.fin == Some(Ended::BeforeTheirClose) => Some(Doubt::EndedBefore),
            Role::Server => None,
            Role::Client if because == Because::MoreAfterClose => Some(Doubt::MoreAfterClose),
            Role::Client => theirs.reset.map(|_| Doubt::ResetAfterClose),
        };
        Report::new(&closing, because, doubt)
    }

    /// What came of the Close of `from` at the other end.
    fn came(&self, from: Role) -> Came<'_> {
        let sent = self.sent_by(from);
        let Some(close) = sent.close() else {
            return if self.has_certainly_not_closed(from) { Came::None } else { Came::NotKnown };
        };
        match (self.arrived(from), close.frame()) {
            (Some(false), _) => Came::Never,
            // Without any acknowledgement we assume that it arrived.
            (None, _) if sent.acknowledged.is_some() => Came::NotKnown,
            (_, Ok(frame)) => Came::Good(frame),
            (_, Err(error)) => Came::Bad(error),
        }
    }

    /// An end that closes with one of these codes says that it failed the connection (RFC 6455, 7.1.7), unless it
    /// answers a Close with the same code.
    fn failed(&self, end: Role) -> Failed<'_> {
        let close = self.sent_by(end).close().and_then(|close| close.frame().ok());
        let Some(frame) = close.filter(|frame| matches!(frame.code().map(CloseCode::get), Some(1002 | 1007 | 1009)))
        else {
            return Failed::No;
        };
        match (self.relation(), self.first()) {
            (Some(Relation::Answer), Some(first)) if first != end => Failed::No,
            (Some(Relation::Answer), None) | (None, _) => Failed::NotKnown,
            _ => Failed::With(frame),
        }
    }
}

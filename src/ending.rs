//! `Ending`: everything known about how a connection ended, and one line of it for a log.

use core::fmt;
use core::time::Duration;

use crate::event::CloseEvent;
use crate::handshake::ClosingHandshake;
use crate::names::{FmtNamed, Names, REGISTERED};
use crate::role::Role;

/// How a connection ended: who closed first, what both ends said, what failed, and how the transport ended.
///
/// A [`ClosingHandshake`] [becomes](ClosingHandshake::into_ending) one when its transport has ended. Its `Display` is
/// one line for a log. The code that counts may be the event's (1006) or the one that we sent (1009): it has both.
///
/// ```
/// use std::time::Duration;
/// use websocket_close::{Awaited, CloseCode, CloseFrame, ClosingHandshake, Role, TransportEnd};
///
/// let mut closing = ClosingHandshake::new(Role::Server);
/// let _close = closing.start(CloseFrame::from_static(1001, "restart"));
/// closing.mark_written();
/// let silent = TransportEnd::Cut { awaited: Awaited::Close, after: Duration::from_secs(10), discarded: Some(0) };
/// let ending = closing.into_ending(silent);
///
/// assert_eq!(ending.event().code(), 1006);
/// assert_eq!(ending.closing().ours().and_then(CloseFrame::code), Some(CloseCode::GOING_AWAY));
/// assert_eq!(
///     ending.to_string(),
///     "1006 (abnormal closure), not clean; as the server: closed by us with 1001 (going away), written; \
///      no answer; cut by us, no Close came within 10s, the peer sent nothing more"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    closing: ClosingHandshake,
    end: TransportEnd,
}

/// How the transport ended, as its driver saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportEnd {
    /// The peer ended it in order, between two frames: TCP's FIN, TLS's `close_notify`, `END_STREAM`.
    InOrder,
    /// The peer ended it in order, but inside a frame.
    InsideFrame,
    /// The peer ended TCP without TLS's `close_notify`. Before both Closes are done, somebody may have cut off its
    /// data.
    WithoutCloseNotify,
    /// It was lost.
    Lost(Loss),
    /// We cut it, because a deadline passed.
    Cut {
        /// What we were waiting for.
        awaited: Awaited,
        /// How long we waited.
        after: Duration,
        /// How many bytes came meanwhile and were discarded, if that is known, the peer's Close not counted. A flooding
        /// peer sends many.
        discarded: Option<u64>,
    },
    /// It never opened, or the opening handshake failed.
    NeverOpened,
    /// It is over, but this level cannot know how it ended.
    NotKnown,
}

/// How a transport was lost: the kind of its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// The peer reset it: TCP's RST, `RST_STREAM`.
    Reset,
    /// It was aborted on this side.
    Aborted,
    /// Writing failed, because the peer no longer reads.
    BrokenPipe,
    /// The network gave up.
    TimedOut,
    /// Another error.
    Other,
}

/// What we were waiting for when a deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// For the peer's Close.
    Close,
    /// For our own Close to be written.
    Write,
    /// For the end of the transport, when the Closes were done or the connection had failed.
    End,
}

impl ClosingHandshake {
    /// The end of the connection: the transport is gone, and ended like this.
    ///
    /// ```
    /// # use websocket_close::{ClosingHandshake, Role, TransportEnd};
    /// let ending = ClosingHandshake::new(Role::Client).into_ending(TransportEnd::NeverOpened);
    /// assert_eq!(
    ///     ending.to_string(),
    ///     "1006 (abnormal closure), not clean; as the client: nobody closed; the connection never opened"
    /// );
    /// ```
    #[must_use]
    pub fn into_ending(self, end: TransportEnd) -> Ending {
        Ending { closing: self, end }
    }
}

impl Ending {
    /// What the application is told.
    ///
    /// ```
    /// # use websocket_close::{ClosingHandshake, Role, TransportEnd};
    /// let ending = ClosingHandshake::new(Role::Client).into_ending(TransportEnd::InOrder);
    /// assert_eq!(ending.event().code(), 1006);
    /// ```
    #[must_use]
    pub fn event(&self) -> CloseEvent {
        self.closing.event()
    }

    /// The closing handshake as it stood at the end: who was first, both Closes, the peer's fault.
    #[must_use]
    pub const fn closing(&self) -> &ClosingHandshake {
        &self.closing
    }

    /// How the transport ended.
    #[must_use]
    pub const fn transport_end(&self) -> TransportEnd {
        self.end
    }

    fn fmt_end(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.end {
            TransportEnd::InOrder if self.closing.is_clean() || self.closing.is_failed() => {
                "the transport ended in order"
            }
            TransportEnd::InOrder => "the peer hung up between frames",
            TransportEnd::InsideFrame => "the peer hung up inside a frame",
            TransportEnd::WithoutCloseNotify => "the transport ended without TLS's close_notify",
            TransportEnd::Lost(Loss::Reset) => "the connection was reset",
            TransportEnd::Lost(Loss::Aborted) => "the connection was aborted",
            TransportEnd::Lost(Loss::BrokenPipe) => "the connection was lost, the peer no longer reads",
            TransportEnd::Lost(Loss::TimedOut) => "the connection was lost, the network timed out",
            TransportEnd::Lost(Loss::Other) => "the connection was lost by an I/O error",
            TransportEnd::NeverOpened => "the connection never opened",
            TransportEnd::NotKnown => "the transport's end is not known",
            TransportEnd::Cut { awaited, after, discarded } => {
                let what = match awaited {
                    Awaited::Close => "no Close came",
                    Awaited::Write => "our Close could not be written",
                    Awaited::End => "the transport did not end",
                };
                write!(f, "cut by us, {what} within {after:?}")?;
                return match discarded {
                    None => Ok(()),
                    Some(0) => f.write_str(", the peer sent nothing more"),
                    Some(bytes) => write!(f, ", the peer sent {bytes} B more"),
                };
            }
        })
    }
}

impl FmtNamed for Ending {
    fn fmt_named(&self, names: Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.event().fmt_named(names, f)?;
        f.write_str(match self.closing.local() {
            Role::Client => "; as the client: ",
            Role::Server => "; as the server: ",
        })?;
        self.closing.fmt_ended(names, f)?;
        f.write_str("; ")?;
        self.fmt_end(f)
    }
}

/// One line for a log. Its wording may change; read the facts from the methods.
impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_named(REGISTERED, f)
    }
}

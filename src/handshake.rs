//! `ClosingHandshake`: the machine from the first Close to the `CloseEvent`, without I/O, clock or bytes.

use core::fmt;

use crate::code::CloseCode;
use crate::event::CloseEvent;
use crate::frame::{CloseFrame, OwnedCloseFrame};
use crate::role::Role;

/// The closing handshake of one connection: what to send, what still to wait for, and the [`CloseEvent`] that it ends in.
/// [RFC 6455, 7](https://www.rfc-editor.org/rfc/rfc6455#section-7)
///
/// ```text
///                  fail                        start, fail, receive: `Some(frame)` is the one Close to write
///      OPEN ----------------------+            written: that Close is in the transport, whole
///       |  \                      |
/// start |   \ receive             |
///       |    \ (answer handed out)|
///       v     \                   v
///    CLOSING --+---- fail ----> FAILED         data    pongs   transport
///       |       \                 |            yes     yes     Keep       OPEN
///       | receive \               |            no      yes     Keep       CLOSING      our Close went first
///       v          v              |            *       no      Keep       ANSWER OWED  theirs is in, ours not yet out
///      ANSWER OWED (if not        |            no      no      End        FAILED
///       |     yet written)        |            no      no      End        DONE, as the server
///       | written                 |            no      no      AwaitEnd   DONE, as the client
///       v                         v            * the message that is being sent, if their Close was first
///     DONE                     (1006)          `finish`, from any state, when the transport is gone
/// ```
///
/// It hands out one Close in its life. Whoever drives it writes that Close, tells it what happened, and ends the transport as
/// [`transport`](Self::transport) says. Each call is one step of the standard; a call that comes too late changes nothing; one
/// that is forgotten may make the event unclean, never clean.
///
/// Nothing here is TCP. What ends the transport in order is TCP's FIN or TLS's `close_notify`, `END_STREAM` on a stream of
/// HTTP/2 ([RFC 8441, 5](https://www.rfc-editor.org/rfc/rfc8441#section-5)), and FIN on one of HTTP/3
/// ([RFC 9220, 3](https://www.rfc-editor.org/rfc/rfc9220#section-3)); what breaks it off is RST, `RST_STREAM` with `CANCEL`, and
/// `H3_REQUEST_CANCELLED`. Both end in [`finish`](Self::finish): whether the end was clean depends on the two Closes, not on how
/// the transport went. Deadlines are the driver's: when one passes, it ends the transport and calls `finish`.
///
/// ```
/// use websocket_close::{CloseFrame, ClosingHandshake, Role, Transport};
///
/// let mut closing = ClosingHandshake::new(Role::Server);
/// // The peer's Close has come in: answer it.
/// let answer = closing.receive(CloseFrame::from_static(1001, "tab closed")).unwrap();
/// assert_eq!(answer, CloseFrame::from_static(1001, ""));
/// // ... write it ...
/// closing.written();
/// assert_eq!(closing.transport(), Transport::End);
/// // ... end the transport ...
/// assert_eq!(closing.finish().to_string(), r#"1001 (going away) "tab closed", clean"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClosingHandshake {
    local: Role,
    /// Whose Close came first, as seen from here; a failure of ours counts as a Close.
    initiator: Option<Role>,
    /// The one Close that was handed out.
    sent: Option<OwnedCloseFrame>,
    /// Whether that one has been written.
    written: bool,
    /// The first valid Close of the peer. It and `failed` exclude each other.
    received: Option<OwnedCloseFrame>,
    failed: bool,
    /// What we failed with, which was not sent if a Close had gone out before.
    failure: Option<CloseCode>,
    /// Whether `sent` is the Close of that failure.
    failed_with_sent: bool,
}

/// What is to be done with the transport: the answer of [`ClosingHandshake::transport`].
///
/// ```
/// use websocket_close::Transport;
///
/// fn advice(transport: Transport) -> &'static str {
///     match transport {
///         Transport::Keep => "read and write on",
///         Transport::AwaitEnd => "read until the server ends it, or a deadline passes",
///         Transport::End => "shut down writing, read until the end, close",
///     }
/// }
/// # assert!(advice(Transport::End).ends_with("close"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Go on: the handshake has not begun, or a Close is still to be written or read.
    Keep,
    /// All is said and the server ends the transport: read on, discarding what comes, until it has or a deadline passes.
    /// [RFC 6455, 7.1.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1)
    AwaitEnd,
    /// End it now. In order, that is: write what is left, shut down writing, read until the end, close; trailing bytes are
    /// discarded. To close it with bytes unread could destroy our own Close on its way.
    /// [RFC 6455, 7.1.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1)
    End,
}

impl ClosingHandshake {
    /// The handshake of a connection that is open, or not yet: one that never opens ends in the same 1006.
    ///
    /// ```
    /// # use websocket_close::{ClosingHandshake, Role};
    /// let closing = ClosingHandshake::new(Role::Client);
    /// assert!(closing.may_send_data() && closing.pongs_due());
    /// ```
    #[must_use]
    pub const fn new(local: Role) -> Self {
        Self {
            local,
            initiator: None,
            sent: None,
            written: false,
            received: None,
            failed: false,
            failure: None,
            failed_with_sent: false,
        }
    }

    /// Starts the closing handshake. `Some` is the Close to write, after the data that is already queued; `None` if one was
    /// handed out before or the connection was failed, and then there is nothing to do.
    /// [RFC 6455, 7.1.2](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.2)
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// let goodbye = CloseFrame::from_static(1000, "done");
    /// assert_eq!(closing.start(goodbye), Some(goodbye));
    /// assert_eq!(closing.start(goodbye), None);
    /// assert!(!closing.may_send_data());
    /// ```
    #[must_use = "the frame is to be written"]
    pub fn start<'a>(&mut self, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
        // Rule 26 (7.1.2): to start is to send a Close. Rule 34 (7.1.5): there is never a second one, and WHATWG's `close()`
        // does nothing once the peer's Close has come.
        self.hand_out(frame, self.local)
    }

    /// Takes the peer's Close. `Some` is the answer to write; a message that is being sent may be finished first.
    /// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
    ///
    /// A Close that cannot be decoded is not received: [`fail`](Self::fail) with the error's `reply()` instead.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// assert_eq!(closing.receive(CloseFrame::EMPTY), Some(CloseFrame::EMPTY));
    /// assert!(closing.answer_owed()); // until `written`
    /// ```
    #[must_use = "the frame is to be written"]
    pub fn receive(&mut self, frame: CloseFrame<'_>) -> Option<CloseFrame<'static>> {
        // Rule 31 (1.4, 7.1.5): the first Close counts, what follows it is discarded. Rule 43 (7.1.7): after failing nothing is
        // processed, not even a Close.
        if self.received.is_some() || self.failed {
            return None;
        }
        self.received = Some(frame.into_owned());
        // Rules 28 to 30 (5.5.1): answered with its code, and with an empty body if it has none. Rule 34: a Close of ours that
        // is out already is the answer.
        self.hand_out(frame.reply(), self.peer())
    }

    /// Fails the connection: for a peer that broke the protocol, a message too big, a fault of our own. `Some` is the Close to
    /// write before the transport is ended; to leave it out is allowed where the peer could hardly read it.
    /// [RFC 6455, 7.1.7](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7)
    ///
    /// `None` if a Close was handed out before, written or not. Once the peer's Close has been received there is nothing left to fail: what follows
    /// it is discarded, and this call with it. A transport that is lost is not failed here; [`finish`](Self::finish) at once.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role, Transport};
    /// let mut closing = ClosingHandshake::new(Role::Server);
    /// let error = CloseFrame::from_payload(b"\x03\xe8\xff").unwrap_err();
    /// assert_eq!(closing.fail(error.reply()), Some(CloseFrame::from_static(1007, "")));
    /// assert_eq!(closing.transport(), Transport::End);
    /// assert_eq!(closing.finish().code(), 1006);
    /// ```
    #[must_use = "the frame is to be written"]
    pub fn fail<'a>(&mut self, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
        // Rule 31 (1.4): garbage after the peer's Close is discarded, not failed.
        if self.received.is_some() || self.failed {
            return None;
        }
        self.failed = true;
        self.failure = frame.code();
        // Rule 43 (7.1.7): a Close with a fitting code goes first. Rule 45: not if ours is out already.
        let handed_out = self.hand_out(frame, self.local);
        self.failed_with_sent = handed_out.is_some();
        handed_out
    }

    /// Hands out `frame` as our one Close, unless one is out; whoever is first with a Close has started the handshake.
    fn hand_out<'a>(&mut self, frame: CloseFrame<'a>, first: Role) -> Option<CloseFrame<'a>> {
        // Rule 25 (7.1.3): started by a Close sent or received.
        self.initiator.get_or_insert(first);
        if self.sent.is_some() {
            return None;
        }
        self.sent = Some(frame.into_owned());
        Some(frame)
    }

    /// The Close that was handed out is now in the transport, whole. Does nothing if none was handed out. If writing fails, the
    /// transport is lost: [`finish`](Self::finish) without this call.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// let theirs = CloseFrame::from_static(1000, "");
    /// let _answer = closing.receive(theirs);
    /// // The answer could not be written: their code, but not clean.
    /// assert_eq!(closing.finish().to_string(), "1000 (normal closure), not clean");
    /// ```
    pub fn written(&mut self) {
        self.written = self.sent.is_some();
    }

    /// Whether the peer's Close has been received and ours has still to be written, as soon as practical.
    /// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Server);
    /// let _answer = closing.receive(CloseFrame::EMPTY);
    /// assert!(closing.answer_owed());
    /// closing.written();
    /// assert!(!closing.answer_owed());
    /// ```
    #[must_use]
    pub const fn answer_owed(&self) -> bool {
        self.received.is_some() && !self.written
    }

    /// Whether a ping is to be answered: until the peer's Close is received or the connection failed, which is to say also
    /// after our own Close. Until then, too, the data that comes in is still the application's.
    /// [RFC 6455, 5.5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2)
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Server);
    /// let _close = closing.start(CloseFrame::EMPTY);
    /// assert!(closing.pongs_due());
    /// ```
    #[must_use]
    pub const fn pongs_due(&self) -> bool {
        // Rule 32 (5.5.2): "unless it already received a Close frame".
        self.received.is_none() && !self.failed
    }

    /// Whether data frames may be sent: until a Close is sent. If the peer's Close was first, then only the message that is being
    /// sent may be finished before the [answer](Self::answer_owed), and the peer may discard it.
    /// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Server);
    /// let _answer = closing.receive(CloseFrame::EMPTY);
    /// assert!(closing.may_send_data());
    /// closing.written();
    /// assert!(!closing.may_send_data());
    /// ```
    #[must_use]
    pub fn may_send_data(&self) -> bool {
        // Rule 27 (5.5.1): nothing but control frames after our Close. Rule 28: an answer may wait for the end of a message.
        match self.initiator {
            None => true,
            Some(first) => first != self.local && !self.written,
        }
    }

    /// Who ends the transport now: nobody, the peer, or we.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role, Transport};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// assert_eq!(closing.transport(), Transport::Keep);
    /// let _answer = closing.receive(CloseFrame::EMPTY);
    /// closing.written();
    /// assert_eq!(closing.transport(), Transport::AwaitEnd);
    /// ```
    #[must_use]
    pub const fn transport(&self) -> Transport {
        if self.failed {
            // Rule 43 (7.1.7): to fail is to close the transport, whichever end we are.
            return Transport::End;
        }
        if self.received.is_none() || !self.written {
            return Transport::Keep;
        }
        // Rule 35 (7.1.1): the server ends it at once, the client waits for that.
        match self.local {
            Role::Server => Transport::End,
            Role::Client => Transport::AwaitEnd,
        }
    }

    /// The one Close that was handed out for writing.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// let _close = closing.start(CloseFrame::from_static(1000, "done"));
    /// assert_eq!(closing.sent(), Some(CloseFrame::from_static(1000, "done")));
    /// ```
    #[must_use]
    pub fn sent(&self) -> Option<CloseFrame<'_>> {
        self.sent.as_ref().map(OwnedCloseFrame::as_frame)
    }

    /// Whether that Close was [written](Self::written).
    ///
    /// ```
    /// # use websocket_close::{ClosingHandshake, Role};
    /// assert!(!ClosingHandshake::new(Role::Client).was_written());
    /// ```
    #[must_use]
    pub const fn was_written(&self) -> bool {
        self.written
    }

    /// The first Close of the peer.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// let _answer = closing.receive(CloseFrame::from_static(1012, "restart"));
    /// assert_eq!(closing.received(), Some(CloseFrame::from_static(1012, "restart")));
    /// ```
    #[must_use]
    pub fn received(&self) -> Option<CloseFrame<'_>> {
        self.received.as_ref().map(OwnedCloseFrame::as_frame)
    }

    /// Which end was first with a Close, as seen from here; when the two cross, each end sees its own first. A connection that
    /// we failed before any Close counts as ours.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// let _answer = closing.receive(CloseFrame::EMPTY);
    /// assert_eq!(closing.initiator(), Some(Role::Server));
    /// ```
    #[must_use]
    pub const fn initiator(&self) -> Option<Role> {
        self.initiator
    }

    /// Whether we failed the connection.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// let _close = closing.fail(CloseFrame::from_static(1009, ""));
    /// assert!(closing.failed());
    /// ```
    #[must_use]
    pub const fn failed(&self) -> bool {
        self.failed
    }

    /// The code we failed the connection with, whether it was sent or not.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// let _close = closing.start(CloseFrame::from_static(1000, ""));
    /// let _none = closing.fail(CloseFrame::from_static(1002, ""));
    /// assert_eq!(closing.failure(), Some(CloseCode::PROTOCOL_ERROR));
    /// ```
    #[must_use]
    pub const fn failure(&self) -> Option<CloseCode> {
        self.failure
    }

    /// The end: the transport is closed, was lost, or never opened.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// let _close = closing.start(CloseFrame::from_static(1000, "mine"));
    /// closing.written();
    /// let _none = closing.receive(CloseFrame::from_static(3000, "yours"));
    /// // Reported is what the peer said, never what we did.
    /// assert_eq!(closing.finish().to_string(), r#"3000 (unauthorized) "yours", clean"#);
    /// ```
    #[must_use]
    pub fn finish(self) -> CloseEvent {
        match &self.received {
            // Rules 40 and 41 (7.1.5, 7.1.6): code and reason of the first Close received. Rule 39 (7.1.4): clean if ours was
            // sent, too, and so rule 42a: not if our answer was lost.
            Some(frame) => CloseEvent::received(frame.as_frame(), self.written),
            // Rules 40, 43, 44 and 46: 1006 if none came, none was valid, or we failed the connection.
            None => CloseEvent::abnormal(),
        }
    }

    const fn peer(&self) -> Role {
        match self.local {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        }
    }
}

/// One line for a log: who closed first and with what, what came of it.
///
/// ```
/// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
/// let mut closing = ClosingHandshake::new(Role::Client);
/// let _answer = closing.receive(CloseFrame::from_static(1012, "restart"));
/// assert_eq!(
///     closing.to_string(),
///     r#"closed by the peer with 1012 (service restart) "restart"; our Close 1012 (service restart) not written"#
/// );
/// ```
impl fmt::Display for ClosingHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(first), Some(sent)) = (self.initiator, self.sent()) else {
            return f.write_str("open");
        };
        let written = if self.written { "written" } else { "not written" };
        match self.received() {
            Some(theirs) if first != self.local => {
                write!(f, "closed by the peer with {theirs}; our Close {sent} {written}")?;
            }
            Some(theirs) => write!(f, "closed by us with {sent}, {written}; answered {theirs}")?,
            None if self.failed_with_sent => return write!(f, "failed by us with {sent}, {written}"),
            None => write!(f, "closed by us with {sent}, {written}")?,
        }
        match self.failure {
            Some(code) => write!(f, "; then failed by us with {code}"),
            None if self.failed => f.write_str("; then failed by us"),
            None => Ok(()),
        }
    }
}

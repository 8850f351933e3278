//! `ClosingState` and `ClosingHandshake`: the closing handshake from the first Close on, without I/O, clock or bytes.

use core::fmt;
use core::ops::Deref;

use crate::code::CloseCode;
use crate::event::CloseEvent;
use crate::frame::{CloseFrame, OwnedCloseFrame};
use crate::names::{FmtNamed, Names, REGISTERED};
use crate::role::Role;
use crate::wire;

/// Where the closing handshake of one connection stands: its codes, but not its reasons. It is small and `Copy`.
/// [RFC 6455, 7](https://www.rfc-editor.org/rfc/rfc6455#section-7)
///
/// ```text
///               receive                              data   receiving   transport
///   OPEN ---------------------> ANSWERING   OPEN        yes      yes       Keep
///    |  \                                   STARTED     no       yes       Keep
///    |   \ fail                             ANSWERING   *        no        Keep
///    |    +---------> FAILED                ANSWERED    no       no        Keep
///    | start             ^                  FAILED      no       no        End
///    v           fail    |                  once both Closes are done:
///   STARTED -------------+                              no       no        End (server), AwaitEnd (client)
///         \ receive
///          +---------> ANSWERED             *: you may finish the message that you are sending
/// ```
///
/// It is for stacks that already keep the frames. [`ClosingHandshake`] is this and the peer's Close.
///
/// [`start`](Self::start), [`receive`](Self::receive) and [`fail`](Self::fail) return the Close to write, once in the
/// life of a connection. Write it, call [`mark_written`](Self::mark_written), and end the transport when
/// [`transport`](Self::transport) says so. A late call does nothing. A forgotten call can make the event unclean, never
/// clean.
///
/// ```
/// use websocket_close::{CloseFrame, ClosingState, Role, TransportAction};
///
/// let mut closing = ClosingState::new(Role::Server);
/// // The peer's Close has come: answer it.
/// let answer = closing.receive(CloseFrame::from_static(1001, "tab closed"));
/// assert_eq!(answer, Some(CloseFrame::from_static(1001, "")));
/// // ... write it ...
/// closing.mark_written();
/// assert!(closing.is_clean());
/// assert_eq!(closing.transport(), TransportAction::End);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClosingState {
    local: Role,
    phase: Phase,
}

/// Who closed first, and what has come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// No Close yet, in either direction.
    Open,
    /// The peer closed first.
    Answering { theirs: Option<CloseCode>, ours: Ours },
    /// We closed first.
    Started { ours: Ours, outcome: Outcome },
    /// We failed the connection before any Close.
    Failed { ours: Ours },
}

/// Our Close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ours {
    code: Option<CloseCode>,
    written: bool,
}

impl Ours {
    const fn new(frame: CloseFrame<'_>) -> Self {
        Self { code: frame.code(), written: false }
    }
}

/// What has come of a Close of ours that was first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Outcome {
    /// The peer's Close has not come yet.
    Awaited,
    /// The peer's Close has come.
    Answered { theirs: Option<CloseCode> },
    /// We failed the connection while we waited. This code is not sent: our Close was chosen before.
    Failed { with: Option<CloseCode> },
}

/// What to do with the transport: the answer of [`ClosingState::transport`].
///
/// ```
/// use websocket_close::TransportAction;
///
/// fn advice(action: TransportAction) -> &'static str {
///     match action {
///         TransportAction::Keep => "keep reading and writing",
///         TransportAction::AwaitEnd => "read until the server ends it, or a deadline passes",
///         TransportAction::End => "shut down writing, read until the end, close",
///     }
/// }
/// # assert!(advice(TransportAction::End).ends_with("close"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportAction {
    /// Keep reading and writing: nobody has closed yet, or a Close is still to be written or read.
    Keep,
    /// Both Closes are done. Keep reading and discarding until the server closes or your deadline passes.
    /// [RFC 6455, 7.1.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1)
    AwaitEnd,
    /// End it now, in order: write what is left, shut down writing, read and discard until the end, close. Closing with
    /// unread bytes resets a TCP connection, and the reset can destroy our own Close on its way.
    /// [RFC 6455, 7.1.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1)
    End,
}

impl ClosingState {
    /// The state of a connection that is open, or not yet open.
    ///
    /// ```
    /// # use websocket_close::{ClosingState, Role};
    /// let closing = ClosingState::new(Role::Client);
    /// assert!(closing.is_open() && closing.may_send_data() && closing.is_receiving());
    /// ```
    #[must_use]
    pub const fn new(local: Role) -> Self {
        Self { local, phase: Phase::Open }
    }

    /// Starts the closing handshake. `Some` is the Close to write, behind the data that is already queued. `None` if a
    /// Close was chosen before, by this call, as an answer, or by failing.
    /// [RFC 6455, 7.1.2](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.2)
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingState, Role};
    /// let mut closing = ClosingState::new(Role::Client);
    /// let goodbye = CloseFrame::from_static(1000, "done");
    /// assert_eq!(closing.start(goodbye), Some(goodbye));
    /// assert_eq!(closing.start(goodbye), None);
    /// assert!(!closing.may_send_data());
    /// ```
    #[inline]
    #[must_use = "write this frame"]
    pub fn start<'a>(&mut self, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
        // 7.1.5: there is never a second Close. WHATWG's `close()` does nothing once the peer's has come.
        let Phase::Open = self.phase else { return None };
        self.phase = Phase::Started { ours: Ours::new(frame), outcome: Outcome::Awaited };
        Some(frame)
    }

    /// Takes the peer's Close. `Some` is the answer to write: the peer's code, which counts as our Close from now on.
    /// You may finish the message that you are sending first.
    /// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
    ///
    /// A Close that cannot be decoded is not received: call [`fail`](Self::fail) with the error's `reply()` instead.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingState, Role};
    /// let mut closing = ClosingState::new(Role::Client);
    /// assert_eq!(closing.receive(CloseFrame::EMPTY), Some(CloseFrame::EMPTY));
    /// assert!(closing.close_pending()); // until `mark_written`
    /// ```
    #[inline]
    #[must_use = "write this frame"]
    pub fn receive(&mut self, frame: CloseFrame<'_>) -> Option<CloseFrame<'static>> {
        match &mut self.phase {
            // 5.5.1: the answer has the same code, or no body if there is none.
            Phase::Open => {
                self.phase = Phase::Answering { theirs: frame.code(), ours: Ours::new(frame) };
                Some(frame.reply())
            }
            // 7.1.5: our Close, which was first, is the answer.
            Phase::Started { outcome: outcome @ Outcome::Awaited, .. } => {
                *outcome = Outcome::Answered { theirs: frame.code() };
                None
            }
            // 1.4: only the first Close counts. 7.1.7: after failing nothing is processed, not even a Close.
            Phase::Answering { .. } | Phase::Started { .. } | Phase::Failed { .. } => None,
        }
    }

    /// Replaces the answer of [`receive`](Self::receive), for a stack that answers with a Close of its own. `Some` is
    /// the Close to write instead; `None` if no answer is due, or if it is already written.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame, ClosingState, Role};
    /// let mut closing = ClosingState::new(Role::Server);
    /// let _echo = closing.receive(CloseFrame::from_static(4001, ""));
    /// let ours = CloseFrame::from_static(1000, "goodbye");
    /// assert_eq!(closing.answer_with(ours), Some(ours));
    /// assert_eq!(closing.ours().and_then(CloseFrame::code), Some(CloseCode::NORMAL_CLOSURE));
    /// ```
    #[must_use = "write this frame"]
    pub fn answer_with<'a>(&mut self, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
        // 5.5.1: an endpoint *typically* echoes the code; it may send another.
        let Phase::Answering { ours: ours @ Ours { written: false, .. }, .. } = &mut self.phase else { return None };
        *ours = Ours::new(frame);
        Some(frame)
    }

    /// Fails the connection: the peer broke the protocol, a message is too big, something went wrong here. `Some` is
    /// the Close to write before you end the transport. You may leave it out where the peer could hardly read it.
    /// [RFC 6455, 7.1.7](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7)
    ///
    /// `None` if a Close was chosen before. Once the peer's Close has come there is nothing left to fail, so this call
    /// does nothing. A lost transport is not a failure: the connection is simply over.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingState, Role, TransportAction};
    /// let mut closing = ClosingState::new(Role::Server);
    /// let too_big = CloseFrame::from_static(1009, "at most 1 MiB");
    /// assert_eq!(closing.fail(too_big), Some(too_big));
    /// assert_eq!(closing.transport(), TransportAction::End);
    /// ```
    #[inline]
    #[must_use = "write this frame"]
    pub fn fail<'a>(&mut self, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
        match &mut self.phase {
            // 7.1.7: a Close with a fitting code goes first.
            Phase::Open => {
                self.phase = Phase::Failed { ours: Ours::new(frame) };
                Some(frame)
            }
            // 7.1.5: there is never a second Close.
            Phase::Started { outcome: outcome @ Outcome::Awaited, .. } => {
                *outcome = Outcome::Failed { with: frame.code() };
                None
            }
            // 1.4: what follows the peer's Close is discarded, not failed.
            Phase::Answering { .. } | Phase::Started { .. } | Phase::Failed { .. } => None,
        }
    }

    /// Records that our Close is written. Call it only after the transport has accepted every byte of it, by a flush
    /// that succeeded.
    ///
    /// A call that comes too early makes an event clean although the peer never saw our Close. If writing fails, do not
    /// call it. It does nothing if no Close was chosen.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingState, Role};
    /// let mut closing = ClosingState::new(Role::Client);
    /// let _answer = closing.receive(CloseFrame::from_static(1000, ""));
    /// assert!(!closing.is_clean());
    /// closing.mark_written();
    /// assert!(closing.is_clean());
    /// ```
    #[inline]
    pub fn mark_written(&mut self) {
        match &mut self.phase {
            Phase::Open => {}
            Phase::Answering { ours, .. } | Phase::Started { ours, .. } | Phase::Failed { ours } => ours.written = true,
        }
    }

    /// The end that we are.
    #[must_use]
    pub const fn local(self) -> Role {
        self.local
    }

    /// Whether nobody has closed or failed the connection yet.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Whether you may send data frames. That ends with our Close. If the peer's Close was first, you may only finish
    /// the message that you are sending before you write the answer, and the peer may discard it.
    /// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingState, Role};
    /// let mut closing = ClosingState::new(Role::Server);
    /// let _answer = closing.receive(CloseFrame::EMPTY);
    /// assert!(closing.may_send_data());
    /// closing.mark_written();
    /// assert!(!closing.may_send_data());
    /// ```
    #[must_use]
    pub const fn may_send_data(self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Answering { ours: Ours { written: false, .. }, .. })
    }

    /// Whether incoming frames still count: data is the application's, and pings need pongs. That ends when the peer's
    /// Close has come or the connection has failed; our own Close does not end it.
    /// [RFC 6455, 5.5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2)
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingState, Role};
    /// let mut closing = ClosingState::new(Role::Server);
    /// let _close = closing.start(CloseFrame::EMPTY);
    /// assert!(closing.is_receiving());
    /// let _none = closing.receive(CloseFrame::EMPTY);
    /// assert!(!closing.is_receiving());
    /// ```
    #[must_use]
    pub const fn is_receiving(self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Started { outcome: Outcome::Awaited, .. })
    }

    /// Whether our Close is chosen but not yet written.
    #[must_use]
    pub const fn close_pending(self) -> bool {
        matches!(self.chosen(), Some(Ours { written: false, .. }))
    }

    /// Whether our Close is [written](Self::mark_written).
    #[must_use]
    pub const fn is_written(self) -> bool {
        matches!(self.chosen(), Some(Ours { written: true, .. }))
    }

    /// Whether both Closes are done: the peer's has come and ours is written.
    /// [RFC 6455, 7.1.4](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.4)
    #[must_use]
    pub const fn is_clean(self) -> bool {
        self.is_written() && self.theirs().is_some()
    }

    /// Whether we failed the connection.
    #[must_use]
    pub const fn is_failed(self) -> bool {
        self.failure().is_some()
    }

    /// The Close that we failed the connection with, without its reason. It was not sent if another Close of ours was
    /// chosen before.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingState, Role};
    /// let mut closing = ClosingState::new(Role::Client);
    /// let _close = closing.start(CloseFrame::from_static(1000, ""));
    /// let _none = closing.fail(CloseFrame::from_static(1002, ""));
    /// assert_eq!(closing.failure(), Some(CloseFrame::from_static(1002, "")));
    /// assert_eq!(closing.ours(), Some(CloseFrame::from_static(1000, "")));
    /// ```
    #[must_use]
    pub const fn failure(self) -> Option<CloseFrame<'static>> {
        match self.phase {
            Phase::Failed { ours } => Some(CloseFrame::without_reason(ours.code)),
            Phase::Started { outcome: Outcome::Failed { with }, .. } => Some(CloseFrame::without_reason(with)),
            Phase::Open | Phase::Answering { .. } | Phase::Started { .. } => None,
        }
    }

    /// Which end closed first, as we see it. When two Closes cross, each end sees its own first. Failing the connection
    /// before any Close counts as ours.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingState, Role};
    /// let mut closing = ClosingState::new(Role::Client);
    /// let _answer = closing.receive(CloseFrame::EMPTY);
    /// assert_eq!(closing.closed_first(), Some(Role::Server));
    /// ```
    #[must_use]
    pub const fn closed_first(self) -> Option<Role> {
        match self.phase {
            Phase::Open => None,
            Phase::Answering { .. } => Some(self.local.peer()),
            Phase::Started { .. } | Phase::Failed { .. } => Some(self.local),
        }
    }

    /// Our Close, without its reason: the one that is chosen, written or not.
    #[must_use]
    pub const fn ours(self) -> Option<CloseFrame<'static>> {
        match self.chosen() {
            Some(ours) => Some(CloseFrame::without_reason(ours.code)),
            None => None,
        }
    }

    const fn chosen(self) -> Option<Ours> {
        match self.phase {
            Phase::Open => None,
            Phase::Answering { ours, .. } | Phase::Started { ours, .. } | Phase::Failed { ours } => Some(ours),
        }
    }

    /// The first Close of the peer, without its reason.
    #[must_use]
    pub const fn theirs(self) -> Option<CloseFrame<'static>> {
        match self.phase {
            Phase::Answering { theirs, .. } | Phase::Started { outcome: Outcome::Answered { theirs }, .. } => {
                Some(CloseFrame::without_reason(theirs))
            }
            Phase::Open | Phase::Started { .. } | Phase::Failed { .. } => None,
        }
    }

    /// What to do with the transport now.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingState, Role, TransportAction};
    /// let mut closing = ClosingState::new(Role::Client);
    /// assert_eq!(closing.transport(), TransportAction::Keep);
    /// let _answer = closing.receive(CloseFrame::EMPTY);
    /// closing.mark_written();
    /// assert_eq!(closing.transport(), TransportAction::AwaitEnd);
    /// ```
    #[must_use]
    pub const fn transport(self) -> TransportAction {
        if self.is_failed() {
            // 7.1.7: to fail the connection is to end the transport, whichever end we are.
            return TransportAction::End;
        }
        if !self.is_clean() {
            return TransportAction::Keep;
        }
        // 7.1.1: the server ends it at once, the client waits for that.
        match self.local {
            Role::Server => TransportAction::End,
            Role::Client => TransportAction::AwaitEnd,
        }
    }

    /// Writes the line. The handshake knows the peer's reason and its fault; an ending has told the peer's Close
    /// before.
    fn fmt_line(
        self,
        theirs: Option<CloseFrame<'_>>,
        fault: Option<wire::Error>,
        names: Names,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let close = |before: &str, close: Option<CloseFrame<'_>>, f: &mut fmt::Formatter<'_>| match close {
            Some(close) => {
                f.write_str(before)?;
                close.fmt_named(names, f)
            }
            None => Ok(()),
        };
        let written = if self.is_written() { ", written" } else { ", not written" };
        match self.phase {
            Phase::Open => f.write_str("open"),
            Phase::Answering { .. } => {
                f.write_str("closed by the peer")?;
                close(" with ", theirs, f)?;
                close("; answered by us with ", self.ours(), f)?;
                f.write_str(written)
            }
            Phase::Started { outcome, .. } => {
                close("closed by us with ", self.ours(), f)?;
                f.write_str(written)?;
                match outcome {
                    Outcome::Awaited => f.write_str("; no answer"),
                    Outcome::Answered { .. } => {
                        f.write_str("; answered by the peer")?;
                        close(" with ", theirs, f)
                    }
                    Outcome::Failed { .. } => close("; then failed by us with ", self.failure(), f),
                }
            }
            Phase::Failed { .. } => {
                close("failed by us with ", self.ours(), f)?;
                f.write_str(written)
            }
        }?;
        match fault {
            Some(fault) => write!(f, "; the peer's fault: {fault}"),
            None => Ok(()),
        }
    }
}

impl FmtNamed for ClosingState {
    fn fmt_named(&self, names: Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_line(self.theirs(), None, names, f)
    }
}

/// One line for a log: who closed first and with what, and what has come of it. See [`ClosingHandshake`].
impl fmt::Display for ClosingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_named(REGISTERED, f)
    }
}

/// The closing handshake of one connection: a [`ClosingState`], and the peer's Close or its fault.
///
/// All questions of [`ClosingState`] can be asked here too. Use this unless you store the peer's frame yourself.
///
/// Nothing here is specific to TCP. A transport ends in order by TCP's FIN, by TLS's `close_notify`, by `END_STREAM` on
/// a stream of HTTP/2 ([RFC 8441, 5](https://www.rfc-editor.org/rfc/rfc8441#section-5)) or by FIN on a stream of HTTP/3
/// ([RFC 9220, 3](https://www.rfc-editor.org/rfc/rfc9220#section-3)). It breaks off by RST, by `RST_STREAM` with
/// `CANCEL` or by `H3_REQUEST_CANCELLED`. Whether the event is clean depends on the two Closes, not on how the
/// transport ended. Deadlines are the driver's: when one passes, it cuts the transport.
///
/// ```
/// use websocket_close::{CloseFrame, ClosingHandshake, Role, TransportAction, TransportEnd};
///
/// let mut closing = ClosingHandshake::new(Role::Server);
/// // The peer's Close has come: answer it.
/// let answer = closing.receive(CloseFrame::from_static(1001, "tab closed"));
/// assert_eq!(answer, Some(CloseFrame::from_static(1001, "")));
/// // ... write it ...
/// closing.mark_written();
/// assert_eq!(closing.transport(), TransportAction::End);
/// // ... end the transport ...
/// let ending = closing.into_ending(TransportEnd::InOrder);
/// assert_eq!(ending.event().to_string(), r#"1001 (going away) "tab closed", clean"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosingHandshake {
    state: ClosingState,
    peer: Peer,
}

/// What came from the peer. `Closed` exactly if the state has their Close; `Broke` only if the state has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Peer {
    Silent,
    Closed(OwnedCloseFrame),
    Broke(wire::Error),
}

impl ClosingHandshake {
    /// The handshake of a connection that is open, or not yet open.
    ///
    /// ```
    /// # use websocket_close::{ClosingHandshake, Role};
    /// let closing = ClosingHandshake::new(Role::Client);
    /// assert!(closing.is_open());
    /// ```
    #[must_use]
    pub const fn new(local: Role) -> Self {
        Self { state: ClosingState::new(local), peer: Peer::Silent }
    }

    /// As [`ClosingState::start`].
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// assert_eq!(closing.start(CloseFrame::EMPTY), Some(CloseFrame::EMPTY));
    /// ```
    #[inline]
    #[must_use = "write this frame"]
    pub fn start<'a>(&mut self, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
        self.state.start(frame)
    }

    /// As [`ClosingState::receive`], and keeps the frame.
    ///
    /// A Close that cannot be decoded is not received: call [`reject`](Self::reject) instead.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// let theirs = CloseFrame::from_static(1012, "restart");
    /// assert_eq!(closing.receive(theirs), Some(theirs.reply()));
    /// assert_eq!(closing.theirs(), Some(theirs));
    /// ```
    #[inline]
    #[must_use = "write this frame"]
    pub fn receive(&mut self, frame: CloseFrame<'_>) -> Option<CloseFrame<'static>> {
        if self.state.is_receiving() {
            self.peer = Peer::Closed(frame.into_owned());
        }
        self.state.receive(frame)
    }

    /// As [`ClosingState::answer_with`].
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// let _echo = closing.receive(CloseFrame::EMPTY);
    /// let ours = CloseFrame::from_static(1000, "");
    /// assert_eq!(closing.answer_with(ours), Some(ours));
    /// ```
    #[must_use = "write this frame"]
    pub fn answer_with<'a>(&mut self, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
        self.state.answer_with(frame)
    }

    /// As [`ClosingState::fail`], for a reason of our own. For the peer's fault there is [`reject`](Self::reject).
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// let _close = closing.fail(CloseFrame::from_static(1009, ""));
    /// assert!(closing.is_failed());
    /// ```
    #[inline]
    #[must_use = "write this frame"]
    pub fn fail<'a>(&mut self, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
        self.state.fail(frame)
    }

    /// Fails the connection for a wrong frame of the peer, with the code that the error knows, and keeps the error.
    /// `Some` is the Close to write, as with [`fail`](Self::fail).
    ///
    /// The error of [`CloseFrame::from_payload`] converts into a [`wire::Error`].
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Server);
    /// let error = CloseFrame::from_payload(b"\x03\xe8\xff").unwrap_err();
    /// assert_eq!(closing.reject(error.into()), Some(CloseFrame::from_static(1007, "")));
    /// assert_eq!(closing.fault(), Some(error.into()));
    /// ```
    #[must_use = "write this frame"]
    pub fn reject(&mut self, error: wire::Error) -> Option<CloseFrame<'static>> {
        if self.state.is_receiving() {
            self.peer = Peer::Broke(error);
        }
        self.state.fail(error.reply())
    }

    /// Takes what came of decoding the peer's Close: [receives](Self::receive) a frame, or [rejects](Self::reject) a
    /// fault.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Server);
    /// let answer = closing.receive_or_reject(CloseFrame::from_payload(b"\x03\xe8done"));
    /// assert_eq!(answer, Some(CloseFrame::from_static(1000, "")));
    /// ```
    #[must_use = "write this frame"]
    pub fn receive_or_reject<E: Into<wire::Error>>(
        &mut self,
        decoded: Result<CloseFrame<'_>, E>,
    ) -> Option<CloseFrame<'static>> {
        match decoded {
            Ok(frame) => self.receive(frame),
            Err(error) => self.reject(error.into()),
        }
    }

    /// As [`ClosingState::mark_written`], and under the same condition.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// closing.mark_written();
    /// assert!(!closing.is_written()); // no Close was chosen
    /// ```
    #[inline]
    pub fn mark_written(&mut self) {
        self.state.mark_written();
    }

    /// The first Close of the peer.
    #[inline]
    #[must_use]
    pub fn theirs(&self) -> Option<CloseFrame<'_>> {
        self.theirs_owned().map(OwnedCloseFrame::as_frame)
    }

    #[inline]
    pub(crate) const fn theirs_owned(&self) -> Option<&OwnedCloseFrame> {
        match &self.peer {
            Peer::Closed(frame) => Some(frame),
            Peer::Silent | Peer::Broke(_) => None,
        }
    }

    /// What was wrong with the peer's frame, if we [rejected](Self::reject) one.
    #[must_use]
    pub const fn fault(&self) -> Option<wire::Error> {
        match &self.peer {
            Peer::Broke(error) => Some(*error),
            Peer::Silent | Peer::Closed(_) => None,
        }
    }

    /// The line of an ending, whose event has told the peer's Close before.
    pub(crate) fn fmt_ended(&self, names: Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_open() {
            return f.write_str("nobody closed");
        }
        self.state.fmt_line(None, self.fault(), names, f)
    }

    /// The event to report if the transport were gone now.
    ///
    /// ```
    /// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
    /// let mut closing = ClosingHandshake::new(Role::Client);
    /// let _close = closing.start(CloseFrame::from_static(1000, "mine"));
    /// closing.mark_written();
    /// let _none = closing.receive(CloseFrame::from_static(3000, "yours"));
    /// // The event reports what the peer said, never what we said.
    /// assert_eq!(closing.event().to_string(), r#"3000 (unauthorized) "yours", clean"#);
    /// ```
    #[inline]
    #[must_use]
    pub fn event(&self) -> CloseEvent {
        match self.theirs() {
            // 7.1.5, 7.1.6: code and reason of the first Close that came. 7.1.4: clean if ours was written, too.
            Some(frame) => CloseEvent::received(frame, self.state.is_written()),
            // 7.1.5: 1006 if none came, if none was valid, or if we failed the connection.
            None => CloseEvent::abnormal(),
        }
    }
}

/// All questions of the state.
impl Deref for ClosingHandshake {
    type Target = ClosingState;

    #[inline]
    fn deref(&self) -> &ClosingState {
        &self.state
    }
}

impl FmtNamed for ClosingHandshake {
    fn fmt_named(&self, names: Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt_line(self.theirs(), self.fault(), names, f)
    }
}

/// One line for a log: who closed first and with what, and what has come of it.
///
/// ```
/// # use websocket_close::{CloseFrame, ClosingHandshake, Role};
/// let mut closing = ClosingHandshake::new(Role::Client);
/// let _answer = closing.receive(CloseFrame::from_static(1012, "restart"));
/// assert_eq!(
///     closing.to_string(),
///     "closed by the peer with 1012 (service restart) \"restart\"; \
///      answered by us with 1012 (service restart), not written"
/// );
/// ```
impl fmt::Display for ClosingHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_named(REGISTERED, f)
    }
}

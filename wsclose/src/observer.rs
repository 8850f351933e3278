//! `Observer`: a bystander that sees both directions of one WebSocket and tells who closed, and how.

use websocket_close::Role;

use crate::direction::{Blind, Context, Control, Direction, Ended, Pings, SeenClose};

/// A bystander of one WebSocket connection. It does no I/O, has no clock and allocates nothing.
///
/// Feed it with the bytes of each direction behind the opening handshake, in pieces of any size. What it tells depends
/// on the bytes and on the order of the calls, not on how the bytes were cut. Ask when the transport has ended; before
/// that, the answers are those of a transport that ends now.
///
/// ```
/// use websocket_close::Role;
/// use wsclose::{Because, Observer, Relation, TransportEnd};
///
/// // A proxy or a test between the two ends passes each piece on, and shows it to the observer.
/// let mut observer = Observer::new();
/// observer.bytes(Role::Server, b"\x81\x02hi\x88\x05\x03\xe9bye");
/// observer.bytes(Role::Client, b"\x88\x82\0\0\0\0\x03\xe9");
/// observer.ended(Role::Server, TransportEnd::Fin);
///
/// assert_eq!(observer.first(), Some(Role::Server));
/// assert_eq!(observer.relation(), Some(Relation::Answer));
/// let report = observer.report(Role::Client);
/// assert_eq!(report.because(), Because::Seen);
/// assert_eq!(report.event().unwrap().to_string(), r#"1001 (going away) "bye", clean"#);
/// ```
///
/// What it does not see makes it say less, never something else. Tell it of missing bytes with [`gap`](Self::gap):
///
/// ```
/// # use websocket_close::Role;
/// # use wsclose::{Because, Observer};
/// let mut observer = Observer::new();
/// observer.gap(Role::Server, 20);
/// observer.bytes(Role::Client, b"\x88\x82\0\0\0\0\x03\xe9");
/// // The server's Close may have been in the gap.
/// assert_eq!(observer.first(), None);
/// assert_eq!(observer.report(Role::Client).because(), Because::Missing);
/// ```
#[derive(Clone, Debug)]
pub struct Observer {
    client: Direction,
    server: Direction,
    extensions: Extensions,
    /// Whether bytes may have passed before the first ones that we saw.
    is_joined: bool,
    /// Whether the order of the calls is the order in which the bytes were sent.
    is_ordered: bool,
}

/// The extensions that the opening handshake agreed on, as far as they change which frames are legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Extensions {
    /// No extension: all RSV bits must be 0.
    None,
    /// `permessage-deflate` alone: RSV1 is legal on the first frame of a message.
    Deflate,
    /// Another extension, or nobody knows: no RSV bit of a frame other than a Close is a fault.
    NotKnown,
}

/// How the transport of one end ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportEnd {
    /// In order: it sends nothing more. It may still read.
    Fin,
    /// Abruptly: it neither sends nor reads any more.
    Reset,
}

/// How the second Close stands to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Relation {
    /// There is no second Close.
    Alone,
    /// It answers the first: it has the same code, and no reason or the same.
    Answer,
    /// The two crossed: its sender had not acknowledged the first.
    Crossed,
    /// It has another code, although the machine of its sender had the first.
    Own,
    /// It has another code, and no acknowledgements tell whether the two crossed.
    OwnOrCrossed,
}

impl Observer {
    /// The observer of a connection whose opening handshake has just ended, without extensions.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            client: Direction::new(Role::Client),
            server: Direction::new(Role::Server),
            extensions: Extensions::None,
            is_joined: false,
            is_ordered: true,
        }
    }

    /// The same with extensions.
    ///
    /// ```
    /// # use websocket_close::Role;
    /// # use wsclose::{Extensions, Fault, Observer};
    /// let compressed = b"\xc1\x02hi";
    /// let mut observer = Observer::new().with_extensions(Extensions::Deflate);
    /// observer.bytes(Role::Server, compressed);
    /// assert_eq!(observer.sent_by(Role::Server).fault(), None);
    ///
    /// let mut observer = Observer::new();
    /// observer.bytes(Role::Server, compressed);
    /// assert_eq!(observer.sent_by(Role::Server).fault(), Some((Fault::ReservedBits(4), 1)));
    /// ```
    #[must_use]
    pub const fn with_extensions(mut self, extensions: Extensions) -> Self {
        self.extensions = extensions;
        self
    }

    /// The same for a connection that was open before: each direction begins at the start of a frame, but nobody knows
    /// what passed before. It assumes that neither end sends two Closes, or data behind a Close.
    ///
    /// ```
    /// # use websocket_close::Role;
    /// # use wsclose::{Because, Observer};
    /// let mut observer = Observer::new().joined();
    /// observer.bytes(Role::Client, b"\x88\x82\0\0\0\0\x03\xe9");
    /// // Perhaps the server closed before we came, and this is the answer.
    /// assert_eq!(observer.first(), None);
    ///
    /// let mut observer = Observer::new().joined();
    /// observer.bytes(Role::Server, b"\x81\x02hi");
    /// observer.bytes(Role::Client, b"\x88\x82\0\0\0\0\x03\xe9");
    /// assert_eq!(observer.first(), Some(Role::Client));
    /// ```
    #[must_use]
    pub const fn joined(mut self) -> Self {
        self.is_joined = true;
        self.client.join();
        self.server.join();
        self
    }

    /// The same for two directions without a common clock, such as two files. It never says who was first.
    ///
    /// ```
    /// # use websocket_close::Role;
    /// # use wsclose::{Observer, Relation};
    /// let mut observer = Observer::new().unordered();
    /// observer.bytes(Role::Client, b"\x88\x82\0\0\0\0\x03\xe9");
    /// observer.bytes(Role::Server, b"\x88\x02\x03\xe9");
    /// assert_eq!((observer.first(), observer.relation()), (None, Some(Relation::Answer)));
    /// ```
    #[must_use]
    pub const fn unordered(mut self) -> Self {
        self.is_ordered = false;
        self
    }

    /// The first byte of this direction, which is still to come, has this position; 0 if nothing is said. It helps a
    /// capture, whose acknowledgements count the opening handshake too.
    pub const fn begin_at(&mut self, from: Role, position: u64) {
        match from {
            Role::Client => self.client.begin_at(position),
            Role::Server => self.server.begin_at(position),
        }
    }

    /// `from` sent these bytes. They follow those of the last call for this direction.
    pub fn bytes(&mut self, from: Role, bytes: &[u8]) {
        let is_ordered = self.is_ordered;
        let context =
            Context { extensions: self.extensions, other_closed: self.sent_by(from.peer()).close().is_some() };
        let (ours, theirs) = self.pair_mut(from);
        ours.pass(bytes, context, |ours, control| {
            // A ping needs no pong from an end that has received a Close (RFC 6455, 5.5.2).
            let is_open = ours.close().is_none() && !(is_ordered && context.other_closed);
            match control {
                Control::Ping if is_open => {
                    ours.pings.sent = ours.pings.sent.saturating_add(1);
                    ours.pings.unanswered = ours.pings.unanswered.saturating_add(1);
                }
                Control::Ping => {}
                Control::Pong => {
                    ours.pongs = ours.pongs.saturating_add(1);
                    theirs.pings.unanswered = 0;
                }
            }
        });
    }

    /// `from` sent so many bytes more, which are missing here. They follow those of the last call for this direction.
    ///
    /// Bytes inside the payload of one frame are stepped over. Otherwise nobody knows what this end has sent from here
    /// on.
    pub fn gap(&mut self, from: Role, len: u64) {
        self.pair_mut(from).0.gap(len);
    }

    /// `from` sent bytes more, which are missing here, and nobody knows how many.
    pub fn gap_of_unknown_length(&mut self, from: Role) {
        self.pair_mut(from).0.lose();
    }

    /// The machine of `by` has acknowledged so many bytes of the other direction. Call it before the bytes that were
    /// sent together with the acknowledgement. A lower number than before is fine: captures reorder packets.
    ///
    /// Without such calls, as at a relay, the answers assume that all bytes arrived.
    ///
    /// ```
    /// # use websocket_close::Role;
    /// # use wsclose::{Observer, Relation};
    /// let mut observer = Observer::new();
    /// observer.bytes(Role::Server, b"\x88\x02\x03\xe9");
    /// observer.acknowledged(Role::Client, 0); // the client's machine had nothing yet
    /// observer.bytes(Role::Client, b"\x88\x82\0\0\0\0\x03\xe9");
    /// assert_eq!(observer.relation(), Some(Relation::Crossed));
    /// ```
    pub fn acknowledged(&mut self, by: Role, bytes: u64) {
        let (ours, theirs) = self.pair_mut(by);
        ours.acknowledges = Some(bytes);
        theirs.acknowledged = theirs.acknowledged.max(Some(bytes));
    }

    /// What `from` sent beyond the last acknowledgement never arrived, and never will.
    pub fn undelivered(&mut self, from: Role) {
        self.pair_mut(from).0.is_undelivered = true;
    }

    /// `by` ended its side of the transport.
    pub fn ended(&mut self, by: Role, how: TransportEnd) {
        let (ours, theirs) = self.pair_mut(by);
        let when = if theirs.close().is_some() { Ended::AfterTheirClose } else { Ended::BeforeTheirClose };
        let end = match how {
            TransportEnd::Fin => &mut ours.fin,
            TransportEnd::Reset => &mut ours.reset,
        };
        end.get_or_insert(when);
    }

    /// What one end sent.
    #[must_use]
    pub const fn sent_by(&self, from: Role) -> &Direction {
        match from {
            Role::Client => &self.client,
            Role::Server => &self.server,
        }
    }

    /// The pings that one end sent before anybody closed.
    #[must_use]
    pub fn pings(&self, from: Role) -> Pings {
        let ours = self.sent_by(from);
        if self.is_ordered {
            ours.pings
        } else {
            let sent = ours.pings.sent;
            Pings { sent, unanswered: sent.saturating_sub(self.sent_by(from.peer()).pongs) }
        }
    }

    /// Which end closed first. `None` if neither did, or if that cannot be said.
    ///
    /// Packets are sometimes captured in another order than they were sent in. An end that had acknowledged the other
    /// Close when it sent its own was second.
    #[must_use]
    pub fn first(&self) -> Option<Role> {
        if !self.is_ordered {
            return None;
        }
        match (self.client.close(), self.server.close()) {
            (None, None) => None,
            (Some(_), None) => self.has_certainly_not_closed(Role::Server).then_some(Role::Client),
            (None, Some(_)) => self.has_certainly_not_closed(Role::Client).then_some(Role::Server),
            (Some(client), Some(server)) => Some(match (has_seen(client, server), has_seen(server, client)) {
                (Some(true), Some(false) | None) => Role::Server,
                (Some(false) | None, Some(true)) => Role::Client,
                _ if client.is_second() => Role::Server,
                _ => Role::Client,
            }),
        }
    }

    /// How the second Close stands to the first. `None` if nobody closed, or if that cannot be said.
    #[must_use]
    pub fn relation(&self) -> Option<Relation> {
        let (Some(client), Some(server)) = (self.client.close(), self.server.close()) else {
            let closer = if self.client.close().is_some() { Role::Client } else { Role::Server };
            let is_alone = self.sent_by(closer).close().is_some() && self.has_certainly_not_closed(closer.peer());
            return is_alone.then_some(Relation::Alone);
        };
        let (first, second, echoes) = match self.first() {
            Some(Role::Client) => (client, server, echoes(server, client)),
            Some(Role::Server) => (server, client, echoes(client, server)),
            None => (client, server, echoes(client, server) || echoes(server, client)),
        };
        Some(match has_seen(second, first) {
            Some(false) => Relation::Crossed,
            _ if echoes => Relation::Answer,
            Some(true) => Relation::Own,
            None => Relation::OwnOrCrossed,
        })
    }

    /// Whether an end that has not closed here has not closed elsewhere either.
    pub(crate) fn has_certainly_not_closed(&self, end: Role) -> bool {
        let sent = self.sent_by(end);
        sent.close().is_none() && sent.blind() != Some(Blind::Missing) && (!self.is_joined || sent.has_sent_data)
    }

    /// Whether the Close of `from` arrived at the machine of the other end. `None` if nobody knows.
    #[must_use]
    pub fn arrived(&self, from: Role) -> Option<bool> {
        let (ours, theirs) = (self.sent_by(from), self.sent_by(from.peer()));
        let close = ours.close()?;
        match ours.acknowledged {
            Some(acknowledged) if acknowledged >= close.end() => Some(true),
            // A machine that has reset the connection takes nothing more.
            _ if ours.is_undelivered || theirs.reset == Some(Ended::BeforeTheirClose) => Some(false),
            _ => None,
        }
    }

    fn pair_mut(&mut self, from: Role) -> (&mut Direction, &mut Direction) {
        match from {
            Role::Client => (&mut self.client, &mut self.server),
            Role::Server => (&mut self.server, &mut self.client),
        }
    }
}

impl Default for Observer {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the sender of `close` had acknowledged the `other` Close when it sent its own.
fn has_seen(close: &SeenClose, other: &SeenClose) -> Option<bool> {
    close.acknowledges().map(|acknowledged| acknowledged >= other.end())
}

/// Whether `close` repeats the code of the `other` Close, and its reason or none.
fn echoes(close: &SeenClose, other: &SeenClose) -> bool {
    match (close.frame(), other.frame()) {
        (Ok(close), Ok(other)) => {
            close.code() == other.code() && (close.reason().is_empty() || close.reason() == other.reason())
        }
        _ => false,
    }
}

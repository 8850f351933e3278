//! An open WebSocket: places of TCP for its `Observer`, the times of both Closes, and what TCP shows about their
//! arrival.

use super::connection::{Piece, Side};
use super::join;
use super::opening::Request;
use super::time::{Span, Time};
use crate::{Extensions, Observer, Role, TransportEnd};

/// A WebSocket whose opening handshake has passed, or that was open before.
pub(crate) struct WebSocket {
    pub(crate) observer: Observer,
    pub(crate) client: Side,
    pub(crate) path: Option<String>,
    pub(crate) is_joined: bool,
    client_end: OneEnd,
    server_end: OneEnd,
    /// How many pieces showed that a connection is a WebSocket whose opening was not seen; masked ones show it best.
    recognised: u32,
}

/// What belongs to one end.
struct OneEnd {
    begins: Begins,
    close_at: Option<Time>,
    /// Whether it sent its Close again, long enough after the first time that this is TCP's doing and not the
    /// capture's.
    repeated_close: bool,
}

/// Where the frames of an end begin in its TCP stream.
#[derive(Clone, Copy)]
enum Begins {
    At(u64),
    /// So many bytes passed that were not whole frames, or were not at hand.
    NotYet {
        skipped: u64,
        has_gap: bool,
    },
}

/// TCP sends nothing again before this time is over (RFC 6298 asks for a second, Linux takes 200 ms).
const RETRANSMISSION: Span = Span::millis(150);

impl WebSocket {
    pub(crate) fn new(request: Request, extensions: Extensions) -> Self {
        Self::of(request, Observer::new().with_extensions(extensions), false)
    }

    pub(crate) fn joined(request: Request) -> Self {
        Self::of(request, Observer::new().with_extensions(Extensions::NotKnown).joined(), true)
    }

    fn of(Request { client, path }: Request, observer: Observer, is_joined: bool) -> Self {
        let end =
            || OneEnd { begins: Begins::NotYet { skipped: 0, has_gap: false }, close_at: None, repeated_close: false };
        Self { observer, client, path, is_joined, client_end: end(), server_end: end(), recognised: 0 }
    }

    pub(crate) fn role(&self, side: Side) -> Role {
        if side == self.client { Role::Client } else { Role::Server }
    }

    const fn end(&self, role: Role) -> &OneEnd {
        match role {
            Role::Client => &self.client_end,
            Role::Server => &self.server_end,
        }
    }

    const fn end_mut(&mut self, role: Role) -> &mut OneEnd {
        match role {
            Role::Client => &mut self.client_end,
            Role::Server => &mut self.server_end,
        }
    }

    pub(crate) fn close_at(&self, from: Role) -> Option<Time> {
        self.end(from).close_at
    }

    /// The two directions have no common clock.
    pub(crate) fn has_no_order(&mut self) {
        self.observer = self.observer.clone().unordered();
    }

    /// The frames of this end begin at this place.
    pub(crate) fn begin_at(&mut self, role: Role, at: u64) {
        self.end_mut(role).begins = Begins::At(at);
        self.observer.begin_at(role, at);
    }

    /// So many bytes of `side` passed, or were not at hand, before we knew that this is a WebSocket.
    pub(crate) fn skipped(&mut self, side: Side, skipped: u64, has_gap: bool) {
        self.end_mut(self.role(side)).begins = Begins::NotYet { skipped, has_gap };
    }

    pub(crate) fn bytes(&mut self, side: Side, piece: Piece<'_>) {
        let from = self.role(side);
        let begins = match self.end(from).begins {
            Begins::At(at) => at,
            Begins::NotYet { skipped, has_gap } => {
                if join::frames_in(piece.bytes).is_none_or(|frames| frames.from != from) {
                    let skipped = skipped.saturating_add(piece.bytes.len() as u64);
                    self.end_mut(from).begins = Begins::NotYet { skipped, has_gap };
                    return;
                }
                self.begin_at(from, piece.at);
                if has_gap && piece.bytes.first().is_some_and(|first| first & 0x0f == 8) {
                    // Perhaps another Close is in the gap.
                    self.observer.gap_of_unknown_length(from);
                }
                piece.at
            }
        };
        if self.is_joined && join::proof_from(piece.bytes) == Some(from) {
            self.recognised = self.recognised.saturating_add(if from == Role::Client { 2 } else { 1 });
        }
        // What stands before the frames is the head.
        let head = usize::try_from(begins.saturating_sub(piece.at)).unwrap_or(usize::MAX);
        let Some(bytes) = piece.bytes.get(head..) else { return };
        if let Some(ack) = piece.ack {
            self.observer.acknowledged(from, ack);
        }
        self.observer.bytes(from, bytes);
        if self.observer.sent_by(from).close().is_some() {
            let end = self.end_mut(from);
            end.close_at = end.close_at.or(piece.time);
        }
    }

    pub(crate) fn gap(&mut self, side: Side, at: u64, len: u64) {
        let from = self.role(side);
        match self.end(from).begins {
            Begins::At(begins) => {
                // What is missing of the head is no loss.
                let head = begins.saturating_sub(at);
                self.observer.gap(from, len.saturating_sub(head));
            }
            Begins::NotYet { skipped, .. } => {
                self.end_mut(from).begins = Begins::NotYet { skipped: skipped.saturating_add(len), has_gap: true };
            }
        }
    }

    pub(crate) fn gap_of_unknown_length(&mut self, side: Side) {
        self.observer.gap_of_unknown_length(self.role(side));
    }

    pub(crate) fn acknowledged(&mut self, side: Side, ack: u64) {
        self.observer.acknowledged(self.role(side), ack);
    }

    pub(crate) fn repeated(&mut self, side: Side, end: u64, time: Time) {
        let from = self.role(side);
        let is_close = self.observer.sent_by(from).close().is_some_and(|close| end >= close.end());
        let end = self.end_mut(from);
        end.repeated_close |= is_close && end.close_at.is_some_and(|at| time.since(at) > RETRANSMISSION);
    }

    pub(crate) fn is_inside_frame(&self, side: Side) -> bool {
        self.observer.sent_by(self.role(side)).is_inside_frame()
    }

    pub(crate) fn ended(&mut self, side: Side, how: TransportEnd) {
        self.observer.ended(self.role(side), how);
    }

    /// A reset by `side` that acknowledges less than the other Close: its machine never had that Close.
    pub(crate) fn reset(&mut self, side: Side, ack: Option<u64>) {
        let other = self.role(side).peer();
        let end = self.observer.sent_by(other).close().map(crate::SeenClose::end);
        if ack.zip(end).is_some_and(|(ack, end)| ack < end) {
            self.observer.undelivered(other);
        }
    }

    /// Everything has passed. `last_packet` tells when the last packet of each end came.
    pub(crate) fn finish(&mut self, last_packet: impl Fn(Role) -> Option<Time>) {
        for from in [Role::Client, Role::Server] {
            if let Begins::NotYet { skipped, .. } = self.end(from).begins {
                self.observer.gap(from, skipped);
            }
            let (Some(at), Some(last)) = (self.close_at(from), last_packet(from.peer())) else { continue };
            if last < at && self.end(from).repeated_close {
                self.observer.undelivered(from);
            }
        }
    }

    /// Whether it certainly is a WebSocket. Two frames of a server may look like another protocol; a client's mask does
    /// not.
    pub(crate) const fn is_certain(&self) -> bool {
        !self.is_joined || self.recognised >= 2
    }
}

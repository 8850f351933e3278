//! One connection, whichever way its bytes came: first its opening handshake, then an `Observer`, with clock and
//! transport.

use super::opening::{NeverOpened, Opened, Opening, Request};
use super::summary::{Cause, Facts, Summary, TransportEvent};
use super::time::{Span, Time};
use super::websocket::WebSocket;
use crate::{Observer, Role, TransportEnd};

/// One of the two ends, before it is known which is the client. A opened the TCP connection, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::A, Self::B];

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(crate) fn of<T>(self, [a, b]: &mut [T; 2]) -> &mut T {
        match self {
            Self::A => a,
            Self::B => b,
        }
    }
}

/// Bytes that one side sent, in order.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// `None` where there is no clock.
    pub(crate) time: Option<Time>,
    /// How many bytes of the other direction were acknowledged with them, if that is known.
    pub(crate) ack: Option<u64>,
    /// The place of their first byte in the TCP stream.
    pub(crate) at: u64,
    pub(crate) bytes: &'a [u8],
}

/// What is known of one connection.
pub(crate) struct Connection {
    stage: Stage,
    opened: Option<Time>,
    /// When the last packet of side A and of side B passed, and when their last bytes did.
    last_packets: [Option<Time>; 2],
    last_bytes: [Option<Time>; 2],
    ends: Vec<End>,
    /// How long no bytes had passed when TCP ended.
    silence: Option<Span>,
    is_cut_short: bool,
}

/// An end of the transport.
struct End {
    by: Side,
    how: TransportEnd,
    at: Option<Time>,
}

enum Stage {
    Opening(Opening),
    WebSocket(Box<WebSocket>),
    Tls { client: Side },
    Http2 { client: Side },
}

impl Connection {
    /// A connection whose bytes are seen from the first one on, or, if not `is_whole`, from the middle on.
    pub(crate) const fn new(is_whole: bool, opened: Option<Time>) -> Self {
        Self {
            stage: Stage::Opening(Opening::new(is_whole)),
            opened,
            last_packets: [None; 2],
            last_bytes: [None; 2],
            ends: Vec::new(),
            silence: None,
            is_cut_short: false,
        }
    }

    /// A connection without a clock that was open before, and whose client is known.
    pub(crate) fn joined(client: Side) -> Self {
        let mut websocket = WebSocket::joined(Request { client, path: None });
        for role in [Role::Client, Role::Server] {
            websocket.begin_at(role, 0);
        }
        websocket.has_no_order();
        Self { stage: Stage::WebSocket(Box::new(websocket)), ..Self::new(false, None) }
    }

    /// A packet of `side` passed, with bytes or without.
    pub(crate) fn packet(&mut self, side: Side, time: Time) {
        let last = side.of(&mut self.last_packets);
        *last = (*last).max(Some(time));
    }

    pub(crate) fn bytes(&mut self, side: Side, piece: Piece<'_>) {
        let last = side.of(&mut self.last_bytes);
        *last = (*last).max(piece.time);
        let opened = match &mut self.stage {
            Stage::Tls { .. } | Stage::Http2 { .. } => return,
            Stage::WebSocket(websocket) => return websocket.bytes(side, piece),
            Stage::Opening(opening) => opening.bytes(side, piece),
        };
        self.advance(opened);
    }

    /// Bytes of `side` that are not at hand, from the place `at` on.
    pub(crate) fn gap(&mut self, side: Side, at: u64, len: u64) {
        let opened = match &mut self.stage {
            Stage::Tls { .. } | Stage::Http2 { .. } => return,
            Stage::WebSocket(websocket) => return websocket.gap(side, at, len),
            Stage::Opening(opening) => opening.gap(side, at, len),
        };
        self.advance(opened);
    }

    /// The same for an unknown number of bytes.
    pub(crate) fn gap_of_unknown_length(&mut self, side: Side) {
        if let Stage::WebSocket(websocket) = &mut self.stage {
            websocket.gap_of_unknown_length(side);
        }
    }

    /// The same for bytes that the capture cut off.
    pub(crate) fn cut_short(&mut self, side: Side, at: u64, len: u64) {
        self.is_cut_short = true;
        self.gap(side, at, len);
    }

    fn advance(&mut self, opened: Opened) {
        self.stage = match opened {
            Opened::NotYet => return,
            Opened::Tls { client } => Stage::Tls { client },
            Opened::Http2 { client } => Stage::Http2 { client },
            Opened::WebSocket(mut websocket) => {
                if self.opened.is_none() {
                    websocket.has_no_order();
                }
                Stage::WebSocket(websocket)
            }
        };
    }

    /// The machine of `side` has so many bytes of the other direction.
    pub(crate) fn acknowledged(&mut self, side: Side, ack: u64) {
        if let Stage::WebSocket(websocket) = &mut self.stage {
            websocket.acknowledged(side, ack);
        }
    }

    /// `side` sent bytes again that passed before; the last one has the place before `end`.
    pub(crate) fn repeated(&mut self, side: Side, end: u64, time: Time) {
        if let Stage::WebSocket(websocket) = &mut self.stage {
            websocket.repeated(side, end, time);
        }
    }

    pub(crate) fn fin(&mut self, side: Side, time: Option<Time>) {
        self.end(side, TransportEnd::Fin, time);
    }

    /// `side` sent a FIN, or one byte, at the place `at`: it was acknowledged, but is not at hand.
    pub(crate) fn fin_or_byte(&mut self, side: Side, at: u64, time: Option<Time>) {
        let is_byte = match &self.stage {
            Stage::WebSocket(websocket) => websocket.is_inside_frame(side),
            _ => false,
        };
        if is_byte {
            self.gap(side, at, 1);
        } else {
            self.fin(side, time);
        }
    }

    /// `side` reset the connection. `ack` is what this packet acknowledged.
    pub(crate) fn reset(&mut self, side: Side, ack: Option<u64>, time: Option<Time>) {
        self.end(side, TransportEnd::Reset, time);
        if let Stage::WebSocket(websocket) = &mut self.stage {
            websocket.reset(side, ack);
        }
    }

    fn end(&mut self, by: Side, how: TransportEnd, at: Option<Time>) {
        if self.ends.is_empty() {
            self.silence = at
                .zip(self.last_bytes.into_iter().max().flatten())
                .map(|(at, last)| at.since(last).max(Span::default()));
        }
        self.ends.push(End { by, how, at });
        if let Stage::WebSocket(websocket) = &mut self.stage {
            websocket.ended(by, how);
        }
    }

    /// The end of all: `None` if this was no WebSocket, and nothing that may hide one. `now` ends a connection that is
    /// still open; `name` tells the name of a side.
    pub(crate) fn finish(mut self, now: Option<Time>, name: impl Fn(Side) -> String) -> Option<Summary> {
        let last_packet = self.last_packets.into_iter().max().flatten();
        let (client, path, is_joined, observer, closes, cause) = match &mut self.stage {
            Stage::Tls { client } => (*client, None, false, Observer::new(), [None; 2], Some(Cause::Tls)),
            Stage::Http2 { client } => (*client, None, false, Observer::new(), [None; 2], Some(Cause::Http2)),
            Stage::Opening(opening) => {
                let (Request { client, path }, cause) = match opening.never_opened() {
                    NeverOpened::NotAsked => return None,
                    NeverOpened::AnswerMissing(request) => (request, Cause::NotKnown),
                    NeverOpened::NoAnswer(request) if self.ends.is_empty() => (request, Cause::Open),
                    NeverOpened::NoAnswer(request) => (request, Cause::Refused(None)),
                    NeverOpened::Refused(request, status) => (request, Cause::Refused(status)),
                };
                let mut observer = Observer::new();
                if cause == Cause::NotKnown {
                    observer.gap_of_unknown_length(Role::Client);
                    observer.gap_of_unknown_length(Role::Server);
                }
                (client, path, false, observer, [None; 2], Some(cause))
            }
            Stage::WebSocket(websocket) => {
                if !websocket.is_certain() {
                    return None;
                }
                let client = websocket.client;
                let side = |role| if role == Role::Client { client } else { client.other() };
                websocket.finish(|role| *side(role).of(&mut self.last_packets.clone()));
                let closes = [Role::Client, Role::Server].map(|role| websocket.close_at(role));
                (client, websocket.path.take(), websocket.is_joined, websocket.observer.clone(), closes, None)
            }
        };

        let since = |time: Option<Time>| time.zip(self.opened).map(|(time, opened)| time.since(opened));
        let role = |side| if side == client { Role::Client } else { Role::Server };
        self.ends.sort_by_key(|end| end.at);
        let event = |end: &End| TransportEvent { by: role(end.by), how: end.how, at: since(end.at) };
        let transport: Vec<_> = self.ends.iter().map(event).collect();
        let (closes, ended) = (closes.map(since), now.max(last_packet));
        let silence = match self.silence {
            None if transport.is_empty() => {
                let last = self.last_bytes.into_iter().max().flatten();
                ended.zip(last).map(|(ended, last)| ended.since(last))
            }
            silence => silence,
        };
        let [a, b] = self.last_bytes.map(since);
        let last_bytes = if client == Side::A { [a, b] } else { [b, a] };
        let has_clock = self.opened.is_some();
        let facts = Facts { observer: &observer, has_clock, transport: &transport, closes, last_bytes, silence };
        Some(Summary {
            cause: cause.unwrap_or_else(|| facts.cause()),
            client: name(client),
            server: name(client.other()),
            path,
            is_joined,
            opened: self.opened,
            length: since(ended),
            closes,
            transport,
            silence,
            is_cut_short: self.is_cut_short,
            observer: Box::new(observer),
        })
    }
}

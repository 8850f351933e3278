//! A connection before it is a WebSocket: finds the request and its answer, or whole frames if we came too late for
//! these.

use super::connection::{Piece, Side};
use super::heads::{self, Answer, MAX_HEAD, Start};
use super::join;
use super::time::Time;
use super::websocket::WebSocket;
use crate::{Extensions, Role};

/// What both sides have sent before there was a WebSocket.
pub(crate) struct Opening {
    /// Whether the first bytes of both sides are at hand, and nothing since is missing.
    is_whole: bool,
    progress: Progress,
    kept: [Kept; 2],
}

enum Progress {
    /// Nobody asked for a WebSocket.
    Nothing,
    /// A request whose end is missing. Perhaps it asked for a WebSocket.
    HalfRequest(Request),
    Asked {
        request: Request,
        frames_at: u64,
    },
    Refused {
        request: Request,
        status: Option<u16>,
    },
}

/// A request for a WebSocket.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) client: Side,
    pub(crate) path: Option<String>,
}

/// What has come of some bytes.
pub(crate) enum Opened {
    NotYet,
    WebSocket(Box<WebSocket>),
    Tls { client: Side },
    Http2 { client: Side },
}

/// How an opening ended that led to no WebSocket.
pub(crate) enum NeverOpened {
    NotAsked,
    NoAnswer(Request),
    /// The answer, and more, is not at hand.
    AnswerMissing(Request),
    Refused(Request, Option<u16>),
}

impl Opening {
    pub(crate) const fn new(is_whole: bool) -> Self {
        Self { is_whole, progress: Progress::Nothing, kept: [Kept::new(), Kept::new()] }
    }

    pub(crate) fn never_opened(&self) -> NeverOpened {
        match &self.progress {
            Progress::Nothing | Progress::HalfRequest(_) => NeverOpened::NotAsked,
            // A client that has sent more has had its answer.
            Progress::Asked { request, .. } if self.kept(request.client).marks.iter().any(|mark| mark.gap > 0) => {
                NeverOpened::AnswerMissing(request.clone())
            }
            Progress::Asked { request, .. } => NeverOpened::NoAnswer(request.clone()),
            Progress::Refused { request, status } => NeverOpened::Refused(request.clone(), *status),
        }
    }

    pub(crate) fn bytes(&mut self, side: Side, piece: Piece<'_>) -> Opened {
        match &self.progress {
            Progress::Asked { request, .. } => {
                let is_client = request.client == side;
                self.kept_mut(side).push(piece);
                // What the client sends before it has the answer stays here. Mostly it is the order of the file that is
                // wrong.
                if is_client { self.give_up_if_long(side) } else { self.answer(side) }
            }
            _ if self.kept(side).bytes.is_empty() => self.first_bytes(side, piece),
            _ => {
                self.kept_mut(side).push(piece);
                self.head(side)
            }
        }
    }

    /// Bytes that continue no head.
    fn first_bytes(&mut self, side: Side, piece: Piece<'_>) -> Opened {
        let is_first = !self.kept(side).has_begun;
        // Behind CONNECT, another protocol begins.
        self.kept_mut(side).has_begun = !piece.bytes.starts_with(b"CONNECT ");
        match Start::of(piece.bytes) {
            Start::Get | Start::Opened => {
                self.kept_mut(side).push(piece);
                self.head(side)
            }
            Start::Tls if is_first => Opened::Tls { client: side },
            Start::Http2 if is_first => Opened::Http2 { client: side },
            _ if self.is_whole => Opened::NotYet,
            _ if is_first && heads::is_tls_record(piece.bytes) => Opened::Tls { client: Side::A },
            _ => self.join(side, piece),
        }
    }

    /// Looks whether the head that `side` has begun is complete: a request, or the answer to one that is not at hand.
    fn head(&mut self, side: Side) -> Opened {
        let kept = self.kept_mut(side);
        let start = Start::of(&kept.bytes);
        let Some(len) = kept.head_len() else {
            if !matches!(start, Start::Get | Start::Opened) {
                kept.clear();
            }
            return self.give_up_if_long(side);
        };
        let head = kept.bytes.get(..len).unwrap_or_default();
        if start == Start::Get {
            let path = heads::upgrade_path(head);
            let frames_at = kept.take_front(len);
            match path {
                Some(path) => {
                    let request = Request { client: side, path: Some(path) };
                    self.progress = Progress::Asked { request, frames_at };
                    self.kept_mut(side.other()).clear();
                }
                None => self.kept_mut(side).clear(),
            }
            return Opened::NotYet;
        }
        let (answer, ack) = (heads::answer(head), kept.ack());
        let frames_at = kept.take_front(len);
        let Answer::Open(extensions) = answer else {
            kept.clear();
            return Opened::NotYet;
        };
        // A client waits for the answer. So its frames begin where the request ended that is acknowledged here.
        let mut websocket = WebSocket::new(self.request_by(side.other()), extensions);
        websocket.begin_at(Role::Server, frames_at);
        websocket.begin_at(Role::Client, ack.unwrap_or(0));
        self.open(websocket)
    }

    /// Looks whether the server's answer is complete.
    fn answer(&mut self, server: Side) -> Opened {
        loop {
            let Progress::Asked { request, frames_at } = &self.progress else { return Opened::NotYet };
            let (request, client_at) = (request.clone(), *frames_at);
            let kept = self.kept_mut(server);
            let Some(len) = kept.head_len() else {
                let is_http = heads::may_be_response(&kept.bytes);
                if !is_http || kept.bytes.len() > MAX_HEAD {
                    return self.refused(request, None);
                }
                return Opened::NotYet;
            };
            let answer = heads::answer(kept.bytes.get(..len).unwrap_or_default());
            let server_at = kept.take_front(len);
            match answer {
                Answer::Interim => {}
                Answer::Refused(status) => return self.refused(request, Some(status)),
                Answer::NotHttp => return self.refused(request, None),
                Answer::Open(extensions) => {
                    let mut websocket = WebSocket::new(request, extensions);
                    websocket.begin_at(Role::Client, client_at);
                    websocket.begin_at(Role::Server, server_at);
                    return self.open(websocket);
                }
            }
        }
    }

    fn refused(&mut self, request: Request, status: Option<u16>) -> Opened {
        self.progress = Progress::Refused { request, status };
        for kept in &mut self.kept {
            kept.clear();
        }
        Opened::NotYet
    }

    /// Looks whether whole frames show that the connection was open before.
    fn join(&mut self, side: Side, piece: Piece<'_>) -> Opened {
        let Some(from) = join::proof_from(piece.bytes) else {
            let kept = self.kept_mut(side);
            kept.skipped += piece.bytes.len() as u64;
            // It may be a wrong Close.
            kept.has_gap |= join::frames_in(piece.bytes).is_some();
            return Opened::NotYet;
        };
        let client = if from == Role::Client { side } else { side.other() };
        let mut websocket = WebSocket::joined(self.request_by(client));
        for side in Side::BOTH {
            let Kept { skipped, has_gap, .. } = *self.kept(side);
            websocket.skipped(side, skipped, has_gap);
        }
        websocket.bytes(side, piece);
        Opened::WebSocket(Box::new(websocket))
    }

    /// Bytes of `side` that are not at hand.
    pub(crate) fn gap(&mut self, side: Side, at: u64, len: u64) -> Opened {
        self.is_whole = false;
        let (status, path) = (heads::status(&self.kept(side).bytes), heads::path_of_first_line(&self.kept(side).bytes));
        match &self.progress {
            Progress::Asked { request, .. } if request.client == side => {
                self.kept_mut(side).push_gap(at, len);
                Opened::NotYet
            }
            // The end of the answer is missing.
            Progress::Asked { request, frames_at } => {
                let (request, frames_at) = (request.clone(), *frames_at);
                match status {
                    None | Some(101) => self.open_behind_gap(request, frames_at, side, at, len),
                    Some(status) => self.refused(request, Some(status)),
                }
            }
            // So is the end of an answer whose request is not at hand.
            _ if status == Some(101) => {
                let client_at = self.kept(side).ack().unwrap_or(0);
                self.open_behind_gap(self.request_by(side.other()), client_at, side, at, len)
            }
            _ => {
                if path.is_some() {
                    self.progress = Progress::HalfRequest(Request { client: side, path });
                }
                let kept = self.kept_mut(side);
                kept.clear();
                kept.skipped = kept.skipped.saturating_add(len);
                kept.has_gap = true;
                Opened::NotYet
            }
        }
    }

    /// Opens although the end of the answer is missing. What the server sends cannot be followed.
    fn open_behind_gap(&mut self, request: Request, client_at: u64, server: Side, at: u64, len: u64) -> Opened {
        let kept = self.kept_mut(server);
        kept.clear();
        kept.push_gap(at, len);
        let mut websocket = WebSocket::new(request, Extensions::NotKnown);
        websocket.begin_at(Role::Client, client_at);
        websocket.begin_at(Role::Server, at);
        self.open(websocket)
    }

    /// The WebSocket takes what both sides sent behind their heads, in the order of time.
    fn open(&mut self, mut websocket: WebSocket) -> Opened {
        let mut pieces = Vec::new();
        for (side, kept) in Side::BOTH.into_iter().zip(&self.kept) {
            pieces.extend(kept.pieces().map(|piece| (side, piece)));
        }
        pieces.sort_by_key(|(_, (piece, _))| piece.time);
        for (side, (piece, gap)) in pieces {
            if gap > 0 {
                websocket.gap(side, piece.at, gap);
            } else {
                websocket.bytes(side, piece);
            }
        }
        Opened::WebSocket(Box::new(websocket))
    }

    fn request_by(&self, client: Side) -> Request {
        match &self.progress {
            Progress::HalfRequest(request) if request.client == client => request.clone(),
            _ => Request { client, path: None },
        }
    }

    fn give_up_if_long(&mut self, side: Side) -> Opened {
        if self.kept(side).bytes.len() > MAX_HEAD {
            self.progress = Progress::Nothing;
            self.kept_mut(side).clear();
        }
        Opened::NotYet
    }

    const fn kept(&self, side: Side) -> &Kept {
        match (side, &self.kept) {
            (Side::A, [kept, _]) | (Side::B, [_, kept]) => kept,
        }
    }

    const fn kept_mut(&mut self, side: Side) -> &mut Kept {
        match (side, &mut self.kept) {
            (Side::A, [kept, _]) | (Side::B, [_, kept]) => kept,
        }
    }
}

/// The start of a head, or what a client sends before it has the answer.
struct Kept {
    bytes: Vec<u8>,
    /// Where each piece begins in `bytes`.
    marks: Vec<Mark>,
    /// So many of the bytes were searched for the end of a head.
    searched: usize,
    /// Whether this side has sent anything.
    has_begun: bool,
    /// How many bytes were not kept, because they begin nothing that we know.
    skipped: u64,
    /// Whether a Close may be among them.
    has_gap: bool,
}

/// Where a piece begins: here, and in the TCP stream.
struct Mark {
    from: usize,
    at: u64,
    time: Option<Time>,
    ack: Option<u64>,
    /// So many bytes are missing there, and it has none.
    gap: u64,
}

impl Kept {
    const fn new() -> Self {
        Self { bytes: Vec::new(), marks: Vec::new(), searched: 0, has_begun: false, skipped: 0, has_gap: false }
    }

    fn push(&mut self, piece: Piece<'_>) {
        let Piece { time, ack, at, bytes } = piece;
        self.marks.push(Mark { from: self.bytes.len(), at, time, ack, gap: 0 });
        self.bytes.extend_from_slice(bytes);
    }

    fn push_gap(&mut self, at: u64, gap: u64) {
        let time = self.marks.last().and_then(|mark| mark.time);
        self.marks.push(Mark { from: self.bytes.len(), at, time, ack: None, gap });
    }

    fn clear(&mut self) {
        (self.bytes, self.marks, self.searched) = (Vec::new(), Vec::new(), 0);
    }

    /// How long the head at the front is, once it is complete.
    fn head_len(&mut self) -> Option<usize> {
        let len = heads::head_len(&self.bytes, self.searched);
        self.searched = self.bytes.len();
        len
    }

    /// What the first piece acknowledged.
    fn ack(&self) -> Option<u64> {
        self.marks.first().and_then(|mark| mark.ack)
    }

    /// Takes the first bytes away, and returns the place of the next one.
    fn take_front(&mut self, len: usize) -> u64 {
        let piece = self.marks.iter().rev().find(|mark| mark.from < len);
        let at = piece.map_or(0, |mark| mark.at + (len - mark.from) as u64);
        let (kept, front) = (self.marks.iter().position(|mark| mark.from >= len), len.min(self.bytes.len()));
        self.bytes.drain(..front);
        let mut marks = self.marks.split_off(kept.unwrap_or(self.marks.len()));
        // The piece in which the front ends is split.
        if let (Some(last), true) =
            (self.marks.pop(), marks.first().map_or(!self.bytes.is_empty(), |mark| mark.from > len))
        {
            marks.insert(0, Mark { from: len, at, ..last });
        }
        for mark in &mut marks {
            mark.from -= len;
        }
        (self.marks, self.searched) = (marks, 0);
        at
    }

    /// The pieces, each with the gap that stands in its place.
    fn pieces(&self) -> impl Iterator<Item = (Piece<'_>, u64)> {
        let ends = self.marks.iter().skip(1).map(|mark| mark.from).chain([self.bytes.len()]);
        self.marks.iter().zip(ends).map(|(mark, end)| {
            let Mark { time, ack, at, gap, from } = *mark;
            let bytes = self.bytes.get(from..end).unwrap_or_default();
            (Piece { time, ack, at, bytes }, gap)
        })
    }
}

//! One TCP connection: from segments, as captured, to the bytes of both directions in order, and to what is missing.

use std::collections::BTreeMap;

use super::packet::Segment;
use crate::cli::connection::{self, Connection, Side};
use crate::cli::time::{Span, Time};

/// Both directions of a TCP connection. What comes out goes to a [`Connection`].
///
/// The place of a byte is its sequence number in 64 bits, counted from [`ORIGIN`] for the first byte behind the SYN.
#[derive(Default)]
pub(crate) struct Tcp {
    halves: [Half; 2],
}

/// One direction.
struct Half {
    /// The sequence number of the byte at `ORIGIN`.
    origin: Option<u32>,
    /// The place of the first byte that was not handed on.
    next: u64,
    /// Bytes that came before others that belong before them, by their place. They do not overlap.
    waiting: BTreeMap<u64, Waiting>,
    /// What they cost.
    cost: usize,
    /// Up to which place the other end has acknowledged. Its acknowledgement of a FIN counts as one byte.
    acknowledged: u64,
    /// Up to which place it has sent, as its packets without a payload tell.
    announced: u64,
    /// Since when the higher of these two is known.
    known_at: Time,
    fin: Fin,
    is_reset: bool,
    /// Whether it sent anything after the other end's FIN.
    spoke_last: bool,
}

struct Waiting {
    time: Time,
    ack: Option<u64>,
    bytes: Vec<u8>,
    /// How many bytes behind these the capture has cut off.
    cut: u64,
}

#[derive(Clone, Copy, Default)]
enum Fin {
    #[default]
    None,
    /// It is captured, but bytes before it are not.
    At(u64, Time),
    Passed,
}

impl Default for Half {
    fn default() -> Self {
        Self {
            origin: None,
            next: ORIGIN,
            waiting: BTreeMap::new(),
            cost: 0,
            acknowledged: ORIGIN,
            announced: ORIGIN,
            known_at: Time::default(),
            fin: Fin::None,
            is_reset: false,
            spoke_last: false,
        }
    }
}

/// What waits in all connections of a capture.
#[derive(Default)]
pub(crate) struct Budget {
    used: usize,
}

/// Some place below it is left for bytes that are older than the first ones that we see.
const ORIGIN: u64 = 1 << 32;
/// How much may wait behind a hole before the hole is given up, in one direction and in all together.
const MAX_WAITING: usize = 1 << 20;
const MAX_WAITING_IN_ALL: usize = 1 << 25;
/// What a piece costs besides its bytes.
const PIECE: usize = 128;
/// How long bytes wait once the hole before them is acknowledged. Nobody sends those again, but files are not strictly
/// in order.
const MAX_WAIT: Span = Span::millis(1000);
/// An ended connection sends nothing so far from its end. What does is a new one on the same ports.
const REUSE_DISTANCE: u64 = 1 << 20;

impl Half {
    /// The place of a sequence number, nearest to where we are.
    fn place(&self, seq: u32) -> u64 {
        let here = self.next.max(self.acknowledged);
        #[expect(clippy::cast_possible_truncation, reason = "sequence numbers are the lower half of places")]
        let low = here as u32;
        let ahead = seq.wrapping_sub(self.origin.unwrap_or(seq)).wrapping_sub(low);
        let behind = ahead.wrapping_neg();
        if ahead < behind { here.saturating_add(ahead.into()) } else { here.saturating_sub(behind.into()) }
    }

    /// Up to which place it certainly has sent.
    fn known(&self) -> u64 {
        self.acknowledged.max(self.announced)
    }

    /// Notes a place up to which it has sent.
    fn know(&mut self, place: u64, time: Time) {
        if place > self.known() {
            self.known_at = time;
        }
    }

    /// Whether none of its bytes is at hand.
    fn is_fresh(&self) -> bool {
        self.next <= ORIGIN && self.waiting.is_empty()
    }

    /// Keeps what nobody has sent before: of bytes that come twice, the first copy counts.
    fn keep(&mut self, segment: &Segment<'_>, at: u64, ack: Option<u64>, budget: &mut Budget) {
        let len = segment.payload.len() as u64 + u64::from(segment.cut);
        let end = at.saturating_add(len);
        let mut from = at.max(self.next);
        while from < end {
            let before = self.waiting.range(..=from).next_back().map(|(at, piece)| at + piece.len());
            if let Some(covered) = before.filter(|covered| *covered > from) {
                from = covered;
                continue;
            }
            let to = self.waiting.range(from..).next().map_or(end, |(next, _)| end.min(*next));
            // The part of the payload from one place to another.
            let captured = |place: u64| {
                usize::try_from(place - at).map_or(segment.payload.len(), |index| index.min(segment.payload.len()))
            };
            let bytes = segment.payload.get(captured(from)..captured(to)).unwrap_or_default().to_vec();
            let piece = Waiting { time: segment.time, ack, cut: to - from - bytes.len() as u64, bytes };
            self.cost += piece.cost();
            budget.used += piece.cost();
            self.waiting.insert(from, piece);
            from = to;
        }
    }
}

impl Waiting {
    fn len(&self) -> u64 {
        self.bytes.len() as u64 + self.cut
    }

    fn cost(&self) -> usize {
        PIECE + self.bytes.len()
    }
}

impl Tcp {
    const fn half(&self, side: Side) -> &Half {
        match (side, &self.halves) {
            (Side::A, [half, _]) | (Side::B, [_, half]) => half,
        }
    }

    fn half_mut(&mut self, side: Side) -> &mut Half {
        side.of(&mut self.halves)
    }

    /// Whether a segment from `side` belongs to a new connection on the same ports.
    pub(crate) fn is_another(&self, side: Side, segment: &Segment<'_>) -> bool {
        let (ours, theirs) = (self.half(side), self.half(side.other()));
        let Some(origin) = ours.origin else { return false };
        if segment.syn {
            return origin != segment.seq.wrapping_add(1);
        }
        let is_over = ours.is_reset || theirs.is_reset || matches!((ours.fin, theirs.fin), (Fin::Passed, Fin::Passed));
        let distance = ours.place(segment.seq).abs_diff(ours.next);
        is_over && !segment.rst && !segment.payload.is_empty() && distance > REUSE_DISTANCE
    }

    /// Takes a segment from `side`.
    pub(crate) fn take(&mut self, side: Side, segment: &Segment<'_>, to: &mut Connection, budget: &mut Budget) {
        let time = segment.time;
        to.packet(side, time);
        let ack = segment.ack.map(|ack| self.acknowledge(side, ack, time));
        if let Some(ack) = ack {
            to.acknowledged(side, ack);
        }
        let ours = self.half_mut(side);
        let first = if segment.syn { segment.seq.wrapping_add(1) } else { segment.seq };
        // A reset may answer a segment, and then takes its number from there.
        if !segment.rst {
            ours.origin.get_or_insert(first);
        }
        let at = ours.place(first);
        let len = segment.payload.len() as u64 + u64::from(segment.cut);
        let end = at.saturating_add(len);
        // A number far away is no place of this connection.
        if len == 0 && at.abs_diff(ours.next) <= MAX_WAITING as u64 {
            ours.know(at, time);
            ours.announced = ours.announced.max(at);
        }
        if segment.rst {
        } else if end > ours.next {
            ours.keep(segment, at, ack, budget);
        } else if len > 0 {
            to.repeated(side, end, time);
        }
        if segment.fin && matches!(ours.fin, Fin::None) {
            ours.fin = Fin::At(end, time);
        }
        let is_speech = len > 0 || segment.fin;
        let has_spoken = self.half(side).spoke_last || is_speech && !matches!(self.half(side.other()).fin, Fin::None);
        self.half_mut(side).spoke_last = has_spoken;
        self.drain(side, Some(time), to, budget);
        if segment.fin || segment.rst {
            // It may acknowledge a FIN that was not captured. That FIN came before.
            self.missing_fin(side.other(), to);
        }
        let ours = self.half_mut(side);
        if segment.rst && !ours.is_reset {
            ours.is_reset = true;
            // An end that has closed its socket resets because something comes. That is not at hand.
            if matches!(ours.fin, Fin::Passed) && !self.half(side.other()).spoke_last {
                to.gap_of_unknown_length(side.other());
            }
            to.reset(side, ack, Some(time));
        }
    }

    /// Takes the acknowledgement that `side` sent: how many bytes of the other direction its machine has.
    fn acknowledge(&mut self, side: Side, ack: u32, time: Time) -> u64 {
        let theirs = self.half_mut(side.other());
        theirs.origin.get_or_insert(ack);
        let place = theirs.place(ack);
        theirs.know(place, time);
        if place > theirs.acknowledged {
            theirs.acknowledged = place;
        } else if place < theirs.next && theirs.is_fresh() {
            // We came later than we thought: what is between was sent, too.
            theirs.next = place;
        }
        place
    }

    /// A FIN that was acknowledged, but not captured.
    fn missing_fin(&mut self, side: Side, to: &mut Connection) {
        let ours = self.half_mut(side);
        if matches!(ours.fin, Fin::None) && ours.waiting.is_empty() && ours.known() == ours.next + 1 {
            ours.fin = Fin::Passed;
            to.fin_or_byte(side, ours.next, Some(ours.known_at));
        }
    }

    /// Hands on what is in order. `now` is `None` at the end of the capture: then nothing waits any longer.
    fn drain(&mut self, side: Side, now: Option<Time>, to: &mut Connection, budget: &mut Budget) {
        let ours = self.half_mut(side);
        let is_full = ours.cost > MAX_WAITING || budget.used > MAX_WAITING_IN_ALL;
        while let Some(entry) = ours.waiting.first_entry() {
            let at = *entry.key();
            if at > ours.next {
                let may_come = |now: Time| ours.acknowledged < at || now.since(entry.get().time) <= MAX_WAIT;
                if now.is_some_and(may_come) && !is_full {
                    return;
                }
                to.gap(side, ours.next, at - ours.next);
            }
            let piece = entry.remove();
            ours.cost -= piece.cost();
            budget.used -= piece.cost();
            ours.next = at + piece.len();
            if !piece.bytes.is_empty() {
                let Waiting { time, ack, bytes, .. } = &piece;
                to.bytes(side, connection::Piece { time: Some(*time), ack: *ack, at, bytes });
            }
            if piece.cut > 0 {
                to.cut_short(side, at + piece.bytes.len() as u64, piece.cut);
            }
        }
        if let Fin::At(at, time) = ours.fin {
            if at > ours.next && now.is_none() {
                to.gap(side, ours.next, at - ours.next);
                ours.next = at;
            }
            if at <= ours.next {
                ours.fin = Fin::Passed;
                to.fin(side, Some(time));
            }
        }
    }

    /// The end of the capture.
    pub(crate) fn finish(&mut self, to: &mut Connection, budget: &mut Budget) {
        for side in Side::BOTH {
            self.drain(side, None, to, budget);
        }
        for side in Side::BOTH {
            self.missing_fin(side, to);
            let ours = self.half_mut(side);
            let passed = ours.next + u64::from(matches!(ours.fin, Fin::Passed));
            match ours.known().checked_sub(passed) {
                None | Some(0) => {}
                Some(missing) => to.gap(side, ours.next, missing),
            }
        }
    }
}

//! Exhaustive model check: a client and a server, both with a `ClosingHandshake`, over two channels that can go wrong
//! in every way.
//!
//! `cargo test --test model -- --nocapture` prints how many states and transitions there are.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};

use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, Role, TransportAction, wire};

/// The Closes of the applications: two different codes, and none.
const GOODBYES: [CloseFrame<'_>; 3] =
    [CloseFrame::EMPTY, CloseFrame::from_static(1000, ""), CloseFrame::from_static(4001, "bye")];
const FAILURE: CloseFrame<'_> = CloseFrame::from_static(1011, "");
const FAULT: wire::Error = wire::Error::Fragmented;
/// The answer of an application that does not echo the peer's code.
const ANSWER: CloseFrame<'_> = CloseFrame::from_static(4003, "");
/// The code of a second Close that a broken peer sends behind its first.
const AGAIN: u16 = 4002;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Item {
    Data,
    /// A Close with this code, or with none for 1005.
    Close(u16),
    Malformed,
}

/// One direction of the transport.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Channel {
    items: VecDeque<Item>,
    /// Nothing comes after the items, because the channel was ended or lost.
    ended: bool,
    /// It has spoilt or doubled a Close. It does that only once.
    meddled: bool,
}

/// A key in the map of states. It hashes only the `ClosingState`, because equal handshakes have equal states.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Closing(ClosingHandshake);

impl Hash for Closing {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.deref().hash(hasher);
    }
}

impl Deref for Closing {
    type Target = ClosingHandshake;

    fn deref(&self) -> &ClosingHandshake {
        &self.0
    }
}

impl DerefMut for Closing {
    fn deref_mut(&mut self) -> &mut ClosingHandshake {
        &mut self.0
    }
}

/// One endpoint: its handshake, what its driver knows, and facts to judge the handshake by, noted without its help.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Side {
    closing: Closing,
    /// A Close is chosen and is not yet written.
    pending: Option<u16>,
    write_failed: bool,
    sent_data: bool,
    /// The event that was given: code and wasClean.
    event: Option<(u16, bool)>,
    /// Noted: how often the handshake returned a Close to write, without replaced answers; and the Close that was
    /// written.
    chosen: u8,
    wrote: Option<u16>,
    /// Noted: the first good Close that came before any failure; and whether a failure came first.
    heard: Option<u16>,
    failed: bool,
}

/// Index 0 is the client, index 1 is the server. Each side writes to the channel with its index.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    sides: [Side; 2],
    channels: [Channel; 2],
}

impl State {
    fn start() -> Self {
        let side = |local| Side {
            closing: Closing(ClosingHandshake::new(local)),
            pending: None,
            write_failed: false,
            sent_data: false,
            event: None,
            chosen: 0,
            wrote: None,
            heard: None,
            failed: false,
        };
        Self { sides: [side(Role::Client), side(Role::Server)], channels: Default::default() }
    }

    /// Every state that one event leads to: first the steps that two correct drivers make by themselves, then the
    /// events that happen to them.
    fn next(&self, own_answers: bool) -> (Vec<State>, Vec<State>) {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for me in [0, 1].into_iter().filter(|me| self.sides[*me].event.is_none()) {
            own.extend([self.write(me), self.read(me), self.shut_down(me), self.finish(me)].into_iter().flatten());
            others.extend(GOODBYES.map(|frame| self.close(me, frame)));
            others.extend([self.fail(me), self.time_out(me)]);
            if own_answers {
                others.push(self.answer(me));
            }
            others.extend([self.send_data(me), self.fail_write(me)].into_iter().flatten());
        }
        for direction in [0, 1] {
            others.push(self.lose(direction));
            others.extend([self.spoil(direction), self.double(direction)].into_iter().flatten());
        }
        (own, others)
    }

    fn with(&self, change: impl FnOnce(&mut State)) -> State {
        let mut next = self.clone();
        change(&mut next);
        next
    }

    /// Writes the pending Close, and then tells the handshake.
    fn write(&self, me: usize) -> Option<State> {
        let code = self.sides[me].pending?;
        Some(self.with(|next| {
            let side = &mut next.sides[me];
            assert_eq!(side.wrote, None, "a second Close was written");
            side.pending = None;
            side.wrote = Some(code);
            side.closing.mark_written();
            next.send(me, Item::Close(code));
        }))
    }

    fn send(&mut self, me: usize, item: Item) {
        if !self.channels[me].ended {
            self.channels[me].items.push_back(item);
        }
    }

    /// Reads the next item. After the handshake a driver reads on, and the items do not count.
    fn read(&self, me: usize) -> Option<State> {
        let item = *self.channels[1 - me].items.front()?;
        Some(self.with(|next| {
            next.channels[1 - me].items.pop_front();
            let side = &mut next.sides[me];
            match item {
                Item::Data => {}
                Item::Close(code) => {
                    if side.heard.is_none() && !side.failed {
                        side.heard = Some(code);
                    }
                    let reply = side.closing.receive(frame(code)).map(code_of);
                    // An answer is due only if we have chosen no Close before, so an answer is never answered.
                    assert!(reply.is_none() || (side.chosen == 0 && reply == Some(code)));
                    side.take(reply);
                }
                Item::Malformed => side.fail_with(|closing| closing.reject(FAULT)),
            }
        }))
    }

    /// Ends our direction of the transport. The peer's items are still read until its end.
    fn shut_down(&self, me: usize) -> Option<State> {
        let side = &self.sides[me];
        let due =
            side.closing.transport() == TransportAction::End && side.pending.is_none() && !self.channels[me].ended;
        due.then(|| self.with(|next| next.channels[me].ended = true))
    }

    /// Gives the event when the transport is gone, as far as this side can see.
    fn finish(&self, me: usize) -> Option<State> {
        let incoming = &self.channels[1 - me];
        let gone = self.sides[me].write_failed || (incoming.items.is_empty() && incoming.ended);
        gone.then(|| self.time_out(me))
    }

    /// A deadline passes: the driver ends the transport and gives the event, whatever the state.
    fn time_out(&self, me: usize) -> State {
        self.with(|next| {
            next.channels[me].ended = true;
            // Nobody reads this channel any more. Nothing more shall happen to it.
            next.channels[1 - me] = Channel { ended: true, meddled: true, ..Channel::default() };
            let side = &mut next.sides[me];
            let event = side.closing.event();
            // The code is the peer's; 1005 if its Close had none; 1006 if no good Close came before we failed.
            let code = side.heard.unwrap_or(1006);
            let clean = side.heard.is_some() && side.wrote.is_some();
            assert_eq!((event.code(), event.was_clean()), (code, clean));
            side.event = Some((code, clean));
        })
    }

    /// The application closes. After a first Close or a failure that must do nothing.
    fn close(&self, me: usize, frame: CloseFrame<'_>) -> State {
        self.with(|next| {
            let side = &mut next.sides[me];
            let code = side.closing.start(frame).map(code_of);
            side.take(code);
        })
    }

    /// The application answers with a Close of its own. It does nothing unless an answer is due and not yet written.
    fn answer(&self, me: usize) -> State {
        self.with(|next| {
            let side = &mut next.sides[me];
            let pending = side.closing.answer_with(ANSWER).map(code_of);
            // A failed write is not repeated.
            if pending.is_some() && !side.write_failed {
                assert!(side.pending.is_some() && side.heard.is_some() && side.wrote.is_none());
                side.pending = pending;
            }
        })
    }

    fn fail(&self, me: usize) -> State {
        self.with(|next| next.sides[me].fail_with(|closing| closing.fail(FAILURE)))
    }

    fn send_data(&self, me: usize) -> Option<State> {
        let side = &self.sides[me];
        (side.closing.may_send_data() && !side.sent_data && !side.write_failed).then(|| {
            self.with(|next| {
                next.sides[me].sent_data = true;
                next.send(me, Item::Data);
            })
        })
    }

    /// The write of the pending Close fails, and our direction is lost.
    fn fail_write(&self, me: usize) -> Option<State> {
        self.sides[me].pending.is_some().then(|| {
            self.with(|next| {
                next.sides[me].pending = None;
                next.sides[me].write_failed = true;
                next.channels[me].ended = true;
            })
        })
    }

    /// All items on their way are lost, and all that would follow.
    fn lose(&self, direction: usize) -> State {
        self.with(|next| {
            next.channels[direction].items.clear();
            next.channels[direction].ended = true;
        })
    }

    fn spoil(&self, direction: usize) -> Option<State> {
        self.meddle(direction, |items| items[0] = Item::Malformed)
    }

    fn double(&self, direction: usize) -> Option<State> {
        self.meddle(direction, |items| items.push_back(Item::Close(AGAIN)))
    }

    fn meddle(&self, direction: usize, change: impl FnOnce(&mut VecDeque<Item>)) -> Option<State> {
        let channel = &self.channels[direction];
        let possible = !channel.meddled && matches!(channel.items.front(), Some(Item::Close(_)));
        possible.then(|| {
            self.with(|next| {
                next.channels[direction].meddled = true;
                change(&mut next.channels[direction].items);
            })
        })
    }

    /// What must be true at every moment.
    fn check(&self) {
        for (number, side) in self.sides.iter().enumerate() {
            assert!(side.chosen <= 1, "two Closes were chosen");
            assert!(!(side.failed && side.heard.is_some()));
            assert_eq!(side.closing.is_failed(), side.failed);
            assert_eq!(side.closing.theirs().map(code_of), side.heard);
            assert_eq!(side.closing.ours().is_some(), side.chosen == 1);
            assert!(side.wrote.is_none() || side.closing.ours().map(code_of) == side.wrote);
            assert_eq!(side.closing.is_written(), side.wrote.is_some());
            assert_eq!(side.closing.close_pending(), side.chosen == 1 && side.wrote.is_none());
            assert_eq!(side.closing.is_receiving(), side.heard.is_none() && !side.failed);
            // No data goes behind our Close or after a failure.
            if side.closing.may_send_data() {
                assert!(side.wrote.is_none() && !side.failed);
            }
            // After a failure we end the transport. After both Closes the server, which is side 1, ends it.
            let action = match (side.failed, side.heard.is_some() && side.wrote.is_some()) {
                (true, _) => TransportAction::End,
                (false, true) => [TransportAction::AwaitEnd, TransportAction::End][number],
                (false, false) => TransportAction::Keep,
            };
            assert_eq!(side.closing.transport(), action);
        }
        for (me, peer) in [(&self.sides[0], &self.sides[1]), (&self.sides[1], &self.sides[0])] {
            assert!(me.heard.is_none() || me.heard == peer.wrote, "a code that the peer never sent");
        }
    }

    fn is_over(&self) -> bool {
        self.sides.iter().all(|side| side.event.is_some())
    }

    /// Nobody has begun to close and nothing is broken, so the connection may stay as it is.
    fn is_open(&self) -> bool {
        let open = |side: &Side| side.event.is_none() && side.closing.is_open();
        self.sides.iter().all(open) && self.channels.iter().all(|channel| !channel.ended)
    }
}

impl Side {
    fn take(&mut self, close: Option<u16>) {
        if close.is_some() {
            self.chosen += 1;
            self.pending = close;
        }
    }

    fn fail_with(&mut self, call: impl FnOnce(&mut ClosingHandshake) -> Option<CloseFrame<'static>>) {
        self.failed |= self.heard.is_none();
        let code = call(&mut self.closing).map(code_of);
        self.take(code);
    }
}

fn frame(code: u16) -> CloseFrame<'static> {
    CloseCode::new(code).map_or(CloseFrame::EMPTY, CloseFrame::from_code)
}

fn code_of(frame: CloseFrame<'_>) -> u16 {
    frame.code().map_or(1005, CloseCode::get)
}

#[test]
fn every_order_of_events_keeps_the_invariants() {
    assert_eq!(explore(false), Numbers { states: 88_676, over: 3_520, transitions: 535_608, without_effect: 636_740 });
}

/// The same if applications may also answer with a Close of their own.
#[test]
fn every_order_of_events_with_answers_of_our_own_keeps_the_invariants() {
    assert_eq!(explore(true), Numbers { states: 95_334, over: 3_736, transitions: 572_988, without_effect: 848_866 });
}

#[derive(Debug, PartialEq, Eq)]
struct Numbers {
    states: usize,
    over: usize,
    transitions: usize,
    without_effect: usize,
}

fn explore(own_answers: bool) -> Numbers {
    let mut numbers = HashMap::from([(State::start(), 0_usize)]);
    let mut edges: Vec<Vec<usize>> = Vec::new();
    let mut queue = VecDeque::from([State::start()]);
    let (mut without_effect, mut over) = (0, 0);
    while let Some(state) = queue.pop_front() {
        state.check();
        let (own, others) = state.next(own_answers);
        // A connection that has begun to end comes to its end without deadlines, by the steps of correct drivers alone.
        assert!(!own.is_empty() || state.is_over() || state.is_open(), "stuck without a time-out: {state:?}");
        over += usize::from(state.is_over());
        let mut targets = Vec::new();
        for next in own.into_iter().chain(others) {
            if next == state {
                without_effect += 1;
                continue;
            }
            let new = numbers.len();
            let number = *numbers.entry(next).or_insert_with_key(|next| {
                queue.push_back(next.clone());
                new
            });
            targets.push(number);
        }
        edges.push(targets);
    }
    let transitions: usize = edges.iter().map(Vec::len).sum();
    println!("{} states ({over} final), {transitions} transitions, {without_effect} calls without effect", edges.len());

    // Every path ends, because no transition leads back.
    assert_eq!(count_without_cycles(&edges), edges.len(), "there is a cycle");
    Numbers { states: edges.len(), over, transitions, without_effect }
}

/// Takes away the states that no transition leads to, again and again, and counts them. Without a cycle these are all.
fn count_without_cycles(edges: &[Vec<usize>]) -> usize {
    let mut incoming = vec![0; edges.len()];
    edges.iter().flatten().for_each(|target| incoming[*target] += 1);
    let mut free: Vec<usize> = (0..edges.len()).filter(|state| incoming[*state] == 0).collect();
    let mut count = 0;
    while let Some(state) = free.pop() {
        count += 1;
        for target in &edges[state] {
            incoming[*target] -= 1;
            if incoming[*target] == 0 {
                free.push(*target);
            }
        }
    }
    count
}

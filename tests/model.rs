//! Exhaustive model check: a client and a server, both the shipped machine, joined by two channels that can go wrong in every way.
//!
//! `cargo test --test model -- --nocapture` prints how many states and transitions there are.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::{HashMap, VecDeque};

use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, Role, Transport};

/// What the applications close with: two codes that differ, and none.
const GOODBYES: [CloseFrame<'_>; 3] =
    [CloseFrame::EMPTY, CloseFrame::from_static(1000, ""), CloseFrame::from_static(4001, "bye")];
const FAILURE: CloseFrame<'_> = CloseFrame::from_static(1011, "");
/// The code of a second Close that a broken peer sends behind its first.
const AGAIN: u16 = 4002;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Item {
    Data,
    /// With this code; 1005 stands for none.
    Close(u16),
    Malformed,
}

/// One direction of the transport.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Channel {
    items: VecDeque<Item>,
    /// Nothing comes after the items: it was ended, or lost.
    ended: bool,
    /// It has spoilt or doubled a Close before; once is enough.
    meddled: bool,
}

/// One endpoint: the machine, what its driver knows, and facts noted independently of the machine to judge it by.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Side {
    machine: ClosingHandshake,
    /// A Close was handed out and is not yet written.
    pending: Option<u16>,
    write_failed: bool,
    sent_data: bool,
    /// The event that was given: code and wasClean.
    event: Option<(u16, bool)>,
    /// Noted: how many Closes were handed out, and the one that was written.
    handed_out: u8,
    wrote: Option<u16>,
    /// Noted: the first Close that came in whole before any failure, and whether a failure came first.
    heard: Option<u16>,
    failed: bool,
}

/// Sides and channels are those of the client and the server, in this order; a channel is written by the side of its index.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    sides: [Side; 2],
    channels: [Channel; 2],
}

impl State {
    fn start() -> Self {
        let side = |local| Side {
            machine: ClosingHandshake::new(local),
            pending: None,
            write_failed: false,
            sent_data: false,
            event: None,
            handed_out: 0,
            wrote: None,
            heard: None,
            failed: false,
        };
        Self { sides: [side(Role::Client), side(Role::Server)], channels: Default::default() }
    }

    /// Every state that one event leads to: first what two correct drivers do on their own, then what happens to them.
    fn next(&self) -> (Vec<State>, Vec<State>) {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for me in [0, 1].into_iter().filter(|me| self.sides[*me].event.is_none()) {
            own.extend([self.write(me), self.read(me), self.shut_down(me), self.finish(me)].into_iter().flatten());
            others.extend(GOODBYES.map(|frame| self.close(me, frame)));
            others.extend([self.fail(me), self.time_out(me)]);
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

    /// The pending Close goes out, and then the machine is told.
    fn write(&self, me: usize) -> Option<State> {
        let code = self.sides[me].pending?;
        Some(self.with(|next| {
            let side = &mut next.sides[me];
            assert_eq!(side.wrote, None, "a second Close was written");
            side.pending = None;
            side.wrote = Some(code);
            side.machine.written();
            next.send(me, Item::Close(code));
        }))
    }

    fn send(&mut self, me: usize, item: Item) {
        if !self.channels[me].ended {
            self.channels[me].items.push_back(item);
        }
    }

    /// The next item comes in. After the end of the handshake a driver reads on, and discards.
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
                    let reply = side.machine.receive(frame(code)).map(code_of);
                    // Never an answer to an answer: it is due only if no Close of ours was handed out before.
                    assert!(reply.is_none() || (side.handed_out == 0 && reply == Some(code)));
                    side.take(reply);
                }
                Item::Malformed => side.fail(CloseFrame::from_code(CloseCode::PROTOCOL_ERROR)),
            }
        }))
    }

    /// We end the transport; what the peer has still to say is read until its end.
    fn shut_down(&self, me: usize) -> Option<State> {
        let side = &self.sides[me];
        let due = side.machine.transport() == Transport::End && side.pending.is_none() && !self.channels[me].ended;
        due.then(|| self.with(|next| next.channels[me].ended = true))
    }

    /// The transport is gone, as far as this side can see.
    fn finish(&self, me: usize) -> Option<State> {
        let incoming = &self.channels[1 - me];
        let gone = self.sides[me].write_failed || (incoming.items.is_empty() && incoming.ended);
        gone.then(|| self.time_out(me))
    }

    /// A deadline passes: the driver ends the transport and gives the event, whatever the state.
    fn time_out(&self, me: usize) -> State {
        self.with(|next| {
            next.channels[me].ended = true;
            // Nobody reads this any more, so that nothing more can happen to it.
            next.channels[1 - me] = Channel { ended: true, meddled: true, ..Channel::default() };
            let side = &mut next.sides[me];
            let event = side.machine.clone().finish();
            // The code is the peer's, 1005 if it said none, 1006 if no good Close came before we failed.
            let code = side.heard.unwrap_or(1006);
            let clean = side.heard.is_some() && side.wrote.is_some();
            assert_eq!((event.code(), event.was_clean()), (code, clean));
            side.event = Some((code, clean));
        })
    }

    /// The application closes. Once a Close is out, or the connection has failed, that must do nothing.
    fn close(&self, me: usize, frame: CloseFrame<'_>) -> State {
        self.with(|next| {
            let side = &mut next.sides[me];
            let code = side.machine.start(frame).map(code_of);
            side.take(code);
        })
    }

    fn fail(&self, me: usize) -> State {
        self.with(|next| next.sides[me].fail(FAILURE))
    }

    fn send_data(&self, me: usize) -> Option<State> {
        let side = &self.sides[me];
        (side.machine.may_send_data() && !side.sent_data && !side.write_failed).then(|| {
            self.with(|next| {
                next.sides[me].sent_data = true;
                next.send(me, Item::Data);
            })
        })
    }

    /// The pending Close is lost, and with it our direction.
    fn fail_write(&self, me: usize) -> Option<State> {
        self.sides[me].pending.is_some().then(|| {
            self.with(|next| {
                next.sides[me].pending = None;
                next.sides[me].write_failed = true;
                next.channels[me].ended = true;
            })
        })
    }

    /// All that is on its way is lost, and all that would follow.
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
            assert!(side.handed_out <= 1, "two Closes were handed out");
            assert!(!(side.failed && side.heard.is_some()));
            assert_eq!(side.machine.failed(), side.failed);
            assert_eq!(side.machine.received().is_some(), side.heard.is_some());
            assert_eq!(side.machine.sent().is_some(), side.handed_out == 1);
            assert_eq!(side.machine.was_written(), side.wrote.is_some());
            assert_eq!(side.machine.answer_owed(), side.heard.is_some() && side.wrote.is_none());
            assert_eq!(side.machine.pongs_due(), side.heard.is_none() && !side.failed);
            // No data behind our Close, nothing at all after failing but the one Close.
            if side.machine.may_send_data() {
                assert!(side.wrote.is_none() && !side.failed);
            }
            // To fail is to end the transport; after both Closes the server ends it, and this is side 1.
            let transport = match (side.failed, side.heard.is_some() && side.wrote.is_some()) {
                (true, _) => Transport::End,
                (false, true) => [Transport::AwaitEnd, Transport::End][number],
                (false, false) => Transport::Keep,
            };
            assert_eq!(side.machine.transport(), transport);
        }
        for (me, peer) in [(&self.sides[0], &self.sides[1]), (&self.sides[1], &self.sides[0])] {
            assert!(me.heard.is_none() || me.heard == peer.wrote, "a code that the peer never sent");
        }
    }

    fn is_over(&self) -> bool {
        self.sides.iter().all(|side| side.event.is_some())
    }

    /// Nobody has begun to close and nothing is broken: a connection that may stay as it is.
    fn is_open(&self) -> bool {
        let open = |side: &Side| side.event.is_none() && side.machine.initiator().is_none();
        self.sides.iter().all(open) && self.channels.iter().all(|channel| !channel.ended)
    }
}

impl Side {
    fn take(&mut self, handed_out: Option<u16>) {
        if handed_out.is_some() {
            self.handed_out += 1;
            self.pending = handed_out;
        }
    }

    fn fail(&mut self, frame: CloseFrame<'_>) {
        self.failed |= self.heard.is_none();
        let code = self.machine.fail(frame).map(code_of);
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
fn every_interleaving() {
    let mut numbers = HashMap::from([(State::start(), 0_usize)]);
    let mut edges: Vec<Vec<usize>> = Vec::new();
    let mut queue = VecDeque::from([State::start()]);
    let (mut without_effect, mut over) = (0, 0);
    while let Some(state) = queue.pop_front() {
        state.check();
        let (own, others) = state.next();
        // Correct drivers alone, without deadlines, come to the end of everything that has begun to end.
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
    assert_eq!((edges.len(), over, transitions, without_effect), (88_676, 3_520, 535_608, 636_740));

    // Every path ends: no transition leads back, and every state without one is over.
    assert_eq!(count_without_cycles(&edges), edges.len(), "there is a cycle");
}

/// How many states are left when those that nothing leads to are taken away again and again: all of them, if there is no cycle.
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

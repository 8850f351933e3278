//! `stream::finish` over a stack of messages that misbehaves in every legal way, under an executor that polls only what
//! was woken: the messages, the time and the ending are those of a model. It knows only what went through the stack.
//!
//! Each byte of the input is a choice. Where the input ends, everything behaves.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::{Sink, Stream};
use websocket_close::stream::{Finished, Glue, finish};
use websocket_close::{Awaited, CloseFrame, Role, TransportEnd};

use crate::executor::{Choices, Woken};
use crate::payload::{Verdict, judge};

const WITHIN: Duration = Duration::from_secs(10);
const GOODBYE: CloseFrame<'static> = CloseFrame::from_static(1001, "restart");

type Parts = Option<(u16, String)>;

#[derive(Clone, Debug, PartialEq)]
enum Message {
    Data,
    Close(Parts),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Broken;

/// What a program that uses the stack can see of it.
struct World {
    choices: Choices,
    answers: bool,
    incoming: Vec<Result<Message, Broken>>,
    ends: bool,
    /// Who is woken when reading, writing or the clock goes on.
    wakers: [Option<Waker>; 3],
    stalls: [bool; 2],
    dead: [bool; 2],
    late: bool,
    /// What the model has to know.
    read: Vec<Result<Message, Broken>>,
    ended: bool,
    /// How much was read, and whether that was all, when the sink was first asked.
    first_write: Option<(usize, bool)>,
    /// How much was read when the sink was given a Close: only then is it chosen.
    at_send: Option<usize>,
    sent: Vec<Message>,
    flushed: usize,
    /// So much was read at the last flush: a stack that answers has answered it.
    answered: usize,
    broken: bool,
}

const READ: usize = 0;
const WRITE: usize = 1;
const CLOCK: usize = 2;

impl World {
    fn pends(&mut self, half: usize, cx: &Context<'_>) -> bool {
        if !self.stalls[half] {
            match self.choices.pick(16) {
                11 | 12 => self.stalls[half] = true,
                13 => {
                    self.stalls[half] = true;
                    cx.waker().wake_by_ref();
                }
                14 if self.choices.pick(4) == 1 => (self.stalls[half], self.dead[half]) = (true, true),
                _ => {}
            }
        }
        self.wakers[half] = self.stalls[half].then(|| cx.waker().clone());
        self.stalls[half]
    }

    fn release(&mut self, half: usize) {
        if self.stalls[half] && !self.dead[half] {
            self.stalls[half] = false;
            self.wakers[half].take().into_iter().for_each(Waker::wake);
        }
    }

    fn write_call(&mut self, cx: Option<&Context<'_>>) -> Poll<Result<(), Broken>> {
        self.first_write.get_or_insert((self.read.len(), self.ended));
        if cx.is_some_and(|cx| !self.broken && self.pends(WRITE, cx)) {
            return Poll::Pending;
        }
        self.broken |= self.choices.pick(32) == 31;
        Poll::Ready(if self.broken { Err(Broken) } else { Ok(()) })
    }
}

struct Stack(Rc<RefCell<World>>);

impl Stream for Stack {
    type Item = Result<Message, Broken>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let world = &mut *self.0.borrow_mut();
        assert!(!world.ended, "nothing is read behind the end");
        assert!(!matches!(world.read.last(), Some(Err(Broken))), "nothing is read behind an error");
        if world.incoming.is_empty() && !world.ends {
            (world.stalls[READ], world.dead[READ]) = (true, true);
        }
        if world.pends(READ, cx) {
            return Poll::Pending;
        }
        if world.incoming.is_empty() {
            world.ended = true;
            return Poll::Ready(None);
        }
        let item = world.incoming.remove(0);
        world.read.push(item.clone());
        Poll::Ready(Some(item))
    }
}

impl Sink<Message> for Stack {
    type Error = Broken;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.0.borrow_mut().write_call(Some(cx))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Broken> {
        let world = &mut *self.0.borrow_mut();
        world.at_send.get_or_insert(world.read.len());
        let Poll::Ready(result) = world.write_call(None) else { unreachable!() };
        if result.is_ok() {
            world.sent.push(message);
        }
        result
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let world = &mut *self.0.borrow_mut();
        let result = world.write_call(Some(cx));
        if let Poll::Ready(Ok(())) = result {
            (world.flushed, world.answered) = (world.sent.len(), world.read.len());
        }
        result
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        panic!("the program ends the stack")
    }
}

fn message(choices: &mut Choices) -> Result<Message, Broken> {
    let close = |code: u16, reason: &str| Ok(Message::Close(Some((code, reason.to_owned()))));
    match choices.pick(12) {
        0 | 1 => close(4001, "bye\n\u{1b}[31m"),
        2 => Ok(Message::Close(None)),
        3 => close(1000, ""),
        4 => close([0, 999, 1004, 1005, 1006, 1015, 1016, 5000][usize::from(choices.pick(8))], "no such code"),
        5 => close(1000, &"x".repeat(124)),
        6 => Err(Broken),
        _ => Ok(Message::Data),
    }
}

/// The property.
pub fn check(input: &[u8]) {
    let mut choices = Choices::new(input);
    let local = if choices.pick(2) == 1 { Role::Server } else { Role::Client };
    let answers = choices.pick(2) == 1;
    let mut incoming: Vec<_> = (0..choices.pick(8)).map(|_| message(&mut choices)).collect();
    if choices.pick(8) == 7 {
        incoming.splice(..0, std::iter::repeat_n(Ok(Message::Data), 100));
    }
    let seen = (choices.pick(4) == 3).then(|| message(&mut choices));
    let ends = choices.pick(2) == 0;
    let world = Rc::new(RefCell::new(World {
        choices,
        answers,
        incoming,
        ends,
        wakers: [None, None, None],
        stalls: [false; 2],
        dead: [false; 2],
        late: false,
        // A Close that the program has read, the stack has, too.
        read: seen.iter().cloned().collect(),
        ended: false,
        first_write: None,
        at_send: None,
        sent: Vec::new(),
        flushed: 0,
        answered: 0,
        broken: false,
    }));
    let finished = drive(&world, local, seen);
    judge_ending(&finished, &world.borrow(), local);
}

fn drive(world: &Rc<RefCell<World>>, local: Role, seen: Option<Result<Message, Broken>>) -> Finished<Broken> {
    let glue = Glue {
        close: |frame| Message::Close(frame.code().map(|code| (code.get(), frame.reason().to_owned()))),
        read: |message| match message {
            Message::Close(parts) => Some(parts.as_ref().map(|(code, reason)| (*code, &**reason))),
            Message::Data => None,
        },
        answers: world.borrow().answers,
    };
    let sleep = |within| {
        assert_eq!(within, WITHIN);
        poll_fn(|cx| {
            let world = &mut *world.borrow_mut();
            world.wakers[CLOCK] = Some(cx.waker().clone());
            if world.late { Poll::Ready(()) } else { Poll::Pending }
        })
    };
    let mut stack = Stack(world.clone());
    let (woken, waker) = Woken::new();
    let mut cx = Context::from_waker(&waker);
    let mut finishing = pin!(finish(&mut stack, &glue, local, seen, GOODBYE, WITHIN, sleep));
    for _ in 0..10_000 {
        if woken.take() {
            if let Poll::Ready(finished) = finishing.as_mut().poll(&mut cx) {
                return finished;
            }
            let world = world.borrow();
            assert!(!world.late || woken.is_set(), "the deadline was missed");
            assert!(woken.is_set() || world.stalls.contains(&true), "it waits for nothing");
            continue;
        }
        let world = &mut *world.borrow_mut();
        match world.choices.pick(16) {
            2 | 3 => woken.set(),
            15 => pass(world),
            _ if [READ, WRITE].iter().all(|half| !world.stalls[*half] || world.dead[*half]) => pass(world),
            _ => {
                world.release(READ);
                world.release(WRITE);
            }
        }
    }
    panic!("it was never woken");
}

/// The time is over.
fn pass(world: &mut World) {
    world.late = true;
    world.wakers[CLOCK].take().into_iter().for_each(Waker::wake);
}

/// What the rules make of the parts of a Close: whether they may be, and the parts of the answer.
fn judged(parts: &Parts) -> Option<Parts> {
    let payload = match parts {
        None => Vec::new(),
        Some((code, reason)) => [&code.to_be_bytes(), reason.as_bytes()].concat(),
    };
    let good = matches!(judge(&payload), Verdict::Empty | Verdict::Accepted(..));
    good.then(|| parts.as_ref().map(|(code, _)| (*code, String::new())))
}

fn judge_ending(finished: &Finished<Broken>, world: &World, local: Role) {
    let ending = &finished.ending;
    let (before, ended_before) = world.first_write.unwrap_or((world.read.len(), world.ended));
    let close = world.read.iter().position(|item| matches!(item, Ok(Message::Close(_))));
    let theirs = close.map(|at| {
        let Ok(Message::Close(parts)) = &world.read[at] else { unreachable!() };
        (at, parts)
    });
    let first = theirs.filter(|(at, _)| *at < world.at_send.unwrap_or(world.read.len()));
    let answer = theirs.and_then(|(_, parts)| judged(parts));

    // At most one Close, and the right one.
    let hung_up = ended_before && !world.read[..before].iter().any(Result::is_err);
    let expected = match first {
        Some(_) if world.answers => None,
        Some((_, parts)) => Some(judged(parts).unwrap_or(Some((1002, String::new())))),
        None if hung_up => None,
        None => Some(Some((1001, GOODBYE.reason().to_owned()))),
    };
    for message in &world.sent {
        assert_eq!(Some(message), expected.clone().map(Message::Close).as_ref(), "{ending}");
    }
    assert!(world.sent.len() <= 1, "{:?}", world.sent);

    // Clean is what both have said, and what was flushed.
    let answered_itself = world.answers && first.is_some_and(|(at, _)| world.answered > at);
    let written = answered_itself || world.flushed == 1;
    let event = ending.event();
    let told = (event.code(), event.reason(), event.was_clean());
    let expected = match (theirs, &answer) {
        (Some((_, None)), Some(_)) => (1005, "", written),
        (Some((_, Some((code, reason)))), Some(_)) => (*code, &**reason, written),
        _ => (1006, "", false),
    };
    assert_eq!(told, expected, "{ending}");
    assert_eq!(ending.closing().is_written(), written, "{ending}");
    let line = ending.to_string();
    assert!(!line.chars().any(char::is_control) && line.starts_with(&event.code().to_string()), "{line}");
    assert_eq!(ending.closing().local(), local);

    match ending.transport_end() {
        TransportEnd::NotKnown => {}
        TransportEnd::Cut { awaited, after, discarded: None } => {
            assert!(world.late && after == WITHIN, "{ending}");
            let awaits = if !written {
                Awaited::Write
            } else if ending.closing().is_receiving() {
                Awaited::Close
            } else {
                Awaited::End
            };
            assert_eq!(awaited, awaits, "{ending}");
        }
        other => panic!("{other:?}"),
    }
    let error = world.read.iter().any(Result::is_err) || world.broken;
    assert!(error || finished.error.is_none(), "{ending}");
    assert!(finished.error.is_some() || !world.read.iter().any(Result::is_err), "{ending}");
}

//! `stream::finish` over a stack in memory: one that answers a Close itself, one that does not, and what a sink can do
//! wrong.
#![cfg(feature = "stream")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::slice;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::{FutureExt, Sink, Stream};
use websocket_close::stream::{Finished, Glue, finish};
use websocket_close::{Awaited, CloseCode, CloseFrame, Role, TransportEnd};

const GOODBYE: CloseFrame<'static> = CloseFrame::from_static(1001, "restart");
const WITHIN: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq)]
enum Message {
    Text,
    Close(Option<(u16, String)>),
}

fn theirs() -> Message {
    Message::Close(Some((4001, "bye".to_owned())))
}

/// No endpoint may send 1005.
fn bad() -> Message {
    Message::Close(Some((1005, String::new())))
}

fn glue(answers: bool) -> Glue<Message> {
    Glue {
        close: |frame| Message::Close(frame.code().map(|code| (code.get(), frame.reason().to_owned()))),
        read: |message| match message {
            Message::Close(parts) => Some(parts.as_ref().map(|(code, reason)| (*code, &**reason))),
            Message::Text => None,
        },
        answers,
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Error {
    Read,
    Ready,
    Send,
    Flush,
    /// A stack that answers itself refuses a second Close.
    SecondClose,
}

/// What the stream yields next.
#[derive(Clone, Debug, PartialEq)]
enum Next {
    Item(Result<Message, Error>),
    /// Nothing, this time.
    Later,
}

/// How a method of the sink behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Works,
    Late,
    Never,
    Fails,
    FailsOnce,
}

#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Stack {
    incoming: VecDeque<Next>,
    /// Whether the stream ends behind the last item. If not, the peer is silent.
    ends: bool,
    /// Whether it answers the peer's Close itself, as tungstenite does: with the next flush, and never with a second
    /// Close.
    answers: bool,
    ready: Manner,
    send: Manner,
    flush: Manner,
    closed: bool,
    accepted: Vec<Message>,
    written: Vec<Message>,
    ended: bool,
}

impl Stack {
    fn new(incoming: &[Next], ends: bool, answers: bool) -> Self {
        Self {
            incoming: incoming.iter().cloned().collect(),
            ends,
            answers,
            ready: Manner::Works,
            send: Manner::Works,
            flush: Manner::Works,
            closed: false,
            accepted: Vec::new(),
            written: Vec::new(),
            ended: false,
        }
    }

    /// The program reads a message before it calls `finish`.
    fn read_before(&mut self, message: &Message) {
        if let Message::Close(parts) = message {
            self.hear(parts.as_ref());
        }
    }

    fn hear(&mut self, parts: Option<&(u16, String)>) {
        if self.answers && !self.closed {
            self.closed = true;
            self.accepted.push(Message::Close(parts.cloned()));
        }
    }
}

fn behave(manner: &mut Manner, error: Error) -> Poll<Result<(), Error>> {
    match *manner {
        Manner::Works => Poll::Ready(Ok(())),
        Manner::Late => {
            *manner = Manner::Works;
            Poll::Pending
        }
        Manner::Never => Poll::Pending,
        Manner::Fails => Poll::Ready(Err(error)),
        Manner::FailsOnce => {
            *manner = Manner::Works;
            Poll::Ready(Err(error))
        }
    }
}

impl Stream for Stack {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        assert!(!self.ended, "the stream is polled behind its end");
        match self.incoming.pop_front() {
            None if self.ends => {
                self.ended = true;
                Poll::Ready(None)
            }
            None | Some(Next::Later) => Poll::Pending,
            Some(Next::Item(item)) => {
                match &item {
                    Ok(Message::Close(parts)) => self.hear(parts.as_ref()),
                    Ok(Message::Text) => {}
                    Err(_) => self.ended = true,
                }
                Poll::Ready(Some(item))
            }
        }
    }
}

impl Sink<Message> for Stack {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        behave(&mut self.ready, Error::Ready)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        if self.closed {
            assert!(self.answers, "a second Close");
            return Err(Error::SecondClose);
        }
        if let Poll::Ready(result) = behave(&mut self.send, Error::Send) {
            result?;
        }
        self.closed = true;
        self.accepted.push(message);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let result = behave(&mut self.flush, Error::Flush);
        if let Poll::Ready(Ok(())) = result {
            self.written = self.accepted.clone();
        }
        result
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        unreachable!("finish leaves the end of the transport to its caller")
    }
}

/// Polls `finish` again and again. The deadline passes at the tenth poll.
fn run(stack: &mut Stack, local: Role, seen: Seen) -> Finished<Error> {
    let polls = Cell::new(0);
    let polls = &polls;
    let sleep = |duration| {
        assert_eq!(duration, WITHIN);
        poll_fn(|_| if polls.get() < 10 { Poll::Pending } else { Poll::Ready(()) })
    };
    let glue = glue(stack.answers);
    let mut finishing = pin!(finish(stack, &glue, local, seen, GOODBYE, WITHIN, sleep));
    loop {
        polls.set(polls.get() + 1);
        assert!(polls.get() <= 10, "it goes on behind its deadline");
        if let Poll::Ready(finished) = finishing.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return finished;
        }
    }
}

fn is_close(message: &Message) -> bool {
    matches!(message, Message::Close(_))
}

/// The code of our Close as it was written.
fn written_code(stack: &Stack) -> Option<u16> {
    match stack.written.first() {
        Some(Message::Close(Some((code, _)))) => Some(*code),
        _ => None,
    }
}

const CUT: fn(Awaited) -> TransportEnd = |awaited| TransportEnd::Cut { awaited, after: WITHIN, discarded: None };

/// What the program has read before.
type Seen = Option<Result<Message, Error>>;

/// What is told, with which error, and what was written: code of the event, clean, code that we sent, the end.
type Told = (u16, bool, Option<u16>, TransportEnd, Option<Error>);

fn told(stack: &mut Stack, local: Role, seen: Seen) -> Told {
    let finished = run(stack, local, seen);
    let event = finished.ending.event();
    (event.code(), event.was_clean(), written_code(stack), finished.ending.transport_end(), finished.error)
}

/// The stream, whether it ends, what was read before, what is told.
type Row<'a> = (&'a [Next], bool, Seen, Told);

#[test]
fn each_way_to_end() {
    let item = |message: Message| Next::Item(Ok(message));
    let answer = || item(Message::Close(Some((1001, String::new()))));
    let done = TransportEnd::NotKnown;
    let rows: [Row<'_>; 12] = [
        // Ours is first.
        (&[Next::Later, item(Message::Text), answer()], true, None, (1001, true, Some(1001), done, None)),
        // Theirs is first, or was read before.
        (&[item(theirs())], true, None, (4001, true, Some(4001), done, None)),
        (&[Next::Later], true, Some(Ok(theirs())), (4001, true, Some(4001), done, None)),
        // Both cross.
        (&[Next::Later, item(theirs())], true, None, (4001, true, Some(1001), done, None)),
        // A bad answer.
        (&[Next::Later, item(bad())], true, None, (1006, false, Some(1001), done, None)),
        // A silent peer, and one that does not end its stream behind both Closes.
        (&[], false, None, (1006, false, Some(1001), CUT(Awaited::Close), None)),
        (&[item(theirs())], false, None, (4001, true, Some(4001), CUT(Awaited::End), None)),
        // It hangs up: before anything, and behind our Close.
        (&[], true, None, (1006, false, None, done, None)),
        (&[Next::Later], true, None, (1006, false, Some(1001), done, None)),
        // An error, here or before. The program says with which code the connection fails.
        (&[Next::Item(Err(Error::Read))], true, None, (1006, false, Some(1001), done, Some(Error::Read))),
        (&[], true, Some(Err(Error::Read)), (1006, false, Some(1001), done, Some(Error::Read))),
        // What the program has read is not a Close.
        (&[item(theirs())], true, Some(Ok(Message::Text)), (4001, true, Some(4001), done, None)),
    ];
    for (incoming, ends, seen, expected) in rows {
        for answers in [false, true] {
            for local in [Role::Client, Role::Server] {
                let mut stack = Stack::new(incoming, ends, answers);
                if let Some(Ok(seen)) = &seen {
                    stack.read_before(seen);
                }
                assert_eq!(told(&mut stack, local, seen.clone()), expected, "{incoming:?} {seen:?} {answers}");
                assert!(stack.written.len() <= 1);
            }
        }
    }
}

/// 1005 as a first Close is answered with 1002, if the answer is left to us.
#[test]
fn a_bad_first_close() {
    let mut stack = Stack::new(&[Next::Item(Ok(bad()))], true, false);
    let finished = run(&mut stack, Role::Server, None);
    assert_eq!(finished.ending.closing().fault().unwrap().answer_code(), 1002);
    assert_eq!((finished.ending.event().code(), written_code(&stack)), (1006, Some(1002)));
}

/// An error of the sink, in each call: the stream is still read, and the peer's Close still counts.
#[test]
fn a_sink_that_fails() {
    let closes: [&[Next]; 2] = [&[Next::Item(Ok(theirs()))], &[Next::Later, Next::Item(Ok(theirs()))]];
    for (incoming, first) in closes.into_iter().zip([Role::Client, Role::Server]) {
        for error in [Error::Ready, Error::Send, Error::Flush] {
            let mut stack = Stack::new(incoming, true, false);
            match error {
                Error::Ready => stack.ready = Manner::FailsOnce,
                Error::Send => stack.send = Manner::FailsOnce,
                _ => stack.flush = Manner::FailsOnce,
            }
            let finished = run(&mut stack, Role::Server, None);
            let event = finished.ending.event();
            assert_eq!((event.code(), event.was_clean(), finished.error), (4001, false, Some(error)));
            // A Close that the sink did not take does not count.
            let first = if error == Error::Flush { first } else { Role::Client };
            assert_eq!(finished.ending.closing().closed_first(), Some(first), "{error:?}");
        }
    }
}

/// Reading has failed, and the sink takes nothing more: the transport is gone, and nobody has closed.
#[test]
fn a_lost_transport() {
    for error in [Error::Ready, Error::Send] {
        let mut stack = Stack::new(&[Next::Item(Err(Error::Read))], true, true);
        match error {
            Error::Ready => stack.ready = Manner::Fails,
            _ => stack.send = Manner::Fails,
        }
        let finished = run(&mut stack, Role::Server, None);
        assert!(finished.ending.closing().is_open());
        assert_eq!((finished.ending.transport_end(), finished.error), (TransportEnd::NotKnown, Some(Error::Read)));
    }
    // Writing has failed first. What we meant to say is told.
    let mut stack = Stack { ready: Manner::Fails, ..Stack::new(&[Next::Later], true, true) };
    let finished = run(&mut stack, Role::Server, None);
    let closing = finished.ending.closing();
    assert_eq!((closing.ours(), closing.is_written()), (Some(CloseFrame::from_static(1001, "")), false));
    assert_eq!(finished.error, Some(Error::Ready));
}

/// Our Close cannot be written; the code that we meant is told.
#[test]
fn a_sink_that_is_never_ready() {
    for manner in [Manner::Never, Manner::Fails] {
        let mut stack = Stack { ready: manner, ..Stack::new(&[], false, true) };
        let finished = run(&mut stack, Role::Server, None);
        assert_eq!(finished.ending.transport_end(), CUT(Awaited::Write));
        let closing = finished.ending.closing();
        assert_eq!((closing.ours(), closing.is_written()), (Some(CloseFrame::from_static(1001, "")), false));
    }
}

/// The sink is blocked when the peer closes. A stack that answers itself refuses ours afterwards; its answer counts.
#[test]
fn a_close_that_comes_while_the_sink_is_blocked() {
    for answers in [false, true] {
        let incoming = [Next::Later, Next::Item(Ok(theirs()))];
        let mut stack = Stack { ready: Manner::Late, ..Stack::new(&incoming, true, answers) };
        let finished = run(&mut stack, Role::Server, None);
        assert_eq!(finished.ending.closing().closed_first(), Some(Role::Client));
        assert_eq!((finished.ending.event().was_clean(), written_code(&stack)), (true, Some(4001)));
        assert_eq!(finished.error, None);
    }
}

/// If `Glue::answers` is wrongly false, the event may be unclean, never clean.
#[test]
fn a_stack_that_answers_although_its_glue_says_no() {
    let mut stack = Stack::new(&[Next::Item(Ok(theirs()))], true, true);
    let sleep = |_| std::future::pending::<()>();
    let glue = glue(false);
    let finishing = finish(&mut stack, &glue, Role::Server, None, GOODBYE, WITHIN, sleep);
    let finished = futures_util::FutureExt::now_or_never(finishing).unwrap();
    assert_eq!((finished.ending.event().code(), finished.ending.event().was_clean()), (4001, false));
    assert_eq!(finished.error, Some(Error::SecondClose));
}

/// All short streams with all sinks. Our Close is told as written only if a flush has succeeded behind it, and the
/// event is clean only if the peer's Close has come, too. Without a fault it is the other way round as well.
#[test]
fn clean_is_earned() {
    let alphabet = [
        Next::Later,
        Next::Item(Ok(Message::Text)),
        Next::Item(Ok(theirs())),
        Next::Item(Ok(bad())),
        Next::Item(Err(Error::Read)),
    ];
    let mut streams: Vec<Vec<Next>> = vec![Vec::new()];
    for length in 0..3 {
        let longer: Vec<_> = streams.iter().filter(|stream| stream.len() == length).cloned().collect();
        let longer =
            longer.iter().flat_map(|stream| alphabet.iter().map(|next| [&stream[..], slice::from_ref(next)].concat()));
        streams.extend(longer.collect::<Vec<_>>());
    }
    let seen = [None, Some(Ok(Message::Text)), Some(Ok(theirs())), Some(Ok(bad())), Some(Err(Error::Read))];
    let manners = [Manner::Works, Manner::Late, Manner::Never, Manner::Fails, Manner::FailsOnce];
    let mut clean = 0;
    for incoming in &streams {
        for (ends, answers) in [(false, false), (false, true), (true, false), (true, true)] {
            for seen in &seen {
                for sink in 0..5 * 5 * 3 {
                    let mut stack = Stack::new(incoming, ends, answers);
                    stack.ready = manners[sink % 5];
                    stack.flush = manners[sink / 5 % 5];
                    stack.send = [Manner::Works, Manner::Fails, Manner::FailsOnce][sink / 25];
                    if let Some(Ok(seen)) = seen {
                        stack.read_before(seen);
                    }
                    let start = stack.clone();
                    let finished = run(&mut stack, Role::Server, seen.clone());
                    let (closing, context) = (finished.ending.closing(), (&start, seen, &finished));
                    let wrote = stack.written.iter().any(is_close);
                    assert!(stack.accepted.len() <= 1, "{context:?}");
                    assert!(wrote || !closing.is_written(), "{context:?}");
                    let event = finished.ending.event();
                    assert_eq!(event.was_clean(), closing.is_written() && event.code() == 4001, "{context:?}");
                    if closing.is_written() && !answers {
                        assert_eq!(written_code(&stack), closing.ours().unwrap().code().map(CloseCode::get));
                    }
                    if sink == 0 {
                        assert_eq!(wrote, closing.is_written(), "{context:?}");
                    }
                    clean += u32::from(event.was_clean());
                }
            }
        }
    }
    assert!(clean > 1000, "{clean}");
}

/// A sink that is never ready. The stream yields nothing, then it ends, if it `ends`.
struct Stuck {
    ends: bool,
}

impl Stream for Stuck {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ends { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl Sink<Message> for Stuck {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Pending
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        panic!("it is not ready for {message:?}")
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_sink_that_is_stuck_after_an_error_leaves_a_failed_connection() {
    let too_big = CloseFrame::from_static(1009, "");
    let mut stuck = Stuck { ends: false };
    let glue = glue(false);
    let finishing =
        finish(&mut stuck, &glue, Role::Server, Some(Err(Error::Read)), too_big, WITHIN, |_| std::future::ready(()));
    let ending = finishing.now_or_never().unwrap().ending;
    assert!(ending.closing().is_failed() && ending.closing().close_pending(), "{ending}");
}

#[test]
fn a_stream_that_ends_before_the_sink_is_ready_was_closed_by_nobody() {
    let mut stuck = Stuck { ends: true };
    let glue = glue(false);
    let finishing = finish(&mut stuck, &glue, Role::Server, None, GOODBYE, WITHIN, |_| std::future::pending::<()>());
    let ending = finishing.now_or_never().unwrap().ending;
    assert_eq!((ending.closing().closed_first(), ending.transport_end()), (None, TransportEnd::NotKnown));
}

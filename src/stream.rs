//! `finish` for streams of messages, such as those of tungstenite and axum, without a runtime.
//!
//! Each row knows less than the row above it:
//!
//! | ends by | who closed first, both codes, the reason | the peer's fault | how the transport ended | answers pings |
//! |---|---|---|---|---|
//! | [`ClosingHandshake`], driven by a stack | yes | yes | what the stack tells it | the stack |
//! | `codec::finish`, over a `Framed` or a socket | yes | a bad Close or length | yes | yes, until the peer's Close |
//! | [`finish`] here | what the stack passes on | a bad code, if passed on | only whether it was cut | the stack |
//!
//! What tungstenite 0.30 passes on, and axum 0.8, which is built on it:
//!
//! | the peer | the ending |
//! |---|---|
//! | closes first with a bad code, or with 1014 | 1002 "Protocol violation", clean: tungstenite reports that |
//! | answers our Close with a bad code | 1006, and the fault |
//! | closes with one byte or bad UTF-8; sends a bad frame, bad text, too big a message | 1006, failed by us; an error |
//! | does so after our Close | 1006, no answer, and an error |
//! | hangs up, or resets the connection | 1006, and an error that tells which; nobody closed, or we got no answer |
//! | is silent, floods, or does not read | 1006, cut by us |
//! | does not end the transport behind both Closes | clean. A client waits and cuts it; a server does not wait |
//! | sends pings | they are answered until our Close, not until the peer's |
//!
//! Its server does not flush the transport below when it answers. TLS on a socket that is full may still hold our Close
//! when the event is clean.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use core::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;

use crate::ending::{Awaited, Ending, TransportEnd};
use crate::frame::CloseFrame;
use crate::handshake::ClosingHandshake;
use crate::role::Role;

/// What a message that is a Close says: a code that nobody has judged, and the reason; `None` without a code.
pub type Parts<'a> = Option<(u16, &'a str)>;

/// The two functions that connect [`finish`] to the messages of a stack.
///
/// They are functions because a trait could not be implemented for messages of another crate. See the module
/// [`stream`](self) for an example.
#[derive(Debug)]
pub struct Glue<M> {
    /// Makes the message that sends this Close.
    pub close: fn(CloseFrame<'_>) -> M,
    /// Tells whether a message is a Close, and what it says.
    pub read: fn(&M) -> Option<Parts<'_>>,
    /// Whether the stack answers the peer's Close itself, with the next flush of its sink, as tungstenite and axum do.
    /// [`finish`] then sends no answer. If this is wrongly false, the stack refuses a second answer, and the event is
    /// not clean. If it is wrongly true, nobody answers, and the event may be clean nevertheless.
    ///
    /// If such a stack passes on a first Close with a bad code, the ending says that we failed the connection with
    /// 1002, whatever the stack did.
    pub answers: bool,
}

/// What [`finish`] returns.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished<E> {
    /// How the connection ended. [`Ending::event`] is what the application is told.
    pub ending: Ending,
    /// The first error of the stream or the sink, if there was one. It may tell why no Close came.
    pub error: Option<E>,
}

/// Ends a connection of messages: sends `frame` or the answer that is due, waits for the peer's Close and for the end
/// of the stream, and tells how it ended. It takes no longer than `within`, and discards all messages that it reads.
/// Only a single call of the stack can make it late: one that is flooded with empty fragments reads on as long as the
/// runtime lets it, which is 128 times its read buffer in tokio.
///
/// `seen` is what the program has read last: a Close, or an error. If it has read neither, it is `None`. After an error
/// the connection fails with `frame`, if the sink still takes it. So the peer hears 1009 about a message that is too
/// big. If the stream just ends, nothing is sent.
///
/// `sleep` makes a timer of your runtime, such as `tokio::time::sleep`.
///
/// It cannot know a Close that the program has sent itself, so leave that to this function.
///
/// It is not cancel safe: a second call does not know what the first one read. Dropping the stream is left to you.
///
/// ```
/// use std::{convert::Infallible, time::Duration};
/// use futures_util::{SinkExt, StreamExt, future::pending, sink, stream};
/// use websocket_close::{CloseFrame, OwnedCloseFrame, Role, stream::{Glue, finish}};
///
/// // The messages of your stack.
/// enum Message { Text(String), Close(Option<(u16, String)>) }
///
/// const GLUE: Glue<Message> = Glue {
///     close: |frame| Message::Close(frame.code().map(|code| (code.get(), frame.reason().to_owned()))),
///     read: |message| match message {
///         Message::Close(parts) => Some(parts.as_ref().map(|(code, reason)| (*code, &**reason))),
///         Message::Text(_) => None,
///     },
///     answers: false,
/// };
/// # let received = [Message::Text("hi".into()), Message::Close(Some((1001, "bye".into())))];
/// # let received = stream::iter(received.map(Ok::<_, Infallible>));
/// # let sent = sink::drain();
/// # use std::{pin::Pin, task::{Context, Poll}};
/// # struct Both<A, B>(A, B);
/// # impl<A: futures_util::Stream + Unpin, B: Unpin> futures_util::Stream for Both<A, B> {
/// #     type Item = A::Item;
/// #     fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<A::Item>> {
/// #         self.0.poll_next_unpin(cx)
/// #     }
/// # }
/// # impl<A: Unpin, B: futures_util::Sink<M> + Unpin, M> futures_util::Sink<M> for Both<A, B> {
/// #     type Error = B::Error;
/// #     fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), B::Error>> {
/// #         self.1.poll_ready_unpin(cx)
/// #     }
/// #     fn start_send(mut self: Pin<&mut Self>, item: M) -> Result<(), B::Error> {
/// #         self.1.start_send_unpin(item)
/// #     }
/// #     fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), B::Error>> {
/// #         self.1.poll_flush_unpin(cx)
/// #     }
/// #     fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), B::Error>> { unreachable!() }
/// # }
/// # let mut socket = Both(received, sent);
/// # futures_util::FutureExt::now_or_never(async {
/// let goodbye = CloseFrame::from_static(1001, "restart");
/// let sleep = |_| pending::<()>(); // `tokio::time::sleep`
/// let finished = finish(&mut socket, &GLUE, Role::Server, None, goodbye, Duration::from_secs(10), sleep).await;
/// assert_eq!(finished.ending.event().to_string(), r#"1001 (going away) "bye", clean"#);
/// # }).unwrap();
/// ```
pub async fn finish<S, M, E, F>(
    stream: &mut S,
    glue: &Glue<M>,
    local: Role,
    seen: Option<Result<M, E>>,
    frame: CloseFrame<'_>,
    within: Duration,
    sleep: impl FnOnce(Duration) -> F,
) -> Finished<E>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    F: Future,
{
    let closing = ClosingHandshake::new(local);
    let mut driver = Driver { stream, glue, closing, reading: Reading::Open, unsent: None, lost: false, error: None };
    if let Some(seen) = seen {
        driver.receive(seen);
    }
    let mut timer = pin!(sleep(within));
    let cut = poll_fn(|cx| {
        // The timer has its turn first: after a flood, a task may have no budget left to look at it.
        let late = timer.as_mut().poll(cx).is_ready();
        match driver.poll(frame, cx) {
            Poll::Pending if late => Poll::Ready(true),
            done => done.map(|()| false),
        }
    })
    .await;
    if cut || driver.lost {
        // If our Close did not even reach the sink, it is told as one that is not written.
        driver.choose(frame);
    }
    let closing = driver.closing;
    let awaited = match (closing.is_written(), closing.is_receiving()) {
        (false, _) => Awaited::Write,
        (true, true) => Awaited::Close,
        (true, false) => Awaited::End,
    };
    let end = if cut { TransportEnd::Cut { awaited, after: within, discarded: None } } else { TransportEnd::NotKnown };
    Finished { ending: closing.into_ending(end), error: driver.error }
}

/// After so many messages, other tasks and the timer get a turn.
const MESSAGES_AT_ONCE: usize = 32;

struct Driver<'a, S, M, E> {
    stream: &'a mut S,
    glue: &'a Glue<M>,
    closing: ClosingHandshake,
    reading: Reading,
    /// The Close that the sink has not taken yet.
    unsent: Option<M>,
    /// Our Close cannot be written any more.
    lost: bool,
    error: Option<E>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Open,
    /// The stream has ended.
    Ended,
    /// The stream has ended with an error.
    Failed,
}

impl<S, M, E> Driver<'_, S, M, E>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    /// Ready when the stream has ended and our Close is written, or cannot be.
    fn poll(&mut self, frame: CloseFrame<'_>, cx: &mut Context<'_>) -> Poll<()> {
        // Answer a Close that has come already; do not cross it.
        let read = self.poll_read(cx);
        if self.closing.is_open() {
            let unsent = self.unsent.take().unwrap_or_else(|| (self.glue.close)(frame));
            // Once the stream has ended in order, nobody is left to hear a Close.
            self.unsent = Some(unsent).filter(|_| self.reading != Reading::Ended);
        }
        let written = self.poll_write(frame, cx);
        ready!(read);
        written
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..MESSAGES_AT_ONCE {
            if self.reading != Reading::Open {
                return Poll::Ready(());
            }
            match ready!(Pin::new(&mut *self.stream).poll_next(cx)) {
                Some(item) => self.receive(item),
                None => self.reading = Reading::Ended,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn receive(&mut self, item: Result<M, E>) {
        let message = match item {
            Ok(message) => message,
            Err(error) => {
                self.error.get_or_insert(error);
                self.reading = Reading::Failed;
                return;
            }
        };
        let Some(parts) = (self.glue.read)(&message) else { return };
        let frame = parts.map_or(Ok(CloseFrame::EMPTY), |(code, reason)| CloseFrame::from_parts(code, reason));
        if let Some(answer) = self.closing.receive_or_reject(frame) {
            self.unsent = (!self.glue.answers).then(|| (self.glue.close)(answer));
        }
    }

    fn poll_write(&mut self, frame: CloseFrame<'_>, cx: &mut Context<'_>) -> Poll<()> {
        if self.lost || (self.unsent.is_none() && !self.closing.close_pending()) {
            return Poll::Ready(());
        }
        match ready!(self.poll_send(frame, cx)) {
            Ok(()) => self.closing.mark_written(),
            // The transport is gone, and so nobody has failed the connection.
            Err(_) if self.closing.is_open() && self.reading == Reading::Failed => self.reading = Reading::Ended,
            Err(error) => {
                self.error.get_or_insert(error);
                self.lost = true;
            }
        }
        Poll::Ready(())
    }

    fn poll_send(&mut self, frame: CloseFrame<'_>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        if self.unsent.is_some() {
            ready!(Pin::new(&mut *self.stream).poll_ready(cx))?;
            self.unsent.take().map_or(Ok(()), |message| Pin::new(&mut *self.stream).start_send(message))?;
            // Nothing is chosen before the sink takes it: the peer's Close may be faster.
            self.choose(frame);
        }
        Pin::new(&mut *self.stream).poll_flush(cx)
    }

    /// Starts the handshake, or fails the connection after an error, unless a Close is chosen.
    fn choose(&mut self, frame: CloseFrame<'_>) {
        let _chosen = match self.reading {
            Reading::Failed => self.closing.fail(frame),
            Reading::Open | Reading::Ended => self.closing.start(frame),
        };
    }
}

//! `finish` for streams of messages, such as those of tungstenite and axum, without a runtime.
//!
//! Every level knows less than the one below it:
//!
//! | ends by | who closed first, both codes, the reason | the peer's fault | how the transport ended | answers pings |
//! |---|---|---|---|---|
//! | [`ClosingHandshake`], driven by a stack | yes | yes | yes, from the stack | the stack |
//! | `codec::finish`, over a `Framed` or a bare transport | yes | yes | yes | yes |
//! | [`finish`] here | as far as the stack passes them on | a bad code that the stack lets through | no | the stack |

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

/// What a message that is a Close says: a code that nobody has judged, and the reason; `None` for a Close without a code.
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
}

impl<M> Clone for Glue<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Glue<M> {}

/// What [`finish`] returns.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished<E> {
    /// How the connection ended. [`Ending::event`] is what the application is told.
    pub ending: Ending,
    /// The first error of the stream or the sink, if there was one. It may tell why no Close came.
    pub error: Option<E>,
}

/// Ends a connection of messages: sends `frame` or the answer that is due, waits for the peer's Close and for the end of
/// the stream, and tells how it ended. It takes no longer than `within`, and discards all messages that it reads.
///
/// `seen` is the Close that the program has already read, if any. `sleep` makes a timer of your runtime, such as
/// `tokio::time::sleep`. If the stack answers a Close itself, as tungstenite does, its answer is the one that counts.
///
/// It is not cancel safe: a second call does not know what the first one read.
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
/// };
/// # let received = [Message::Text("hi".into()), Message::Close(Some((1001, "bye".into())))];
/// # let received = stream::iter(received.map(Ok::<_, Infallible>));
/// # let sent = sink::drain();
/// # struct Both<A, B>(A, B);
/// # impl<A: futures_util::Stream + Unpin, B: Unpin> futures_util::Stream for Both<A, B> {
/// #     type Item = A::Item;
/// #     fn poll_next(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<A::Item>> {
/// #         self.0.poll_next_unpin(cx)
/// #     }
/// # }
/// # impl<A: Unpin, B: futures_util::Sink<M> + Unpin, M> futures_util::Sink<M> for Both<A, B> {
/// #     type Error = B::Error;
/// #     fn poll_ready(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), B::Error>> {
/// #         self.1.poll_ready_unpin(cx)
/// #     }
/// #     fn start_send(mut self: std::pin::Pin<&mut Self>, item: M) -> Result<(), B::Error> { self.1.start_send_unpin(item) }
/// #     fn poll_flush(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), B::Error>> {
/// #         self.1.poll_flush_unpin(cx)
/// #     }
/// #     fn poll_close(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), B::Error>> { unreachable!() }
/// # }
/// # let mut socket = Both(received, sent);
/// # futures_util::FutureExt::now_or_never(async {
/// let goodbye = CloseFrame::from_static(1001, "restart");
/// let sleep = |_| pending::<()>(); // `tokio::time::sleep`
/// let finished = finish(&mut socket, GLUE, Role::Server, None, goodbye, Duration::from_secs(10), sleep).await;
/// assert_eq!(finished.ending.event().to_string(), r#"1001 (going away) "bye", clean"#);
/// # }).unwrap();
/// ```
pub async fn finish<S, M, E, F>(
    stream: &mut S,
    glue: Glue<M>,
    local: Role,
    seen: Option<M>,
    frame: CloseFrame<'_>,
    within: Duration,
    sleep: impl FnOnce(Duration) -> F,
) -> Finished<E>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    F: Future,
{
    let closing = ClosingHandshake::new(local);
    let mut driver = Driver { stream, glue, closing, unsent: None, lost: false, ended: false, error: None };
    if let Some(message) = seen {
        driver.receive(&message);
    }
    let mut timer = pin!(sleep(within));
    let cut = poll_fn(|cx| match driver.poll(frame, cx) {
        Poll::Ready(()) => Poll::Ready(false),
        Poll::Pending => timer.as_mut().poll(cx).map(|_| true),
    })
    .await;
    let closing = driver.closing;
    let end = if cut {
        let awaited = match (closing.is_written(), closing.is_receiving()) {
            (false, _) => Awaited::Write,
            (true, true) => Awaited::Close,
            (true, false) => Awaited::End,
        };
        TransportEnd::Cut { awaited, after: within, discarded: None }
    } else {
        TransportEnd::NotKnown
    };
    Finished { ending: closing.into_ending(end), error: driver.error }
}

/// How many messages are read before other tasks, and the timer, have their turn.
const MESSAGES_AT_ONCE: usize = 32;

struct Driver<'a, S, M, E> {
    stream: &'a mut S,
    glue: Glue<M>,
    closing: ClosingHandshake,
    /// The Close that the sink has not taken yet.
    unsent: Option<M>,
    /// Our Close cannot be written any more.
    lost: bool,
    /// The stream has ended.
    ended: bool,
    error: Option<E>,
}

impl<S, M, E> Driver<'_, S, M, E>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    /// Ready when the stream has ended and our Close is written, or cannot be.
    fn poll(&mut self, frame: CloseFrame<'_>, cx: &mut Context<'_>) -> Poll<()> {
        // Answer a Close that has come already; do not cross it.
        let read = self.poll_read(cx);
        // Nobody is left to hear a Close once the stream has ended without one.
        if !self.ended {
            if let Some(frame) = self.closing.start(frame) {
                self.unsent = Some((self.glue.close)(frame));
            }
        }
        let written = self.poll_write(cx);
        ready!(read);
        written
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..MESSAGES_AT_ONCE {
            if self.ended {
                return Poll::Ready(());
            }
            match ready!(Pin::new(&mut *self.stream).poll_next(cx)) {
                Some(Ok(message)) => self.receive(&message),
                Some(Err(error)) => {
                    self.error.get_or_insert(error);
                    self.ended = true;
                }
                None => self.ended = true,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn receive(&mut self, message: &M) {
        let Some(parts) = (self.glue.read)(message) else { return };
        let frame = parts.map_or(Ok(CloseFrame::EMPTY), |(code, reason)| CloseFrame::from_parts(code, reason));
        let answer = self.closing.receive_or_reject(frame);
        if let Some(answer) = answer {
            self.unsent = Some((self.glue.close)(answer));
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.lost || !self.closing.close_pending() {
            return Poll::Ready(());
        }
        let mut sink = Pin::new(&mut *self.stream);
        if self.unsent.is_some() {
            let ready = ready!(sink.as_mut().poll_ready(cx));
            let sent =
                ready.and_then(|()| self.unsent.take().map_or(Ok(()), |message| sink.as_mut().start_send(message)));
            // A stack that answers itself refuses our answer; the flush then writes its own.
            if let (Err(error), true) = (sent, self.closing.closed_first() == Some(self.closing.local())) {
                self.error.get_or_insert(error);
                self.lost = true;
                return Poll::Ready(());
            }
            self.unsent = None;
        }
        match ready!(sink.poll_flush(cx)) {
            Ok(()) => self.closing.mark_written(),
            Err(error) => {
                self.error.get_or_insert(error);
                self.lost = true;
            }
        }
        Poll::Ready(())
    }
}

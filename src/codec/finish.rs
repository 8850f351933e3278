//! `finish`: ends a connection in bounded time, over a `Framed` or over a bare transport, and tells how it ended.

use core::future::{Future, poll_fn};
use core::mem::{self, MaybeUninit};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use bytes::{Buf, BytesMut};
use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};
use tokio_util::codec::{Decoder, Framed, FramedParts};

use super::{Buffer, CloseCodec, Discard, Error, Frames, Message, OurClose, Reading, Skipping, State, Stop};
use crate::ending::{Awaited, Ending, Loss, TransportEnd};
use crate::frame::CloseFrame;
use crate::handshake::TransportAction;
use crate::mask;
use crate::role::Role;
use crate::wire::{self, Scanner};

/// How long [`finish()`] waits.
///
/// ```
/// use std::time::Duration;
/// use websocket_close::codec::Timeouts;
///
/// let patient = Timeouts::DEFAULT.close(Duration::from_secs(60));
/// # let _ = patient;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    close: Duration,
    end: Duration,
}

impl Timeouts {
    /// 10 seconds for the Closes, like Python's websockets, and 2 seconds for the end, like Chromium. No standard names
    /// a time. Others wait 1 to 60 seconds for the Close.
    pub const DEFAULT: Self = Self { close: Duration::from_secs(10), end: Duration::from_secs(2) };

    /// With so much time for the Closes: from the first call of [`finish()`] until ours is written and the peer's has
    /// come.
    #[must_use]
    pub const fn close(self, close: Duration) -> Self {
        Self { close, ..self }
    }

    /// With so much time for the end of the transport: from the Closes on.
    #[must_use]
    pub const fn end(self, end: Duration) -> Self {
        Self { end, ..self }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What [`finish()`] returns.
///
/// ```
/// use websocket_close::codec::Finished;
///
/// fn log(Finished { ending, io_error, .. }: Finished) {
///     match io_error {
///         Some(error) => eprintln!("{ending} ({error})"),
///         None => eprintln!("{ending}"),
///     }
/// }
/// # let _ = log;
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished {
    /// How the connection ended. [`Ending::event`] is what the application is told.
    pub ending: Ending,
    /// The first error of reading or writing in this call, if there was one. Even a clean ending can have one: the
    /// transport may break after both Closes.
    pub io_error: Option<io::Error>,
}

/// Ends a connection: sends `frame` or the answer that is due, waits for the peer's Close and for the end of the
/// transport, and tells how it ended. It never waits longer than `timeouts` allow, not even for a peer that is silent,
/// floods, or does not read.
///
/// It sends `frame` unless a Close was sent or received before, or the connection has failed. After an error of the
/// inner codec it fails the connection with `frame`. What is in the write buffer goes first. If the inner codec has
/// left half a frame there, no Close can follow it. If the peer has already hung up without a Close, nothing is sent.
///
/// **What is lost:** everything that the peer has sent and `framed` has not yielded. It is read and discarded, so that
/// it cannot reset the transport and destroy our Close on its way. If you want it, send a [`Message::Close`], read
/// until the peer's, and call this then. Faults in frames that are stepped over are not noticed.
///
/// **Pings** are answered until the peer's Close
/// ([RFC 6455, 5.5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2)): the latest one that the inner codec has
/// not begun to read, after what is already queued.
///
/// **A reset is told once.** If your own write meets it, TCP then reads as if it had ended in order, and the ending
/// says that. Keep the error of that write, and tell it with [`into_ending`](crate::ClosingHandshake::into_ending) and
/// [`Loss::Reset`]. If the `Framed` has read the end of the transport, nothing more is read.
///
/// The server ends the transport first. While the handshake can still be completed neither side shuts down its writing
/// ([RFC 6455, 7.1.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1)). Dropping the transport is left to you.
///
/// **Cancel safe.** Deadlines count from the first call, the rest is in `framed`, and another call goes on from there
/// (but does not return an I/O error that an earlier one met). From the first call on, `framed` itself yields only the
/// peer's Close. It needs a tokio runtime whose timer is enabled.
///
/// ```
/// use tokio_util::codec::Framed;
/// use websocket_close::{CloseFrame, codec::{CloseCodec, Timeouts, finish}};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let (ours, theirs) = tokio::io::duplex(1024);
/// let mut server = Framed::new(ours, CloseCodec::server());
/// let mut client = Framed::new(theirs, CloseCodec::client(|| [0x12, 0x34, 0x56, 0x78]));
///
/// let (server, client) = tokio::join!(
///     finish(&mut server, CloseFrame::from_static(1001, "restart"), Timeouts::DEFAULT),
///     finish(&mut client, CloseFrame::from_static(1000, "done"), Timeouts::DEFAULT),
/// );
/// // The server was first, and the client answered.
/// assert_eq!(server.ending.event().to_string(), "1001 (going away), clean");
/// assert_eq!(client.ending.event().to_string(), r#"1001 (going away) "restart", clean"#);
/// # }
/// ```
pub fn finish<T, C>(
    framed: &mut Framed<T, CloseCodec<C>>,
    frame: CloseFrame<'_>,
    timeouts: Timeouts,
) -> impl Future<Output = Finished>
where
    T: AsyncRead + AsyncWrite + Unpin,
    C: Decoder,
{
    drive(framed, frame, timeouts)
}

/// A transport without a `Framed`, for programs that have only a socket, or a parser of their own.
///
/// It holds what [`finish`](Self::finish) needs between two calls, so that a call can be cancelled.
///
/// ```
/// use websocket_close::{CloseFrame, codec::{Bare, CloseCodec, Timeouts}};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let (socket, mut peer) = tokio::io::duplex(64);
/// # tokio::io::AsyncWriteExt::write_all(&mut peer, b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
/// let mut bare = Bare::new(socket, CloseCodec::server());
/// let finished = bare.finish(CloseFrame::from_static(1001, "restart"), Timeouts::DEFAULT).await;
/// assert_eq!(finished.ending.event().to_string(), "1000 (normal closure), clean");
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Bare<T, C = Discard> {
    /// The transport.
    pub io: T,
    /// The codec, with the closing handshake.
    pub codec: CloseCodec<C>,
    /// What you have read and not used. [`finish`](Self::finish) looks at it before it reads.
    pub read_buffer: BytesMut,
    /// What you have queued and not written: whole frames. [`finish`](Self::finish) writes it before our Close.
    pub write_buffer: BytesMut,
}

impl<T, C> Bare<T, C> {
    /// A transport on which the next byte to read begins a frame, and the next byte to write too.
    pub fn new(io: T, codec: CloseCodec<C>) -> Self {
        Self { io, codec, read_buffer: BytesMut::new(), write_buffer: BytesMut::new() }
    }

    /// The same where your parser has stopped inside a frame: so many bytes of it come before the next frame.
    #[must_use]
    pub fn inside_frame(mut self, left: u64) -> Self {
        if let Reading::Frames(frames) = &mut self.codec.state.reading {
            frames.scanner = Scanner::inside(left);
        }
        self
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, C> Bare<T, C> {
    /// The same as [`finish()`] for a `Framed`, in every point.
    pub fn finish(&mut self, frame: CloseFrame<'_>, timeouts: Timeouts) -> impl Future<Output = Finished> {
        drive(self, frame, timeouts)
    }
}

/// Keeps both buffers, and with them a Close that is queued but not flushed.
impl<T, C> From<FramedParts<T, CloseCodec<C>>> for Bare<T, C> {
    fn from(parts: FramedParts<T, CloseCodec<C>>) -> Self {
        Self { io: parts.io, codec: parts.codec, read_buffer: parts.read_buf, write_buffer: parts.write_buf }
    }
}

/// How far `finish` is. It lives in the codec, so that a cancelled call loses nothing.
#[derive(Debug, Default)]
pub(super) struct Finishing {
    /// Whether the wait for the Closes is over.
    closed: bool,
    /// When the current wait began. Its deadline counts from there.
    since: Option<Instant>,
    /// The next `decode` returns a message, so that the `Framed` looks into its buffer again.
    priming: bool,
    /// How many bytes were discarded since the first call began.
    discarded: u64,
    /// How many bytes were in the read buffer then, and not discarded.
    before: u64,
    read: Option<ReadEnd>,
    write: WriteSide,
    /// The `Framed` has told the program an error, and nothing was read since. A TCP socket tells a reset only once.
    /// Then it reads as if it had ended.
    told_an_error: bool,
}

/// How reading ended.
#[derive(Clone, Copy, Debug)]
enum ReadEnd {
    InOrder,
    InsideFrame,
    WithoutCloseNotify,
    Lost(Loss),
    NotKnown,
}

/// What may be done with the transport's write side.
#[derive(Clone, Copy, Debug, Default)]
enum WriteSide {
    #[default]
    Open,
    ShutDown,
    Lost(Loss),
}

impl From<io::ErrorKind> for Loss {
    fn from(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::ConnectionReset => Self::Reset,
            io::ErrorKind::ConnectionAborted => Self::Aborted,
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Other,
        }
    }
}

impl State {
    /// Takes reading over from the inner codec.
    fn begin_finish(&mut self, src: &mut BytesMut) {
        let is_first = self.finishing.is_none();
        self.finishing.get_or_insert_default();
        let stop = match &mut self.reading {
            Reading::Frames(frames) => {
                self.reading = Reading::Skipping(frames.hand_over(src));
                None
            }
            Reading::Draining { behind, stop, .. } => {
                *src = mem::take(behind);
                Some(*stop)
            }
            Reading::Stopped { stop, .. } => Some(*stop),
            Reading::Skipping(_) | Reading::Closed { .. } | Reading::Ended { .. } | Reading::Failed => None,
        };
        match stop {
            Some(Stop::Close) => self.reading = Reading::Skipping(Skipping::default()),
            Some(Stop::Fault(len)) => _ = self.reject(wire::Error::LengthTooLarge(len)),
            None => {}
        }
        // The handshake keeps a fault.
        let _ = self.skip(src);
        if let Some(finishing) = self.finishing.as_mut().filter(|_| is_first) {
            (finishing.discarded, finishing.before) = (0, src.len() as u64);
        }
    }

    /// Discards everything in `src` up to the peer's Close. Keeps the latest ping, and a ping or a Close that is not
    /// whole.
    pub(super) fn skip(&mut self, src: &mut BytesMut) -> Result<(), wire::Error> {
        while let Reading::Skipping(skipping) = &mut self.reading {
            let before = src.len();
            src.advance(skipping.pass(src, false));
            if let Err(error) = skipping.scanner.fault() {
                self.count(before);
                src.clear();
                return Err(self.reject(error));
            }
            let go_on = match src.first() {
                None => false,
                Some(first) if wire::is_close(*first) => {
                    self.count(before - src.len());
                    let Some(taken) = self.take_close(src) else { return Ok(()) };
                    src.clear();
                    return taken;
                }
                Some(_) => match ping(self.closing.local(), src) {
                    Ping::Partial => false,
                    Ping::Whole(payload) => {
                        skipping.ping = Some(payload);
                        true
                    }
                    Ping::Wrong => {
                        // Not for us to judge.
                        src.advance(skipping.pass(src, true));
                        true
                    }
                },
            };
            self.count(before - src.len());
            if !go_on {
                break;
            }
        }
        Ok(())
    }

    /// The same for `bytes` that follow those in `src`. They are copied only from a ping, or from a Close that is not
    /// whole.
    fn feed(&mut self, bytes: &mut [u8], src: &mut BytesMut) {
        let passed = match &mut self.reading {
            Reading::Skipping(skipping) if src.is_empty() => skipping.pass(bytes, false),
            Reading::Skipping(_) => 0,
            _ => bytes.len(),
        };
        self.count(passed);
        let rest = bytes.get_mut(passed..).unwrap_or_default();
        if src.is_empty() && rest.first().is_some_and(|first| wire::is_close(*first)) && self.take_close(rest).is_some()
        {
            return;
        }
        src.extend_from_slice(rest);
        // The handshake keeps a fault.
        let _ = self.skip(src);
    }

    pub(super) fn count(&mut self, discarded: usize) {
        if let Some(finishing) = &mut self.finishing {
            finishing.discarded += discarded as u64;
        }
    }

    fn awaits_close(&self) -> bool {
        matches!(self.reading, Reading::Skipping(_))
    }

    /// Whether `finish` has seen the end of the transport.
    pub(super) fn saw_end(&self) -> bool {
        self.finishing.as_ref().is_some_and(|finishing| finishing.read.is_some())
    }

    /// A message without a meaning. Only `poll_prime` sees it.
    pub(super) fn prime<T>(&mut self) -> Option<Message<T>> {
        let finishing = self.finishing.as_mut()?;
        mem::take(&mut finishing.priming).then(|| CloseFrame::EMPTY.into())
    }

    /// Answers the latest ping, if `dst` is empty: everything before is written, and so there is one pong at most.
    fn queue_pong(&mut self, dst: &mut BytesMut) {
        let Reading::Skipping(skipping) = &mut self.reading else { return };
        // If the program has thrown our Close away, half of it may be out.
        let thrown_away = matches!(self.our_close, OurClose::Queued(_)) && self.our_close.find_in(dst).is_none();
        if !dst.is_empty() || !self.written.at_boundary() || thrown_away {
            return;
        }
        let Some(payload) = skipping.ping.take() else { return };
        wire::put_pong(&payload, self.next_key(), dst);
        if let OurClose::Queued(queued) = &mut self.our_close {
            *queued = Some(Buffer::of(dst, dst.len()));
        }
    }

    /// Whether our Close has left this `buffer`, and a flush has not shown yet that it is written.
    fn may_be_written(&self, buffer: &BytesMut) -> bool {
        self.closing.close_pending() && self.our_close.has_left(buffer)
    }

    /// The transport has accepted everything up to the start of the `buffer`.
    fn flushed(&mut self, buffer: &BytesMut) {
        if self.our_close.has_left(buffer) {
            self.closing.mark_written();
        }
    }
}

impl Frames {
    /// Drops what belongs to the inner codec: everything but a ping that it has not begun to read.
    fn hand_over(&mut self, src: &mut BytesMut) -> Skipping {
        // The program has thrown the buffer away.
        if src.len() < self.scanned {
            src.clear();
            return Skipping { scanner: mem::take(&mut self.scanner), ping: None };
        }
        let front = self.total - self.scanned as u64;
        let ping = self.pings.iter().flatten().find_map(|place| (place.get() - 1).checked_sub(front));
        if let Some(ping) = ping.and_then(|ping| usize::try_from(ping).ok()) {
            src.advance(ping);
            return Skipping::default();
        }
        src.advance(self.scanned);
        Skipping { scanner: mem::take(&mut self.scanner), ping: None }
    }
}

impl Skipping {
    /// How many of the `bytes` come before the next Close or ping. `over` steps over the one that they begin with.
    fn pass(&mut self, bytes: &[u8], mut over: bool) -> usize {
        self.scanner
            .skip_until(bytes, |first, _| !mem::take(&mut over) && (wire::is_close(first) || wire::is_ping(first)))
    }
}

/// What a frame with the opcode of a ping turns out to be.
enum Ping {
    /// More bytes are needed.
    Partial,
    /// A ping with this payload, unmasked. It is taken out of the buffer.
    Whole(BytesMut),
    /// No endpoint may send it.
    Wrong,
}

fn ping(local: Role, src: &mut BytesMut) -> Ping {
    let (mask, header_len) = if local == Role::Server { (0x80, 6) } else { (0, 2) };
    // FIN, no RSV bits, the right mask bit, and a length in its shortest form (5.2, 5.5).
    let payload_len = match src.get(..) {
        Some([0x89]) => return Ping::Partial,
        Some([0x89, second, ..]) if second ^ mask <= 125 => usize::from(second ^ mask),
        _ => return Ping::Wrong,
    };
    if src.len() < header_len + payload_len {
        return Ping::Partial;
    }
    let header = src.split_to(header_len);
    let mut payload = src.split_to(payload_len);
    // A header of two bytes has no key.
    if let Some(key) = header.last_chunk() {
        mask::unmask(*key, &mut payload);
    }
    Ping::Whole(payload)
}

/// What `finish` ends: the state, the buffers and the transport.
trait Surface {
    type Io: AsyncRead + AsyncWrite + Unpin;

    fn io(&mut self) -> Pin<&mut Self::Io>;
    fn state(&mut self) -> &mut State;
    fn read_buffer(&mut self) -> &mut BytesMut;
    fn write_buffer(&mut self) -> &mut BytesMut;

    /// The first read, if it must go through the decoder of a `Framed`. `None` if an ordinary read will do.
    fn poll_prime(&mut self, cx: &mut Context<'_>) -> Option<Poll<ReadResult>>;
}

/// `None` at the end of the transport.
type ReadResult = Option<io::Result<()>>;

impl<T: AsyncRead + AsyncWrite + Unpin, C> Surface for Bare<T, C> {
    type Io = T;

    fn io(&mut self) -> Pin<&mut T> {
        Pin::new(&mut self.io)
    }

    fn state(&mut self) -> &mut State {
        &mut self.codec.state
    }

    fn read_buffer(&mut self) -> &mut BytesMut {
        &mut self.read_buffer
    }

    fn write_buffer(&mut self) -> &mut BytesMut {
        &mut self.write_buffer
    }

    fn poll_prime(&mut self, _: &mut Context<'_>) -> Option<Poll<ReadResult>> {
        None
    }
}

impl<T, C> Surface for Framed<T, CloseCodec<C>>
where
    T: AsyncRead + AsyncWrite + Unpin,
    C: Decoder,
{
    type Io = T;

    fn io(&mut self) -> Pin<&mut T> {
        Pin::new(self.get_mut())
    }

    fn state(&mut self) -> &mut State {
        &mut self.codec_mut().state
    }

    fn read_buffer(&mut self) -> &mut BytesMut {
        self.read_buffer_mut()
    }

    fn write_buffer(&mut self) -> &mut BytesMut {
        self.write_buffer_mut()
    }

    /// A `Framed` decodes only after it has read something itself, or after a message. After this message it looks into
    /// its buffer first. So it will yield a Close that a cancelled `finish` has received.
    fn poll_prime(&mut self, cx: &mut Context<'_>) -> Option<Poll<ReadResult>> {
        let mut poll_next = |framed: &mut Self| {
            framed.state().finishing.get_or_insert_default().priming = true;
            let message = Pin::new(&mut *framed).poll_next(cx);
            let state = framed.state();
            let finishing = state.finishing.get_or_insert_default();
            finishing.priming = false;
            // `None` comes once, after an error that the program has been told. That holds until something is read.
            let nothing_read = message.is_pending() || state.saw_eof;
            finishing.told_an_error = matches!(message, Poll::Ready(None)) || finishing.told_an_error && nothing_read;
            message
        };
        let mut message = poll_next(self);
        if let Poll::Ready(None) = message {
            message = poll_next(self);
        }
        match message {
            Poll::Pending => Some(Poll::Pending),
            Poll::Ready(Some(Err(Error::Io(error)))) => Some(Poll::Ready(Some(Err(error)))),
            // The message has no meaning, and the handshake keeps a fault.
            Poll::Ready(Some(_)) => Some(Poll::Ready(Some(Ok(())))),
            // It would not say how the transport ended.
            Poll::Ready(None) => None,
        }
    }
}

/// After so many reads or writes, other tasks and the deadline get a turn.
const CALLS_AT_ONCE: usize = 16;

/// How many bytes a read takes at most.
const CHUNK: usize = 8 * 1024;

struct Driver<'a, S> {
    surface: &'a mut S,
    frame: CloseFrame<'a>,
    timeouts: Timeouts,
    /// Whether the surface has read for the first time.
    primed: bool,
    io_error: Option<io::Error>,
}

/// Each `async fn` around this one would copy the `Finished` once more.
async fn drive<S: Surface>(surface: &mut S, frame: CloseFrame<'_>, timeouts: Timeouts) -> Finished {
    let mut driver = Driver { surface, frame, timeouts, primed: false, io_error: None };
    driver.with_read_buffer(State::begin_finish);
    if let Finishing { since: Some(since), closed, .. } = *driver.finishing() {
        // An earlier call may have waited longer than this one is to wait. The ending tells that.
        let timeout = if closed { &mut driver.timeouts.end } else { &mut driver.timeouts.close };
        *timeout = since.elapsed().max(*timeout);
    }
    let mut timer = pin!(None);
    let cut = poll_fn(|cx| {
        if driver.poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        let Some(deadline) = driver.deadline() else { return Poll::Pending };
        // In a task that has used up its budget no timer fires, so look at the clock too.
        if Instant::now() >= deadline {
            return Poll::Ready(true);
        }
        if timer.as_ref().as_pin_ref().is_none_or(|timer: Pin<&tokio::time::Sleep>| timer.deadline() != deadline) {
            timer.set(Some(sleep_until(deadline)));
        }
        let fired = timer.as_mut().as_pin_mut().is_some_and(|timer| timer.poll(cx).is_ready());
        if fired { Poll::Ready(true) } else { Poll::Pending }
    })
    .await;
    if cut {
        // Even after a deadline, try once to shut down (TLS sends `close_notify` here). Do not wait.
        poll_fn(|cx| {
            let _ = driver.poll_shutdown(cx);
            Poll::Ready(())
        })
        .await;
    }
    driver.into_finished()
}

impl<S: Surface> Driver<'_, S> {
    fn finishing(&mut self) -> &mut Finishing {
        self.surface.state().finishing.get_or_insert_default()
    }

    fn with_read_buffer<R>(&mut self, run: impl FnOnce(&mut State, &mut BytesMut) -> R) -> R {
        let mut buffer = mem::take(self.surface.read_buffer());
        let result = run(self.surface.state(), &mut buffer);
        *self.surface.read_buffer() = buffer;
        result
    }

    /// When the current wait is over; `None` where that lies beyond what the clock can tell.
    fn deadline(&mut self) -> Option<Instant> {
        let Timeouts { close, end } = self.timeouts;
        let finishing = self.finishing();
        let timeout = if finishing.closed { end } else { close };
        finishing.since.get_or_insert_with(Instant::now).checked_add(timeout)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.finishing().closed {
            ready!(self.poll_closes(cx));
            let finishing = self.finishing();
            (finishing.closed, finishing.since) = (true, None);
        }
        self.poll_end(cx)
    }

    /// Ready when our Close is written and the peer's has come, or as much of that as is still possible.
    fn poll_closes(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Answer a Close that has come already; do not cross it.
        let received = self.poll_read_while(cx, State::awaits_close);
        let hung_up = self.finishing().read.is_some();
        let state = self.surface.state();
        if hung_up && state.closing.is_open() && !matches!(state.reading, Reading::Failed) {
            return Poll::Ready(());
        }
        let mut buffer = mem::take(self.surface.write_buffer());
        let state = self.surface.state();
        state.queue_pong(&mut buffer);
        state.queue_close(self.frame, &mut buffer);
        let written = self.poll_write(&mut buffer, cx);
        *self.surface.write_buffer() = buffer;
        if written.is_pending() && received.is_ready() {
            // Two ends that each wait for the other to read would hang.
            let _ = self.poll_read_while(cx, |_| true);
        }
        ready!(received);
        // Both Closes may be done while a pong is stuck.
        if self.surface.state().closing.is_written() { Poll::Ready(()) } else { written }
    }

    /// Ready when the transport has ended on both sides, or as much of that as is still possible.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.surface.state().closing.transport() == TransportAction::AwaitEnd {
            ready!(self.poll_read_while(cx, |_| true));
        }
        let shut_down = self.poll_shutdown(cx);
        let ended = self.poll_read_while(cx, |_| true);
        ready!(shut_down);
        ended
    }

    /// Reads, as long as there is a reason and the transport has not ended.
    fn poll_read_while(&mut self, cx: &mut Context<'_>, reason: impl Fn(&State) -> bool) -> Poll<()> {
        for _ in 0..CALLS_AT_ONCE {
            let state = self.surface.state();
            if state.saw_eof && !state.saw_end() {
                // The `Framed` has read the end. A transport need not tell it twice.
                self.end_reading();
            }
            let state = self.surface.state();
            if state.saw_end() || !reason(state) {
                return Poll::Ready(());
            }
            let primes = self.surface.state().awaits_close() && !self.primed;
            let prime = if primes { self.surface.poll_prime(cx) } else { None };
            let is_prime = prime.is_some();
            match ready!(prime.unwrap_or_else(|| self.poll_read(cx))) {
                Some(Ok(())) => {}
                None => self.end_reading(),
                Some(Err(error)) => self.fail_reading(error),
            }
            self.primed |= is_prime;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<ReadResult> {
        let mut chunk = [const { MaybeUninit::uninit() }; CHUNK];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        if let Err(error) = ready!(self.surface.io().poll_read(cx, &mut chunk)) {
            return Poll::Ready(Some(Err(error)));
        }
        if chunk.filled().is_empty() {
            return Poll::Ready(None);
        }
        self.finishing().told_an_error = false;
        self.with_read_buffer(|state, buffer| state.feed(chunk.filled_mut(), buffer));
        Poll::Ready(Some(Ok(())))
    }

    fn end_reading(&mut self) {
        let empty = self.surface.read_buffer().is_empty();
        let inside = match &self.surface.state().reading {
            Reading::Skipping(skipping) => !empty || !skipping.scanner.at_boundary(),
            Reading::Ended { inside_frame } => *inside_frame,
            _ => false,
        };
        let finishing = self.finishing();
        finishing.read = Some(match finishing.write {
            // A TCP socket whose reset was reported to a write reads as ended afterwards.
            WriteSide::Lost(loss @ (Loss::Reset | Loss::Aborted)) => ReadEnd::Lost(loss),
            _ if finishing.told_an_error => ReadEnd::NotKnown,
            _ if inside => ReadEnd::InsideFrame,
            _ => ReadEnd::InOrder,
        });
    }

    fn fail_reading(&mut self, error: io::Error) {
        self.finishing().read = Some(match error.kind() {
            // TLS says so when TCP ends without `close_notify`; TCP itself never does.
            io::ErrorKind::UnexpectedEof => ReadEnd::WithoutCloseNotify,
            kind => ReadEnd::Lost(kind.into()),
        });
        self.io_error.get_or_insert(error);
    }

    /// Ready when everything in the `buffer` is written and flushed, or writing is over.
    fn poll_write(&mut self, buffer: &mut BytesMut, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..CALLS_AT_ONCE {
            let WriteSide::Open = self.finishing().write else { return Poll::Ready(()) };
            if buffer.is_empty() {
                match ready!(self.surface.io().poll_flush(cx)) {
                    Ok(()) => {
                        let state = self.surface.state();
                        state.flushed(buffer);
                        state.queue_pong(buffer);
                        if buffer.is_empty() {
                            return Poll::Ready(());
                        }
                    }
                    Err(error) => self.fail_writing(error),
                }
            } else {
                match self.surface.io().poll_write(cx, buffer) {
                    // A flush shows whether our Close is written, although something behind it is stuck.
                    Poll::Pending if self.surface.state().may_be_written(buffer) => {
                        match ready!(self.surface.io().poll_flush(cx)) {
                            Ok(()) => self.surface.state().flushed(buffer),
                            Err(error) => self.fail_writing(error),
                        }
                    }
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(0)) => self.fail_writing(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(Ok(count)) => buffer.advance(count),
                    Poll::Ready(Err(error)) => self.fail_writing(error),
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn fail_writing(&mut self, error: io::Error) {
        self.finishing().write = WriteSide::Lost(error.kind().into());
        self.io_error.get_or_insert(error);
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let WriteSide::Open = self.finishing().write {
            match ready!(self.surface.io().poll_shutdown(cx)) {
                // The peer was faster, or an earlier call that was cancelled.
                Err(error) if error.kind() != io::ErrorKind::NotConnected => self.fail_writing(error),
                _ => self.finishing().write = WriteSide::ShutDown,
            }
        }
        Poll::Ready(())
    }

    fn into_finished(self) -> Finished {
        let left = self.surface.read_buffer().len() as u64;
        let Timeouts { close, end } = self.timeouts;
        let state = self.surface.state();
        if let Reading::Closed { told } = &mut state.reading {
            // The ending tells it.
            *told = true;
        }
        let closing = &state.closing;
        let Finishing { closed, discarded, before, read, write, .. } = state.finishing.get_or_insert_default();
        let end = match (read, write) {
            (Some(ReadEnd::InOrder), _) => TransportEnd::InOrder,
            (Some(ReadEnd::InsideFrame), _) => TransportEnd::InsideFrame,
            (Some(ReadEnd::WithoutCloseNotify), _) => TransportEnd::WithoutCloseNotify,
            (Some(ReadEnd::NotKnown), _) => TransportEnd::NotKnown,
            (Some(ReadEnd::Lost(loss)), _) | (None, WriteSide::Lost(loss)) => TransportEnd::Lost(*loss),
            (None, WriteSide::Open | WriteSide::ShutDown) => {
                let (awaited, after) = match (&closed, closing.is_written()) {
                    (true, _) => (Awaited::End, end),
                    (false, true) => (Awaited::Close, close),
                    (false, false) => (Awaited::Write, close),
                };
                TransportEnd::Cut { awaited, after, discarded: Some((*discarded + left).saturating_sub(*before)) }
            }
        };
        let quiet = closing.is_clean() && end == TransportEnd::WithoutCloseNotify;
        let io_error = self.io_error.filter(|error| !quiet || error.kind() != io::ErrorKind::UnexpectedEof);
        Finished { ending: closing.clone().into_ending(end), io_error }
    }
}

//! `CloseCodec` for tokio-util, alone or around another codec, and `finish`, which ends a connection.

mod error;
mod finish;

use core::convert::Infallible;
use core::mem;
use std::boxed::Box;
use std::io;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

pub use self::error::Error;
use self::finish::Finishing;
pub use self::finish::{Bare, Finished, Timeouts, finish};
use crate::frame::{CloseFrame, OwnedCloseFrame};
use crate::handshake::ClosingHandshake;
use crate::role::Role;
use crate::wire::{self, MAX_FRAME_LEN, Peek, Scanner};

/// What goes through a [`CloseCodec`], in both directions: a Close, or an item of the codec inside.
///
/// ```
/// use websocket_close::{CloseFrame, codec::Message};
///
/// let goodbye: Message<String> = CloseFrame::from_static(1001, "").into();
/// # let _ = goodbye;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<T> {
    /// Read: the peer's Close. It is **not answered yet**, and the stream ends here: call [`finish()`].
    ///
    /// Written: the Close to send. If the peer's has been read, or the connection has failed, the Close that goes out
    /// is the one that the handshake has chosen, whatever frame this holds.
    ///
    /// The frame is boxed, because every message would pay for its 132 bytes.
    Close(Box<OwnedCloseFrame>),
    /// An item of the inner codec.
    Other(T),
}

impl<T> From<CloseFrame<'_>> for Message<T> {
    fn from(frame: CloseFrame<'_>) -> Self {
        Self::Close(Box::new(frame.into_owned()))
    }
}

/// The codec inside a [`CloseCodec`] that stands alone. It steps over every frame and can send none.
///
/// ```
/// use websocket_close::codec::{CloseCodec, Discard};
///
/// let alone: CloseCodec<Discard> = CloseCodec::server();
/// # let _ = alone;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Decoder for Discard {
    type Item = Infallible;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Infallible>> {
        src.clear();
        Ok(None)
    }
}

impl Encoder<Infallible> for Discard {
    type Error = io::Error;

    fn encode(&mut self, item: Infallible, _dst: &mut BytesMut) -> io::Result<()> {
        match item {}
    }
}

/// A codec for tokio-util that takes care of the Close frames of a connection, alone or around another codec.
///
/// Alone, it steps over all other frames, of any length, without keeping them. [Wrapped](Self::wrap) around a codec `C`
/// for WebSocket frames, it leaves every other frame to `C`, both ways. It holds the [`ClosingHandshake`]; [`finish()`]
/// ends the connection and returns the [`Ending`](crate::Ending). One codec serves both directions, as in a `Framed`:
/// the answer depends on what was read.
///
/// **Reading.** What comes before the peer's Close reaches `C`, and nothing that comes after it. A Close between the
/// fragments of a message is a Close, and the half message is dropped. After the Close the stream ends:
/// [`Error::Closed`], then `None`. After another error every further call is an error, [`Error::Poisoned`].
///
/// **Writing.** One Close, ever. After it the control frames of `C`, such as pongs, still pass. Data frames do not, and
/// a Close that `C` made itself never does: these are errors, and none of their bytes stay in the buffer.
///
/// **What `C` must keep to**, as every decoder for tokio-util should: it removes bytes only from the front of its
/// buffer, which has all bytes up to the next Close, perhaps several frames. If it consumes bytes and returns `None`,
/// it is called again. What it writes is a sequence of WebSocket frames, masked as the role demands; one frame may take
/// several calls. Wrap it before the first frame.
///
/// **Ends without a Close.** Dropping the `Framed`, `SinkExt::close` and `StreamExt::forward` (which closes its sink)
/// shut the transport down without sending a Close, so the peer reports 1006. Call [`finish()`] instead.
///
/// **Taking a `Framed` apart.** Keep both buffers of its `FramedParts`: a Close that is queued but not flushed lies in
/// `write_buf`. If that buffer is thrown away or cleared, `finish` notices and reports a Close that was not written. It
/// cannot notice if you remove bytes from the front of the buffer yourself. If a cancelled `finish` has received the
/// peer's Close, a `Framed` that is put together again does not yield it. The next `finish` knows it.
///
/// ```
/// use bytes::BytesMut;
/// use tokio_util::codec::Decoder;
/// use websocket_close::{CloseFrame, codec::{CloseCodec, Message}};
///
/// let mut codec = CloseCodec::client(|| [0x12, 0x34, 0x56, 0x78]); // yours asks a random number generator
/// // A ping, a text frame, and a Close.
/// let mut buffer = BytesMut::from(&b"\x89\x00\x81\x02hi\x88\x05\x03\xe9bye"[..]);
/// let Some(Message::Close(close)) = codec.decode(&mut buffer)? else { panic!() };
/// assert_eq!(*close, CloseFrame::from_static(1001, "bye"));
/// # Ok::<(), websocket_close::codec::Error<std::io::Error>>(())
/// ```
#[derive(Debug)]
pub struct CloseCodec<C = Discard> {
    inner: C,
    state: State,
}

/// Everything but the inner codec.
#[derive(Debug)]
struct State {
    closing: ClosingHandshake,
    /// Makes the masking key of each frame that a client sends. A server has none.
    keys: Option<fn() -> [u8; 4]>,
    reading: Reading,
    /// Where frames begin among the bytes that the inner codec writes.
    written: Scanner,
    our_close: OurClose,
    /// Whether a `Framed` has seen the end of the transport.
    saw_eof: bool,
    /// From the first call of `finish` on.
    finishing: Option<Finishing>,
}

/// How far reading has come.
#[derive(Debug)]
enum Reading {
    /// No Close is in view.
    Frames(Frames),
    /// The inner codec still has to read `left` bytes. `behind` follows them, and starts with the `stop`.
    Draining { left: usize, behind: BytesMut, stop: Stop },
    /// The read buffer starts with the `stop`. The inner codec may still hold items of its own, unless it is `drained`.
    Stopped { stop: Stop, drained: bool },
    /// `finish` reads, and the inner codec gets nothing more.
    Skipping(Skipping),
    /// The peer's Close has come. The rest is discarded.
    Closed {
        /// Whether the program has got it.
        told: bool,
    },
    /// The transport has ended, which an error has told: inside a frame, or between two.
    Ended { inside_frame: bool },
    /// The connection has failed, or an error was returned. The rest is discarded.
    Failed,
}

/// The frames in the read buffer, before any Close.
#[derive(Debug)]
struct Frames {
    /// Where frames begin.
    scanner: Scanner,
    /// How many bytes at the front of the read buffer the scanner has seen.
    scanned: usize,
    /// How many bytes the scanner has seen in all.
    total: u64,
    /// Where the last two pings begin, in bytes from the start of the connection. `finish` answers one that the inner
    /// codec has not begun to read. The last one may not be whole yet; then the one before it counts.
    pings: [Option<Place>; 2],
}

/// A place in the incoming bytes: how many come before it, plus one. Zero is left for `None`.
type Place = core::num::NonZeroU64;

/// What the inner codec must not read.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// A Close, right or wrong.
    Close,
    /// A header whose length has its top bit set. Nothing tells where the next frame begins.
    Fault(u64),
}

/// What `finish` has read. The read buffer is empty, or starts with a ping or a Close that is not whole.
#[derive(Debug, Default)]
struct Skipping {
    scanner: Scanner,
    /// The payload of the latest ping that has no pong yet.
    ping: Option<BytesMut>,
}

/// The Close that the handshake has chosen, if any.
#[derive(Debug)]
enum OurClose {
    /// It is not in the write buffer. The handshake does not keep its reason.
    Unqueued(Option<Box<OwnedCloseFrame>>),
    /// It is in this write buffer, or was before a flush. `None` if that buffer is lost, and something was written into
    /// another.
    Queued(Option<Buffer>),
}

/// Tells a buffer that was flushed from one that was cleared or replaced. A flush changes neither where the content
/// ends in memory nor how many bytes are free behind that. Larger counts are stored as `u32::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Buffer {
    end: usize,
    free: u32,
    /// How many bytes were put behind our Close.
    behind: u32,
}

impl OurClose {
    /// The buffer that our Close was put into, if `buffer` is that one.
    #[inline]
    fn find_in(&self, buffer: &BytesMut) -> Option<Buffer> {
        let Self::Queued(queued) = *self else { return None };
        queued.filter(|queued| *queued == Buffer { behind: queued.behind, ..Buffer::of(buffer, 0) })
    }

    /// Whether it was in this buffer and is not any more. What was put behind it may still be there.
    fn has_left(&self, buffer: &BytesMut) -> bool {
        self.find_in(buffer).is_some_and(|queued| buffer.len() <= queued.behind as usize)
    }
}

impl Buffer {
    fn of(buffer: &BytesMut, behind: usize) -> Self {
        let count = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
        let free = count(buffer.capacity() - buffer.len());
        Self { end: buffer.as_ptr_range().end.addr(), free, behind: count(behind) }
    }
}

impl CloseCodec {
    /// The codec of a server. It reads masked frames and writes unmasked ones.
    ///
    /// ```
    /// # use websocket_close::codec::CloseCodec;
    /// let codec = CloseCodec::server();
    /// assert!(codec.closing().is_open());
    /// ```
    #[must_use]
    pub fn server() -> Self {
        Self::new(Role::Server, None)
    }

    /// The codec of a client. It reads unmasked frames, and masks each frame that it sends (its Close and the pongs of
    /// [`finish()`]) with a new key from `keys`: four bytes that nobody can predict.
    /// [RFC 6455, 5.3](https://www.rfc-editor.org/rfc/rfc6455#section-5.3)
    ///
    /// `rand::random` fits. If several frames had the same key, a peer could choose the bytes that we put on the wire.
    ///
    /// ```
    /// # use websocket_close::codec::CloseCodec;
    /// # mod rand { pub fn random() -> [u8; 4] { [0x12, 0x34, 0x56, 0x78] } }
    /// let codec = CloseCodec::client(rand::random);
    /// # let _ = codec;
    /// ```
    #[must_use]
    pub fn client(keys: fn() -> [u8; 4]) -> Self {
        Self::new(Role::Client, Some(keys))
    }

    fn new(local: Role, keys: Option<fn() -> [u8; 4]>) -> Self {
        let state = State {
            closing: ClosingHandshake::new(local),
            keys,
            reading: Reading::Frames(Frames { scanner: Scanner::new(), scanned: 0, total: 0, pings: [None; 2] }),
            written: Scanner::new(),
            our_close: OurClose::Unqueued(None),
            saw_eof: false,
            finishing: None,
        };
        Self { inner: Discard, state }
    }

    /// The same codec around `inner`, which decodes and encodes all other WebSocket frames, headers included.
    ///
    /// ```
    /// use tokio_util::codec::BytesCodec;
    /// use websocket_close::codec::CloseCodec;
    ///
    /// // Passes every frame but a Close on as it is.
    /// let codec = CloseCodec::server().wrap(BytesCodec::new());
    /// # let _ = codec;
    /// ```
    #[must_use]
    pub fn wrap<C>(self, inner: C) -> CloseCodec<C> {
        CloseCodec { inner, state: self.state }
    }
}

impl<C> CloseCodec<C> {
    fn encode_close<E>(&mut self, frame: CloseFrame<'_>, dst: &mut BytesMut) -> Result<(), Error<E>> {
        if matches!(self.state.our_close, OurClose::Queued(_)) {
            return Err(Error::CloseAfterClose);
        }
        if !self.state.written.at_boundary() {
            return Err(Error::CloseInsideFrame);
        }
        self.state.queue_close(frame, dst);
        Ok(())
    }

    /// The codec inside.
    ///
    /// ```
    /// # use tokio_util::codec::LinesCodec;
    /// # use websocket_close::codec::CloseCodec;
    /// let codec = CloseCodec::server().wrap(LinesCodec::new_with_max_length(80));
    /// assert_eq!(codec.inner().max_length(), 80);
    /// ```
    #[must_use]
    pub fn inner(&self) -> &C {
        &self.inner
    }

    /// The codec inside, to change its settings.
    ///
    /// ```
    /// # use tokio_util::codec::LengthDelimitedCodec;
    /// # use websocket_close::codec::CloseCodec;
    /// let mut codec = CloseCodec::server().wrap(LengthDelimitedCodec::new());
    /// codec.inner_mut().set_max_frame_length(1024);
    /// ```
    #[must_use]
    pub fn inner_mut(&mut self) -> &mut C {
        &mut self.inner
    }

    /// The closing handshake: what came and what is chosen, who closed first.
    ///
    /// ```
    /// # use websocket_close::codec::CloseCodec;
    /// assert!(CloseCodec::server().closing().may_send_data());
    /// ```
    #[must_use]
    pub fn closing(&self) -> &ClosingHandshake {
        &self.state.closing
    }

    /// Fails the connection, as [`ClosingState::fail`](crate::ClosingState::fail) does: a message is too big, say.
    /// [`finish()`] or [`Message::Close`] then sends `frame`, if a Close may still be sent.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame, codec::CloseCodec};
    /// let mut codec = CloseCodec::server();
    /// codec.fail(CloseFrame::from_code(CloseCode::MESSAGE_TOO_BIG));
    /// assert!(codec.closing().is_failed());
    /// ```
    pub fn fail(&mut self, frame: CloseFrame<'_>) {
        if let Some(frame) = self.state.fail(frame) {
            self.state.keep_reason(frame);
        }
    }

    /// Replaces the answer to the peer's Close, as [`ClosingState::answer_with`](crate::ClosingState::answer_with)
    /// does, for example in a proxy. Without this call the answer is the peer's code. It does nothing once the answer
    /// is queued.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use tokio_util::codec::{Decoder, Encoder};
    /// # use websocket_close::{CloseFrame, codec::{CloseCodec, Message}};
    /// let mut codec = CloseCodec::client(|| [0; 4]);
    /// let mut received = BytesMut::from(&b"\x88\x02\x03\xe8"[..]);
    /// let Ok(Some(Message::Close(close))) = codec.decode(&mut received) else { panic!() };
    /// codec.answer_with(CloseFrame::from_static(4002, "upstream"));
    /// let mut sent = BytesMut::new();
    /// codec.encode(Message::Close(close), &mut sent)?;
    /// assert_eq!(&sent[..], b"\x88\x8a\0\0\0\0\x0f\xa2upstream");
    /// # Ok::<(), websocket_close::codec::Error<std::io::Error>>(())
    /// ```
    pub fn answer_with(&mut self, frame: CloseFrame<'_>) {
        if let OurClose::Unqueued(_) = self.state.our_close {
            if let Some(frame) = self.state.closing.answer_with(frame) {
                self.state.keep_reason(frame);
            }
        }
    }

    /// Records that our Close is written, for programs that flush it themselves and then swap the `Framed`'s buffers or
    /// never call [`finish()`], which otherwise sees to this. Call it only after the flush has succeeded.
    ///
    /// It does nothing if no Close was queued.
    ///
    /// ```
    /// # use websocket_close::codec::CloseCodec;
    /// let mut codec = CloseCodec::server();
    /// codec.mark_written(); // nothing was queued
    /// assert!(!codec.closing().is_written());
    /// ```
    pub fn mark_written(&mut self) {
        if let OurClose::Queued(_) = self.state.our_close {
            self.state.closing.mark_written();
        }
    }
}

impl State {
    /// A masking key for the next frame.
    fn next_key(&self) -> Option<[u8; 4]> {
        self.keys.map(|keys| keys())
    }

    fn fail<'a>(&mut self, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
        let chosen = self.closing.fail(frame);
        if self.closing.is_failed() {
            self.reading = Reading::Failed;
        }
        chosen
    }

    fn reject(&mut self, error: wire::Error) -> wire::Error {
        // `finish` or a `Message::Close` queues the answer.
        let _answer = self.closing.reject(error);
        self.reading = Reading::Failed;
        error
    }

    fn keep_reason(&mut self, frame: CloseFrame<'_>) {
        self.our_close = OurClose::Unqueued(Some(Box::new(frame.into_owned())));
    }

    /// Chooses `frame` unless a Close is chosen: to start the handshake, or, after an error, to fail the connection.
    /// Puts the chosen one behind what is in `dst`, once, and not inside a frame.
    fn queue_close(&mut self, frame: CloseFrame<'_>, dst: &mut BytesMut) {
        let chosen = if let Reading::Failed = self.reading { self.fail(frame) } else { self.closing.start(frame) };
        if !self.written.at_boundary() {
            if let Some(frame) = chosen {
                self.keep_reason(frame);
            }
            return;
        }
        let OurClose::Unqueued(kept) = &self.our_close else { return };
        let kept = kept.as_ref().map(|frame| frame.as_frame());
        if let Some(frame) = chosen.or(kept).or(self.closing.ours()) {
            dst.extend_from_slice(wire::encode(frame, self.next_key(), &mut [0; MAX_FRAME_LEN]));
            self.our_close = OurClose::Queued(Some(Buffer::of(dst, 0)));
        }
    }

    /// Takes the Close at the front of `src`, once it is whole. What follows it is to be discarded.
    fn take_close(&mut self, src: &mut [u8]) -> Option<Result<(), wire::Error>> {
        let len = src.len();
        let error = match wire::peek(self.closing.local(), src) {
            Ok(Peek::Close(close)) => {
                self.count(len - close.frame_len());
                match close.decode() {
                    Ok(frame) => {
                        // `finish` or a `Message::Close` queues the answer.
                        let _answer = self.closing.receive(frame);
                        self.reading = Reading::Closed { told: false };
                        return Some(Ok(()));
                    }
                    Err(error) => error,
                }
            }
            Ok(Peek::Incomplete { .. } | Peek::NotClose(_)) => return None,
            Err(error) => {
                // It does not tell where the frame ends.
                self.count(len);
                error
            }
        };
        Some(Err(self.reject(error)))
    }

    /// The peer's Close, for the program that has not got it yet.
    fn tell_close<T>(&mut self) -> Option<Message<T>> {
        match (&mut self.reading, self.closing.theirs_owned()) {
            (Reading::Closed { told: told @ false }, Some(frame)) => {
                *told = true;
                Some(Message::Close(Box::new(frame.clone())))
            }
            _ => None,
        }
    }
}

impl Frames {
    /// Looks at the bytes that it has not seen. If the inner codec must not read all of them: where it must stop, and
    /// why.
    #[inline]
    fn look(&mut self, src: &[u8]) -> Option<(usize, Stop)> {
        let unseen = src.get(self.scanned..).unwrap_or_default();
        let (pings, end) = (&mut self.pings, self.total + unseen.len() as u64);
        let others = self.scanner.skip_until(unseen, |first, left| {
            wire::is_control(first) && {
                if wire::is_ping(first) {
                    *pings = [pings[1], Place::new(end - left as u64 + 1)];
                }
                wire::is_close(first)
            }
        });
        self.total += others as u64;
        self.scanned += others;
        match self.scanner.fault() {
            Err(wire::Error::LengthTooLarge(len)) => Some((self.scanned, Stop::Fault(len))),
            _ if others < unseen.len() => Some((self.scanned, Stop::Close)),
            _ => None,
        }
    }
}

impl<C: Decoder> CloseCodec<C> {
    /// Lets the inner codec read, until it returns an item or consumes nothing more.
    #[inline]
    fn decode_inner(&mut self, src: &mut BytesMut) -> Result<Option<Message<C::Item>>, Error<C::Error>> {
        loop {
            let before = src.len();
            match self.inner.decode(src) {
                // The item moves once, to where the caller wants the message.
                Ok(Some(item)) => return Ok(Some(Message::Other(item))),
                Ok(None) if src.len() < before => {}
                Ok(None) => return Ok(None),
                Err(error) => {
                    self.state.reading = Reading::Failed;
                    return Err(Error::Inner(error));
                }
            }
        }
    }

    /// Lets the inner codec read what comes before the stop.
    fn drain(&mut self, src: &mut BytesMut) -> Result<Option<Message<C::Item>>, Error<C::Error>> {
        if let Reading::Draining { left, behind, .. } = &mut self.state.reading {
            // What is read from the stop on belongs behind.
            if src.len() > *left {
                behind.unsplit(src.split_off(*left));
            }
        }
        let decoded = self.decode_inner(src);
        if let Reading::Draining { left, .. } = &mut self.state.reading {
            *left = src.len();
        }
        decoded
    }

    /// Goes on where a Close is in view, or where reading is over.
    fn decode_close(&mut self, src: &mut BytesMut) -> Result<Option<Message<C::Item>>, Error<C::Error>> {
        if let Reading::Draining { .. } = self.state.reading {
            let decoded = self.drain(src);
            if !matches!(decoded, Ok(None)) {
                return decoded;
            }
            if let Reading::Draining { behind, stop, .. } = &mut self.state.reading {
                // What the inner codec has left is the start of a message that will not go on.
                *src = mem::take(behind);
                self.state.reading = Reading::Stopped { stop: *stop, drained: true };
            }
        }
        if let Reading::Stopped { drained: false, .. } = self.state.reading {
            let decoded = self.decode_inner(&mut BytesMut::new());
            if !matches!(decoded, Ok(None)) {
                return decoded;
            }
            if let Reading::Stopped { drained, .. } = &mut self.state.reading {
                *drained = true;
            }
        }
        match self.state.reading {
            Reading::Stopped { stop: Stop::Close, .. } => {
                if let Some(taken) = self.state.take_close(src) {
                    src.clear();
                    taken?;
                }
                Ok(self.state.tell_close())
            }
            Reading::Stopped { stop: Stop::Fault(len), .. } => {
                src.clear();
                Err(self.state.reject(wire::Error::LengthTooLarge(len)).into())
            }
            Reading::Skipping(_) => {
                self.state.skip(src)?;
                Ok(self.state.prime().or_else(|| self.state.tell_close()))
            }
            // RFC 6455, 1.4: what follows a Close is discarded.
            Reading::Closed { .. } | Reading::Ended { .. } | Reading::Failed => {
                src.clear();
                match (self.state.tell_close(), &self.state.reading) {
                    (Some(close), _) => Ok(Some(close)),
                    // `finish` has seen the end of the transport, and the stream ends with it.
                    _ if self.state.saw_end() => Ok(None),
                    (None, Reading::Closed { .. }) => Err(Error::Closed),
                    (None, _) => Err(Error::Poisoned),
                }
            }
            Reading::Frames(_) | Reading::Draining { .. } => Ok(None),
        }
    }
}

impl<C: Decoder> Decoder for CloseCodec<C> {
    type Item = Message<C::Item>;
    type Error = Error<C::Error>;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error> {
        let Reading::Frames(frames) = &mut self.state.reading else { return self.decode_close(src) };
        let stop = if frames.scanned < src.len() { frames.look(src) } else { None };
        if let Some((place, stop)) = stop {
            self.state.reading = if place == 0 {
                Reading::Stopped { stop, drained: false }
            } else {
                Reading::Draining { left: place, behind: BytesMut::new(), stop }
            };
            return self.decode_close(src);
        }
        // The inner codec is asked even if there are no bytes: it may hold items of its own.
        let decoded = self.decode_inner(src);
        if let Reading::Frames(frames) = &mut self.state.reading {
            frames.scanned = src.len();
        }
        decoded
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error> {
        self.state.saw_eof = true;
        match self.decode(src) {
            Ok(None) => {}
            // The transport has ended, and so does the stream: nothing has to end it.
            Err(Error::Closed) => return Ok(None),
            decoded => return decoded,
        }
        match &self.state.reading {
            Reading::Frames(frames) if frames.scanner.at_boundary() => {
                let item = self.inner.decode_eof(src).map_err(|error| {
                    self.state.reading = Reading::Ended { inside_frame: false };
                    Error::Inner(error)
                })?;
                if let Reading::Frames(frames) = &mut self.state.reading {
                    frames.scanned = src.len();
                }
                Ok(item.map(Message::Other))
            }
            // `finish` sees the end for itself.
            _ if self.state.finishing.is_some() => Ok(None),
            _ => {
                self.state.reading = Reading::Ended { inside_frame: true };
                Err(Error::UnexpectedEof)
            }
        }
    }
}

impl<T, C: Encoder<T>> Encoder<Message<T>> for CloseCodec<C> {
    type Error = Error<C::Error>;

    fn encode(&mut self, message: Message<T>, dst: &mut BytesMut) -> Result<(), Self::Error> {
        let item = match message {
            Message::Close(frame) => return self.encode_close(frame.as_frame(), dst),
            // RFC 6455, 7.1.7: one Close, and nothing else.
            Message::Other(_) if matches!(self.state.reading, Reading::Ended { .. } | Reading::Failed) => {
                return Err(Error::Poisoned);
            }
            Message::Other(item) => item,
        };
        if let OurClose::Queued(_) = self.state.our_close {
            return self.encode_after_close(item, dst);
        }
        self.encode_checked(item, dst, wire::is_close)
    }
}

impl<C> CloseCodec<C> {
    #[cold]
    fn encode_after_close<T>(&mut self, item: T, dst: &mut BytesMut) -> Result<(), Error<C::Error>>
    where
        C: Encoder<T>,
    {
        let (queued, before) = (self.state.our_close.find_in(dst), dst.len());
        // RFC 6455, 5.5.1: no data frames after our Close. Control frames may follow.
        let encoded = self.encode_checked(item, dst, |first| wire::is_close(first) || !wire::is_control(first));
        let behind = |queued: Buffer| (queued.behind as usize).saturating_add(dst.len().saturating_sub(before));
        self.state.our_close = OurClose::Queued(queued.map(|queued| Buffer::of(dst, behind(queued))));
        encoded
    }

    /// Lets the inner codec write, unless it writes a frame that is `wrong` by its byte 0.
    #[inline]
    fn encode_checked<T>(
        &mut self,
        item: T,
        dst: &mut BytesMut,
        wrong: impl Fn(u8) -> bool,
    ) -> Result<(), Error<C::Error>>
    where
        C: Encoder<T>,
    {
        let before = dst.len();
        let encoded = self.inner.encode(item, dst);
        let bytes = dst.get(before..).unwrap_or_default();
        // Most items are one whole frame, which leaves the scanner where it is.
        if encoded.is_ok()
            && self.state.written.at_boundary()
            && wire::first_of_one_frame(bytes).is_some_and(|first| !wrong(first))
        {
            return Ok(());
        }
        let mut written = self.state.written.clone();
        let passed = written.skip_until(bytes, |first, _| wrong(first));
        let refusal = match (encoded, written.fault(), bytes.get(passed)) {
            (Ok(()), Ok(()), None) => {
                self.state.written = written;
                return Ok(());
            }
            (Err(error), ..) => Error::Inner(error),
            (_, Err(fault), _) => Error::InnerFrame(fault),
            (.., Some(first)) if wire::is_close(*first) => Error::InnerClose,
            (.., Some(_)) => Error::DataAfterClose,
        };
        dst.truncate(before);
        Err(refusal)
    }
}

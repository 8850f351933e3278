//! `CloseCodec` for tokio-util, alone or around another codec, and `finish`, which ends a connection.

extern crate std;

use core::convert::Infallible;
use core::future::{Future, poll_fn};
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::boxed::Box;
use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};
use tokio_util::codec::{Decoder, Encoder, Framed};

use crate::code::CloseCode;
use crate::event::CloseEvent;
use crate::frame::{CloseFrame, OwnedCloseFrame};
use crate::handshake::{ClosingHandshake, Transport};
use crate::role::Role;
use crate::wire::{self, MAX_FRAME_LEN, Peek, Scanner};

/// What goes through a [`CloseCodec`], in both directions: a Close, or an item of the codec inside.
///
/// ```
/// use websocket_close::{CloseFrame, codec::Message};
///
/// let goodbye: Message<String> = Message::Close(CloseFrame::from_static(1001, "").into());
/// # let _ = goodbye;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<T> {
    /// Read: the peer's Close. It is **not answered yet**, and nothing is read after it: leave the loop and call [`finish`].
    ///
    /// Written: the Close to send. If the peer's has been read, or the connection has failed, the Close that goes out is the
    /// one the handshake has chosen, whatever frame this holds.
    Close(OwnedCloseFrame),
    /// An item of the inner codec.
    Other(T),
}

/// The codec inside a [`CloseCodec`] that stands alone: it steps over every frame and can send none.
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
/// Alone it steps over all other frames, of any length, without keeping them. [Wrapped](Self::wrap) around a codec `C` for WebSocket
/// frames, it leaves every other frame to `C`, both ways. It holds the [`ClosingHandshake`], and [`finish`] ends the
/// connection and hands out the [`CloseEvent`]. One codec is for both directions, as in a `Framed`: the answer depends on what was
/// read.
///
/// Reading: what stands before the peer's Close reaches `C`, nothing behind it does; a Close between the fragments of a message
/// is a Close, and the half message is dropped. After an error every further call is an error, [`Error::Poisoned`].
///
/// Writing: one Close, ever. After it the control frames that `C` writes, such as pongs, still pass; data frames do not, nor
/// does a Close of `C`'s own making at any time: these are errors, and none of their bytes stay in the buffer.
///
/// What `C` has to keep to, as every decoder for tokio-util should: it removes bytes only from the front of its buffer; it
/// returns `None` only when it needs more bytes. What it writes is a sequence of WebSocket frames, masked as the role asks; one
/// frame may take several calls. It is wrapped at a frame boundary, which is to say before the first frame.
///
/// ```
/// use bytes::BytesMut;
/// use tokio_util::codec::Decoder;
/// use websocket_close::{CloseFrame, codec::{CloseCodec, Message}};
///
/// let mut codec = CloseCodec::client([0x12, 0x34, 0x56, 0x78]); // from a random number generator
/// // A ping, a text frame, and a Close.
/// let mut buffer = BytesMut::from(&b"\x89\x00\x81\x02hi\x88\x05\x03\xe9bye"[..]);
/// let Some(Message::Close(close)) = codec.decode(&mut buffer)? else { panic!() };
/// assert_eq!(close.as_frame(), CloseFrame::from_static(1001, "bye"));
/// # Ok::<(), websocket_close::codec::Error<std::io::Error>>(())
/// ```
#[derive(Debug)]
pub struct CloseCodec<C = Discard> {
    inner: C,
    local: Role,
    /// A client's masking key. One is enough, since one frame is sent.
    key: Option<[u8; 4]>,
    closing: ClosingHandshake,
    incoming: Incoming,
    /// What was read from the start of a Close on, while the inner codec still has bytes before it.
    behind: BytesMut,
    /// Where frames begin among the bytes read.
    reading: Scanner,
    /// Where frames begin among the bytes that the inner codec writes.
    writing: Scanner,
    /// Whether the Close that `closing` has handed out is in the write buffer, or beyond.
    queued: bool,
    /// When `finish` was first called, and when both Closes were through: deadlines count from there, even if a call was
    /// cancelled.
    finishing: Option<Instant>,
    completed: Option<Instant>,
}

/// How far reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Incoming {
    /// The first so many bytes of the read buffer have been looked at, and no Close begins there.
    Scanned(usize),
    /// A Close begins in `behind`, or nobody knows what does; so many bytes before it are left for the inner codec.
    Draining(usize),
    /// It begins at the front of the read buffer: the inner codec has had everything before.
    Stop,
    /// A Close was received: the rest is discarded.
    Received,
    /// The transport has ended inside a frame.
    Truncated,
    /// Another error was returned, or the connection was failed: the rest is discarded.
    Poisoned,
}

impl CloseCodec {
    /// The codec of a server: it reads masked frames and writes unmasked ones.
    ///
    /// ```
    /// # use websocket_close::codec::CloseCodec;
    /// let codec = CloseCodec::server();
    /// assert!(!codec.closing().failed());
    /// ```
    #[must_use]
    pub fn server() -> Self {
        Self::new(Role::Server, None)
    }

    /// The codec of a client: it reads unmasked frames and masks its Close with `key`, four bytes that nobody can predict.
    /// [RFC 6455, 5.3](https://www.rfc-editor.org/rfc/rfc6455#section-5.3)
    ///
    /// ```
    /// # use websocket_close::codec::CloseCodec;
    /// let key = [0x12, 0x34, 0x56, 0x78]; // from a random number generator
    /// let codec = CloseCodec::client(key);
    /// # let _ = codec;
    /// ```
    #[must_use]
    pub fn client(key: [u8; 4]) -> Self {
        Self::new(Role::Client, Some(key))
    }

    fn new(local: Role, key: Option<[u8; 4]>) -> Self {
        Self {
            inner: Discard,
            local,
            key,
            closing: ClosingHandshake::new(local),
            incoming: Incoming::Scanned(0),
            behind: BytesMut::new(),
            reading: Scanner::new(),
            writing: Scanner::new(),
            queued: false,
            finishing: None,
            completed: None,
        }
    }

    /// The same codec around `inner`, which decodes and encodes all other WebSocket frames, headers included.
    ///
    /// ```
    /// use tokio_util::codec::BytesCodec;
    /// use websocket_close::codec::CloseCodec;
    ///
    /// // Every frame but a Close is passed on as it is.
    /// let codec = CloseCodec::server().wrap(BytesCodec::new());
    /// # let _ = codec;
    /// ```
    #[must_use]
    pub fn wrap<C>(self, inner: C) -> CloseCodec<C> {
        CloseCodec {
            inner,
            local: self.local,
            key: self.key,
            closing: self.closing,
            incoming: self.incoming,
            behind: self.behind,
            reading: self.reading,
            writing: self.writing,
            queued: self.queued,
            finishing: self.finishing,
            completed: self.completed,
        }
    }
}

impl<C> CloseCodec<C> {
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

    /// The facts about the closing handshake: what was sent and received, who was first.
    ///
    /// ```
    /// # use websocket_close::codec::CloseCodec;
    /// assert_eq!(CloseCodec::server().closing().to_string(), "open");
    /// ```
    #[must_use]
    pub fn closing(&self) -> &ClosingHandshake {
        &self.closing
    }

    /// Fails the connection, as [`ClosingHandshake::fail`] does: for a message that is too big, say. [`finish`] or
    /// [`Message::Close`] then sends `frame`, if a Close may still be sent.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseFrame, codec::CloseCodec};
    /// let mut codec = CloseCodec::server();
    /// codec.fail(CloseFrame::from_code(CloseCode::MESSAGE_TOO_BIG));
    /// assert!(codec.closing().failed());
    /// ```
    pub fn fail(&mut self, frame: CloseFrame<'_>) {
        let _ = self.closing.fail(frame);
        if self.closing.failed() {
            self.incoming = Incoming::Poisoned;
        }
    }

    /// The Close that was queued has been flushed. [`finish`] sees to that itself. Whoever ends a connection without it calls
    /// this after the `send` of a [`Message::Close`], which does not tell the codec; without this call the event is not clean.
    ///
    /// ```
    /// # use websocket_close::codec::CloseCodec;
    /// let mut codec = CloseCodec::server();
    /// codec.written(); // nothing was queued
    /// assert!(!codec.closing().was_written());
    /// ```
    pub fn written(&mut self) {
        if self.queued {
            self.closing.written();
        }
    }

    /// Appends the Close that the handshake has handed out, once.
    fn queue(&mut self, dst: &mut BytesMut) {
        if let (Some(frame), false) = (self.closing.sent(), self.queued) {
            dst.extend_from_slice(wire::encode(frame, self.key, &mut [0; MAX_FRAME_LEN]));
            self.queued = true;
        }
    }

    /// Chooses `frame` as our Close if none is chosen: to start the handshake, or, after an error, to fail the connection.
    fn choose(&mut self, frame: CloseFrame<'_>) {
        if self.incoming == Incoming::Poisoned {
            self.fail(frame);
        } else {
            let _ = self.closing.start(frame);
        }
    }

    /// Looks at the bytes that have not been looked at, and moves what begins with a Close out of the inner codec's way.
    fn scan(&mut self, src: &mut BytesMut) {
        match self.incoming {
            Incoming::Scanned(scanned) => {
                let unseen = src.get(scanned..).unwrap_or_default();
                let others = self.reading.skip_until(unseen, wire::is_close);
                if others == unseen.len() {
                    self.incoming = Incoming::Scanned(src.len());
                    return;
                }
                // With nothing before it, not splitting saves an allocation.
                let place = scanned + others;
                self.behind = if place == 0 { mem::take(src) } else { src.split_off(place) };
                self.incoming = Incoming::Draining(place);
            }
            // What has been read since belongs behind.
            Incoming::Draining(left) if src.len() > left => self.behind.unsplit(src.split_off(left)),
            _ => {}
        }
    }

    /// The inner codec has had everything before the Close. What it has left is the start of a message, cut short by it.
    fn stop(&mut self, src: &mut BytesMut) {
        *src = mem::take(&mut self.behind);
        self.incoming = Incoming::Stop;
    }

    /// Once the inner codec has no more to give: takes the Close at the front of `src`, if it is there whole, tells the
    /// handshake and makes of it what the caller wants; fails the connection for a fault.
    fn take_close<R>(
        &mut self,
        src: &mut BytesMut,
        make: impl FnOnce(CloseFrame<'_>) -> R,
    ) -> Result<Option<R>, wire::Error> {
        let outcome = match self.decode_close(src) {
            Ok(None) => return Ok(None),
            Ok(Some(frame)) => {
                // The answer is queued by `finish`, or by a `Message::Close`.
                let _ = self.closing.receive(frame);
                self.incoming = Incoming::Received;
                Ok(Some(make(frame)))
            }
            Err(error) => {
                self.fail(error.reply());
                Err(error)
            }
        };
        src.clear();
        outcome
    }

    fn decode_close<'a>(&self, src: &'a mut BytesMut) -> Result<Option<CloseFrame<'a>>, wire::Error> {
        self.reading.fault()?;
        if self.incoming != Incoming::Stop {
            return Ok(None);
        }
        match wire::peek(self.local, src)? {
            Peek::Close(header) => Ok(Some(header.decode(src)?)),
            Peek::Incomplete { .. } | Peek::NotClose { .. } => Ok(None),
        }
    }

    /// Drops what stands before the next Close, which the inner codec does not get.
    fn step_over(&mut self, src: &mut BytesMut) {
        if let Incoming::Scanned(_) = self.incoming {
            src.clear();
            self.incoming = Incoming::Scanned(0);
        } else {
            self.stop(src);
        }
    }

    /// Steps over everything to the peer's Close, without the inner codec; keeps at most the bytes of that one.
    fn skip_to_close(&mut self, src: &mut BytesMut) {
        self.scan(src);
        match self.incoming {
            Incoming::Scanned(_) | Incoming::Draining(_) => self.step_over(src),
            Incoming::Stop => {}
            Incoming::Received | Incoming::Truncated | Incoming::Poisoned => return src.clear(),
        }
        // A fault has failed the connection, which is all that is to be known here.
        let _ = self.take_close(src, |_| ());
    }
}

impl<C: Decoder> CloseCodec<C> {
    /// Gives the inner codec the bytes before the next Close, or all of them if none is in view; nothing once `finish` has begun.
    fn decode_other(&mut self, src: &mut BytesMut) -> Result<Option<C::Item>, C::Error> {
        if self.finishing.is_some() {
            // A `finish` that was cancelled may have kept the start of a frame from it; it would take the rest of it for a frame.
            self.step_over(src);
            return Ok(None);
        }
        // It is asked even if there are none: it may have kept items of its own.
        let item = self.inner.decode(src)?;
        match (self.incoming, &item) {
            (Incoming::Draining(_), Some(_)) => self.incoming = Incoming::Draining(src.len()),
            (Incoming::Draining(_), None) => self.stop(src),
            _ => self.incoming = Incoming::Scanned(src.len()),
        }
        Ok(item)
    }

    fn poison<E>(&mut self, error: E) -> E {
        self.incoming = Incoming::Poisoned;
        error
    }
}

impl<C: Decoder> Decoder for CloseCodec<C> {
    type Item = Message<C::Item>;
    type Error = Error<C::Error>;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error> {
        self.scan(src);
        match self.incoming {
            Incoming::Scanned(_) | Incoming::Draining(_) => {
                let item = self.decode_other(src).map_err(|error| self.poison(Error::Inner(error)))?;
                if item.is_some() {
                    return Ok(item.map(Message::Other));
                }
            }
            Incoming::Stop => {}
            // RFC 6455, 1.4: what follows a Close is discarded.
            Incoming::Received => {
                src.clear();
                return Ok(None);
            }
            Incoming::Truncated | Incoming::Poisoned => {
                src.clear();
                return Err(Error::Poisoned);
            }
        }
        Ok(self.take_close(src, |frame| Message::Close(frame.into_owned()))?)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error> {
        if let Some(message) = self.decode(src)? {
            return Ok(Some(message));
        }
        match self.incoming {
            Incoming::Received => Ok(None),
            Incoming::Scanned(_) if self.reading.at_boundary() => {
                if self.finishing.is_some() {
                    return Ok(None);
                }
                let item = self.inner.decode_eof(src).map_err(|error| self.poison(Error::Inner(error)))?;
                self.incoming = Incoming::Scanned(src.len());
                Ok(item.map(Message::Other))
            }
            _ => {
                self.incoming = Incoming::Truncated;
                Err(Error::UnexpectedEof)
            }
        }
    }
}

impl<T, C: Encoder<T>> Encoder<Message<T>> for CloseCodec<C> {
    type Error = Error<C::Error>;

    fn encode(&mut self, message: Message<T>, dst: &mut BytesMut) -> Result<(), Self::Error> {
        let item = match message {
            Message::Close(_) if self.queued => return Err(Error::CloseAfterClose),
            Message::Close(_) if !self.writing.at_boundary() => return Err(Error::CloseInsideFrame),
            Message::Close(frame) => {
                self.choose(frame.as_frame());
                self.queue(dst);
                return Ok(());
            }
            // RFC 6455, 7.1.7: one Close, and nothing else.
            Message::Other(_) if matches!(self.incoming, Incoming::Truncated | Incoming::Poisoned) => {
                return Err(Error::Poisoned);
            }
            Message::Other(item) => item,
        };
        let before = dst.len();
        let writing = self.writing.clone();
        let verdict = match self.inner.encode(item, dst) {
            Ok(()) => self.check_written(dst.get(before..).unwrap_or_default()),
            Err(error) => Err(Error::Inner(error)),
        };
        if verdict.is_err() {
            dst.truncate(before);
            self.writing = writing;
        }
        verdict
    }
}

impl<C> CloseCodec<C> {
    /// Checks what the inner codec has appended.
    fn check_written<E>(&mut self, bytes: &[u8]) -> Result<(), Error<E>> {
        // RFC 6455, 5.5.1: after a Close no data frames, whose opcodes are those below 8; control frames may follow.
        let closed = self.queued;
        let stop = |first: u8| wire::is_close(first) || (closed && first & 0x08 == 0);
        let passed = self.writing.skip_until(bytes, stop);
        self.writing.fault().map_err(Error::InnerFrame)?;
        match bytes.get(passed) {
            None => Ok(()),
            Some(first) if wire::is_close(*first) => Err(Error::InnerClose),
            Some(_) => Err(Error::DataAfterClose),
        }
    }
}

/// What went wrong in a [`CloseCodec`] around a codec whose errors are `E`.
///
/// ```
/// use bytes::BytesMut;
/// use tokio_util::codec::Decoder;
/// use websocket_close::{CloseCode, codec::CloseCodec};
///
/// let mut buffer = BytesMut::from(&b"\x88\x02\x03\xed"[..]);
/// let error = CloseCodec::client([1, 2, 3, 4]).decode(&mut buffer).unwrap_err();
/// assert_eq!(error.close_code(), Some(CloseCode::PROTOCOL_ERROR));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error<E> {
    /// A frame of the peer is wrong; the connection is failed, and [`finish`] tells the peer.
    #[error(transparent)]
    Wire(#[from] wire::Error),
    /// The transport ended inside a frame.
    #[error("the transport ended inside a frame")]
    UnexpectedEof,
    /// There was an error before: nothing is read any more, and nothing written but one Close.
    #[error("the connection has failed before")]
    Poisoned,
    /// A data frame was to be sent after our Close; nothing of it was.
    /// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
    #[error("no data may be sent after a Close")]
    DataAfterClose,
    /// A second Close was to be sent; it was not.
    #[error("a Close has been sent before")]
    CloseAfterClose,
    /// A Close was to be sent while the inner codec had written half a frame; it was not.
    #[error("a Close cannot be sent inside a frame")]
    CloseInsideFrame,
    /// The inner codec made a Close of its own, or something that begins like one; it was not sent.
    #[error("the inner codec wrote a Close frame, for which there is Message::Close, or no WebSocket frame")]
    InnerClose,
    /// The inner codec made a frame whose length is a fault; it was not sent.
    #[error("the inner codec wrote {0}")]
    InnerFrame(wire::Error),
    /// An error of the inner codec.
    #[error(transparent)]
    Inner(E),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// For code that knows I/O errors alone: an I/O error, of the inner codec as well, comes out as it was; a wrong frame is
/// [`InvalidData`](io::ErrorKind::InvalidData), a transport that ended inside one [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
impl<E: core::error::Error + Send + Sync + 'static> From<Error<E>> for io::Error {
    fn from(error: Error<E>) -> Self {
        match error {
            Error::Io(error) => error,
            Error::Inner(error) => match Box::<dyn core::error::Error + Send + Sync>::from(error).downcast() {
                Ok(error) => *error,
                Err(error) => Self::other(error),
            },
            Error::Wire(_) => Self::new(io::ErrorKind::InvalidData, error),
            Error::UnexpectedEof => Self::new(io::ErrorKind::UnexpectedEof, error),
            error => Self::other(error),
        }
    }
}

impl<E> Error<E> {
    /// The code to fail the connection with, if it is the peer's fault and known.
    ///
    /// ```
    /// # use websocket_close::codec::Error;
    /// assert_eq!(Error::<std::io::Error>::DataAfterClose.close_code(), None);
    /// ```
    #[must_use]
    pub const fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Wire(error) => Some(error.close_code()),
            _ => None,
        }
    }
}

/// How long [`finish`] waits.
///
/// ```
/// use std::time::Duration;
/// use websocket_close::codec::Timeouts;
///
/// let patient = Timeouts { close: Duration::from_secs(60), ..Timeouts::DEFAULT };
/// # let _ = patient;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first call to [`finish`] until our Close is written and the peer's has come.
    pub close: Duration,
    /// From then on, until the transport has ended.
    pub end: Duration,
}

impl Timeouts {
    /// 10 seconds for the Closes, as Python's websockets has it; 2 seconds for the end, as Chromium has it. No standard names
    /// a time; others wait 1 to 60 seconds for the Close.
    pub const DEFAULT: Self = Self { close: Duration::from_secs(10), end: Duration::from_secs(2) };
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How a connection ended: the outcome of [`finish`].
///
/// ```
/// use websocket_close::codec::Finished;
///
/// fn log(Finished { event, io_error, .. }: Finished) {
///     match io_error {
///         Some(error) => eprintln!("{event} ({error})"),
///         None => eprintln!("{event}"),
///     }
/// }
/// # let _ = log;
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished {
    /// What the application is told.
    pub event: CloseEvent,
    /// What reading or writing failed with, if it did. A clean event can have one: the transport may break after both Closes.
    pub io_error: Option<io::Error>,
}

/// Ends a connection: sends `frame` or the answer that is owed, waits for the peer's Close and for the end of the transport, and
/// says how it went. It never waits longer than `timeouts` allow, and never hangs on a peer that is silent, floods, or does not
/// read.
///
/// `frame` is sent if no Close has been chosen: none was sent, none received, nothing failed. After an error of the inner codec
/// `frame` is what the connection is failed with. What is in the write buffer goes first; if the inner codec has left half a
/// frame there, no Close can follow it.
///
/// **What is lost:** everything that the peer has sent and `framed` has not yielded; it is read and discarded, so that it
/// cannot reset the transport and destroy our Close on its way. To have it, send a [`Message::Close`], read on until the
/// peer's, and call this then. Pings that come in are not answered, and faults in frames that are stepped over not noticed.
///
/// The server ends the transport first, and while the handshake can still be completed no side shuts down its writing
/// ([RFC 6455, 7.1.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1)); dropping the transport is left to the caller.
///
/// Cancel safe: deadlines count from the first call, everything else is in `framed`, and a further call goes on from there; it
/// does not tell again of an I/O error that an earlier one met. From the first call on `framed` itself yields nothing but the
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
/// let mut client = Framed::new(theirs, CloseCodec::client([0x12, 0x34, 0x56, 0x78]));
///
/// let (server, client) = tokio::join!(
///     finish(&mut server, CloseFrame::from_static(1001, "restart"), Timeouts::DEFAULT),
///     finish(&mut client, CloseFrame::from_static(1000, "done"), Timeouts::DEFAULT),
/// );
/// // The server was first, and the client answered.
/// assert_eq!(server.event.to_string(), "1001 (going away), clean");
/// assert_eq!(client.event.to_string(), r#"1001 (going away) "restart", clean"#);
/// # }
/// ```
pub async fn finish<T, C>(framed: &mut Framed<T, CloseCodec<C>>, frame: CloseFrame<'_>, timeouts: Timeouts) -> Finished
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let begun = *framed.codec_mut().finishing.get_or_insert_with(Instant::now);
    let mut ending = Ending { framed, frame, writable: true, readable: true, io_error: None };
    if until(begun.checked_add(timeouts.close), poll_fn(|cx| ending.poll_exchange(cx))).await.is_some() {
        let completed = *ending.framed.codec_mut().completed.get_or_insert_with(Instant::now);
        let _ = until(completed.checked_add(timeouts.end), poll_fn(|cx| ending.poll_end(cx))).await;
    }
    // After a deadline a last word, such as TLS's `close_notify`, for which nobody waits.
    poll_fn(|cx| {
        let _ = ending.poll_shutdown(cx);
        Poll::Ready(())
    })
    .await;

    let io_error = ending.io_error;
    Finished { event: framed.codec().closing.clone().finish(), io_error }
}

/// Waits until the deadline, or without one where it lies beyond what the clock can tell.
async fn until<F: Future>(deadline: Option<Instant>, done: F) -> Option<F::Output> {
    match deadline {
        Some(deadline) => timeout_at(deadline, done).await.ok(),
        None => Some(done.await),
    }
}

/// The transport of a connection that is being finished.
struct Ending<'a, T, C> {
    framed: &'a mut Framed<T, CloseCodec<C>>,
    frame: CloseFrame<'a>,
    /// Whether writing is still of use: it has not failed, and was not shut down.
    writable: bool,
    /// Whether reading is: no end and no error yet.
    readable: bool,
    io_error: Option<io::Error>,
}

impl<T: AsyncRead + AsyncWrite + Unpin, C> Ending<'_, T, C> {
    /// Ready when our Close is written and the peer's has come, or as much of that as is still possible.
    fn poll_exchange(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A Close that has come already is answered, not crossed.
        let received = self.poll_read(cx, false);
        self.queue();
        let written = self.poll_write(cx);
        if written.is_pending() {
            // Two ends that each wait for the other to read would hang.
            let _ = self.poll_read(cx, true);
        }
        ready!(received);
        written
    }

    /// Puts our Close behind what is in the write buffer, unless the inner codec has left half a frame there.
    fn queue(&mut self) {
        let mut buffer = mem::take(self.framed.write_buffer_mut());
        let codec = self.framed.codec_mut();
        codec.choose(self.frame);
        if codec.writing.at_boundary() {
            codec.queue(&mut buffer);
        }
        *self.framed.write_buffer_mut() = buffer;
    }

    /// Ready when the transport has ended on both sides, or as much of that as is still possible.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.framed.codec().closing.transport() == Transport::AwaitEnd {
            ready!(self.poll_read(cx, true));
        }
        let shut_down = self.poll_shutdown(cx);
        let ended = self.poll_read(cx, true);
        ready!(shut_down);
        ended
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.writable {
            match ready!(Pin::new(self.framed.get_mut()).poll_shutdown(cx)) {
                // The peer was faster, or an earlier call that was cancelled.
                Err(error) if error.kind() != io::ErrorKind::NotConnected => self.stop_writing(error),
                _ => self.writable = false,
            }
        }
        Poll::Ready(())
    }

    /// Looks through the read buffer for the peer's Close and empties it; whether one is still awaited.
    fn skip_to_close(&mut self) -> bool {
        let mut buffer = mem::take(self.framed.read_buffer_mut());
        let codec = self.framed.codec_mut();
        codec.skip_to_close(&mut buffer);
        let awaits_close = matches!(codec.incoming, Incoming::Scanned(_) | Incoming::Draining(_) | Incoming::Stop);
        *self.framed.read_buffer_mut() = buffer;
        awaits_close
    }

    /// Reads and discards, until the peer's Close, or `to_end` of the transport.
    fn poll_read(&mut self, cx: &mut Context<'_>, to_end: bool) -> Poll<()> {
        // A peer that floods must not keep the deadline from being looked at.
        for _ in 0..READS_AT_ONCE {
            let awaits_close = self.skip_to_close();
            if !self.readable || !(awaits_close || to_end) {
                return Poll::Ready(());
            }

            let mut chunk = [0; 1024];
            let mut chunk = ReadBuf::new(&mut chunk);
            match ready!(Pin::new(self.framed.get_mut()).poll_read(cx, &mut chunk)) {
                Ok(()) if chunk.filled().is_empty() => self.readable = false,
                Ok(()) => self.framed.read_buffer_mut().extend_from_slice(chunk.filled()),
                Err(error) => {
                    self.io_error.get_or_insert(error);
                    self.readable = false;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes and flushes what is in the write buffer.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.writable {
            let mut buffer = mem::take(self.framed.write_buffer_mut());
            let transport = Pin::new(self.framed.get_mut());
            let written = if buffer.is_empty() {
                transport.poll_flush(cx).map_ok(|()| None)
            } else {
                transport.poll_write(cx, &buffer).map_ok(Some)
            };
            if let Poll::Ready(Ok(Some(count))) = written {
                buffer.advance(count);
            }
            *self.framed.write_buffer_mut() = buffer;
            match ready!(written) {
                Ok(None) => {
                    self.framed.codec_mut().written();
                    return Poll::Ready(());
                }
                Ok(Some(1..)) => {}
                Ok(Some(0)) => self.stop_writing(io::ErrorKind::WriteZero.into()),
                Err(error) => self.stop_writing(error),
            }
        }
        Poll::Ready(())
    }

    fn stop_writing(&mut self, error: io::Error) {
        self.io_error.get_or_insert(error);
        self.writable = false;
    }
}

/// How many reads of 1 KiB are made before other tasks, and the deadline, have their turn.
const READS_AT_ONCE: usize = 32;

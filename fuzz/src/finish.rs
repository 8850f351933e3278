//! `finish` over a transport that misbehaves in every legal way, under an executor that polls only what was woken: the
//! bytes, the times and the ending are those of a model. It knows only which bytes the transport carried, and when.
//!
//! Each byte of the input is a choice. Where the input ends, everything behaves.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, advance};
use tokio_util::codec::{Decoder, Encoder, Framed};
use websocket_close::codec::{Bare, CloseCodec, Error, Finished, Message, Timeouts, finish};
use websocket_close::{Awaited, CloseFrame, Loss, Role, TransportEnd};

use crate::codec::{Contents, End, Frames, HABITS, is_whole, look, may_be_written};
use crate::executor::{Choices, Woken};
use crate::payload::{Verdict, judge};
use crate::wire::payload_of;

const CLOSE: Duration = Duration::from_secs(10);
const END: Duration = Duration::from_secs(2);
/// So much time passes at once, at most.
const STEP: Duration = Duration::from_millis(250);

const GOODBYE: CloseFrame<'static> = CloseFrame::from_static(1001, "restart");
/// What the inner codec refuses.
const REFUSED: &[u8] = b"refuse";

/// What the peer ends its bytes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Silence,
    Flood,
    InOrder,
    Fails(ErrorKind),
}

/// Why one direction of the transport waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stall {
    No,
    /// Until the executor lets it go on.
    Yes,
    ForEver,
}

/// One direction: what it waits for, and whom it wakes.
struct Half {
    stall: Stall,
    waker: Option<Waker>,
}

impl Half {
    const fn new() -> Self {
        Self { stall: Stall::No, waker: None }
    }

    /// Pends, if it has to, and remembers the waker of the last call alone, as the contract of `AsyncRead` allows.
    fn pends(&mut self, choices: &mut Choices, cx: &Context<'_>) -> bool {
        if self.stall == Stall::No {
            match choices.pick(16) {
                11 | 12 => self.stall = Stall::Yes,
                13 => {
                    self.stall = Stall::Yes;
                    cx.waker().wake_by_ref();
                }
                14 if choices.pick(4) == 1 => self.stall = Stall::ForEver,
                _ => {}
            }
        }
        let pends = self.stall != Stall::No;
        self.waker = pends.then(|| cx.waker().clone());
        pends
    }

    fn release(&mut self) -> bool {
        let released = self.stall == Stall::Yes;
        if released {
            self.stall = Stall::No;
            self.waker.take().into_iter().for_each(Waker::wake);
        }
        released
    }
}

/// What has happened to the transport when its first call of a kind came.
#[derive(Clone, Copy, Debug)]
struct Snapshot {
    at: Instant,
    delivered: usize,
    read_ended: bool,
    flushed: usize,
    broken: bool,
    /// Whether writing waits.
    stuck: bool,
}

struct World {
    choices: Choices,
    /// Whether the peer masks.
    masked: bool,
    /// Whether each call takes one byte.
    trickles: bool,
    /// Whether there is nothing to flush, as over TCP.
    unbuffered: bool,
    incoming: Vec<u8>,
    last: Last,
    read: Half,
    write: Half,
    /// So many bytes of `incoming` were read.
    delivered: usize,
    /// How reading ended, and with which error of writing before.
    read_end: Option<(Result<(), ErrorKind>, Option<ErrorKind>)>,
    accepted: Vec<u8>,
    /// So much of it was flushed by `finish`.
    flushed: usize,
    broken: Option<ErrorKind>,
    /// Whether `finish` calls.
    finishing: bool,
    /// Whether `finish` has seen that.
    end_seen: bool,
    first_write: Option<Snapshot>,
    first_shutdown: Option<Snapshot>,
}

impl World {
    fn snapshot(&self) -> Snapshot {
        Snapshot {
            at: Instant::now(),
            delivered: self.delivered,
            read_ended: self.read_end.is_some(),
            flushed: self.flushed,
            broken: self.broken.is_some(),
            stuck: self.write.stall != Stall::No,
        }
    }

    /// How many bytes a read or write takes of `most`.
    fn share(&mut self, most: usize) -> usize {
        let share = match self.choices.pick(16) {
            _ if self.trickles => 1,
            6..=8 => 1,
            9 | 10 => 3,
            _ => most,
        };
        share.min(most)
    }

    /// What every call of the write side has in common. `waits` tells whether it may pend or fail.
    fn write_call(&mut self, waits: bool, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.finishing {
            let snapshot = self.snapshot();
            self.first_write.get_or_insert(snapshot);
        }
        if let Some(kind) = self.broken {
            return Poll::Ready(Err(kind.into()));
        }
        if !waits {
            return Poll::Ready(Ok(()));
        }
        if self.write.pends(&mut self.choices, cx) {
            return Poll::Pending;
        }
        if self.choices.pick(64) == 63 {
            let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::TimedOut, ErrorKind::Other];
            let kind = kinds[usize::from(self.choices.pick(4))];
            self.broken = Some(kind);
            return Poll::Ready(Err(kind.into()));
        }
        Poll::Ready(Ok(()))
    }
}

struct Link(Rc<RefCell<World>>);

impl AsyncRead for Link {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let world = &mut *self.0.borrow_mut();
        let in_order = matches!(world.read_end, Some((Ok(()), _)));
        assert!(!(world.finishing && (world.end_seen || in_order)), "nothing is read behind the end");
        if world.delivered == world.incoming.len() {
            if world.last == Last::Flood {
                if !world.finishing {
                    // A `Framed` reads for as long as there is something.
                    return Poll::Pending;
                }
                let unit: [u8; 128] = if world.choices.pick(8) == 7 { [0; 128] } else { [b'f'; 128] };
                world.incoming.extend(other_frame(world.masked, 0x82, &unit));
                assert!(world.incoming.len() < 1 << 20, "it reads without a pause");
            } else if let Last::InOrder | Last::Fails(_) = world.last {
                // The end stays.
                if world.read_end.is_none() && world.read.pends(&mut world.choices, cx) {
                    return Poll::Pending;
                }
                let result = if let Last::Fails(kind) = world.last { Err(kind) } else { Ok(()) };
                let broken = world.broken.filter(|_| world.first_write.is_some());
                if world.read_end.is_none() || (world.finishing && !world.end_seen) {
                    world.read_end = Some((result, broken));
                }
                world.end_seen |= world.finishing;
                return Poll::Ready(result.map_err(io::Error::from));
            } else {
                world.read.stall = Stall::ForEver;
            }
        }
        if world.read.pends(&mut world.choices, cx) {
            return Poll::Pending;
        }
        let most = buffer.remaining().min(world.incoming.len() - world.delivered);
        let share = world.share(most);
        buffer.put_slice(&world.incoming[world.delivered..world.delivered + share]);
        world.delivered += share;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let world = &mut *self.0.borrow_mut();
        assert!(world.first_shutdown.is_none(), "nothing is written behind the end");
        assert!(!bytes.is_empty(), "an empty write may mean anything");
        match world.write_call(true, cx) {
            Poll::Ready(Ok(())) => {}
            done => return done.map_ok(|()| 0),
        }
        if world.choices.pick(64) == 63 {
            world.broken = Some(ErrorKind::WriteZero);
            return Poll::Ready(Ok(0));
        }
        let share = world.share(bytes.len());
        world.accepted.extend_from_slice(&bytes[..share]);
        Poll::Ready(Ok(share))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let world = &mut *self.0.borrow_mut();
        let result = world.write_call(!world.unbuffered, cx);
        if let (Poll::Ready(Ok(())), true) = (&result, world.finishing) {
            world.flushed = world.accepted.len();
        }
        result
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let world = &mut *self.0.borrow_mut();
        let snapshot = world.snapshot();
        world.first_shutdown.get_or_insert(snapshot);
        let result = world.write_call(true, cx);
        if result.is_ready() && world.broken.is_none() && world.choices.pick(8) == 7 {
            // The peer was faster.
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        }
        result
    }
}

/// The inner codec: one of those of the target `codec`, or one that takes a byte a call; it may refuse a frame.
struct Inner(Frames);

impl Decoder for Inner {
    type Item = Vec<u8>;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Vec<u8>>> {
        let frame = self.0.decode(src)?;
        if frame.as_ref().is_some_and(|frame| frame[0] == 0x82 && payload_of(frame) == REFUSED) {
            return Err(io::Error::other("refused"));
        }
        Ok(frame)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> io::Result<Option<Vec<u8>>> {
        self.decode(src)
    }
}

impl Encoder<Bytes> for Inner {
    type Error = io::Error;

    fn encode(&mut self, item: Bytes, dst: &mut BytesMut) -> io::Result<()> {
        dst.extend_from_slice(&item);
        Ok(())
    }
}

enum Surface {
    Framed(Box<Framed<Link, CloseCodec<Inner>>>),
    Bare(Box<Bare<Link>>),
}

impl Surface {
    async fn finish(&mut self, frame: CloseFrame<'_>) -> Finished {
        let timeouts = Timeouts::DEFAULT.close(CLOSE).end(END);
        match self {
            Self::Framed(framed) => finish(framed, frame, timeouts).await,
            Self::Bare(bare) => bare.finish(frame, timeouts).await,
        }
    }
}

/// What was to be written before `finish`.
enum Queued {
    Bytes(&'static [u8]),
    Close,
}

/// What the rules make of the calls before `finish`, and then of the bytes.
struct Model {
    local: Role,
    /// The payload of our Close, whole.
    ours: Option<Vec<u8>>,
    /// What was queued, as if our Close were empty; and where that is.
    image: Vec<u8>,
    image_close: Option<usize>,
    theirs: Option<Vec<u8>>,
    failed: bool,
    /// Our side refused what came, with no code of its own.
    refused: bool,
    /// The program knows that the transport has ended inside a frame.
    truncated: bool,
    /// The inner codec has left half a frame, and so nothing of ours can follow.
    half: bool,
    /// The program was told their Close.
    told: bool,
    queued: Vec<Queued>,
    /// So many bytes of a frame that began before.
    inside: usize,
}

impl Model {
    fn receive(&mut self, payload: &[u8]) {
        if self.theirs.is_none() && !self.failed {
            self.theirs = Some(payload.to_vec());
            self.ours.get_or_insert_with(|| payload.get(..2).unwrap_or_default().to_vec());
        }
    }

    fn fail(&mut self, with: &[u8]) {
        if self.theirs.is_none() && !self.failed {
            self.failed = true;
            self.ours.get_or_insert_with(|| with.to_vec());
        }
    }

    /// The program reads once, before `finish` or between two calls. Whether it has got a message other than a Close.
    fn next(&mut self, before: bool, framed: Pin<&mut Framed<Link, CloseCodec<Inner>>>) -> bool {
        match framed.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(Message::Other(_)))) => return true,
            Poll::Ready(Some(Ok(Message::Close(close)))) => {
                assert!(!self.told && !self.failed && !self.refused, "{close}");
                self.told = true;
                if before {
                    self.receive(&payload(close.as_frame()));
                }
            }
            Poll::Ready(Some(Err(Error::Wire(error)))) if before => self.fail(&payload(error.reply())),
            Poll::Ready(Some(Err(Error::Inner(_)))) => self.refused = true,
            Poll::Ready(Some(Err(Error::UnexpectedEof))) => self.truncated = true,
            Poll::Ready(Some(Err(_)) | None) | Poll::Pending => {}
        }
        false
    }

    /// Takes everything that was read so far, and may be taken.
    fn read(&mut self, delivered: &[u8]) -> Vec<Vec<u8>> {
        let contents = look(self.local, delivered.get(self.inside..).unwrap_or_default());
        if !self.refused {
            match &contents.end {
                End::Close(payload) => self.receive(payload),
                End::BadClose(payload) => {
                    self.fail(if let Verdict::BadText(_) = judge(payload) { b"\x03\xef" } else { b"\x03\xea" });
                }
                End::Fault(_) => self.fail(b"\x03\xea"),
                End::Eof(_) => {}
            }
        }
        contents.others
    }
}

fn payload(frame: CloseFrame<'_>) -> Vec<u8> {
    frame.write_payload(&mut [0; 125]).to_vec()
}

const KEY: [u8; 4] = [0x5a, 0, 0xff, 0x88];

fn other_frame(masked: bool, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut frame = vec![first];
    if let Ok(len @ 0..=125) = u8::try_from(payload.len()) {
        frame.push(mask | len);
    } else {
        frame.push(mask | 0x7e);
        frame.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
    }
    if masked {
        frame.extend_from_slice(&KEY);
    }
    frame.extend(payload.iter().enumerate().map(|(at, byte)| if masked { byte ^ KEY[at % 4] } else { *byte }));
    frame
}

/// The bytes of the peer.
fn incoming(choices: &mut Choices, masked: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..choices.pick(8) {
        let frame = |first, payload: &[u8]| other_frame(masked, first, payload);
        bytes.extend(match choices.pick(16) {
            0 | 1 => frame(0x88, b"\x0f\xa1bye\n\x1b[31m"),
            2 => frame(0x88, b""),
            3 => frame(0x88, b"\x03\xe8"),
            4 => match choices.pick(7) {
                0 => frame(0x88, b"\x03\xf8no such code"),
                1 => frame(0x88, b"\x03\xe8\xff"),
                2 => frame(0x88, b"\x03"),
                3 => frame(0xc8, b"\x03\xe8"),
                4 => frame(0x08, b"\x03\xe8"),
                5 => other_frame(!masked, 0x88, b"\x03\xe8"),
                _ => vec![0x82, 0x7f | if masked { 0x80 } else { 0 }, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
            },
            5..=9 => frame(0x89, &[number; 9][..usize::from(1 + number % 8)]),
            10 => frame(0xc9, b"wrong"),
            11 => frame(0x82, REFUSED),
            12 => frame(0x82, &[0x88; 300]),
            13 => frame(0x01, b"half"),
            _ => frame(0x82, b"data"),
        });
    }
    if choices.pick(8) == 7 {
        let keep = bytes.len() - usize::from(choices.pick(12)).min(bytes.len());
        bytes.truncate(keep);
    }
    bytes
}

thread_local! {
    static KEYS: Cell<u32> = const { Cell::new(1) };
}

/// No two are the same.
fn key() -> [u8; 4] {
    KEYS.set(KEYS.get().wrapping_add(0x0101_0103));
    KEYS.get().to_be_bytes()
}

/// The property.
pub fn check(input: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run(input));
}

async fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    let masked = choices.pick(2) == 1;
    let local = if masked { Role::Server } else { Role::Client };
    let framed = choices.pick(2) == 1;
    let manner = choices.pick(4);
    let (trickles, unbuffered) = (manner == 3, manner == 2);
    let incoming = incoming(&mut choices, masked);
    let last = match choices.pick(8) {
        0 | 1 => Last::InOrder,
        2 | 3 => Last::Silence,
        4 => Last::Fails(ErrorKind::ConnectionReset),
        5 => Last::Fails(ErrorKind::UnexpectedEof),
        6 => Last::Fails(ErrorKind::Other),
        _ => Last::Flood,
    };
    let world = Rc::new(RefCell::new(World {
        choices,
        masked,
        trickles,
        unbuffered,
        incoming,
        last,
        read: Half::new(),
        write: Half::new(),
        delivered: 0,
        read_end: None,
        accepted: Vec::new(),
        flushed: 0,
        broken: None,
        finishing: false,
        end_seen: false,
        first_write: None,
        first_shutdown: None,
    }));
    let mut model = Model {
        local,
        ours: None,
        image: Vec::new(),
        image_close: None,
        theirs: None,
        failed: false,
        refused: false,
        truncated: false,
        half: false,
        told: false,
        queued: Vec::new(),
        inside: 0,
    };
    let codec = if masked { CloseCodec::server() } else { CloseCodec::client(key) };
    let link = Link(world.clone());
    let mut surface = if framed {
        let habit = HABITS[usize::from(world.borrow_mut().choices.pick(4))];
        let mut framed = Framed::new(link, codec.wrap(Inner(Frames::new(habit))));
        use_framed(&mut framed, &world, &mut model);
        Surface::Framed(Box::new(framed))
    } else {
        let mut bare = Bare::new(link, codec);
        bare = use_bare(bare, &world, &mut model);
        Surface::Bare(Box::new(bare))
    };
    let (begun, read_before) = (Instant::now(), world.borrow().delivered);
    let (finished, calls) = drive(&mut surface, &world, &mut model, begun).await;
    let world = &*world.borrow();
    judge_ending(&finished, calls, world, &mut model, begun);
    if let (TransportEnd::Cut { discarded: Some(discarded), .. }, false) = (finished.ending.transport_end(), framed) {
        // A wrong payload is one of a Close, too. A wrong header is not.
        let close = match heard(world, &model).end {
            End::Close(payload) | End::BadClose(payload) => payload.len() + if masked { 6 } else { 2 },
            End::Fault(_) | End::Eof(_) => 0,
        };
        // The Close may have come before, or in part.
        let since = world.delivered - read_before;
        let expected = [since, since.saturating_sub(close)].map(|count| count as u64);
        assert!(expected.contains(&discarded), "{discarded} of {}, {read_before} were read before", world.delivered);
    }
}

/// A program with a `Framed` sends, reads, fails and answers a little.
fn use_framed(framed: &mut Framed<Link, CloseCodec<Inner>>, world: &Rc<RefCell<World>>, model: &mut Model) {
    let pick = |of| world.borrow_mut().choices.pick(of);
    let mut cx = Context::from_waker(Waker::noop());
    let mut framed = Pin::new(framed);
    for _ in 0..pick(8) {
        match pick(10) {
            0 | 1 => _ = model.next(true, framed.as_mut()),
            2 => {
                let frame = CloseFrame::from_static(4000, "sent");
                let sent = framed.as_mut().start_send(frame.into());
                assert_eq!(sent.is_err(), model.image_close.is_some() || model.half);
                if sent.is_ok() {
                    if model.refused {
                        model.fail(&payload(frame));
                    }
                    model.ours.get_or_insert_with(|| payload(frame));
                    model.image_close = Some(model.image.len());
                    model.image.extend_from_slice(b"\x88\x00");
                    model.queued.push(Queued::Close);
                }
            }
            3..=5 => {
                let item: &'static [u8] = [&b"\x82\x02hi"[..], b"\x89\x00", b"\x82\x05ha"][usize::from(pick(3))];
                let close = model.image_close;
                let allowed = !model.failed
                    && !model.refused
                    && !model.truncated
                    && may_be_written(&[&model.image, item].concat(), close);
                let sent = framed.as_mut().start_send(Message::Other(Bytes::from_static(item)));
                assert_eq!(sent.is_ok(), allowed, "{item:x?} after {:x?}", model.image);
                if allowed {
                    model.queued.push(Queued::Bytes(item));
                    model.image.extend_from_slice(item);
                    model.half = !is_whole(&model.image);
                }
            }
            6 => {
                framed.codec_mut().fail(CloseFrame::from_static(1009, "big"));
                model.fail(b"\x03\xf1big");
            }
            7 => {
                framed.codec_mut().answer_with(CloseFrame::from_static(4002, "other"));
                if model.theirs.is_some() && model.image_close.is_none() {
                    model.ours = Some(b"\x0f\xa2other".to_vec());
                }
            }
            _ => drop(framed.as_mut().poll_flush(&mut cx)),
        }
        let world = &mut *world.borrow_mut();
        world.read.release();
        world.write.release();
    }
}

/// A program with a socket hands over what it has read and not used, and what it has not written.
fn use_bare(mut bare: Bare<Link>, world: &Rc<RefCell<World>>, model: &mut Model) -> Bare<Link> {
    let world = &mut *world.borrow_mut();
    let unwritten: &'static [u8] = [&b""[..], b"\x82\x03abc", b"\x82\x00\x89\x00"][usize::from(world.choices.pick(3))];
    bare.write_buffer.extend_from_slice(unwritten);
    model.queued.push(Queued::Bytes(unwritten));
    if world.choices.pick(4) == 3 {
        model.inside = usize::from(world.choices.pick(20));
        world.incoming.splice(..0, std::iter::repeat_n(0x88, model.inside));
        bare = bare.inside_frame(model.inside as u64);
    }
    let read = usize::from(world.choices.pick(32)).min(world.incoming.len());
    bare.read_buffer.extend_from_slice(&world.incoming[..read]);
    world.delivered = read;
    if world.choices.pick(16) == 15 {
        bare.codec.fail(CloseFrame::from_static(1009, "big"));
        model.fail(b"\x03\xf1big");
    }
    bare
}

/// Ends the connection. Sometimes a call is dropped, and another goes on. Also returns how many there were.
async fn drive(
    surface: &mut Surface,
    world: &Rc<RefCell<World>>,
    model: &mut Model,
    begun: Instant,
) -> (Finished, u32) {
    let mut calls = 1;
    loop {
        let frame = if calls == 1 { GOODBYE } else { CloseFrame::EMPTY };
        if let Some(finished) = call(surface, frame, world, model, begun).await {
            return (finished, calls);
        }
        calls += 1;
        let reads_on = world.borrow_mut().choices.pick(2) == 1;
        if let (Surface::Framed(framed), true) = (&mut *surface, reads_on) {
            // From the first call on, it yields only their Close, and once.
            assert!(!model.next(false, Pin::new(framed)), "a message after finish");
        }
    }
}

/// One call, which may be dropped after any poll.
async fn call(
    surface: &mut Surface,
    frame: CloseFrame<'_>,
    world: &Rc<RefCell<World>>,
    model: &Model,
    begun: Instant,
) -> Option<Finished> {
    let answers_all = matches!(surface, Surface::Bare(_)) && !model.half;
    let pick = |of| world.borrow_mut().choices.pick(of);
    let (woken, waker) = Woken::new();
    let mut cx = Context::from_waker(&waker);
    let mut finishing = pin!(surface.finish(frame));
    let mut polls = 0_u32;
    loop {
        if woken.take() {
            world.borrow_mut().finishing = true;
            let polled = finishing.as_mut().poll(&mut cx);
            world.borrow_mut().finishing = false;
            if let Poll::Ready(finished) = polled {
                return Some(finished);
            }
            assert!(begun.elapsed() <= CLOSE + END + 4 * STEP, "the deadline was missed");
            polls += 1;
            if !woken.is_set() {
                let world = world.borrow();
                let stalled = [&world.read, &world.write].iter().any(|half| half.stall != Stall::No);
                assert!(stalled, "it waits for nothing");
                if answers_all {
                    answered(&world, model);
                }
            }
            if pick(16) == 15 {
                return None;
            }
            if polls % 4 == 3 {
                advance(STEP).await;
            }
        } else {
            match pick(4) {
                2 => woken.set(),
                3 => advance(Duration::from_millis(u64::from(pick(250)))).await,
                _ => {
                    let released = {
                        let world = &mut *world.borrow_mut();
                        let reads = world.read.release();
                        world.write.release() || reads
                    };
                    if !released {
                        advance(STEP).await;
                    }
                }
            }
            assert!(begun.elapsed() <= CLOSE + END + 8 * STEP, "it was never woken");
        }
    }
}

/// What was read so far.
fn heard(world: &World, model: &Model) -> Contents {
    look(model.local, world.incoming[..world.delivered].get(model.inside..).unwrap_or_default())
}

/// Whether nothing stands in the way of the pong for the latest ping, and it was not written.
fn answered(world: &World, model: &Model) {
    let contents = heard(world, model);
    if model.failed
        || world.write.stall != Stall::No
        || world.broken.is_some()
        || world.read_end.is_some()
        || !matches!(contents.end, End::Eof(_))
    {
        return;
    }
    let Some(latest) = contents.others.iter().rfind(|frame| is_ping(model.local, frame)) else { return };
    assert!(pongs(&world.accepted).contains(&payload_of(latest)), "{latest:?} was not answered");
}

/// Whether a peer of ours may send this frame as a ping.
fn is_ping(local: Role, frame: &[u8]) -> bool {
    frame[0] == 0x89 && (frame[1] >= 128) == (local == Role::Server) && frame[1] % 128 <= 125
}

/// The whole frames at the front of some bytes, each with its length.
fn frames(bytes: &[u8]) -> VecDeque<(usize, &[u8])> {
    let mut frames = VecDeque::new();
    let mut rest = bytes;
    while let Ok(Some(len)) = crate::wire::other_at(rest) {
        frames.push_back((len, &rest[..len]));
        rest = &rest[len..];
    }
    frames
}

fn pongs(accepted: &[u8]) -> Vec<Vec<u8>> {
    frames(accepted).iter().filter(|(_, frame)| frame[0] == 0x8a).map(|(_, frame)| payload_of(frame)).collect()
}

fn judge_ending(finished: &Finished, calls: u32, world: &World, model: &mut Model, begun: Instant) {
    let ending = &finished.ending;
    // Which Close is ours depends on what was read before `finish` first wrote.
    let first = world.first_write.unwrap();
    let hung_up = first.read_ended;
    model.read(&world.incoming[..first.delivered]);
    if model.refused && model.ours.is_none() {
        model.fail(&payload(GOODBYE));
    } else if !hung_up {
        model.ours.get_or_insert_with(|| payload(GOODBYE));
    }
    model.failed |= model.refused && model.theirs.is_none();
    let others = model.read(&world.incoming[..world.delivered]);

    let close_end = judge_bytes(world, model, &others);
    let written = close_end.is_some_and(|end| end <= world.flushed);
    let event = ending.event();
    let told = (event.code(), event.reason().as_bytes().to_vec(), event.was_clean());
    let expected = match &model.theirs {
        Some(theirs) => match &theirs[..] {
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason.to_vec(), written),
            _ => (1005, Vec::new(), written),
        },
        None => (1006, Vec::new(), false),
    };
    assert_eq!(told, expected, "{ending}");
    assert_eq!(ending.closing().is_written(), written, "{ending}");
    if world.unbuffered && world.first_shutdown.is_some_and(|shutdown| shutdown.stuck) {
        assert_eq!(written, close_end.is_some(), "something behind our Close is stuck: {ending}");
    }
    assert_eq!(ending.closing().is_failed(), model.failed, "{ending}");
    let line = ending.to_string();
    assert!(!line.chars().any(char::is_control) && line.starts_with(&event.code().to_string()), "{line}");

    let elapsed = begun.elapsed();
    let read_end = world.read_end;
    let expected = match (read_end, world.broken) {
        (Some((Ok(()), Some(kind @ ErrorKind::ConnectionReset))), _) => TransportEnd::Lost(loss(kind)),
        (Some((Ok(()), _)), _) if inside(world, model) => TransportEnd::InsideFrame,
        (Some((Ok(()), _)), _) => TransportEnd::InOrder,
        (Some((Err(ErrorKind::UnexpectedEof), _)), _) => TransportEnd::WithoutCloseNotify,
        (Some((Err(kind), _)), _) | (None, Some(kind)) => TransportEnd::Lost(loss(kind)),
        (None, None) => {
            let TransportEnd::Cut { awaited, after, .. } = ending.transport_end() else { panic!("{ending}") };
            let receiving = model.theirs.is_none() && !model.failed;
            match awaited {
                Awaited::Close => assert!(receiving && written, "{ending}"),
                Awaited::Write => assert!(!written, "{ending}"),
                Awaited::End => assert!(!receiving, "{ending}"),
            }
            // A last flush of what is written already may use up all the time.
            assert!(after >= CLOSE || (after >= END && awaited == Awaited::End), "{ending}");
            // Only an earlier call may have waited longer.
            assert!(after == CLOSE || after == END || calls > 1, "{ending}");
            assert!(elapsed >= after, "{elapsed:?} {ending}");
            ending.transport_end()
        }
    };
    assert_eq!(ending.transport_end(), expected, "{ending}");
    judge_shutdown(world, model, close_end, begun);
    if calls == 1 && world.read_end.is_none_or(|(end, _)| end != Err(ErrorKind::UnexpectedEof)) {
        let failed = world.broken.is_some() || read_end.is_some_and(|(end, _)| end.is_err());
        assert_eq!(finished.io_error.is_some(), failed, "{ending} {:?}", finished.io_error);
    }
}

fn loss(kind: ErrorKind) -> Loss {
    match kind {
        ErrorKind::ConnectionReset => Loss::Reset,
        ErrorKind::BrokenPipe => Loss::BrokenPipe,
        ErrorKind::TimedOut => Loss::TimedOut,
        _ => Loss::Other,
    }
}

/// Whether the peer's bytes end inside a frame that counts.
fn inside(world: &World, model: &Model) -> bool {
    let delivered = &world.incoming[..world.delivered];
    let whole = delivered.len() >= model.inside;
    let rest = delivered.get(model.inside..).unwrap_or_default();
    model.theirs.is_none() && !model.failed && (!whole || look(model.local, rest).end == End::Eof(false))
}

/// Checks the bytes that were written, and returns where our Close ends among them, if it is whole.
fn judge_bytes(world: &World, model: &Model, others: &[Vec<u8>]) -> Option<usize> {
    let mut rest = &world.accepted[..];
    let mut keys = BTreeSet::new();
    let mut close_end = None;
    let mut take_close = |frame: &[u8], end: usize| {
        assert_eq!(frame[0], 0x88);
        assert_eq!(frame[1] >= 128, model.local == Role::Client, "the mask");
        assert_eq!(Some(payload_of(frame)), model.ours, "our Close");
        assert!(close_end.replace(end).is_none(), "a second Close");
    };
    let mut masked = |frame: &[u8]| {
        if model.local == Role::Client {
            assert!(keys.insert(frame[2..6].to_vec()), "a key for two frames");
        }
    };
    for queued in &model.queued {
        match queued {
            Queued::Bytes(bytes) => {
                let common = bytes.len().min(rest.len());
                assert_eq!(rest[..common], bytes[..common]);
                rest = &rest[common..];
            }
            Queued::Close => {
                let Some((len, frame)) = frames(rest).pop_front() else { break };
                masked(frame);
                take_close(frame, world.accepted.len() - rest.len() + len);
                rest = &rest[len..];
            }
        }
    }
    assert!(!model.half || rest.is_empty(), "something follows half a frame");
    let mut pings = others.iter().filter(|frame| is_ping(model.local, frame)).map(|frame| payload_of(frame));
    for (len, frame) in frames(rest) {
        let end = world.accepted.len() - rest.len() + len;
        rest = &rest[len..];
        masked(frame);
        if frame[0] == 0x8a {
            let pong = payload_of(frame);
            assert!(pings.any(|ping| ping == pong), "{pong:?} answers no ping");
        } else if !model.queued.iter().any(|queued| matches!(queued, Queued::Close)) || frame[0] != 0x88 {
            take_close(frame, end);
        } else {
            panic!("a second Close");
        }
    }
    close_end
}

/// Neither side shuts down its writing while the handshake can still be completed (RFC 6455, 7.1.1).
fn judge_shutdown(world: &World, model: &Model, close_end: Option<usize>, begun: Instant) {
    let Some(shutdown) = world.first_shutdown else {
        assert!(world.broken.is_some(), "it was not shut down");
        return;
    };
    let delivered = world.incoming[..shutdown.delivered].get(model.inside..).unwrap_or_default();
    let heard = model.failed || shutdown.read_ended || !matches!(look(model.local, delivered).end, End::Eof(_));
    let said = close_end.is_none_or(|end| end <= shutdown.flushed) || shutdown.broken;
    let waited = shutdown.at - begun;
    assert!((heard && said) || waited >= CLOSE, "shut down too soon");
    // The server ends the transport first.
    let clean = model.theirs.is_some() && close_end.is_some_and(|end| end <= shutdown.flushed);
    if model.local == Role::Client && clean {
        assert!(shutdown.read_ended || waited >= END, "the client was first");
    }
}

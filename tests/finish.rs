//! `finish` against every way a peer or a transport can stall or fail: bounded time, bounded memory, the right event.
#![cfg(feature = "codec")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep, timeout};
use tokio_util::codec::{BytesCodec, Decoder, Encoder, Framed};
use websocket_close::codec::{CloseCodec, Error, Finished, Message, Timeouts, finish};
use websocket_close::{CloseFrame, Role};

const ROLES: [Role; 2] = [Role::Server, Role::Client];
const GOODBYE: CloseFrame<'static> = CloseFrame::from_static(1000, "bye");
/// The payload of the peer's Close, and the event it makes.
const THEIRS: &[u8] = b"\x03\xe9theirs";
const CLEAN: &str = r#"1001 (going away) "theirs", clean"#;
const UNANSWERED: &str = r#"1001 (going away) "theirs", not clean"#;
const ABNORMAL: &str = "1006 (abnormal closure), not clean";

/// A frame, masked with a key of zeros if a client sends it.
fn frame(from: Role, byte0: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap();
    let header: &[u8] = if from == Role::Client { &[byte0, 0x80 | len, 0, 0, 0, 0] } else { &[byte0, len] };
    [header, payload].concat()
}

fn peer_of(local: Role) -> Role {
    if local == Role::Server { Role::Client } else { Role::Server }
}

fn their_close(local: Role) -> Vec<u8> {
    frame(peer_of(local), 0x88, THEIRS)
}

fn our_close(local: Role) -> Vec<u8> {
    frame(local, 0x88, b"\x03\xe8bye")
}

/// The answer to their Close.
fn our_echo(local: Role) -> Vec<u8> {
    frame(local, 0x88, b"\x03\xe9")
}

/// What was done with a transport, and with which result; calls that are pending are not written down.
#[derive(Clone, Debug, PartialEq)]
enum Call {
    Read(Vec<u8>),
    End,
    Write(Vec<u8>),
    Flush,
    Shutdown,
}

type Log = Rc<RefCell<Vec<(Role, Call)>>>;

/// A transport that writes down what is done with it, and fails when told to.
struct Wire {
    io: DuplexStream,
    local: Role,
    log: Log,
    /// How often it was polled.
    calls: usize,
    /// Which calls fail, and how.
    fails: Box<dyn Fn(usize, Op) -> Option<ErrorKind>>,
}

const RESET: Option<ErrorKind> = Some(ErrorKind::ConnectionReset);

#[derive(Clone, Copy, PartialEq)]
enum Op {
    Read,
    Write,
    Flush,
    Shutdown,
}

impl Wire {
    fn call(&mut self, op: Op) -> io::Result<Pin<&mut DuplexStream>> {
        self.calls += 1;
        match (self.fails)(self.calls - 1, op) {
            Some(kind) => Err(kind.into()),
            None => Ok(Pin::new(&mut self.io)),
        }
    }

    fn note(&self, call: Call) {
        self.log.borrow_mut().push((self.local, call));
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = self.call(Op::Read)?.poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = result {
            let bytes = &buf.filled()[before..];
            self.note(if bytes.is_empty() { Call::End } else { Call::Read(bytes.to_vec()) });
        }
        result
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = self.call(Op::Write)?.poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = result {
            self.note(Call::Write(buf[..count].to_vec()));
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.call(Op::Flush)?.poll_flush(cx);
        if let Poll::Ready(Ok(())) = result {
            self.note(Call::Flush);
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.call(Op::Shutdown)?.poll_shutdown(cx);
        if let Poll::Ready(Ok(())) = result {
            self.note(Call::Shutdown);
        }
        result
    }
}

type Connection = Framed<Wire, CloseCodec<BytesCodec>>;

fn codec(local: Role) -> CloseCodec {
    match local {
        Role::Server => CloseCodec::server(),
        Role::Client => CloseCodec::client([0; 4]),
    }
}

fn connection(local: Role, io: DuplexStream) -> Connection {
    let wire = Wire { io, local, log: Log::default(), calls: 0, fails: Box::new(|_, _| None) };
    Framed::new(wire, codec(local).wrap(BytesCodec::new()))
}

/// A frame for the inner codec, which passes it on as it is.
fn other(frame: &[u8]) -> Message<Bytes> {
    Message::Other(Bytes::copy_from_slice(frame))
}

/// Our end, and the bare other one.
fn pair(local: Role) -> (Connection, DuplexStream) {
    let (ours, theirs) = duplex(1024);
    (connection(local, ours), theirs)
}

impl Wire {
    /// The calls so far, other than flushes.
    fn calls(&self) -> Vec<Call> {
        self.log.borrow().iter().map(|(_, call)| call.clone()).filter(|call| *call != Call::Flush).collect()
    }

    fn written(&self) -> Vec<u8> {
        let calls = self.calls();
        calls
            .iter()
            .filter_map(|call| if let Call::Write(bytes) = call { Some(&bytes[..]) } else { None })
            .collect::<Vec<_>>()
            .concat()
    }

    fn read(&self) -> Vec<u8> {
        let calls = self.calls();
        calls
            .iter()
            .filter_map(|call| if let Call::Read(bytes) = call { Some(&bytes[..]) } else { None })
            .collect::<Vec<_>>()
            .concat()
    }
}

/// Yields a byte at a time.
struct Bytewise;
impl Decoder for Bytewise {
    type Item = u8;
    type Error = io::Error;
    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<u8>> {
        Ok((!src.is_empty()).then(|| src.split_to(1)[0]))
    }
}

/// Refuses whatever comes.
struct Refuser;
impl Decoder for Refuser {
    type Item = BytesMut;
    type Error = io::Error;
    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        if src.is_empty() { Ok(None) } else { Err(io::Error::other("refused")) }
    }
}

impl Encoder<Bytes> for Refuser {
    type Error = io::Error;
    fn encode(&mut self, _: Bytes, _: &mut BytesMut) -> io::Result<()> {
        Err(io::Error::other("refused"))
    }
}

/// A connection whose inner codec has just refused what came.
async fn refused(local: Role) -> (Framed<DuplexStream, CloseCodec<Refuser>>, DuplexStream) {
    let (ours, mut peer) = duplex(1024);
    let mut framed = Framed::new(ours, codec(local).wrap(Refuser));
    peer.write_all(&frame(peer_of(local), 0x82, b"data")).await.unwrap();
    assert!(matches!(framed.next().await, Some(Err(Error::Inner(_)))));
    (framed, peer)
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    // Far beyond every bound: a hang is a failure, not a test that never ends.
    let result = timeout(Duration::from_secs(1_000_000), work).await.unwrap();
    (result, begun.elapsed())
}

/// Finishes with the default timeouts, and checks event, time (to the tick of the clock), and that nothing is kept.
#[track_caller]
fn expect<'a>(framed: &'a mut Connection, event: &'a str, millis: u64) -> impl Future<Output = Option<ErrorKind>> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let (finished, took) = timed(finish(framed, GOODBYE, Timeouts::DEFAULT)).await;
        assert_eq!(finished.event.to_string(), event, "{caller}");
        let expected = Duration::from_millis(millis);
        assert!((expected..expected + Duration::from_millis(3)).contains(&took), "{took:?} {caller}");
        assert!(framed.read_buffer().len() <= 131, "{caller}");
        finished.io_error.map(|error| error.kind())
    }
}

#[tokio::test(start_paused = true)]
async fn silent() {
    for local in ROLES {
        let (mut framed, _peer) = pair(local);
        assert_eq!(expect(&mut framed, ABNORMAL, 10_000).await, None);
        // The Close went out, and a last word.
        assert_eq!(framed.get_ref().calls(), [Call::Write(our_close(local)), Call::Shutdown]);
    }
}

#[tokio::test(start_paused = true)]
async fn end_without_a_close() {
    for local in ROLES {
        for sent in [vec![], frame(peer_of(local), 0x82, b"data"), their_close(local)[..5].to_vec()] {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&sent).await.unwrap();
            peer.shutdown().await.unwrap();
            assert_eq!(expect(&mut framed, ABNORMAL, 0).await, None);
            assert_eq!(framed.get_ref().written(), our_close(local));
        }
        // Nobody there at all.
        let (mut framed, peer) = pair(local);
        drop(peer);
        assert_eq!(expect(&mut framed, ABNORMAL, 0).await, Some(ErrorKind::BrokenPipe));
    }
}

#[tokio::test(start_paused = true)]
async fn reset() {
    for local in ROLES {
        // On everything, as a reset is.
        let (mut framed, _peer) = pair(local);
        framed.get_mut().fails = Box::new(|_, _| RESET);
        assert_eq!(expect(&mut framed, ABNORMAL, 0).await, RESET);

        // On reading: our Close is still tried.
        let (mut framed, _peer) = pair(local);
        framed.get_mut().fails = Box::new(|_, op| RESET.filter(|_| op == Op::Read));
        assert_eq!(expect(&mut framed, ABNORMAL, 0).await, RESET);
        assert_eq!(framed.get_ref().written(), our_close(local));

        // On writing: theirs may still come.
        let (mut framed, _peer) = pair(local);
        framed.get_mut().fails = Box::new(|_, op| RESET.filter(|_| op == Op::Write));
        assert_eq!(expect(&mut framed, ABNORMAL, 10_000).await, RESET);

        // After both Closes it takes nothing away.
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        framed.get_mut().fails =
            Box::new(|call, op| RESET.filter(|_| op == Op::Read && call > 0 || op == Op::Shutdown));
        assert_eq!(expect(&mut framed, CLEAN, 0).await, RESET);
    }
}

/// Writing, flushing: whichever fails, their Close counts and ours does not.
#[tokio::test(start_paused = true)]
async fn failing_write_with_their_close_received() {
    for local in ROLES {
        for failing in [Op::Write, Op::Flush] {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&their_close(local)).await.unwrap();
            framed.get_mut().fails = Box::new(move |_, op| RESET.filter(|_| op == failing));
            // The peer does not end the transport.
            assert_eq!(expect(&mut framed, UNANSWERED, 2_000).await, RESET);
        }
    }
}

/// The first error is the one that tells what happened; and a peer that has ended the transport already is none.
#[tokio::test(start_paused = true)]
async fn which_error_is_told() {
    for local in ROLES {
        let kind = |op| match op {
            Op::Read => ErrorKind::ConnectionReset,
            Op::Write | Op::Flush => ErrorKind::BrokenPipe,
            Op::Shutdown => ErrorKind::TimedOut,
        };
        let (mut framed, _peer) = pair(local);
        framed.get_mut().fails = Box::new(move |_, op| Some(kind(op)));
        assert_eq!(expect(&mut framed, ABNORMAL, 0).await, RESET);
        let (mut framed, _peer) = pair(local);
        framed.get_mut().fails = Box::new(move |_, op| Some(kind(op)).filter(|_| op != Op::Read));
        assert_eq!(expect(&mut framed, ABNORMAL, 10_000).await, Some(ErrorKind::BrokenPipe));

        // Reading fails a second after writing.
        let (mut framed, mut peer) = pair(local);
        framed.get_mut().fails = Box::new(move |call, op| Some(kind(op)).filter(|_| call > 0));
        let wakes = async {
            sleep(Duration::from_secs(1)).await;
            peer.write_all(b"\x82").await.unwrap();
        };
        let (error, ()) = tokio::join!(expect(&mut framed, ABNORMAL, 1_000), wakes);
        assert_eq!(error, Some(ErrorKind::BrokenPipe));

        for (kind, told) in [(ErrorKind::TimedOut, Some(ErrorKind::TimedOut)), (ErrorKind::NotConnected, None)] {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&their_close(local)).await.unwrap();
            peer.shutdown().await.unwrap();
            framed.get_mut().fails = Box::new(move |_, op| Some(kind).filter(|_| op == Op::Shutdown));
            assert_eq!(expect(&mut framed, CLEAN, 0).await, told);
        }
    }
}

/// A transport that takes nothing would have the writer spin.
#[tokio::test(start_paused = true)]
async fn a_write_of_zero_bytes_is_an_error() {
    struct Full;
    impl AsyncRead for Full {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
    impl AsyncWrite for Full {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(0))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    let mut framed = Framed::new(Full, CloseCodec::server());
    let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
    assert_eq!(finished.io_error.unwrap().kind(), ErrorKind::WriteZero);
    assert_eq!((finished.event.to_string().as_str(), took.as_secs()), (ABNORMAL, 10));
}

/// A wrong answer fails the connection; since our Close is out, there is no second one, and the transport is ended.
#[tokio::test(start_paused = true)]
async fn malformed_answer() {
    for local in ROLES {
        let from = peer_of(local);
        let wrong = [
            frame(local, 0x88, b"\x03\xe8"),
            frame(from, 0x08, b"\x03\xe8"),
            frame(from, 0x88, b"\x03"),
            frame(from, 0x88, b"\x03\xed"),
            frame(from, 0x88, b"\x03\xe8\xff"),
            [b"\x82\x7f\x80\0\0\0\0\0\0\0".to_vec(), their_close(local)].concat(),
        ];
        for wrong in wrong {
            let (mut framed, mut peer) = pair(local);
            framed.send(Message::<Bytes>::Close(GOODBYE.into())).await.unwrap();
            peer.write_all(&wrong).await.unwrap();
            // A Close that is right comes too late.
            peer.write_all(&their_close(local)).await.unwrap();
            assert_eq!(expect(&mut framed, ABNORMAL, 2_000).await, None);
            assert_eq!(framed.get_ref().written(), our_close(local));
            assert!(framed.codec().closing().failed());

            // Seen by the codec before: it is what our one Close says.
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&wrong).await.unwrap();
            peer.shutdown().await.unwrap();
            while let Some(Ok(_)) = framed.next().await {}
            assert_eq!(expect(&mut framed, ABNORMAL, 0).await, None);
            let code: &[u8] = if wrong.ends_with(b"\xff") { b"\x03\xef" } else { b"\x03\xea" };
            assert_eq!(framed.get_ref().written(), frame(local, 0x88, code));

            // In the transport when `finish` is called: so, too.
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&wrong).await.unwrap();
            assert_eq!(expect(&mut framed, ABNORMAL, 2_000).await, None);
            assert_eq!(framed.get_ref().written(), frame(local, 0x88, code));
        }
    }
}

/// A transport that is always ready to read, whose clock moves by a step a read, if it is given one.
struct Flood {
    front: Vec<u8>,
    unit: Vec<u8>,
    step: Option<Duration>,
    written: Vec<u8>,
}

impl AsyncRead for Flood {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(step) = self.step {
            // The clock stands still while a task never waits. The first poll moves it.
            let _ = advance(step).now_or_never();
        }
        if self.front.is_empty() {
            buf.put_slice(&self.unit);
        } else {
            buf.put_slice(&std::mem::take(&mut self.front));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.written.extend(buf);
        Poll::Ready(Ok(buf.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What an endless peer sends first and then for ever, what is written, and what comes of it after how many seconds.
type FloodCase = (Vec<u8>, Vec<u8>, Vec<u8>, &'static str, u64);

fn floods(local: Role) -> Vec<FloodCase> {
    let from = peer_of(local);
    let data = frame(from, 0x82, &[b'x'; 100]);
    let mask = if from == Role::Client { 0x80 } else { 0 };
    let announced = [&[0x82, mask | 0x7f, 0x7f][..], &[0xff; 7]].concat();
    vec![
        (vec![], data.clone(), our_close(local), ABNORMAL, 10),
        (vec![], frame(from, 0x89, b""), our_close(local), ABNORMAL, 10),
        (announced, vec![0x88; 1000], our_close(local), ABNORMAL, 10),
        // Behind a Close, which is to be answered all the same.
        (their_close(local), data.clone(), our_echo(local), CLEAN, 2),
        (their_close(local), their_close(local), our_echo(local), CLEAN, 2),
        // Behind a frame that fails the connection.
        (frame(local, 0x88, b""), data, frame(local, 0x88, b"\x03\xea"), ABNORMAL, 2),
    ]
}

#[tokio::test(start_paused = true)]
async fn flood() {
    for local in ROLES {
        for (front, unit, written, event, seconds) in floods(local) {
            let step = Some(Duration::from_micros(100));
            let mut framed = Framed::new(Flood { front, unit, step, written: vec![] }, codec(local));
            let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
            assert_eq!(finished.event.to_string(), event);
            // A little more than the deadline, since that is looked at once in a while.
            assert!(
                (seconds * 1000..seconds * 1000 + 500).contains(&u64::try_from(took.as_millis()).unwrap()),
                "{took:?}"
            );
            assert_eq!(framed.get_ref().written, written);
            assert!(framed.read_buffer().capacity() <= 16 * 1024);
        }
    }
}

#[tokio::test]
async fn flood_by_the_real_clock() {
    let short = Timeouts { close: Duration::from_millis(20), end: Duration::from_millis(20) };
    for local in ROLES {
        for (front, unit, _, event, _) in floods(local) {
            let mut framed = Framed::new(Flood { front, unit, step: None, written: vec![] }, codec(local));
            let finished = timeout(Duration::from_secs(30), finish(&mut framed, GOODBYE, short)).await.unwrap();
            assert_eq!(finished.event.to_string(), event);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads() {
    for local in ROLES {
        let unsent = frame(local, 0x82, &[b'x'; 100]);
        for (sent, event) in [(vec![], ABNORMAL), (their_close(local), UNANSWERED)] {
            // Room for half of the data.
            let (ours, mut peer) = duplex(50);
            let mut framed = connection(local, ours);
            framed.feed(other(&unsent)).await.unwrap();
            peer.write_all(&sent).await.unwrap();
            assert_eq!(expect(&mut framed, event, 10_000).await, None);
            assert_eq!(framed.get_ref().written(), unsent[..50]);
        }
    }
}

/// A TLS `shutdown` waits for the socket; one that waits for ever is left, and after the deadline nobody waits for it.
#[tokio::test(start_paused = true)]
async fn a_shutdown_that_never_ends() {
    struct Stuck(DuplexStream);
    impl AsyncRead for Stuck {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }
    impl AsyncWrite for Stuck {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, buf)
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
    for local in ROLES {
        for (sent, event, seconds) in [(vec![], ABNORMAL, 10), (their_close(local), CLEAN, 2)] {
            let (ours, mut peer) = duplex(1024);
            peer.write_all(&sent).await.unwrap();
            let mut framed = Framed::new(Stuck(ours), codec(local));
            let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
            assert_eq!((finished.event.to_string().as_str(), took.as_secs()), (event, seconds));
        }
    }
}

/// A transport that ends inside a frame is lost; nobody has failed the connection.
#[tokio::test(start_paused = true)]
async fn lost_inside_a_frame() {
    for local in ROLES {
        for lost in [frame(peer_of(local), 0x82, b"data"), their_close(local)] {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&lost[..lost.len() - 1]).await.unwrap();
            peer.shutdown().await.unwrap();
            while framed.next().await.is_some() {}
            assert_eq!(expect(&mut framed, ABNORMAL, 0).await, None);
            let closing = framed.codec().closing();
            assert!(!closing.failed() && closing.failure().is_none());
        }
    }
}

/// A `shutdown` that has something to write waits for the peer to read, and the peer perhaps for us.
#[tokio::test(start_paused = true)]
async fn reading_goes_on_while_shutting_down() {
    /// Says goodbye before it shuts down, as TLS does.
    struct Polite {
        io: DuplexStream,
        goodbye: &'static [u8],
    }
    impl AsyncRead for Polite {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_read(cx, buf)
        }
    }
    impl AsyncWrite for Polite {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.io).poll_write(cx, buf)
        }
        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_flush(cx)
        }
        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            while !self.goodbye.is_empty() {
                let Self { io, goodbye } = &mut *self;
                let Poll::Ready(count) = Pin::new(io).poll_write(cx, goodbye)? else { return Poll::Pending };
                self.goodbye = &self.goodbye[count..];
            }
            Pin::new(&mut self.io).poll_shutdown(cx)
        }
    }
    let (io, mut peer) = duplex(8);
    let peer = tokio::spawn(async move {
        // More than there is room for, and only then a look at what has come.
        peer.write_all(&[&their_close(Role::Server)[..], &[b'x'; 64]].concat()).await.unwrap();
        peer.shutdown().await.unwrap();
        let mut bytes = vec![];
        peer.read_to_end(&mut bytes).await.unwrap();
        bytes
    });
    let mut framed = Framed::new(Polite { io, goodbye: b"that was all" }, CloseCodec::server());
    let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
    assert_eq!((finished.event.to_string().as_str(), took.as_secs()), (CLEAN, 0));
    drop(framed);
    assert_eq!(peer.await.unwrap(), [&our_close(Role::Server)[..], b"that was all"].concat());
}

/// Two ends that each wait for the other to read would hang.
#[tokio::test(start_paused = true)]
async fn both_with_full_pipes() {
    let (server, client) = duplex(64);
    let (mut server, mut client) = (connection(Role::Server, server), connection(Role::Client, client));
    for framed in [&mut server, &mut client] {
        let local = framed.get_ref().local;
        framed.set_backpressure_boundary(usize::MAX);
        for _ in 0..1000 {
            framed.feed(other(&frame(local, 0x82, &[b'x'; 100]))).await.unwrap();
        }
    }
    let (server, client) = tokio::join!(
        finish(&mut server, CloseFrame::from_static(1001, "s"), Timeouts::DEFAULT),
        finish(&mut client, CloseFrame::from_static(1001, "c"), Timeouts::DEFAULT),
    );
    assert_eq!(server.event.to_string(), r#"1001 (going away) "c", clean"#);
    assert_eq!(client.event.to_string(), r#"1001 (going away) "s", clean"#);
    assert!(server.io_error.is_none() && client.io_error.is_none());
}

/// Neither does one that has more to say behind its Close, and reads only then.
#[tokio::test(start_paused = true)]
async fn a_peer_that_writes_before_it_reads() {
    for local in ROLES {
        let (ours, mut peer) = duplex(64);
        let mut framed = connection(local, ours);
        let unsent = frame(local, 0x82, &[b'x'; 100]);
        framed.feed(other(&unsent)).await.unwrap();
        let peer = tokio::spawn(async move {
            peer.write_all(&their_close(local)).await.unwrap();
            peer.write_all(&[0xff; 1000]).await.unwrap();
            peer.shutdown().await.unwrap();
            let mut bytes = vec![];
            peer.read_to_end(&mut bytes).await.unwrap();
            bytes
        });
        assert_eq!(expect(&mut framed, CLEAN, 0).await, None);
        drop(framed);
        assert_eq!(peer.await.unwrap(), [unsent, our_close(local)].concat());
    }
}

/// More than is read in one go, all of it there: it takes no time.
#[tokio::test(start_paused = true)]
async fn much_at_once() {
    for local in ROLES {
        let (ours, mut peer) = duplex(1 << 20);
        let mut framed = connection(local, ours);
        let data = frame(peer_of(local), 0x82, &[b'x'; 100]).repeat(2_000);
        for bytes in [&data, &their_close(local), &data] {
            peer.write_all(bytes).await.unwrap();
        }
        peer.shutdown().await.unwrap();
        assert_eq!(expect(&mut framed, CLEAN, 0).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn the_peer_closes_first() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        assert!(matches!(framed.next().await, Some(Ok(Message::Close(_)))));
        let peer = tokio::spawn(async move {
            let mut answer = vec![0; frame(local, 0x88, b"\x03\xe9").len()];
            peer.read_exact(&mut answer).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            peer.shutdown().await.unwrap();
            answer
        });
        // The server has ended its side at once, and waits for theirs as the client does.
        assert_eq!(expect(&mut framed, CLEAN, 1_000).await, None);
        // The answer has their code, not ours.
        assert_eq!(peer.await.unwrap(), frame(local, 0x88, b"\x03\xe9"));
    }
}

/// The server ends the transport first, the client when it has seen that; neither before both Closes.
#[tokio::test(start_paused = true)]
async fn the_server_ends_first() {
    for (server_waits, client_waits) in [(0, 0), (1, 0), (0, 1)] {
        let (server, client) = duplex(1024);
        let (mut server, mut client) = (connection(Role::Server, server), connection(Role::Client, client));
        client.get_mut().log = server.get_ref().log.clone();
        let both = async {
            tokio::join!(
                async {
                    sleep(Duration::from_secs(server_waits)).await;
                    finish(&mut server, CloseFrame::from_static(1001, ""), Timeouts::DEFAULT).await
                },
                async {
                    sleep(Duration::from_secs(client_waits)).await;
                    finish(&mut client, CloseFrame::from_static(1001, ""), Timeouts::DEFAULT).await
                },
            )
        };
        let ((of_server, of_client), took) = timed(both).await;
        for finished in [&of_server, &of_client] {
            assert_eq!(finished.event.to_string(), "1001 (going away), clean");
        }
        assert!(of_server.io_error.is_none() && of_client.io_error.is_none());
        assert!(took < Duration::from_millis(1_100), "{took:?}");

        let log = server.get_ref().log.borrow();
        let place = |entry: &(Role, Call)| log.iter().position(|other| other == entry).unwrap();
        let ends = [
            (Role::Server, Call::Shutdown),
            (Role::Client, Call::End),
            (Role::Client, Call::Shutdown),
            (Role::Server, Call::End),
        ];
        assert!(ends.windows(2).all(|pair| place(&pair[0]) < place(&pair[1])), "{log:?}");
        for local in ROLES {
            let shutdown = place(&(local, Call::Shutdown));
            let close = |from| frame(from, 0x88, b"\x03\xe9");
            assert!(place(&(local, Call::Write(close(local)))) < shutdown);
            assert!(place(&(local, Call::Read(close(peer_of(local))))) < shutdown);
        }
        drop(log);
    }
}

/// Nothing is shut down while the peer's Close is awaited, which some stacks take for the end.
#[tokio::test(start_paused = true)]
async fn half_closed_after_both_closes_only() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        let ending = async {
            sleep(Duration::from_secs(5)).await;
            peer.write_all(&their_close(local)).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            peer.shutdown().await.unwrap();
        };
        let (error, ()) = tokio::join!(expect(&mut framed, CLEAN, 6_000), ending);
        assert_eq!(error, None);
        let (write, read) = (Call::Write(our_close(local)), Call::Read(their_close(local)));
        match local {
            Role::Server => assert_eq!(framed.get_ref().calls(), [write, read, Call::Shutdown, Call::End]),
            Role::Client => assert_eq!(framed.get_ref().calls(), [write, read, Call::End, Call::Shutdown]),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_ends_the_transport() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        assert_eq!(expect(&mut framed, CLEAN, 2_000).await, None);
        // The client has a last word, too, when it has waited long enough.
        assert!(framed.get_ref().calls().contains(&Call::Shutdown));
    }
}

/// A Close that has been read and not yet yielded is answered, not crossed by ours.
#[tokio::test(start_paused = true)]
async fn a_close_in_the_read_buffer() {
    for local in ROLES {
        let (mut framed, _peer) = pair(local);
        framed.read_buffer_mut().extend_from_slice(&their_close(local));
        assert_eq!(expect(&mut framed, CLEAN, 2_000).await, None);
        assert_eq!(framed.get_ref().written(), our_echo(local));
        assert_eq!(framed.codec().closing().initiator(), Some(peer_of(local)));
    }
}

/// After a write that failed, the transport is not written to, nor shut down, even if it would work again.
#[tokio::test(start_paused = true)]
async fn a_failed_write_is_the_last() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        let failed = Cell::new(false);
        framed.get_mut().fails = Box::new(move |_, op| RESET.filter(|_| op == Op::Write && !failed.replace(true)));
        assert_eq!(expect(&mut framed, UNANSWERED, 2_000).await, RESET);
        assert_eq!(framed.get_ref().calls(), [Call::Read(their_close(local))]);
    }
}

/// Whoever empties the read buffer has lost what was in it, and nothing else.
#[tokio::test(start_paused = true)]
async fn a_read_buffer_that_was_emptied() {
    for local in ROLES {
        let (ours, mut peer) = duplex(1024);
        let mut framed = Framed::new(ours, codec(local).wrap(Bytewise));
        let bytes = [frame(peer_of(local), 0x81, b"text"), their_close(local)].concat();
        peer.write_all(&bytes).await.unwrap();
        assert!(matches!(framed.next().await, Some(Ok(Message::Other(_)))));
        framed.read_buffer_mut().clear();
        let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert_eq!(finished.event.to_string(), CLEAN);
    }
}

/// What is sent after an error of the inner codec is what the connection is failed with.
#[tokio::test(start_paused = true)]
async fn a_close_sent_after_an_inner_error() {
    let (mut framed, _peer) = refused(Role::Server).await;
    framed.send(Message::<Bytes>::Close(CloseFrame::from_static(1007, "").into())).await.unwrap();
    let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
    assert_eq!(finished.event.to_string(), ABNORMAL);
    let line = framed.codec().closing().to_string();
    assert_eq!(line, "failed by us with 1007 (invalid frame payload data), written");
}

#[tokio::test(start_paused = true)]
async fn no_time_at_all() {
    let none = Timeouts { close: Duration::ZERO, end: Duration::ZERO };
    for local in ROLES {
        let (mut framed, _peer) = pair(local);
        let (finished, took) = timed(finish(&mut framed, GOODBYE, none)).await;
        assert_eq!(finished.event.to_string(), ABNORMAL);
        assert!(took < Duration::from_millis(5), "{took:?}");
        assert_eq!(framed.get_ref().written(), our_close(local));

        // What is there already counts.
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        let (finished, took) = timed(finish(&mut framed, GOODBYE, none)).await;
        assert_eq!(finished.event.to_string(), CLEAN);
        assert!(took < Duration::from_millis(5), "{took:?}");
    }
}

/// As patient as can be: beyond the clock, and within it.
#[tokio::test(start_paused = true)]
async fn all_the_time_in_the_world() {
    for long in [Duration::MAX, Duration::from_secs(1 << 62), Duration::from_secs(1 << 33)] {
        for local in ROLES {
            let (mut framed, mut peer) = pair(local);
            let ending = async {
                sleep(Duration::from_secs(100_000)).await;
                peer.write_all(&their_close(local)).await.unwrap();
                sleep(Duration::from_secs(100_000)).await;
                drop(peer);
            };
            let patient = Timeouts { close: long, end: long };
            let ((finished, took), ()) = tokio::join!(timed(finish(&mut framed, GOODBYE, patient)), ending);
            assert_eq!(finished.event.to_string(), CLEAN);
            assert_eq!(took.as_secs(), 200_000);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_two_times_are_told_apart() {
    let own = Timeouts { close: Duration::from_secs(3), end: Duration::from_secs(7) };
    for local in ROLES {
        let (mut framed, _peer) = pair(local);
        assert_eq!(timed(finish(&mut framed, GOODBYE, own)).await.1.as_secs(), 3);
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        assert_eq!(timed(finish(&mut framed, GOODBYE, own)).await.1.as_secs(), 7);
    }
    assert_eq!(Timeouts::default(), Timeouts { close: Duration::from_secs(10), end: Duration::from_secs(2) });
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_discarded() {
    for local in ROLES {
        let from = peer_of(local);
        let (mut framed, mut peer) = pair(local);
        // Some of it is in the read buffer already, cut inside a frame.
        let text = frame(from, 0x81, b"text");
        let in_flight = [
            &text[..],
            &text,
            &frame(from, 0x89, b"ping"),
            &frame(from, 0x01, b"frag"),
            &their_close(local),
            &text,
            b"\xff",
        ];
        let (now, later) = (&in_flight.concat()[..text.len() + 3], &in_flight.concat()[text.len() + 3..]);
        peer.write_all(now).await.unwrap();
        assert!(matches!(framed.next().await, Some(Ok(Message::Other(_)))));
        peer.write_all(later).await.unwrap();
        peer.shutdown().await.unwrap();
        assert_eq!(expect(&mut framed, CLEAN, 0).await, None);
        // Neither pong nor second Close.
        assert_eq!(framed.get_ref().written(), our_echo(local));
    }
}

/// Whatever the codec had seen of the buffer when `finish` is called.
#[tokio::test(start_paused = true)]
async fn what_is_in_the_read_buffer_counts() {
    for local in ROLES {
        let from = peer_of(local);
        let bytes = [frame(from, 0x81, b"text"), their_close(local), frame(from, 0x81, b"text")].concat();
        // At once and in two parts, after as many items as there are, and some more that wait for the second part.
        for cut in 1..=bytes.len() {
            for items in 0..12 {
                let (ours, mut peer) = duplex(1024);
                let mut framed = Framed::new(ours, codec(local).wrap(Bytewise));
                peer.write_all(&bytes[..cut]).await.unwrap();
                for _ in 0..items {
                    let _ = framed.next().now_or_never();
                }
                peer.write_all(&bytes[cut..]).await.unwrap();
                peer.shutdown().await.unwrap();
                let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
                assert_eq!(finished.event.to_string(), CLEAN, "{cut} bytes, {items} items");
                assert!(finished.io_error.is_none());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unsent_data_goes_before_the_close() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        let data = frame(local, 0x82, b"data");
        framed.feed(other(&data)).await.unwrap();
        peer.write_all(&their_close(local)).await.unwrap();
        peer.shutdown().await.unwrap();
        assert_eq!(expect(&mut framed, CLEAN, 0).await, None);
        assert_eq!(framed.get_ref().written(), [data, our_echo(local)].concat());
    }
}

/// A Close that was fed but not flushed is not written twice, and is the one that counts.
#[tokio::test(start_paused = true)]
async fn a_close_that_was_sent_before() {
    for local in ROLES {
        for flush in [false, true] {
            let (mut framed, mut peer) = pair(local);
            framed.feed(Message::<Bytes>::Close(CloseFrame::from_static(4000, "first").into())).await.unwrap();
            if flush {
                SinkExt::<Message<Bytes>>::flush(&mut framed).await.unwrap();
            }
            peer.write_all(&their_close(local)).await.unwrap();
            peer.shutdown().await.unwrap();
            assert_eq!(expect(&mut framed, CLEAN, 0).await, None);
            assert_eq!(framed.get_ref().written(), frame(local, 0x88, b"\x0f\xa0first"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_inner_error_fails_the_connection_with_the_frame_given() {
    for local in ROLES {
        let (mut framed, mut peer) = refused(local).await;
        // A Close that comes now is not processed.
        peer.write_all(&their_close(local)).await.unwrap();
        peer.shutdown().await.unwrap();
        let (finished, took) = timed(finish(&mut framed, CloseFrame::from_static(1011, ""), Timeouts::DEFAULT)).await;
        assert_eq!(finished.event.to_string(), ABNORMAL);
        assert!(finished.io_error.is_none() && took.is_zero());
        assert!(framed.codec().closing().failed());
        drop(framed);
        let mut written = vec![];
        peer.read_to_end(&mut written).await.unwrap();
        assert_eq!(written, frame(local, 0x88, b"\x03\xf3"));
    }
}

/// No Close is awaited then (RFC 6455, 7.1.7): the peer, which has nothing to say, sees ours and the end at once.
#[tokio::test(start_paused = true)]
async fn an_inner_error_and_a_silent_peer() {
    for local in ROLES {
        let (mut framed, mut peer) = refused(local).await;
        let peer = tokio::spawn(async move {
            let mut written = vec![];
            peer.read_to_end(&mut written).await.unwrap();
            written
        });
        let (finished, took) = timed(finish(&mut framed, CloseFrame::from_static(1011, ""), Timeouts::DEFAULT)).await;
        assert_eq!((finished.event.to_string().as_str(), took), (ABNORMAL, Duration::ZERO));
        assert_eq!(peer.await.unwrap(), frame(local, 0x88, b"\x03\xf3"));
    }
}

#[tokio::test(start_paused = true)]
async fn failed_by_the_caller() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        framed.codec_mut().fail(CloseFrame::from_static(1009, ""));
        peer.write_all(&their_close(local)).await.unwrap();
        // Failing is ending the transport, whichever end we are.
        assert_eq!(expect(&mut framed, ABNORMAL, 2_000).await, None);
        let calls = framed.get_ref().calls();
        assert_eq!(calls[..2], [Call::Write(frame(local, 0x88, b"\x03\xf1")), Call::Shutdown]);
    }
}

#[tokio::test(start_paused = true)]
async fn twice() {
    for local in ROLES {
        // Silent; closed; reset; failed.
        for (sent, fails, event, millis) in [
            (vec![], false, ABNORMAL, 10_000),
            (their_close(local), false, CLEAN, 2_000),
            (their_close(local), true, ABNORMAL, 0),
            (frame(peer_of(local), 0x88, b"\x03"), false, ABNORMAL, 2_000),
        ] {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&sent).await.unwrap();
            framed.get_mut().fails = Box::new(move |_, _| RESET.filter(|_| fails));
            expect(&mut framed, event, millis).await;
            let written = framed.get_ref().written();
            // With another frame, which comes too late.
            let again = finish(&mut framed, CloseFrame::from_static(4000, ""), Timeouts::DEFAULT);
            let (finished, took) = timed(again).await;
            assert_eq!(finished.event.to_string(), event);
            assert!(took < Duration::from_millis(5), "{took:?}");
            assert_eq!(framed.get_ref().written(), written);
        }
    }
}

/// No Close goes into the middle of a frame of the inner codec, and without ours the end is not clean.
#[tokio::test(start_paused = true)]
async fn half_a_frame_in_the_way() {
    for local in ROLES {
        for (sent, event, millis) in [(vec![], ABNORMAL, 10_000), (their_close(local), UNANSWERED, 2_000)] {
            let half = frame(local, 0x82, b"data")[..5].to_vec();
            let (mut framed, mut peer) = pair(local);
            framed.feed(other(&half)).await.unwrap();
            peer.write_all(&sent).await.unwrap();
            assert_eq!(expect(&mut framed, event, millis).await, None);
            assert_eq!(framed.get_ref().written(), half);
        }
    }
}

/// A peer that reads and writes a byte at a time, closes, ends the transport later, and tells what it has read.
fn slow_peer(io: DuplexStream, bytes: Vec<u8>) -> JoinHandle<Vec<u8>> {
    let (mut reader, mut writer) = tokio::io::split(io);
    tokio::spawn(async move {
        let reading = async {
            let mut bytes = vec![];
            while let Ok(byte) = reader.read_u8().await {
                bytes.push(byte);
                sleep(Duration::from_millis(100)).await;
            }
            bytes
        };
        let writing = async {
            for byte in bytes {
                sleep(Duration::from_millis(130)).await;
                let _ = writer.write_u8(byte).await;
            }
            sleep(Duration::from_secs(1)).await;
            let _ = writer.shutdown().await;
        };
        tokio::join!(reading, writing).0
    })
}

/// Polls `finish` so often, then drops it.
async fn poll_times(framed: &mut Connection, times: usize) -> Option<Finished> {
    let mut finishing = pin!(finish(framed, GOODBYE, Timeouts::DEFAULT));
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let finished = finishing.as_mut().poll(cx).map(Some);
        if left == 0 && finished.is_pending() { Poll::Ready(None) } else { finished }
    })
    .await
}

/// The half frame that the cancelled call has discarded is missing to the inner codec, which would take what is inside of the
/// other half for a frame: it is not asked any more.
#[tokio::test(start_paused = true)]
async fn cancelled_inside_a_frame_and_read_on() {
    struct Untouched;
    impl Decoder for Untouched {
        type Item = Bytes;
        type Error = io::Error;
        fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Bytes>> {
            panic!("was given {src:?}");
        }
    }
    for local in ROLES {
        let from = peer_of(local);
        let data = frame(from, 0x82, &[b"abcd", &frame(from, 0x82, b"forged")[..]].concat());
        let (first, second) = data.split_at(data.len() - 8);
        for then in [vec![], [frame(from, 0x89, b"ping"), their_close(local)].concat()] {
            let (ours, mut peer) = duplex(1024);
            let mut framed = Framed::new(ours, codec(local).wrap(Untouched));
            peer.write_all(first).await.unwrap();
            assert!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT).now_or_never().is_none());
            peer.write_all(second).await.unwrap();
            assert!(framed.next().now_or_never().is_none());
            peer.write_all(&then).await.unwrap();
            peer.shutdown().await.unwrap();
            match framed.next().await {
                None => assert!(then.is_empty()),
                Some(message) => assert!(matches!(message, Ok(Message::Close(_)))),
            }
            let event = if then.is_empty() { ABNORMAL } else { CLEAN };
            assert_eq!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await.event.to_string(), event);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_anywhere_and_called_again() {
    for local in ROLES {
        let from = peer_of(local);
        let closes = [frame(from, 0x82, b"data"), their_close(local)].concat();
        // A peer that closes, one that only ends, one that is wrong.
        for (sent, event) in [(closes, CLEAN), (vec![], ABNORMAL), (frame(from, 0x88, b"\x03"), ABNORMAL)] {
            // Room for a few bytes, so that writing has to wait.
            let connect = || {
                let (ours, theirs) = duplex(3);
                (connection(local, ours), slow_peer(theirs, sent.clone()))
            };
            let (mut framed, peer) = connect();
            let (finished, usual) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
            assert_eq!(finished.event.to_string(), event);
            drop(framed);
            assert_eq!(peer.await.unwrap(), our_close(local));

            for times in 0.. {
                let (mut framed, peer) = connect();
                let begun = Instant::now();
                let first = poll_times(&mut framed, times).await;
                let whole = first.is_some();
                let finished = match first {
                    Some(finished) => finished,
                    None => timed(finish(&mut framed, CloseFrame::EMPTY, Timeouts::DEFAULT)).await.0,
                };
                // Polled not at all, it has not begun, and another frame is another Close.
                let close = if times == 0 { frame(local, 0x88, b"") } else { our_close(local) };
                assert_eq!(finished.event.to_string(), event, "after {times} polls");
                if times > 0 {
                    assert_eq!(begun.elapsed(), usual, "after {times} polls");
                }
                drop(framed);
                assert_eq!(peer.await.unwrap(), close, "after {times} polls");
                if whole {
                    assert!(times > 3);
                    break;
                }
            }

            // Cancelled after every single poll; the sleeps stand for whatever else the caller does.
            let (mut framed, peer) = connect();
            let finished = loop {
                match poll_times(&mut framed, 1).await {
                    Some(finished) => break finished,
                    None => sleep(Duration::from_millis(50)).await,
                }
            };
            assert_eq!(finished.event.to_string(), event);
            drop(framed);
            assert_eq!(peer.await.unwrap(), our_close(local));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn deadlines_count_from_the_first_call() {
    for local in ROLES {
        // While the Close is awaited.
        let (mut framed, _peer) = pair(local);
        assert!(timeout(Duration::from_secs(4), finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await.is_err());
        sleep(Duration::from_secs(3)).await;
        assert_eq!(expect(&mut framed, ABNORMAL, 3_000).await, None);

        // While the end is.
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        assert!(timeout(Duration::from_millis(500), finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await.is_err());
        assert_eq!(expect(&mut framed, CLEAN, 1_500).await, None);

        // Long after: at once.
        let (mut framed, _peer) = pair(local);
        assert!(timeout(Duration::from_secs(4), finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await.is_err());
        sleep(Duration::from_secs(100)).await;
        assert_eq!(expect(&mut framed, ABNORMAL, 0).await, None);
    }
}

/// Who is first with a Close in a run of `fail_each_call`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum First {
    We,
    They,
    Both,
}

/// The other end of `fail_each_call`; what it cannot do it leaves.
async fn obliging_peer(mut io: DuplexStream, local: Role, first: First) {
    let from = peer_of(local);
    let _ = io.write_all(&frame(from, 0x82, b"data")).await;
    if first == First::We {
        // Our data and our Close.
        let mut bytes = vec![0; frame(local, 0x82, b"data").len() + our_close(local).len()];
        let _ = io.read_exact(&mut bytes).await;
    }
    let _ = io.write_all(&their_close(local)).await;
    if local == Role::Client {
        sleep(Duration::from_millis(100)).await;
        let _ = io.shutdown().await;
    }
    let _ = io.read_to_end(&mut vec![]).await;
    let _ = io.shutdown().await;
}

/// Makes the `n`-th call on the transport fail, for every `n`, until a run has none that fails.
async fn fail_each_call(local: Role, first: First, for_good: bool) {
    for n in 0.. {
        let (ours, theirs) = duplex(16);
        let peer = tokio::spawn(obliging_peer(theirs, local, first));
        let mut framed = connection(local, ours);
        framed.get_mut().fails = Box::new(move |call, _| RESET.filter(|_| call == n || for_good && call > n));

        let work = async {
            // An ordinary use: send, receive, then end it.
            let _ = framed.send(other(&frame(local, 0x82, b"data"))).await;
            while let Some(Ok(Message::Other(_))) = framed.next().await {
                if first != First::They {
                    break;
                }
            }
            let calls = framed.get_ref().calls;
            let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
            (calls, finished)
        };
        let ((before, finished), took) = timed(work).await;
        let case = format!("{local:?}, {first:?} first, call {n}, for good: {for_good}");
        assert!(took <= Duration::from_millis(12_005), "{took:?}, {case}");

        let wire = framed.get_ref();
        let has = |bytes: &[u8], close: &[u8]| bytes.windows(close.len()).any(|window| window == close);
        let received = has(&wire.read(), &their_close(local));
        // The echo if their Close was read first, otherwise our own frame.
        let sent = has(&wire.written(), &frame(local, 0x88, b"\x03\xe9")) || has(&wire.written(), &our_close(local));
        // Flushed after the last byte of it.
        let log = wire.log.borrow().clone();
        let last_write = log.iter().rposition(|(_, call)| matches!(call, Call::Write(_)));
        let flushed = last_write.is_some_and(|last| log[last..].iter().any(|(_, call)| *call == Call::Flush));
        let event = match (received, sent && flushed) {
            (true, true) => CLEAN,
            (true, false) => UNANSWERED,
            (false, _) => ABNORMAL,
        };
        assert_eq!(finished.event.to_string(), event, "{case}\n{log:?}");

        let fired = wire.calls > n;
        let failed_here = fired && (n >= before || for_good);
        let kind = finished.io_error.map(|error| error.kind());
        assert_eq!(kind, RESET.filter(|_| failed_here), "{case}\n{log:?}");
        drop(framed);
        peer.await.unwrap();
        if !fired {
            assert_eq!(event, CLEAN, "{case}");
            assert!(n > 5);
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_failing_in_turn() {
    for local in ROLES {
        for first in [First::We, First::They, First::Both] {
            for for_good in [false, true] {
                fail_each_call(local, first, for_good).await;
            }
        }
    }
}

/// On TCP, closing a socket with unread bytes in it resets the connection, and the reset destroys our Close on its way.
#[tokio::test]
async fn unread_data_resets_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (io, _) = listener.accept().await.unwrap();
        let mut framed = Framed::new(io, CloseCodec::server());
        finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await
    };
    let client = async {
        let mut io = TcpStream::connect(address).await.unwrap();
        // A megabyte that nobody wants, then the Close, then more; read only when all is sent.
        for _ in 0..10_000 {
            io.write_all(&frame(Role::Client, 0x82, &[b'x'; 100])).await.unwrap();
        }
        io.write_all(&their_close(Role::Server)).await.unwrap();
        for _ in 0..10_000 {
            io.write_all(&frame(Role::Client, 0x82, &[b'x'; 100])).await.unwrap();
        }
        let mut bytes = vec![];
        io.read_to_end(&mut bytes).await.unwrap();
        bytes
    };
    let (finished, bytes) = timeout(Duration::from_secs(30), async { tokio::join!(server, client) }).await.unwrap();
    assert_eq!(finished.event.to_string(), CLEAN);
    assert!(finished.io_error.is_none());
    assert_eq!(bytes, our_close(Role::Server));
}

//! `stream::finish` over loopback: tungstenite as server and as client, and axum, against raw peers that send bytes.

use std::fmt::Debug;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ws::{self, WebSocketUpgrade};
use axum::routing::any;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{self, protocol};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, client_async_with_config};
use websocket_close::stream::{Glue, finish};
use websocket_close::{Awaited, CloseFrame, Ending, Role, TransportEnd};

const GOODBYE: CloseFrame<'static> = CloseFrame::from_static(1001, "restart");
/// For peers that behave.
const LEISURE: Duration = Duration::from_secs(20);
/// For peers that do not.
const WITHIN: Duration = Duration::from_millis(300);
/// A stack may read 128 times as much in a single call, and nobody looks at the clock meanwhile.
const READ_BUFFER_SIZE: usize = 4096;

const TUNGSTENITE: Glue<tungstenite::Message> = Glue {
    close: |frame| {
        let close = |code: u16| protocol::CloseFrame { code: code.into(), reason: frame.reason().into() };
        tungstenite::Message::Close(frame.code().map(|code| close(code.get())))
    },
    read: |message| match message {
        tungstenite::Message::Close(close) => Some(close.as_ref().map(|close| (close.code.into(), &*close.reason))),
        _ => None,
    },
    answers: true,
};

const AXUM: Glue<ws::Message> = Glue {
    close: |frame| {
        let close = |code| ws::CloseFrame { code, reason: frame.reason().into() };
        ws::Message::Close(frame.code().map(|code| close(code.get())))
    },
    read: |message| match message {
        ws::Message::Close(close) => Some(close.as_ref().map(|close| (close.code, &*close.reason))),
        _ => None,
    },
    answers: true,
};

/// What our program does before it calls `finish`.
#[derive(Clone, Copy, Debug)]
enum Ours {
    Nothing,
    /// Reads once, and passes on what came.
    Reads,
    /// Splits the socket, reads with one half, and puts the halves together again.
    Splits,
    /// Sends until the peer's and our own buffers are full.
    Fills,
}

/// The ending, and whether there was an error.
type Told = (Ending, bool);

async fn end<S, M, E>(mut socket: S, glue: &Glue<M>, local: Role, ours: Ours, within: Duration, big: M) -> Told
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    M: Clone,
    E: Debug,
{
    let mut seen = None;
    match ours {
        Ours::Nothing => {}
        Ours::Reads => seen = socket.next().await,
        Ours::Splits => {
            let (to, mut from) = socket.split();
            seen = from.next().await;
            socket = from.reunite(to).ok().unwrap();
        }
        Ours::Fills => while let Ok(Ok(())) = timeout(WITHIN, socket.send(big.clone())).await {},
    }
    let started = Instant::now();
    let finished = finish(&mut socket, glue, local, seen, GOODBYE, within, sleep).await;
    assert!(started.elapsed() < within + Duration::from_secs(5), "{finished:?}");
    (finished.ending, finished.error.is_some())
}

/// A peer that sends bytes. `is` says which end it is; its masking key is zero.
struct Raw {
    stream: TcpStream,
    is: Role,
}

impl Raw {
    fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        let header: &[u8] =
            if self.is == Role::Client { &[first, 0x80 | length, 0, 0, 0, 0] } else { &[first, length] };
        [header, payload].concat()
    }

    async fn send(&mut self, first: u8, payload: &[u8]) {
        // An end that is gone is no fault of the peer's.
        let _ = self.stream.write_all(&self.frame(first, payload)).await;
    }

    /// Byte 0 and the payload of the next frame; `None` at the end.
    async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut header = [0; 2];
        self.stream.read_exact(&mut header).await.ok()?;
        let mut key = [0; 4];
        if self.is == Role::Server {
            self.stream.read_exact(&mut key).await.ok()?;
        }
        let mut payload = vec![0; usize::from(header[1] & 0x7f)];
        self.stream.read_exact(&mut payload).await.ok()?;
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        Some((header[0], payload))
    }
}

/// Sends `frames` again and again, from a thread of its own: it has to be faster than our end.
async fn flood(raw: Raw, frames: Vec<u8>) {
    let mut stream = raw.stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    spawn_blocking(move || while stream.write_all(&frames).is_ok() {}).await.unwrap();
}

/// What the peer does.
#[derive(Clone, Copy, Debug)]
enum Peer {
    /// Waits for our Close and answers with this payload.
    Answers(&'static [u8]),
    /// The same, and does not end the transport, even if it is the server.
    Lingers(&'static [u8]),
    /// Sends this frame, then answers what comes.
    Says(u8, &'static [u8]),
    /// Sends nothing.
    Silent,
    HangsUp,
    Resets,
    /// Waits for our Close, and then hangs up.
    HangsUpThen,
    /// Sends this frame again and again, and reads.
    Floods(u8, &'static [u8]),
    /// Sends nothing and reads nothing.
    Deaf,
}

/// Returns the payload of our Close, if one came.
async fn act(peer: Peer, mut raw: Raw) -> Option<Vec<u8>> {
    match peer {
        Peer::HangsUp => return None,
        Peer::Resets => {
            raw.stream.set_zero_linger().unwrap();
            return None;
        }
        Peer::Deaf => {
            sleep(30 * WITHIN).await;
            return None;
        }
        Peer::Says(first, payload) => raw.send(first, payload).await,
        Peer::Floods(first, payload) => {
            if first == 0 {
                // What the fragments belong to.
                raw.send(0x01, b"").await;
            }
            let frames = raw.frame(first, payload).repeat(1000);
            flood(raw, frames).await;
            return None;
        }
        Peer::Answers(_) | Peer::Lingers(_) | Peer::Silent | Peer::HangsUpThen => {}
    }
    let close = loop {
        if let (0x88, payload) = raw.read().await? {
            break payload;
        }
    };
    match peer {
        Peer::Answers(payload) | Peer::Lingers(payload) => raw.send(0x88, payload).await,
        Peer::HangsUpThen => return Some(close),
        _ => {}
    }
    // The server ends the transport.
    if raw.is == Role::Client || matches!(peer, Peer::Silent | Peer::Lingers(_)) {
        while raw.read().await.is_some() {}
    }
    Some(close)
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Reads the head of a request or a response.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Opens a connection to a server.
async fn raw_client(mut stream: TcpStream) -> Raw {
    stream.write_all(REQUEST).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 101 "));
    Raw { stream, is: Role::Client }
}

/// Answers the request of a client.
async fn raw_server(mut stream: TcpStream) -> Raw {
    let request = head(&mut stream).await;
    let mut headers = request.lines().filter_map(|line| line.split_once(": "));
    let (_, key) = headers.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")).unwrap();
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    stream.write_all(response.as_bytes()).await.unwrap();
    Raw { stream, is: Role::Server }
}

/// What our end told, and the payload of the Close that the peer got.
type Outcome = (Told, Option<Vec<u8>>);

async fn with_tungstenite(local: Role, peer: Peer, ours: Ours, within: Duration) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let config = protocol::WebSocketConfig::default().read_buffer_size(READ_BUFFER_SIZE);
    let config = Some(config.max_message_size(Some(100)).max_frame_size(Some(100)));
    let (raw, socket) = match local {
        Role::Server => tokio::join!(raw_client(client), accept_async_with_config(server, config)),
        Role::Client => tokio::join!(raw_server(server), async {
            Ok(client_async_with_config("ws://localhost/", client, config).await?.0)
        }),
    };
    let big = tungstenite::Message::Binary(vec![0; 1 << 20].into());
    tokio::join!(end(socket.unwrap(), &TUNGSTENITE, local, ours, within, big), act(peer, raw))
}

async fn with_axum(peer: Peer, ours: Ours, within: Duration) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let upgrade = move |upgrade: WebSocketUpgrade| async move {
        let upgrade = upgrade.read_buffer_size(READ_BUFFER_SIZE).max_message_size(100).max_frame_size(100);
        upgrade.on_upgrade(move |socket| async move {
            let big = ws::Message::Binary(vec![0; 1 << 20].into());
            tell.send(end(socket, &AXUM, Role::Server, ours, within, big).await).unwrap();
        })
    };
    let server = tokio::spawn(async { axum::serve(listener, Router::new().route("/", any(upgrade))).await });
    let raw = raw_client(client).await;
    let outcome = tokio::join!(async { told.recv().await.unwrap() }, act(peer, raw));
    server.abort();
    outcome
}

/// Who closed first, or failed the connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum First {
    Nobody,
    Ours,
    /// We failed it.
    Failed,
    Theirs,
}

/// What both ends do, and what is known afterwards: the event, who was first, our Close as the peer got it, whether the
/// peer's fault is known, whether there was an error.
type Row = (Peer, Ours, &'static str, First, Option<&'static [u8]>, bool, bool);

const BYE: &str = r#"4001 (private use) "bye", clean"#;
const BYE_BACK: Option<&[u8]> = Some(b"\x0f\xa1bye");
const LOST: &str = "1006 (abnormal closure), not clean";
const OURS: Option<&[u8]> = Some(b"\x03\xe9restart");
/// What tungstenite makes of a bad first code. It reports this Close as if the peer had sent it, and answers with it.
const VIOLATION: &str = r#"1002 (protocol error) "Protocol violation", clean"#;
const ANSWERED: Option<&[u8]> = Some(b"\x03\xeaProtocol violation");

#[rustfmt::skip]
const ENDS: &[Row] = &[
    (Peer::Answers(b"\x03\xe9"), Ours::Nothing, "1001 (going away), clean", First::Ours, OURS, false, false),
    (Peer::Answers(b""), Ours::Nothing, "1005 (no status received), clean", First::Ours, OURS, false, false),
    // On the wire a Close that crosses ours differs from an answer in its code only.
    (Peer::Answers(b"\x0f\xa1bye"), Ours::Nothing, BYE, First::Ours, OURS, false, false),
    // The stack lets a bad code through if it comes in an answer.
    (Peer::Answers(b"\x03\xed"), Ours::Nothing, LOST, First::Ours, OURS, true, false),
    (Peer::Answers(b"\x03\xf8why"), Ours::Nothing, LOST, First::Ours, OURS, true, false),
    // Other bad answers are errors of the stack.
    (Peer::Answers(b"\x03"), Ours::Nothing, LOST, First::Ours, OURS, false, true),
    (Peer::Answers(b"\x03\xe8\xff"), Ours::Nothing, LOST, First::Ours, OURS, false, true),
    // The stack repeats the reason in its answer.
    (Peer::Says(0x88, b"\x0f\xa1bye"), Ours::Reads, BYE, First::Theirs, BYE_BACK, false, false),
    (Peer::Says(0x88, b"\x0f\xa1bye"), Ours::Splits, BYE, First::Theirs, BYE_BACK, false, false),
    (Peer::Says(0x88, b""), Ours::Reads, "1005 (no status received), clean", First::Theirs, Some(b""), false, false),
    (Peer::Says(0x88, b"\x03\xed"), Ours::Reads, VIOLATION, First::Theirs, ANSWERED, false, false),
    (Peer::Says(0x88, b"\x03\xf8why"), Ours::Reads, VIOLATION, First::Theirs, ANSWERED, false, false),
    // 1014 is registered, but tungstenite refuses it.
    (Peer::Says(0x88, b"\x03\xf6"), Ours::Reads, VIOLATION, First::Theirs, ANSWERED, false, false),
    // The stack leaves it to its user to send a Close about these.
    (Peer::Says(0x88, b"\x03"), Ours::Reads, LOST, First::Failed, OURS, false, true),
    (Peer::Says(0x88, b"\x03\xe8\xff"), Ours::Reads, LOST, First::Failed, OURS, false, true),
    (Peer::Says(0x81, b"\xff"), Ours::Reads, LOST, First::Failed, OURS, false, true),
    (Peer::Says(0x82, &[0; 101]), Ours::Reads, LOST, First::Failed, OURS, false, true),
    (Peer::Says(0x83, b""), Ours::Reads, LOST, First::Failed, OURS, false, true),
    (Peer::HangsUp, Ours::Reads, LOST, First::Nobody, None, false, true),
    (Peer::HangsUpThen, Ours::Nothing, LOST, First::Ours, OURS, false, true),
    (Peer::Resets, Ours::Reads, LOST, First::Nobody, None, false, true),
];

/// The same for peers that do not come to an end.
const CUTS: &[(Peer, Ours, &str, Awaited)] = &[
    (Peer::Silent, Ours::Nothing, LOST, Awaited::Close),
    (Peer::Floods(0x81, b"x"), Ours::Nothing, LOST, Awaited::Close),
    (Peer::Floods(0x89, b"x"), Ours::Nothing, LOST, Awaited::Close),
    // A message that never ends. The stack reads on and on in a single call.
    (Peer::Floods(0x00, b""), Ours::Nothing, LOST, Awaited::Close),
    (Peer::Deaf, Ours::Fills, LOST, Awaited::Write),
];

/// With tungstenite in both roles, and with axum.
async fn with_each(peer: Peer, ours: Ours, within: Duration) -> [(&'static str, Outcome); 3] {
    let server = with_tungstenite(Role::Server, peer, ours, within);
    let client = with_tungstenite(Role::Client, peer, ours, within);
    let (server, client, axum) = tokio::join!(server, client, with_axum(peer, ours, within));
    [("tungstenite, server", server), ("tungstenite, client", client), ("axum", axum)]
}

#[tokio::test]
async fn peers_that_come_to_an_end() {
    for &(peer, ours, event, first, got, fault, error) in ENDS {
        for (stack, ((ending, failed), close)) in with_each(peer, ours, LEISURE).await {
            let context = format!("{stack}, {peer:?}: {ending}");
            let closing = ending.closing();
            let was_first = match closing.closed_first() {
                None => First::Nobody,
                Some(_) if closing.is_failed() && closing.fault().is_none() => First::Failed,
                Some(role) if role == closing.local() => First::Ours,
                Some(_) => First::Theirs,
            };
            assert_eq!((&*ending.event().to_string(), was_first), (event, first), "{context}");
            assert_eq!((close.as_deref(), closing.is_written()), (got, got.is_some()), "{context}");
            assert_eq!((closing.fault().is_some(), failed), (fault, error), "{context}");
            assert_eq!(ending.transport_end(), TransportEnd::NotKnown, "{context}");
        }
    }
}

#[tokio::test]
async fn peers_that_do_not() {
    for &(peer, ours, event, awaited) in CUTS {
        for (stack, ((ending, failed), _)) in with_each(peer, ours, WITHIN).await {
            let context = format!("{stack}, {peer:?}: {ending}");
            assert_eq!((&*ending.event().to_string(), failed), (event, false), "{context}");
            let cut = TransportEnd::Cut { awaited, after: WITHIN, discarded: None };
            assert_eq!(
                (ending.transport_end(), ending.closing().closed_first()),
                (cut, Some(ending.closing().local()))
            );
            assert_eq!(ending.closing().is_written(), awaited != Awaited::Write, "{context}");
        }
    }
}

/// The server has answered, and does not end the transport. Only a client waits for that.
#[tokio::test]
async fn a_server_that_lingers() {
    let ((ending, _), _) = with_tungstenite(Role::Client, Peer::Lingers(b"\x03\xe9"), Ours::Nothing, WITHIN).await;
    assert_eq!(ending.event().to_string(), "1001 (going away), clean");
    let cut = TransportEnd::Cut { awaited: Awaited::End, after: WITHIN, discarded: None };
    assert_eq!(ending.transport_end(), cut);
}

/// A transport that takes bytes and keeps them, as TLS does whose socket is full. It never flushes.
struct Keeps(DuplexStream);

impl AsyncRead for Keeps {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Keeps {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// We depend on the stack's word: when a server on tungstenite answers, its flush succeeds without one of the transport
/// below. So the event is clean here, although nothing was sent.
#[tokio::test]
async fn a_server_that_does_not_flush_its_transport() {
    for (local, clean) in [(Role::Client, false), (Role::Server, true)] {
        let (ours, mut theirs) = duplex(64);
        let role = if local == Role::Server { protocol::Role::Server } else { protocol::Role::Client };
        let mut socket = WebSocketStream::from_raw_socket(Keeps(ours), role, None).await;
        let close: &[u8] = if local == Role::Server { b"\x88\x82\0\0\0\0\x03\xe8" } else { b"\x88\x02\x03\xe8" };
        theirs.write_all(close).await.unwrap();
        let finished = finish(&mut socket, &TUNGSTENITE, local, None, GOODBYE, WITHIN, sleep).await;
        let event = finished.ending.event();
        assert_eq!((event.code(), event.was_clean()), (1000, clean), "{local:?}");
    }
}

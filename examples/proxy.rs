//! For a proxy: `CloseEvent::forward` makes a Close for one end from what the other said. It never says 1005 or 1006.
//! Both connections end within 32 seconds of the last frame in either direction.
//!
//! `cargo run --example proxy --features codec` shows three connections in memory. With `-- ADDRESS UPSTREAM` it serves
//! clients, and connects each to the server at `UPSTREAM`. All begin where the opening handshake is done.
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::expect_used)]

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::codec::{Decoder, Encoder, Framed};
use websocket_close::codec::{self, CloseCodec, Message, Timeouts, finish};
use websocket_close::wire::{self, Header, Peek};
use websocket_close::{CloseCode, CloseFrame, Ending, Role};

/// The longest frame that this proxy takes.
const MAX_FRAME_LEN: usize = (1 << 20) - 1;

/// How long a frame may take to be passed on. An end that reads more slowly is given up.
const PASSING_ON: Duration = Duration::from_secs(10);

/// How long no frame may come from either end. Then both are told to go.
const IDLE: Duration = Duration::from_secs(20);

/// Whole frames, as they are. A Close cannot go inside half a frame. It holds the end that the proxy is.
pub(crate) struct Frames(Role);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A frame for which the proxy fails the connection.
    #[error("a frame that is answered with {0}")]
    Refused(CloseCode),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Frames {
    /// Whether nobody may send this frame, as far as its header shows. If the proxy passed it on, the fault would be
    /// its own.
    fn is_wrong(&self, header: &Header) -> bool {
        let is_control = header.opcode >= 0x8;
        // This proxy negotiates no extensions.
        header.rsv != 0
            || matches!(header.opcode, 0x3..=0x7 | 0xb..)
            || header.masked.is_some_and(|masked| masked != (self.0 == Role::Server))
            || header.is_minimal() == Some(false)
            || is_control && (!header.fin || header.payload_len.is_some_and(|len| len > 125))
    }
}

impl Decoder for Frames {
    type Item = Bytes;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        match wire::peek(self.0, src) {
            Ok(Peek::NotClose(header)) if self.is_wrong(&header) => Err(Error::Refused(CloseCode::PROTOCOL_ERROR)),
            Ok(Peek::NotClose(Header { frame_len: Some(len), .. })) => match usize::try_from(len) {
                Ok(len @ ..=MAX_FRAME_LEN) => Ok((len <= src.len()).then(|| src.split_to(len).freeze())),
                _ => Err(Error::Refused(CloseCode::MESSAGE_TOO_BIG)),
            },
            // Closes, right or wrong, do not reach this codec.
            _ => Ok(None),
        }
    }
}

impl Encoder<Bytes> for Frames {
    type Error = Error;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), Error> {
        dst.extend_from_slice(&frame);
        Ok(())
    }
}

type Connection<T> = Framed<T, CloseCodec<Frames>>;

/// Passes frames on until the sender has no more of them, or the receiver does not take them. Returns which of the two
/// it was, and the code for it if it has not closed.
async fn pass_on<S, R>(
    sender: Role,
    from: &mut SplitStream<Connection<S>>,
    to: &mut SplitSink<Connection<R>, Message<Bytes>>,
    active: &Notify,
) -> (Role, CloseCode)
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match from.next().await {
            Some(Ok(frame @ Message::Other(_))) => {
                active.notify_one();
                let Ok(Ok(())) = timeout(PASSING_ON, to.send(frame)).await else {
                    return (sender.peer(), CloseCode::GOING_AWAY);
                };
            }
            Some(Err(codec::Error::Inner(Error::Refused(code)))) => return (sender, code),
            // Its Close, its fault, or its end.
            _ => return (sender, CloseCode::GOING_AWAY),
        }
    }
}

/// Passes frames on in both directions until one end is through. Then ends both, and tells the other end what the first
/// one said. Returns how it ended with the client, and with the server.
pub(crate) async fn proxy<C, S>(client: Connection<C>, server: Connection<S>) -> (Ending, Ending)
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut to_client, mut from_client) = client.split();
    let (mut to_server, mut from_server) = server.split();
    let active = Notify::new();
    let idle = async { while timeout(IDLE, active.notified()).await.is_ok() {} };
    let (through, code) = tokio::select! {
        through = pass_on(Role::Client, &mut from_client, &mut to_server, &active) => through,
        through = pass_on(Role::Server, &mut from_server, &mut to_client, &active) => through,
        // Then the server, which has heard nothing from the client, is told the same.
        () = idle => (Role::Client, CloseCode::GOING_AWAY),
    };
    let mut client = from_client.reunite(to_client).expect("the halves of one");
    let mut server = from_server.reunite(to_server).expect("the halves of one");

    match through {
        Role::Client => end(&mut client, &mut server, code).await,
        Role::Server => {
            let (of_server, of_client) = end(&mut server, &mut client, code).await;
            (of_client, of_server)
        }
    }
}

/// Forwards to `other` what `through` has said, and ends both. It does that at the same time, because each may take as
/// long as the timeouts allow. `code` is for `through` if it has said nothing.
async fn end<A, B>(through: &mut Connection<A>, other: &mut Connection<B>, code: CloseCode) -> (Ending, Ending)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let closing = through.codec().closing();
    let (said, from) = (closing.event(), closing.local().peer());
    let (through, other) = tokio::join!(
        finish(through, code.into(), Timeouts::DEFAULT),
        finish(other, said.forward(from), Timeouts::DEFAULT)
    );
    (through.ending, other.ending)
}

/// A proxy between a client and a server, on these transports.
fn between<C, S>(client: C, server: S) -> impl Future<Output = (Ending, Ending)>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let client = Framed::new(client, CloseCodec::server().wrap(Frames(Role::Server)));
    let server = Framed::new(server, CloseCodec::client(key).wrap(Frames(Role::Client)));
    proxy(client, server)
}

/// A proxy, and the transports of the client and the server that it stands between.
pub(crate) fn start() -> (impl Future<Output = (Ending, Ending)>, DuplexStream, DuplexStream) {
    let ((client, to_client), (server, to_server)) = (duplex(1024), duplex(1024));
    (between(to_client, to_server), client, server)
}

/// Serves clients, and connects each to `upstream`.
async fn serve(address: &str, upstream: String) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            // The client has hung up already, or there are no descriptors left. Some will be.
            Err(error) => {
                eprintln!("{error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let upstream = upstream.clone();
        tokio::spawn(async move {
            match timeout(PASSING_ON, TcpStream::connect(upstream)).await {
                Ok(Ok(server)) => {
                    let (of_client, of_server) = between(client, server).await;
                    println!("client: {of_client}\nserver: {of_server}");
                }
                Ok(Err(error)) => eprintln!("{error}"),
                Err(late) => eprintln!("{late}"),
            }
        });
    }
}

/// A masking key that nobody can predict. The standard library seeds its hash maps with random numbers of the system.
fn key() -> [u8; 4] {
    let [a, b, c, d, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    [a, b, c, d]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    if let (Some(address), Some(upstream)) = (arguments.next(), arguments.next()) {
        return serve(&address, upstream).await;
    }
    for close in [CloseFrame::from_static(4001, "bye"), CloseFrame::EMPTY] {
        let (proxy, client, server) = start();
        let mut client = Framed::new(client, CloseCodec::client(key));
        let mut server = Framed::new(server, CloseCodec::server());
        let server = async {
            server.next().await;
            finish(&mut server, CloseFrame::EMPTY, Timeouts::DEFAULT).await
        };
        let (_, _, server) = tokio::join!(proxy, finish(&mut client, close, Timeouts::DEFAULT), server);
        println!("The client says {close}. For the server it ends with: {}", server.ending);
    }

    let (proxy, client, server) = start();
    let mut client = Framed::new(client, CloseCodec::client(key));
    drop(server);
    let client = async {
        client.next().await;
        finish(&mut client, CloseFrame::EMPTY, Timeouts::DEFAULT).await
    };
    let (_, client) = tokio::join!(proxy, client);
    println!("The server is lost. For the client it ends with: {}", client.ending);
    Ok(())
}

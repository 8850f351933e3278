//! For a proxy: `CloseEvent::forward` makes a Close for one end from what the other said. It never says 1005 or 1006.
//!
//! `cargo run --example proxy --features codec`
#![allow(clippy::expect_used)]

use std::hash::{BuildHasher, RandomState};
use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio_util::codec::{Decoder, Encoder, Framed};
use websocket_close::codec::{CloseCodec, Message, Timeouts, finish};
use websocket_close::wire::{self, Header, Peek};
use websocket_close::{CloseCode, CloseFrame, Ending, Role};

/// The longest frame that this proxy takes.
const MAX_FRAME_LEN: usize = (1 << 20) - 1;

/// Whole frames, as they are. A Close cannot go inside half a frame.
pub(crate) struct Frames;

impl Decoder for Frames {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Bytes>> {
        // The role matters for Close frames only, and none of them reaches this codec.
        let header = wire::peek(Role::Client, src).map_err(io::Error::other)?;
        let Peek::NotClose(Header { frame_len: Some(len), .. }) = header else { return Ok(None) };
        match usize::try_from(len) {
            Ok(len @ ..=MAX_FRAME_LEN) => Ok((len <= src.len()).then(|| src.split_to(len).freeze())),
            _ => Err(io::Error::other(format!("a frame of {len} bytes"))),
        }
    }
}

impl Encoder<Bytes> for Frames {
    type Error = io::Error;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> io::Result<()> {
        dst.extend_from_slice(&frame);
        Ok(())
    }
}

type Connection<T> = Framed<T, CloseCodec<Frames>>;

/// Passes frames on until one end has no more of them. Returns true if that is the sender, false if it is the receiver.
async fn pass_on<E, R>(from: &mut (impl Stream<Item = Result<Message<Bytes>, E>> + Unpin), to: &mut R) -> bool
where
    R: Sink<Message<Bytes>> + Unpin,
{
    while let Some(Ok(frame @ Message::Other(_))) = from.next().await {
        if to.send(frame).await.is_err() {
            return false;
        }
    }
    true
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
    let client_is_through = tokio::select! {
        sender = pass_on(&mut from_client, &mut to_server) => sender,
        sender = pass_on(&mut from_server, &mut to_client) => !sender,
    };
    let mut client = from_client.reunite(to_client).expect("the halves of one");
    let mut server = from_server.reunite(to_server).expect("the halves of one");

    if client_is_through {
        end(&mut client, &mut server).await
    } else {
        let (of_server, of_client) = end(&mut server, &mut client).await;
        (of_client, of_server)
    }
}

/// Forwards to `other` what `through` has said, and ends both. It does that at the same time, because each may take as
/// long as the timeouts allow.
async fn end<A, B>(through: &mut Connection<A>, other: &mut Connection<B>) -> (Ending, Ending)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let closing = through.codec().closing();
    let (said, from) = (closing.event(), closing.local().peer());
    // If `through` has neither closed nor hung up, it has sent a frame that this proxy does not take.
    let too_big = CloseFrame::from_code(CloseCode::MESSAGE_TOO_BIG);
    let (through, other) =
        tokio::join!(finish(through, too_big, Timeouts::DEFAULT), finish(other, said.forward(from), Timeouts::DEFAULT));
    (through.ending, other.ending)
}

/// A proxy, and the transports of the client and the server that it stands between.
pub(crate) fn start() -> (impl Future<Output = (Ending, Ending)>, DuplexStream, DuplexStream) {
    let ((client, to_client), (server, to_server)) = (duplex(1024), duplex(1024));
    let to_client = Framed::new(to_client, CloseCodec::server().wrap(Frames));
    let to_server = Framed::new(to_server, CloseCodec::client(key).wrap(Frames));
    (proxy(to_client, to_server), client, server)
}

/// A masking key that nobody can predict. The standard library seeds its hash maps with random numbers of the system.
fn key() -> [u8; 4] {
    let [a, b, c, d, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    [a, b, c, d]
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
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
}

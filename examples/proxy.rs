//! For a proxy: one end's `CloseEvent` becomes the other's Close by `to_frame`, which never makes a 1005 or 1006 of it.
//!
//! `cargo run --example proxy --features codec`
#![allow(clippy::expect_used)]

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio_util::codec::{Decoder, Encoder, Framed};
use websocket_close::codec::{CloseCodec, Message, Timeouts, finish};
use websocket_close::wire::{self, Peek};
use websocket_close::{CloseCode, CloseEvent, CloseFrame, Role};

/// Whole frames, as they are. Half of one would be in the way of a Close.
pub(crate) struct Frames;

impl Decoder for Frames {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Bytes>> {
        // The role is for Close frames, and none of them reaches this codec.
        match wire::peek(Role::Client, src).map_err(io::Error::other)? {
            Peek::NotClose { frame_len: Some(len @ 0x10_0000..) } => Err(io::Error::other(format!("{len} bytes"))),
            Peek::NotClose { frame_len: Some(len) } if len <= src.len() as u64 => {
                Ok(usize::try_from(len).ok().map(|len| src.split_to(len).freeze()))
            }
            _ => Ok(None),
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

/// Passes frames on until there are no more: true if it is the sender that has ended, false if it is the receiver.
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

/// Passes frames on in both directions until one end is through, ends that one, and tells the other how it went. Returns what
/// the client said, and the server.
pub(crate) async fn proxy<C, S>(client: Connection<C>, server: Connection<S>) -> (CloseEvent, CloseEvent)
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
        end(&mut client, &mut server, CloseCode::GOING_AWAY).await
    } else {
        let (from_server, from_client) = end(&mut server, &mut client, CloseCode::BAD_GATEWAY).await;
        (from_client, from_server)
    }
}

/// Passes on to `other` what `through` has said, or `lost` if that is nothing that may be said, and ends both: at the same time,
/// since an end can take as long as the time-outs allow.
async fn end<A, B>(through: &mut Connection<A>, other: &mut Connection<B>, lost: CloseCode) -> (CloseEvent, CloseEvent)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let said = through.codec().closing().clone().finish();
    let frame = said.to_frame().unwrap_or(CloseFrame::from_code(lost));
    // An end that is through without a Close of its own has sent what this proxy does not take.
    let too_big = CloseFrame::from_code(CloseCode::MESSAGE_TOO_BIG);
    let (through, other) =
        tokio::join!(finish(through, too_big, Timeouts::DEFAULT), finish(other, frame, Timeouts::DEFAULT));
    (through.event, other.event)
}

/// A proxy, and the transports of the client and the server that it stands between.
pub(crate) fn start() -> (impl Future<Output = (CloseEvent, CloseEvent)>, DuplexStream, DuplexStream) {
    let key = [0x37, 0xfa, 0x21, 0x3d]; // from a random number generator
    let ((client, to_client), (server, to_server)) = (duplex(1024), duplex(1024));
    let to_client = Framed::new(to_client, CloseCodec::server().wrap(Frames));
    let to_server = Framed::new(to_server, CloseCodec::client(key).wrap(Frames));
    (proxy(to_client, to_server), client, server)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let key = [0x12, 0x34, 0x56, 0x78]; // from a random number generator
    for close in [CloseFrame::from_static(4001, "bye"), CloseFrame::EMPTY] {
        let (proxy, client, server) = start();
        let mut client = Framed::new(client, CloseCodec::client(key));
        let mut server = Framed::new(server, CloseCodec::server());
        let server = async {
            server.next().await;
            finish(&mut server, CloseFrame::EMPTY, Timeouts::DEFAULT).await
        };
        let (_, _, server) = tokio::join!(proxy, finish(&mut client, close, Timeouts::DEFAULT), server);
        println!("the client says {close}; the server is told {}", server.event);
    }

    let (proxy, client, server) = start();
    let mut client = Framed::new(client, CloseCodec::client(key));
    drop(server);
    let client = async {
        client.next().await;
        finish(&mut client, CloseFrame::EMPTY, Timeouts::DEFAULT).await
    };
    let (_, client) = tokio::join!(proxy, client);
    println!("the server is lost; the client is told {}", client.event);
}

//! `finish` against every way a peer or a transport can stall or fail: bounded time, bounded memory, the right ending.
#![cfg(feature = "codec")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::wildcard_imports)]

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep, timeout};
use tokio_util::codec::{BytesCodec, Decoder, Encoder, Framed};
use websocket_close::codec::{Bare, CloseCodec, Error, Finished, Message, Timeouts, finish};
use websocket_close::{Awaited, CloseFrame, Loss, Role, TransportEnd};

mod bare;
mod before;
mod cancel;
mod closes;
mod deadlines;
mod endings;
mod failures;
mod pings;
#[path = "../common/transport.rs"]
mod transport;

use transport::*;

/// Code, reason and wasClean of an event.
type Facts = (u16, &'static str, bool);

const CLEAN: Facts = (1001, "theirs", true);
const UNANSWERED: Facts = (1001, "theirs", false);
const ABNORMAL: Facts = (1006, "", false);

#[track_caller]
fn assert_event(finished: &Finished, (code, reason, was_clean): Facts, case: &str) {
    let event = finished.ending.event();
    let facts = (event.code(), event.reason(), event.was_clean());
    assert_eq!(facts, (code, reason, was_clean), "{case} {}", finished.ending);
}

type Connection = Framed<Wire, CloseCodec<BytesCodec>>;

fn connection(local: Role, io: DuplexStream) -> Connection {
    Framed::new(Wire::new(local, io), codec(local).wrap(BytesCodec::new()))
}

/// Our end as a `Framed`, and the other end as a plain pipe.
fn pair(local: Role) -> (Connection, DuplexStream) {
    pair_with(local, BytesCodec::new())
}

/// A frame for the inner codec, which passes it on as it is.
fn other(frame: &[u8]) -> Message<Bytes> {
    Message::Other(Bytes::copy_from_slice(frame))
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

/// Refuses all bytes and all items.
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

/// A connection whose inner codec has just refused a frame.
async fn refused(local: Role) -> (Framed<DuplexStream, CloseCodec<Refuser>>, DuplexStream) {
    let (ours, mut peer) = duplex(1024);
    let mut framed = Framed::new(ours, codec(local).wrap(Refuser));
    peer.write_all(&frame(local.peer(), 0x82, b"data")).await.unwrap();
    assert!(matches!(framed.next().await, Some(Err(Error::Inner(_)))));
    (framed, peer)
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    // Longer than every bound, so that a hang fails the test.
    let result = timeout(Duration::from_secs(1_000_000), work).await.unwrap();
    (result, begun.elapsed())
}

/// Finishes with the default timeouts. Checks the event, the time to within 3 ms, and that the read buffer is small.
#[track_caller]
fn expect(framed: &mut Connection, event: Facts, millis: u64) -> impl Future<Output = Option<ErrorKind>> + '_ {
    let caller = std::panic::Location::caller();
    async move {
        let (finished, took) = timed(finish(framed, GOODBYE, Timeouts::DEFAULT)).await;
        assert_event(&finished, event, &caller.to_string());
        let expected = Duration::from_millis(millis);
        assert!((expected..expected + Duration::from_millis(3)).contains(&took), "{took:?} {caller}");
        assert!(framed.read_buffer().len() <= 131, "{caller}");
        finished.io_error.map(|error| error.kind())
    }
}

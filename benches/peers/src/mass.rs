//! 10,000 connections that a server shuts down at once: what each keeps on the heap while its peer is silent, and how
//! long all of them take if the peers answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::{Builder, Runtime};
use tokio_util::codec::{Framed, FramedParts};
use tokio_websockets::{CloseCode, Message};
use websocket_close::CloseFrame;
use websocket_close::codec::{Bare, CloseCodec, Timeouts, finish};

use crate::measure::{Random, live_after};

const CONNECTIONS: usize = 10_000;
const ROUNDS: usize = 9;
const LIMIT: Duration = Duration::from_secs(10);
const FRAME: CloseFrame<'static> = CloseFrame::from_static(1001, "");

async fn bare(io: DuplexStream) {
    let finished = Bare::new(io, CloseCodec::server()).finish(FRAME, Timeouts::DEFAULT).await;
    assert!(finished.ending.event().was_clean());
}

async fn framed(io: DuplexStream) {
    let mut framed = Framed::new(io, CloseCodec::server());
    assert!(finish(&mut framed, FRAME, Timeouts::DEFAULT).await.ending.event().was_clean());
}

/// A `Framed` that is taken apart, as the last step of a connection that had one.
async fn framed_to_bare(io: DuplexStream) {
    let framed = Framed::new(io, CloseCodec::server());
    let parts: FramedParts<_, CloseCodec> = framed.into_parts();
    let finished = Bare::from(parts).finish(FRAME, Timeouts::DEFAULT).await;
    assert!(finished.ending.event().was_clean());
}

async fn tokio_websockets(io: DuplexStream) {
    let mut socket = ::tokio_websockets::ServerBuilder::new().serve(io);
    let work = async {
        socket.send(Message::close(Some(CloseCode::GOING_AWAY), "")).await.expect("the peer reads");
        socket.close().await.expect("the peer answers");
        while socket.get_mut().read(&mut [0; 64]).await.expect("the peer ends") > 0 {}
    };
    tokio::time::timeout(LIMIT, work).await.expect("in time");
}

async fn tungstenite(io: DuplexStream) {
    use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, frame::coding::CloseCode};
    let mut socket = tokio_tungstenite::WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    let work = async {
        let frame = CloseFrame { code: CloseCode::Away, reason: "".into() };
        socket.close(Some(frame)).await.expect("the peer reads");
        while let Some(message) = socket.next().await {
            message.expect("the peer answers");
        }
        socket.get_mut().shutdown().await.expect("the peer reads");
        while socket.get_mut().read(&mut [0; 64]).await.expect("the peer ends") > 0 {}
    };
    tokio::time::timeout(LIMIT, work).await.expect("in time");
}

/// A client that answers, and ends the transport when the server has.
async fn peer(mut io: DuplexStream) {
    let mut close = [0; 4];
    io.read_exact(&mut close).await.expect("a Close");
    assert_eq!(close, *b"\x88\x02\x03\xe9");
    io.write_all(b"\x88\x82\0\0\0\0\x03\xe9").await.expect("the server reads");
    assert_eq!(io.read(&mut close).await.expect("an end"), 0);
}

/// Bytes for each connection whose peer is silent: its future, and what that has allocated. The transport is not
/// counted.
fn memory<F: Future>(runtime: &Runtime, server: fn(DuplexStream) -> F) -> usize {
    let _guard = runtime.enter();
    let (servers, peers): (Vec<_>, Vec<_>) = (0..CONNECTIONS).map(|_| tokio::io::duplex(64)).unzip();
    let mut waiting: Vec<Pin<Box<F>>> = Vec::with_capacity(CONNECTIONS);
    let (live, ()) = live_after(|| {
        for io in servers {
            let mut future = Box::pin(server(io));
            let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending), "the peer is silent");
            waiting.push(future);
        }
    });
    drop((waiting, peers));
    live / CONNECTIONS
}

/// How long all of them take, where all wait in the runtime before the first begins.
fn time<F: Future<Output = ()> + Send + 'static>(runtime: &Runtime, server: fn(DuplexStream) -> F) -> Duration {
    runtime.block_on(async {
        let mut servers = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let (io, other) = tokio::io::duplex(64);
            tokio::spawn(peer(other));
            servers.push(io);
        }
        tokio::task::yield_now().await;
        let start = Instant::now();
        let tasks: Vec<_> = servers.into_iter().map(|io| tokio::spawn(server(io))).collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        start.elapsed()
    })
}

pub fn print() {
    /// Name, bytes a connection, a round of all connections, best time.
    type Row<'a> = (&'static str, usize, Box<dyn Fn() -> Duration + 'a>, Duration);
    fn row<'a, F: Future<Output = ()> + Send + 'static>(
        name: &'static str,
        runtime: &'a Runtime,
        server: fn(DuplexStream) -> F,
    ) -> Row<'a> {
        (name, memory(runtime, server), Box::new(move || time(runtime, server)), Duration::MAX)
    }
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut rows = [
        row("websocket-close, Bare::finish", &runtime, bare),
        row("websocket-close, finish(Framed)", &runtime, framed),
        row("websocket-close, Framed to Bare", &runtime, framed_to_bare),
        row("tokio-websockets", &runtime, tokio_websockets),
        row("tungstenite (tokio-tungstenite)", &runtime, tungstenite),
    ];
    let mut random = Random(1);
    for _ in 0..ROUNDS {
        random.shuffle(&mut rows);
        for (_, _, round, best) in &mut rows {
            *best = round().min(*best);
        }
    }
    rows.sort_by_key(|row| row.3);
    println!("{CONNECTIONS} connections over `duplex`: bytes for each while its peer is silent, best time of {ROUNDS}");
    for (name, bytes, _, best) in rows {
        println!(
            "  {name:<34} {bytes:>8} bytes {:>9.2} ms {:>7} ns each",
            best.as_secs_f64() * 1e3,
            best.as_nanos() / CONNECTIONS as u128
        );
    }
}

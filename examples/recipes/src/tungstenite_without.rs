//! A proxy on tokio-tungstenite. When one end closes, it closes the other.
//! Both connections end within 40 seconds of the last message in either direction.

use std::io;
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame as Close;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, connect_async};

use crate::accept::next_client;

/// How long anything may take that is not the ends' own time: opening, a message on its way, the closing.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long both ends may be silent.
const IDLE: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
pub async fn run(address: &str, upstream: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (client, _) = next_client(&listener).await;
        let upstream = upstream.to_owned();
        tokio::spawn(async move {
            if let Err(error) = proxy(client, &upstream).await {
                eprintln!("{error}");
            }
        });
    }
}

async fn proxy(client: TcpStream, upstream: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (mut to_upstream, mut from_upstream) = timeout(PATIENCE, connect_async(upstream)).await??.0.split();
    let (mut to_client, mut from_client) = timeout(PATIENCE, accept_async(client)).await??.split();
    let active = Notify::new();
    let silence = async { while timeout(IDLE, active.notified()).await.is_ok() {} };
    let (by_client, last) = tokio::select! {
        last = pass(&mut from_client, &mut to_upstream, &active) => last.map_or((false, None), |last| (true, last)),
        last = pass(&mut from_upstream, &mut to_client, &active) => last.map_or((true, None), |last| (false, last)),
        () = silence => (true, None),
    };
    let client = from_client.reunite(to_client)?;
    let upstream = from_upstream.reunite(to_upstream)?;
    if by_client {
        end(client, last, Role::Server, upstream).await;
    } else {
        end(upstream, last, Role::Client, client).await;
    }
    Ok(())
}

/// Passes messages on until `from` has no more, and returns what came last. It is an error if `to` takes no more.
async fn pass(
    from: &mut (impl Stream<Item = Result<Message, Error>> + Unpin),
    to: &mut (impl Sink<Message> + Unpin),
    active: &Notify,
) -> Result<Option<Result<Message, Error>>, ()> {
    loop {
        let message = from.next().await;
        active.notify_one();
        match message {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                timeout(PATIENCE, to.send(message)).await.map_err(drop)?.map_err(drop)?;
            }
            // tungstenite answers pings at both ends.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            last => return Ok(last),
        }
    }
}

/// Tells `other` how `ended` has ended, and ends both. `local` is what the proxy is for `ended`.
async fn end<A, B>(
    mut ended: WebSocketStream<A>,
    last: Option<Result<Message, Error>>,
    local: Role,
    mut other: WebSocketStream<B>,
) where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let abnormal = Some(Close { code: 1006.into(), reason: "".into() });
    let close = if let Some(Ok(Message::Close(close))) = &last { close.clone() } else { abnormal };
    let own = Close { code: refusal(last.as_ref()).into(), reason: "".into() };
    let _ = timeout(PATIENCE / 2, ended.send(Message::Close(Some(own)))).await;
    let _ = timeout(PATIENCE / 2, async { while let Some(Ok(_)) = ended.next().await {} }).await;
    drop(ended);
    println!("as {local:?}: {last:?}");
    let _ = timeout(PATIENCE / 2, other.send(Message::Close(close))).await;
    let _ = timeout(PATIENCE / 2, async { while let Some(Ok(_)) = other.next().await {} }).await;
}

/// The code for an end that tungstenite has refused a frame of, or on which nothing has moved for too long.
fn refusal(last: Option<&Result<Message, Error>>) -> u16 {
    match last {
        Some(Err(Error::Utf8(_))) => 1007,
        Some(Err(Error::Capacity(_))) => 1009,
        Some(Err(_)) => 1002,
        _ => 3008,
    }
}

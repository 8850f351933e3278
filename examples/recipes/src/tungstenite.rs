//! A proxy on tokio-tungstenite: when one end of it is closed, so is the other.

use std::io;
use std::time::Duration;

use futures_util::future::select;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message, protocol};
use tokio_tungstenite::{accept_async, connect_async};
use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, Role};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
pub async fn run(address: &str, upstream: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept().await?;
        let upstream = upstream.to_owned();
        tokio::spawn(async move {
            if let Err(error) = proxy(client, &upstream).await {
                eprintln!("{error}");
            }
        });
    }
}

async fn proxy(client: TcpStream, upstream: &str) -> Result<(), Error> {
    let (to_upstream, from_upstream) = connect_async(upstream).await?.0.split();
    let (to_client, from_client) = accept_async(client).await?.split();
    let up = Box::pin(pass(Role::Server, from_client, to_upstream));
    let down = Box::pin(pass(Role::Client, from_upstream, to_client));
    // When one way has ended, the other has some time to do so.
    let ((), other) = select(up, down).await.factor_first();
    let _ = timeout(PATIENCE, other).await;
    Ok(())
}

/// Passes messages on until `from` has ended, and then the ending.
async fn pass(
    local: Role,
    mut from: impl Stream<Item = Result<Message, Error>> + Unpin,
    mut to: impl Sink<Message> + Unpin,
) {
    let mut closing = ClosingHandshake::new(local);
    while let Some(Ok(message)) = from.next().await {
        match message {
            Message::Close(close) => {
                let frame = close.as_ref().map_or(Ok(CloseFrame::EMPTY), |close| {
                    CloseCode::new(close.code.into()).map(|code| CloseFrame::truncated(code, &close.reason))
                });
                let _ = frame.map(|frame| closing.receive(frame));
                break;
            }
            // tungstenite answers pings, here as well as there.
            Message::Text(_) | Message::Binary(_) => {
                let _ = to.send(message).await;
            }
            _ => {}
        }
    }
    // No code stays no code. That a connection was lost cannot be said with 1006, but with what it means here.
    let event = closing.clone().finish();
    let last = event.to_frame().unwrap_or(CloseFrame::from_code(CloseCode::BAD_GATEWAY));
    let close = last.code().map(|code| protocol::CloseFrame { code: code.get().into(), reason: last.reason().into() });
    let _ = to.send(Message::Close(close)).await;
    // tungstenite writes its answer while it is read on, and yields `None` when both Closes are through.
    if from.next().await.is_none() {
        closing.written();
    }
    println!("as {local:?}: {}", closing.finish());
}

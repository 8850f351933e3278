//! A proxy on tokio-tungstenite. When one end closes, it closes the other.

use std::io;
use std::time::Duration;

use futures_util::future::select;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message, protocol};
use tokio_tungstenite::{accept_async, connect_async};
use websocket_close::{CloseFrame, ClosingHandshake, Role, TransportEnd};

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

/// Passes messages on until `from` has ended, and then passes on how it ended.
async fn pass(
    local: Role,
    mut from: impl Stream<Item = Result<Message, Error>> + Unpin,
    mut to: impl Sink<Message> + Unpin,
) {
    let mut closing = ClosingHandshake::new(local);
    while let Some(Ok(message)) = from.next().await {
        match message {
            Message::Close(close) => {
                let frame = close
                    .as_ref()
                    .map_or(Ok(CloseFrame::EMPTY), |close| CloseFrame::from_parts(close.code.into(), &close.reason));
                let _ = frame.map(|frame| closing.receive(frame));
                break;
            }
            // tungstenite answers pings at both ends.
            Message::Text(_) | Message::Binary(_) => {
                let _ = to.send(message).await;
            }
            _ => {}
        }
    }
    // No code stays no code. 1006 may not be sent, so a lost connection becomes 1014 or 1001.
    let event = closing.event();
    let last = event.forward(local.peer());
    let close = last.code().map(|code| protocol::CloseFrame { code: code.get().into(), reason: last.reason().into() });
    let _ = to.send(Message::Close(close)).await;
    // tungstenite writes its answer while we read on. It returns `None` when both Closes are done.
    if from.next().await.is_none() {
        closing.mark_written();
    }
    println!("as {local:?}: {}", closing.into_ending(TransportEnd::NotKnown));
}

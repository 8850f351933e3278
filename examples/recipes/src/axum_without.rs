//! An axum server that ends a connection as its client asks for, and prints how it ended.

use std::io;
use std::time::Duration;

use axum::extract::ws::{CloseFrame as Close, Message, WebSocket, WebSocketUpgrade};
use axum::{Router, routing};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// How long a client may take to ask, and how long the closing may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
pub async fn run(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let upgrade = |upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(serve) };
    axum::serve(listener, Router::new().route("/", routing::any(upgrade))).await
}

/// A client asks for its end with a text such as "4001 bye". axum itself answers a client's Close.
async fn serve(mut socket: WebSocket) {
    let asked = async {
        loop {
            match socket.recv().await {
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
                seen => break seen,
            }
        }
    };
    let (seen, code, text) = match timeout(PATIENCE, asked).await {
        Ok(Some(Ok(Message::Text(text)))) => (None, text.split(' ').next().and_then(|code| code.parse().ok()), text),
        // axum has refused what the client sent.
        Ok(seen) => (seen, Some(1002), "".into()),
        Err(_) => (None, Some(3008), "".into()),
    };
    let reason = text.split_once(' ').map_or("", |(_, reason)| reason);
    let close = Close { code: code.unwrap_or(1003), reason: reason.into() };
    let closing = async {
        // axum refuses a second Close.
        let _ = socket.send(Message::Close(Some(close))).await;
        while let Some(Ok(_)) = socket.recv().await {}
    };
    let _ = timeout(PATIENCE, closing).await;
    println!("{seen:?}");
}

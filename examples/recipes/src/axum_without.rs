//! An axum server that ends a connection as its client asks for, and prints how it ended.

use std::io;
use std::time::Duration;

use axum::extract::ws::{self, Message, WebSocket, WebSocketUpgrade};
use axum::{Router, routing};
use tokio::net::TcpListener;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
pub async fn run(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let upgrade = |upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(serve) };
    axum::serve(listener, Router::new().route("/", routing::any(upgrade))).await
}

/// A client asks for its end with a text such as "4001 bye". axum itself answers a client's Close, while we read on.
async fn serve(mut socket: WebSocket) {
    let mut received = None;
    loop {
        match timeout(PATIENCE, socket.recv()).await {
            Ok(Some(Ok(Message::Text(text)))) => {
                let (code, reason) = text.split_once(' ').unwrap_or((&text, ""));
                let code = code.parse().unwrap_or(ws::close_code::UNSUPPORTED);
                let close = ws::CloseFrame { code, reason: reason.into() };
                // axum refuses a second Close.
                let _ = socket.send(Message::Close(Some(close))).await;
            }
            Ok(Some(Ok(Message::Close(close)))) => {
                received = close;
            }
            Ok(Some(Ok(_))) => {}
            // Both Closes are done.
            Ok(None) => break,
            Ok(Some(Err(error))) => break eprintln!("{error}"),
            Err(_) => break eprintln!("timed out"),
        }
    }
    println!("{received:?}");
}

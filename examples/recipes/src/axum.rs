//! An axum server that ends a connection as its client asks for, and prints how it ended.

use std::io;
use std::time::Duration;

use axum::extract::ws::{self, Message, WebSocket, WebSocketUpgrade};
use axum::{Router, routing};
use tokio::net::TcpListener;
use tokio::time::timeout;
use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, Role, TransportEnd};

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
    let mut closing = ClosingHandshake::new(Role::Server);
    loop {
        match timeout(PATIENCE, socket.recv()).await {
            Ok(Some(Ok(Message::Text(text)))) => {
                let (code, reason) = text.split_once(' ').unwrap_or((&text, ""));
                // Replaces a code that may not be sent, and cuts a reason that is too long. axum would send either.
                let code = CloseCode::new(code.parse().unwrap_or(0)).unwrap_or(CloseCode::UNSUPPORTED_DATA);
                let frame = CloseFrame::truncated(code, reason);
                let close = ws::CloseFrame { code: code.get(), reason: frame.reason().into() };
                let _ = closing.start(frame);
                // axum refuses a second Close.
                let _ = socket.send(Message::Close(Some(close))).await;
            }
            Ok(Some(Ok(Message::Close(close)))) => {
                // If this answers our Close, axum does not check the code.
                let frame = close
                    .as_ref()
                    .map_or(Ok(CloseFrame::EMPTY), |close| CloseFrame::from_parts(close.code, &close.reason));
                let _ = frame.map(|frame| closing.receive(frame));
            }
            Ok(Some(Ok(_))) => {}
            // Both Closes are done.
            Ok(None) => break closing.mark_written(),
            Ok(Some(Err(error))) => break eprintln!("{error}"),
            Err(_) => break eprintln!("timed out"),
        }
    }
    println!("{}", closing.into_ending(TransportEnd::NotKnown));
}

//! An axum server that ends a connection as its client asks for, and prints how it ended.
//! A connection ends within 20 seconds of its opening.

use std::error::Error;
use std::io;
use std::time::Duration;

use axum::extract::ws::{CloseFrame as Close, Message, WebSocket, WebSocketUpgrade};
use axum::{Router, routing};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::accept::next_client;

/// How long the opening handshake may take, how long a client may take to ask, and how long the closing may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
pub async fn run(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let upgrade = |upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(serve) };
    let service = TowerToHyperService::new(Router::new().route("/", routing::any(upgrade)));
    loop {
        let (stream, _) = next_client(&listener).await;
        // `axum::serve` would wait for ever for a client that does not say what it wants.
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(async move {
            match timeout(PATIENCE, connection.with_upgrades()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => eprintln!("{error}"),
                Err(late) => eprintln!("{late}"),
            }
        });
    }
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
        // axum has refused what the client sent, or that was a Close.
        Ok(seen) => {
            let code = seen.as_ref().and_then(|seen| seen.as_ref().err()).map_or(1002, refusal);
            (seen, Some(code), "".into())
        }
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

/// The code for an error of axum's, which is one of tungstenite's in a box.
fn refusal(error: &axum::Error) -> u16 {
    match error.source().and_then(|error| error.downcast_ref()) {
        Some(tungstenite_in_axum::Error::Utf8(_)) => 1007,
        Some(tungstenite_in_axum::Error::Capacity(_)) => 1009,
        _ => 1002,
    }
}

//! An echo server on actix-http, with its codec for WebSocket frames, and a check of its texts.
//! A connection ends within 22 seconds of the last frame in either direction.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::body::BodySize;
use actix_http::ws::{self, Message, ProtocolError};
use actix_http::{Error, HttpService, Request, Response, StatusCode, h1};
use actix_rt::net::TcpStream;
use actix_server::Server;
use actix_service::fn_service;
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;

use crate::actix_codec::Judging;

/// How long each frame may take to come, and each answer to be written. actix itself bounds the opening handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a client hears that is late.
const LATE: u16 = 1001;

#[actix_rt::main]
pub async fn run(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let http = || {
        let no_upgrade = |_| async { Ok::<_, Infallible>(Response::new(StatusCode::UPGRADE_REQUIRED)) };
        HttpService::build().upgrade(fn_service(upgrade)).finish(fn_service(no_upgrade)).tcp()
    };
    Server::build().workers(1).listen("websocket", listener, http)?.run().await
}

async fn upgrade((request, mut http): (Request, actix_codec::Framed<TcpStream, h1::Codec>)) -> Result<(), Error> {
    let response = ws::handshake(request.head())?.message_body(())?;
    let Ok(sent) = timeout(PATIENCE, http.send((response, BodySize::None).into())).await else { return Ok(()) };
    sent.map_err(ProtocolError::from)?;
    let mut socket = http.replace_codec(Judging::new());
    let goodbye = loop {
        let message = match timeout(PATIENCE, socket.next()).await {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(refused))) => break refused.code(),
            _ => break LATE,
        };
        let answer = match message {
            Message::Text(_) | Message::Binary(_) | Message::Continuation(_) => message,
            Message::Ping(data) => Message::Pong(data),
            Message::Close(reason) => break reason.map_or(1000, |reason| reason.code.into()),
            _ => continue,
        };
        let sent = timeout(PATIENCE, socket.send(answer)).await;
        if !matches!(sent, Ok(Ok(()))) {
            break LATE;
        }
    };
    println!("{:?}", timeout(PATIENCE, socket.send(Message::Close(Some(ws::CloseCode::from(goodbye).into())))).await);
    Ok(())
}

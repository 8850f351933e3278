//! An echo server on actix-http, with its codec for WebSocket frames.
//! A connection ends within 22 seconds of the last frame in either direction.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::body::BodySize;
use actix_http::ws::{self, Codec, Frame, ProtocolError};
use actix_http::{Error, HttpService, Request, Response, StatusCode, h1};
use actix_rt::net::TcpStream;
use actix_server::Server;
use actix_service::fn_service;
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use websocket_close::CloseCode;
use websocket_close::codec::{self, CloseCodec, Message, Timeouts, finish};

/// How long each frame may take to come, and each answer to be written. actix itself bounds the opening handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a client hears that is late.
const LATE: CloseCode = CloseCode::GOING_AWAY;

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
    // actix has its own `Framed`, but `finish` needs tokio-util's. Take along what has been read.
    let http = http.into_parts();
    let mut socket = tokio_util::codec::Framed::new(http.io, CloseCodec::server().wrap(Codec::new()));
    socket.read_buffer_mut().unsplit(http.read_buf);
    let goodbye = loop {
        let frame = match timeout(PATIENCE, socket.next()).await {
            Ok(Some(Ok(Message::Other(frame)))) => frame,
            Ok(Some(Err(codec::Error::Inner(ProtocolError::Overflow)))) => break CloseCode::MESSAGE_TOO_BIG,
            Ok(Some(Err(codec::Error::Inner(_)))) => break CloseCode::PROTOCOL_ERROR,
            // If this is the client's Close or its fault, `finish` answers that instead.
            _ => break LATE,
        };
        let answer = match frame {
            // actix does not check whether a text is UTF-8, so it must not come back as a text.
            Frame::Text(data) | Frame::Binary(data) => ws::Message::Binary(data),
            Frame::Ping(data) => ws::Message::Pong(data),
            _ => continue,
        };
        let sent = timeout(PATIENCE, socket.send(Message::Other(answer))).await;
        if !matches!(sent, Ok(Ok(()))) {
            break LATE;
        }
    };
    println!("{}", finish(&mut socket, goodbye.into(), Timeouts::DEFAULT).await.ending);
    Ok(())
}

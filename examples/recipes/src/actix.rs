//! An echo server on actix-http, with its codec for WebSocket frames.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use actix_http::body::BodySize;
use actix_http::ws::{self, Codec, Frame};
use actix_http::{Error, HttpService, Request, Response, StatusCode, h1};
use actix_rt::net::TcpStream;
use actix_server::Server;
use actix_service::fn_service;
use futures_util::{SinkExt, StreamExt};
use tokio_util::codec::Framed;
use websocket_close::CloseFrame;
use websocket_close::codec::{CloseCodec, Message, Timeouts, finish};

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
    http.send((response, BodySize::None).into()).await.map_err(ws::ProtocolError::from)?;
    // actix has its own `Framed`, but `finish` needs tokio-util's. Take along what has been read.
    let http = http.into_parts();
    let mut socket = Framed::new(http.io, CloseCodec::server().wrap(Codec::new()));
    socket.read_buffer_mut().unsplit(http.read_buf);
    while let Some(Ok(Message::Other(frame))) = socket.next().await {
        let answer = match frame {
            Frame::Text(data) | Frame::Binary(data) => ws::Message::Binary(data),
            Frame::Ping(data) => ws::Message::Pong(data),
            _ => continue,
        };
        if socket.send(Message::Other(answer)).await.is_err() {
            break;
        }
    }
    // Answers the client's Close or its fault. This frame is for what actix's codec has refused.
    let finished = finish(&mut socket, CloseFrame::from_static(1002, ""), Timeouts::DEFAULT).await;
    println!("{}", finished.ending);
    Ok(())
}

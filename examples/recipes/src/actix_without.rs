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
    let mut socket = http.replace_codec(Codec::new());
    while let Some(Ok(frame)) = socket.next().await {
        let answer = match frame {
            Frame::Text(data) | Frame::Binary(data) => ws::Message::Binary(data),
            Frame::Ping(data) => ws::Message::Pong(data),
            Frame::Close(reason) => {
                println!("{reason:?}");
                let _ = socket.send(ws::Message::Close(reason)).await;
                break;
            }
            _ => continue,
        };
        if socket.send(answer).await.is_err() {
            break;
        }
    }
    Ok(())
}

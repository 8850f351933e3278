//! `WebSocket` over HTTP/2 (RFC 8441), on hyper: the server recipe's echo, behind an extended CONNECT.
//! A connection ends within 27 seconds of the last frame in either direction. hyper may keep its stream longer.
//!
//! The stream of a request takes the place of the TCP connection. Its end in order is `END_STREAM`, and a reset is
//! `RST_STREAM` with `CANCEL` (RFC 8441, 5). hyper shows the stream as a transport, and hides four things:
//!
//! - A `RST_STREAM` with `CANCEL` or `NO_ERROR` reads as an end in order. So the line of the ending says that the peer
//!   hung up, where over TCP it would say that the connection was reset. Other codes are an I/O error of no particular
//!   kind.
//! - Writing and flushing succeed when hyper has taken the bytes. Up to two writes may still wait for the client to
//!   open its window. So a Close counts as written that the client has not got, as one in the buffers of TCP does.
//! - Dropping the stream ends it in order, with `END_STREAM`.
//! - If writes wait for the client to open its window, so does that end. hyper keeps such a stream until the HTTP/2
//!   connection ends.

use std::convert::Infallible;
use std::future::ready;
use std::pin::pin;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::ext::Protocol;
use hyper::header::SEC_WEBSOCKET_VERSION;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::accept::next_client;
use crate::server::{OPENING, Transport, acceptor, serve};

/// How often the client is asked whether it is still there, and how long its answer may take.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
pub async fn run(address: &str, certificate_and_key: Option<(&str, &str)>) -> Result<(), Box<dyn std::error::Error>> {
    // Browsers speak HTTP/2 over TLS only.
    let tls = certificate_and_key.map(|(certificate, key)| acceptor(certificate, key, &["h2"])).transpose()?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, client) = next_client(&listener).await;
        let tls = tls.clone();
        tokio::spawn(async move {
            if let Err(error) = connection(stream, tls).await {
                eprintln!("{client}: {error}");
            }
        });
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let stream: Box<dyn Transport> = match tls {
        Some(tls) => Box::new(timeout(OPENING, tls.accept(stream)).await??),
        None => Box::new(stream),
    };
    let mut builder = http2::Builder::new(TokioExecutor::new());
    // RFC 8441, 3: without this setting no client may ask.
    builder.enable_connect_protocol();
    // Once a request has come, the connection lives for as long as the client answers the pings of HTTP/2.
    builder.timer(TokioTimer::new()).keep_alive_interval(KEEP_ALIVE).keep_alive_timeout(KEEP_ALIVE);
    let asked = Notify::new();
    let service = service_fn(|request| {
        asked.notify_one();
        ready(Ok::<_, Infallible>(answer(request)))
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        ended = &mut connection => return Ok(ended?),
        asked = timeout(OPENING, asked.notified()) => asked?,
    }
    Ok(connection.await?)
}

fn answer(mut request: Request<Incoming>) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    let websocket = request.extensions().get::<Protocol>().is_some_and(|protocol| protocol.as_str() == "websocket");
    // RFC 8441, 5: there is no `Sec-WebSocket-Key`, and success is a 200.
    if request.method() != Method::CONNECT || !websocket {
        *response.status_mut() = StatusCode::NOT_FOUND;
    } else if request.headers().get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, "13".parse().unwrap());
    } else {
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            match timeout(OPENING, upgraded).await {
                // One that also goes down well would cancel this token, as the server recipe does.
                Ok(Ok(upgraded)) => println!("{}", serve(TokioIo::new(upgraded), &CancellationToken::new()).await),
                Ok(Err(error)) => eprintln!("{error}"),
                Err(late) => eprintln!("{late}"),
            }
        });
    }
    response
}

//! A hyper 1 server that upgrades every client, and sends a Close to those without a token.
//! A connection ends within 32 seconds of its opening.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::codec::Framed;
use websocket_close::codec::{CloseCodec, Error, Timeouts, finish};
use websocket_close::{CloseFrame, TransportEnd};

use crate::accept::next_client;

/// How long the opening handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client with a token may stay.
const STAY: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
pub async fn run(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = next_client(&listener).await;
        tokio::spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(upgrade));
            match timeout(PATIENCE, connection.with_upgrades()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => eprintln!("{error}"),
                Err(late) => eprintln!("{late}"),
            }
        });
    }
}

async fn upgrade(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    let Some(accept) = request.headers().get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes())) else {
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        return Ok(response);
    };
    let logged_in = request.uri().query().is_some_and(|query| query.starts_with("token="));
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(upgraded) => serve(TokioIo::new(upgraded), logged_in).await,
            Err(error) => eprintln!("{error}"),
        }
    });
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().extend([
        (CONNECTION, "upgrade".parse().unwrap()),
        (UPGRADE, "websocket".parse().unwrap()),
        (SEC_WEBSOCKET_ACCEPT, accept.parse().unwrap()),
    ]);
    Ok(response)
}

async fn serve(io: TokioIo<Upgraded>, logged_in: bool) {
    let mut socket = Framed::new(io, CloseCodec::server());
    // A script in a browser sees this Close. If the upgrade is refused, it sees neither status nor body.
    let (mut code, mut reason) = (3000, "log in first");
    if logged_in {
        let reading = async {
            loop {
                match socket.next().await {
                    // The client's Close. An error follows.
                    Some(Ok(_)) => {}
                    Some(Err(Error::Io(error))) => break Some(error),
                    // The end of the messages, or the client's fault.
                    Some(Err(_)) | None => break None,
                }
            }
        };
        if let Ok(Some(error)) = timeout(STAY, reading).await {
            // TCP tells a reset once, and then reads as if it had ended in order.
            let end = TransportEnd::Lost(error.kind().into());
            println!("{}", socket.codec().closing().clone().into_ending(end));
            return;
        }
        (code, reason) = (1001, "");
    }
    // If the client's Close or its fault has come, this answers that instead.
    println!("{}", finish(&mut socket, CloseFrame::from_static(code, reason), Timeouts::DEFAULT).await.ending);
}

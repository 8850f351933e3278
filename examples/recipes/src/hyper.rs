//! A hyper 1 server that upgrades every client, and sends a Close to those without a token.

use std::convert::Infallible;
use std::io;

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
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::codec::Framed;
use websocket_close::CloseFrame;
use websocket_close::codec::{CloseCodec, Timeouts, finish};

#[tokio::main(flavor = "current_thread")]
pub async fn run(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(upgrade));
            if let Err(error) = connection.with_upgrades().await {
                eprintln!("{error}");
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
    let mut goodbye = CloseFrame::from_static(3000, "log in first");
    if logged_in {
        // Alone, the codec steps over all data. So this is the client's Close, its fault, or the end.
        let _ = socket.next().await;
        goodbye = CloseFrame::from_static(1001, "");
    }
    // If the client's Close or its fault has come, `finish` answers that instead.
    let finished = finish(&mut socket, goodbye, Timeouts::DEFAULT).await;
    println!("{}", finished.ending);
}

//! An echo server on fastwebsockets.

use std::io;

use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{Frame, OpCode, WebSocketError};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use websocket_close::{CloseFrame, ClosingHandshake, Role, TransportAction, TransportEnd};

#[tokio::main(flavor = "current_thread")]
pub async fn run(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(open));
            if let Err(error) = connection.with_upgrades().await {
                eprintln!("{error}");
            }
        });
    }
}

async fn open(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, upgraded) = upgrade(&mut request)?;
    tokio::spawn(serve(upgraded));
    Ok(response)
}

async fn serve(upgraded: UpgradeFut) {
    let Ok(mut socket) = upgraded.await else { return };
    // Now we get the payload of a Close as it came, and send the answer ourselves.
    socket.set_auto_close(false);
    let mut closing = ClosingHandshake::new(Role::Server);
    while closing.transport() == TransportAction::Keep {
        let Ok(frame) = socket.read_frame().await else { break };
        match frame.opcode {
            OpCode::Close => {
                let answer = closing.receive_or_reject(CloseFrame::from_payload(&frame.payload));
                let mut payload = [0; 125];
                let payload = answer.unwrap_or(CloseFrame::EMPTY).write_payload(&mut payload);
                let Ok(()) = socket.write_frame(Frame::close_raw(payload.into())).await else { break };
                closing.mark_written();
            }
            OpCode::Text | OpCode::Binary | OpCode::Continuation => {
                // Without the client's mask.
                let _ = socket.write_frame(Frame::new(frame.fin, frame.opcode, None, frame.payload)).await;
            }
            _ => {}
        }
    }
    println!("{}", closing.into_ending(TransportEnd::NotKnown));
}

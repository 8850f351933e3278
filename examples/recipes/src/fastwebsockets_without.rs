//! An echo server on fastwebsockets.
//! A connection ends within 14 seconds of the last frame in either direction.

use std::io;
use std::time::Duration;

use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{Frame, OpCode, WebSocket, WebSocketError};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::accept::next_client;
use crate::fragments::Fragments;

/// How long the opening handshake may take, then each frame to come, and each answer to be written.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the end may take: our Close, and then the client's end of the transport.
const END: Duration = Duration::from_secs(4);
/// The longest frame that comes back, in bytes.
const MAX_FRAME_LEN: usize = 1 << 20;
/// How many bytes are discarded at most, once the Closes are done.
const MAX_DISCARDED: u64 = 64 << 20;

#[tokio::main(flavor = "current_thread")]
pub async fn run(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = next_client(&listener).await;
        tokio::spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(open));
            match timeout(PATIENCE, connection.with_upgrades()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => eprintln!("{error}"),
                Err(late) => eprintln!("{late}"),
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
    // A pong that fastwebsockets sends inside `read_frame` could be cut in half by our time-out.
    socket.set_auto_pong(false);
    socket.set_max_message_size(MAX_FRAME_LEN);
    let close = match echo(&mut socket).await {
        Ok(payload) => Some(payload),
        Err(code) => code.map(|code| code.to_be_bytes().into()),
    };
    let end = async {
        if let Some(close) = close {
            let frame = Frame::close_raw(close.as_slice().into());
            if let Ok(()) = socket.write_frame(frame).await {
                println!("closed with {close:02x?}");
            }
        }
        // Closing with unread bytes would reset the connection, and a reset can destroy our own Close.
        let mut io = socket.into_inner();
        let _ = io.shutdown().await;
        copy(&mut io.take(MAX_DISCARDED), &mut sink()).await
    };
    let _ = timeout(END, end).await;
}

/// Echoes what comes before the Close, and returns the payload of the Close. The error is the code to fail the
/// connection with, or `None` if no Close can follow: the connection is lost, or half a frame is out.
async fn echo(socket: &mut WebSocket<TokioIo<Upgraded>>) -> Result<Vec<u8>, Option<u16>> {
    // fastwebsockets judges the text of a whole message only.
    let mut fragments = Fragments::default();
    loop {
        let frame = match timeout(PATIENCE, socket.read_frame()).await {
            Ok(Ok(frame)) => frame,
            Ok(Err(error)) => return Err(code(&error)),
            Err(_) => return Err(Some(1001)),
        };
        let answer = match frame.opcode {
            OpCode::Close => return Ok(frame.payload.to_vec()),
            OpCode::Ping => Frame::pong(frame.payload),
            OpCode::Pong => continue,
            // Without the client's mask. fastwebsockets has refused RSV bits.
            OpCode::Text | OpCode::Binary | OpCode::Continuation => {
                fragments.judge(frame.opcode as u8, frame.fin, &frame.payload).map_err(Some)?;
                Frame::new(frame.fin, frame.opcode, None, frame.payload)
            }
        };
        let Ok(Ok(())) = timeout(PATIENCE, socket.write_frame(answer)).await else { return Err(None) };
    }
}

/// What to answer to a frame that fastwebsockets refuses. `None` if the connection is lost.
fn code(error: &WebSocketError) -> Option<u16> {
    match error {
        WebSocketError::UnexpectedEOF | WebSocketError::ConnectionClosed | WebSocketError::IoError(_) => None,
        WebSocketError::InvalidUTF8 => Some(1007),
        WebSocketError::FrameTooLarge => Some(1009),
        _ => Some(1002),
    }
}

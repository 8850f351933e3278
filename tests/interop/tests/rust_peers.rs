//! Runs the table against libraries in Rust: tokio-tungstenite and fastwebsockets, as clients and as servers.

use std::io;
use std::net::Ipv4Addr;

use close_interop::session::{Peer, SILENCE, Task, check, raw_close, report};
use close_interop::table::{Deviation, Theirs};
use fastwebsockets::{Frame, OpCode, Payload, WebSocket};
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{accept_async, client_async};
use websocket_close::Role;

/// The report if no valid Close was received.
const NONE: &str = "1006";

const TUNGSTENITE: &[Deviation] = &[
    Deviation {
        rows: &["we first, 1014"],
        our_event: Some("1002 Protocol violation, clean"),
        their_report: Some("1002 Protocol violation"),
        why: "it takes the registered 1014 for an illegal code (11.7)",
    },
    Deviation {
        rows: &["we send 1005", "we send 5000"],
        our_event: None,
        their_report: Some("1002 Protocol violation"),
        why: "it reports a Close that nobody sent, instead of the code received (7.1.5)",
    },
    Deviation {
        rows: &["we send bad UTF-8", "we send one byte"],
        our_event: Some("1006, unclean"),
        their_report: None,
        why: "it returns an error, and its user has to send the Close that should come first (7.1.7)",
    },
];
const FASTWEBSOCKETS: &[Deviation] = &[
    Deviation {
        rows: &["we first, 1014"],
        our_event: Some("1002, clean"),
        their_report: Some("1006"),
        why: "it takes the registered 1014 for an illegal code (11.7)",
    },
    Deviation {
        rows: &["we send bad UTF-8", "we send one byte"],
        our_event: Some("1006, unclean"),
        their_report: None,
        why: "it returns an error, and its user has to send the Close that should come first (7.1.7)",
    },
];

#[tokio::test]
async fn tokio_tungstenite_ends_as_the_table_says() {
    check(&Tungstenite, TUNGSTENITE).await;
}

#[tokio::test]
async fn fastwebsockets_ends_as_the_table_says() {
    check(&Fastwebsockets, FASTWEBSOCKETS).await;
}

struct Tungstenite;

impl Peer for Tungstenite {
    const OPENS: bool = true;

    async fn start(&self, dial: Option<u16>, task: Task) -> io::Result<(u16, JoinHandle<String>)> {
        start(dial, move |stream, role| async move {
            tungstenite(stream, role, task).await.unwrap_or_else(|error| error.to_string())
        })
        .await
    }
}

async fn tungstenite(stream: TcpStream, role: Role, task: Task) -> Result<String, Error> {
    let mut socket = match role {
        Role::Client => client_async("ws://localhost/", stream).await?.0,
        Role::Server => accept_async(stream).await?,
    };
    match task.theirs {
        Theirs::Wait => {}
        Theirs::Close(None) => socket.close(None).await?,
        Theirs::Close(Some((code, reason))) => {
            socket.close(Some(CloseFrame { code: code.into(), reason: reason.into() })).await?;
        }
        Theirs::TellAndClose => {
            socket.send(Message::text("hello")).await?;
            socket.close(Some(CloseFrame { code: 4001.into(), reason: "theirs".into() })).await?;
        }
        Theirs::Talk => {
            socket.send(Message::text("hello")).await?;
            assert_eq!(socket.next().await.unwrap()?, Message::text("hello"));
            socket.close(Some(CloseFrame { code: 1000.into(), reason: "bye".into() })).await?;
        }
        Theirs::Raw(payload) => socket.get_mut().write_all(&raw_close(role, payload)).await?,
        Theirs::Silent => {
            socket.send(Message::text("hello")).await?;
            sleep(SILENCE).await;
        }
        Theirs::Drop => return Ok(NONE.into()),
    }

    let ended = async {
        let mut received = None;
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(close) = message {
                let close = close.map_or_else(|| report(1005, ""), |close| report(close.code.into(), &close.reason));
                received.get_or_insert(close);
            }
        }
        received.unwrap_or_else(|| NONE.into())
    };
    // The library has no timeout for this.
    Ok(timeout(task.patience, ended).await.unwrap_or_else(|_| NONE.into()))
}

struct Fastwebsockets;

impl Peer for Fastwebsockets {
    /// hyper does its opening handshake, which is not tested here.
    const OPENS: bool = false;

    async fn start(&self, dial: Option<u16>, task: Task) -> io::Result<(u16, JoinHandle<String>)> {
        start(dial, move |stream, role| async move {
            fast(stream, role, task).await.unwrap_or_else(|error| error.to_string())
        })
        .await
    }
}

async fn fast(stream: TcpStream, role: Role, task: Task) -> Result<String, fastwebsockets::WebSocketError> {
    let role = match role {
        Role::Client => fastwebsockets::Role::Client,
        Role::Server => fastwebsockets::Role::Server,
    };
    let mut socket = WebSocket::after_handshake(stream, role);
    match task.theirs {
        Theirs::Wait => {}
        Theirs::Close(None) => socket.write_frame(Frame::close_raw(Payload::Borrowed(&[]))).await?,
        Theirs::Close(Some((code, reason))) => socket.write_frame(Frame::close(code, reason.as_bytes())).await?,
        Theirs::TellAndClose => {
            socket.write_frame(Frame::text(Payload::Borrowed(b"hello"))).await?;
            socket.write_frame(Frame::close(4001, b"theirs")).await?;
        }
        Theirs::Talk => {
            socket.write_frame(Frame::text(Payload::Borrowed(b"hello"))).await?;
            let echo = socket.read_frame().await?;
            assert_eq!((echo.opcode, &*echo.payload), (OpCode::Text, &b"hello"[..]));
            socket.write_frame(Frame::close(1000, b"bye")).await?;
        }
        // The library does not check the payload.
        Theirs::Raw(payload) => socket.write_frame(Frame::close_raw(Payload::Borrowed(payload))).await?,
        Theirs::Silent => {
            socket.write_frame(Frame::text(Payload::Borrowed(b"hello"))).await?;
            sleep(SILENCE).await;
        }
        Theirs::Drop => return Ok(NONE.into()),
    }

    // Its reader answers a Close. It has no timeout, and does not wait for the end of the transport.
    let ended = async {
        while let Ok(frame) = socket.read_frame().await {
            if frame.opcode == OpCode::Close {
                return match &*frame.payload {
                    [high, low, reason @ ..] => {
                        report(u16::from_be_bytes([*high, *low]), &String::from_utf8_lossy(reason))
                    }
                    _ => report(1005, ""),
                };
            }
        }
        NONE.into()
    };
    Ok(timeout(task.patience, ended).await.unwrap_or_else(|_| NONE.into()))
}

/// Connects or listens, and runs `peer` on the connection in its own task.
async fn start<F>(
    dial: Option<u16>,
    peer: impl FnOnce(TcpStream, Role) -> F + Send + 'static,
) -> io::Result<(u16, JoinHandle<String>)>
where
    F: Future<Output = String> + Send + 'static,
{
    if let Some(port) = dial {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        return Ok((port, tokio::spawn(peer(stream, Role::Client))));
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    let accepted = async move {
        match listener.accept().await {
            Ok((stream, _)) => peer(stream, Role::Server).await,
            Err(error) => error.to_string(),
        }
    };
    Ok((port, tokio::spawn(accepted)))
}

//! For tokio: `CloseCodec::wrap` around your codec takes care of Close frames, and `finish` ends the connection.
//! Both ends are through within 22 seconds of the last frame in either direction.
//!
//! `cargo run --example wrap --features codec` lets a server and a client talk. With `-- serve ADDRESS` it serves the
//! clients that come, and with `-- listen ADDRESS` it is the client of a server. Both begin where the opening handshake
//! is done.
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::codec::{Decoder, Encoder, Framed};
use websocket_close::codec::{CloseCodec, Error, Message, Timeouts, finish};
use websocket_close::{CloseCode, CloseFrame, Ending};

/// How long a text may take to be written, and how long the server may say nothing. `finish` has deadlines of its own.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stands for your codec. This one knows a server's short texts.
struct Texts;

/// What goes wrong in it.
#[derive(Debug, thiserror::Error)]
enum TextError {
    /// A frame for which it fails the connection.
    #[error("a frame that is answered with {0}")]
    Refused(CloseCode),
    #[error("a text of more than 125 bytes")]
    TooLong,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Decoder for Texts {
    type Item = String;
    type Error = TextError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<String>, TextError> {
        let [byte0, byte1, rest @ ..] = &src[..] else { return Ok(None) };
        match (*byte0, *byte1) {
            (0x81, ..=125) => {}
            (0x81, 126 | 127) => return Err(TextError::Refused(CloseCode::MESSAGE_TOO_BIG)),
            // RSV bits without an extension, or a mask.
            (byte0, byte1) if byte0 & 0x70 != 0 || byte1 & 0x80 != 0 => {
                return Err(TextError::Refused(CloseCode::PROTOCOL_ERROR));
            }
            _ => return Err(TextError::Refused(CloseCode::UNSUPPORTED_DATA)),
        }
        let Some(text) = rest.get(..(*byte1).into()) else { return Ok(None) };
        let text = String::from_utf8(text.to_vec()).map_err(|_| TextError::Refused(CloseCode::INVALID_PAYLOAD))?;
        src.advance(2 + text.len());
        Ok(Some(text))
    }
}

impl Encoder<&str> for Texts {
    type Error = TextError;

    fn encode(&mut self, text: &str, dst: &mut BytesMut) -> Result<(), TextError> {
        let len = u8::try_from(text.len()).ok().filter(|len| *len <= 125).ok_or(TextError::TooLong)?;
        dst.extend_from_slice(&[0x81, len]);
        dst.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Says hello, and that it is going to restart. The opening handshake comes first; this crate has nothing to do with
/// it.
pub(crate) async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin) -> Ending {
    let mut framed = Framed::new(socket, CloseCodec::server().wrap(Texts));
    // If the client does not read it in time, `finish` notices that too. TCP tells a reset only once: one that is met
    // here is told as a client that hung up.
    let _ = timeout(PATIENCE, framed.send(Message::Other("hello"))).await;
    let restart = CloseFrame::from_static(1012, "back in a minute");
    finish(&mut framed, restart, Timeouts::DEFAULT).await.ending
}

/// A masking key that nobody can predict. The standard library seeds its hash maps with random numbers of the system.
fn key() -> [u8; 4] {
    let [a, b, c, d, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    [a, b, c, d]
}

/// Listens to the end.
pub(crate) async fn listen(socket: impl AsyncRead + AsyncWrite + Unpin) -> Ending {
    let mut framed = Framed::new(socket, CloseCodec::client(key).wrap(Texts));
    let goodbye = loop {
        match timeout(PATIENCE, framed.next()).await {
            Ok(Some(Ok(Message::Other(text)))) => println!("client: {text}"),
            Ok(Some(Err(Error::Inner(TextError::Refused(code))))) => break code,
            // The server's Close, its fault, or the end: `finish` knows what to say. Or a server that says nothing.
            Ok(_) | Err(_) => break CloseCode::GOING_AWAY,
        }
    };
    finish(&mut framed, goodbye.into(), Timeouts::DEFAULT).await.ending
}

/// Both ends over the loopback: how it ended for the server, and for the client.
pub(crate) async fn run() -> io::Result<(Ending, Ending)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, _) = listener.accept().await?;
    Ok(tokio::join!(serve(server), listen(client)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address] => {
            let listener = TcpListener::bind(address).await?;
            println!("listening on {}", listener.local_addr()?);
            loop {
                match listener.accept().await {
                    Ok((socket, _)) => {
                        tokio::spawn(async { println!("server: {}", serve(socket).await) });
                    }
                    // The client has hung up already, or there are no descriptors left. Some will be.
                    Err(error) => {
                        eprintln!("{error}");
                        sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
        ["listen", address] => println!("client: {}", listen(TcpStream::connect(address).await?).await),
        _ => {
            let (server, client) = run().await?;
            println!("server: {server}");
            println!("client: {client}");
        }
    }
    Ok(())
}

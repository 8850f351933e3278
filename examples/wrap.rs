//! For tokio: `CloseCodec::wrap` around your codec takes care of Close frames, and `finish` ends the connection.
//!
//! `cargo run --example wrap --features codec`

use std::hash::{BuildHasher, RandomState};
use std::io;

use bytes::{Buf, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::{Decoder, Encoder, Framed};
use websocket_close::codec::{CloseCodec, Message, Timeouts, finish};
use websocket_close::{CloseCode, CloseFrame, Ending};

/// Stands for your codec. This one knows a server's short texts.
struct Texts;

impl Decoder for Texts {
    type Item = String;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<String>> {
        let [byte0, byte1, rest @ ..] = &src[..] else { return Ok(None) };
        if *byte0 != 0x81 || *byte1 > 125 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let Some(text) = rest.get(..(*byte1).into()) else { return Ok(None) };
        let text = String::from_utf8(text.to_vec()).map_err(io::Error::other)?;
        src.advance(2 + text.len());
        Ok(Some(text))
    }
}

impl Encoder<&str> for Texts {
    type Error = io::Error;

    fn encode(&mut self, text: &str, dst: &mut BytesMut) -> io::Result<()> {
        let len = u8::try_from(text.len()).ok().filter(|len| *len <= 125).ok_or(io::ErrorKind::Unsupported)?;
        dst.extend_from_slice(&[0x81, len]);
        dst.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Says hello, and that it is going to restart.
async fn serve(listener: &TcpListener) -> io::Result<Ending> {
    // The opening handshake would come first. This crate has nothing to do with it.
    let (socket, _) = listener.accept().await?;
    let mut framed = Framed::new(socket, CloseCodec::server().wrap(Texts));
    framed.send(Message::Other("hello")).await.map_err(io::Error::other)?;
    let restart = CloseFrame::from_static(1012, "back in a minute");
    Ok(finish(&mut framed, restart, Timeouts::DEFAULT).await.ending)
}

/// A masking key that nobody can predict. The standard library seeds its hash maps with random numbers of the system.
fn key() -> [u8; 4] {
    let [a, b, c, d, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    [a, b, c, d]
}

/// Listens to the end.
async fn connect(socket: TcpStream) -> Ending {
    let mut framed = Framed::new(socket, CloseCodec::client(key).wrap(Texts));
    while let Some(item) = framed.next().await {
        match item {
            Ok(Message::Other(text)) => println!("client: {text}"),
            Ok(Message::Close(close)) => {
                println!("client: told to go, {close}");
                break;
            }
            Err(error) => {
                println!("client: {error}");
                break;
            }
        }
    }
    // Sends the answer, or tells the server about its fault. This frame is for an error of `Texts`.
    let unsupported = CloseFrame::from_code(CloseCode::UNSUPPORTED_DATA);
    finish(&mut framed, unsupported, Timeouts::DEFAULT).await.ending
}

/// Both ends over the loopback: how it ended for the server, and for the client.
pub(crate) async fn run() -> io::Result<(Ending, Ending)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = async { Ok(connect(TcpStream::connect(listener.local_addr()?).await?).await) };
    tokio::try_join!(serve(&listener), client)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let (server, client) = run().await?;
    println!("server: {server}");
    println!("client: {client}");
    Ok(())
}

//! For tokio: `CloseCodec::wrap` around the codec that you have takes care of Close frames, and `finish` ends the connection.
//!
//! `cargo run --example wrap --features codec`

use std::io;

use bytes::{Buf, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::{Decoder, Encoder, Framed};
use websocket_close::codec::{CloseCodec, Message, Timeouts, finish};
use websocket_close::{CloseCode, CloseEvent, CloseFrame};

/// The codec that you have; this one knows a server's short texts.
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
async fn serve(listener: &TcpListener) -> io::Result<CloseEvent> {
    // The opening handshake, which has nothing to do with this crate, would come first.
    let (socket, _) = listener.accept().await?;
    let mut framed = Framed::new(socket, CloseCodec::server().wrap(Texts));
    framed.send(Message::Other("hello")).await.map_err(io::Error::other)?;
    let restart = CloseFrame::from_static(1012, "back in a minute");
    Ok(finish(&mut framed, restart, Timeouts::DEFAULT).await.event)
}

/// Listens to the end.
async fn connect(socket: TcpStream) -> CloseEvent {
    let key = [0x37, 0xfa, 0x21, 0x3d]; // from a random number generator
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
    // Sends the answer, or says what the error was; this frame is for an error of `Texts`.
    let unsupported = CloseFrame::from_code(CloseCode::UNSUPPORTED_DATA);
    finish(&mut framed, unsupported, Timeouts::DEFAULT).await.event
}

/// Both ends over the loopback: the event of the server, that of the client.
pub(crate) async fn run() -> io::Result<(CloseEvent, CloseEvent)> {
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

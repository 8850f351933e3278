//! The parts that the interop tests and the echo server share: the opening handshake, the inner codecs, and an echo.
#![forbid(unsafe_code)]
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc)]

pub mod inner;
pub mod open;
pub mod session;
pub mod table;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_util::codec::{Decoder, Encoder, Framed};
use websocket_close::codec::{CloseCodec, Error, Message};

use crate::inner::Inner;

/// Echoes messages and answers pings until a Close, the end of the transport, or an error.
pub async fn echo<C>(framed: &mut Framed<TcpStream, CloseCodec<C>>) -> Result<(), Error<<C as Decoder>::Error>>
where
    C: Inner + Encoder<<C as Inner>::Out, Error = <C as Decoder>::Error>,
{
    while let Some(message) = framed.next().await {
        match message? {
            Message::Close(_) => break,
            Message::Other(item) => {
                if let Some(answer) = C::echo(item) {
                    framed.send(Message::Other(answer)).await?;
                }
            }
        }
    }
    Ok(())
}

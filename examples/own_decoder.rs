//! For a stack that decodes whole frames itself: `wire::peek` comes first, and what it calls no Close is yours.
//!
//! `cargo run --example own_decoder --features codec`

use std::io;

use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::codec::{Decoder, Framed};
use websocket_close::wire::{self, MAX_FRAME_LEN, Peek};
use websocket_close::{CloseCode, CloseEvent, CloseFrame, ClosingHandshake, OwnedCloseFrame, Role};

/// A client's decoder.
struct Frames;

enum Frame {
    Close(OwnedCloseFrame),
    /// Any other frame, header included.
    Other(BytesMut),
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Close(#[from] wire::Error),
    #[error("a frame of {0} bytes")]
    TooBig(u64),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Decoder for Frames {
    type Item = Frame;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, Error> {
        match wire::peek(Role::Client, src)? {
            Peek::Close(header) => {
                let mut frame = src.split_to(header.frame_len());
                let close = header.decode(&mut frame).map_err(wire::Error::from)?;
                Ok(Some(Frame::Close(close.into_owned())))
            }
            // At most the length of one Close.
            Peek::Incomplete { need } => {
                src.reserve(need);
                Ok(None)
            }
            Peek::NotClose { frame_len: None } => Ok(None),
            // Never reserve what a peer announces before you have looked at it.
            Peek::NotClose { frame_len: Some(len @ 65_536..) } => Err(Error::TooBig(len)),
            Peek::NotClose { frame_len: Some(len) } => {
                let len = usize::try_from(len).map_err(|_| Error::TooBig(len))?;
                Ok((len <= src.len()).then(|| Frame::Other(src.split_to(len))))
            }
        }
    }
}

/// Receives frames until the end.
pub(crate) async fn receive(transport: impl AsyncRead + AsyncWrite + Unpin, key: [u8; 4]) -> io::Result<CloseEvent> {
    let mut framed = Framed::new(transport, Frames);
    let mut closing = ClosingHandshake::new(Role::Client);
    let answer = loop {
        match framed.next().await {
            Some(Ok(Frame::Other(frame))) => println!("a frame of {} bytes", frame.len()),
            Some(Ok(Frame::Close(close))) => break closing.receive(close.as_frame()),
            Some(Err(Error::Close(error))) => break closing.fail(error.reply()),
            Some(Err(Error::TooBig(_))) => break closing.fail(CloseFrame::from_code(CloseCode::MESSAGE_TOO_BIG)),
            Some(Err(Error::Io(_))) | None => break None,
        }
    };
    if let Some(answer) = answer {
        let transport = framed.get_mut();
        transport.write_all(wire::encode(answer, Some(key), &mut [0; MAX_FRAME_LEN])).await?;
        transport.flush().await?;
        closing.written();
        // Here a client reads on until the server has ended the transport, or two seconds have passed.
    }
    Ok(closing.finish())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let (client, mut server) = tokio::io::duplex(1024);
    server.write_all(b"\x81\x05hello\x88\x09\x03\xf4restart").await?;
    let event = receive(client, [0x37, 0xfa, 0x21, 0x3d]).await?; // the key is from a random number generator
    println!("{event}");
    Ok(())
}

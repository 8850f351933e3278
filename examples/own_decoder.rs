//! For a stack that decodes whole frames itself: `wire::peek` looks first, and everything but a Close is yours.
//!
//! `cargo run --example own_decoder --features codec`

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::codec::{Decoder, Framed};
use websocket_close::wire::{self, Header, MAX_FRAME_LEN, Peek};
use websocket_close::{
    Awaited, CloseCode, CloseFrame, ClosingHandshake, Ending, OwnedCloseFrame, Role, TransportAction, TransportEnd,
};

/// How long the client waits for the server to end the transport.
const PATIENCE: Duration = Duration::from_secs(2);

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
    #[error("the transport ended inside a frame")]
    CutShort,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Decoder for Frames {
    type Item = Frame;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, Error> {
        match wire::peek(Role::Client, src)? {
            Peek::Close(close) => {
                let len = close.frame_len();
                let close = close.decode().map(CloseFrame::into_owned);
                let _ = src.split_to(len);
                Ok(Some(Frame::Close(close?)))
            }
            // At most the length of one Close.
            Peek::Incomplete { need } => {
                src.reserve(need);
                Ok(None)
            }
            Peek::NotClose(Header { frame_len: None, .. }) => Ok(None),
            // Check the length before you reserve memory for it: the peer may announce anything.
            Peek::NotClose(Header { frame_len: Some(len @ 65_536..), .. }) => Err(Error::TooBig(len)),
            Peek::NotClose(Header { frame_len: Some(len), .. }) => {
                let len = usize::try_from(len).map_err(|_| Error::TooBig(len))?;
                Ok((len <= src.len()).then(|| Frame::Other(src.split_to(len))))
            }
        }
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, Error> {
        match self.decode(src)? {
            None if !src.is_empty() => Err(Error::CutShort),
            frame => Ok(frame),
        }
    }
}

/// Receives frames until the end. `key` masks the one Close that goes out.
pub(crate) async fn receive(transport: impl AsyncRead + AsyncWrite + Unpin, key: [u8; 4]) -> io::Result<Ending> {
    let mut framed = Framed::new(transport, Frames);
    let mut closing = ClosingHandshake::new(Role::Client);
    let answer = loop {
        match framed.next().await {
            Some(Ok(Frame::Other(frame))) => println!("a frame of {} bytes", frame.len()),
            Some(Ok(Frame::Close(close))) => break closing.receive(close.as_frame()),
            Some(Err(Error::Close(error))) => break closing.reject(error),
            Some(Err(Error::TooBig(_))) => break closing.fail(CloseCode::MESSAGE_TOO_BIG.into()),
            Some(Err(Error::CutShort)) => return Ok(closing.into_ending(TransportEnd::InsideFrame)),
            Some(Err(Error::Io(error))) => return Ok(closing.into_ending(TransportEnd::Lost(error.kind().into()))),
            None => return Ok(closing.into_ending(TransportEnd::InOrder)),
        }
    };
    let mut transport = framed.into_inner();
    if let Some(answer) = answer {
        transport.write_all(wire::encode(answer, Some(key), &mut [0; MAX_FRAME_LEN])).await?;
        transport.flush().await?;
        closing.mark_written();
    }
    // After both Closes a client waits for the server. After a failure it ends the transport itself.
    if closing.transport() == TransportAction::End {
        transport.shutdown().await?;
    }
    let end = match timeout(PATIENCE, tokio::io::copy(&mut transport, &mut tokio::io::sink())).await {
        Ok(Ok(_)) => TransportEnd::InOrder,
        Ok(Err(error)) => TransportEnd::Lost(error.kind().into()),
        Err(_) => TransportEnd::Cut { awaited: Awaited::End, after: PATIENCE, discarded: None },
    };
    Ok(closing.into_ending(end))
}

/// A masking key that nobody can predict. The standard library seeds its hash maps with random numbers of the system.
fn key() -> [u8; 4] {
    let [a, b, c, d, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    [a, b, c, d]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let (client, mut server) = tokio::io::duplex(1024);
    server.write_all(b"\x81\x05hello\x88\x09\x03\xf4restart").await?;
    server.shutdown().await?;
    println!("{}", receive(client, key()).await?);
    Ok(())
}

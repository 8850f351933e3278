//! For a stack that decodes whole frames itself: `wire::peek` looks first, and everything but a Close is yours.
//! The connection ends within 32 seconds of the server's last frame.
//!
//! `cargo run --example own_decoder --features codec`. With an address behind it, it is the client of the server there.
//! It begins where the opening handshake is done.
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::codec::{Decoder, Framed};
use websocket_close::wire::{self, Header, MAX_FRAME_LEN, Peek};
use websocket_close::{
    Awaited, CloseCode, CloseFrame, ClosingHandshake, Ending, OwnedCloseFrame, Role, TransportAction, TransportEnd,
};

/// How long the server may say nothing. Then the client closes.
const IDLE: Duration = Duration::from_secs(20);
/// How long the client waits for the server's Close, from its own on, and how long its own may take to be written.
const CLOSE: Duration = Duration::from_secs(10);
/// How long the client waits for the server to end the transport, from the Closes on.
const END: Duration = Duration::from_secs(2);

/// A client's decoder. It does not look into the data: yours also judges the order of fragments (RFC 6455, 5.4), and
/// whether a text is UTF-8 (8.1).
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
    #[error("a masked frame from a server, or RSV bits without an extension")]
    Wrong,
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
            Peek::NotClose(Header { rsv: 1.., .. } | Header { masked: Some(true), .. }) => Err(Error::Wrong),
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
pub(crate) async fn receive(transport: impl AsyncRead + AsyncWrite + Unpin, key: [u8; 4]) -> Ending {
    let mut framed = Framed::new(transport, Frames);
    let mut closing = ClosingHandshake::new(Role::Client);
    let mut deadline = Instant::now() + IDLE;
    while closing.transport() == TransportAction::Keep {
        let next = tokio::select! {
            // Look at the clock first: a server that floods always has a next frame.
            biased;
            () = sleep_until(deadline) => None,
            next = framed.next() => Some(next),
        };
        let close = match next {
            Some(Some(Ok(Frame::Other(frame)))) => {
                println!("a frame of {} bytes", frame.len());
                if closing.is_open() {
                    deadline = Instant::now() + IDLE;
                }
                continue;
            }
            Some(Some(Ok(Frame::Close(close)))) => closing.receive(close.as_frame()),
            Some(Some(Err(Error::Close(error)))) => closing.reject(error),
            Some(Some(Err(Error::Wrong))) => closing.fail(CloseCode::PROTOCOL_ERROR.into()),
            Some(Some(Err(Error::TooBig(_)))) => closing.fail(CloseCode::MESSAGE_TOO_BIG.into()),
            Some(Some(Err(Error::CutShort))) => return closing.into_ending(TransportEnd::InsideFrame),
            Some(Some(Err(Error::Io(error)))) => return closing.into_ending(TransportEnd::Lost(error.kind().into())),
            Some(None) => return closing.into_ending(TransportEnd::InOrder),
            None if closing.is_open() => closing.start(CloseCode::GOING_AWAY.into()),
            None => {
                let awaited = if closing.is_written() { Awaited::Close } else { Awaited::Write };
                return closing.into_ending(TransportEnd::Cut { awaited, after: CLOSE, discarded: None });
            }
        };
        if let Some(close) = close {
            deadline = Instant::now() + CLOSE;
            // If this fails, the next frame or the end of the transport tells more.
            if let Ok(Ok(())) = timeout_at(deadline, write(framed.get_mut(), close, key)).await {
                closing.mark_written();
            }
        }
    }

    let mut transport = framed.into_inner();
    let end = async {
        // After both Closes a client waits for the server. After a failure it ends the transport itself.
        if closing.transport() == TransportAction::End {
            let _ = transport.shutdown().await;
        }
        tokio::io::copy(&mut transport, &mut tokio::io::sink()).await
    };
    let end = match timeout(END, end).await {
        Ok(Ok(_)) => TransportEnd::InOrder,
        Ok(Err(error)) => TransportEnd::Lost(error.kind().into()),
        Err(_) => TransportEnd::Cut { awaited: Awaited::End, after: END, discarded: None },
    };
    closing.into_ending(end)
}

async fn write(transport: &mut (impl AsyncWrite + Unpin), close: CloseFrame<'_>, key: [u8; 4]) -> io::Result<()> {
    transport.write_all(wire::encode(close, Some(key), &mut [0; MAX_FRAME_LEN])).await?;
    transport.flush().await
}

/// A masking key that nobody can predict. The standard library seeds its hash maps with random numbers of the system.
fn key() -> [u8; 4] {
    let [a, b, c, d, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    [a, b, c, d]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    if let Some(address) = std::env::args().nth(1) {
        println!("{}", receive(TcpStream::connect(address).await?, key()).await);
        return Ok(());
    }
    let (client, mut server) = tokio::io::duplex(1024);
    server.write_all(b"\x81\x05hello\x88\x09\x03\xf4restart").await?;
    server.shutdown().await?;
    println!("{}", receive(client, key()).await);
    Ok(())
}

//! Three decoders and `core::str` agree on each payload.
//!
//! The peers are sockudo-ws 3.1 and tokio-websockets 0.13. These two were observed to accept exactly the codes of the
//! registry.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use websocket_close::{CloseFrame, Role, wire};

/// Code and reason of an accepted Close, with 1005 for no code. `None` if the Close is refused.
type Outcome = Option<(u16, String)>;

/// Checks the property for a payload that fits into a frame.
pub fn check(payload: &[u8]) {
    if payload.len() > 125 {
        return;
    }
    let ours = CloseFrame::from_payload(payload)
        .ok()
        .map(|frame| (frame.code().map_or(1005, |code| code.get()), frame.reason().to_owned()));
    let text = std::str::from_utf8(payload.get(2..).unwrap_or_default());
    if let Some((_, reason)) = &ours {
        assert_eq!(Ok(reason.as_str()), text, "core::str");
    }
    for (role, mask) in [(Role::Client, None), (Role::Server, Some([0x5a, 0xa5, 0x00, 0xff]))] {
        let frame = framed(payload, mask);
        assert_eq!(by_sockudo_ws(role, &frame), ours, "sockudo-ws as {role:?}");
        assert_eq!(by_tokio_websockets(role, &frame), ours, "tokio-websockets as {role:?}");
        assert_eq!(by_us(role, frame), ours, "our framing as {role:?}");
    }
}

/// The frame around the payload.
fn framed(payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap();
    match mask {
        None => [&[0x88, len], payload].concat(),
        Some(key) => {
            let masked: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            [&[0x88, 0x80 | len], &key[..], &masked].concat()
        }
    }
}

fn by_us(role: Role, mut frame: Vec<u8>) -> Outcome {
    match wire::peek(role, &mut frame) {
        Ok(wire::Peek::Close(close)) => {
            let frame = close.decode().ok()?;
            Some((frame.code().map_or(1005, |code| code.get()), frame.reason().to_owned()))
        }
        Ok(other) => panic!("{other:?} instead of a whole Close"),
        Err(_) => None,
    }
}

fn by_sockudo_ws(role: Role, frame: &[u8]) -> Outcome {
    let role = match role {
        Role::Client => sockudo_ws::Role::Client,
        Role::Server => sockudo_ws::Role::Server,
    };
    let mut messages =
        sockudo_ws::protocol::Protocol::new(role, 1024, 1024).process(&mut BytesMut::from(frame)).ok()?;
    match messages.pop() {
        Some(sockudo_ws::Message::Close(None)) => Some((1005, String::new())),
        Some(sockudo_ws::Message::Close(Some(close))) => Some((close.code, close.reason.to_string())),
        other => panic!("{other:?} instead of a Close"),
    }
}

fn by_tokio_websockets(role: Role, frame: &[u8]) -> Outcome {
    let transport = Transport { unread: frame };
    let mut stream = match role {
        Role::Client => tokio_websockets::ClientBuilder::new().take_over(transport),
        Role::Server => tokio_websockets::ServerBuilder::new().serve(transport),
    };
    match Pin::new(&mut stream).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(message))) => {
            let (code, reason) = message.as_close().expect("a Close");
            // The library reports a Close without a code as 1005, too.
            Some((code.into(), reason.to_owned()))
        }
        Poll::Ready(Some(Err(_))) => None,
        other => panic!("{other:?} instead of a Close"),
    }
}

/// A transport that yields the given bytes, and accepts everything that is written.
struct Transport<'a> {
    unread: &'a [u8],
}

impl AsyncRead for Transport<'_> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.unread).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Transport<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

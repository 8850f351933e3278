//! A server's closing handshake, from the first Close to the event, over a transport in memory.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::compat::TokioAsyncReadCompatExt;
use websocket_close::wire::{self, Peek};
use websocket_close::{CloseEvent, ClosingHandshake, Role};

use crate::inputs::{self, Answer, Input};
use crate::measure::run_on;
use crate::{Case, Contender, Kind};

/// All groups of this file.
pub fn cases() -> Vec<Case> {
    inputs::named(&["code only", "ASCII 16", "ASCII 123"]).iter().map(handshake).collect()
}

/// How many bytes were written to any [`Pipe`]: whether there was a reply, of contenders that keep their transport.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);

/// A transport that gives out what it was made with, then ends.
pub struct Pipe {
    input: &'static [u8],
    output: Vec<u8>,
}

impl Pipe {
    pub fn new(input: &'static [u8]) -> Self {
        Self { input, output: Vec::with_capacity(256) }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.store(WRITTEN.load(Relaxed) + bytes.len(), Relaxed);
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let len = buffer.remaining().min(self.input.len());
        let (now, later) = self.input.split_at(len);
        buffer.put_slice(now);
        self.input = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The connection is made ahead and dropped later. On the clock is: read the Close, answer it, say what it was.
fn by<T: 'static, R: 'static>(
    name: &'static str,
    kind: Kind,
    input: &Input,
    make: impl Fn(Pipe) -> T + 'static,
    work: impl Fn(&mut T) -> R + 'static,
    read: impl Fn(&R) -> Answer<'_>,
) -> Contender {
    let frame = input.masked();
    let make = move || make(Pipe::new(frame));
    WRITTEN.store(0, Relaxed);
    let result = work(&mut make());
    assert!(WRITTEN.load(Relaxed) >= 4, "{name} has written no reply");
    let run = run_on(make, move |connection| {
        black_box(&work(connection));
    });
    Contender::new(name, kind, read(&result), run)
}

fn handshake(input: &Input) -> Case {
    let floor = run_on(
        {
            let input = input.masked();
            move || (Pipe::new(input), [0; 256])
        },
        |(pipe, buffer)| {
            black_box(pipe.read(buffer).is_ok());
            black_box(Write::write(pipe, &buffer[..4]).is_ok());
        },
    );
    let contenders = vec![
        Contender::floor("read, write 4 bytes", floor),
        by(
            "websocket-close",
            Kind::Ours,
            input,
            |pipe| (pipe, [0; 256]),
            ours,
            |event| event.as_ref().map(|event| (event.code(), event.reason())).ok_or(()),
        ),
        by(
            "tungstenite",
            Kind::Peer,
            input,
            |pipe| tungstenite::WebSocket::from_raw_socket(pipe, tungstenite::protocol::Role::Server, None),
            |socket| match (socket.read(), socket.flush()) {
                (Ok(tungstenite::Message::Close(Some(frame))), _) => Some(frame),
                _ => None,
            },
            |frame| frame.as_ref().map(|frame| (frame.code.into(), frame.reason.as_str())).ok_or(()),
        ),
        by(
            "fastwebsockets",
            Kind::Peer,
            input,
            |pipe| fastwebsockets::WebSocket::after_handshake(pipe, fastwebsockets::Role::Server),
            |socket| socket.read_frame().now_or_never()?.ok(),
            |frame| read_payload(&frame.as_ref().ok_or(())?.payload),
        ),
        by(
            "tokio-websockets",
            Kind::Peer,
            input,
            |pipe| tokio_websockets::ServerBuilder::new().serve(pipe),
            |socket| {
                let message = socket.next().now_or_never()??.ok();
                socket.flush().now_or_never()?.ok()?;
                message
            },
            |message| {
                let (code, reason) = message.as_ref().and_then(|message| message.as_close()).ok_or(())?;
                Ok((code.into(), reason))
            },
        ),
        by(
            "yawc",
            Kind::Peer,
            input,
            |pipe| {
                yawc::WebSocket::from_stream(pipe, yawc::Role::Server, yawc::Options::default()).expect("no extensions")
            },
            |socket| {
                let frame = socket.next().now_or_never()?;
                // It writes its reply when it is asked for the next frame.
                let _end = socket.next().now_or_never();
                frame
            },
            |frame| read_payload(frame.as_ref().ok_or(())?.payload()),
        ),
        by(
            "soketto",
            Kind::Peer,
            input,
            |pipe| soketto::connection::Builder::new(pipe.compat(), soketto::Mode::Server).finish().1,
            |receiver| match receiver.receive(&mut Vec::new()).now_or_never()?.ok()? {
                soketto::Incoming::Closed(reason) => Some(reason),
                _ => None,
            },
            |reason| {
                let reason = reason.as_ref().ok_or(())?;
                Ok((reason.code, reason.descr.as_deref().unwrap_or_default()))
            },
        ),
        by(
            "web-socket, reply by hand",
            Kind::Peer,
            input,
            |pipe| Some(web_socket::WebSocket::server(pipe)),
            |socket| {
                let mut socket = socket.take()?;
                match socket.recv().now_or_never()?.ok()? {
                    web_socket::Event::Close { code, reason } => {
                        socket.close(code).now_or_never()?.ok()?;
                        Some((code, reason))
                    }
                    _ => None,
                }
            },
            |close| close.as_ref().map(|(code, reason)| (*code, &**reason)).ok_or(()),
        ),
    ];
    Case::new("handshake", input, contenders)
}

fn ours((pipe, buffer): &mut (Pipe, [u8; 256])) -> Option<CloseEvent> {
    let len = pipe.read(buffer).ok()?;
    let frame = buffer.get_mut(..len)?;
    let Ok(Peek::Close(close)) = wire::peek(Role::Server, frame) else { return None };
    let mut closing = ClosingHandshake::new(Role::Server);
    let answer = closing.receive(close.decode().ok()?)?;
    Write::write_all(pipe, wire::encode(answer, None, &mut [0; 131])).ok()?;
    closing.mark_written();
    Some(closing.event())
}

/// What a peer's frame holds, which the peer has checked.
fn read_payload(payload: &[u8]) -> Answer<'_> {
    let (code, reason) = payload.split_first_chunk().ok_or(())?;
    Ok((u16::from_be_bytes(*code), str::from_utf8(reason).map_err(|_| ())?))
}

//! A server's closing handshake: without I/O, and as a whole connection over a transport in memory.

use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_util::codec::Framed;
use websocket_close::codec::{Bare, CloseCodec, Finished, Timeouts, finish};
use websocket_close::wire::{self, Peek};
use websocket_close::{CloseEvent, CloseFrame, ClosingHandshake, Role};

use crate::decode::{check_by_hand, unmask_by_hand, unmask_bytewise};
use crate::inputs::{self, Answer, Input};
use crate::measure::{rotate, use_up};
use crate::{Case, Contender, Delivers, Kind};

/// All tables of this file.
pub fn cases() -> Vec<Case> {
    let inputs = inputs::named(&["code only", "ASCII 16", "ASCII 123"]);
    inputs.iter().map(handshake).chain(inputs.iter().map(connection)).collect()
}

/// What happened to any [`Pipe`], for what keeps its transport to itself.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);
static SHUT: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicUsize = AtomicUsize::new(0);

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

impl io::Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            ENDED.store(1, Relaxed);
        }
        io::Read::read(&mut self.input, buffer)
    }
}

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.store(WRITTEN.load(Relaxed) + bytes.len(), Relaxed);
        io::Write::write(&mut self.output, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.input.is_empty() {
            ENDED.store(1, Relaxed);
        }
        let len = buffer.remaining().min(self.input.len());
        let (now, later) = self.input.split_at(len);
        buffer.put_slice(now);
        self.input = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(io::Write::write(&mut *self, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        SHUT.store(1, Relaxed);
        Poll::Ready(Ok(()))
    }
}

/// A masked Close in a buffer: checked, answered into another buffer, and told.
fn handshake(input: &Input) -> Case {
    fn by<R: 'static>(
        name: &'static str,
        kind: Kind,
        input: &Input,
        work: impl Fn(&mut [u8], &mut Vec<u8>) -> Option<R> + 'static,
        read: impl Fn(&R) -> Answer<'_>,
    ) -> Contender {
        let frame = input.masked();
        let mut answer = Vec::new();
        let told = work(&mut frame.to_vec(), &mut answer);
        assert_eq!(answer, b"\x88\x02\x03\xe8", "{name} has written no answer");
        let run = rotate(
            |_| ([0; 192], Vec::with_capacity(256)),
            |(buffer, answer)| {
                buffer[..frame.len()].copy_from_slice(frame);
                answer.clear();
            },
            move |(buffer, answer)| {
                black_box(&work(&mut buffer[..frame.len()], answer));
            },
        );
        Contender::new(name, kind, told.as_ref().ok_or(()).and_then(read), run)
    }
    let contenders = vec![
        by("websocket-close", Kind::Ours, input, ours, |event| Ok((event.code(), event.reason()))),
        by("by hand", Kind::Hand, input, by_hand, |(code, reason)| Ok((*code, reason.as_str()))),
    ];
    Case::new("handshake without I/O", Delivers::Copied, input, contenders)
}

fn ours(frame: &mut [u8], answer: &mut Vec<u8>) -> Option<CloseEvent> {
    let Ok(Peek::Close(close)) = wire::peek(Role::Server, frame) else { return None };
    let mut closing = ClosingHandshake::new(Role::Server);
    let reply = closing.receive(close.decode().ok()?)?;
    answer.extend_from_slice(wire::encode(reply, None, &mut [0; wire::MAX_FRAME_LEN]));
    closing.mark_written();
    Some(closing.event())
}

fn by_hand(frame: &mut [u8], answer: &mut Vec<u8>) -> Option<(u16, String)> {
    let (code, reason) = check_by_hand(unmask_by_hand(frame, unmask_bytewise).ok()?).ok()?;
    let [high, low] = code.to_be_bytes();
    answer.extend_from_slice(&[0x88, 2, high, low]);
    Some((code, reason.to_owned()))
}

/// A whole connection whose peer has closed. It is made ahead and dropped later. On the clock is: read the Close,
/// answer it, shut the transport down, read to its end, and say what the Close was. soketto and yawc let nobody read to
/// the end.
fn connection(input: &Input) -> Case {
    fn by<T: 'static, R: 'static>(
        name: &'static str,
        kind: Kind,
        input: &Input,
        make: impl Fn(Pipe) -> T + 'static,
        work: impl Fn(&mut T) -> Option<R> + 'static,
        read: impl Fn(&R) -> Answer<'_>,
    ) -> Contender {
        let frame = input.masked();
        let make = move || make(Pipe::new(frame));
        for seen in [&WRITTEN, &SHUT, &ENDED] {
            seen.store(0, Relaxed);
        }
        let result = work(&mut make());
        let seen = [&WRITTEN, &SHUT, &ENDED].map(|seen| seen.load(Relaxed));
        assert!(seen[0] >= 4 && seen[1] == 1 && seen[2] == 1, "{name} does less: {seen:?}");
        let run = use_up(64, make, move |connection| {
            black_box(&work(connection));
        });
        Contender::new(name, kind, result.as_ref().ok_or(()).and_then(read), run)
    }
    /// What is left to do for those that hand out their transport.
    async fn end(pipe: &mut Pipe) -> io::Result<()> {
        pipe.shutdown().await?;
        while AsyncReadExt::read(pipe, &mut [0; 256]).await? > 0 {}
        Ok(())
    }
    fn read_ours(finished: &Finished) -> Answer<'_> {
        assert!(finished.ending.event().was_clean());
        let theirs = finished.ending.closing().theirs().ok_or(())?;
        Ok((theirs.code().map_or(0, Into::into), theirs.reason()))
    }
    let floor = {
        let input = input.masked();
        let work = |(pipe, buffer): &mut (Pipe, [u8; 256])| {
            black_box(io::Read::read(pipe, buffer).is_ok());
            black_box(io::Write::write(pipe, &buffer[..4]).is_ok());
            black_box(io::Read::read(pipe, buffer).is_ok());
        };
        use_up(64, move || (Pipe::new(input), [0; 256]), work)
    };
    let frame = CloseFrame::from_static(1001, "");
    let contenders = vec![
        Contender::floor("read, write 4 bytes, read", floor),
        by(
            "websocket-close, finish(Framed)",
            Kind::Ours,
            input,
            |pipe| Framed::new(pipe, CloseCodec::server()),
            move |framed| finish(framed, frame, Timeouts::DEFAULT).now_or_never(),
            read_ours,
        ),
        by(
            "websocket-close, Bare::finish",
            Kind::Ours,
            input,
            |pipe| Bare::new(pipe, CloseCodec::server()),
            move |bare| bare.finish(frame, Timeouts::DEFAULT).now_or_never(),
            read_ours,
        ),
        by(
            "tungstenite",
            Kind::Peer,
            input,
            |pipe| tungstenite::WebSocket::from_raw_socket(pipe, tungstenite::protocol::Role::Server, None),
            |socket| match (socket.read(), socket.flush(), end(socket.get_mut()).now_or_never()) {
                (Ok(tungstenite::Message::Close(Some(frame))), _, Some(Ok(()))) => Some(frame),
                _ => None,
            },
            |frame| Ok((frame.code.into(), frame.reason.as_str())),
        ),
        by(
            "fastwebsockets",
            Kind::Peer,
            input,
            |pipe| Some(fastwebsockets::WebSocket::after_handshake(pipe, fastwebsockets::Role::Server)),
            |socket| {
                let mut socket = socket.take()?;
                let frame = socket.read_frame().now_or_never()?.ok()?;
                let mut pipe = socket.into_inner();
                end(&mut pipe).now_or_never()?.ok()?;
                Some((frame, pipe))
            },
            |(frame, _)| read_payload(&frame.payload),
        ),
        by(
            "tokio-websockets",
            Kind::Peer,
            input,
            |pipe| tokio_websockets::ServerBuilder::new().serve(pipe),
            |socket| {
                let message = socket.next().now_or_never()??.ok()?;
                socket.close().now_or_never()?.ok()?;
                while AsyncReadExt::read(socket.get_mut(), &mut [0; 256]).now_or_never()?.ok()? > 0 {}
                Some(message)
            },
            |message| message.as_close().map(|(code, reason)| (code.into(), reason)).ok_or(()),
        ),
        by(
            "web-socket, answer by hand",
            Kind::Peer,
            input,
            |pipe| pipe,
            |pipe| {
                let mut socket = web_socket::WebSocket::server(&mut *pipe);
                let web_socket::Event::Close { code, reason } = socket.recv().now_or_never()?.ok()? else {
                    return None;
                };
                socket.close(code).now_or_never()?.ok()?;
                end(pipe).now_or_never()?.ok()?;
                Some((code, reason))
            },
            |(code, reason)| Ok((*code, &**reason)),
        ),
    ];
    Case::new("connection, the peer closed", Delivers::Copied, input, contenders)
}

/// What a peer's frame holds, which the peer has checked.
fn read_payload(payload: &[u8]) -> Answer<'_> {
    let (code, reason) = payload.split_first_chunk().ok_or(())?;
    Ok((u16::from_be_bytes(*code), str::from_utf8(reason).map_err(|_| ())?))
}

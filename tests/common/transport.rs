//! A transport for tests that logs every call and misbehaves on demand, and frames to send through it.
#![allow(dead_code, reason = "each test file uses only some of it")]

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio_util::codec::Framed;
use websocket_close::codec::CloseCodec;
use websocket_close::{CloseFrame, Role};

pub(crate) const ROLES: [Role; 2] = [Role::Server, Role::Client];
/// The Close that we send.
pub(crate) const GOODBYE: CloseFrame<'static> = CloseFrame::from_static(1000, "bye");

/// A frame, masked with a key of zeros if a client sends it.
pub(crate) fn frame(from: Role, byte0: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap();
    let header: &[u8] = if from == Role::Client { &[byte0, 0x80 | len, 0, 0, 0, 0] } else { &[byte0, len] };
    [header, payload].concat()
}

/// The peer's Close: 1001 "theirs".
pub(crate) fn their_close(local: Role) -> Vec<u8> {
    frame(local.peer(), 0x88, b"\x03\xe9theirs")
}

/// [`GOODBYE`] as a frame.
pub(crate) fn our_close(local: Role) -> Vec<u8> {
    frame(local, 0x88, b"\x03\xe8bye")
}

/// The answer to [`their_close`].
pub(crate) fn our_echo(local: Role) -> Vec<u8> {
    frame(local, 0x88, b"\x03\xe9")
}

pub(crate) fn codec(local: Role) -> CloseCodec {
    match local {
        Role::Server => CloseCodec::server(),
        Role::Client => CloseCodec::client(|| [0; 4]),
    }
}

/// A call on a transport, with its result. Calls that return `Pending` are not logged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    Read(Vec<u8>),
    End,
    Write(Vec<u8>),
    Flush,
    Shutdown,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Read,
    Write,
    Flush,
    Shutdown,
}

/// The calls on one or more transports, in order.
pub(crate) type Log = Rc<RefCell<Vec<(Role, Call)>>>;

pub(crate) const RESET: Option<ErrorKind> = Some(ErrorKind::ConnectionReset);

type OnRead = Box<dyn FnMut(&mut DuplexStream, &mut Context<'_>, &mut ReadBuf<'_>) -> Poll<io::Result<()>>>;
type OnWrite = Box<dyn FnMut(&mut DuplexStream, &mut Context<'_>, &[u8]) -> Poll<io::Result<usize>>>;
type OnEnd = Box<dyn FnMut(&mut DuplexStream, &mut Context<'_>) -> Poll<io::Result<()>>>;

/// One end of a pipe in memory. Each operation can fail, and each can be replaced.
pub(crate) struct Wire {
    io: DuplexStream,
    pub(crate) local: Role,
    pub(crate) log: Log,
    /// How often it was polled.
    pub(crate) calls: usize,
    /// Decides from the number and kind of a call whether it fails, and how.
    pub(crate) fails: Box<dyn FnMut(usize, Op) -> Option<ErrorKind>>,
    pub(crate) on_read: OnRead,
    pub(crate) on_write: OnWrite,
    pub(crate) on_flush: OnEnd,
    pub(crate) on_shutdown: OnEnd,
}

impl Wire {
    /// A transport that behaves.
    pub(crate) fn new(local: Role, io: DuplexStream) -> Self {
        Self {
            io,
            local,
            log: Log::default(),
            calls: 0,
            fails: Box::new(|_, _| None),
            on_read: Box::new(|io, cx, buffer| Pin::new(io).poll_read(cx, buffer)),
            on_write: Box::new(|io, cx, bytes| Pin::new(io).poll_write(cx, bytes)),
            on_flush: Box::new(|io, cx| Pin::new(io).poll_flush(cx)),
            on_shutdown: Box::new(|io, cx| Pin::new(io).poll_shutdown(cx)),
        }
    }

    /// A transport without a peer, for tests that replace its operations.
    pub(crate) fn alone(local: Role) -> Self {
        Self::new(local, duplex(1).0)
    }

    fn call(&mut self, op: Op) -> io::Result<()> {
        self.calls += 1;
        (self.fails)(self.calls - 1, op).map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn note(&self, call: Call) {
        self.log.borrow_mut().push((self.local, call));
    }

    /// The calls so far, except flushes.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.log.borrow().iter().map(|(_, call)| call.clone()).filter(|call| *call != Call::Flush).collect()
    }

    pub(crate) fn written(&self) -> Vec<u8> {
        let calls = self.calls().into_iter();
        calls.flat_map(|call| if let Call::Write(bytes) = call { bytes } else { vec![] }).collect()
    }

    pub(crate) fn read(&self) -> Vec<u8> {
        let calls = self.calls().into_iter();
        calls.flat_map(|call| if let Call::Read(bytes) = call { bytes } else { vec![] }).collect()
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.call(Op::Read)?;
        let before = buffer.filled().len();
        let result = (this.on_read)(&mut this.io, cx, buffer);
        if let Poll::Ready(Ok(())) = result {
            let bytes = &buffer.filled()[before..];
            this.note(if bytes.is_empty() { Call::End } else { Call::Read(bytes.to_vec()) });
        }
        result
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.call(Op::Write)?;
        let result = (this.on_write)(&mut this.io, cx, bytes);
        if let Poll::Ready(Ok(count)) = result {
            this.note(Call::Write(bytes[..count].to_vec()));
        }
        result
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.call(Op::Flush)?;
        let result = (this.on_flush)(&mut this.io, cx);
        if let Poll::Ready(Ok(())) = result {
            this.note(Call::Flush);
        }
        result
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.call(Op::Shutdown)?;
        let result = (this.on_shutdown)(&mut this.io, cx);
        if let Poll::Ready(Ok(())) = result {
            this.note(Call::Shutdown);
        }
        result
    }
}

/// A `Framed` with an inner codec over a pipe with room for 1,024 bytes, and the other end of the pipe.
pub(crate) fn pair_with<C>(local: Role, inner: C) -> (Framed<Wire, CloseCodec<C>>, DuplexStream) {
    let (ours, theirs) = duplex(1024);
    (Framed::new(Wire::new(local, ours), codec(local).wrap(inner)), theirs)
}

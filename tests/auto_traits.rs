//! `Send` and `Sync` stand in no signature, so a private field can take them away unseen. `STABILITY.md` promises them.
#![cfg(all(feature = "arbitrary", feature = "codec", feature = "stream"))]

use std::future::{Ready, ready};
use std::io;
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio_util::codec::Framed;
use websocket_close::codec::{self, Bare, CloseCodec, Timeouts};
use websocket_close::{
    CloseCode, CloseEvent, CloseFrame, ClosingHandshake, ClosingState, DecodeError, Ending, InvalidCloseFrame, Named,
    OwnedCloseFrame, Role, TransportEnd, arbitrary, registry, script, stream, wire,
};

type Connection = Framed<DuplexStream, CloseCodec>;
type Messages = stream_of_messages::Messages;

mod stream_of_messages {
    use std::{io, pin::Pin, task::Context, task::Poll};

    /// Any message will do.
    pub struct Messages;

    impl futures_util::Stream for Messages {
        type Item = io::Result<()>;
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(None)
        }
    }

    impl futures_util::Sink<()> for Messages {
        type Error = io::Error;
        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn start_send(self: Pin<&mut Self>, (): ()) -> io::Result<()> {
            Ok(())
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
}

const fn both<T: Send + Sync>() {}

const fn send<T: Send>(_: &T) {}

/// The compiler is the test.
#[test]
fn types_are_send_and_sync() {
    both::<(CloseCode, CloseEvent, CloseFrame<'_>, OwnedCloseFrame, Named<'_, CloseFrame<'_>>)>();
    both::<(ClosingHandshake, ClosingState, Ending, TransportEnd, Role, registry::Registration)>();
    both::<(DecodeError, InvalidCloseFrame, script::Error, wire::Error, codec::Error<io::Error>)>();
    both::<(wire::Peek<'_>, wire::RawClose<'_>, wire::Header, wire::Scanner)>();
    both::<(Bare<DuplexStream, ()>, CloseCodec, codec::Discard, codec::Finished, codec::Message<()>, Timeouts)>();
    // A message that is not `Send` does not take it from the functions that know it.
    both::<(stream::Glue<*const ()>, stream::Finished<io::Error>)>();
    both::<(arbitrary::PayloadCase, arbitrary::Verdict<'_>)>();
}

#[test]
fn futures_are_send() {
    let over_framed =
        |connection: &mut Connection| send(&codec::finish(connection, CloseFrame::EMPTY, Timeouts::DEFAULT));
    let over_socket = |bare: &mut Bare<DuplexStream>| send(&bare.finish(CloseFrame::EMPTY, Timeouts::DEFAULT));
    let over_messages = |messages: &mut Messages, glue: &stream::Glue<()>| {
        let sleep = |_| -> Ready<()> { ready(()) };
        send(&stream::finish(messages, glue, Role::Client, None, CloseFrame::EMPTY, Duration::ZERO, sleep));
    };
    let _ = (over_framed, over_socket, over_messages);
}

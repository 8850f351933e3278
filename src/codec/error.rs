//! What goes wrong in a `CloseCodec`, and the code to answer with.

use core::fmt;
use std::boxed::Box;
use std::io;
use std::string::ToString;

use crate::code::CloseCode;
use crate::wire;

/// What went wrong in a [`CloseCodec`](super::CloseCodec) around a codec whose errors are `E`.
///
/// It is an `Error` whenever `E` can be displayed, so `?` also works if `E` is a `Box<dyn Error + Send + Sync>`. To
/// reach the source of an inner error, match on [`Inner`](Self::Inner).
///
/// ```
/// use bytes::BytesMut;
/// use tokio_util::codec::Decoder;
/// use websocket_close::{CloseCode, codec::CloseCodec};
///
/// let mut buffer = BytesMut::from(&b"\x88\x02\x03\xed"[..]);
/// let error = CloseCodec::client(|| [1, 2, 3, 4]).decode(&mut buffer).unwrap_err();
/// assert_eq!(error.answer_code(), Some(CloseCode::PROTOCOL_ERROR));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error<E> {
    /// The peer's Close was read before, so the stream has ended. This is no failure: call
    /// [`finish()`](fn@super::finish), which answers the peer.
    #[error("the peer has closed; call finish to answer it")]
    Closed,
    /// The peer sent a wrong frame. The connection has failed, and [`finish()`](fn@super::finish) tells the peer why.
    #[error(transparent)]
    Wire(#[from] wire::Error),
    /// The transport ended inside a frame.
    #[error("the transport ended inside a frame")]
    UnexpectedEof,
    /// The connection failed before. Nothing more is read, and only one Close may be written.
    #[error("the connection failed before; call finish to end it")]
    Poisoned,
    /// Data frames may not follow our Close. Nothing of this one was written.
    /// [RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)
    #[error("no data may be sent after our Close")]
    DataAfterClose,
    /// Our Close was sent before. A second one was not written.
    #[error("our Close was sent before")]
    CloseAfterClose,
    /// The inner codec has written half a frame, and a Close may not go inside it. Finish that frame first.
    #[error("a Close cannot be sent inside a frame; finish the frame first")]
    CloseInsideFrame,
    /// The inner codec wrote a Close frame, or something that is not a WebSocket frame. Nothing of it was kept.
    #[error("the inner codec wrote a Close frame (use Message::Close) or something that is not a WebSocket frame")]
    InnerClose,
    /// The inner codec wrote a frame with a wrong length. Nothing of it was kept.
    #[error("the inner codec wrote {0}")]
    InnerFrame(wire::Error),
    /// The inner codec's own error.
    #[error("{0}")]
    Inner(E),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<E> Error<E> {
    /// The code to fail the connection with, where the peer is at fault and the code is known.
    ///
    /// ```
    /// # use websocket_close::codec::Error;
    /// assert_eq!(Error::<std::io::Error>::DataAfterClose.answer_code(), None);
    /// ```
    #[must_use]
    pub const fn answer_code(&self) -> Option<CloseCode> {
        match self {
            Self::Wire(error) => Some(error.answer_code()),
            _ => None,
        }
    }

    /// Whether this is [`Closed`](Self::Closed), which is no failure.
    ///
    /// ```
    /// # use websocket_close::codec::Error;
    /// assert!(Error::<std::io::Error>::Closed.is_closed());
    /// ```
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

/// For code that knows only I/O errors. An I/O error, also one of the inner codec, comes out as it was. A wrong frame
/// becomes [`InvalidData`](io::ErrorKind::InvalidData). A transport that ended inside a frame becomes
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
impl<E: fmt::Display + Into<Box<dyn core::error::Error + Send + Sync>>> From<Error<E>> for io::Error {
    fn from(error: Error<E>) -> Self {
        match error {
            Error::Io(error) => error,
            Error::Inner(error) => match error.into().downcast() {
                Ok(error) => *error,
                Err(error) => Self::other(error),
            },
            Error::Wire(error) => Self::new(io::ErrorKind::InvalidData, error),
            Error::UnexpectedEof => Self::new(io::ErrorKind::UnexpectedEof, error.to_string()),
            error => Self::other(error.to_string()),
        }
    }
}

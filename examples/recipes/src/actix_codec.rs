//! actix's codec for WebSocket frames, and what it leaves out: whether texts are UTF-8.

use std::io;

use actix_codec::{Decoder, Encoder};
use actix_http::ws::{Codec, Frame, Item, Message, ProtocolError};
use bytes::BytesMut;

use crate::fragments::Fragments;

pub struct Judging {
    inner: Codec,
    fragments: Fragments,
}

#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("a text that is not UTF-8")]
    NotUtf8,
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Refused {
    /// The code to answer with.
    pub fn code(&self) -> u16 {
        match self {
            Self::NotUtf8 => 1007,
            Self::Protocol(ProtocolError::Overflow) => 1009,
            Self::Protocol(_) => 1002,
            Self::Io(_) => 1011,
        }
    }
}

impl Judging {
    pub fn new() -> Self {
        Self { inner: Codec::new(), fragments: Fragments::default() }
    }

    fn judge(&mut self, item: &Item) -> Result<(), Refused> {
        let (opcode, is_last, data) = match item {
            Item::FirstText(data) => (0x1, false, data),
            Item::FirstBinary(data) => (0x2, false, data),
            Item::Continue(data) => (0x0, false, data),
            Item::Last(data) => (0x0, true, data),
        };
        // actix has judged the order.
        self.fragments.judge(opcode, is_last, data).map_err(|_| Refused::NotUtf8)
    }
}

/// It yields what may be sent back as it is.
impl Decoder for Judging {
    type Item = Message;
    type Error = Refused;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, Refused> {
        let Some(frame) = self.inner.decode(src)? else { return Ok(None) };
        Ok(Some(match frame {
            Frame::Text(data) => Message::Text(data.try_into().map_err(|_| Refused::NotUtf8)?),
            Frame::Binary(data) => Message::Binary(data),
            Frame::Continuation(item) => {
                self.judge(&item)?;
                Message::Continuation(item)
            }
            Frame::Ping(data) => Message::Ping(data),
            Frame::Pong(data) => Message::Pong(data),
            Frame::Close(reason) => Message::Close(reason),
        }))
    }
}

impl Encoder<Message> for Judging {
    type Error = Refused;

    fn encode(&mut self, message: Message, dst: &mut BytesMut) -> Result<(), Refused> {
        Ok(self.inner.encode(message, dst)?)
    }
}

//! The public codecs that we wrap in a `CloseCodec`, behind one trait.

use std::fmt::Display;

use actix_http::ws;
use bytes::Bytes;
use tokio_util::codec::Decoder;
use websocket_close::Role;
use websocket_close::codec::Discard;
use websocket_codec::{Message, MessageCodec, Opcode};
use yawc::codec as yawc_codec;
use yawc::frame::{Frame as YawcFrame, OpCode as YawcOpCode};

/// A codec for the frames that are not Close frames.
pub trait Inner: Decoder<Error: Display> {
    /// What it encodes.
    type Out;

    /// The codec for a new connection.
    fn new(local: Role) -> Self;

    /// The answer of an echo server: the same message, or a pong to a ping.
    fn echo(item: Self::Item) -> Option<Self::Out>;

    /// An item in words: `text`, `binary`, `ping` or `pong`. Dots mean that the message goes on in `more` and `last`.
    fn show(item: &Self::Item) -> String;
}

/// No codec inside: `CloseCodec` alone.
impl Inner for Discard {
    type Out = Self::Item;

    fn new(_: Role) -> Self {
        Self
    }

    fn echo(item: Self::Item) -> Option<Self::Out> {
        match item {}
    }

    fn show(item: &Self::Item) -> String {
        match *item {}
    }
}

/// actix-http takes one frame a call, and yields fragments as they are.
impl Inner for ws::Codec {
    type Out = ws::Message;

    fn new(local: Role) -> Self {
        match local {
            Role::Client => Self::new().client_mode(),
            Role::Server => Self::new(),
        }
    }

    fn echo(item: ws::Frame) -> Option<ws::Message> {
        match item {
            // The codec does not check UTF-8. A text that is not UTF-8 gets no echo.
            ws::Frame::Text(text) => Some(ws::Message::Text(text.try_into().ok()?)),
            ws::Frame::Binary(data) => Some(ws::Message::Binary(data)),
            ws::Frame::Continuation(part) => Some(ws::Message::Continuation(part)),
            ws::Frame::Ping(data) => Some(ws::Message::Pong(data)),
            ws::Frame::Pong(_) | ws::Frame::Close(_) => None,
        }
    }

    fn show(item: &ws::Frame) -> String {
        let (kind, data) = match item {
            ws::Frame::Text(data) => ("text", data),
            ws::Frame::Binary(data) => ("binary", data),
            ws::Frame::Continuation(ws::Item::FirstText(data)) => ("text...", data),
            ws::Frame::Continuation(ws::Item::FirstBinary(data)) => ("binary...", data),
            ws::Frame::Continuation(ws::Item::Continue(data)) => ("more...", data),
            ws::Frame::Continuation(ws::Item::Last(data)) => ("last", data),
            ws::Frame::Ping(data) => ("ping", data),
            ws::Frame::Pong(data) => ("pong", data),
            ws::Frame::Close(_) => ("close", &Bytes::new()),
        };
        show(kind, data)
    }
}

/// websocket-codec loops over several frames in a call, and reassembles messages.
impl Inner for MessageCodec {
    type Out = Message;

    fn new(local: Role) -> Self {
        match local {
            Role::Client => Self::client(),
            Role::Server => Self::server(),
        }
    }

    fn echo(item: Message) -> Option<Message> {
        match item.opcode() {
            Opcode::Text | Opcode::Binary => Some(item),
            Opcode::Ping => Some(Message::pong(item.into_data())),
            Opcode::Pong | Opcode::Close => None,
        }
    }

    fn show(item: &Message) -> String {
        let kind = match item.opcode() {
            Opcode::Text => "text",
            Opcode::Binary => "binary",
            Opcode::Ping => "ping",
            Opcode::Pong => "pong",
            Opcode::Close => "close",
        };
        show(kind, item.data())
    }
}

/// yawc takes a header out of the buffer before the payload is there, and keeps the header.
impl Inner for yawc_codec::Codec {
    type Out = YawcFrame;

    fn new(local: Role) -> Self {
        let role = match local {
            Role::Client => yawc::Role::Client,
            Role::Server => yawc::Role::Server,
        };
        (yawc_codec::Decoder::new(role, 1 << 20), yawc_codec::Encoder::new(role)).into()
    }

    fn echo(item: YawcFrame) -> Option<YawcFrame> {
        let (opcode, fin, data) = item.into_parts();
        match opcode {
            YawcOpCode::Text => Some(YawcFrame::text(data).with_fin(fin)),
            YawcOpCode::Binary => Some(YawcFrame::binary(data).with_fin(fin)),
            YawcOpCode::Continuation => Some(YawcFrame::continuation(data).with_fin(fin)),
            YawcOpCode::Ping => Some(YawcFrame::pong(data)),
            YawcOpCode::Pong | YawcOpCode::Close => None,
        }
    }

    fn show(item: &YawcFrame) -> String {
        let kind = match (item.opcode(), item.is_fin()) {
            (YawcOpCode::Text, true) => "text",
            (YawcOpCode::Text, false) => "text...",
            (YawcOpCode::Binary, true) => "binary",
            (YawcOpCode::Binary, false) => "binary...",
            (YawcOpCode::Continuation, true) => "last",
            (YawcOpCode::Continuation, false) => "more...",
            (YawcOpCode::Ping, _) => "ping",
            (YawcOpCode::Pong, _) => "pong",
            (YawcOpCode::Close, _) => "close",
        };
        show(kind, item.payload())
    }
}

fn show(kind: &str, data: &[u8]) -> String {
    match data.len() {
        0..=20 => format!("{kind} {}", data.escape_ascii()),
        len => format!("{kind} of {len} bytes"),
    }
}

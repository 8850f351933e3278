//! Codecs for tokio-util: one Close through a `FramedRead`, data frames stepped over, and data frames through a wrapped
//! codec.

use std::hint::black_box;
use std::io::{self, Read};

use actix_http::ws as actix;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{FutureExt, Stream, StreamExt};
use tokio_util::codec::{Decoder, Encoder, FramedRead};
use websocket_close::codec::{CloseCodec, Message};

use crate::connection::Pipe;
use crate::decode::{
    check_by_hand, check_yawc, read_actix, read_bytes, read_frame, read_string, unmask_by_hand, unmask_bytewise,
};
use crate::inputs::{self, Answer, Input};
use crate::measure::use_up;
use crate::{Case, Contender, Delivers, Kind};

/// All tables of this file.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for input in inputs::named(&["code only", "ASCII 16", "ASCII 123"]) {
        cases.extend([one_close(&input), one_close_around_yawc(&input), one_close_around_actix(&input)]);
    }
    for input in inputs::named(&["ASCII 16"]) {
        let bytes = |frames| [DATA.repeat(frames), input.masked().to_vec()].concat().leak();
        cases.push(stepped_over(&input, bytes(1_000_000)));
        let bytes = bytes(1000);
        cases.extend([around_yawc(&input, bytes), around_actix(&input, bytes), around_websocket_codec(&input, bytes)]);
        cases.extend([written_by_yawc(&input), written_by_websocket_codec(&input)]);
    }
    cases
}

/// A binary frame of 16 bytes, masked with zeros.
const DATA: [u8; 22] = [0x82, 0x90, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7];

/// Reads items until `close` makes something of one.
fn by<S: Stream<Item = Result<T, E>> + Unpin + 'static, T, E, R: 'static>(
    name: &'static str,
    kind: Kind,
    bytes: &'static [u8],
    make: impl Fn(Pipe) -> S + Clone + 'static,
    close: impl Fn(T) -> Option<R> + 'static,
    read: impl Fn(&R) -> Answer<'_>,
) -> Contender {
    let work = move |stream: &mut S| {
        loop {
            let item = black_box(stream.next().now_or_never()??.ok()?);
            if let Some(close) = close(item) {
                return Some(close);
            }
        }
    };
    let result = work(&mut make(Pipe::new(bytes)));
    let make = move || make(Pipe::new(bytes));
    let run = use_up(if bytes.len() < 1000 { 64 } else { 1 }, make, move |stream| {
        black_box(&work(stream));
    });
    Contender::new(name, kind, result.as_ref().ok_or(()).and_then(read), run)
}

fn floor(bytes: &'static [u8]) -> Contender {
    let work = |(pipe, buffer): &mut (Pipe, BytesMut)| {
        while Read::read(pipe, buffer).is_ok_and(|len| black_box(len) > 0) {}
    };
    let make = move || (Pipe::new(bytes), BytesMut::zeroed(8192));
    Contender::floor("read into one buffer", use_up(if bytes.len() < 1000 { 64 } else { 1 }, make, work))
}

fn ours<C: Decoder<Error: std::fmt::Debug> + 'static>(
    name: &'static str,
    bytes: &'static [u8],
    codec: impl Fn() -> CloseCodec<C> + Clone + 'static,
) -> Contender {
    let close = |message| match message {
        Message::Close(frame) => Some(frame),
        Message::Other(_) => None,
    };
    by(
        name,
        Kind::Ours,
        bytes,
        move |pipe| FramedRead::new(pipe, codec()),
        close,
        |frame| read_frame(Ok::<_, ()>(frame.as_frame())),
    )
}

fn yawc_decoder() -> yawc::codec::Decoder {
    yawc::codec::Decoder::new(yawc::Role::Server, 4096)
}

fn yawc_alone(name: &'static str, kind: Kind, bytes: &'static [u8]) -> Contender {
    let close = |frame: yawc::Frame| {
        let close = |payload: Bytes| Ok((check_yawc(&payload)?.0, payload));
        (frame.opcode() == yawc::OpCode::Close).then(|| close(frame.into_payload()))
    };
    by(name, kind, bytes, move |pipe| FramedRead::new(pipe, yawc_decoder()), close, read_bytes)
}

fn actix_alone(name: &'static str, bytes: &'static [u8]) -> Contender {
    let close = |frame| match frame {
        actix::Frame::Close(reason) => Some(reason),
        _ => None,
    };
    by(
        name,
        Kind::Peer,
        bytes,
        |pipe| FramedRead::new(pipe, actix::Codec::new()),
        close,
        |reason| read_actix(reason.as_ref()),
    )
}

fn websocket_codec_alone(name: &'static str, bytes: &'static [u8]) -> Contender {
    let close = |message: websocket_codec::Message| {
        let close = |payload: Bytes| Ok((check_by_hand(&payload)?.0, payload));
        (message.opcode() == websocket_codec::Opcode::Close).then(|| close(message.into_data()))
    };
    let make = |pipe| FramedRead::new(pipe, websocket_codec::MessageCodec::server());
    by(name, Kind::Pieces, bytes, make, close, read_bytes)
}

/// A decoder without a crate. It steps over short frames.
struct ByHand;

impl Decoder for ByHand {
    type Item = Result<(u16, String), ()>;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        loop {
            let [first, second, ..] = src[..] else { return Ok(None) };
            let len = 6 + usize::from(second & 0x7f);
            if src.len() < len {
                return Ok(None);
            }
            if first & 15 == 8 {
                let close = unmask_by_hand(src, unmask_bytewise).and_then(|payload| check_by_hand(payload));
                let close = close.map(|(code, reason)| (code, reason.to_owned()));
                src.advance(len);
                return Ok(Some(close));
            }
            src.advance(len);
        }
    }
}

fn hand(bytes: &'static [u8]) -> Contender {
    by("by hand", Kind::Hand, bytes, |pipe| FramedRead::new(pipe, ByHand), Some, read_string)
}

/// One Close, which outlives the buffer.
fn one_close(input: &Input) -> Case {
    let bytes = input.masked();
    let contenders = vec![
        floor(bytes),
        ours("websocket-close", bytes, CloseCodec::server),
        hand(bytes),
        actix_alone("actix-http", bytes),
        yawc_alone("yawc, its own check", Kind::Pieces, bytes),
        websocket_codec_alone("websocket-codec, check by hand", bytes),
    ];
    Case::new("codec/one Close", Delivers::Copied, input, contenders)
}

fn one_close_around_yawc(input: &Input) -> Case {
    let bytes = input.masked();
    let contenders = vec![
        ours("websocket-close around yawc", bytes, || CloseCodec::server().wrap(yawc_decoder())),
        yawc_alone("yawc alone, its own check", Kind::Peer, bytes),
    ];
    Case::new("codec/one Close around yawc", Delivers::Copied, input, contenders)
}

fn one_close_around_actix(input: &Input) -> Case {
    let bytes = input.masked();
    let contenders = vec![
        ours("websocket-close around actix-http", bytes, || CloseCodec::server().wrap(actix::Codec::new())),
        actix_alone("actix-http alone", bytes),
    ];
    Case::new("codec/one Close around actix-http", Delivers::Copied, input, contenders)
}

/// A million data frames that nobody wants, and a Close.
fn stepped_over(input: &Input, bytes: &'static [u8]) -> Case {
    let contenders = vec![floor(bytes), ours("websocket-close", bytes, CloseCodec::server), hand(bytes)];
    Case::new("codec/1 M data frames stepped over", Delivers::Nothing, input, contenders)
}

fn around_yawc(input: &Input, bytes: &'static [u8]) -> Case {
    let contenders = vec![
        ours("websocket-close around yawc", bytes, || CloseCodec::server().wrap(yawc_decoder())),
        yawc_alone("yawc alone", Kind::Peer, bytes),
    ];
    Case::new("codec/1,000 data frames around yawc", Delivers::Items, input, contenders)
}

fn around_actix(input: &Input, bytes: &'static [u8]) -> Case {
    let contenders = vec![
        ours("websocket-close around actix-http", bytes, || CloseCodec::server().wrap(actix::Codec::new())),
        actix_alone("actix-http alone", bytes),
    ];
    Case::new("codec/1,000 data frames around actix-http", Delivers::Items, input, contenders)
}

fn around_websocket_codec(input: &Input, bytes: &'static [u8]) -> Case {
    let contenders = vec![
        ours("websocket-close around websocket-codec", bytes, || {
            CloseCodec::server().wrap(websocket_codec::MessageCodec::server())
        }),
        websocket_codec_alone("websocket-codec alone", bytes),
    ];
    Case::new("codec/1,000 data frames around websocket-codec", Delivers::Items, input, contenders)
}

/// 1,000 items written into a buffer that has room for them.
fn written<T: 'static, E: Encoder<T> + 'static>(
    name: &'static str,
    kind: Kind,
    input: &Input,
    codec: fn() -> E,
    item: fn(&'static [u8]) -> T,
) -> Contender {
    let work = move |(codec, buffer): &mut (E, BytesMut)| {
        for _ in 0..1000 {
            let _ = codec.encode(item(black_box(&DATA[6..])), buffer);
        }
    };
    let make = move || (codec(), BytesMut::with_capacity(20_000));
    let mut once = make();
    work(&mut once);
    let expected = [&[0x82, 16], &DATA[6..]].concat().repeat(1000);
    let answer = if once.1 == expected { input.answer } else { Err(()) };
    Contender::new(name, kind, answer, use_up(1, make, work))
}

fn written_by_yawc(input: &Input) -> Case {
    let item = |payload| yawc::Frame::binary(Bytes::from_static(payload));
    let encoder = || yawc::codec::Encoder::new(yawc::Role::Server);
    let contenders = vec![
        written(
            "websocket-close around yawc",
            Kind::Ours,
            input,
            || CloseCodec::server().wrap(yawc::codec::Encoder::new(yawc::Role::Server)),
            |payload| Message::Other(yawc::Frame::binary(Bytes::from_static(payload))),
        ),
        written("yawc alone", Kind::Peer, input, encoder, item),
    ];
    Case::new("codec/1,000 data frames written around yawc", Delivers::Bytes, input, contenders)
}

fn written_by_websocket_codec(input: &Input) -> Case {
    let contenders = vec![
        written(
            "websocket-close around websocket-codec",
            Kind::Ours,
            input,
            || CloseCodec::server().wrap(websocket_codec::MessageCodec::server()),
            |payload| Message::Other(websocket_codec::Message::binary(Bytes::from_static(payload))),
        ),
        written("websocket-codec alone", Kind::Peer, input, websocket_codec::MessageCodec::server, |payload| {
            websocket_codec::Message::binary(Bytes::from_static(payload))
        }),
    ];
    Case::new("codec/1,000 data frames written around websocket-codec", Delivers::Bytes, input, contenders)
}

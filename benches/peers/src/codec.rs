//! Codecs for tokio-util: one Close through a `FramedRead`, and a million data frames before it.

use std::hint::black_box;
use std::io::Read;

use actix_http::ws as actix;
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, Stream, StreamExt};
use tokio_util::codec::FramedRead;
use websocket_close::OwnedCloseFrame;
use websocket_close::codec::{CloseCodec, Message};

use crate::connection::Pipe;
use crate::decode::{check_by_hand, check_yawc, read_actix, read_bytes, read_frame};
use crate::inputs::{self, Answer, Input};
use crate::measure::run_on;
use crate::{Case, Contender, Kind};

/// All groups of this file.
pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for input in inputs::named(&["code only", "ASCII 123"]) {
        cases.push(case("codec/one Close", &input, input.masked()));
    }
    for input in inputs::named(&["ASCII 16"]) {
        // Binary, masked with zeros, 16 bytes.
        let data = [&[0x82, 0x90, 0, 0, 0, 0], &[7; 16][..]].concat();
        let stream = [data.repeat(1_000_000), input.masked().to_vec()].concat().leak();
        cases.push(case("codec/1 M data frames, a Close", &input, stream));
    }
    cases
}

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
            let item = stream.next().now_or_never()??.ok()?;
            if let Some(close) = close(item) {
                return Some(close);
            }
        }
    };
    let result = work(&mut make(Pipe::new(bytes)));
    let make = move || make(Pipe::new(bytes));
    let run = run_on(make, move |stream| {
        black_box(&work(stream));
    });
    Contender::new(name, kind, result.as_ref().ok_or(()).and_then(read), run)
}

fn case(group: &'static str, input: &Input, bytes: &'static [u8]) -> Case {
    fn read_ours(frame: &OwnedCloseFrame) -> Answer<'_> {
        read_frame(Ok::<_, ()>(frame.as_frame()))
    }
    fn close_actix(frame: actix::Frame) -> Option<Option<actix::CloseReason>> {
        match frame {
            actix::Frame::Close(reason) => Some(reason),
            _ => None,
        }
    }
    fn close_yawc(frame: yawc::Frame) -> Option<Result<(u16, Bytes), ()>> {
        let close = |payload: Bytes| Ok((check_yawc(&payload)?.0, payload));
        (frame.opcode() == yawc::OpCode::Close).then(|| close(frame.into_payload()))
    }
    fn close_ours<T>(message: Message<T>) -> Option<Box<OwnedCloseFrame>> {
        match message {
            Message::Close(frame) => Some(frame),
            Message::Other(_) => None,
        }
    }
    let yawc_decoder = || yawc::codec::Decoder::new(yawc::Role::Server, 4096);
    let floor = run_on(
        move || (Pipe::new(bytes), BytesMut::zeroed(8192)),
        |(pipe, buffer)| while pipe.read(buffer).is_ok_and(|len| black_box(len) > 0) {},
    );
    let contenders = vec![
        Contender::floor("read into one buffer", floor),
        by(
            "websocket-close",
            Kind::Ours,
            bytes,
            |pipe| FramedRead::new(pipe, CloseCodec::server()),
            close_ours,
            |frame| read_ours(frame),
        ),
        by(
            "websocket-close around yawc",
            Kind::Ours,
            bytes,
            move |pipe| FramedRead::new(pipe, CloseCodec::server().wrap(yawc_decoder())),
            close_ours,
            |frame| read_ours(frame),
        ),
        by(
            "websocket-close around actix-http",
            Kind::Ours,
            bytes,
            |pipe| FramedRead::new(pipe, CloseCodec::server().wrap(actix::Codec::new())),
            close_ours,
            |frame| read_ours(frame),
        ),
        by(
            "actix-http",
            Kind::Peer,
            bytes,
            |pipe| FramedRead::new(pipe, actix::Codec::new()),
            close_actix,
            |reason| read_actix(reason.as_ref()),
        ),
        by(
            "yawc, its own check",
            Kind::Pieces,
            bytes,
            move |pipe| FramedRead::new(pipe, yawc_decoder()),
            close_yawc,
            read_bytes,
        ),
        by(
            "websocket-codec, check by hand",
            Kind::Pieces,
            bytes,
            |pipe| FramedRead::new(pipe, websocket_codec::MessageCodec::server()),
            |message| {
                let close = |payload: Bytes| Ok((check_by_hand(&payload)?.0, payload));
                (message.opcode() == websocket_codec::Opcode::Close).then(|| close(message.into_data()))
            },
            read_bytes,
        ),
        by(
            "tokio-websockets, connection",
            Kind::Peer,
            bytes,
            |pipe| tokio_websockets::ServerBuilder::new().serve(pipe),
            |message| message.is_close().then_some(message),
            |message| message.as_close().map(|(code, reason)| (code.into(), reason)).ok_or(()),
        ),
    ];
    Case::new(group, input, contenders)
}

//! A code and a reason encoded as a whole frame behind what a buffer holds, which is nothing: all of a table into the
//! same kind of buffer, a `Vec` or a `BytesMut`.

use std::hint::black_box;

use actix_http::ws as actix;
use bytes::{BufMut, BytesMut};
use soketto::base as soketto;
use tokio_util::codec::Encoder;
use tungstenite::protocol::frame as tungstenite;
use websocket_close::{CloseCode, CloseFrame, wire};
use websocket_sans_io::{FrameInfo, Opcode, WebsocketFrameEncoder};

use crate::inputs::{self, Input, KEY};
use crate::measure::rotate;
use crate::{Case, Contender, Delivers, Kind};

/// All tables of this file.
pub fn cases() -> Vec<Case> {
    let inputs = inputs::named(&["code only", "ASCII 16", "ASCII 40", "ASCII 123", "Cyrillic 123"]);
    let both = |input| {
        [None, Some(KEY)].into_iter().flat_map(move |mask| [into_vec(input, mask), into_bytes_mut(input, mask)])
    };
    inputs.iter().flat_map(both).chain([constant()]).collect()
}

/// What a frame is written into.
trait Buffer: BufMut + AsRef<[u8]> + 'static {
    fn empty() -> Self;
    fn clear(&mut self);
}

impl Buffer for Vec<u8> {
    fn empty() -> Self {
        Self::with_capacity(256)
    }

    fn clear(&mut self) {
        self.clear();
    }
}

impl Buffer for BytesMut {
    fn empty() -> Self {
        Self::with_capacity(256)
    }

    fn clear(&mut self) {
        self.clear();
    }
}

/// `encode` appends a frame with the code 1000 and this reason.
fn by<B: Buffer>(
    name: &'static str,
    kind: Kind,
    (input, mask): (&Input, Option<[u8; 4]>),
    encode: impl Fn(&str, &mut B) + 'static,
) -> Contender {
    let reason = input.answer.map_or("", |(_, reason)| reason);
    let expected = if mask.is_some() { input.masked() } else { input.unmasked() };
    let mut once = B::empty();
    encode(reason, &mut once);
    let answer = if once.as_ref() == expected { input.answer } else { Err(()) };
    let run = rotate(
        |_| (reason.to_owned(), B::empty()),
        |(_, buffer)| buffer.clear(),
        move |(reason, buffer)| encode(black_box(reason), buffer),
    );
    Contender::new(name, kind, answer, run)
}

fn floor<B: Buffer>((input, mask): (&Input, Option<[u8; 4]>)) -> Contender {
    let frame = if mask.is_some() { input.masked() } else { input.unmasked() };
    let work = move |buffer: &mut B| buffer.put_slice(black_box(frame));
    Contender::floor("the ready frame appended", rotate(|_| B::empty(), B::clear, work))
}

fn ours<B: Buffer>(reason: &str, mask: Option<[u8; 4]>, buffer: &mut B) {
    if let Ok(frame) = CloseFrame::new(black_box(CloseCode::NORMAL_CLOSURE), reason) {
        buffer.put_slice(wire::encode(frame, mask, &mut [0; wire::MAX_FRAME_LEN]));
    }
}

/// What a user writes who has read the RFC.
fn hand<B: Buffer>(reason: &str, mask: Option<[u8; 4]>, buffer: &mut B) {
    let Ok(len @ ..=125) = u8::try_from(2 + reason.len()) else { return };
    let [high, low] = black_box(1000_u16).to_be_bytes();
    match mask {
        None => {
            buffer.put_slice(&[0x88, len, high, low]);
            buffer.put_slice(reason.as_bytes());
        }
        Some(key) => {
            let mut masked = [0; 125];
            let (code, rest) = masked.split_at_mut(2);
            code.copy_from_slice(&[high ^ key[0], low ^ key[1]]);
            for (index, (to, from)) in rest.iter_mut().zip(reason.as_bytes()).enumerate() {
                *to = from ^ key[(index + 2) % 4];
            }
            buffer.put_slice(&[0x88, 0x80 | len, key[0], key[1], key[2], key[3]]);
            buffer.put_slice(&masked[..usize::from(len)]);
        }
    }
}

fn yawc_frame(reason: &str) -> yawc::Frame {
    yawc::Frame::close(black_box(yawc::close::CloseCode::Normal), reason)
}

fn tungstenite_frame(reason: &str, mask: Option<[u8; 4]>) -> tungstenite::Frame {
    let code = black_box(tungstenite::coding::CloseCode::Normal);
    let mut frame = tungstenite::Frame::close(Some(tungstenite::CloseFrame { code, reason: reason.into() }));
    frame.header_mut().mask = mask;
    frame
}

/// The table of those that write into a `Vec`.
fn into_vec(input: &Input, mask: Option<[u8; 4]>) -> Case {
    let (group, work) = (if mask.is_some() { "encode/Vec, masked" } else { "encode/Vec" }, (input, mask));
    let mask = move || mask.map(black_box);
    let contenders = vec![
        floor::<Vec<u8>>(work),
        by("websocket-close", Kind::Ours, work, move |reason, buffer: &mut Vec<u8>| ours(reason, mask(), buffer)),
        by("by hand", Kind::Hand, work, move |reason, buffer: &mut Vec<u8>| hand(reason, mask(), buffer)),
        by("tungstenite", Kind::Peer, work, move |reason, buffer: &mut Vec<u8>| {
            let _ = tungstenite_frame(reason, mask()).format(buffer);
        }),
        by("fastwebsockets", Kind::Pieces, work, move |reason, buffer: &mut Vec<u8>| {
            let payload = fastwebsockets::Frame::close(black_box(1000), reason.as_bytes()).payload;
            let mut frame = fastwebsockets::Frame::new(true, fastwebsockets::OpCode::Close, mask(), payload);
            frame.mask();
            frame.write(buffer);
        }),
        by("soketto, payload by hand", Kind::Pieces, work, move |reason, buffer: &mut Vec<u8>| {
            let mut header = soketto::Header::new(soketto::OpCode::Close);
            header.set_payload_len(2 + reason.len());
            if let Some(key) = mask() {
                header.set_masked(true).set_mask(u32::from_be_bytes(key));
            }
            buffer.extend_from_slice(soketto::Codec::new().encode_header(&header));
            let start = buffer.len();
            buffer.put_u16(black_box(1000));
            buffer.extend_from_slice(reason.as_bytes());
            soketto::Codec::apply_mask(&header, &mut buffer[start..]);
        }),
        by("websocket-sans-io, payload by hand", Kind::Pieces, work, move |reason, buffer: &mut Vec<u8>| {
            let mut encoder = WebsocketFrameEncoder::new();
            let (payload_length, opcode) = (2 + reason.len() as u64, Opcode::ConnectionClose);
            let info = FrameInfo { opcode, payload_length, mask: mask(), fin: true, reserved: 0 };
            buffer.extend_from_slice(&encoder.start_frame(&info));
            let start = buffer.len();
            buffer.put_u16(black_box(1000));
            buffer.extend_from_slice(reason.as_bytes());
            encoder.transform_frame_payload(&mut buffer[start..]);
        }),
    ];
    Case::new(group, Delivers::Bytes, input, contenders)
}

/// The table of those that write into a `BytesMut`. Two draw their masking key themselves, which is other work.
fn into_bytes_mut(input: &Input, mask: Option<[u8; 4]>) -> Case {
    let (group, work) = (if mask.is_some() { "encode/BytesMut, masked" } else { "encode/BytesMut" }, (input, mask));
    let given = move || mask.map(black_box);
    let mut contenders = vec![
        floor::<BytesMut>(work),
        by("websocket-close", Kind::Ours, work, move |reason, buffer: &mut BytesMut| ours(reason, given(), buffer)),
        by("by hand", Kind::Hand, work, move |reason, buffer: &mut BytesMut| hand(reason, given(), buffer)),
        by("tungstenite", Kind::Peer, work, move |reason, buffer: &mut BytesMut| {
            let _ = tungstenite_frame(reason, given()).format(&mut buffer.writer());
        }),
    ];
    if mask.is_some() {
        contenders.push(by("yawc", Kind::Peer, work, |reason, buffer: &mut BytesMut| {
            let frame = yawc_frame(reason).with_mask(black_box(KEY));
            let _ = yawc::codec::Encoder::new(yawc::Role::Client).encode(frame, buffer);
        }));
    } else {
        contenders.extend([
            by("yawc", Kind::Peer, work, |reason, buffer: &mut BytesMut| {
                let _ = yawc::codec::Encoder::new(yawc::Role::Server).encode(yawc_frame(reason), buffer);
            }),
            by("actix-http", Kind::Peer, work, |reason, buffer: &mut BytesMut| {
                let reason = actix::CloseReason::from((black_box(actix::CloseCode::Normal), reason));
                let _ = actix::Codec::new().encode(actix::Message::Close(Some(reason)), buffer);
            }),
            by("websocket-codec", Kind::Peer, work, |reason, buffer: &mut BytesMut| {
                let message = websocket_codec::Message::close(Some((black_box(1000), reason.to_owned())));
                let _ = websocket_codec::MessageCodec::server().encode(message, buffer);
            }),
        ]);
    }
    Case::new(group, Delivers::Bytes, input, contenders)
}

/// A server's frame that is known when the program is compiled.
fn constant() -> Case {
    const FRAME: CloseFrame<'static> = CloseFrame::from_static(1012, "back in a minute");
    static OURS: [u8; 20] = wire::to_array(FRAME);
    static READY: [u8; 20] = *b"\x88\x12\x03\xf4back in a minute";
    fn by(name: &'static str, kind: Kind, frame: &'static [u8; 20]) -> Contender {
        let answer = if *frame == READY { Ok((1012, FRAME.reason())) } else { Err(()) };
        let work = move |buffer: &mut Vec<u8>| buffer.extend_from_slice(black_box(frame));
        Contender::new(name, kind, answer, rotate(|_| Vec::with_capacity(256), Vec::clear, work))
    }
    let contenders = vec![by("the ready frame appended", Kind::Hand, &READY), by("websocket-close", Kind::Ours, &OURS)];
    Case {
        group: "encode/const",
        delivers: Delivers::Bytes,
        input: "ASCII 16".to_owned(),
        answer: Ok((1012, FRAME.reason())),
        contenders,
    }
}

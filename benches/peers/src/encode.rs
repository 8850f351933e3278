//! A code and a reason encoded as a whole frame into a buffer that is used again.

use std::hint::black_box;

use actix_http::ws as actix;
use bytes::{BufMut, BytesMut};
use soketto::base as soketto;
use tokio_util::codec::Encoder;
use tungstenite::protocol::frame as tungstenite;
use websocket_close::{CloseCode, CloseFrame, wire};
use websocket_sans_io::{FrameInfo, Opcode, WebsocketFrameEncoder};

use crate::inputs::{self, Input, KEY};
use crate::measure::run;
use crate::{Case, Contender, Kind};

/// All groups of this file.
pub fn cases() -> Vec<Case> {
    let inputs = inputs::named(&["code only", "ASCII 16", "ASCII 40", "ASCII 123", "Cyrillic 123"]);
    inputs.iter().map(unmasked).chain(inputs.iter().map(masked)).chain([constant()]).collect()
}

/// `encode` writes the reason it is given, with the code 1000, and hands out the frame.
fn by<B: 'static>(
    name: &'static str,
    kind: Kind,
    (input, expected): (&Input, &[u8]),
    mut buffer: B,
    encode: impl for<'b> Fn(&str, &'b mut B) -> &'b [u8] + 'static,
) -> Contender {
    let reason = input.answer.map_or("", |(_, reason)| reason);
    let answer = if encode(reason, &mut buffer) == expected { input.answer } else { Err(()) };
    let run = run(move || {
        black_box(encode(black_box(reason), &mut buffer));
    });
    Contender::new(name, kind, answer, run)
}

fn copy(frame: &'static [u8]) -> Contender {
    let mut buffer = [0; 131];
    let run = run(move || {
        let frame = black_box(frame);
        buffer[..frame.len()].copy_from_slice(frame);
        black_box(&buffer);
    });
    Contender::floor("memcpy of the ready frame", run)
}

fn ours<'b>(reason: &str, mask: Option<[u8; 4]>, buffer: &'b mut [u8; 131]) -> &'b [u8] {
    CloseFrame::new(black_box(CloseCode::NORMAL_CLOSURE), reason).map_or(&[], |frame| wire::encode(frame, mask, buffer))
}

/// A server's frame.
fn unmasked(input: &Input) -> Case {
    let frame = input.unmasked();
    let input_and_frame = (input, frame);
    let contenders = vec![
        copy(frame),
        by("websocket-close", Kind::Ours, input_and_frame, [0; 131], |reason, buffer| ours(reason, None, buffer)),
        by("by hand", Kind::Naive, input_and_frame, Vec::new(), |reason, buffer| {
            let Ok(len @ ..=125) = u8::try_from(2 + reason.len()) else { return &[] };
            buffer.clear();
            buffer.extend_from_slice(&[0x88, len]);
            buffer.extend_from_slice(&black_box(1000_u16).to_be_bytes());
            buffer.extend_from_slice(reason.as_bytes());
            buffer
        }),
        by("tungstenite", Kind::Peer, input_and_frame, Vec::new(), |reason, buffer| {
            let close = tungstenite::CloseFrame {
                code: black_box(tungstenite::coding::CloseCode::Normal),
                reason: reason.into(),
            };
            buffer.clear();
            tungstenite::Frame::close(Some(close)).format(buffer).map_or(&[], |()| buffer)
        }),
        by("fastwebsockets", Kind::Peer, input_and_frame, Vec::new(), |reason, buffer| {
            fastwebsockets::Frame::close(black_box(1000), reason.as_bytes()).write(buffer)
        }),
        by("yawc", Kind::Peer, input_and_frame, BytesMut::new(), |reason, buffer| {
            buffer.clear();
            let frame = yawc::Frame::close(black_box(yawc::close::CloseCode::Normal), reason);
            yawc::codec::Encoder::new(yawc::Role::Server).encode(frame, buffer).map_or(&[], |()| buffer)
        }),
        by("actix-http", Kind::Peer, input_and_frame, BytesMut::new(), |reason, buffer| {
            buffer.clear();
            let reason = actix::CloseReason::from((black_box(actix::CloseCode::Normal), reason));
            actix::Codec::new().encode(actix::Message::Close(Some(reason)), buffer).map_or(&[], |()| buffer)
        }),
        by("websocket-codec", Kind::Peer, input_and_frame, BytesMut::new(), |reason, buffer| {
            buffer.clear();
            let message = websocket_codec::Message::close(Some((black_box(1000), reason.to_owned())));
            websocket_codec::MessageCodec::server().encode(message, buffer).map_or(&[], |()| buffer)
        }),
        by("soketto, payload by hand", Kind::Pieces, input_and_frame, Vec::new(), |reason, buffer| {
            encode_soketto(reason, None, buffer)
        }),
        by("websocket-sans-io, payload by hand", Kind::Pieces, input_and_frame, Vec::new(), |reason, buffer| {
            encode_sans_io(reason, None, buffer)
        }),
        by("web-socket", Kind::Pieces, input_and_frame, Vec::new(), |reason, buffer| {
            let payload = web_socket::CloseReason::to_bytes((black_box(1000_u16), reason));
            *buffer = web_socket::Frame { fin: true, opcode: 8, data: &payload }.encode_without_mask();
            buffer
        }),
    ];
    Case::new("encode/unmasked", input, contenders)
}

/// A client's frame with a given key; peers that only draw their own are not here, since a random number is other work.
fn masked(input: &Input) -> Case {
    let frame = input.masked();
    let input_and_frame = (input, frame);
    let contenders = vec![
        copy(frame),
        by("websocket-close", Kind::Ours, input_and_frame, [0; 131], |reason, buffer| {
            ours(reason, Some(black_box(KEY)), buffer)
        }),
        by("by hand", Kind::Naive, input_and_frame, Vec::new(), |reason, buffer| {
            let Ok(len @ ..=125) = u8::try_from(2 + reason.len()) else { return &[] };
            let key = black_box(KEY);
            buffer.clear();
            buffer.extend_from_slice(&[0x88, 0x80 | len]);
            buffer.extend_from_slice(&key);
            buffer.extend_from_slice(&black_box(1000_u16).to_be_bytes());
            buffer.extend_from_slice(reason.as_bytes());
            for (index, byte) in buffer.iter_mut().skip(6).enumerate() {
                *byte ^= key[index % 4];
            }
            buffer
        }),
        by("tungstenite", Kind::Peer, input_and_frame, Vec::new(), |reason, buffer| {
            let close = tungstenite::CloseFrame {
                code: black_box(tungstenite::coding::CloseCode::Normal),
                reason: reason.into(),
            };
            let mut frame = tungstenite::Frame::close(Some(close));
            frame.header_mut().mask = Some(black_box(KEY));
            buffer.clear();
            frame.format(buffer).map_or(&[], |()| buffer)
        }),
        by("fastwebsockets", Kind::Pieces, input_and_frame, Vec::new(), |reason, buffer| {
            let payload = fastwebsockets::Frame::close(black_box(1000), reason.as_bytes()).payload;
            let mut frame =
                fastwebsockets::Frame::new(true, fastwebsockets::OpCode::Close, Some(black_box(KEY)), payload);
            frame.mask();
            frame.write(buffer)
        }),
        by("yawc", Kind::Peer, input_and_frame, BytesMut::new(), |reason, buffer| {
            buffer.clear();
            let frame = yawc::Frame::close(black_box(yawc::close::CloseCode::Normal), reason).with_mask(black_box(KEY));
            yawc::codec::Encoder::new(yawc::Role::Client).encode(frame, buffer).map_or(&[], |()| buffer)
        }),
        by("soketto, payload by hand", Kind::Pieces, input_and_frame, Vec::new(), |reason, buffer| {
            encode_soketto(reason, Some(black_box(KEY)), buffer)
        }),
        by("websocket-sans-io, payload by hand", Kind::Pieces, input_and_frame, Vec::new(), |reason, buffer| {
            encode_sans_io(reason, Some(black_box(KEY)), buffer)
        }),
    ];
    Case::new("encode/masked", input, contenders)
}

fn encode_soketto<'b>(reason: &str, mask: Option<[u8; 4]>, buffer: &'b mut Vec<u8>) -> &'b [u8] {
    let mut header = soketto::Header::new(soketto::OpCode::Close);
    header.set_payload_len(2 + reason.len());
    if let Some(key) = mask {
        header.set_masked(true).set_mask(u32::from_be_bytes(key));
    }
    buffer.clear();
    buffer.extend_from_slice(soketto::Codec::new().encode_header(&header));
    let start = buffer.len();
    buffer.put_u16(black_box(1000));
    buffer.extend_from_slice(reason.as_bytes());
    soketto::Codec::apply_mask(&header, &mut buffer[start..]);
    buffer
}

fn encode_sans_io<'b>(reason: &str, mask: Option<[u8; 4]>, buffer: &'b mut Vec<u8>) -> &'b [u8] {
    let mut encoder = WebsocketFrameEncoder::new();
    let payload_length = 2 + reason.len() as u64;
    let info = FrameInfo { opcode: Opcode::ConnectionClose, payload_length, mask, fin: true, reserved: 0 };
    buffer.clear();
    buffer.extend_from_slice(&encoder.start_frame(&info));
    let start = buffer.len();
    buffer.put_u16(black_box(1000));
    buffer.extend_from_slice(reason.as_bytes());
    encoder.transform_frame_payload(&mut buffer[start..]);
    buffer
}

/// A server's frame that is known when the program is compiled.
fn constant() -> Case {
    const FRAME: CloseFrame<'static> = CloseFrame::from_static(1012, "back in a minute");
    static OURS: [u8; 20] = wire::to_array(FRAME);
    static READY: [u8; 20] = *b"\x88\x12\x03\xf4back in a minute";
    fn by(name: &'static str, kind: Kind, frame: &'static [u8; 20]) -> Contender {
        let mut buffer = [0; 20];
        let answer = if *frame == READY { Ok((1012, FRAME.reason())) } else { Err(()) };
        let run = run(move || {
            buffer.copy_from_slice(black_box(frame));
            black_box(&buffer);
        });
        Contender::new(name, kind, answer, run)
    }
    let contenders =
        vec![by("memcpy of the ready frame", Kind::Floor, &READY), by("websocket-close", Kind::Ours, &OURS)];
    Case { group: "encode/const", input: "ASCII 16".to_owned(), answer: Ok((1012, FRAME.reason())), contenders }
}

//! Payloads and whole frames decoded, borrowed or taken out of the buffer.

use std::hint::black_box;
use std::io::Cursor;

use actix_http::ws as actix;
use bytes::{Buf, Bytes, BytesMut};
use soketto::base as soketto;
use tokio_util::codec::Decoder;
use tungstenite::protocol::frame as tungstenite;
use websocket_close::wire::{self, Peek};
use websocket_close::{CloseFrame, OwnedCloseFrame, Role};
use websocket_sans_io::{Opcode, WebsocketFrameDecoder, WebsocketFrameEvent};

use crate::inputs::{self, Answer, Input};
use crate::measure::{rotate, use_up};
use crate::{Case, Contender, Delivers, Kind};

/// All tables of this file.
pub fn cases() -> Vec<Case> {
    let frames =
        inputs::named(&["code only", "ASCII 16", "ASCII 123", "Cyrillic 123", "bad UTF-8 last", "forbidden code"]);
    let mut cases: Vec<Case> = inputs::all().iter().map(borrowed).collect();
    cases.extend(inputs::all().iter().map(owned));
    cases.extend(frames.iter().map(in_place));
    cases.extend(frames.iter().map(split_off));
    cases.extend(frames.iter().map(copied));
    cases
}

/// A buffer of three cache lines with room for a frame, and a place to copy it to.
#[repr(align(64))]
struct Slot {
    bytes: [u8; 192],
    copy: [u8; 128],
}

impl Slot {
    fn new(bytes: &[u8]) -> Self {
        let mut slot = Self { bytes: [0; 192], copy: [0; 128] };
        slot.fill(bytes);
        slot
    }

    fn fill(&mut self, bytes: &[u8]) {
        self.bytes[..bytes.len()].copy_from_slice(bytes);
    }
}

/// Where the payload of a masked frame begins.
const PAYLOAD: usize = 6;

/// A decoder of payloads that lie where they lie in a masked frame.
fn by_payload(
    name: &'static str,
    kind: Kind,
    input: &Input,
    answer: Answer<'_>,
    decode: impl Fn(&[u8]) + 'static,
) -> Contender {
    let (len, frame) = (input.payload.len(), [&[0; PAYLOAD], input.payload].concat());
    let work = move |slot: &mut Slot| decode(black_box(&slot.bytes[PAYLOAD..PAYLOAD + len]));
    Contender::new(name, kind, answer, rotate(|_| Slot::new(&frame), |_| (), work))
}

fn copy(input: &Input) -> Contender {
    let (len, frame) = (input.payload.len(), [&[0; PAYLOAD], input.payload].concat());
    let work = move |slot: &mut Slot| slot.copy[..len].copy_from_slice(&slot.bytes[PAYLOAD..PAYLOAD + len]);
    Contender::floor("memcpy", rotate(|_| Slot::new(&frame), |_| (), work))
}

/// An unmasked payload to a code and a reason that borrows from it.
pub fn borrowed(input: &Input) -> Case {
    fn by(name: &'static str, kind: Kind, input: &Input, decode: impl Fn(&[u8]) -> Answer<'_> + 'static) -> Contender {
        let answer = decode(input.payload);
        by_payload(name, kind, input, answer, move |payload| {
            black_box(&decode(payload));
        })
    }
    let contenders = vec![
        copy(input),
        by("websocket-close", Kind::Ours, input, ours),
        by("by hand", Kind::Hand, input, check_by_hand),
        by("fastwebsockets", Kind::Pieces, input, check_fastwebsockets),
        by("tokio-websockets", Kind::Pieces, input, check_tokio_websockets),
        by("yawc", Kind::Pieces, input, check_yawc),
        by("tungstenite", Kind::Pieces, input, check_tungstenite),
    ];
    Case::new("payload/borrowed", Delivers::Borrowed, input, contenders)
}

/// An unmasked payload to a value that outlives it.
fn owned(input: &Input) -> Case {
    fn by<R>(
        name: &'static str,
        kind: Kind,
        input: &Input,
        decode: impl Fn(&[u8]) -> R + 'static,
        read: impl Fn(&R) -> Answer<'_>,
    ) -> Contender {
        let result = decode(input.payload);
        by_payload(name, kind, input, read(&result), move |payload| {
            black_box(&decode(payload));
        })
    }
    let contenders = vec![
        copy(input),
        by(
            "websocket-close",
            Kind::Ours,
            input,
            |payload| CloseFrame::from_payload(payload).map(CloseFrame::into_owned),
            read_ours,
        ),
        by("by hand, String", Kind::Hand, input, |payload| check_by_hand(payload).map(own), read_string),
        by("actix-http, String", Kind::Peer, input, actix::Parser::try_parse_close_payload, |result| match result {
            Ok(reason) => read_actix(reason.as_ref()),
            Err(_) => Err(()),
        }),
    ];
    Case::new("payload/owned", Delivers::Copied, input, contenders)
}

/// A masked frame in a buffer, to a code and a reason that borrows from there.
fn in_place(input: &Input) -> Case {
    fn by(
        name: &'static str,
        kind: Kind,
        input: &Input,
        decode: impl Fn(&mut [u8]) -> Answer<'_> + 'static,
    ) -> Contender {
        let frame = input.masked();
        let mut once = frame.to_vec();
        let answer = decode(&mut once);
        let work = move |slot: &mut Slot| {
            black_box(&decode(black_box(&mut slot.bytes[..frame.len()])));
        };
        let run = rotate(|_| Slot::new(frame), |slot| slot.fill(frame), work);
        Contender::new(name, kind, answer, run)
    }
    let contenders = vec![
        copy(input),
        by("websocket-close", Kind::Ours, input, |buffer| match wire::peek(Role::Server, buffer) {
            Ok(Peek::Close(close)) => read_frame(close.decode()),
            _ => Err(()),
        }),
        by("by hand", Kind::Hand, input, |buffer| check_by_hand(unmask_by_hand(buffer, unmask_bytewise)?)),
        by("fastwebsockets, header by hand", Kind::Pieces, input, |buffer| {
            check_fastwebsockets(unmask_by_hand(buffer, fastwebsockets::unmask)?)
        }),
        by("yawc, header by hand", Kind::Pieces, input, |buffer| {
            check_yawc(unmask_by_hand(buffer, yawc::mask::apply_mask)?)
        }),
        by("soketto, payload by hand", Kind::Pieces, input, |buffer| {
            match soketto::Codec::new().decode_header(buffer) {
                Ok(::soketto::Parsing::Done { value: header, offset }) if header.opcode() == soketto::OpCode::Close => {
                    let payload = buffer.get_mut(offset..offset + header.payload_len()).ok_or(())?;
                    soketto::Codec::apply_mask(&header, payload);
                    check_by_hand(payload)
                }
                _ => Err(()),
            }
        }),
        by("websocket-sans-io, payload by hand", Kind::Pieces, input, |buffer| {
            let mut decoder = WebsocketFrameDecoder::new();
            let start = decoder.add_data(buffer).map_err(|_| ())?;
            let len = match start.event {
                Some(WebsocketFrameEvent::Start { frame_info: info, .. })
                    if info.opcode == Opcode::ConnectionClose && info.is_reasonable() && info.mask.is_some() =>
                {
                    usize::try_from(info.payload_length).map_err(|_| ())?
                }
                _ => return Err(()),
            };
            let payload = buffer.get_mut(start.consumed_bytes..start.consumed_bytes + len).ok_or(())?;
            decoder.add_data(payload).map_err(|_| ())?;
            check_by_hand(payload)
        }),
    ];
    Case::new("frame/in place", Delivers::Borrowed, input, contenders)
}

/// A decoder of the masked frame at the front of a `BytesMut`, which it takes out.
fn by_frame<R: 'static>(
    name: &'static str,
    kind: Kind,
    input: &Input,
    mut decode: impl FnMut(&mut BytesMut) -> R + 'static,
    read: impl Fn(&R) -> Answer<'_>,
) -> Contender {
    let make = {
        let frame = input.masked();
        move || {
            let mut buffer = BytesMut::with_capacity(1024);
            buffer.extend_from_slice(frame);
            buffer
        }
    };
    let mut once = make();
    let answer = decode(&mut once);
    // Who refuses a frame need not take it out.
    assert!(once.is_empty() || read(&answer).is_err(), "{name} leaves the frame in the buffer");
    let work = move |buffer: &mut BytesMut| {
        black_box(&decode(buffer));
    };
    Contender::new(name, kind, read(&answer), use_up(64, make, work))
}

/// A masked frame taken out of a `BytesMut`, to a value that keeps the buffer alive.
fn split_off(input: &Input) -> Case {
    let mut websocket_codec = websocket_codec::MessageCodec::server();
    let mut yawc_decoder = yawc::codec::Decoder::new(yawc::Role::Server, 4096);
    let contenders = vec![
        by_frame("split_to, freeze", Kind::Floor, input, |buffer| buffer.split().freeze(), |_| Ok((0, ""))),
        by_frame(
            "websocket-close, split off by hand",
            Kind::Ours,
            input,
            |buffer| {
                let Ok(Peek::Close(close)) = wire::peek(Role::Server, buffer) else { return Err(()) };
                let len = close.frame_len();
                let frame = close.decode().map_err(|_| ())?;
                let (code, payload_len) = (frame.code().map_or(0, Into::into), frame.payload_len());
                let mut payload = buffer.split_to(len);
                payload.advance(len - payload_len);
                Ok((code, payload.freeze()))
            },
            read_bytes,
        ),
        by_frame(
            "by hand",
            Kind::Hand,
            input,
            |buffer| {
                let payload = unmask_by_hand(buffer, unmask_bytewise)?;
                let (len, (code, _)) = (payload.len(), check_by_hand(payload)?);
                let mut payload = buffer.split_to(PAYLOAD + len);
                payload.advance(PAYLOAD);
                Ok((code, payload.freeze()))
            },
            read_bytes,
        ),
        by_frame(
            "websocket-codec, check by hand",
            Kind::Pieces,
            input,
            move |buffer| match websocket_codec.decode(buffer) {
                Ok(Some(message)) if message.opcode() == websocket_codec::Opcode::Close => {
                    let (code, _) = check_by_hand(message.data())?;
                    Ok((code, message.into_data()))
                }
                _ => Err(()),
            },
            read_bytes,
        ),
        by_frame(
            "yawc",
            Kind::Pieces,
            input,
            move |buffer| match yawc_decoder.decode(buffer) {
                Ok(Some(frame)) if frame.opcode() == yawc::OpCode::Close => {
                    let (code, _) = check_yawc(frame.payload())?;
                    Ok((code, frame.into_payload()))
                }
                _ => Err(()),
            },
            read_bytes,
        ),
        by_frame(
            "tungstenite, mask by hand",
            Kind::Pieces,
            input,
            |buffer| {
                let mut cursor = Cursor::new(&buffer[..]);
                let (header, len) = tungstenite::FrameHeader::parse(&mut cursor).ok().flatten().ok_or(())?;
                let start = usize::try_from(cursor.position()).map_err(|_| ())?;
                buffer.advance(start);
                let mut payload = buffer.split_to(usize::try_from(len).map_err(|_| ())?);
                unmask_bytewise(&mut payload, header.mask.ok_or(())?);
                let (code, _) = check_tungstenite(&payload)?;
                Ok((code, payload.freeze()))
            },
            read_bytes,
        ),
    ];
    Case::new("frame/split off", Delivers::Shared, input, contenders)
}

/// A masked frame taken out of a `BytesMut`, to a value that keeps nothing else alive.
fn copied(input: &Input) -> Case {
    let mut actix_codec = actix::Codec::new();
    let floor = {
        let mut copied = [0; 131];
        move |buffer: &mut BytesMut| {
            let len = buffer.len();
            copied[..len].copy_from_slice(buffer);
            black_box(&copied);
            buffer.advance(len);
        }
    };
    let contenders = vec![
        by_frame("memcpy, advance", Kind::Floor, input, floor, |()| Ok((0, ""))),
        by_frame("websocket-close", Kind::Ours, input, take_ours, read_ours),
        by_frame(
            "actix-http, String",
            Kind::Peer,
            input,
            move |buffer| actix_codec.decode(buffer),
            |result| match result {
                Ok(Some(actix::Frame::Close(reason))) => read_actix(reason.as_ref()),
                _ => Err(()),
            },
        ),
        by_frame(
            "by hand, String",
            Kind::Hand,
            input,
            |buffer| {
                let payload = unmask_by_hand(buffer, unmask_bytewise)?;
                let len = PAYLOAD + payload.len();
                let result = check_by_hand(payload).map(own);
                buffer.advance(len);
                result
            },
            read_string,
        ),
    ];
    Case::new("frame/copied out", Delivers::Copied, input, contenders)
}

fn own((code, reason): (u16, &str)) -> (u16, String) {
    (code, reason.to_owned())
}

pub fn read_string(result: &Result<(u16, String), ()>) -> Answer<'_> {
    result.as_ref().map(|(code, reason)| (*code, reason.as_str())).map_err(|_| ())
}

pub fn read_bytes(result: &Result<(u16, Bytes), ()>) -> Answer<'_> {
    let (code, payload) = result.as_ref().map_err(|_| ())?;
    Ok((*code, payload.get(2..).map_or("", |reason| str::from_utf8(reason).expect("checked"))))
}

fn ours(payload: &[u8]) -> Answer<'_> {
    read_frame(CloseFrame::from_payload(payload))
}

pub fn read_frame<E>(result: Result<CloseFrame<'_>, E>) -> Answer<'_> {
    result.map(|frame| (frame.code().map_or(0, Into::into), frame.reason())).map_err(|_| ())
}

fn read_ours<E: Copy>(result: &Result<OwnedCloseFrame, E>) -> Answer<'_> {
    read_frame(result.as_ref().map(OwnedCloseFrame::as_frame))
}

fn take_ours(buffer: &mut BytesMut) -> Result<OwnedCloseFrame, wire::Error> {
    match wire::peek(Role::Server, buffer)? {
        Peek::Close(close) => {
            let len = close.frame_len();
            let owned = close.decode()?.into_owned();
            buffer.advance(len);
            Ok(owned)
        }
        _ => Err(wire::Error::Fragmented),
    }
}

pub fn read_actix(reason: Option<&actix::CloseReason>) -> Answer<'_> {
    Ok(reason.map_or((0, ""), |reason| (reason.code.into(), reason.description.as_deref().unwrap_or_default())))
}

/// What a user writes who has read the RFC.
pub fn check_by_hand(payload: &[u8]) -> Answer<'_> {
    match payload {
        [] => Ok((0, "")),
        [_] => Err(()),
        _ if payload.len() > 125 => Err(()),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(());
            }
            Ok((code, str::from_utf8(reason).map_err(|_| ())?))
        }
    }
}

pub fn unmask_bytewise(payload: &mut [u8], key: [u8; 4]) {
    for (index, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[index % 4];
    }
}

/// The header of a masked Close, checked as a server must, and the payload unmasked.
pub fn unmask_by_hand(buffer: &mut [u8], unmask: impl Fn(&mut [u8], [u8; 4])) -> Result<&mut [u8], ()> {
    let [0x88, second @ 0x80..=0xfd, k0, k1, k2, k3, rest @ ..] = buffer else { return Err(()) };
    let payload = rest.get_mut(..usize::from(*second & 0x7f)).ok_or(())?;
    unmask(payload, [*k0, *k1, *k2, *k3]);
    Ok(payload)
}

fn check_fastwebsockets(payload: &[u8]) -> Answer<'_> {
    match payload {
        [] => Ok((0, "")),
        [_] => Err(()),
        [high, low, reason @ ..] => {
            let code = fastwebsockets::CloseCode::from(u16::from_be_bytes([*high, *low]));
            let reason = simdutf8::basic::from_utf8(reason).map_err(|_| ())?;
            if code.is_allowed() { Ok((code.into(), reason)) } else { Err(()) }
        }
    }
}

fn check_tokio_websockets(payload: &[u8]) -> Answer<'_> {
    match payload {
        [] => Ok((0, "")),
        [_] => Err(()),
        [high, low, reason @ ..] => {
            let code = tokio_websockets::CloseCode::try_from(u16::from_be_bytes([*high, *low])).map_err(|_| ())?;
            if code.is_reserved() {
                return Err(());
            }
            Ok((code.into(), simdutf8::basic::from_utf8(reason).map_err(|_| ())?))
        }
    }
}

pub fn check_yawc(payload: &[u8]) -> Answer<'_> {
    match payload {
        [] => Ok((0, "")),
        [_] => Err(()),
        [high, low, reason @ ..] => {
            let code = yawc::close::CloseCode::from(u16::from_be_bytes([*high, *low]));
            let reason = str::from_utf8(reason).map_err(|_| ())?;
            if code.is_allowed() { Ok((code.into(), reason)) } else { Err(()) }
        }
    }
}

fn check_tungstenite(payload: &[u8]) -> Answer<'_> {
    match payload {
        [] => Ok((0, "")),
        [_] => Err(()),
        [high, low, reason @ ..] => {
            let code = tungstenite::coding::CloseCode::from(u16::from_be_bytes([*high, *low]));
            let reason = str::from_utf8(reason).map_err(|_| ())?;
            if code.is_allowed() { Ok((code.into(), reason)) } else { Err(()) }
        }
    }
}

//! Reads each case whole, byte by byte, and in two parts with every split, around three public codecs. The outcome is
//! always the same and the right one.

use actix_http::ws;
use bytes::BytesMut;
use close_interop::inner::Inner;
use close_interop::session::report;
use tokio_util::codec::Decoder as _;
use websocket_close::codec::{CloseCodec, Error, Message};
use websocket_close::{CloseCode, ClosingHandshake, Role};
use websocket_codec::MessageCodec;
use yawc::codec::Codec as YawcCodec;

/// The first byte and the payload of each frame.
type Frames = &'static [(u8, &'static [u8])];

/// What a peer sends, and what we read. `cut` bytes are missing at the end, and then `junk` follows.
struct Case {
    frames: Frames,
    cut: usize,
    junk: &'static [u8],
    /// What codecs that yield every frame give.
    frame_by_frame: &'static [&'static str],
    /// What a codec that reassembles messages gives.
    message_by_message: &'static [&'static str],
}

const fn case(frames: Frames, expected: &'static [&'static str]) -> Case {
    Case { frames, cut: 0, junk: b"", frame_by_frame: expected, message_by_message: expected }
}

const CASES: &[Case] = &[
    // Everything after a Close is discarded (1.4).
    Case {
        junk: b"\xff\xff\x88\x00\x81",
        ..case(
            &[(0x81, b"hi"), (0x89, b"p"), (0x82, &[7; 130]), (0x88, b"\x03\xe8bye")],
            &["text hi", "ping p", "binary of 130 bytes", "close 1000 bye"],
        )
    },
    Case {
        message_by_message: &["ping ", "text abc", "close 1005"],
        ..case(
            &[(0x01, b"a"), (0x89, b""), (0x00, b"b"), (0x80, b"c"), (0x88, b"")],
            &["text... a", "ping ", "more... b", "last c", "close 1005"],
        )
    },
    // A Close between fragments counts (5.4). The rest of the message is lost.
    Case {
        message_by_message: &["close 1001"],
        ..case(&[(0x01, b"a"), (0x88, b"\x03\xe9"), (0x80, b"b")], &["text... a", "close 1001"])
    },
    case(&[(0x88, b"\x0f\xa0"), (0x88, b"\x03\xe8")], &["close 4000"]),
    case(&[(0x81, b"hi"), (0x88, b"\x03\xed")], &["text hi", "fault 1002"]),
    case(&[(0x81, b"hi"), (0x88, b"\x03\xe8\xc3")], &["text hi", "fault 1007"]),
    case(&[(0x81, b"hi"), (0x88, b"\x03")], &["text hi", "fault 1002"]),
    case(&[(0x81, b"hi"), (0x08, b"\x03\xe8")], &["text hi", "fault 1002"]),
    case(&[(0x81, b"hi"), (0xc8, b"\x03\xe8")], &["text hi", "fault 1002"]),
    case(&[(0x81, b"hi"), (0x88, &[7; 126])], &["text hi", "fault 1002"]),
    // No codec accepts opcode 3, and nothing is read after an error.
    case(&[(0x81, b"hi"), (0x83, b""), (0x88, b"\x03\xe8")], &["text hi", "inner error"]),
    case(&[(0x81, b"hi")], &["text hi"]),
    Case { cut: 1, ..case(&[(0x81, b"hi"), (0x82, &[7; 130])], &["text hi", "cut short"]) },
    Case { cut: 1, ..case(&[(0x81, b"hi"), (0x88, b"\x03\xe8bye")], &["text hi", "cut short"]) },
    case(&[], &[]),
];

#[test]
fn every_split_gives_the_same_around_actix_http() {
    check::<ws::Codec>(|case| case.frame_by_frame);
}

#[test]
fn every_split_gives_the_same_around_websocket_codec() {
    check::<MessageCodec>(|case| case.message_by_message);
}

#[test]
fn every_split_gives_the_same_around_yawc() {
    check::<YawcCodec>(|case| case.frame_by_frame);
}

fn check<C: Inner>(expected: fn(&Case) -> &'static [&'static str]) {
    for local in [Role::Client, Role::Server] {
        for case in CASES {
            let bytes = bytes(local, case);
            let whole = read::<C>(local, &[&bytes]);
            assert_eq!(whole.0, expected(case), "{:?} as the {local:?}", case.frames);
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(read::<C>(local, &single), whole, "{:?} byte by byte, as the {local:?}", case.frames);
            for place in 0..=bytes.len() {
                let (front, back) = bytes.split_at(place);
                assert_eq!(
                    read::<C>(local, &[front, back]),
                    whole,
                    "{:?} split at {place}, as the {local:?}",
                    case.frames
                );
            }
        }
    }
}

/// What the peer of `local` sends. A client masks it.
fn bytes(local: Role, case: &Case) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (first, payload) in case.frames {
        let mask = if local == Role::Server { 0x80 } else { 0 };
        bytes.push(*first);
        match payload.len() {
            len @ 0..=125 => bytes.push(mask | u8::try_from(len).unwrap()),
            len => {
                bytes.push(mask | 0x7e);
                bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
        }
        if local == Role::Server {
            let key = [0x37, 0xfa, 0x21, 0x3d];
            bytes.extend(key);
            bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            bytes.extend(*payload);
        }
    }
    bytes.truncate(bytes.len() - case.cut);
    bytes.extend(case.junk);
    bytes
}

/// Reads `pieces` as `Framed` does, up to an error or the end.
fn read<C: Inner>(local: Role, pieces: &[&[u8]]) -> (Vec<String>, ClosingHandshake) {
    let codec = match local {
        Role::Client => CloseCodec::client(|| [0x12, 0x34, 0x56, 0x78]),
        Role::Server => CloseCodec::server(),
    };
    let mut codec = codec.wrap(C::new(local));
    let mut buffer = BytesMut::new();
    let mut lines = Vec::new();
    let pieces = pieces.iter().map(Some).chain([None]);
    'reading: for piece in pieces {
        buffer.extend_from_slice(piece.copied().unwrap_or_default());
        loop {
            let message = if piece.is_some() { codec.decode(&mut buffer) } else { codec.decode_eof(&mut buffer) };
            match message {
                Ok(None) => break,
                Ok(Some(Message::Other(item))) => lines.push(C::show(&item)),
                Ok(Some(Message::Close(close))) => {
                    let code = close.code().map_or(1005, CloseCode::get);
                    lines.push(format!("close {}", report(code, close.reason())));
                }
                // The stream has ended. Everything that still comes is discarded.
                Err(Error::Closed) => {
                    assert!(buffer.is_empty());
                    break;
                }
                Err(error) => {
                    lines.push(match (error.answer_code(), error) {
                        (Some(code), _) => format!("fault {}", code.get()),
                        (None, Error::Inner(_)) => "inner error".into(),
                        (None, Error::UnexpectedEof) => "cut short".into(),
                        (None, error) => error.to_string(),
                    });
                    break 'reading;
                }
            }
        }
    }
    (lines, codec.closing().clone())
}

//! `CloseCodec` on bare buffers: the result does not depend on how the bytes are cut, and an error leaves nothing in
//! the write buffer.
#![cfg(feature = "codec")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::fmt::Display;
use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::{BytesCodec, Decoder, Encoder};
use websocket_close::codec::{CloseCodec, Error, Message};
use websocket_close::wire::{self, Peek};
use websocket_close::{CloseCode, CloseFrame, DecodeError, Role, TransportAction};

#[allow(dead_code, reason = "these tests read vectors, but do not use `assert_verdict`")]
mod common;
use common::vectors;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn codec(local: Role) -> CloseCodec {
    match local {
        Role::Server => CloseCodec::server(),
        Role::Client => CloseCodec::client(|| KEY),
    }
}

/// A frame as an endpoint in the role `local` receives it.
fn frame(local: Role, byte0: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if local == Role::Server { 0x80 } else { 0 };
    let mut frame = vec![byte0];
    if let Ok(len @ ..=125) = u8::try_from(payload.len()) {
        frame.push(mask | len);
    } else {
        frame.push(mask | 0x7e);
        frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    }
    if local == Role::Server {
        frame.extend(KEY);
        frame.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ KEY[at % 4]));
    } else {
        frame.extend(payload);
    }
    frame
}

/// The header of a binary frame with a 64-bit length.
fn announcement(local: Role, len: u64) -> Vec<u8> {
    let mut header = vec![0x82, if local == Role::Server { 0xff } else { 0x7f }];
    header.extend(len.to_be_bytes());
    header
}

/// Byte 0, payload and length of the frame at the front, if the whole frame is there.
fn parse(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (len, mut at) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()), 10),
        len => (u64::from(len), 2),
    };
    let mut key = [0; 4];
    if second & 0x80 != 0 {
        key = bytes.get(at..at + 4)?.try_into().unwrap();
        at += 4;
    }
    let end = at.saturating_add(usize::try_from(len).unwrap());
    let payload = bytes.get(at..end)?.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
    Some((first, payload, end))
}

fn show(byte0: u8, payload: &[u8]) -> String {
    if payload == LONG {
        return format!("{byte0:02x} 200 times x");
    }
    format!("{byte0:02x} {}", String::from_utf8_lossy(payload))
}

/// Moves the whole buffer into its own store, and yields one frame a call from there.
#[derive(Default)]
struct Hoarder(Vec<u8>);

impl Decoder for Hoarder {
    type Item = Vec<String>;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Vec<String>>> {
        self.0.extend(src.split());
        Ok(parse(&self.0).map(|(byte0, payload, len)| {
            self.0.drain(..len);
            vec![show(byte0, &payload)]
        }))
    }
}

/// Takes all whole frames in one call, and leaves the rest.
struct Looper;

impl Decoder for Looper {
    type Item = Vec<String>;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Vec<String>>> {
        let mut frames = Vec::new();
        while let Some((byte0, payload, len)) = parse(src) {
            src.advance(len);
            frames.push(show(byte0, &payload));
        }
        Ok((!frames.is_empty()).then_some(frames))
    }
}

/// Leaves the fragments of a message in the buffer until the last one has come. Control frames between the fragments
/// come out after the message.
#[derive(Default)]
struct Reassembler(VecDeque<String>);

impl Decoder for Reassembler {
    type Item = Vec<String>;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Vec<String>>> {
        if let Some(control) = self.0.pop_front() {
            return Ok(Some(vec![control]));
        }
        let (mut at, mut message, mut controls) = (0, None, VecDeque::new());
        while let Some((byte0, payload, len)) = parse(&src[at..]) {
            at += len;
            match &mut message {
                None if byte0 & 0x08 != 0 => {
                    src.advance(at);
                    return Ok(Some(vec![show(byte0, &payload)]));
                }
                Some(_) if byte0 & 0x08 != 0 => {
                    controls.push_back(show(byte0, &payload));
                    continue;
                }
                None => message = Some((byte0 | 0x80, payload)),
                Some((_, whole)) => whole.extend(payload),
            }
            if byte0 & 0x80 != 0 {
                let (byte0, whole) = message.unwrap();
                src.advance(at);
                self.0 = controls;
                return Ok(Some(vec![show(byte0, &whole)]));
            }
        }
        Ok(None)
    }
}

/// Refuses all bytes.
struct Refuser;

impl Decoder for Refuser {
    type Item = Vec<String>;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Vec<String>>> {
        if src.is_empty() { Ok(None) } else { Err(io::Error::other("refused")) }
    }
}

fn show_close(frame: CloseFrame<'_>) -> String {
    format!("close {} {}", frame.code().map_or(0, CloseCode::get), frame.reason()).trim_end().to_owned()
}

/// The name and value of the fault, such as `ReservedBits(4)`. The place of bad UTF-8 is left out.
fn show_fault(error: wire::Error) -> String {
    let fault = match error {
        wire::Error::Payload(DecodeError::InvalidUtf8(_)) => "InvalidUtf8".into(),
        wire::Error::Payload(error) => format!("{error:?}"),
        error => format!("{error:?}"),
    };
    format!("error: {fault}")
}

fn show_error(error: Error<io::Error>) -> String {
    match error {
        Error::Wire(error) => show_fault(error),
        error => format!("error: {error:?}"),
    }
}

/// Feeds the pieces as `Framed` does, and returns what comes out: the items, and the Close or the error, if any.
fn feed<'a, C>(mut codec: CloseCodec<C>, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String>
where
    C: Decoder<Error = io::Error>,
    C::Item: IntoIterator<Item: Display>,
{
    let mut seen = Vec::new();
    let mut note = |item: Result<Option<Message<C::Item>>, Error<io::Error>>| match item {
        Ok(Some(Message::Close(frame))) => {
            seen.push(show_close(frame.as_frame()));
            true
        }
        Ok(Some(Message::Other(items))) => {
            seen.extend(items.into_iter().map(|item| item.to_string()));
            true
        }
        Ok(None) | Err(Error::Poisoned | Error::Closed) => false,
        Err(error) => {
            seen.push(show_error(error));
            false
        }
    };
    let mut buffer = BytesMut::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while note(codec.decode(&mut buffer)) {}
    }
    while note(codec.decode_eof(&mut buffer)) {}
    seen
}

/// The same for a codec without an inner codec. Its item type has no values.
fn feed_alone<'a>(local: Role, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    struct Nothing(websocket_close::codec::Discard);
    impl Decoder for Nothing {
        type Item = [String; 0];
        type Error = io::Error;
        fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<[String; 0]>> {
            self.0.decode(src).map(|item| item.map(|never| match never {}))
        }
    }
    feed(codec(local).wrap(Nothing(websocket_close::codec::Discard)), pieces)
}

/// Whole, byte by byte, and at every two-part split; under Miri, which is slow, at few.
fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut cuts = vec![vec![bytes], bytes.chunks(if cfg!(miri) { 7 } else { 1 }).collect()];
    cuts.extend((0..=bytes.len()).step_by(if cfg!(miri) { 97 } else { 1 }).map(|at| {
        let (left, right) = bytes.split_at(at);
        vec![left, right]
    }));
    cuts
}

struct Row {
    bytes: Vec<u8>,
    /// What comes before the end, frame by frame.
    frames: &'static [&'static str],
    /// The same from a codec that reassembles messages.
    messages: &'static [&'static str],
    last: &'static [&'static str],
}

const CUT_OFF: &[&str] = &["error: UnexpectedEof"];
const LONG: [u8; 200] = [b'x'; 200];
const LONG_SHOWN: &str = "82 200 times x";

fn rows(local: Role) -> Vec<Row> {
    let f = |byte0, payload: &[u8]| frame(local, byte0, payload);
    let close = f(0x88, b"\x03\xe9bye");
    let hi = f(0x81, b"hi");
    let row = |bytes: &[&[u8]], frames, messages, last| Row { bytes: bytes.concat(), frames, messages, last };
    let mut small_in_64_bits = announcement(local, 2);
    small_in_64_bits.extend(if local == Role::Server { &[0, 0, 0, 0, b'6', b'4'][..] } else { b"64" });

    vec![
        row(&[], &[], &[], &[]),
        row(&[&close], &[], &[], &["close 1001 bye"]),
        row(&[&f(0x88, b"")], &[], &[], &["close 0"]),
        // Frames before the Close come out. Data, a second Close and garbage behind it do not.
        row(
            &[&hi, &f(0x89, b""), &f(0x82, &LONG), &close, &hi, &f(0x88, b"\x03\xe8"), &[0xff; 20]],
            &["81 hi", "89 ", LONG_SHOWN],
            &["81 hi", "89 ", LONG_SHOWN],
            &["close 1001 bye"],
        ),
        row(&[&small_in_64_bits, &close], &["82 64"], &["82 64"], &["close 1001 bye"]),
        // Payloads that look like the start of a Close.
        row(
            &[&f(0x82, b"\x88\x00"), &f(0x8a, b"\x88"), &close],
            &["82 \u{fffd}\0", "8a \u{fffd}"],
            &["82 \u{fffd}\0", "8a \u{fffd}"],
            &["close 1001 bye"],
        ),
        // A Close between fragments, with and without control frames between them. The half message is dropped.
        row(&[&f(0x01, b"ha"), &close, &f(0x80, b"lf")], &["01 ha"], &[], &["close 1001 bye"]),
        row(
            &[
                &f(0x01, b"who"),
                &f(0x89, b"?"),
                &f(0x80, b"le"),
                &f(0x02, b"ha"),
                &f(0x89, b"!"),
                &f(0x00, b"l"),
                &close,
            ],
            &["01 who", "89 ?", "80 le", "02 ha", "89 !", "00 l"],
            &["81 whole", "89 ?"],
            &["close 1001 bye"],
        ),
        // An end without a Close, between frames.
        row(&[&hi, &f(0x8a, b"")], &["81 hi", "8a "], &["81 hi", "8a "], &[]),
        // Cut off: inside a header, a payload, a Close.
        row(&[&hi, &f(0x81, b"cut")[..1]], &["81 hi"], &["81 hi"], CUT_OFF),
        row(&[&hi, &f(0x81, b"cut")[..4]], &["81 hi"], &["81 hi"], CUT_OFF),
        row(&[&hi, &announcement(local, i64::MAX as u64), &LONG], &["81 hi"], &["81 hi"], CUT_OFF),
        row(&[&hi, &close[..1]], &["81 hi"], &["81 hi"], CUT_OFF),
        row(&[&hi, &close[..close.len() - 1]], &["81 hi"], &["81 hi"], CUT_OFF),
        // A length whose top bit is set. Nobody can know where the next frame begins.
        row(
            &[&hi, &announcement(local, 1 << 63), &close, &hi],
            &["81 hi"],
            &["81 hi"],
            &["error: LengthTooLarge(9223372036854775808)"],
        ),
        row(
            &[&hi, &announcement(local, u64::MAX)],
            &["81 hi"],
            &["81 hi"],
            &["error: LengthTooLarge(18446744073709551615)"],
        ),
        // Malformed Closes.
        row(&[&hi, &f(0x08, b"\x03\xe8"), &close], &["81 hi"], &["81 hi"], &["error: Fragmented"]),
        row(&[&hi, &f(0xc8, b"\x03\xe8"), &close], &["81 hi"], &["81 hi"], &["error: ReservedBits(4)"]),
        row(&[&hi, &f(0x88, &LONG), &close], &["81 hi"], &["81 hi"], &["error: ExtendedLength(126)"]),
        row(&[&hi, &f(0x88, b"\x03"), &close], &["81 hi"], &["81 hi"], &["error: MissingByte"]),
        row(&[&hi, &f(0x88, b"\x03\xe8\xff"), &close], &["81 hi"], &["81 hi"], &["error: InvalidUtf8"]),
    ]
}

#[test]
fn the_result_does_not_depend_on_how_the_bytes_are_cut() {
    for local in [Role::Server, Role::Client] {
        for Row { bytes, frames, messages, last } in rows(local) {
            for pieces in cuts(&bytes) {
                let pieces = || pieces.iter().copied();
                assert_eq!(
                    feed_alone(local, pieces()),
                    last,
                    "alone, {pieces:?}",
                    pieces = pieces().collect::<Vec<_>>()
                );
                let (frames, messages) = ([frames, last].concat(), [messages, last].concat());
                assert_eq!(
                    feed(codec(local).wrap(Hoarder::default()), pieces()),
                    frames,
                    "hoarder, {local:?} {bytes:02x?}"
                );
                assert_eq!(feed(codec(local).wrap(Looper), pieces()), frames, "looper, {local:?} {bytes:02x?}");
                let seen = feed(codec(local).wrap(Reassembler::default()), pieces());
                assert_eq!(seen, messages, "reassembler, {local:?} {bytes:02x?}");
            }
        }
    }
}

/// What `wire` says about the frames in `bytes`. The codec must say the same.
fn verdict(local: Role, bytes: &[u8]) -> Vec<String> {
    let mut bytes = bytes.to_vec();
    loop {
        let cut_off = || CUT_OFF.iter().map(ToString::to_string).collect();
        let len = bytes.len();
        match wire::peek(local, &mut bytes) {
            Ok(Peek::Close(close)) => return vec![close.decode().map_or_else(show_fault, show_close)],
            Ok(Peek::NotClose(header)) => match header.frame_len.map(|len| usize::try_from(len).unwrap()) {
                Some(frame_len) if frame_len <= len => _ = bytes.drain(..frame_len),
                _ => return cut_off(),
            },
            Ok(Peek::Incomplete { .. }) if len == 0 => return vec![],
            Ok(Peek::Incomplete { .. }) => return cut_off(),
            Err(error) => return vec![show_fault(error)],
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "a quarter of a megabyte of JSON takes Miri minutes")]
fn vectors_and_captures_have_their_verdict_at_every_split() {
    let frames =
        vectors("level").into_iter().filter(|vector| vector["level"] == "frame").map(|vector| (vector, "server"));
    // A capture names the sender's role.
    let captures = vectors("call").into_iter().map(|capture| (capture, "client"));
    for (vector, role_of_a_server) in frames.chain(captures) {
        let bytes = hex::decode(vector["frame_hex"].as_str().unwrap()).unwrap();
        let local = if vector["role"] == role_of_a_server { Role::Server } else { Role::Client };
        let verdict = verdict(local, &bytes);
        for pieces in cuts(&bytes) {
            assert_eq!(feed_alone(local, pieces.iter().copied()), verdict, "{vector} {pieces:02x?}");
        }
        // Frames before and behind it change nothing, and neither does an inner codec.
        let bytes = [frame(local, 0x81, b"hi"), bytes, frame(local, 0x89, b"")].concat();
        for pieces in cuts(&bytes) {
            let seen = feed(codec(local).wrap(Looper), pieces.iter().copied());
            let others = |seen: &str| seen.starts_with("close") || seen.starts_with("error");
            let seen: Vec<_> = seen.into_iter().filter(|seen| others(seen)).collect();
            assert_eq!(seen, self::verdict(local, &bytes), "{vector} {pieces:02x?}");
        }
    }
}

#[test]
fn an_announced_length_reserves_no_memory() {
    for local in [Role::Server, Role::Client] {
        let mut codec = codec(local);
        let mut buffer = BytesMut::with_capacity(1024);
        buffer.extend_from_slice(&announcement(local, i64::MAX as u64));
        for _ in 0..if cfg!(miri) { 10 } else { 1000 } {
            assert!(codec.decode(&mut buffer).unwrap().is_none());
            assert!(buffer.is_empty() && buffer.capacity() <= 1024, "{}", buffer.capacity());
            buffer.extend_from_slice(&[0x88; 1024]);
        }
    }
}

#[test]
fn bytes_behind_the_close_are_dropped() {
    let mut codec = CloseCodec::client(|| KEY).wrap(Looper);
    let mut buffer = BytesMut::from(&b"\x88\x02\x03\xe8\x81\x02hi"[..]);
    assert!(matches!(codec.decode(&mut buffer), Ok(Some(Message::Close(_)))));
    assert!(buffer.is_empty());
    for _ in 0..3 {
        buffer.extend_from_slice(b"\x81\x02hi\x88\x7f");
        assert!(matches!(codec.decode(&mut buffer), Err(Error::Closed)));
        assert!(buffer.is_empty());
    }
    assert!(codec.decode_eof(&mut buffer).unwrap().is_none());
    // The first Close counts.
    assert_eq!(codec.closing().theirs(), Some(CloseFrame::from_static(1000, "")));
}

/// Asserts that `decode` and `decode_eof` only return `Poisoned` from now on, and drop the bytes.
#[track_caller]
fn assert_poisoned<C: Decoder<Error = io::Error>>(codec: &mut CloseCodec<C>) {
    for _ in 0..2 {
        let mut buffer = BytesMut::from(&b"\x81\x02hi\x88\x02\x03\xe8"[..]);
        assert!(matches!(codec.decode_eof(&mut buffer), Err(Error::Poisoned)));
        assert!(buffer.is_empty());
        let mut buffer = BytesMut::from(&b"\x81\x02hi\x88\x02\x03\xe8"[..]);
        assert!(matches!(codec.decode(&mut buffer), Err(Error::Poisoned)));
        assert!(buffer.is_empty());
    }
    assert_eq!(codec.closing().theirs(), None);
}

#[test]
fn every_kind_of_error_poisons_the_codec() {
    let wrong: [(&[u8], u16); 4] = [
        (b"\x88\x80", 1002),
        (b"\x88\x02\x03\xed", 1002),
        (b"\x88\x03\x03\xe8\xff", 1007),
        (b"\x82\x7f\x80\0\0\0\0\0\0\0", 1002),
    ];
    for (bytes, code) in wrong {
        let mut codec = CloseCodec::client(|| KEY).wrap(Looper);
        let mut buffer = BytesMut::from(bytes);
        let error = codec.decode(&mut buffer).unwrap_err();
        assert!(buffer.is_empty());
        assert_eq!(error.answer_code().map(CloseCode::get), Some(code));
        assert!(codec.closing().is_failed());
        assert_eq!(codec.closing().ours(), Some(CloseFrame::from_code(CloseCode::from_static(code))));
        assert_poisoned(&mut codec);

        // The same from `decode_eof`, without a `decode` before it.
        let mut codec = CloseCodec::client(|| KEY).wrap(Looper);
        assert!(matches!(codec.decode_eof(&mut BytesMut::from(bytes)), Err(Error::Wire(_))));
        assert_poisoned(&mut codec);
    }

    // An error of the inner codec. The caller chooses the Close to fail with.
    let mut codec = CloseCodec::client(|| KEY).wrap(Refuser);
    let error = codec.decode(&mut BytesMut::from(&b"\x81\x02hi"[..])).unwrap_err();
    assert!(matches!(error, Error::Inner(_)) && error.answer_code().is_none());
    assert!(!codec.closing().is_failed());
    assert_poisoned(&mut codec);
    // The same error in front of a Close, which is never seen.
    let mut codec = CloseCodec::client(|| KEY).wrap(Refuser);
    assert!(matches!(codec.decode(&mut BytesMut::from(&b"\x81\x02hi\x88\x00"[..])), Err(Error::Inner(_))));
    assert_poisoned(&mut codec);

    // Its error at the end of the transport, which comes between two fragments of a message.
    let mut codec = CloseCodec::client(|| KEY).wrap(Reassembler::default());
    assert!(matches!(codec.decode_eof(&mut BytesMut::from(&b"\x01\x02ha"[..])), Err(Error::Inner(_))));
    assert_poisoned(&mut codec);

    for cut_off in [&b"\x81"[..], b"\x81\x02h", b"\x88", b"\x88\x02\x03"] {
        let mut codec = CloseCodec::client(|| KEY).wrap(Looper);
        assert!(matches!(codec.decode_eof(&mut BytesMut::from(cut_off)), Err(Error::UnexpectedEof)));
        assert_poisoned(&mut codec);
    }

    let mut codec = CloseCodec::client(|| KEY).wrap(Looper);
    codec.fail(CloseFrame::from_static(1009, ""));
    assert_poisoned(&mut codec);
}

/// At the end of the transport, `Framed` calls only `decode_eof`. It yields every item and then the Close.
#[test]
fn decode_eof_alone_yields_everything() {
    let mut codec = CloseCodec::client(|| KEY).wrap(Hoarder::default());
    let mut buffer = BytesMut::from(&b"\x81\x02hi\x89\x00\x88\x02\x03\xe8"[..]);
    let mut items = Vec::new();
    while let Some(item) = codec.decode_eof(&mut buffer).unwrap() {
        items.push(item);
    }
    let other = |item: &str| Message::Other(vec![item.to_owned()]);
    assert_eq!(items, [other("81 hi"), other("89 "), Message::from(CloseFrame::from_static(1000, ""))]);
    assert!(codec.decode_eof(&mut buffer).unwrap().is_none());
    assert_eq!(codec.closing().transport(), TransportAction::Keep);
}

/// An inner codec may yield items in `decode_eof`. It is asked until it has no more.
#[test]
fn at_a_frame_boundary_the_inner_codec_may_yield_last_items() {
    struct Epilogue(u8);
    impl Decoder for Epilogue {
        type Item = Vec<String>;
        type Error = io::Error;
        fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Vec<String>>> {
            src.clear();
            Ok(None)
        }
        fn decode_eof(&mut self, _: &mut BytesMut) -> io::Result<Option<Vec<String>>> {
            self.0 += 1;
            Ok((self.0 <= 2).then(|| vec![format!("last {}", self.0)]))
        }
    }
    let seen = |bytes: &[u8]| feed(CloseCodec::client(|| KEY).wrap(Epilogue(0)), [bytes]);
    assert_eq!(seen(b""), ["last 1", "last 2"]);
    assert_eq!(seen(b"\x81\x02hi"), ["last 1", "last 2"]);
    // It is not asked inside a frame or behind a Close.
    assert_eq!(seen(b"\x81\x02h"), CUT_OFF);
    assert_eq!(seen(b"\x88\x00"), ["close 0"]);
}

/// An end is not always the last one: a file may grow.
#[test]
fn reading_can_go_on_after_an_end() {
    struct AtTheEnd;
    impl Decoder for AtTheEnd {
        type Item = Vec<String>;
        type Error = io::Error;
        fn decode(&mut self, _: &mut BytesMut) -> io::Result<Option<Vec<String>>> {
            Ok(None)
        }
        fn decode_eof(&mut self, src: &mut BytesMut) -> io::Result<Option<Vec<String>>> {
            Looper.decode(src)
        }
    }
    let mut codec = CloseCodec::client(|| KEY).wrap(AtTheEnd);
    let mut buffer = BytesMut::from(&b"\x81\x02hi"[..]);
    assert!(matches!(codec.decode_eof(&mut buffer), Ok(Some(Message::Other(_)))));
    buffer.extend_from_slice(CLOSE);
    assert!(matches!(codec.decode(&mut buffer), Ok(Some(Message::Close(_)))));
}

const PONG: &[u8] = b"\x8a\x02hi";
const DATA: &[u8] = b"\x82\x03abc";
const CLOSE: &[u8] = b"\x88\x02\x03\xe8";

/// A server's codec with an inner codec that writes bytes unchanged.
fn raw() -> CloseCodec<BytesCodec> {
    CloseCodec::server().wrap(BytesCodec::new())
}

fn write(codec: &mut CloseCodec<BytesCodec>, dst: &mut BytesMut, bytes: &[u8]) -> Result<(), Error<io::Error>> {
    codec.encode(Message::Other(Bytes::copy_from_slice(bytes)), dst)
}

fn close(
    codec: &mut CloseCodec<BytesCodec>,
    dst: &mut BytesMut,
    frame: CloseFrame<'_>,
) -> Result<(), Error<io::Error>> {
    codec.encode(Message::<Bytes>::from(frame), dst)
}

const GOODBYE: CloseFrame<'static> = CloseFrame::from_static(1000, "");

#[test]
fn after_our_close_only_control_frames_pass() {
    let (mut codec, mut dst) = (raw(), BytesMut::new());
    write(&mut codec, &mut dst, DATA).unwrap();
    close(&mut codec, &mut dst, GOODBYE).unwrap();
    write(&mut codec, &mut dst, PONG).unwrap();
    // A pong in two calls.
    write(&mut codec, &mut dst, &PONG[..1]).unwrap();
    write(&mut codec, &mut dst, &PONG[1..]).unwrap();
    let sent = [DATA, CLOSE, PONG, PONG].concat();
    assert_eq!(dst, sent);

    for data in [DATA, b"\x01\x00", b"\x80\x00", b"\x82", &[PONG, DATA].concat(), &[PONG, PONG, b"\x00\x00"].concat()] {
        assert!(matches!(write(&mut codec, &mut dst, data), Err(Error::DataAfterClose)), "{data:02x?}");
        assert_eq!(dst, sent);
    }
    assert!(matches!(close(&mut codec, &mut dst, GOODBYE), Err(Error::CloseAfterClose)));
    assert!(matches!(write(&mut codec, &mut dst, CLOSE), Err(Error::InnerClose)));
    assert_eq!(dst, sent);
    // What was refused leaves no trace, so the next frame begins in the right place.
    write(&mut codec, &mut dst, PONG).unwrap();
    // The same after the buffer was flushed, with an item that ends inside the refused frame.
    dst.clear();
    assert!(write(&mut codec, &mut dst, b"\x8a\x00\x82\x05a").is_err());
    write(&mut codec, &mut dst, PONG).unwrap();
    assert_eq!(dst, PONG);
}

#[test]
fn a_close_that_the_inner_codec_writes_is_refused() {
    let wrong: [&[u8]; 4] = [CLOSE, b"\x88\x02\x03\xed", b"\x08\x00", b"\x88"];
    for inner_close in wrong {
        for before in [&b""[..], DATA, PONG] {
            let (mut codec, mut dst) = (raw(), BytesMut::from(&b"unsent"[..]));
            let bytes = [before, inner_close].concat();
            assert!(matches!(write(&mut codec, &mut dst, &bytes), Err(Error::InnerClose)), "{bytes:02x?}");
            assert_eq!(dst, "unsent");
            assert_eq!(codec.closing().ours(), None);
            write(&mut codec, &mut dst, DATA).unwrap();
            close(&mut codec, &mut dst, GOODBYE).unwrap();
            assert_eq!(dst, [b"unsent", DATA, CLOSE].concat());
        }
    }
}

#[test]
fn a_close_inside_a_half_written_frame_is_refused() {
    for half in 1..DATA.len() {
        let (mut codec, mut dst) = (raw(), BytesMut::new());
        write(&mut codec, &mut dst, &DATA[..half]).unwrap();
        assert!(matches!(close(&mut codec, &mut dst, GOODBYE), Err(Error::CloseInsideFrame)));
        assert_eq!(dst, DATA[..half]);
        // The refused Close does not count as sent, and can be sent later.
        assert!(codec.closing().may_send_data());
        write(&mut codec, &mut dst, &DATA[half..]).unwrap();
        close(&mut codec, &mut dst, GOODBYE).unwrap();
        assert_eq!(dst, [DATA, CLOSE].concat());
    }
}

/// Behind a length with its top bit set, the next Close would be taken for payload.
#[test]
fn an_inner_length_with_its_top_bit_set_is_an_error() {
    let (mut codec, mut dst) = (raw(), BytesMut::new());
    let error = write(&mut codec, &mut dst, &announcement(Role::Client, 1 << 63)).unwrap_err();
    assert!(matches!(error, Error::InnerFrame(wire::Error::LengthTooLarge(0x8000_0000_0000_0000))));
    assert!(dst.is_empty());
    close(&mut codec, &mut dst, GOODBYE).unwrap();
    assert_eq!(dst, CLOSE);
}

/// If the inner encoder fails, the bytes that it appended are removed.
#[test]
fn a_failing_inner_encoder_leaves_no_bytes() {
    struct Half;
    impl Encoder<&'static [u8]> for Half {
        type Error = io::Error;
        fn encode(&mut self, item: &'static [u8], dst: &mut BytesMut) -> io::Result<()> {
            dst.extend_from_slice(item);
            if item == PONG { Ok(()) } else { Err(io::Error::other("no")) }
        }
    }
    let (mut codec, mut dst) = (CloseCodec::server().wrap(Half), BytesMut::new());
    codec.encode(Message::Other(PONG), &mut dst).unwrap();
    assert!(matches!(codec.encode(Message::Other(DATA), &mut dst), Err(Error::Inner(_))));
    codec.encode(Message::from(GOODBYE), &mut dst).unwrap();
    assert_eq!(dst, [PONG, CLOSE].concat());
}

/// After an error in reading, one Close can be written and nothing else.
#[test]
fn after_an_error_in_reading_only_one_close_is_written() {
    struct Refuser;
    impl Decoder for Refuser {
        type Item = ();
        type Error = io::Error;
        fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<()>> {
            if src.len() > 2 { Err(io::Error::other("no")) } else { Ok(None) }
        }
    }
    impl Encoder<&'static [u8]> for Refuser {
        type Error = io::Error;
        fn encode(&mut self, item: &'static [u8], dst: &mut BytesMut) -> io::Result<()> {
            dst.extend_from_slice(item);
            Ok(())
        }
    }
    // Bytes that the inner codec refuses, a frame that is cut off, and a malformed Close.
    for read in [&b"\x81\x02hi"[..], b"\x81", b"\x08"] {
        let (mut codec, mut dst) = (CloseCodec::client(|| KEY).wrap(Refuser), BytesMut::new());
        codec.encode(Message::Other(PONG), &mut dst).unwrap();
        codec.decode_eof(&mut BytesMut::from(read)).unwrap_err();
        assert!(matches!(codec.encode(Message::Other(PONG), &mut dst), Err(Error::Poisoned)), "{read:?}");
        assert_eq!(dst, PONG);
        codec.encode(Message::from(GOODBYE), &mut dst).unwrap();
        assert!(matches!(codec.encode(Message::from(GOODBYE), &mut dst), Err(Error::CloseAfterClose)));
        assert_eq!(dst.len(), PONG.len() + codec.closing().ours().unwrap().payload_len() + 6, "{read:?}");
    }
}

#[test]
fn the_answer_echoes_the_code_whatever_frame_is_given() {
    let given = CloseFrame::from_static(4000, "mine");
    // The payload of their Close, and our answer on the wire.
    let cases: [(&[u8], &[u8]); 2] = [(b"\x03\xe9bye", b"\x88\x02\x03\xe9"), (b"", b"\x88\x00")];
    for (theirs, answer) in cases {
        let (mut codec, mut dst) = (raw(), BytesMut::new());
        let mut src = BytesMut::from(&frame(Role::Server, 0x88, theirs)[..]);
        assert!(matches!(codec.decode(&mut src), Ok(Some(Message::Close(_)))));
        // A message that is being sent may be finished first.
        assert!(codec.closing().close_pending());
        write(&mut codec, &mut dst, DATA).unwrap();
        close(&mut codec, &mut dst, given).unwrap();
        assert_eq!(dst, [DATA, answer].concat());
        assert!(matches!(write(&mut codec, &mut dst, DATA), Err(Error::DataAfterClose)));
        assert!(matches!(close(&mut codec, &mut dst, given), Err(Error::CloseAfterClose)));
        assert_eq!(dst, [DATA, answer].concat());
        codec.mark_written();
        assert_eq!(codec.closing().transport(), TransportAction::End);
    }
}

/// cloudflare/workerd#6197: a proxy answers one peer with the answer of the other.
#[test]
fn the_answer_can_be_replaced_until_it_is_queued() {
    let given = CloseFrame::from_static(4002, "upstream");
    let (mut codec, mut dst) = (raw(), BytesMut::new());
    // No answer is due yet.
    codec.answer_with(given);
    assert!(codec.closing().is_open());
    codec.decode(&mut BytesMut::from(&frame(Role::Server, 0x88, b"\x03\xe8")[..])).unwrap();
    codec.answer_with(CloseFrame::from_static(4001, "not this one"));
    codec.answer_with(given);
    close(&mut codec, &mut dst, GOODBYE).unwrap();
    codec.answer_with(GOODBYE);
    assert_eq!(dst, frame(Role::Client, 0x88, b"\x0f\xa2upstream"));
    assert_eq!(codec.closing().ours().unwrap().code().unwrap(), 4002);
    codec.mark_written();
    assert!(codec.closing().is_clean());
}

#[test]
fn a_client_masks_with_its_key() {
    let (mut codec, mut dst) = (CloseCodec::client(|| KEY), BytesMut::new());
    codec.encode(Message::from(CloseFrame::from_static(1001, "bye")), &mut dst).unwrap();
    assert_eq!(dst, frame(Role::Server, 0x88, b"\x03\xe9bye"));

    let (mut codec, mut dst) = (CloseCodec::client(|| KEY), BytesMut::new());
    codec.decode(&mut BytesMut::from(&b"\x88\x05\x03\xe9bye"[..])).unwrap();
    codec.encode(Message::from(GOODBYE), &mut dst).unwrap();
    assert_eq!(dst, frame(Role::Server, 0x88, b"\x03\xe9"));
}

#[test]
fn closes_that_cross_answer_each_other() {
    let (mut codec, mut dst) = (raw(), BytesMut::new());
    close(&mut codec, &mut dst, GOODBYE).unwrap();
    codec.mark_written();
    assert_eq!(codec.closing().transport(), TransportAction::Keep);
    codec.decode(&mut BytesMut::from(&frame(Role::Server, 0x88, b"\x03\xe9")[..])).unwrap();
    assert_eq!(codec.closing().transport(), TransportAction::End);
    assert!(matches!(close(&mut codec, &mut dst, GOODBYE), Err(Error::CloseAfterClose)));
    assert_eq!(dst, CLOSE);
    assert_eq!(codec.closing().event().to_string(), "1001 (going away), clean");
}

#[test]
fn fail_writes_its_close_and_nothing_else() {
    let too_big = CloseFrame::from_static(1009, "");
    let (mut codec, mut dst) = (raw(), BytesMut::new());
    codec.fail(too_big);
    for bytes in [DATA, PONG] {
        assert!(matches!(write(&mut codec, &mut dst, bytes), Err(Error::Poisoned)));
    }
    close(&mut codec, &mut dst, GOODBYE).unwrap();
    assert_eq!(dst, &b"\x88\x02\x03\xf1"[..]);
    assert!(matches!(close(&mut codec, &mut dst, GOODBYE), Err(Error::CloseAfterClose)));

    // `fail` writes no second Close, and does nothing after their Close.
    let (mut codec, mut dst) = (raw(), BytesMut::new());
    close(&mut codec, &mut dst, GOODBYE).unwrap();
    codec.fail(too_big);
    assert!(close(&mut codec, &mut dst, GOODBYE).is_err());
    assert_eq!(dst, CLOSE);

    let mut codec = raw();
    codec.decode(&mut BytesMut::from(&frame(Role::Server, 0x88, b"\x03\xe8")[..])).unwrap();
    codec.fail(too_big);
    assert!(!codec.closing().is_failed());
    assert!(matches!(codec.decode(&mut BytesMut::from(&b"garbage"[..])), Err(Error::Closed)));
}

#[test]
fn mark_written_counts_only_a_close_that_was_queued() {
    let mut codec = raw();
    codec.decode(&mut BytesMut::from(&frame(Role::Server, 0x88, b"\x03\xe8")[..])).unwrap();
    // The answer is chosen but not in the buffer.
    codec.mark_written();
    assert!(!codec.closing().is_written());
    assert_eq!(codec.closing().event().to_string(), "1000 (normal closure), not clean");
    close(&mut codec, &mut BytesMut::new(), GOODBYE).unwrap();
    codec.mark_written();
    assert_eq!(codec.closing().event().to_string(), "1000 (normal closure), clean");
}

#[test]
fn inner_and_inner_mut_return_the_inner_codec() {
    let mut codec = CloseCodec::server().wrap(Hoarder(vec![1]));
    codec.inner_mut().0.push(2);
    assert_eq!(codec.inner().0, [1, 2]);
}

/// Wrapping a codec that is already in use keeps its state.
#[test]
fn wrapping_keeps_the_state() {
    let mut alone = CloseCodec::client(|| KEY);
    assert!(alone.decode(&mut BytesMut::from(&b"\x82\x03ab"[..])).unwrap().is_none());
    let mut codec = alone.wrap(Looper);
    let mut buffer = BytesMut::from(&b"\x88"[..]);
    // This is the last byte of that frame, not the start of a Close.
    assert!(matches!(codec.decode_eof(&mut buffer), Err(Error::Inner(_))));

    // Our Close is in the buffer. It is not sent again, and counts when it is written.
    let mut alone = CloseCodec::server();
    alone.encode(Message::from(GOODBYE), &mut BytesMut::new()).unwrap();
    let (mut codec, mut dst) = (alone.wrap(BytesCodec::new()), BytesMut::new());
    assert!(matches!(write(&mut codec, &mut dst, DATA), Err(Error::DataAfterClose)));
    assert!(matches!(close(&mut codec, &mut dst, GOODBYE), Err(Error::CloseAfterClose)));
    codec.mark_written();
    assert!(codec.closing().is_written());

    // Their Close has come. The rest is discarded.
    let mut alone = CloseCodec::client(|| KEY);
    alone.decode(&mut BytesMut::from(CLOSE)).unwrap();
    let mut codec = alone.wrap(Looper);
    assert!(matches!(codec.decode(&mut BytesMut::from(&b"\x81\x02hi"[..])), Err(Error::Closed)));
    assert_eq!(codec.closing().theirs(), Some(GOODBYE));
}

/// An inner codec may reserve room in every call, as tokio-util advises. That does not copy the bytes behind the Close.
#[test]
fn an_inner_codec_that_reserves_moves_few_bytes() {
    struct Reserving {
        moved: usize,
    }
    impl Decoder for Reserving {
        type Item = ();
        type Error = io::Error;
        fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<()>> {
            let (len, before) = (src.len(), src.as_ptr());
            src.reserve(1024);
            self.moved += if src.as_ptr() == before { 0 } else { len };
            Ok((!src.is_empty()).then(|| src.advance(2)))
        }
    }
    const PINGS: usize = 4096;
    let mut codec = CloseCodec::client(|| [0; 4]).wrap(Reserving { moved: 0 });
    let mut buffer = BytesMut::from(&[b"\x89\x00".repeat(PINGS), b"\x88\x00".to_vec(), vec![0; 10_000]].concat()[..]);
    for _ in 0..PINGS {
        assert!(matches!(codec.decode(&mut buffer), Ok(Some(Message::Other(())))));
    }
    assert!(matches!(codec.decode(&mut buffer), Ok(Some(Message::Close(_)))));
    // Bytes move when the buffer is split, and when a `BytesMut` moves its content to the front.
    assert!(codec.inner().moved <= 8 * PINGS, "{} bytes were moved", codec.inner().moved);
}

/// Takes one ping a call.
struct OneAtATime;

impl Decoder for OneAtATime {
    type Item = ();
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<()>> {
        Ok((!src.is_empty()).then(|| src.advance(2)))
    }
}

/// A program that hands in another buffer loses what was in the first one, and nothing else.
#[test]
fn another_buffer_loses_only_the_frames_that_were_not_taken() {
    let mut codec = CloseCodec::client(|| [0; 4]).wrap(OneAtATime);
    let mut buffer = BytesMut::from(&b"\x89\x00\x89\x00\x88\x00"[..]);
    assert!(matches!(codec.decode(&mut buffer), Ok(Some(Message::Other(())))));
    assert!(matches!(codec.decode(&mut BytesMut::new()), Ok(Some(Message::Close(_)))));
}

/// Bytes may arrive while the inner codec still has frames to take. They belong behind these frames.
#[test]
fn bytes_that_arrive_before_the_inner_codec_is_done_stay_in_order() {
    let (mut codec, mut buffer) = (CloseCodec::client(|| [0; 4]).wrap(OneAtATime), BytesMut::new());
    for piece in [&b"\x89\x00\x89\x00\x88"[..], b"\x05\x03"] {
        buffer.extend_from_slice(piece);
        assert!(matches!(codec.decode(&mut buffer), Ok(Some(Message::Other(())))));
    }
    buffer.extend_from_slice(b"\xe9bye");
    let Ok(Some(Message::Close(close))) = codec.decode(&mut buffer) else { panic!("no Close") };
    assert_eq!(close.as_frame(), CloseFrame::from_static(1001, "bye"));
}

#[test]
fn each_error_becomes_the_right_io_error() {
    let kind = |error: Error<io::Error>| io::Error::from(error).kind();
    assert_eq!(kind(Error::Io(io::ErrorKind::ConnectionReset.into())), io::ErrorKind::ConnectionReset);
    assert_eq!(kind(Error::Inner(io::ErrorKind::InvalidInput.into())), io::ErrorKind::InvalidInput);
    assert_eq!(kind(Error::Wire(wire::Error::Fragmented)), io::ErrorKind::InvalidData);
    assert_eq!(kind(Error::UnexpectedEof), io::ErrorKind::UnexpectedEof);
    assert_eq!(kind(Error::DataAfterClose), io::ErrorKind::Other);
    assert_eq!(kind(Error::CloseAfterClose), io::ErrorKind::Other);
    let error = io::Error::from(Error::Inner("?".parse::<u8>().unwrap_err()));
    assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::Other, "invalid digit found in string"));
}

/// Many codecs have a boxed error. `?` turns it into another boxed error, and into an I/O error.
#[test]
fn a_boxed_inner_error_is_passed_on_by_the_question_mark() {
    type Boxed = Box<dyn std::error::Error + Send + Sync>;
    struct Refuses;
    impl Decoder for Refuses {
        type Item = ();
        type Error = Boxed;
        fn decode(&mut self, _: &mut BytesMut) -> Result<Option<()>, Boxed> {
            Err("refused".into())
        }
    }
    fn decode<E: From<Error<Boxed>>>() -> Result<(), E> {
        CloseCodec::server().wrap(Refuses).decode(&mut BytesMut::new())?;
        Ok(())
    }
    assert_eq!(decode::<Boxed>().unwrap_err().to_string(), "refused");
    assert_eq!(decode::<io::Error>().unwrap_err().to_string(), "refused");
}

/// A decoder may consume a frame and return `None`. The frames behind it are not lost.
#[test]
fn an_inner_codec_may_drop_frames() {
    /// Drops one ping a call, and yields any other short frame.
    struct DropsPings;
    impl Decoder for DropsPings {
        type Item = Vec<String>;
        type Error = io::Error;
        fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Vec<String>>> {
            let Some((byte0, payload, len)) = parse(src) else { return Ok(None) };
            src.advance(len);
            Ok((byte0 != 0x89).then(|| vec![show(byte0, &payload)]))
        }
    }
    for local in [Role::Server, Role::Client] {
        let (ping, hi, close) =
            (frame(local, 0x89, b""), frame(local, 0x81, b"hi"), frame(local, 0x88, b"\x03\xe9bye"));
        let bytes = [&ping[..], &ping, &hi, &ping, &close].concat();
        for pieces in cuts(&bytes) {
            let seen = feed(codec(local).wrap(DropsPings), pieces.iter().copied());
            assert_eq!(seen, ["81 hi", "close 1001 bye"], "{pieces:02x?}");
        }
    }
}

/// If the inner codec has stored frames, it yields them before the Close comes out.
#[test]
fn items_that_the_inner_codec_has_stored_come_before_the_close() {
    for local in [Role::Server, Role::Client] {
        let mut codec = codec(local).wrap(Hoarder::default());
        let hi = frame(local, 0x81, b"hi");
        let mut src = BytesMut::from(&[&hi[..], &hi, &hi].concat()[..]);
        let item = Some(Message::Other(vec!["81 hi".to_owned()]));
        assert_eq!(codec.decode(&mut src).unwrap(), item);
        assert!(src.is_empty());
        src.extend_from_slice(&frame(local, 0x88, b"\x03\xe8"));
        assert_eq!(codec.decode(&mut src).unwrap(), item);
        assert_eq!(codec.decode(&mut src).unwrap(), item);
        assert_eq!(codec.decode(&mut src).unwrap(), Some(GOODBYE.into()));
    }
}

/// After the peer's Close every read returns `Closed`, which is not a failure.
#[test]
fn reads_after_their_close_return_closed() {
    let mut codec = raw();
    let mut src = BytesMut::from(&frame(Role::Server, 0x88, b"\x03\xe8")[..]);
    assert!(matches!(codec.decode(&mut src), Ok(Some(Message::Close(_)))));
    for _ in 0..2 {
        let error = codec.decode(&mut src).unwrap_err();
        assert!(error.is_closed() && error.answer_code().is_none());
    }
    assert!(codec.decode_eof(&mut src).unwrap().is_none());
    for error in [Error::Poisoned, Error::UnexpectedEof, Error::Inner(io::Error::other("no"))] {
        assert!(!error.is_closed());
    }
}

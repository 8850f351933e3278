//! Bugs and advisories of other stacks that are about Close frames. Each test is named after its source, feeds the
//! input that triggered the bug, and asserts what is right.
//!
//! These cannot apply here:
//! - `openclaw#100047` also cuts at other limits than 123. This crate has only that limit.
//! - `embedded-websocket#16` encodes into a buffer that is too small. Here the type of the buffer has room for any
//!   frame.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use websocket_close::wire::{self, Error, Peek, Scanner};
use websocket_close::{CloseCode, CloseEvent, CloseFrame, ClosingHandshake, DecodeError, Role};

#[cfg(feature = "codec")]
#[path = "common/transport.rs"]
mod transport;

/// Decodes a whole frame.
fn decode(local: Role, frame: &[u8]) -> Result<(Option<u16>, String), Error> {
    let mut frame = frame.to_vec();
    match wire::peek(local, &mut frame)? {
        Peek::Close(close) => {
            let frame = close.decode()?;
            Ok((frame.code().map(CloseCode::get), frame.reason().to_owned()))
        }
        other => panic!("{other:?} instead of a whole Close"),
    }
}

fn refused_with(payload: &[u8]) -> u16 {
    CloseFrame::from_payload(payload).unwrap_err().answer_code().get()
}

/// A client's frame.
fn masked(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let body = payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]);
    [0x88, 0x80 | u8::try_from(payload.len()).unwrap()].into_iter().chain(key).chain(body).collect()
}

#[test]
fn tetsuo_pulse_3479_cwist_157_bun_33691_a_body_of_one_byte() {
    assert_eq!(CloseFrame::from_payload(&[0x03]), Err(DecodeError::MissingByte));
    assert_eq!(refused_with(&[0x03]), 1002);
    let error = wire::peek(Role::Server, &mut [0x88, 0x81, 1, 2, 3, 4, 1]).unwrap_err();
    assert_eq!(error, Error::Payload(DecodeError::MissingByte));
}

#[test]
fn yawc_13_sonic_108_an_empty_body() {
    assert_eq!(decode(Role::Client, &[0x88, 0x00]), Ok((None, String::new())));
    let mut closing = ClosingHandshake::new(Role::Client);
    let answer = closing.receive(CloseFrame::from_payload(&[]).unwrap()).unwrap();
    assert_eq!(wire::encode(answer, None, &mut [0; 131]), [0x88, 0x00], "1005 is never on the wire");
    closing.mark_written();
    assert_eq!(closing.event().code(), 1005);
}

#[test]
fn bun_23832_a_payload_that_comes_in_two_parts() {
    let mut frame = [&[0x88, 0x18, 0x03, 0xe8][..], &[b'x'; 22]].concat();
    assert_eq!(frame.len(), 26);
    for cut in 0..frame.len() {
        assert!(matches!(wire::peek(Role::Client, &mut frame[..cut]), Ok(Peek::Incomplete { .. })), "{cut}");
    }
    assert_eq!(wire::peek(Role::Client, &mut frame[..14]), Ok(Peek::Incomplete { need: 12 }));
    assert_eq!(decode(Role::Client, &frame), Ok((Some(1000), "x".repeat(22))));
}

#[test]
fn ws_1916_code_22373() {
    let error = decode(Role::Server, &[0x88, 0x82, 0, 0, 0, 0, 0x57, 0x65]).unwrap_err();
    assert!(matches!(error, Error::Payload(DecodeError::InvalidCode(code)) if code.get() == 22_373));
    assert_eq!(error.answer_code(), CloseCode::PROTOCOL_ERROR);
}

#[test]
fn actix_web_4216_every_code_was_accepted_and_bad_utf8_echoed() {
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        assert_eq!(refused_with(&code.to_be_bytes()), 1002, "{code}");
    }
    assert_eq!(refused_with(b"\x03\xe8\xff\xfe"), 1007);
}

#[test]
fn ws_1868_a_cut_character_grew_into_a_replacement_character() {
    let payload = [&[0x03, 0xe8][..], &[b'a'; 121], &[0xef, 0xbf]].concat();
    assert_eq!(payload.len(), 125);
    assert_eq!(refused_with(&payload), 1007);
    assert_eq!(CloseEvent::observed(&payload).reason(), "");
}

#[test]
fn undici_3206_kaazing_307_a_bad_reason_crashed_or_was_echoed() {
    for reason in [&[0xff][..], &[0xc0, 0x80], &[0xed, 0xa0, 0x80], &[0xf4, 0x90, 0x80, 0x80]] {
        let error = CloseFrame::from_payload(&[&[0x03, 0xe8], reason].concat()).unwrap_err();
        assert_eq!(error.reply().write_payload(&mut [0; 125]), [0x03, 0xef], "{reason:x?}");
    }
}

#[test]
fn bun_30778_the_length_is_in_bytes_not_in_utf16_units() {
    for (reason, len) in [("\u{800}".repeat(42), 126), ("\u{80}".repeat(64), 128)] {
        assert!(reason.encode_utf16().count() <= 123);
        assert_eq!(CloseFrame::new(CloseCode::NORMAL_CLOSURE, &reason).unwrap_err().len(), len);
    }
}

#[test]
fn bun_32820_bun_30722_code_5000_and_a_reason_of_124_bytes() {
    assert_eq!(CloseCode::new(5000).unwrap_err().get(), 5000);
    assert!(CloseFrame::new(CloseCode::NORMAL_CLOSURE, &"R".repeat(124)).is_err());
    let longest = "R".repeat(123);
    let frame = CloseFrame::new(CloseCode::NORMAL_CLOSURE, &longest).unwrap();
    assert_eq!(frame.write_payload(&mut [0; 125])[2..], *longest.as_bytes());
}

#[test]
fn openclaw_100047_start_technologies_4015_truncation_inside_of_a_character() {
    let reason = format!("{}{}", "x".repeat(118), "\u{1f600}".repeat(5));
    let frame = CloseFrame::truncated(CloseCode::INTERNAL_ERROR, &reason);
    assert_eq!(frame.reason(), &reason[..122]);
}

#[test]
fn websocket_node_254_n8n_as_code_318_forwarding_1005_and_1006() {
    let ends = |received: Option<CloseFrame<'_>>| {
        let mut closing = ClosingHandshake::new(Role::Client);
        if let Some(frame) = received {
            let _answer = closing.receive(frame);
        }
        closing.event()
    };
    let empty = ends(Some(CloseFrame::EMPTY));
    assert_eq!((empty.code(), empty.to_frame()), (1005, Some(CloseFrame::EMPTY)));
    let lost = ends(None);
    assert_eq!((lost.code(), lost.to_frame()), (1006, None));
}

#[test]
fn netty_14118_a_close_between_fragments_of_a_message() {
    // The first half of a character, the Close, the second half.
    let mut stream = *b"\x01\x01\xc3\x88\x02\x03\xe8\x80\x01\xa9";
    let mut scanner = Scanner::new();
    assert_eq!(scanner.skip(&stream), Ok(3));
    assert_eq!(decode(Role::Client, &stream[3..]), Ok((Some(1000), String::new())));
    let Ok(Peek::Close(close)) = wire::peek(Role::Client, &mut stream[3..]) else { panic!() };
    let len = close.frame_len();
    close.decode().unwrap();
    assert_eq!(scanner.skip(&stream[3 + len..]), Ok(3));
    assert!(scanner.at_boundary());
}

/// Safe code cannot read memory that was never written. The crate's one `unsafe` expression, in `utf8.rs`, turns the
/// bytes of a slice into text without copying them. So it is enough to fill the buffers with other bytes, and to show
/// that each byte that is sent belongs to the frame.
#[test]
fn cve_2026_45736_ws_memory_that_was_never_written_was_sent() {
    for len in 0..=123 {
        let reason = "r".repeat(len);
        let frame = CloseFrame::new(CloseCode::GOING_AWAY, &reason).unwrap();
        let payload = [b"\x03\xe9", reason.as_bytes()].concat();
        assert_eq!(frame.write_payload(&mut [0xdd; 125]), payload);
        let mut buffer = [0xdd; 131];
        assert_eq!(wire::encode(frame, Some([0; 4]), &mut buffer), masked(&payload, [0; 4]));
        assert_eq!(wire::encode(frame, None, &mut [0xdd; 131])[2..], payload);
    }
    assert_eq!(wire::encode(CloseFrame::EMPTY, None, &mut [0xdd; 131]), [0x88, 0x00]);
}

#[test]
fn fastws_11_a_close_of_2_to_the_64_bytes() {
    let mut frame = [0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    for cut in 2..=frame.len() {
        assert_eq!(wire::peek(Role::Client, &mut frame[..cut]), Err(Error::ExtendedLength(127)));
    }
}

#[test]
fn cve_2026_27889_cve_2026_1528_cve_2020_13935_cve_2020_27813_the_top_bit_of_a_64_bit_length() {
    let mut data = *b"\x82\xff\x80\0\0\0\0\0\0\0mask1";
    assert_eq!(wire::peek(Role::Server, &mut data), Err(Error::LengthTooLarge(1 << 63)));
    assert_eq!(Scanner::new().skip(&data), Err(Error::LengthTooLarge(1 << 63)));
    let mut close = *b"\x88\xff\x80\0\0\0\0\0\0\0mask1";
    assert_eq!(wire::peek(Role::Server, &mut close), Err(Error::ExtendedLength(127)));
}

#[test]
fn baresip_re_1584_gpac_3860_a_length_that_wraps_when_4_is_added() {
    for len in [u64::MAX - 3, u64::MAX] {
        let mut frame = [&[0x82, 0xff][..], &len.to_be_bytes()].concat();
        assert_eq!(wire::peek(Role::Server, &mut frame), Err(Error::LengthTooLarge(len)));
        let mut scanner = Scanner::new();
        for (at, byte) in frame.iter().enumerate() {
            let expected = if at < 9 { Ok(1) } else { Err(Error::LengthTooLarge(len)) };
            assert_eq!(scanner.skip(&[*byte]), expected, "byte {at}");
        }
    }
    // The largest legal length does not wrap either.
    let mut longest = [&[0x82, 0xff][..], &(u64::MAX >> 1).to_be_bytes()].concat();
    let Ok(Peek::NotClose(header)) = wire::peek(Role::Server, &mut longest) else { panic!() };
    assert_eq!(header.frame_len, Some((1 << 63) - 1 + 14));
}

#[test]
fn fast_websocket_2_a_code_that_was_not_unmasked() {
    for key in [[0; 4], [0xff; 4], [1, 2, 3, 4], [0x03, 0xe8, 0x00, 0x80]] {
        let mut frame = masked(b"\x0f\xa1bye", key);
        let len = frame.len();
        assert_eq!(decode(Role::Server, &frame), Ok((Some(4001), "bye".to_owned())), "{key:x?}");
        for cut in 2..frame.len() {
            assert_eq!(wire::peek(Role::Server, &mut frame[..cut]), Ok(Peek::Incomplete { need: len - cut }));
        }
    }
}

#[test]
fn socketrocket_355_facil_io_169_masked_in_the_wrong_direction() {
    // Byte 1 is enough to refuse the frame. No payload is needed.
    assert_eq!(wire::peek(Role::Client, &mut [0x88, 0x82]), Err(Error::Masked));
    assert_eq!(wire::peek(Role::Server, &mut [0x88, 0x02]), Err(Error::Unmasked));
}

#[test]
fn tinymux_792_frames_after_the_close() {
    let mut closing = ClosingHandshake::new(Role::Server);
    assert!(closing.receive(CloseFrame::from_static(1000, "first")).is_some());
    assert_eq!(closing.receive(CloseFrame::from_static(4000, "second")), None);
    closing.mark_written();
    assert_eq!(closing.receive(CloseFrame::EMPTY), None);
    assert_eq!(closing.event().to_string(), r#"1000 (normal closure) "first", clean"#);
}

#[test]
fn cve_2025_5399_curl_a_loop_without_progress() {
    // If nothing is taken, the result says how many bytes are missing.
    let streams: [&[u8]; 4] = [b"\x88\x02\x03\xe8", b"\x88", b"\x81\x7f\0\0\0\0\0\0\x01\0", b"\x8a\x00\x88\x00"];
    for stream in streams {
        let mut scanner = Scanner::new();
        let mut stream = stream.to_vec();
        let mut rest = &mut stream[..];
        while !rest.is_empty() {
            let skipped = scanner.skip(rest).unwrap();
            rest = &mut rest[skipped..];
            let all = rest.is_empty();
            match wire::peek(Role::Client, rest) {
                _ if all => {}
                Ok(Peek::Close(close)) => {
                    let len = close.frame_len();
                    rest = &mut rest[len..];
                }
                Ok(Peek::Incomplete { need }) => {
                    assert!(need > 0);
                    break;
                }
                other => panic!("{other:?} without progress"),
            }
        }
    }
}

/// The bugs of codecs and of loops that drive a connection.
#[cfg(feature = "codec")]
mod codec {
    use std::io::{self, ErrorKind};
    use std::time::Duration;

    use bytes::{Bytes, BytesMut};
    use futures_util::SinkExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio_util::codec::{BytesCodec, Decoder, Encoder, Framed};
    use websocket_close::codec::{CloseCodec, Error, Message, Timeouts, finish};
    use websocket_close::{CloseFrame, Role};

    use super::transport::{Op, Wire};

    const GOODBYE: CloseFrame<'static> = CloseFrame::from_static(1000, "done");
    const KEY: [u8; 4] = [0x9c, 0x03, 0xe8, 0x81];

    /// Takes this many bytes at a time. Leaves fewer bytes in the buffer, as a codec does with a frame that is not
    /// whole.
    struct Takes(usize);

    impl Decoder for Takes {
        type Item = BytesMut;
        type Error = io::Error;

        fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<BytesMut>> {
            Ok((src.len() >= self.0).then(|| src.split_to(self.0)))
        }
    }

    #[test]
    fn nats_go_821_nats_server_2519_a_close_that_does_not_begin_the_buffer() {
        let payload = b"\x03\xe9bye";
        // The frame before it contains something like a Close, in its payload or in its key.
        let to_client = (b"\x82\x04\x88\x02\x03\xe8".to_vec(), [b"\x88\x05", &payload[..]].concat());
        let to_server = (b"\x81\x84\x88\x02\x03\xe8\xfc\x67\x7b\x9c".to_vec(), super::masked(payload, KEY));
        for (local, (data, close)) in [(Role::Client, to_client), (Role::Server, to_server)] {
            let stream = [&data[..], &close].concat();
            for cut in 0..=stream.len() {
                let codec = if local == Role::Client { CloseCodec::client(|| [0; 4]) } else { CloseCodec::server() };
                let mut codec = codec.wrap(Takes(data.len()));
                let mut buffer = BytesMut::new();
                let mut messages = Vec::new();
                for part in [&stream[..cut], &stream[cut..]] {
                    buffer.extend_from_slice(part);
                    while let Ok(Some(message)) = codec.decode(&mut buffer) {
                        messages.push(message);
                    }
                }
                let goodbye = CloseFrame::from_static(1001, "bye");
                let expected = [Message::Other(BytesMut::from(&data[..])), goodbye.into()];
                assert_eq!(messages, expected, "{local:?}, cut at {cut}");
            }
        }
    }

    #[test]
    fn rustsec_2022_0035_memory_for_a_length_that_is_only_announced() {
        for header in
            [&b"\x88\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"[..], b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", b"\x88\x7d"]
        {
            let mut buffer = BytesMut::with_capacity(16);
            buffer.extend_from_slice(header);
            let capacity = buffer.capacity();
            let _ = CloseCodec::client(|| [0; 4]).decode(&mut buffer);
            assert!(buffer.capacity() <= capacity, "{header:x?}");
        }
    }

    #[test]
    fn rustsec_2020_0043_ws_an_outgoing_buffer_without_bound() {
        let mut codec = CloseCodec::server();
        let mut out = BytesMut::new();
        for _ in 0..1000 {
            let mut buffer = BytesMut::from(&b"\x89\x80\0\0\0\0\x88\x80\0\0\0\0"[..]);
            while let Ok(Some(Message::Close(close))) = codec.decode(&mut buffer) {
                codec.encode(Message::Close(close), &mut out).unwrap();
            }
            assert!(buffer.is_empty());
        }
        assert_eq!(out, b"\x88\x00"[..]);
    }

    #[test]
    fn cve_2023_43669_tungstenite_work_that_grows_with_the_square_of_the_input() {
        // A message in small fragments. A codec that starts again at the front steps over each of them again.
        let stream = [&b"\x02\x01x"[..], &b"\0\x01x".repeat(9_999)].concat();
        // The inner codec leaves the message in the buffer until it is whole, or takes it fragment by fragment.
        for takes in [stream.len(), 3] {
            for part_len in [1, 100, stream.len()] {
                let mut codec = CloseCodec::client(|| [0; 4]).wrap(Takes(takes));
                let mut buffer = BytesMut::new();
                let mut taken = 0;
                for part in stream.chunks(part_len) {
                    buffer.extend_from_slice(part);
                    loop {
                        let message = codec.decode(&mut buffer).unwrap();
                        // If the codec looked at these bytes again, it would take them for a Close.
                        buffer.fill(0x88);
                        let Some(Message::Other(bytes)) = message else { break };
                        taken += bytes.len();
                    }
                }
                assert_eq!(taken, stream.len(), "{takes} bytes at a time, in parts of {part_len}");
                buffer.extend_from_slice(b"\x88\x02\x03\xe8");
                let close = codec.decode(&mut buffer).unwrap();
                assert_eq!(close, Some(CloseFrame::from_static(1000, "").into()));
            }
        }
    }

    #[test]
    fn undertow_1935_a_buffer_that_control_frames_leave_behind() {
        let mut codec = CloseCodec::client(|| [0; 4]);
        let mut buffer = BytesMut::with_capacity(64);
        for _ in 0..1_000_000 {
            buffer.extend_from_slice(b"\x8a\x02pp");
            assert!(codec.decode(&mut buffer).unwrap().is_none());
        }
        assert!(buffer.is_empty() && buffer.capacity() <= 64);
    }

    #[test]
    fn tinymux_792_frames_after_the_close_are_dropped() {
        let mut codec = CloseCodec::client(|| [0; 4]).wrap(BytesCodec::new());
        let mut buffer = BytesMut::from(&b"\x88\x02\x03\xe8\x81\x01a\x88\x02\x03\xe9"[..]);
        let Ok(Some(Message::Close(close))) = codec.decode(&mut buffer) else { panic!() };
        assert_eq!(close.as_frame(), CloseFrame::from_static(1000, ""));
        assert!(matches!(codec.decode(&mut buffer), Err(Error::Closed)));
    }

    #[test]
    fn tokio_tungstenite_67_tungstenite_405_data_after_the_close() {
        let mut codec = CloseCodec::server().wrap(BytesCodec::new());
        let mut out = BytesMut::new();
        codec.encode(Message::<Bytes>::from(GOODBYE), &mut out).unwrap();
        let text = Message::Other(Bytes::from_static(b"\x81\x01a"));
        assert!(matches!(codec.encode(text, &mut out), Err(Error::DataAfterClose)));
        assert_eq!(out, b"\x88\x06\x03\xe8done"[..]);
    }

    #[tokio::test(start_paused = true)]
    async fn tungstenite_405_an_answer_that_was_queued_but_never_flushed() {
        let (ours, mut theirs) = duplex(64);
        theirs.write_all(b"\x88\x82\0\0\0\0\x03\xe9").await.unwrap();
        let mut framed = Framed::new(ours, CloseCodec::server());
        let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT);
        let mut answer = [0; 4];
        let (finished, read) = tokio::join!(finished, theirs.read_exact(&mut answer));
        read.unwrap();
        assert_eq!(answer, *b"\x88\x02\x03\xe9");
        let event = finished.ending.event();
        assert_eq!((event.code(), event.was_clean()), (1001, true));
    }

    #[tokio::test(start_paused = true)]
    async fn bun_32681_the_end_of_reading_before_our_close_is_written() {
        let unmasked = b"\x88\x06\x03\xe8done".to_vec();
        let masked = super::masked(b"\x03\xe8done", KEY);
        for (codec, close) in [(CloseCodec::server(), unmasked), (CloseCodec::client(|| KEY), masked)] {
            // The pipe is too narrow for a whole Close, so most of it is written after the end was seen.
            let (ours, mut theirs) = duplex(3);
            theirs.shutdown().await.unwrap();
            let mut framed = Framed::new(ours, codec);
            framed.feed(GOODBYE.into()).await.unwrap();
            let finished = async move { finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await };
            let mut read = Vec::new();
            let (finished, end) = tokio::join!(finished, theirs.read_to_end(&mut read));
            end.unwrap();
            assert_eq!(read, close);
            assert_eq!(finished.ending.event().code(), 1006);
            assert!(finished.io_error.is_none());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn faye_58_beast_365_nim_websock_131_http_jl_865_waiting_for_ever_for_the_close() {
        let (ours, _silent) = duplex(64);
        let mut framed = Framed::new(ours, CloseCodec::client(|| [0; 4]));
        let begun = tokio::time::Instant::now();
        let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
        assert_eq!(finished.ending.event().code(), 1006);
    }

    #[tokio::test(start_paused = true)]
    async fn python_websockets_1487_waiting_for_ever_for_the_end_of_the_transport() {
        let (ours, mut theirs) = duplex(64);
        theirs.write_all(b"\x88\x02\x03\xe8").await.unwrap();
        let mut framed = Framed::new(ours, CloseCodec::client(|| [0; 4]));
        let begun = tokio::time::Instant::now();
        let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
        assert!(finished.ending.event().was_clean(), "both Closes were done");
        drop(theirs);
    }

    #[tokio::test(start_paused = true)]
    async fn python_websockets_1487_the_server_ends_the_transport_first() {
        let from_client = super::masked(b"\x03\xe8", KEY);
        let from_server = b"\x88\x02\x03\xe8".to_vec();
        // A server ends the transport at once, a client only when it has waited in vain.
        for (codec, close, seconds) in
            [(CloseCodec::server(), from_client, 0), (CloseCodec::client(|| KEY), from_server, 2)]
        {
            let (ours, mut theirs) = duplex(64);
            theirs.write_all(&close).await.unwrap();
            let finished = async { finish(&mut Framed::new(ours, codec), GOODBYE, Timeouts::DEFAULT).await };
            let begun = tokio::time::Instant::now();
            let end = async {
                theirs.read_to_end(&mut Vec::new()).await.unwrap();
                begun.elapsed()
            };
            let (finished, ended_after) = tokio::join!(finished, end);
            assert_eq!(ended_after, Duration::from_secs(seconds));
            assert!(finished.ending.event().was_clean());
        }
    }

    #[tokio::test]
    async fn curl_17957_an_empty_close_when_the_connection_had_gone() {
        let mut gone = Wire::alone(Role::Client);
        gone.fails = Box::new(|_, op| {
            Some(match op {
                Op::Read => ErrorKind::ConnectionReset,
                Op::Write | Op::Flush => ErrorKind::BrokenPipe,
                Op::Shutdown => ErrorKind::NotConnected,
            })
        });
        let mut framed = Framed::new(gone, CloseCodec::client(|| [0; 4]));
        let finished = finish(&mut framed, CloseFrame::EMPTY, Timeouts::DEFAULT).await;
        assert_eq!(finished.ending.event().code(), 1006);
        assert!(finished.io_error.is_some());
    }

    #[test]
    fn cve_2025_5399_curl_a_codec_without_progress() {
        let mut stream = &b"\x89\x01p\x81\x7e\x01\x00"[..];
        let mut codec = CloseCodec::client(|| [0; 4]);
        let mut buffer = BytesMut::new();
        while let Some((byte, rest)) = stream.split_first() {
            buffer.extend_from_slice(&[*byte]);
            // Each call gets one byte, takes it, and returns.
            assert!(codec.decode(&mut buffer).unwrap().is_none());
            assert!(buffer.is_empty());
            stream = rest;
        }
        assert!(matches!(codec.decode_eof(&mut buffer), Err(Error::UnexpectedEof)));
    }
}

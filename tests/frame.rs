//! Payloads of every length and with every code, decoded and encoded; reasons cut to fit; owned frames; errors with
//! their values.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::str;

use websocket_close::{
    CloseCode, CloseFrame, DecodeError, InvalidCloseFrame, MAX_PAYLOAD_LEN, MAX_REASON_LEN, OwnedCloseFrame,
    ReasonTooLong,
};

#[path = "common/stride.rs"]
mod stride;

use stride::STRIDE;

/// The codes that a Close frame may carry: RFC 6455, 7.4, and the IANA registry.
fn is_legal(code: u16) -> bool {
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].contains(&code)
        || code / 1000 == 3
        || code / 1000 == 4
}

/// A payload of `len` bytes: `code`, then letters.
fn payload(code: u16, len: usize) -> Vec<u8> {
    let letters = (b'a'..=b'z').cycle();
    code.to_be_bytes().into_iter().chain(letters).take(len).collect()
}

#[test]
fn the_limits_are_125_and_123_bytes() {
    assert_eq!((MAX_PAYLOAD_LEN, MAX_REASON_LEN), (125, 123));
}

#[test]
fn payloads_of_1_byte_or_more_than_125_are_refused() {
    for len in 0..=130 {
        let payload = payload(1000, len);
        let decoded = CloseFrame::from_payload(&payload);
        match len {
            0 => assert_eq!(decoded, Ok(CloseFrame::EMPTY)),
            1 => assert_eq!(decoded, Err(DecodeError::MissingByte)),
            2..=125 => {
                let frame = decoded.unwrap();
                assert_eq!(frame.code(), Some(CloseCode::NORMAL_CLOSURE));
                assert_eq!(frame.reason().as_bytes(), &payload[2..]);
                assert_eq!(frame.payload_len(), len);
            }
            _ => assert_eq!(decoded, Err(DecodeError::TooLong(len))),
        }
    }
    // Any single byte.
    for byte in 0..=u8::MAX {
        assert_eq!(CloseFrame::from_payload(&[byte]), Err(DecodeError::MissingByte));
    }
}

#[test]
fn exactly_the_legal_codes_are_accepted_at_every_length() {
    let mut payload = payload(0, 125);
    for code in (0..=u16::MAX).step_by(3 * STRIDE - 2) {
        payload[..2].copy_from_slice(&code.to_be_bytes());
        for len in (2..=125).step_by(STRIDE / 3 + 1) {
            match CloseFrame::from_payload(&payload[..len]) {
                Ok(frame) => {
                    assert!(is_legal(code), "{code}");
                    assert_eq!(frame.code().map(CloseCode::get), Some(code));
                    assert_eq!(frame.reason().len(), len - 2);
                }
                Err(DecodeError::InvalidCode(error)) => assert!(!is_legal(code) && error.get() == code, "{code}"),
                Err(error) => panic!("{code}, {len} bytes: {error}"),
            }
        }
    }
}

/// The checks are in this order: length, code, UTF-8.
#[test]
fn the_first_fault_is_reported() {
    let too_long = [[0x03, 0xed].as_slice(), &[0xff; 124]].concat();
    assert_eq!(CloseFrame::from_payload(&too_long), Err(DecodeError::TooLong(126)));
    let error = CloseFrame::from_payload(b"\x03\xed\xff").unwrap_err();
    assert_eq!(error, DecodeError::InvalidCode(CloseCode::new(1005).unwrap_err()));
    let error = CloseFrame::from_payload(b"\x03\xe8ok\xff").unwrap_err();
    assert!(matches!(error, DecodeError::InvalidUtf8(error) if error.valid_up_to() == 2), "{error}");
}

/// Every way to write a payload gives back the bytes that were decoded, and writes nothing behind them.
#[test]
fn a_decoded_payload_is_written_unchanged() {
    for len in (0..=125).step_by(STRIDE / 3 + 1).filter(|len| *len != 1) {
        let codes = (0..=u16::MAX).step_by(3 * STRIDE - 2).filter(|code| is_legal(*code));
        for code in codes.step_by(if len == 2 || cfg!(miri) { 1 } else { 97 }) {
            let payload = payload(code, len);
            let frame = CloseFrame::from_payload(&payload).unwrap();

            let mut dirty = [0xa5; 125];
            assert_eq!(frame.write_payload(&mut dirty), payload);
            assert!(dirty[len..].iter().all(|byte| *byte == 0xa5), "{code}, {len} bytes");

            let owned: OwnedCloseFrame = frame.into_owned();
            assert_eq!(owned.as_frame(), frame);
            assert_eq!(owned, OwnedCloseFrame::from(frame));
            assert_eq!(owned.clone().as_frame().write_payload(&mut [0xff; 125]), payload);

            #[cfg(feature = "bytes")]
            {
                let mut buffer = bytes::BytesMut::from("before");
                frame.put(&mut buffer);
                assert_eq!(buffer, [b"before", payload.as_slice()].concat());
                assert_eq!(frame.to_bytes(), payload);
            }

            if len >= 2 {
                let built = CloseFrame::new(frame.code().unwrap(), str::from_utf8(&payload[2..]).unwrap());
                assert_eq!(built, Ok(frame));
            }
        }
    }
}

#[cfg(feature = "bytes")]
#[test]
fn put_fills_a_slice_of_the_exact_length() {
    let mut array = [0xff; 6];
    let mut slice = array.as_mut_slice();
    CloseFrame::from_static(1000, "done").put(&mut slice);
    assert!(slice.is_empty());
    assert_eq!(&array, b"\x03\xe8done");
}

#[test]
fn to_array_works_in_a_const() {
    const EMPTY: [u8; 0] = CloseFrame::EMPTY.to_array();
    const CODE: [u8; 2] = CloseFrame::from_static(4999, "").to_array();
    const REASON: [u8; 10] = CloseFrame::from_static(1001, "até 再").to_array();
    assert!(EMPTY.is_empty());
    assert_eq!(CODE, [0x13, 0x87]);
    assert_eq!(REASON, *b"\x03\xe9at\xc3\xa9 \xe5\x86\x8d");
}

/// "the endpoint typically echos the status code it received" (RFC 6455, 5.5.1)
#[test]
fn a_reply_has_the_code_and_no_reason() {
    for code in (0..=u16::MAX).step_by(3 * STRIDE - 2).filter_map(|code| CloseCode::new(code).ok()) {
        let frame = CloseFrame::new(code, "why").unwrap();
        for reply in [frame.reply(), frame.into_owned().reply()] {
            assert_eq!((reply.code(), reply.reason()), (Some(code), ""));
        }
    }
    for reply in [CloseFrame::EMPTY.reply(), OwnedCloseFrame::default().reply()] {
        assert_eq!(reply, CloseFrame::EMPTY);
        assert_eq!(reply.code(), None);
    }
}

/// `from_parts` checks the code first, then the length of the reason.
#[test]
fn from_parts_refuses_illegal_codes_and_long_reasons() {
    let letters = "abcdefghijklmnopqrstuvwxyz".repeat(6);
    for code in (0..=u16::MAX).step_by(3 * STRIDE - 2) {
        for len in (0..=130).step_by(STRIDE / 8 + 1) {
            let reason = &letters[..len];
            match CloseFrame::from_parts(code, reason) {
                Ok(frame) => {
                    assert!(is_legal(code) && len <= 123, "{code}, {len} bytes");
                    assert_eq!((frame.code().map(CloseCode::get), frame.reason()), (Some(code), reason));
                }
                Err(InvalidCloseFrame::Code(error)) => assert!(!is_legal(code) && error.get() == code, "{code}"),
                Err(InvalidCloseFrame::Reason(error)) => {
                    assert!(is_legal(code) && len > 123 && error.len() == len, "{code}, {len} bytes");
                }
            }
        }
    }
    // The limit is in bytes, not in characters: 41 times 3 bytes fit, 42 times 3 bytes do not.
    assert!(CloseFrame::from_parts(1000, &"€".repeat(41)).is_ok());
    assert!(CloseFrame::from_parts(1000, &"€".repeat(42)).is_err());
}

/// This test also shows that `from_parts` works in a `const`.
#[test]
fn the_error_of_from_parts_tells_which_part_is_wrong() {
    const CODE: Result<CloseFrame<'_>, InvalidCloseFrame> = CloseFrame::from_parts(1006, "lost");
    let text = CODE.unwrap_err().to_string();
    assert!(text.contains("1006"), "{text}");
    let text = CloseFrame::from_parts(1000, &"r".repeat(124)).unwrap_err().to_string();
    assert!(text.contains("124") && text.contains("123"), "{text}");
}

/// `from_payload` finds the same fault in the bytes of the same parts.
#[test]
fn the_error_of_from_parts_becomes_the_error_of_from_payload() {
    let longest = "r".repeat(130);
    for code in (0..=u16::MAX).step_by(3 * STRIDE - 2) {
        for len in [0, 123, 124, 130] {
            let reason = &longest[..len];
            if let Err(error) = CloseFrame::from_parts(code, reason) {
                let payload = [code.to_be_bytes().as_slice(), reason.as_bytes()].concat();
                let expected = match error {
                    // `from_payload` would check the length first, so the reason is left out.
                    InvalidCloseFrame::Code(_) => CloseFrame::from_payload(&payload[..2]),
                    InvalidCloseFrame::Reason(_) => CloseFrame::from_payload(&payload),
                };
                assert_eq!(Err(DecodeError::from(error)), expected, "{code}, {len} bytes");
                assert_eq!(DecodeError::from(error).answer_code(), 1002);
            }
        }
    }
}

/// `unjudged` splits a payload as the RFC lays it out. It agrees with `from_payload` in everything but the code.
#[test]
fn unjudged_accepts_every_code() {
    let reasons: [&[u8]; 7] = [b"", b"why", "é€😀".as_bytes(), b"\xff", b"ok\xe2\x82", &[b'r'; 123], &[b'r'; 124]];
    for code in (0..=u16::MAX).step_by(3 * STRIDE - 2) {
        for reason in reasons {
            let payload = [code.to_be_bytes().as_slice(), reason].concat();
            let unjudged = CloseFrame::unjudged(&payload);
            let expected = match str::from_utf8(reason) {
                _ if payload.len() > 125 => Err(DecodeError::TooLong(payload.len())),
                Ok(reason) => Ok(Some((code, reason))),
                Err(error) => Err(DecodeError::InvalidUtf8(error)),
            };
            assert_eq!(unjudged, expected, "{payload:x?}");

            match CloseFrame::from_payload(&payload) {
                Ok(frame) => assert_eq!(unjudged, Ok(Some((frame.code().unwrap().get(), frame.reason())))),
                Err(DecodeError::InvalidCode(error)) => assert_eq!(error.get(), code),
                Err(error) => assert_eq!(unjudged, Err(error)),
            }
        }
    }
}

#[test]
fn unjudged_refuses_1_byte_or_more_than_125() {
    for len in 0..=300 {
        let payload = payload(0, len);
        let expected = match len {
            0 => Ok(None),
            1 => Err(DecodeError::MissingByte),
            2..=125 => Ok(Some((0, str::from_utf8(&payload[2..]).unwrap()))),
            _ => Err(DecodeError::TooLong(len)),
        };
        assert_eq!(CloseFrame::unjudged(&payload), expected);
    }
}

#[test]
fn a_reason_has_at_most_123_bytes() {
    for len in 0..=300 {
        let reason = "r".repeat(len);
        let built = CloseFrame::new(CloseCode::NORMAL_CLOSURE, &reason);
        if len <= 123 {
            assert_eq!(built.unwrap().reason(), reason);
        } else {
            let error: ReasonTooLong = built.unwrap_err();
            assert_eq!(error.len(), len);
            let text = error.to_string();
            assert!(text.contains(&len.to_string()) && text.contains("123"), "{text}");
        }
    }
    // The limit is in bytes, not in characters.
    assert_eq!(CloseFrame::new(CloseCode::NORMAL_CLOSURE, &"é".repeat(62)).unwrap_err().len(), 124);
}

/// Takes character by character, as long as the next one fits.
fn longest_prefix(reason: &str) -> String {
    let mut prefix = String::new();
    for character in reason.chars() {
        if prefix.len() + character.len_utf8() > 123 {
            break;
        }
        prefix.push(character);
    }
    prefix
}

#[test]
fn truncated_keeps_the_longest_prefix_of_whole_characters() {
    let widths = ["a", "\u{7f}", "\u{80}", "é", "\u{7ff}", "\u{800}", "€", "\u{ffff}", "\u{10000}", "😀", "\u{10ffff}"];
    let pairs = widths.iter().flat_map(|pad| widths.iter().map(move |wide| (pad, wide)));
    for (pad, wide) in pairs.step_by(STRIDE / 12 + 1) {
        for ahead in (0..=126).step_by(STRIDE / 8 + 1) {
            // `wide` is at every place around the limit, at the end of the text or before more text.
            for tail in ["", wide, "tail"] {
                let reason = format!("{}{wide}{wide}{tail}", pad.repeat(ahead));
                let frame = CloseFrame::truncated(CloseCode::TIMEOUT, &reason);
                assert_eq!(frame.reason(), longest_prefix(&reason));
                assert_eq!(frame.code(), Some(CloseCode::TIMEOUT));
            }
        }
    }
    assert_eq!(CloseFrame::truncated(CloseCode::TIMEOUT, "").reason(), "");
    // The reason is not copied.
    let reason = "a".repeat(1 << 20);
    assert_eq!(CloseFrame::truncated(CloseCode::TIMEOUT, &reason).reason().as_ptr(), reason.as_ptr());
}

/// "1007 indicates that an endpoint is terminating the connection because it has received data within a message that
/// was not consistent with the type of the message". All other faults get 1002. (RFC 6455, 7.4.1)
#[test]
fn every_error_knows_its_answer_code_and_tells_the_facts() {
    let bad_code = |code| DecodeError::InvalidCode(CloseCode::new(code).unwrap_err());
    let bad_utf8 = |reason: &[u8]| str::from_utf8(reason).unwrap_err();
    let (wrong, cut) = (bad_utf8(b"ab\xff"), bad_utf8(b"\xe2\x82"));
    for (error, answer, facts) in [
        (DecodeError::TooLong(126), 1002, ["126", "125"]),
        (DecodeError::MissingByte, 1002, ["one byte", "two"]),
        (bad_code(1005), 1002, ["1005", "no status received"]),
        (bad_code(5000), 1002, ["5000", "out of range"]),
        (DecodeError::InvalidUtf8(wrong), 1007, ["not UTF-8", &wrong.to_string()]),
        (DecodeError::InvalidUtf8(cut), 1007, ["not UTF-8", &cut.to_string()]),
    ] {
        let text = error.to_string();
        assert!(facts.iter().all(|fact| text.contains(fact)), "{text}");
        assert_eq!(error.answer_code().get(), answer, "{error}");
        assert_eq!((error.reply().code().map(CloseCode::get), error.reply().reason()), (Some(answer), ""), "{error}");
    }
}

#[test]
fn the_default_is_the_close_without_a_body() {
    assert_eq!(CloseFrame::default(), CloseFrame::EMPTY);
    assert_eq!(OwnedCloseFrame::default().as_frame(), CloseFrame::EMPTY);
    assert_eq!((OwnedCloseFrame::default().code(), OwnedCloseFrame::default().reason()), (None, ""));
}

#[test]
fn every_code_becomes_a_frame_without_a_reason() {
    for code in (0..=u16::MAX).step_by(3 * STRIDE - 2).filter_map(|code| CloseCode::new(code).ok()) {
        let (frame, owned) = (CloseFrame::from(code), OwnedCloseFrame::from(code));
        assert_eq!((frame.code(), frame.reason()), (Some(code), ""));
        assert_eq!((owned.code(), owned.reason()), (Some(code), ""));
        assert_eq!(frame.write_payload(&mut [0xff; 125]), code.get().to_be_bytes());
    }
}

#[test]
fn an_owned_frame_has_the_same_limit() {
    for character in ["a", "é", "€", "😀"] {
        for count in 0..=130 {
            let reason = character.repeat(count);
            match OwnedCloseFrame::new(CloseCode::TIMEOUT, &reason) {
                Ok(owned) => {
                    assert!(reason.len() <= 123);
                    assert_eq!((owned.code(), owned.reason()), (Some(CloseCode::TIMEOUT), reason.as_str()));
                    assert_eq!(owned.as_frame().reason(), reason);
                }
                Err(error) => assert!(reason.len() > 123 && error.len() == reason.len()),
            }
        }
    }
}

/// Borrowed and owned frames are compared in all four ways.
#[test]
fn frames_are_equal_if_code_and_reason_are() {
    let parts = [
        (None, ""),
        (Some(1000), ""),
        (Some(1001), ""),
        (Some(1000), "done"),
        (Some(1001), "done"),
        (Some(1000), "dona"),
        (Some(1000), "done "),
        (Some(1000), "é"),
        (Some(1000), "e\u{301}"),
    ];
    let frame = |(code, reason): (Option<u16>, &'static str)| {
        code.map_or(CloseFrame::EMPTY, |code| CloseFrame::from_static(code, reason))
    };
    for left in parts {
        for right in parts {
            let (expected, left, right) = (left == right, frame(left), frame(right));
            assert_eq!(left == right, expected, "{left} and {right}");
            assert_eq!(left == right.into_owned(), expected, "{left} and {right}");
            assert_eq!(left.into_owned() == right, expected, "{left} and {right}");
            assert_eq!(left.into_owned() == right.into_owned(), expected, "{left} and {right}");
        }
    }
}

#[test]
fn frames_have_these_sizes() {
    assert_eq!(size_of::<CloseFrame<'_>>(), 3 * size_of::<usize>());
    assert_eq!(size_of::<Option<CloseFrame<'_>>>(), size_of::<CloseFrame<'_>>());
    assert!(size_of::<OwnedCloseFrame>() <= 132);
}

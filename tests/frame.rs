//! Payloads of every length and with every code, decoded and encoded; reasons cut to fit; errors with their values.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::str;

use websocket_close::{
    CloseCode, CloseFrame, DecodeError, MAX_PAYLOAD_LEN, MAX_REASON_LEN, OwnedCloseFrame, ReasonTooLong,
};

/// The codes of RFC 6455, 7.4, and the IANA registry that may stand in a Close frame.
fn is_legal(code: u16) -> bool {
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].contains(&code)
        || code / 1000 == 3
        || code / 1000 == 4
}

/// A payload of `code` and so many letters that it has `len` bytes.
fn payload(code: u16, len: usize) -> Vec<u8> {
    let letters = (b'a'..=b'z').cycle();
    code.to_be_bytes().into_iter().chain(letters).take(len).collect()
}

#[test]
fn limits() {
    assert_eq!((MAX_PAYLOAD_LEN, MAX_REASON_LEN), (125, 123));
}

#[test]
fn every_length() {
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
    // Whatever the one byte is.
    for byte in 0..=u8::MAX {
        assert_eq!(CloseFrame::from_payload(&[byte]), Err(DecodeError::MissingByte));
    }
}

#[test]
fn every_code_at_every_length() {
    let mut payload = payload(0, 125);
    for code in 0..=u16::MAX {
        payload[..2].copy_from_slice(&code.to_be_bytes());
        for len in 2..=125 {
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

/// In the order of the bytes: length, code, UTF-8.
#[test]
fn the_first_fault_counts() {
    let too_long = [[0x03, 0xed].as_slice(), &[0xff; 124]].concat();
    assert_eq!(CloseFrame::from_payload(&too_long), Err(DecodeError::TooLong(126)));
    let error = CloseFrame::from_payload(b"\x03\xed\xff").unwrap_err();
    assert_eq!(error, DecodeError::InvalidCode(CloseCode::new(1005).unwrap_err()));
    let error = CloseFrame::from_payload(b"\x03\xe8ok\xff").unwrap_err();
    assert!(matches!(error, DecodeError::InvalidUtf8(error) if error.valid_up_to() == 2), "{error}");
}

/// Payload to frame to payload, and frame to payload to frame, with `write_payload`, an owned copy and `put`; nothing is written
/// behind the payload.
#[test]
fn encode_decode_both_ways() {
    for len in (0..=125).filter(|len| *len != 1) {
        for code in (0..=u16::MAX).filter(|code| is_legal(*code)).step_by(if len == 2 { 1 } else { 97 }) {
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
            }

            if len >= 2 {
                let built = CloseFrame::new(frame.code().unwrap(), str::from_utf8(&payload[2..]).unwrap());
                assert_eq!(built, Ok(frame));
            }
        }
    }
}

/// A `BufMut` of exactly the length is enough.
#[cfg(feature = "bytes")]
#[test]
fn put_into_a_slice() {
    let mut array = [0xff; 6];
    let mut slice = array.as_mut_slice();
    CloseFrame::from_static(1000, "done").put(&mut slice);
    assert!(slice.is_empty());
    assert_eq!(&array, b"\x03\xe8done");
}

#[test]
fn statics() {
    const EMPTY: [u8; 0] = CloseFrame::EMPTY.to_array();
    const CODE: [u8; 2] = CloseFrame::from_static(4999, "").to_array();
    const REASON: [u8; 10] = CloseFrame::from_static(1001, "até 再").to_array();
    assert!(EMPTY.is_empty());
    assert_eq!(CODE, [0x13, 0x87]);
    assert_eq!(REASON, *b"\x03\xe9at\xc3\xa9 \xe5\x86\x8d");
}

#[test]
fn replies() {
    for code in (0..=u16::MAX).filter_map(|code| CloseCode::new(code).ok()) {
        let reply = CloseFrame::new(code, "why").unwrap().reply();
        assert_eq!((reply.code(), reply.reason()), (Some(code), ""));
    }
    assert_eq!(CloseFrame::EMPTY.reply(), CloseFrame::EMPTY);
    assert_eq!(CloseFrame::EMPTY.reply().code(), None);
}

#[test]
fn reasons_too_long() {
    for len in 0..=300 {
        let reason = "r".repeat(len);
        let built = CloseFrame::new(CloseCode::NORMAL_CLOSURE, &reason);
        if len <= 123 {
            assert_eq!(built.unwrap().reason(), reason);
        } else {
            let error: ReasonTooLong = built.unwrap_err();
            assert_eq!(error.len(), len);
            assert_eq!(error.to_string(), format!("the reason has {len} bytes, a Close frame takes at most 123"));
        }
    }
    // Bytes, not characters.
    assert_eq!(CloseFrame::new(CloseCode::NORMAL_CLOSURE, &"é".repeat(62)).unwrap_err().len(), 124);
}

/// Character by character, as long as the next one fits.
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
fn truncated() {
    let widths = ["a", "\u{7f}", "\u{80}", "é", "\u{7ff}", "\u{800}", "€", "\u{ffff}", "\u{10000}", "😀", "\u{10ffff}"];
    for (pad, wide) in widths.iter().flat_map(|pad| widths.iter().map(move |wide| (pad, wide))) {
        for ahead in 0..=126 {
            // `wide` stands at every place around the limit, at the end of the text and before more of it.
            for tail in ["", wide, "tail"] {
                let reason = format!("{}{wide}{wide}{tail}", pad.repeat(ahead));
                let frame = CloseFrame::truncated(CloseCode::TIMEOUT, &reason);
                assert_eq!(frame.reason(), longest_prefix(&reason));
                assert_eq!(frame.code(), Some(CloseCode::TIMEOUT));
            }
        }
    }
    assert_eq!(CloseFrame::truncated(CloseCode::TIMEOUT, "").reason(), "");
    // No copy.
    let reason = "a".repeat(1 << 20);
    assert_eq!(CloseFrame::truncated(CloseCode::TIMEOUT, &reason).reason().as_ptr(), reason.as_ptr());
}

#[test]
fn errors() {
    let bad_code = |code| DecodeError::InvalidCode(CloseCode::new(code).unwrap_err());
    let bad_utf8 = |reason: &[u8]| str::from_utf8(reason).unwrap_err();
    let (wrong, cut) = (bad_utf8(b"ab\xff"), bad_utf8(b"\xe2\x82"));
    for (error, answer, text) in [
        (DecodeError::TooLong(126), 1002, "the payload has 126 bytes, a control frame takes at most 125"),
        (DecodeError::MissingByte, 1002, "the payload has one byte, a status code has two"),
        (bad_code(1005), 1002, "status code 1005 (no status rcvd) may not stand in a Close frame"),
        (bad_code(5000), 1002, "status code 5000 (out of range) may not stand in a Close frame"),
        (DecodeError::InvalidUtf8(wrong), 1007, &format!("the reason is not UTF-8: {wrong}")),
        (DecodeError::InvalidUtf8(cut), 1007, &format!("the reason is not UTF-8: {cut}")),
    ] {
        assert_eq!(error.to_string(), text);
        assert_eq!(error.close_code().get(), answer, "{error}");
        assert_eq!((error.reply().code().map(CloseCode::get), error.reply().reason()), (Some(answer), ""), "{error}");
    }
}

#[test]
fn display() {
    assert_eq!(CloseFrame::EMPTY.to_string(), "no status code");
    assert_eq!(CloseFrame::from_static(1000, "").to_string(), "1000 (normal closure)");
    assert_eq!(CloseFrame::from_static(4001, "até logo").to_string(), r#"4001 (private use) "até logo""#);
    assert_eq!(
        CloseFrame::from_static(1000, "a\n\x1b[2J\"\\").to_string(),
        r#"1000 (normal closure) "a\n\u{1b}[2J\"\\""#
    );
    let frame = CloseFrame::from_static(1001, "bye");
    assert_eq!(frame.into_owned().to_string(), frame.to_string());
    assert_eq!(format!("{frame:?}"), r#"CloseFrame { code: Some(CloseCode(1001, "Going Away")), reason: "bye" }"#);
}

/// Nothing that moves a terminal's cursor, ends a line or turns the direction of writing comes out raw.
#[test]
fn display_escapes_what_does_not_print() {
    let controls = ('\0'..'\u{20}').chain('\u{7f}'..'\u{a0}');
    let separators = '\u{2028}'..='\u{2029}';
    let directions = ('\u{200e}'..='\u{200f}').chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
    for character in controls.chain(separators).chain(directions) {
        let reason = character.to_string();
        let frame = CloseFrame::new(CloseCode::NORMAL_CLOSURE, &reason).unwrap();
        let owned = frame.into_owned();
        for text in [frame.to_string(), format!("{frame:?}"), owned.to_string(), format!("{owned:?}")] {
            assert!(!text.contains(character), "{text}");
        }
    }
}

#[test]
fn sizes() {
    assert_eq!(size_of::<CloseFrame<'_>>(), 3 * size_of::<usize>());
    assert_eq!(size_of::<Option<CloseFrame<'_>>>(), size_of::<CloseFrame<'_>>());
    assert!(size_of::<OwnedCloseFrame>() <= 132);
}

#[test]
fn debug_shows_code_and_reason() {
    let frame = CloseFrame::from_static(1001, "see \n you");
    let fields = r#"{ code: Some(CloseCode(1001, "Going Away")), reason: "see \n you" }"#;
    assert_eq!(format!("{frame:?}"), format!("CloseFrame {fields}"));
    assert_eq!(format!("{:?}", frame.into_owned()), format!("OwnedCloseFrame {fields}"));
}

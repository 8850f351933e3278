//! Headers, masks and cuts: every two-byte header, every split point, faults at the first byte that proves them, and the scanner
//! over streams that are cut in every place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use websocket_close::wire::{self, Error, MAX_FRAME_LEN, Peek, Scanner};
use websocket_close::{CloseCode, CloseFrame, DecodeError, Role};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

const KEYS: [[u8; 4]; 4] = [[0x37, 0xfa, 0x21, 0x3d], [0, 0, 0, 0], [0xff; 4], [1, 2, 3, 4]];

/// The masking keys with which a frame comes to `local`: a server gets masked ones only, a client none.
fn keys(local: Role) -> Vec<Option<[u8; 4]>> {
    match local {
        Role::Client => vec![None],
        Role::Server => KEYS.map(Some).to_vec(),
    }
}

/// A Close frame by RFC 6455, 5.2 and 5.3.
fn close(key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap();
    match key {
        None => [&[0x88, len], payload].concat(),
        Some(key) => {
            let masked: Vec<u8> = payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
            [&[0x88, 0x80 + len], key.as_slice(), &masked].concat()
        }
    }
}

/// 4000 and letters, of all lengths that a valid payload can have.
fn payloads() -> impl Iterator<Item = Vec<u8>> {
    (0..=125)
        .filter(|len| *len != 1)
        .map(|len| [0x0f, 0xa0].into_iter().chain((b' '..=b'~').cycle()).take(len).collect())
}

#[test]
fn encode() {
    for payload in payloads() {
        let frame = CloseFrame::from_payload(&payload).unwrap();
        for key in KEYS.map(Some).into_iter().chain([None]) {
            let expected = close(key, &payload);
            let mut dirty = [0xa5; MAX_FRAME_LEN];
            assert_eq!(wire::encode(frame, key, &mut dirty), expected);
            // A second one over the first.
            assert_eq!(wire::encode(CloseFrame::EMPTY, key, &mut dirty), close(key, &[]));
            assert_eq!(wire::encode(frame, key, &mut dirty), expected);
        }
    }
    assert_eq!(MAX_FRAME_LEN, 131);
}

#[test]
fn statics() {
    const EMPTY: [u8; 2] = wire::to_array(CloseFrame::EMPTY);
    const BYE: [u8; 7] = wire::to_array(CloseFrame::from_static(1001, "bye"));
    assert_eq!(EMPTY, *b"\x88\x00");
    assert_eq!(BYE, *b"\x88\x05\x03\xe9bye");
}

/// Whatever has come of a frame, `need` says what is missing; with all of it, and with bytes behind it, the result is the same.
#[test]
fn every_split_point() {
    for payload in payloads() {
        for local in ROLES {
            for key in keys(local) {
                let frame = close(key, &payload);
                for cut in 0..frame.len() {
                    // The length is known from byte 1 on.
                    let need = if cut < 2 { 2 - cut } else { frame.len() - cut };
                    assert_eq!(
                        wire::peek(local, &frame[..cut]),
                        Ok(Peek::Incomplete { need }),
                        "{frame:02x?} cut at {cut}"
                    );
                }
                for behind in [&[][..], &[0x88], &[0x89, 0x00, 0xff], &[0xee; 200]] {
                    let mut bytes = [frame.as_slice(), behind].concat();
                    let Ok(Peek::Close(header)) = wire::peek(local, &bytes) else { panic!("{frame:02x?} is whole") };
                    assert_eq!(header.frame_len(), frame.len());
                    assert_eq!(header.decode(&mut bytes), CloseFrame::from_payload(&payload));
                    assert_eq!(&bytes[frame.len()..], behind);
                }
            }
        }
    }
}

/// What two header bytes mean, by the tables of RFC 6455, 5.2: the first digit of byte 0 is FIN and RSV, the second the opcode.
fn two_bytes(local: Role, first: u8, second: u8) -> Result<Peek, Error> {
    let (flags, opcode) = (first / 16, first % 16);
    let (masked, len) = (second >= 128, second % 128);
    let header_len = if masked { 6 } else { 2 };
    if opcode != 8 {
        return Ok(Peek::NotClose { frame_len: (len < 126).then_some(header_len + u64::from(len)) });
    }
    match (flags, local, masked, len) {
        (0..=7, ..) => Err(Error::Fragmented),
        (9..=15, ..) => Err(Error::ReservedBits(flags - 8)),
        (_, Role::Client, true, _) => Err(Error::Masked),
        (_, Role::Server, false, _) => Err(Error::Unmasked),
        (.., 126 | 127) => Err(Error::ExtendedLength(len)),
        (.., 1) => Err(Error::Payload(DecodeError::MissingByte)),
        (.., false, 0) => Ok(peek_empty()),
        (.., true, 0) => Ok(Peek::Incomplete { need: 4 }),
        (..) => Ok(Peek::Incomplete { need: if masked { 4 } else { 0 } + usize::from(len) }),
    }
}

/// A `Header` cannot be made by hand; this is that of `88 00`, pinned by `every_split_point`.
fn peek_empty() -> Peek {
    wire::peek(Role::Client, &[0x88, 0x00]).unwrap()
}

#[test]
fn every_two_byte_header() {
    for local in ROLES {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let header = [first, second];
                let expected = two_bytes(local, first, second);
                assert_eq!(wire::peek(local, &header), expected, "{local:?}, {header:02x?}");
                // To look twice is to look once.
                assert_eq!(wire::peek(local, &header), expected, "{local:?}, {header:02x?}");
            }
        }
    }
}

#[test]
fn every_one_byte_header() {
    for local in ROLES {
        for first in 0..=u8::MAX {
            let expected = match (first / 16, first % 16) {
                (8, 8) => Ok(Peek::Incomplete { need: 1 }),
                (0..=7, 8) => Err(Error::Fragmented),
                (flags, 8) => Err(Error::ReservedBits(flags - 8)),
                _ => Ok(Peek::NotClose { frame_len: None }),
            };
            assert_eq!(wire::peek(local, &[first]), expected, "{first:02x}");
        }
        assert_eq!(wire::peek(local, &[]), Ok(Peek::Incomplete { need: 2 }));
    }
}

/// No byte before the one that proves the fault is enough, and none behind it changes the verdict.
#[test]
fn faults_at_the_first_byte_that_proves_them() {
    use Role::{Client, Server};
    for (local, header, proof, error) in [
        (Client, &[0x08, 0x00][..], 1, Error::Fragmented),
        (Client, &[0x48, 0x00], 1, Error::Fragmented),
        (Client, &[0x78, 0xff], 1, Error::Fragmented),
        (Client, &[0xc8, 0x00], 1, Error::ReservedBits(4)),
        (Server, &[0xa8, 0x00], 1, Error::ReservedBits(2)),
        (Server, &[0x98, 0xff], 1, Error::ReservedBits(1)),
        (Server, &[0xf8, 0xff], 1, Error::ReservedBits(7)),
        (Client, &[0x88, 0x80, 1, 2, 3, 4], 2, Error::Masked),
        (Client, &[0x88, 0xff], 2, Error::Masked),
        (Server, &[0x88, 0x00], 2, Error::Unmasked),
        (Server, &[0x88, 0x01], 2, Error::Unmasked),
        (Client, &[0x88, 0x7e, 0x00, 0x02], 2, Error::ExtendedLength(126)),
        (Client, &[0x88, 0x7f, 0xff, 0xff], 2, Error::ExtendedLength(127)),
        (Server, &[0x88, 0xfe], 2, Error::ExtendedLength(126)),
        (Server, &[0x88, 0xff], 2, Error::ExtendedLength(127)),
        (Client, &[0x88, 0x01, 0x03], 2, Error::Payload(DecodeError::MissingByte)),
        (Server, &[0x88, 0x81, 1, 2, 3, 4, 5], 2, Error::Payload(DecodeError::MissingByte)),
        (Client, &[0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0], 10, Error::LengthTooLarge(1 << 63)),
        (Server, &[0x09, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 10, Error::LengthTooLarge(u64::MAX)),
    ] {
        let bytes = [header, &[0x5a; 150]].concat();
        for cut in 0..=bytes.len() {
            let peeked = wire::peek(local, &bytes[..cut]);
            if cut < proof {
                assert!(peeked.is_ok(), "{header:02x?} cut at {cut}");
            } else {
                assert_eq!(peeked, Err(error), "{header:02x?} cut at {cut}");
            }
        }
    }
}

/// A fault of the payload waits for the payload, and does not reach over the end of the frame.
#[test]
fn payload_faults() {
    for (payload, error) in [
        (&b"\x03\xed"[..], DecodeError::InvalidCode(CloseCode::new(1005).unwrap_err())),
        (b"\xff\xffwhy", DecodeError::InvalidCode(CloseCode::new(65535).unwrap_err())),
        (b"\x03\xe8\xe2\x82", CloseFrame::from_payload(b"\x03\xe8\xe2\x82").unwrap_err()),
    ] {
        for local in ROLES {
            for key in keys(local) {
                let frame = close(key, payload);
                // The next byte would make the last reason whole.
                let mut bytes = [frame.as_slice(), &[0xac]].concat();
                for cut in 2..frame.len() {
                    assert_eq!(wire::peek(local, &bytes[..cut]), Ok(Peek::Incomplete { need: frame.len() - cut }));
                }
                let Ok(Peek::Close(header)) = wire::peek(local, &bytes) else { panic!("{frame:02x?} is whole") };
                assert_eq!(header.decode(&mut bytes), Err(error));
            }
        }
    }
}

#[test]
fn decoding_less_than_was_seen_is_an_error() {
    for local in ROLES {
        let frame = close(keys(local)[0], b"\x03\xe8bye");
        for cut in 0..frame.len() {
            let Ok(Peek::Close(header)) = wire::peek(local, &frame) else { panic!() };
            assert_eq!(header.decode(&mut frame.clone()[..cut]), Err(DecodeError::MissingByte));
        }
    }
}

/// A frame of another kind: byte 0, the mask bit, the length form (7, 16 or 64 bits), and a payload of zeros.
fn other(first: u8, masked: bool, form: u8, len: u64) -> Vec<u8> {
    let mask_bit = if masked { 0x80 } else { 0 };
    let mut frame = match form {
        7 => vec![first, mask_bit + u8::try_from(len).unwrap()],
        16 => [&[first, mask_bit + 126], u16::try_from(len).unwrap().to_be_bytes().as_slice()].concat(),
        _ => [&[first, mask_bit + 127], len.to_be_bytes().as_slice()].concat(),
    };
    let payload = usize::try_from(len).unwrap() + if masked { 4 } else { 0 };
    // Bytes that look like a Close, so that one that is not stepped over is seen.
    frame.resize(frame.len() + payload, 0x88);
    frame
}

/// Frames with all opcodes but Close, and all length forms, the longer ones for short payloads too.
fn others() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for (form, len) in [(7, 0), (7, 1), (7, 125), (16, 0), (16, 126), (16, 300), (64, 0), (64, 2), (64, 70_000)] {
        for masked in [false, true] {
            frames.push(other(0x81, masked, form, len));
        }
    }
    for opcode in (0..16).filter(|opcode| *opcode != 8) {
        for flags in [0x00, 0x80, 0xf0] {
            frames.push(other(flags + opcode, true, 7, 3));
        }
    }
    frames
}

#[test]
fn other_frames_have_a_length() {
    for frame in others() {
        for local in ROLES {
            for cut in 0..frame.len().min(20) {
                let header_len = match frame[1] % 128 {
                    126 => 4,
                    127 => 10,
                    _ => 2,
                };
                let frame_len = (cut >= header_len).then_some(frame.len() as u64);
                let expected = if cut == 0 { Peek::Incomplete { need: 2 } } else { Peek::NotClose { frame_len } };
                assert_eq!(wire::peek(local, &frame[..cut]), Ok(expected), "{:02x?}", &frame[..cut]);
            }
        }
    }
}

/// Feeds `stream` in pieces of the sizes given, in turn; says how far the scanner came and holds `at_boundary` against `ends`.
fn scan(stream: &[u8], ends: &[usize], sizes: &[usize]) -> usize {
    let mut scanner = Scanner::new();
    assert!(scanner.at_boundary());
    let mut at = 0;
    for size in sizes.iter().cycle() {
        let piece = &stream[at..stream.len().min(at + size)];
        let skipped = scanner.skip(piece).unwrap();
        at += skipped;
        assert_eq!(scanner.at_boundary(), at == 0 || ends.binary_search(&at).is_ok(), "at {at}, pieces of {sizes:?}");
        if skipped < piece.len() {
            // It stands before a Close, and stays there.
            assert_eq!(scanner.skip(&stream[at..]), Ok(0));
            return at;
        }
        if at == stream.len() {
            return at;
        }
    }
    unreachable!("the sizes repeat")
}

/// A stream of `frames`, and where each of them ends.
fn stream(frames: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
    let ends = frames.iter().scan(0, |end, frame| {
        *end += frame.len();
        Some(*end)
    });
    (frames.concat(), ends.collect())
}

#[test]
fn the_scanner_stops_before_a_close_however_the_stream_is_cut() {
    let (others, ends) = stream(&others());
    for last in [&[][..], b"\x88", b"\x88\x02\x03\xe8", b"\x08\x00", b"\xf8\xff"] {
        let stream = [others.as_slice(), last].concat();
        for sizes in [&[1][..], &[2], &[3], &[7], &[1, 9], &[10], &[11, 13], &[4096], &[usize::MAX >> 1]] {
            assert_eq!(scan(&stream, &ends, sizes), others.len());
        }
    }
}

#[test]
fn the_scanner_at_every_cut_of_three_frames() {
    for frame in others().into_iter().filter(|frame| frame.len() < 400) {
        let (others, ends) = stream(&[other(0x89, false, 7, 0), frame, other(0x8a, true, 16, 1)]);
        let stream = [others.as_slice(), b"\x88\x00"].concat();
        for cut in 1..stream.len() {
            assert_eq!(scan(&stream, &ends, &[cut, stream.len()]), others.len());
        }
    }
}

/// An empty frame ends with its header, or with its masking key.
#[test]
fn the_boundary_after_an_empty_frame() {
    for (frame, form) in [
        (&b"\x89\x00"[..], "7"),
        (b"\x89\x80keys", "7, masked"),
        (b"\x81\x7e\0\0", "16"),
        (b"\x81\x7f\0\0\0\0\0\0\0\0", "64"),
    ] {
        let mut scanner = Scanner::new();
        for (at, byte) in (1..).zip(frame) {
            assert_eq!(scanner.skip(&[*byte]), Ok(1));
            assert_eq!(scanner.at_boundary(), at == frame.len(), "{form}, {at} bytes");
        }
        assert_eq!(scanner.skip(&[]), Ok(0));
        assert!(scanner.at_boundary());
    }
}

/// The largest length there is costs no memory and overflows nothing.
#[test]
fn the_longest_announcement() {
    for mask_bit in [0x00, 0x80] {
        let header = [0x82, 0x7f + mask_bit, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let frame_len = (1 << 63) - 1 + 10 + if mask_bit == 0 { 0 } else { 4 };
        assert_eq!(wire::peek(Role::Client, &header), Ok(Peek::NotClose { frame_len: Some(frame_len) }));

        let mut scanner = Scanner::new();
        for byte in header {
            assert_eq!(scanner.skip(&[byte]), Ok(1));
        }
        let closes = vec![0x88; 1 << 20];
        for _ in 0..64 {
            assert_eq!(scanner.skip(&closes), Ok(closes.len()));
            assert!(!scanner.at_boundary());
        }
    }
    assert!(size_of::<Scanner>() <= 32);
}

/// After a length that cannot be, nothing more is stepped over.
#[test]
fn the_scanner_repeats_its_error() {
    for (header, len) in [
        (&[0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 5][..], (1 << 63) + 5),
        (&[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], u64::MAX),
    ] {
        let stream = [header, &[0x88, 0x00, 0x88]].concat();
        for cut in 0..10 {
            let mut scanner = Scanner::new();
            assert_eq!(scanner.skip(&stream[..cut]), Ok(cut));
            for rest in [&stream[cut..], &stream[10..], &[], &[0x88], &[0x89, 0x00], &[0; 20]] {
                assert_eq!(scanner.skip(rest), Err(Error::LengthTooLarge(len)), "cut at {cut}");
                assert!(!scanner.at_boundary());
            }
        }
    }
}

#[test]
fn errors() {
    let bad_code = DecodeError::InvalidCode(CloseCode::new(999).unwrap_err());
    let bad_utf8 = CloseFrame::from_payload(b"\x03\xe8\xff").unwrap_err();
    for (error, answer, text) in [
        (Error::Fragmented, 1002, "a Close frame without the FIN bit"),
        (Error::ReservedBits(4), 1002, "a Close frame with the RSV bits 100"),
        (Error::ReservedBits(1), 1002, "a Close frame with the RSV bits 001"),
        (Error::Masked, 1002, "a masked Close frame from a server"),
        (Error::Unmasked, 1002, "an unmasked Close frame from a client"),
        (
            Error::ExtendedLength(126),
            1002,
            "a Close frame with the length form 126, a control frame has at most 125 bytes",
        ),
        (Error::LengthTooLarge(1 << 63), 1002, "a frame with the length 0x8000000000000000, whose top bit is set"),
        (Error::Payload(DecodeError::MissingByte), 1002, "the payload has one byte, a status code has two"),
        (bad_code.into(), 1002, "status code 999 (unused) may not stand in a Close frame"),
        (bad_utf8.into(), 1007, &bad_utf8.to_string()),
    ] {
        assert_eq!(error.to_string(), text);
        assert_eq!(error.close_code().get(), answer, "{error}");
        assert_eq!((error.reply().code().map(CloseCode::get), error.reply().reason()), (Some(answer), ""), "{error}");
    }
}

//! Headers, masks and cuts: every header of two bytes, every length, every split, each fault at the first byte that
//! proves it, and the scanner over streams that are cut in every place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use websocket_close::wire::{self, Error, Header, MAX_FRAME_LEN, Peek, RawClose, Scanner};
use websocket_close::{CloseCode, CloseFrame, DecodeError, Role};

#[path = "common/stride.rs"]
mod stride;

use stride::STRIDE;

const ROLES: [Role; 2] = [Role::Client, Role::Server];

const KEYS: [[u8; 4]; 4] = [[0x37, 0xfa, 0x21, 0x3d], [0, 0, 0, 0], [0xff; 4], [1, 2, 3, 4]];

/// The masking keys of frames that `local` receives. A server gets only masked frames, a client only unmasked ones.
fn keys(local: Role) -> Vec<Option<[u8; 4]>> {
    match local {
        Role::Client => vec![None],
        Role::Server => KEYS.map(Some).to_vec(),
    }
}

/// A Close frame, built as RFC 6455, 5.2 and 5.3 describe.
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

/// Payloads of code 4000 and letters, in every length that a valid payload can have.
fn payloads() -> impl Iterator<Item = Vec<u8>> {
    (0..=125)
        .step_by(STRIDE / 3 + 1)
        .filter(|len| *len != 1)
        .map(|len| [0x0f, 0xa0].into_iter().chain((b' '..=b'~').cycle()).take(len).collect())
}

/// The whole Close frame at the start of `bytes`.
fn whole(local: Role, bytes: &mut [u8]) -> RawClose<'_> {
    match wire::peek(local, bytes) {
        Ok(Peek::Close(close)) => close,
        other => panic!("{other:02x?} is not a whole Close frame"),
    }
}

#[test]
fn encode_writes_the_frame_of_the_rfc() {
    for payload in payloads() {
        let frame = CloseFrame::from_payload(&payload).unwrap();
        for key in KEYS.map(Some).into_iter().chain([None]) {
            let expected = close(key, &payload);
            let mut dirty = [0xa5; MAX_FRAME_LEN];
            assert_eq!(wire::encode(frame, key, &mut dirty), expected);
            // The buffer can be used again.
            assert_eq!(wire::encode(CloseFrame::EMPTY, key, &mut dirty), close(key, &[]));
            assert_eq!(wire::encode(frame, key, &mut dirty), expected);
        }
    }
    assert_eq!(MAX_FRAME_LEN, 131);
}

#[test]
fn to_array_works_in_a_const() {
    const EMPTY: [u8; 2] = wire::to_array(CloseFrame::EMPTY);
    const BYE: [u8; 7] = wire::to_array(CloseFrame::from_static(1001, "bye"));
    assert_eq!(EMPTY, *b"\x88\x00");
    assert_eq!(BYE, *b"\x88\x05\x03\xe9bye");
}

/// While a part of the frame is missing, `need` says how much, and the bytes stay as they are. With the whole frame the
/// result is the same, whatever stands behind it.
#[test]
fn a_close_cut_at_every_place_needs_the_missing_bytes() {
    for payload in payloads() {
        for local in ROLES {
            for key in keys(local) {
                let frame = close(key, &payload);
                let mut bytes = frame.clone();
                for cut in 0..frame.len() {
                    // Byte 1 has the length.
                    let need = if cut < 2 { 2 - cut } else { frame.len() - cut };
                    let peeked = wire::peek(local, &mut bytes[..cut]);
                    assert_eq!(peeked, Ok(Peek::Incomplete { need }), "{frame:02x?} cut at {cut}");
                }
                assert_eq!(bytes, frame, "`peek` changes no bytes");
                for behind in [&[][..], &[0x88], &[0x89, 0x00, 0xff], &[0xee; 200]] {
                    let mut bytes = [frame.as_slice(), behind].concat();
                    assert_eq!(whole(local, &mut bytes).frame_len(), frame.len());
                    assert_eq!(whole(local, &mut bytes).decode(), Ok(CloseFrame::from_payload(&payload).unwrap()));
                    // Only the payload is unmasked, in place.
                    let header_len = frame.len() - payload.len();
                    assert_eq!(bytes, [&frame[..header_len], &payload, behind].concat());
                }
            }
        }
    }
}

/// The result of `peek` in a form that a test can build. Nobody outside the crate can build a `Header`, and a
/// `RawClose` borrows the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// A whole Close with this length.
    Close(usize),
    Need(usize),
    /// fin, rsv, opcode, masked, payload length, frame length, minimal
    Other(bool, u8, u8, Option<bool>, Option<u64>, Option<u64>, Option<bool>),
}

fn see(local: Role, bytes: &mut [u8]) -> Result<Seen, Error> {
    wire::peek(local, bytes).map(|peeked| match peeked {
        Peek::Close(close) => Seen::Close(close.frame_len()),
        Peek::Incomplete { need } => Seen::Need(need),
        Peek::NotClose(header) => seen(&header),
    })
}

fn seen(header: &Header) -> Seen {
    let Header { fin, rsv, opcode, masked, payload_len, frame_len, .. } = *header;
    Seen::Other(fin, rsv, opcode, masked, payload_len, frame_len, header.is_minimal())
}

/// Reads the header of a frame that is not a Close, bit by bit, by the diagram in RFC 6455, 5.2.
fn parse(bytes: &[u8]) -> Result<Seen, Error> {
    let bit = |byte: usize, number: u32| bytes[byte] & (1 << (7 - number)) != 0;
    let value = |range: &[u8]| range.iter().fold(0_u64, |value, byte| value * 256 + u64::from(*byte));
    let fin = bit(0, 0);
    let rsv = [1, 2, 3].into_iter().fold(0, |rsv, number| rsv * 2 + u8::from(bit(0, number)));
    let opcode = bytes[0] % 16;
    if bytes.len() < 2 {
        return Ok(Seen::Other(fin, rsv, opcode, None, None, None, None));
    }
    let masked = bit(1, 0);
    let key_len = if masked { 4 } else { 0 };
    let (length_bytes, smallest) = match bytes[1] % 128 {
        126 => (2, 126),
        127 => (8, 65_536),
        _ => (0, 0),
    };
    let payload_len = match length_bytes {
        0 => Some(u64::from(bytes[1] % 128)),
        _ => bytes.get(2..2 + length_bytes).map(value),
    };
    // "the most significant bit MUST be 0"
    if let Some(len) = payload_len.filter(|len| *len >= 1 << 63) {
        return Err(Error::LengthTooLarge(len));
    }
    let frame_len = payload_len.map(|len| 2 + length_bytes as u64 + key_len + len);
    // "the minimal number of bytes MUST be used to encode the length"
    let minimal = payload_len.map(|len| len >= smallest);
    Ok(Seen::Other(fin, rsv, opcode, Some(masked), payload_len, frame_len, minimal))
}

/// What the first two bytes mean, by RFC 6455, 5.2. The first hex digit of byte 0 is FIN and RSV, the second is the
/// opcode.
fn two_bytes(local: Role, first: u8, second: u8) -> Result<Seen, Error> {
    let (flags, opcode) = (first / 16, first % 16);
    let (masked, len) = (second >= 128, second % 128);
    if opcode != 8 {
        return parse(&[first, second]);
    }
    match (flags, local, masked, len) {
        (0..=7, ..) => Err(Error::Fragmented),
        (9..=15, ..) => Err(Error::ReservedBits(flags - 8)),
        (_, Role::Client, true, _) => Err(Error::Masked),
        (_, Role::Server, false, _) => Err(Error::Unmasked),
        (.., 126 | 127) => Err(Error::ExtendedLength(len)),
        (.., 1) => Err(Error::Payload(DecodeError::MissingByte)),
        (.., false, 0) => Ok(Seen::Close(2)),
        (.., true, 0) => Ok(Seen::Need(4)),
        (..) => Ok(Seen::Need(if masked { 4 } else { 0 } + usize::from(len))),
    }
}

#[test]
fn every_header_of_two_bytes_is_read_as_the_rfc_says() {
    for local in ROLES {
        for first in 0..=u8::MAX {
            for second in (0..=u8::MAX).step_by(STRIDE) {
                let mut header = [first, second];
                let expected = two_bytes(local, first, second);
                assert_eq!(see(local, &mut header), expected, "{local:?}, {header:02x?}");
                // A second look gives the same result.
                assert_eq!(see(local, &mut header), expected, "{local:?}, {header:02x?}");
                assert_eq!(header, [first, second]);
            }
        }
    }
}

#[test]
fn every_header_of_one_byte_is_read_as_the_rfc_says() {
    for local in ROLES {
        for first in 0..=u8::MAX {
            let expected = match (first / 16, first % 16) {
                (8, 8) => Ok(Seen::Need(1)),
                (0..=7, 8) => Err(Error::Fragmented),
                (flags, 8) => Err(Error::ReservedBits(flags - 8)),
                _ => parse(&[first]),
            };
            assert_eq!(see(local, &mut [first]), expected, "{first:02x}");
        }
        assert_eq!(see(local, &mut []), Ok(Seen::Need(2)));
    }
}

/// Every byte 0 that is not a Close, masked or not, with lengths of 16 and 64 bits, cut in every place.
#[test]
fn headers_with_lengths_of_16_and_64_bits_are_read_as_the_rfc_says() {
    let long = [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 1 << 32, 0x0102_0304_0506_0708, (1 << 63) - 1];
    let too_long = [1 << 63, (1 << 63) + 5, u64::MAX];
    for first in (0..=u8::MAX).step_by(STRIDE).filter(|first| first % 16 != 8) {
        for mask_bit in [0x00, 0x80] {
            let short = long.iter().filter_map(|len| u16::try_from(*len).ok());
            let headers_16 = short.map(|len| [&[first, 126 + mask_bit], len.to_be_bytes().as_slice()].concat());
            let lens = long.iter().chain(&too_long);
            let headers_64 = lens.map(|len| [&[first, 127 + mask_bit], len.to_be_bytes().as_slice()].concat());
            for header in headers_16.chain(headers_64) {
                let mut bytes = [header.as_slice(), b"keys and payload"].concat();
                for cut in 1..=bytes.len() {
                    let expected = parse(&bytes[..cut]);
                    for local in ROLES {
                        assert_eq!(see(local, &mut bytes[..cut]), expected, "{header:02x?} cut at {cut}");
                    }
                }
            }
        }
    }
}

/// Masked and unmasked.
#[test]
fn all_lengths_in_16_bits_are_read_as_the_rfc_says() {
    for len in (0..=u16::MAX).step_by(STRIDE) {
        let [high, low] = len.to_be_bytes();
        for second in [126, 254] {
            let expected = parse(&[0x82, second, high, low]);
            assert_eq!(see(Role::Client, &mut [0x82, second, high, low]), expected, "{len}");
        }
    }
}

/// "the minimal number of bytes MUST be used to encode the length, for example, the length of a 124-byte-long string
/// can't be encoded as the sequence 126, 0, 124" (RFC 6455, 5.2)
#[test]
fn is_minimal_is_true_for_the_shortest_form_only() {
    let minimal = |bytes: &[u8]| match wire::peek(Role::Client, &mut bytes.to_vec()) {
        Ok(Peek::NotClose(header)) => header.is_minimal(),
        other => panic!("{other:?}"),
    };
    for mask_bit in [0x00, 0x80] {
        let form_16 = |len: u16| [&[0x81, 126 + mask_bit], len.to_be_bytes().as_slice()].concat();
        let form_64 = |len: u64| [&[0x81, 127 + mask_bit], len.to_be_bytes().as_slice()].concat();
        for len in 0..=125 {
            assert_eq!(minimal(&[0x81, len + mask_bit]), Some(true), "{len}");
        }
        for (len, expected) in [(0, false), (124, false), (125, false), (126, true), (127, true), (u16::MAX, true)] {
            assert_eq!(minimal(&form_16(len)), Some(expected), "{len} in 16 bits");
        }
        for (len, expected) in
            [(0, false), (126, false), (65_535, false), (65_536, true), (65_537, true), ((1 << 63) - 1, true)]
        {
            assert_eq!(minimal(&form_64(len)), Some(expected), "{len} in 64 bits");
        }
        // While the length is not complete, the answer is not known.
        for header in [form_16(5), form_64(5)] {
            for cut in 1..header.len() {
                assert_eq!(minimal(&header[..cut]), None, "{:02x?}", &header[..cut]);
            }
        }
    }
}

/// The bytes before the proof are not enough, and the bytes behind it do not change the verdict.
#[test]
fn each_fault_is_found_at_the_first_byte_that_proves_it() {
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
        let mut bytes = [header, &[0x5a; 150]].concat();
        for cut in 0..=bytes.len() {
            let peeked = wire::peek(local, &mut bytes[..cut]);
            if cut < proof {
                assert!(peeked.is_ok(), "{header:02x?} cut at {cut}");
            } else {
                assert_eq!(peeked, Err(error), "{header:02x?} cut at {cut}");
            }
        }
    }
}

/// A bad payload is found when the whole frame is there. The bytes behind the frame do not count.
#[test]
fn a_bad_payload_is_found_when_the_frame_is_whole() {
    for (payload, error) in [
        (&b"\x03\xed"[..], DecodeError::InvalidCode(CloseCode::new(1005).unwrap_err())),
        (b"\xff\xffwhy", DecodeError::InvalidCode(CloseCode::new(65535).unwrap_err())),
        (b"\x03\xe8\xe2\x82", CloseFrame::from_payload(b"\x03\xe8\xe2\x82").unwrap_err()),
    ] {
        for local in ROLES {
            for key in keys(local) {
                let frame = close(key, payload);
                // The byte behind the frame would complete the character in the last reason.
                let mut bytes = [frame.as_slice(), &[0xac]].concat();
                for cut in 2..frame.len() {
                    assert_eq!(wire::peek(local, &mut bytes[..cut]), Ok(Peek::Incomplete { need: frame.len() - cut }));
                }
                assert_eq!(whole(local, &mut bytes).decode(), Err(Error::Payload(error)));
            }
        }
    }
}

/// For a client and for a server.
#[test]
fn every_code_in_a_frame_has_the_verdict_of_the_payload() {
    for code in (0..=u16::MAX).step_by(STRIDE) {
        let payload = [code.to_be_bytes().as_slice(), b"why"].concat();
        for local in ROLES {
            let mut bytes = close(keys(local)[0], &payload);
            let decoded = whole(local, &mut bytes).decode();
            match code {
                1000..=1003 | 1007..=1014 | 3000..=4999 => {
                    let frame = decoded.unwrap();
                    assert_eq!((frame.code().map(CloseCode::get), frame.reason()), (Some(code), "why"));
                }
                _ => {
                    let Err(Error::Payload(DecodeError::InvalidCode(error))) = decoded else { panic!("{decoded:?}") };
                    assert_eq!(error.get(), code);
                }
            }
        }
    }
}

/// The frame lives as long as the buffer, and longer than the result of `peek`.
#[test]
fn a_decoded_frame_borrows_the_buffer() {
    let mut buffer = close(Some(KEYS[0]), b"\x03\xe8bye");
    let frame = {
        let close = whole(Role::Server, &mut buffer);
        close.decode().unwrap()
    };
    assert_eq!(frame, CloseFrame::from_static(1000, "bye"));
}

/// A frame that is not a Close, with the given byte 0, mask bit, form of the length (7, 16 or 64 bits), and length.
fn other(first: u8, masked: bool, form: u8, len: u64) -> Vec<u8> {
    let mask_bit = if masked { 0x80 } else { 0 };
    let mut frame = match form {
        7 => vec![first, mask_bit + u8::try_from(len).unwrap()],
        16 => [&[first, mask_bit + 126], u16::try_from(len).unwrap().to_be_bytes().as_slice()].concat(),
        _ => [&[first, mask_bit + 127], len.to_be_bytes().as_slice()].concat(),
    };
    let payload = usize::try_from(len).unwrap() + if masked { 4 } else { 0 };
    // The payload looks like the start of a Close, so that it shows if it is not stepped over.
    frame.resize(frame.len() + payload, 0x88);
    frame
}

/// Frames with all opcodes except Close, and with all forms of the length. The longer forms have short payloads, too.
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

/// `peek` tells the length of the frames that the scanner tests use, as soon as the length is there.
#[test]
fn peek_tells_the_length_of_other_frames() {
    for frame in others() {
        for local in ROLES {
            for cut in 0..frame.len().min(20) {
                let header_len = match frame[1] % 128 {
                    126 => 4,
                    127 => 10,
                    _ => 2,
                };
                let mut bytes = frame[..cut].to_vec();
                match wire::peek(local, &mut bytes) {
                    Ok(Peek::NotClose(header)) if cut > 0 => {
                        assert_eq!(header.frame_len, (cut >= header_len).then_some(frame.len() as u64), "{bytes:02x?}");
                    }
                    Ok(Peek::Incomplete { need: 2 }) if cut == 0 => {}
                    other => panic!("{frame:02x?} cut at {cut}: {other:?}"),
                }
            }
        }
    }
}

/// Feeds `stream` in pieces of the given sizes, in turn. Returns how far the scanner came, and compares `at_boundary`
/// with `ends`.
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
            // It stopped before a Close, and stays there.
            assert_eq!(scanner.skip(&stream[at..]), Ok(0));
            return at;
        }
        if at == stream.len() {
            return at;
        }
    }
    unreachable!("the sizes repeat")
}

/// A stream of `frames`, and the place where each of them ends.
fn stream(frames: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
    let ends = frames.iter().scan(0, |end, frame| {
        *end += frame.len();
        Some(*end)
    });
    (frames.concat(), ends.collect())
}

#[test]
fn the_scanner_stops_before_a_close_however_the_stream_is_cut() {
    let others = others().into_iter().filter(|frame| !cfg!(miri) || frame.len() < 400);
    let (others, ends) = stream(&others.collect::<Vec<_>>());
    for last in [&[][..], b"\x88", b"\x88\x02\x03\xe8", b"\x08\x00", b"\xf8\xff"] {
        let stream = [others.as_slice(), last].concat();
        let sizes = [&[1][..], &[2], &[3], &[7], &[1, 9], &[10], &[11, 13], &[4096], &[usize::MAX >> 1]];
        for sizes in sizes.into_iter().step_by(STRIDE / 24 + 1) {
            assert_eq!(scan(&stream, &ends, sizes), others.len());
        }
    }
}

#[test]
fn the_scanner_steps_over_three_frames_at_every_cut() {
    for frame in others().into_iter().filter(|frame| frame.len() < 400) {
        let (others, ends) = stream(&[other(0x89, false, 7, 0), frame, other(0x8a, true, 16, 1)]);
        let stream = [others.as_slice(), b"\x88\x00"].concat();
        for cut in 1..stream.len() {
            assert_eq!(scan(&stream, &ends, &[cut, stream.len()]), others.len());
        }
    }
}

/// The scanner is at a boundary after the last byte of the frame, not before it.
#[test]
fn an_empty_frame_ends_with_its_header_or_key() {
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

/// The scanner needs no memory for the payload, and nothing overflows.
#[test]
fn the_largest_legal_length_is_stepped_over() {
    for mask_bit in [0x00, 0x80] {
        let mut header = [0x82, 0x7f + mask_bit, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let frame_len = (1 << 63) - 1 + 10 + if mask_bit == 0 { 0 } else { 4 };
        let Ok(Peek::NotClose(seen)) = wire::peek(Role::Client, &mut header) else { panic!() };
        assert_eq!((seen.payload_len, seen.frame_len), (Some((1 << 63) - 1), Some(frame_len)));

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

/// A scanner can be a const and a static.
#[test]
fn the_scanner_works_in_a_const() {
    const SCANNER: Scanner = Scanner::new();
    static SHARED: std::sync::Mutex<Scanner> = std::sync::Mutex::new(Scanner::new());
    for mut scanner in [SCANNER, Scanner::default(), SHARED.lock().unwrap().clone()] {
        assert!(scanner.at_boundary());
        assert_eq!(scanner.skip(b"\x89\x00\x81\x02hi\x88\x00"), Ok(6));
        assert!(scanner.at_boundary());
    }
}

/// After an illegal length nothing more is stepped over.
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

/// "a server MAY send a Close frame with a status code of 1002 (protocol error)" (RFC 6455, 5.1). All faults of a
/// header get this code. 1007 is for a reason that is not UTF-8.
#[test]
fn every_error_knows_its_answer_code_and_tells_the_facts() {
    let bad_code = DecodeError::InvalidCode(CloseCode::new(999).unwrap_err());
    let bad_utf8 = CloseFrame::from_payload(b"\x03\xe8\xff").unwrap_err();
    let (bad_code_text, bad_utf8_text) = (bad_code.to_string(), bad_utf8.to_string());
    let rows: [(Error, u16, &[&str]); 10] = [
        (Error::Fragmented, 1002, &["Close frame", "FIN"]),
        (Error::ReservedBits(4), 1002, &["Close frame", "RSV", " 100"]),
        (Error::ReservedBits(1), 1002, &["Close frame", "RSV", " 001"]),
        (Error::Masked, 1002, &["a masked", "from a server"]),
        (Error::Unmasked, 1002, &["unmasked", "from a client"]),
        (Error::ExtendedLength(126), 1002, &["Close frame", "126", "125"]),
        (Error::LengthTooLarge(1 << 63), 1002, &["0x8000000000000000", "top bit"]),
        (Error::Payload(DecodeError::MissingByte), 1002, &["one byte"]),
        (bad_code.into(), 1002, &["999", &bad_code_text]),
        (bad_utf8.into(), 1007, &["not UTF-8", &bad_utf8_text]),
    ];
    for (error, answer, facts) in rows {
        let text = error.to_string();
        assert!(facts.iter().all(|fact| text.contains(fact)), "{text}");
        assert_eq!(error.answer_code().get(), answer, "{error}");
        assert_eq!((error.reply().code().map(CloseCode::get), error.reply().reason()), (Some(answer), ""), "{error}");
    }
}

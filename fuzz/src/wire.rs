//! A stream of frames. However it is cut, the scanner and `peek` find the same in it as a look at the whole stream.
//!
//! The first byte of the input has the role and the number of cuts. Then there is one byte for each cut, and then the
//! stream.

use websocket_close::Role;
use websocket_close::wire::{self, Error, Peek, Scanner};

use crate::payload::{judge, verdict};

/// What is found in a stream: the place and length of each Close, the fault that ended the stream, and whether it ended
/// between frames. The start of a Close counts as between frames.
#[derive(Debug, PartialEq, Eq)]
struct Findings {
    closes: Vec<(usize, usize)>,
    fault: Option<Error>,
    at_boundary: bool,
}

/// Checks the property.
pub fn check(input: &[u8]) {
    let Some((&head, rest)) = input.split_first() else { return };
    let local = if head & 1 == 0 { Role::Client } else { Role::Server };
    let cuts = usize::from(head >> 1).min(rest.len());
    let (cuts, stream) = rest.split_at(cuts);

    let expected = look(local, stream);
    assert_eq!(drive(local, &[stream]), expected, "in one piece");
    assert_eq!(drive(local, &stream.chunks(1).collect::<Vec<_>>()), expected, "byte by byte");
    assert_eq!(drive(local, &pieces(stream, cuts)), expected, "cut");
}

/// Cuts the stream into pieces of the given lengths, and the rest.
pub(crate) fn pieces<'a>(mut stream: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for &len in lengths {
        let (piece, rest) = stream.split_at(usize::from(len).min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces.push(stream);
    pieces
}

/// Reads the whole stream frame by frame, by the diagram of RFC 6455, 5.2.
fn look(local: Role, stream: &[u8]) -> Findings {
    let mut findings = Findings { closes: Vec::new(), fault: None, at_boundary: true };
    let mut at = 0;
    while at < stream.len() {
        let is_close = stream[at] % 16 == 8;
        let step = if is_close { close_at(local, &stream[at..]) } else { other_at(&stream[at..]) };
        match step {
            Ok(Some(len)) => {
                if is_close {
                    findings.closes.push((at, len));
                } else {
                    check_header(local, &stream[at..], len);
                }
                at += len;
            }
            Ok(None) => {
                findings.at_boundary = is_close;
                break;
            }
            Err(fault) => {
                findings.fault = Some(fault);
                findings.at_boundary = is_close;
                break;
            }
        }
    }
    findings
}

/// The length of the Close at the start of `bytes`, if the Close is whole.
pub(crate) fn close_at(local: Role, bytes: &[u8]) -> Result<Option<usize>, Error> {
    let (fin, rsv) = (bytes[0] / 128, bytes[0] / 16 % 8);
    if fin == 0 {
        return Err(Error::Fragmented);
    }
    if rsv > 0 {
        return Err(Error::ReservedBits(rsv));
    }
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    let (masked, len) = (second / 128 == 1, second % 128);
    match (local, masked) {
        (Role::Client, true) => return Err(Error::Masked),
        (Role::Server, false) => return Err(Error::Unmasked),
        (Role::Client, false) | (Role::Server, true) => {}
    }
    match len {
        1 => Err(Error::Payload(websocket_close::DecodeError::MissingByte)),
        126 | 127 => Err(Error::ExtendedLength(len)),
        _ => Ok(Some(usize::from(len) + if masked { 6 } else { 2 }).filter(|&len| len <= bytes.len())),
    }
}

/// The length of the other frame at the start of `bytes`, if the frame is whole.
pub(crate) fn other_at(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    let mask_len = if second / 128 == 1 { 4 } else { 0 };
    let (header_len, len_bytes) = match second % 128 {
        126 => (4, bytes.get(2..4)),
        127 => (10, bytes.get(2..10)),
        _ => (2, Some(&[][..])),
    };
    let Some(len_bytes) = len_bytes else { return Ok(None) };
    let len = if len_bytes.is_empty() {
        u128::from(second % 128)
    } else {
        len_bytes.iter().fold(0, |len, byte| len * 256 + u128::from(*byte))
    };
    if len >= 1 << 63 {
        return Err(Error::LengthTooLarge(u64::try_from(len).unwrap()));
    }
    let whole = header_len + mask_len + len;
    Ok(usize::try_from(whole).ok().filter(|&len| len <= bytes.len()))
}

/// Checks what `peek` tells about another frame, which has `len` bytes.
fn check_header(local: Role, frame: &[u8], len: usize) {
    let mut peeked = frame.to_vec();
    let Ok(Peek::NotClose(header)) = wire::peek(local, &mut peeked) else { panic!("{frame:x?} is not a Close") };
    let (first, second) = (frame[0], frame[1]);
    assert_eq!((header.fin, header.rsv, header.opcode), (first >= 128, first / 16 % 8, first % 16));
    assert_eq!(header.masked, Some(second >= 128));
    let form = match second % 128 {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let payload_len = len - 2 - form - if second >= 128 { 4 } else { 0 };
    assert_eq!((header.frame_len, header.payload_len), (Some(len as u64), Some(payload_len as u64)));
    // "the minimal number of bytes MUST be used" (5.2)
    let minimal = form == 0 || (form == 2 && payload_len > 125) || payload_len > 0xffff;
    assert_eq!(header.is_minimal(), Some(minimal));
}

/// Reads the stream in pieces, as an endpoint does.
fn drive(local: Role, pieces: &[&[u8]]) -> Findings {
    let mut findings = Findings { closes: Vec::new(), fault: None, at_boundary: false };
    let mut scanner = Scanner::new();
    // The bytes that were not stepped over, their place in the stream, and how many bytes are needed at least.
    let (mut buffer, mut at, mut wanted) = (Vec::new(), 0, 0);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let skipped = match scanner.skip(&buffer) {
                Ok(skipped) => skipped,
                Err(fault) => {
                    assert_eq!(scanner.skip(&[0x88]), Err(fault), "the scanner must repeat its fault");
                    return Findings { fault: Some(fault), at_boundary: scanner.at_boundary(), ..findings };
                }
            };
            buffer.drain(..skipped);
            at += skipped;
            if buffer.is_empty() {
                break;
            }
            assert!(scanner.at_boundary(), "the scanner must stop at a boundary");
            let before = buffer.clone();
            let _ = wire::peek(local, &mut buffer);
            assert_eq!(buffer, before, "peek must change nothing");
            match wire::peek(local, &mut buffer) {
                Ok(Peek::Close(close)) => {
                    let len = close.frame_len();
                    assert!(wanted <= len && len <= before.len(), "peek wanted {wanted} bytes for a Close of {len}");
                    let payload = payload_of(&before[..len]);
                    let decoded = close.decode().map_err(|error| match error {
                        Error::Payload(error) => error,
                        error => panic!("{error} in a payload"),
                    });
                    assert_eq!(verdict(&decoded), judge(&payload));
                    assert_eq!(buffer[len..], before[len..], "bytes behind the frame must not change");
                    buffer.drain(..len);
                    findings.closes.push((at, len));
                    (at, wanted) = (at + len, 0);
                }
                Ok(Peek::Incomplete { need }) => {
                    assert!(need > 0, "peek must ask for more bytes");
                    wanted = wanted.max(buffer.len() + need);
                    break;
                }
                Ok(Peek::NotClose { .. }) => panic!("the scanner must step over other frames"),
                Err(fault) => return Findings { fault: Some(fault), at_boundary: scanner.at_boundary(), ..findings },
            }
        }
    }
    findings.at_boundary = scanner.at_boundary();
    findings
}

/// The payload of a whole Close, unmasked.
pub(crate) fn payload_of(frame: &[u8]) -> Vec<u8> {
    if frame[1] < 128 {
        return frame[2..].to_vec();
    }
    frame[6..].iter().enumerate().map(|(at, byte)| byte ^ frame[2 + at % 4]).collect()
}

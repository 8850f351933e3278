//! The payload of a Close. The crate gives the verdict of the grammar, and encodes an accepted payload to the same
//! bytes.

use websocket_close::wire::{self, Peek};
use websocket_close::{CloseEvent, CloseFrame, DecodeError, Role};

/// The verdict of RFC 6455 and RFC 3629 on a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    Empty,
    Accepted(u16, &'a [u8]),
    TooLong,
    OneByte,
    BadCode(u16),
    /// The place in the reason of the first byte that is in no character.
    BadText(usize),
}

/// The codes that may be sent (RFC 6455, 7.4, and the registry).
const LEGAL: [(u16, u16); 3] = [(1000, 1003), (1007, 1014), (3000, 4999)];

/// The characters of UTF-8, as the ranges of their bytes (RFC 3629, 4).
const CHARACTERS: [&[(u8, u8)]; 9] = [
    &[(0x00, 0x7f)],
    &[(0xc2, 0xdf), (0x80, 0xbf)],
    &[(0xe0, 0xe0), (0xa0, 0xbf), (0x80, 0xbf)],
    &[(0xe1, 0xec), (0x80, 0xbf), (0x80, 0xbf)],
    &[(0xed, 0xed), (0x80, 0x9f), (0x80, 0xbf)],
    &[(0xee, 0xef), (0x80, 0xbf), (0x80, 0xbf)],
    &[(0xf0, 0xf0), (0x90, 0xbf), (0x80, 0xbf), (0x80, 0xbf)],
    &[(0xf1, 0xf3), (0x80, 0xbf), (0x80, 0xbf), (0x80, 0xbf)],
    &[(0xf4, 0xf4), (0x80, 0x8f), (0x80, 0xbf), (0x80, 0xbf)],
];

/// Finds the verdict by the grammar.
pub fn judge(payload: &[u8]) -> Verdict<'_> {
    match payload {
        [] => Verdict::Empty,
        [_] => Verdict::OneByte,
        [_, _, reason @ ..] if reason.len() > 123 => Verdict::TooLong,
        [high, low, reason @ ..] => {
            let code = u16::from(*high) * 256 + u16::from(*low);
            if !LEGAL.iter().any(|&(first, last)| first <= code && code <= last) {
                return Verdict::BadCode(code);
            }
            match whole_characters(reason) {
                end if end == reason.len() => Verdict::Accepted(code, reason),
                end => Verdict::BadText(end),
            }
        }
    }
}

/// How many bytes belong to the whole characters at the start of `text`.
fn whole_characters(text: &[u8]) -> usize {
    let mut end = 0;
    while let Some(character) = CHARACTERS.iter().find(|character| {
        let bytes = text[end..].iter().take(character.len());
        bytes.len() == character.len()
            && bytes.zip(character.iter()).all(|(byte, (first, last))| first <= byte && byte <= last)
    }) {
        end += character.len();
    }
    end
}

/// The verdict of the crate, in the same form.
pub fn verdict<'a>(decoded: &Result<CloseFrame<'a>, DecodeError>) -> Verdict<'a> {
    match decoded {
        Ok(frame) => match frame.code() {
            None => Verdict::Empty,
            Some(code) => Verdict::Accepted(code.get(), frame.reason().as_bytes()),
        },
        Err(DecodeError::TooLong(_)) => Verdict::TooLong,
        Err(DecodeError::MissingByte) => Verdict::OneByte,
        Err(DecodeError::InvalidCode(code)) => Verdict::BadCode(code.get()),
        Err(DecodeError::InvalidUtf8(error)) => Verdict::BadText(error.valid_up_to()),
    }
}

/// A frame with the payload, built by hand as RFC 6455, 5.2 and 5.3 describe.
fn framed(payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap();
    let Some(mask) = mask else {
        return [&[0x88, len], payload].concat();
    };
    let mut frame = [&[0x88, 0x80 | len], &mask[..]].concat();
    frame.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    frame
}

/// Checks the property.
pub fn check(payload: &[u8]) {
    let judged = judge(payload);
    let decoded = CloseFrame::from_payload(payload);
    assert_eq!(verdict(&decoded), judged);
    match decoded {
        Ok(frame) => check_accepted(frame, payload),
        Err(error) => {
            let code = if matches!(judged, Verdict::BadText(_)) { 1007 } else { 1002 };
            assert_eq!(error.answer_code().get(), code);
            assert_eq!(error.reply().write_payload(&mut [0; 125]), u16::to_be_bytes(code));
        }
    }
    check_unjudged(payload);
    check_observed(payload);
}

fn check_accepted(frame: CloseFrame<'_>, payload: &[u8]) {
    assert_eq!(frame.payload_len(), payload.len());
    assert_eq!(frame.write_payload(&mut [0xaa; 125]), payload);
    assert_eq!(frame.into_owned().as_frame(), frame);
    assert_eq!(frame.reply().write_payload(&mut [0xaa; 125]), &payload[..payload.len().min(2)]);
    if let Some(code) = frame.code() {
        assert_eq!(CloseFrame::new(code, frame.reason()), Ok(frame));
        assert_eq!(CloseFrame::from_parts(code.get(), frame.reason()), Ok(frame));
        assert_eq!(CloseFrame::truncated(code, frame.reason()), frame);
    }
    assert!(!frame.to_string().chars().any(char::is_control), "{frame} does not quote its reason");

    for (receiver, mask) in [(Role::Client, None), (Role::Server, Some([0x37, 0xfa, 0x00, 0xff]))] {
        let mut buffer = [0xaa; 131];
        let encoded = wire::encode(frame, mask, &mut buffer);
        assert_eq!(encoded, framed(payload, mask));
        let mut encoded = encoded.to_vec();
        let len = encoded.len();
        let Ok(Peek::Close(close)) = wire::peek(receiver, &mut encoded) else { panic!("{encoded:?} is not a Close") };
        assert_eq!(close.frame_len(), len);
        assert_eq!(close.decode(), Ok(frame));
    }
}

/// `unjudged` splits code and reason, whatever the code is.
fn check_unjudged(payload: &[u8]) {
    let split = CloseFrame::unjudged(payload);
    match (payload, split) {
        ([], Ok(None)) | ([_], Err(DecodeError::MissingByte)) => {}
        ([high, low, reason @ ..], Ok(Some((code, text)))) => {
            assert_eq!((code, text.as_bytes()), (u16::from_be_bytes([*high, *low]), reason));
            let parts = CloseFrame::from_parts(code, text);
            assert_eq!(parts.ok(), CloseFrame::from_payload(payload).ok(), "only the code can be wrong");
        }
        ([_, _, reason @ ..], Err(DecodeError::TooLong(len))) if reason.len() > 123 => assert_eq!(len, payload.len()),
        ([_, _, reason @ ..], Err(DecodeError::InvalidUtf8(error))) if reason.len() <= 123 => {
            assert_eq!(error.valid_up_to(), whole_characters(reason));
        }
        _ => panic!("{split:?}"),
    }
}

/// `observed` reports what Chromium does: any code except those for reports, and the same rules for UTF-8.
fn check_observed(payload: &[u8]) {
    let event = CloseEvent::observed(payload);
    let seen = (event.code(), event.reason().as_bytes(), event.was_clean());
    let lost = (1006, [].as_slice(), false);
    let expected = match payload {
        [] => (1005, [].as_slice(), true),
        [_] => lost,
        [_, _, reason @ ..] if reason.len() > 123 || whole_characters(reason) < reason.len() => lost,
        [high, low, reason @ ..] => match u16::from_be_bytes([*high, *low]) {
            1005 | 1006 | 1015 => lost,
            code => (code, reason, true),
        },
    };
    assert_eq!(seen, expected);
}

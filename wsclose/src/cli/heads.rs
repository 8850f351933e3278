//! The two HTTP heads of the opening handshake: whether they open a WebSocket, at which path, with which extensions.

use crate::Extensions;

/// The head of a request or a response may have so many bytes.
pub(crate) const MAX_HEAD: usize = 1 << 16;
const MAX_HEADERS: usize = 128;

/// What bytes may be the start of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// A request with GET.
    Get,
    /// The answer that opens a WebSocket.
    Opened,
    Http2,
    Tls,
    Other,
}

impl Start {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let begins = |with: &[u8]| bytes.starts_with(with) || with.starts_with(bytes);
        match bytes {
            // A record of TLS with a handshake in it, from SSL 3.0 to TLS 1.3.
            [0x16, 3, 0..=4, ..] => Self::Tls,
            _ if begins(b"GET ") => Self::Get,
            _ if begins(b"HTTP/1.1 101") => Self::Opened,
            _ if bytes.starts_with(b"PRI * HTTP/2.0") => Self::Http2,
            _ => Self::Other,
        }
    }
}

/// Whether bytes from the middle of a connection are a record of TLS.
pub(crate) fn is_tls_record(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17, 3, 1..=4, _, _, ..])
}

/// Whether an answer may begin so.
pub(crate) fn may_be_response(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.") || b"HTTP/1.".starts_with(bytes)
}

/// The status in the first line of an answer whose end is missing.
pub(crate) fn status(bytes: &[u8]) -> Option<u16> {
    let status = bytes.strip_prefix(b"HTTP/1.")?.get(1..)?.strip_prefix(b" ")?.get(..3)?;
    std::str::from_utf8(status).ok()?.parse().ok()
}

/// The path in the first line of a request whose end is missing.
pub(crate) fn path_of_first_line(bytes: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(bytes.strip_prefix(b"GET ")?.split(|byte| *byte == b'\r').next()?).ok()?;
    line.split_once(" HTTP/1.").map(|(path, _)| path.to_owned())
}

/// How long the head at the start of `bytes` is, if it ends there. The first `searched` bytes were searched before.
pub(crate) fn head_len(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(3);
    let end = bytes.get(from..)?.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(from + end + 4)
}

/// The path of a request that wants a WebSocket.
pub(crate) fn upgrade_path(head: &[u8]) -> Option<String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(head).ok()?;
    if request.method != Some("GET") || !upgrades(request.headers) {
        return None;
    }
    request.path.map(ToOwned::to_owned)
}

/// What a response says to the wish for a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Open(Extensions),
    /// Another response follows (RFC 9110, 15.2).
    Interim,
    Refused(u16),
    NotHttp,
}

pub(crate) fn answer(head: &[u8]) -> Answer {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match (response.parse(head), response.code) {
        // Who asked for a WebSocket and gets 101 has one, unless it says otherwise.
        (Ok(_), Some(101)) if upgrades(response.headers) || tokens(response.headers, "upgrade").next().is_none() => {
            Answer::Open(extensions(response.headers))
        }
        (Ok(_), Some(100 | 102..=199)) => Answer::Interim,
        (Ok(_), Some(status)) => Answer::Refused(status),
        _ => Answer::NotHttp,
    }
}

fn upgrades(headers: &[httparse::Header<'_>]) -> bool {
    tokens(headers, "upgrade").any(|token| token.eq_ignore_ascii_case(b"websocket"))
}

fn extensions(headers: &[httparse::Header<'_>]) -> Extensions {
    let mut names = tokens(headers, "sec-websocket-extensions")
        .filter_map(|extension| extension.split(|byte| *byte == b';').next())
        .map(<[u8]>::trim_ascii);
    match (names.next(), names.next()) {
        (None, _) => Extensions::None,
        (Some(name), None) if name.eq_ignore_ascii_case(b"permessage-deflate") => Extensions::Deflate,
        _ => Extensions::NotKnown,
    }
}

/// The elements of a header that holds a list (RFC 9110, 5.6.1).
fn tokens<'a>(headers: &'a [httparse::Header<'_>], name: &str) -> impl Iterator<Item = &'a [u8]> {
    let values = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value);
    values.flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

//! `CloseCode`, the status codes that may stand in a Close frame, and the dated IANA table: a name and a description for every
//! `u16`.

use core::fmt::{self, Write};
use core::num::NonZeroU16;

/// A status code that may stand in a Close frame: 1000 to 1003, 1007 to 1014, or 3000 to 4999.
///
/// That is every code that RFC 6455 and the IANA registry let an endpoint send
/// ([7.4](https://www.rfc-editor.org/rfc/rfc6455#section-7.4),
/// [11.7](https://www.rfc-editor.org/rfc/rfc6455#section-11.7)). 1005, 1006 and 1015 are not among them: they report what
/// happened to a connection and are found only in a [`CloseEvent`](crate::CloseEvent). A later registration may widen the
/// set in a minor release; it never shrinks.
///
/// ```
/// use websocket_close::CloseCode;
///
/// let code = CloseCode::new(1001)?;
/// assert_eq!(code, CloseCode::GOING_AWAY);
/// assert_eq!(code.to_string(), "1001 (going away)");
/// assert!(CloseCode::new(1006).is_err());
/// # Ok::<(), websocket_close::InvalidCloseCode>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(NonZeroU16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// With 3000 to 4999 the only code that a script may pass to a browser's `close()`.
    #[doc(alias = "CLOSE_NORMAL")]
    #[doc(alias = "WS_CLOSE_NORMAL")]
    pub const NORMAL_CLOSURE: Self = Self::from_static(1000);

    /// 1001: the endpoint goes away, such as a server that shuts down or a page that was left.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// Browsers send it, without a reason, for a document that goes away.
    #[doc(alias = "CLOSE_GOING_AWAY")]
    pub const GOING_AWAY: Self = Self::from_static(1001);

    /// 1002: the peer broke the protocol.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// The answer to every bad Close frame but one with bad UTF-8.
    #[doc(alias = "CLOSE_PROTOCOL_ERROR")]
    pub const PROTOCOL_ERROR: Self = Self::from_static(1002);

    /// 1003: the kind of data is not acceptable, such as binary for an endpoint that understands text only.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    #[doc(alias = "CLOSE_UNSUPPORTED")]
    pub const UNSUPPORTED_DATA: Self = Self::from_static(1003);

    /// 1007: data does not fit its type, such as text that is not UTF-8.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// The answer to a Close whose reason is not UTF-8. Some peers (Chromium, gorilla, gobwas, Beast) answer 1002 there.
    #[doc(alias = "CLOSE_INVALID_DATA")]
    #[doc(alias = "CLOSE_INCONSISTENT_DATA")]
    pub const INVALID_PAYLOAD: Self = Self::from_static(1007);

    /// 1008: a refusal for which no other code fits, or whose cause is not to be told.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    #[doc(alias = "CLOSE_POLICY_VIOLATION")]
    pub const POLICY_VIOLATION: Self = Self::from_static(1008);

    /// 1009: a message is too big to be processed.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// Old tables gave the name `CLOSE_TOO_LARGE` to 1004, which never had a meaning.
    #[doc(alias = "CLOSE_TOO_LARGE")]
    pub const MESSAGE_TOO_BIG: Self = Self::from_static(1009);

    /// 1010: the server did not agree to an extension that the client needs; the reason should list what was needed.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// **A client's code alone**: a server fails the opening handshake instead, and uses it only to echo a client's.
    #[doc(alias = "CLOSE_EXTENSION_REQUIRED")]
    pub const MANDATORY_EXTENSION: Self = Self::from_static(1010);

    /// 1011: something unexpected kept the endpoint from going on.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// The RFC speaks of servers; [erratum 3227](https://www.rfc-editor.org/errata/eid3227) opens it to both ends.
    #[doc(alias = "CLOSE_UNEXPECTED_CONDITION")]
    #[doc(alias = "INTERNAL_SERVER_ERROR")]
    pub const INTERNAL_ERROR: Self = Self::from_static(1011);

    /// 1012: the service restarts. A server's code.
    /// [Registration](https://www.ietf.org/mail-archive/web/hybi/current/msg09670.html)
    ///
    /// **Retry:** the client may reconnect after a random delay of 5 to 30 seconds. libwebsockets, uWebSockets and gobwas
    /// refuse 1012 to 1014.
    pub const SERVICE_RESTART: Self = Self::from_static(1012);

    /// 1013: the service is overloaded. A server's code.
    /// [Registration](https://www.ietf.org/mail-archive/web/hybi/current/msg09670.html)
    ///
    /// **Retry:** at another address of the service if it has several; at the same one only when the user asks for it.
    /// libwebsockets, uWebSockets and gobwas refuse 1012 to 1014.
    pub const TRY_AGAIN_LATER: Self = Self::from_static(1013);

    /// 1014: a gateway or proxy got a bad answer from its upstream, as HTTP's 502 says.
    /// [Registration](https://www.ietf.org/mail-archive/web/hybi/current/msg10748.html)
    ///
    /// Legal, but **refused as a protocol error by** tungstenite, fastwebsockets, gorilla, gobwas, wsproto,
    /// autobahn-python, libwebsockets, uWebSockets and Deno, and by Beast before June 2026. To reach all of those, say
    /// [`INTERNAL_ERROR`](Self::INTERNAL_ERROR).
    pub const BAD_GATEWAY: Self = Self::from_static(1014);

    /// 3000: the peer is not authenticated. Registered by its name alone.
    /// [IANA](https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number)
    ///
    /// `SaltyRTC` has used 3000 to 3008 with meanings of its own since before these were registered. uWebSockets refuses
    /// 3000 to 3999.
    pub const UNAUTHORIZED: Self = Self::from_static(3000);

    /// 3003: the peer may not do this. Registered by its name alone.
    /// [IANA](https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number)
    ///
    /// In `SaltyRTC` 3003 means a handover. uWebSockets refuses 3000 to 3999.
    pub const FORBIDDEN: Self = Self::from_static(3003);

    /// 3008: something took too long. Registered by its name alone.
    /// [IANA](https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number)
    ///
    /// uWebSockets refuses 3000 to 3999.
    pub const TIMEOUT: Self = Self::from_static(3008);

    /// Takes a number that may stand in a Close frame.
    ///
    /// # Errors
    ///
    /// [`InvalidCloseCode`] with the number, for every other one: below 1000 and above 4999
    /// ([RFC 6455, 11.7](https://www.rfc-editor.org/rfc/rfc6455#section-11.7)), 1004, 1005, 1006 and 1015
    /// ([7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)), and 1016 to 2999, which nobody has defined yet.
    ///
    /// ```
    /// use websocket_close::CloseCode;
    ///
    /// assert_eq!(CloseCode::new(4001).map(CloseCode::get), Ok(4001));
    /// assert_eq!(CloseCode::new(1005).unwrap_err().get(), 1005);
    /// ```
    #[inline]
    pub const fn new(code: u16) -> Result<Self, InvalidCloseCode> {
        match (code, NonZeroU16::new(code)) {
            (1000..=1003 | 1007..=1014 | 3000..=4999, Some(code)) => Ok(Self(code)),
            _ => Err(InvalidCloseCode(code)),
        }
    }

    /// Takes a literal; in a `const` a wrong one does not compile.
    ///
    /// # Panics
    ///
    /// If [`new`](Self::new) refuses the number.
    ///
    /// ```
    /// use websocket_close::CloseCode;
    ///
    /// const SESSION_TAKEN_OVER: CloseCode = CloseCode::from_static(4001);
    /// # assert!(SESSION_TAKEN_OVER.is_private());
    /// ```
    ///
    /// ```compile_fail,E0080
    /// use websocket_close::CloseCode;
    ///
    /// const NEVER_SENT: CloseCode = CloseCode::from_static(1006);
    /// # let _ = NEVER_SENT;
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn from_static(code: u16) -> Self {
        match Self::new(code) {
            Ok(code) => code,
            Err(_) => panic!("this status code may not stand in a Close frame"),
        }
    }

    /// The number.
    ///
    /// ```
    /// # use websocket_close::CloseCode;
    /// assert_eq!(CloseCode::BAD_GATEWAY.get(), 1014);
    /// ```
    #[inline]
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The name in the registry; see [`registry::name`](crate::registry::name).
    ///
    /// ```
    /// # use websocket_close::CloseCode;
    /// assert_eq!(CloseCode::INVALID_PAYLOAD.name(), "Invalid frame payload data");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        name(self.get())
    }

    /// What the code means, in a sentence; see [`registry::description`](crate::registry::description).
    ///
    /// ```
    /// # use websocket_close::CloseCode;
    /// assert!(CloseCode::BAD_GATEWAY.description().contains("upstream"));
    /// ```
    #[must_use]
    pub const fn description(self) -> &'static str {
        description(self.get())
    }

    /// Whether the code is in 3000 to 3999, the range for libraries, frameworks and applications, first come first served
    /// at IANA; nobody has to check that it is registered.
    /// [RFC 6455, 7.4.2](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.2)
    ///
    /// ```
    /// # use websocket_close::CloseCode;
    /// assert!(CloseCode::TIMEOUT.is_library());
    /// ```
    #[must_use]
    pub const fn is_library(self) -> bool {
        matches!(self.get(), 3000..=3999)
    }

    /// Whether the code is in 4000 to 4999, which mean what the two ends have agreed on.
    /// [RFC 6455, 7.4.2](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.2)
    ///
    /// ```
    /// # use websocket_close::CloseCode;
    /// assert!(CloseCode::from_static(4999).is_private());
    /// ```
    #[must_use]
    pub const fn is_private(self) -> bool {
        matches!(self.get(), 4000..=4999)
    }

    /// Whether a browser's `close()` takes the code: 1000 and 3000 to 4999.
    /// [WHATWG WebSockets](https://websockets.spec.whatwg.org/#dom-websocket-close)
    ///
    /// ```
    /// # use websocket_close::CloseCode;
    /// assert!(CloseCode::NORMAL_CLOSURE.allowed_from_script());
    /// assert!(!CloseCode::GOING_AWAY.allowed_from_script());
    /// ```
    #[must_use]
    pub const fn allowed_from_script(self) -> bool {
        matches!(self.get(), 1000 | 3000..=4999)
    }
}

/// `1001 (going away)`: the number, and the registry's name as a phrase.
impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_code(self.get(), f)
    }
}

/// `CloseCode(1001, "Going Away")`.
impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CloseCode").field(&self.get()).field(&self.name()).finish()
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidCloseCode;

    #[inline]
    fn try_from(code: u16) -> Result<Self, InvalidCloseCode> {
        Self::new(code)
    }
}

impl From<CloseCode> for u16 {
    #[inline]
    fn from(code: CloseCode) -> Self {
        code.get()
    }
}

impl PartialEq<u16> for CloseCode {
    #[inline]
    fn eq(&self, other: &u16) -> bool {
        self.get() == *other
    }
}

impl PartialEq<CloseCode> for u16 {
    #[inline]
    fn eq(&self, other: &CloseCode) -> bool {
        *self == other.get()
    }
}

/// A number that may not stand in a Close frame.
///
/// ```
/// use websocket_close::CloseCode;
///
/// let error = CloseCode::new(1015).unwrap_err();
/// assert_eq!(error.to_string(), "status code 1015 (TLS handshake) may not stand in a Close frame");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("status code {} may not stand in a Close frame", Phrase(*.0))]
pub struct InvalidCloseCode(u16);

impl InvalidCloseCode {
    /// The number that was refused.
    ///
    /// ```
    /// # use websocket_close::CloseCode;
    /// assert_eq!(CloseCode::new(999).unwrap_err().get(), 999);
    /// ```
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

struct Phrase(u16);

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_code(self.0, f)
    }
}

/// Writes any number as `1001 (going away)`.
pub(crate) fn fmt_code(code: u16, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{code} (")?;
    let mut letters = name(code).chars().peekable();
    while let Some(letter) = letters.next() {
        // "Going Away" becomes a phrase, the initials in "TLS handshake" stay.
        let starts_word = letters.peek().is_some_and(char::is_ascii_lowercase);
        f.write_char(if starts_word { letter.to_ascii_lowercase() } else { letter })?;
    }
    f.write_char(')')
}

/// The day on which the registry was last updated when [`REGISTRY`] was made from it.
pub const REGISTRY_DATE: &str = "2026-06-10";

/// A row of [`REGISTRY`]: a number or a range of numbers, its name and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Registration {
    /// The first number of the range.
    pub first: u16,
    /// The last number of the range, which is the first one for a single code.
    pub last: u16,
    /// The name in the registry; where it has none, what RFC 6455 calls the range.
    pub name: &'static str,
    /// What it means, in a sentence.
    pub description: &'static str,
}

const fn row(first: u16, last: u16, name: &'static str, description: &'static str) -> Registration {
    Registration { first, last, name, description }
}

const UNREGISTERED: &str = "In the range for libraries, frameworks and applications, not registered; may be sent all the same (RFC 6455, 7.4.2).";

/// The [IANA WebSocket Close Code Number Registry](https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number)
/// as of [`REGISTRY_DATE`], and what RFC 6455 says of all other numbers: every `u16` is in exactly one row, in order.
///
/// ```
/// use websocket_close::registry::REGISTRY;
///
/// let row = REGISTRY.iter().find(|row| row.first == 1013).unwrap();
/// assert_eq!((row.last, row.name), (1013, "Try Again Later"));
/// ```
pub const REGISTRY: &[Registration] = &ROWS;

#[rustfmt::skip]
const ROWS: [Registration; 26] = [
    row(0, 999, "Unused", "Not used (RFC 6455, 7.4.2); never sent."),
    row(1000, 1000, "Normal Closure", "The purpose of the connection is fulfilled."),
    row(1001, 1001, "Going Away", "The endpoint goes away: a server shuts down, a page was left."),
    row(1002, 1002, "Protocol error", "The peer broke the protocol."),
    row(1003, 1003, "Unsupported Data", "The kind of data is not acceptable, such as binary for a text-only endpoint."),
    row(1004, 1004, "Reserved", "Reserved without a meaning; never sent."),
    row(1005, 1005, "No Status Rcvd", "Reports a Close frame without a status code; never sent."),
    row(1006, 1006, "Abnormal Closure", "Reports a connection that ended without a Close frame from the peer; never sent."),
    row(1007, 1007, "Invalid frame payload data", "Data does not fit its type, such as text that is not UTF-8."),
    row(1008, 1008, "Policy Violation", "A refusal for which no other code fits, or whose cause is not to be told."),
    row(1009, 1009, "Message Too Big", "A message is too big to be processed."),
    row(1010, 1010, "Mandatory Ext.", "The server did not agree to an extension that the client needs; sent by clients only, the reason lists what was needed."),
    row(1011, 1011, "Internal Error", "Something unexpected kept the endpoint from going on."),
    row(1012, 1012, "Service Restart", "The service restarts; reconnect after a random 5 to 30 seconds."),
    row(1013, 1013, "Try Again Later", "The service is overloaded; try another of its addresses, or the same one only when the user asks."),
    row(1014, 1014, "Bad Gateway", "A gateway or proxy got a bad answer from its upstream, as HTTP's 502 says; refused by many stacks."),
    row(1015, 1015, "TLS handshake", "Reports a failed TLS handshake; never sent."),
    row(1016, 2999, "Unassigned", "Kept for revisions of the protocol and for extensions, none of which has defined it; never sent until one does."),
    row(3000, 3000, "Unauthorized", "The peer is not authenticated."),
    row(3001, 3002, "Unassigned", UNREGISTERED),
    row(3003, 3003, "Forbidden", "The peer may not do this."),
    row(3004, 3007, "Unassigned", UNREGISTERED),
    row(3008, 3008, "Timeout", "Something took too long."),
    row(3009, 3999, "Unassigned", UNREGISTERED),
    row(4000, 4999, "Private Use", "Means what the two ends have agreed on; cannot be registered."),
    row(5000, u16::MAX, "Out of Range", "Not a status code: those end at 4999 (RFC 6455, 11.7); never sent."),
];

/// The row of the registry that holds `code`.
const fn registration(code: u16) -> Registration {
    let [mut found, ref rest @ ..] = ROWS;
    let mut rest = rest.as_slice();
    while let [row, tail @ ..] = rest {
        if row.first > code {
            break;
        }
        found = *row;
        rest = tail;
    }
    found
}

/// The registered name of any number; where there is none, what RFC 6455 calls the range.
///
/// ```
/// use websocket_close::registry;
///
/// assert_eq!(registry::name(1006), "Abnormal Closure");
/// assert_eq!(registry::name(4321), "Private Use");
/// assert_eq!(registry::name(0), "Unused");
/// ```
#[must_use]
pub const fn name(code: u16) -> &'static str {
    registration(code).name
}

/// What any number means, in a sentence.
///
/// ```
/// use websocket_close::registry;
///
/// assert_eq!(registry::description(1005), "Reports a Close frame without a status code; never sent.");
/// ```
#[must_use]
pub const fn description(code: u16) -> &'static str {
    registration(code).description
}

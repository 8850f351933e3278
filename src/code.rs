//! `CloseCode`: a status code that a Close frame may carry.

use core::fmt;
use core::num::NonZeroU16;

use crate::names::{FmtNamed, Names, REGISTERED, fmt_code};
use crate::registry::{self, meaning};

/// A status code that a Close frame may carry: 1000 to 1003, 1007 to 1014, or 3000 to 4999.
///
/// RFC 6455 and the IANA registry let an endpoint send exactly these
/// ([7.4](https://www.rfc-editor.org/rfc/rfc6455#section-7.4),
/// [11.7](https://www.rfc-editor.org/rfc/rfc6455#section-11.7)). 1005, 1006 and 1015 are not among them: they report
/// what happened to a connection, so only a [`CloseEvent`](crate::CloseEvent) holds them. A new registration may widen
/// the set in a minor release. The set never shrinks.
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
///
/// With the feature `serde` it is a number. Reading a number that a Close frame may not carry is an error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(try_from = "u16", into = "u16"))]
pub struct CloseCode(NonZeroU16);

impl CloseCode {
    #[doc = concat!("1000. ", meaning!(1000))]
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// A script may pass only this code and 3000 to 4999 to a browser's `close()`.
    #[doc(alias = "CLOSE_NORMAL")]
    #[doc(alias = "WS_CLOSE_NORMAL")]
    pub const NORMAL_CLOSURE: Self = Self::from_static(1000);

    #[doc = concat!("1001. ", meaning!(1001))]
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// Browsers send it, without a reason, when the user leaves a page.
    #[doc(alias = "CLOSE_GOING_AWAY")]
    pub const GOING_AWAY: Self = Self::from_static(1001);

    #[doc = concat!("1002. ", meaning!(1002))]
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// It answers every bad Close frame, except one whose reason is not UTF-8.
    #[doc(alias = "CLOSE_PROTOCOL_ERROR")]
    pub const PROTOCOL_ERROR: Self = Self::from_static(1002);

    #[doc = concat!("1003. ", meaning!(1003))]
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    #[doc(alias = "CLOSE_UNSUPPORTED")]
    pub const UNSUPPORTED_DATA: Self = Self::from_static(1003);

    #[doc = concat!("1007. ", meaning!(1007))]
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// It answers a Close whose reason is not UTF-8. Some peers (Chromium, gorilla, gobwas, Beast) answer 1002 there.
    #[doc(alias = "CLOSE_INVALID_DATA")]
    #[doc(alias = "CLOSE_INCONSISTENT_DATA")]
    pub const INVALID_PAYLOAD: Self = Self::from_static(1007);

    #[doc = concat!("1008. ", meaning!(1008))]
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    #[doc(alias = "CLOSE_POLICY_VIOLATION")]
    pub const POLICY_VIOLATION: Self = Self::from_static(1008);

    #[doc = concat!("1009. ", meaning!(1009))]
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// Old tables gave the name `CLOSE_TOO_LARGE` to 1004, which never had a meaning.
    #[doc(alias = "CLOSE_TOO_LARGE")]
    pub const MESSAGE_TOO_BIG: Self = Self::from_static(1009);

    #[doc = concat!("1010. ", meaning!(1010))]
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// A server fails the opening handshake instead. It sends this code only to echo a client's.
    #[doc(alias = "CLOSE_EXTENSION_REQUIRED")]
    pub const MANDATORY_EXTENSION: Self = Self::from_static(1010);

    #[doc = concat!("1011. ", meaning!(1011))]
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    ///
    /// The RFC speaks of servers; [erratum 3227](https://www.rfc-editor.org/errata/eid3227) allows it to both ends.
    #[doc(alias = "CLOSE_UNEXPECTED_CONDITION")]
    #[doc(alias = "INTERNAL_SERVER_ERROR")]
    pub const INTERNAL_ERROR: Self = Self::from_static(1011);

    #[doc = concat!("1012. ", meaning!(1012))]
    /// [Registration](https://www.ietf.org/mail-archive/web/hybi/current/msg09670.html)
    ///
    /// A server's code. libwebsockets, uWebSockets and gobwas refuse 1012 to 1014.
    pub const SERVICE_RESTART: Self = Self::from_static(1012);

    #[doc = concat!("1013. ", meaning!(1013))]
    /// [Registration](https://www.ietf.org/mail-archive/web/hybi/current/msg09670.html)
    ///
    /// A server's code. libwebsockets, uWebSockets and gobwas refuse 1012 to 1014.
    pub const TRY_AGAIN_LATER: Self = Self::from_static(1013);

    #[doc = concat!("1014. ", meaning!(1014))]
    /// [Registration](https://www.ietf.org/mail-archive/web/hybi/current/msg10748.html)
    ///
    /// Legal, but **refused as a protocol error by** tungstenite, fastwebsockets, gorilla, gobwas, wsproto,
    /// autobahn-python, libwebsockets, uWebSockets and Deno, and by Beast before June 2026. To reach all of those, send
    /// [`INTERNAL_ERROR`](Self::INTERNAL_ERROR).
    pub const BAD_GATEWAY: Self = Self::from_static(1014);

    #[doc = concat!("3000. ", meaning!(3000))]
    /// [IANA](https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number)
    ///
    /// Only the name is registered. `SaltyRTC` has used 3000 to 3008 with its own meanings since before that.
    /// uWebSockets refuses 3000 to 3999.
    pub const UNAUTHORIZED: Self = Self::from_static(3000);

    #[doc = concat!("3003. ", meaning!(3003))]
    /// [IANA](https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number)
    ///
    /// Only the name is registered. In `SaltyRTC` 3003 means a handover. uWebSockets refuses 3000 to 3999.
    pub const FORBIDDEN: Self = Self::from_static(3003);

    #[doc = concat!("3008. ", meaning!(3008))]
    /// [IANA](https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number)
    ///
    /// Only the name is registered. uWebSockets refuses 3000 to 3999.
    pub const TIMEOUT: Self = Self::from_static(3008);

    /// Takes a number that a Close frame may carry.
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
    pub const fn new(code: u16) -> Result<Self, InvalidCloseCode> {
        match (code, NonZeroU16::new(code)) {
            (1000..=1003 | 1007..=1014 | 3000..=4999, Some(code)) => Ok(Self(code)),
            _ => Err(InvalidCloseCode(code)),
        }
    }

    /// Takes a literal. In a `const`, a wrong one does not compile.
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
            Err(_) => panic!("this status code is not allowed in a Close frame"),
        }
    }

    /// The number.
    ///
    /// ```
    /// # use websocket_close::CloseCode;
    /// assert_eq!(CloseCode::BAD_GATEWAY.get(), 1014);
    /// ```
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The name in the registry; see [`registry::name`].
    ///
    /// ```
    /// # use websocket_close::CloseCode;
    /// assert_eq!(CloseCode::INVALID_PAYLOAD.name(), "Invalid frame payload data");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        registry::name(self.get())
    }

    /// What the code means; see [`registry::description`].
    ///
    /// ```
    /// # use websocket_close::CloseCode;
    /// assert!(CloseCode::BAD_GATEWAY.description().contains("upstream"));
    /// ```
    #[must_use]
    pub const fn description(self) -> &'static str {
        registry::description(self.get())
    }

    /// Whether the code is in 3000 to 3999, the range for libraries, frameworks and applications. IANA registers these
    /// codes, but nobody has to check that a code is registered.
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

    /// Whether the code is in 4000 to 4999. These mean what the two ends have agreed on.
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

    /// Whether a browser's `close()` accepts the code: 1000 and 3000 to 4999.
    /// [WHATWG WebSockets](https://websockets.spec.whatwg.org/#dom-websocket-close)
    ///
    /// ```
    /// # use websocket_close::CloseCode;
    /// assert!(CloseCode::NORMAL_CLOSURE.is_allowed_from_script());
    /// assert!(!CloseCode::GOING_AWAY.is_allowed_from_script());
    /// ```
    #[must_use]
    pub const fn is_allowed_from_script(self) -> bool {
        matches!(self.get(), 1000 | 3000..=4999)
    }
}

impl FmtNamed for CloseCode {
    fn fmt_named(&self, names: Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_code(self.get(), names, f)
    }
}

/// `1001 (going away)`: the number, and the registry's name as a phrase.
impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_named(REGISTERED, f)
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

/// A number that is not allowed in a Close frame.
///
/// ```
/// use websocket_close::CloseCode;
///
/// let error = CloseCode::new(1015).unwrap_err();
/// assert_eq!(error.to_string(), "status code 1015 (TLS handshake) is not allowed in a Close frame");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("status code {} is not allowed in a Close frame", Phrase(*.0))]
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
        fmt_code(self.0, REGISTERED, f)
    }
}

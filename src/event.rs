//! `CloseEvent`: code, reason and wasClean, what an application is told when its WebSocket has ended.

use core::fmt;

use arrayvec::ArrayString;

use crate::code::{CloseCode, fmt_code};
use crate::frame::{CloseFrame, MAX_REASON_LEN, ReasonTooLong};
use crate::utf8;

/// 1005, which reports a Close without a status code.
const NO_STATUS_RCVD: u16 = 1005;
/// 1006, which reports that no Close was received, or that the connection was failed.
const ABNORMAL_CLOSURE: u16 = 1006;
/// 1015, which reports a failed TLS handshake.
const TLS_HANDSHAKE: u16 = 1015;

/// How a WebSocket ended, as the [HTML standard's `CloseEvent`](https://websockets.spec.whatwg.org/#closeevent) tells it.
///
/// The three facts are independent: `wasClean` says whether the closing handshake was completed, not whether all was well, so
/// that 1011 can be clean and 1000 unclean. Unlike a [`CloseFrame`] an event can hold any code, such as
/// 1005 (a Close without a code came) and 1006 (no valid Close came). A [`ClosingHandshake`](crate::ClosingHandshake)
/// ends in one.
///
/// The only deviation from the DOM's type: a reason of more than 123 bytes is refused, since none ever comes over the wire and
/// so the event can store it inline.
///
/// ```
/// use websocket_close::{CloseEvent, CloseEventInit};
///
/// let event = CloseEvent::new(CloseEventInit { code: 1000, was_clean: true, ..Default::default() })?;
/// assert_eq!((event.code(), event.reason(), event.was_clean()), (1000, "", true));
/// assert_eq!(event.to_string(), "1000 (normal closure), clean");
/// # Ok::<(), websocket_close::ReasonTooLong>(())
/// ```
///
/// With the feature `serde` it is `{"code":1000,"reason":"","wasClean":true}`, both ways. Reading it, each of the three must be
/// there, and what else there is, such as the `type` of the DOM's event, is passed over.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "camelCase"))]
pub struct CloseEvent {
    code: u16,
    reason: ArrayString<MAX_REASON_LEN>,
    was_clean: bool,
}

/// What [`CloseEvent::new`] takes; the defaults are the standard's: code 0, no reason, not clean.
/// [WHATWG WebSockets](https://websockets.spec.whatwg.org/#dictdef-closeeventinit)
///
/// ```
/// use websocket_close::CloseEventInit;
///
/// let init = CloseEventInit::default();
/// assert_eq!((init.code, init.reason, init.was_clean), (0, "", false));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CloseEventInit<'a> {
    /// Any number; the standard does not check it.
    pub code: u16,
    /// At most 123 bytes.
    pub reason: &'a str,
    /// Whether the closing handshake was completed.
    pub was_clean: bool,
}

impl CloseEvent {
    /// Builds an event by hand, as the DOM's constructor does.
    ///
    /// # Errors
    ///
    /// [`ReasonTooLong`] for a reason of more than 123 bytes.
    ///
    /// ```
    /// use websocket_close::{CloseEvent, CloseEventInit};
    ///
    /// assert_eq!(CloseEvent::new(CloseEventInit::default()).map(|event| event.code()), Ok(0));
    /// let long = "a".repeat(124);
    /// assert!(CloseEvent::new(CloseEventInit { reason: &long, ..Default::default() }).is_err());
    /// ```
    pub fn new(init: CloseEventInit<'_>) -> Result<Self, ReasonTooLong> {
        let reason = ArrayString::from(init.reason).map_err(|_| ReasonTooLong::new(init.reason.len()))?;
        Ok(Self { code: init.code, was_clean: init.was_clean, reason })
    }

    /// The end of a connection on which no valid Close was received: 1006, no reason, not clean.
    /// [RFC 6455, 7.1.5](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.5)
    pub(crate) fn abnormal() -> Self {
        Self { code: ABNORMAL_CLOSURE, was_clean: false, reason: ArrayString::new() }
    }

    /// The end of a connection on which `frame` was the first Close received.
    /// [RFC 6455, 7.1.5](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.5),
    /// [7.1.6](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.6)
    pub(crate) fn received(frame: CloseFrame<'_>, was_clean: bool) -> Self {
        Self { code: frame.code().map_or(NO_STATUS_RCVD, CloseCode::get), was_clean, reason: frame.into_owned().reason }
    }

    /// What a lenient client reports for the payload of a Close that it then answers: **not** what this crate thinks right.
    ///
    /// It is Chromium's behaviour, for telling what a page will see when a server misbehaves: any code but 1005, 1006 and 1015
    /// is handed to the page. Those three, a payload of one byte or of more than 125, and a reason that is not UTF-8 give 1006,
    /// not clean.
    ///
    /// ```
    /// use websocket_close::CloseEvent;
    ///
    /// assert_eq!(CloseEvent::observed(&[0x00, 0x07]).to_string(), "7 (unused), clean");
    /// assert_eq!(CloseEvent::observed(&[0x03, 0xed]).to_string(), "1006 (abnormal closure), not clean");
    /// ```
    #[must_use]
    pub fn observed(payload: &[u8]) -> Self {
        let (code, reason) = match payload {
            [] => (NO_STATUS_RCVD, [].as_slice()),
            [high, low, reason @ ..] => match u16::from_be_bytes([*high, *low]) {
                NO_STATUS_RCVD | ABNORMAL_CLOSURE | TLS_HANDSHAKE => return Self::abnormal(),
                code => (code, reason),
            },
            [_] => return Self::abnormal(),
        };
        let event = utf8::check(reason).map(|reason| Self::new(CloseEventInit { code, reason, was_clean: true }));
        event.ok().and_then(Result::ok).unwrap_or_else(Self::abnormal)
    }

    /// The status code: what the peer's Close said, 1005 if it said none, 1006 if none came.
    ///
    /// ```
    /// # use websocket_close::{ClosingHandshake, Role};
    /// assert_eq!(ClosingHandshake::new(Role::Client).finish().code(), 1006);
    /// ```
    #[inline]
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The reason that the peer's Close gave, or nothing. It is for logs and for programs, not for the user of a client.
    ///
    /// ```
    /// # use websocket_close::CloseEvent;
    /// assert_eq!(CloseEvent::observed(b"\x03\xe8done").reason(), "done");
    /// ```
    #[inline]
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether the connection was closed *cleanly*: a Close was received and one was sent.
    /// [RFC 6455, 7.1.4](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.4)
    ///
    /// ```
    /// # use websocket_close::{ClosingHandshake, Role};
    /// assert!(!ClosingHandshake::new(Role::Client).finish().was_clean());
    /// ```
    #[inline]
    #[must_use]
    pub const fn was_clean(&self) -> bool {
        self.was_clean
    }

    /// The frame that passes this event on, for a proxy: the same code and reason, an empty frame for 1005, and `None` for
    /// 1006, 1015 and every other code that may not be sent. (1005 with a reason, which only [`new`](Self::new) can build,
    /// loses it.)
    ///
    /// ```
    /// use websocket_close::{CloseCode, CloseEvent, CloseFrame, ClosingHandshake, Role};
    ///
    /// // The upstream was lost: 1006 cannot be said, so say what happened here.
    /// let upstream = ClosingHandshake::new(Role::Client).finish();
    /// let frame = upstream.to_frame().unwrap_or(CloseFrame::from_code(CloseCode::BAD_GATEWAY));
    /// assert_eq!(frame.code(), Some(CloseCode::BAD_GATEWAY));
    /// ```
    #[must_use]
    pub fn to_frame(&self) -> Option<CloseFrame<'_>> {
        if self.code == NO_STATUS_RCVD {
            return Some(CloseFrame::EMPTY);
        }
        let code = CloseCode::new(self.code).ok()?;
        CloseFrame::new(code, &self.reason).ok()
    }
}

/// `1001 (going away) "see you", clean`. The reason is quoted as in the `Display` of a [`CloseFrame`].
impl fmt::Display for CloseEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_code(self.code, f)?;
        if !self.reason.is_empty() {
            write!(f, " {:?}", self.reason())?;
        }
        f.write_str(if self.was_clean { ", clean" } else { ", not clean" })
    }
}

impl fmt::Debug for CloseEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseEvent")
            .field("code", &self.code)
            .field("reason", &self.reason())
            .field("was_clean", &self.was_clean)
            .finish()
    }
}

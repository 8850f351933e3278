//! `CloseEvent`: code, reason and wasClean, what an application learns when its WebSocket has ended.

use core::fmt;

use arrayvec::ArrayString;

use crate::code::CloseCode;
use crate::frame::{CloseFrame, MAX_REASON_LEN, ReasonTooLong, fmt_reason};
use crate::names::{FmtNamed, Names, REGISTERED, fmt_code};
use crate::role::Role;

/// How a WebSocket ended, as the [HTML standard's `CloseEvent`](https://websockets.spec.whatwg.org/#closeevent) tells
/// it.
///
/// The three facts are independent. `wasClean` says whether the closing handshake was completed, not whether all was
/// well: 1011 can be clean and 1000 unclean. Unlike a [`CloseFrame`], an event can hold any code, such as 1005 (a Close
/// without a code came) and 1006 (no valid Close came). A [`ClosingHandshake`](crate::ClosingHandshake) yields one.
///
/// It differs from the DOM's type in one point: it refuses a reason of more than 123 bytes. No such reason comes over
/// the wire, and so the event can store its reason inline.
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
/// With the feature `serde` it is `{"code":1000,"reason":"","wasClean":true}`, both ways. When deserializing, all three
/// fields are required and unknown ones, such as the `type` of the DOM's event, are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "camelCase"))]
pub struct CloseEvent {
    code: u16,
    reason: ArrayString<MAX_REASON_LEN>,
    was_clean: bool,
}

/// What [`CloseEvent::new`] takes. The defaults are the standard's: code 0, no reason, not clean.
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
    /// The `type` of the DOM's event: `"close"`.
    pub const TYPE: &'static str = "close";

    /// 1005: the peer's Close had no status code. It is never sent.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    pub const NO_STATUS_RECEIVED: u16 = 1005;

    /// 1006: no valid Close came, or we failed the connection. It is never sent.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    pub const ABNORMAL_CLOSURE: u16 = 1006;

    /// 1015: the TLS handshake failed. It is never sent, and browsers report 1006 instead.
    /// [RFC 6455, 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)
    pub const TLS_HANDSHAKE: u16 = 1015;

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

    /// The end of a connection on which no valid Close came: 1006, no reason, not clean.
    /// [RFC 6455, 7.1.5](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.5)
    pub(crate) fn abnormal() -> Self {
        Self { code: Self::ABNORMAL_CLOSURE, was_clean: false, reason: ArrayString::new() }
    }

    /// The end of a connection on which `frame` was the first Close that came.
    /// [RFC 6455, 7.1.5](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.5),
    /// [7.1.6](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.6)
    pub(crate) fn received(frame: CloseFrame<'_>, was_clean: bool) -> Self {
        let code = frame.code().map_or(Self::NO_STATUS_RECEIVED, CloseCode::get);
        Self { code, was_clean, reason: frame.into_owned().reason }
    }

    /// What Chromium reports for this payload, which is not what the RFC requires.
    ///
    /// It tells what a page will see when a server misbehaves. Chromium hands any code but 1005, 1006 and 1015 to the
    /// page, and answers with it. Those three, a payload of one byte or of more than 125, and a reason that is not
    /// UTF-8 give 1006, not clean.
    ///
    /// ```
    /// use websocket_close::CloseEvent;
    ///
    /// assert_eq!(CloseEvent::observed(&[0x00, 0x07]).to_string(), "7 (unused), clean");
    /// assert_eq!(CloseEvent::observed(&[0x03, 0xed]).to_string(), "1006 (abnormal closure), not clean");
    /// ```
    #[must_use]
    pub fn observed(payload: &[u8]) -> Self {
        let (code, reason) = match CloseFrame::unjudged(payload) {
            Ok(None) => (Self::NO_STATUS_RECEIVED, ""),
            Ok(Some((Self::NO_STATUS_RECEIVED | Self::ABNORMAL_CLOSURE | Self::TLS_HANDSHAKE, _))) | Err(_) => {
                return Self::abnormal();
            }
            Ok(Some(parts)) => parts,
        };
        Self::new(CloseEventInit { code, reason, was_clean: true }).unwrap_or_else(|_| Self::abnormal())
    }

    /// The status code: that of the peer's Close, 1005 if the Close had none, 1006 if no valid Close came.
    ///
    /// ```
    /// # use websocket_close::{CloseEvent, ClosingHandshake, Role};
    /// assert_eq!(ClosingHandshake::new(Role::Client).event().code(), CloseEvent::ABNORMAL_CLOSURE);
    /// ```
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The same for a `match` with the constants of [`CloseCode`]; `None` for 1005, 1006 and every other number that a
    /// Close frame may not carry.
    ///
    /// ```
    /// # use websocket_close::{CloseCode, CloseEvent};
    /// let event = CloseEvent::observed(b"\x03\xf4");
    /// let advice = match event.close_code() {
    ///     Some(CloseCode::SERVICE_RESTART) => "reconnect soon",
    ///     Some(_) => "ask the user",
    ///     None => "nobody said why",
    /// };
    /// assert_eq!(advice, "reconnect soon");
    /// ```
    #[must_use]
    pub const fn close_code(&self) -> Option<CloseCode> {
        match CloseCode::new(self.code) {
            Ok(code) => Some(code),
            Err(_) => None,
        }
    }

    /// The reason in the peer's Close, or nothing. It is for logs and for programs, not for the user of a client.
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

    /// Whether the connection was closed *cleanly*: we received a Close and wrote one.
    /// [RFC 6455, 7.1.4](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.4)
    ///
    /// ```
    /// # use websocket_close::{ClosingHandshake, Role};
    /// assert!(!ClosingHandshake::new(Role::Client).event().was_clean());
    /// ```
    #[must_use]
    pub const fn was_clean(&self) -> bool {
        self.was_clean
    }

    /// The frame that says the same: code and reason, or an empty frame for 1005. `None` for 1006, 1015 and every other
    /// code that may not be sent. (1005 loses its reason, which only [`new`](Self::new) can give it.)
    ///
    /// ```
    /// use websocket_close::{CloseEvent, CloseFrame};
    ///
    /// assert_eq!(CloseEvent::observed(b"").to_frame(), Some(CloseFrame::EMPTY));
    /// assert_eq!(CloseEvent::observed(b"\x03").to_frame(), None);
    /// ```
    #[must_use]
    pub fn to_frame(&self) -> Option<CloseFrame<'_>> {
        if self.code == Self::NO_STATUS_RECEIVED {
            return Some(CloseFrame::EMPTY);
        }
        CloseFrame::from_parts(self.code, &self.reason).ok()
    }

    /// The Close with which a proxy passes this event on to its other end. `from` is the end that it came from.
    ///
    /// It is [`to_frame`](Self::to_frame) where that exists, and so never 1005, 1006 or 1015. If the end is lost or
    /// said something that may not be sent, a client hears 1014 ([`BAD_GATEWAY`](CloseCode::BAD_GATEWAY)) about the
    /// server, and a server hears 1001 ([`GOING_AWAY`](CloseCode::GOING_AWAY)) about the client.
    ///
    /// ```
    /// use websocket_close::{CloseCode, CloseEvent, CloseFrame, ClosingHandshake, Role};
    ///
    /// let said = CloseEvent::observed(b"\x0f\xa1bye");
    /// assert_eq!(said.forward(Role::Server), CloseFrame::from_static(4001, "bye"));
    ///
    /// // The proxy is a client of the server that it has lost.
    /// let lost = ClosingHandshake::new(Role::Client).event();
    /// assert_eq!(lost.forward(Role::Server).code(), Some(CloseCode::BAD_GATEWAY));
    /// ```
    #[must_use]
    pub fn forward(&self, from: Role) -> CloseFrame<'_> {
        self.to_frame().unwrap_or(CloseFrame::from_code(match from {
            Role::Server => CloseCode::BAD_GATEWAY,
            Role::Client => CloseCode::GOING_AWAY,
        }))
    }
}

impl FmtNamed for CloseEvent {
    fn fmt_named(&self, names: Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_code(self.code, names, f)?;
        fmt_reason(&self.reason, f)?;
        f.write_str(if self.was_clean { ", clean" } else { ", not clean" })
    }
}

/// `1001 (going away) "see you", clean`. The reason is quoted as in the `Display` of a [`CloseFrame`].
impl fmt::Display for CloseEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_named(REGISTERED, f)
    }
}

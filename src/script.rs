//! The argument checks of the browser API's `close(code, reason)`, for engines and runtimes that implement it.

use crate::code::CloseCode;
use crate::frame::{CloseFrame, ReasonTooLong};

/// The Close that a script's `close(code, reason)` sends, or the exception that it throws.
/// [WHATWG WebSockets, `close()`](https://websockets.spec.whatwg.org/#dom-websocket-close)
///
/// The checks come before any look at the state of the socket: they throw even on one that is closed. An argument that
/// the script left out (or that is `undefined`) is `None`. With neither argument the Close has no body. A reason alone
/// goes with 1000 if it is not empty, as `WebSocketStream` has it; the text of `close()` is silent there.
///
/// The engine converts the arguments before this call. Lone surrogates of a `USVString` are U+FFFD by then, three bytes
/// each. The code depends on the API:
///
/// | API | its code is a | 1000.9 | 66536 | `NaN` |
/// |---|---|---|---|---|
/// | `close(code, reason)` of `WebSocket` | [`[Clamp] unsigned short`][clamp] | 1001 | 65535 | 0 |
/// | `close({closeCode, ..})` of `WebSocketStream` | [`[EnforceRange] unsigned short`][range] | 1000 | error | error |
///
/// The errors are of the type `TypeError`.
///
/// [clamp]: https://webidl.spec.whatwg.org/#Clamp
/// [range]: https://webidl.spec.whatwg.org/#EnforceRange
///
/// # `WebSocketStream`
///
/// [It is a draft](https://github.com/whatwg/websockets/pull/48). Its `close()` and the constructor of its
/// `WebSocketError` make the same checks. When a script aborts or cancels one of its streams, the draft *closes using
/// reason*: if the reason is a `WebSocketError`, its code and its reason are sent; if not, neither. An error that the
/// engine made itself may hold what no script may send, such as 1006. Then both are discarded, and the Close has no
/// body:
///
/// ```
/// use websocket_close::{CloseFrame, script};
///
/// /// `error` is the `closeCode` and the `reason` of a `WebSocketError`, if the reason is one.
/// fn close_using_reason<'a>(error: Option<(Option<u16>, &'a str)>) -> CloseFrame<'a> {
///     let (code, reason) = error.unwrap_or_default();
///     script::close(code, Some(reason)).unwrap_or(CloseFrame::EMPTY)
/// }
///
/// assert_eq!(close_using_reason(Some((Some(3456), "pizza"))), CloseFrame::from_static(3456, "pizza"));
/// assert_eq!(close_using_reason(Some((Some(1006), ""))), CloseFrame::EMPTY);
/// assert_eq!(close_using_reason(None), CloseFrame::EMPTY);
/// ```
///
/// # Errors
///
/// In this order: [`Error::InvalidAccess`] for a code that is neither 1000 nor 3000 to 4999; [`Error::Syntax`] for a
/// reason of more than 123 bytes of UTF-8.
///
/// ```
/// use websocket_close::{CloseFrame, script};
///
/// assert_eq!(script::close(None, None), Ok(CloseFrame::EMPTY));
/// assert_eq!(script::close(Some(4001), Some("bye")), Ok(CloseFrame::from_static(4001, "bye")));
/// assert_eq!(script::close(Some(1001), None).unwrap_err().name(), "InvalidAccessError");
/// ```
pub fn close(code: Option<u16>, reason: Option<&str>) -> Result<CloseFrame<'_>, Error> {
    let reason = reason.unwrap_or_default();
    let code = match code {
        // Step 1: "neither 1000 nor in the range 3000 to 4999".
        Some(code) => match CloseCode::new(code) {
            Ok(code) if code.is_allowed_from_script() => code,
            _ => return Err(Error::InvalidAccess(code)),
        },
        None if reason.is_empty() => return Ok(CloseFrame::EMPTY),
        None => CloseCode::NORMAL_CLOSURE,
    };
    // Step 2: "longer than 123 bytes".
    CloseFrame::new(code, reason).map_err(Error::Syntax)
}

/// The exception that `close()` throws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Error {
    /// The code is neither 1000 nor 3000 to 4999: an `InvalidAccessError`.
    #[error("the code {0} is neither 1000 nor in the range 3000 to 4999")]
    InvalidAccess(u16),
    /// The reason is too long: a `SyntaxError`.
    #[error(transparent)]
    Syntax(ReasonTooLong),
}

impl Error {
    /// The name of the `DOMException`.
    ///
    /// ```
    /// use websocket_close::script;
    ///
    /// let long = "a".repeat(124);
    /// assert_eq!(script::close(Some(1000), Some(&long)).unwrap_err().name(), "SyntaxError");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidAccess(_) => "InvalidAccessError",
            Self::Syntax(_) => "SyntaxError",
        }
    }
}

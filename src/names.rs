//! How a status code is displayed, and `Named`, which displays an application's own names for 4000 to 4999.

use core::fmt::{self, Write};

use crate::registry;

/// Names for codes from 4000 to 4999; `None` where the application has none.
pub(crate) type Names = fn(u16) -> Option<&'static str>;

/// Displays a value with an application's own names for the codes 4000 to 4999, which the registry cannot know.
///
/// It works for [`CloseCode`](crate::CloseCode), [`CloseFrame`](crate::CloseFrame),
/// [`OwnedCloseFrame`](crate::OwnedCloseFrame), [`CloseEvent`](crate::CloseEvent),
/// [`ClosingState`](crate::ClosingState), [`ClosingHandshake`](crate::ClosingHandshake) and [`Ending`](crate::Ending).
///
/// ```
/// use websocket_close::{CloseFrame, Named};
///
/// fn name(code: u16) -> Option<&'static str> {
///     match code {
///         4001 => Some("session taken over"),
///         _ => None,
///     }
/// }
///
/// let close = CloseFrame::from_static(4001, "bye");
/// assert_eq!(close.to_string(), r#"4001 (private use) "bye""#);
/// assert_eq!(Named(&close, name).to_string(), r#"4001 (session taken over) "bye""#);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Named<'a, T>(
    /// The value to display.
    pub &'a T,
    /// The name of a code from 4000 to 4999. It is not asked about other codes.
    pub fn(u16) -> Option<&'static str>,
);

impl<T: FmtNamed> fmt::Display for Named<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_named(self.1, f)
    }
}

/// What every displayed type with a status code implements once, for `Display` and for `Named`. Nobody else can.
pub trait FmtNamed {
    #[doc(hidden)]
    fn fmt_named(&self, names: Names, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// The registry's names alone, for `Display`.
pub(crate) const REGISTERED: Names = |_| None;

/// Writes any number as `1001 (going away)`.
pub(crate) fn fmt_code(code: u16, names: Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let name = if matches!(code, 4000..=4999) { names(code) } else { None };
    if let Some(name) = name {
        return write!(f, "{code} ({name})");
    }
    write!(f, "{code} (")?;
    let mut letters = registry::name(code).chars().peekable();
    while let Some(letter) = letters.next() {
        // "Going Away" becomes a phrase; the initials in "TLS handshake" stay.
        let starts_word = letters.peek().is_some_and(char::is_ascii_lowercase);
        f.write_char(if starts_word { letter.to_ascii_lowercase() } else { letter })?;
    }
    f.write_char(')')
}

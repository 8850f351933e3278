//! `Time`: a moment of a capture, in nanoseconds.

/// Nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(i128);

/// Nanoseconds between two moments; below zero if packets were captured out of order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(i128);

impl Time {
    pub(crate) fn new(seconds: i64, nanos: u64) -> Self {
        Self(i128::from(seconds) * 1_000_000_000 + i128::from(nanos))
    }

    pub(crate) fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(i128::try_from(since.as_nanos()).unwrap_or(0))
    }

    pub(crate) const fn since(self, earlier: Self) -> Span {
        Span(self.0 - earlier.0)
    }

    /// In seconds since 1970, for JSON.
    pub(crate) fn seconds(self) -> Seconds {
        Seconds(self.0)
    }
}

impl Span {
    pub(crate) const fn millis(millis: i128) -> Self {
        Self(millis * 1_000_000)
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }

    /// In seconds, for JSON.
    pub(crate) fn seconds(self) -> Seconds {
        Seconds(self.0)
    }
}

/// For a person: seconds with three places.
impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = (self.0.abs() + 500_000) / 1_000_000;
        let text = format!("{}{}.{:03}", if self.0 < 0 && millis > 0 { "-" } else { "" }, millis / 1000, millis % 1000);
        f.pad(&text)
    }
}

/// A JSON number: seconds with six places, without zeros at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(i128);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = (self.0.abs() + 500) / 1000;
        let text = format!(
            "{}{}.{:06}",
            if self.0 < 0 && micros > 0 { "-" } else { "" },
            micros / 1_000_000,
            micros % 1_000_000
        );
        let trimmed = text.trim_end_matches('0');
        write!(f, "{trimmed}{}", if trimmed.ends_with('.') { "0" } else { "" })
    }
}

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
    pub(crate) fn seconds(self) -> f64 {
        Span(self.0).seconds()
    }
}

impl Span {
    pub(crate) const fn millis(millis: i128) -> Self {
        Self(millis * 1_000_000)
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }

    /// In seconds, to a millionth, for JSON.
    #[expect(clippy::cast_precision_loss, reason = "53 bits of millionths last for 285 years")]
    pub(crate) fn seconds(self) -> f64 {
        let micros = (self.0.abs() + 500) / 1000 * self.0.signum();
        micros as f64 / 1e6
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

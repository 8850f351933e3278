//! The dated IANA table of status codes: a name and a description for every `u16`.

/// What a registered code means. The rows below and the documentation of the constants in `code.rs` both read it from
/// here.
#[rustfmt::skip]
macro_rules! meaning {
    (1000) => { "The connection has served its purpose." };
    (1001) => { "An endpoint is going away: a server shuts down, or a page was left." };
    (1002) => { "The peer broke the protocol." };
    (1003) => { "The endpoint cannot accept this kind of data, for example binary where it expects text." };
    (1007) => { "The data does not fit its type, for example text that is not UTF-8." };
    (1008) => { "Refused for a reason that no other code covers, or that is kept private." };
    (1009) => { "A message is too big to process." };
    (1010) => { "The server did not agree to an extension that the client needs. Only clients send this code; \
                the reason lists the extensions." };
    (1011) => { "Something unexpected kept the endpoint from going on." };
    (1012) => { "The service restarts. Reconnect after a random delay of 5 to 30 seconds." };
    (1013) => { "The service is overloaded. Try another of its addresses, or the same one only when the user asks." };
    (1014) => { "A gateway or proxy got a bad answer from its upstream, like HTTP's 502. Many stacks refuse it." };
    (3000) => { "The peer is not authenticated." };
    (3003) => { "The peer may not do this." };
    (3008) => { "Something took too long." };
}
pub(crate) use meaning;

/// The day of the registry's last update when this table was made.
pub const REGISTRY_DATE: &str = "2026-06-10";

/// A row of [`REGISTRY`]: a number or a range of numbers, its name, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Registration {
    /// The first number of the range.
    pub first: u16,
    /// The last number of the range. For a single code it equals `first`.
    pub last: u16,
    /// IANA's name, with its two abbreviations written out. Where IANA has no name, what RFC 6455 calls the range.
    pub name: &'static str,
    /// What it means, in a sentence or two.
    pub description: &'static str,
}

const fn row(first: u16, last: u16, name: &'static str, description: &'static str) -> Registration {
    Registration { first, last, name, description }
}

const UNREGISTERED: &str =
    "In the range for libraries, frameworks and applications. Not registered, but it may be sent (RFC 6455, 7.4.2).";

/// The [IANA WebSocket Close Code Number Registry][iana] as of [`REGISTRY_DATE`], and what RFC 6455 says about all
/// other numbers. Every `u16` is in exactly one row; the rows are in order.
///
/// ```
/// use websocket_close::registry::REGISTRY;
///
/// let row = REGISTRY.iter().find(|row| row.first == 1013).unwrap();
/// assert_eq!((row.last, row.name), (1013, "Try Again Later"));
/// ```
///
/// [iana]: https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number
pub const REGISTRY: &[Registration] = &ROWS;

#[rustfmt::skip]
const ROWS: [Registration; 26] = [
    row(0, 999, "Unused", "Not used (RFC 6455, 7.4.2); never sent."),
    row(1000, 1000, "Normal Closure", meaning!(1000)),
    row(1001, 1001, "Going Away", meaning!(1001)),
    row(1002, 1002, "Protocol error", meaning!(1002)),
    row(1003, 1003, "Unsupported Data", meaning!(1003)),
    row(1004, 1004, "Reserved", "Reserved, without a meaning; never sent."),
    row(1005, 1005, "No Status Received", "Reports a Close frame without a status code; never sent."),
    row(1006, 1006, "Abnormal Closure",
        "Reports that the connection ended without a Close frame from the peer; never sent."),
    row(1007, 1007, "Invalid frame payload data", meaning!(1007)),
    row(1008, 1008, "Policy Violation", meaning!(1008)),
    row(1009, 1009, "Message Too Big", meaning!(1009)),
    row(1010, 1010, "Mandatory Extension", meaning!(1010)),
    row(1011, 1011, "Internal Error", meaning!(1011)),
    row(1012, 1012, "Service Restart", meaning!(1012)),
    row(1013, 1013, "Try Again Later", meaning!(1013)),
    row(1014, 1014, "Bad Gateway", meaning!(1014)),
    row(1015, 1015, "TLS handshake", "Reports that the TLS handshake failed; never sent."),
    row(1016, 2999, "Unassigned",
        "Reserved for future protocol versions and extensions; never sent until one defines it."),
    row(3000, 3000, "Unauthorized", meaning!(3000)),
    row(3001, 3002, "Unassigned", UNREGISTERED),
    row(3003, 3003, "Forbidden", meaning!(3003)),
    row(3004, 3007, "Unassigned", UNREGISTERED),
    row(3008, 3008, "Timeout", meaning!(3008)),
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

/// The [name](Registration::name) of any number. There are few names, so they are safe as labels of a metric.
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

/// What any number means, in a sentence or two.
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

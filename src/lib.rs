//! How a WebSocket ends: Close frames encoded and decoded without copying, the closing handshake without I/O, and the
//! [`CloseEvent`] that comes out ([RFC 6455](https://www.rfc-editor.org/rfc/rfc6455),
//! [WHATWG WebSockets](https://websockets.spec.whatwg.org/)).
//!
//! ```
//! use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, Role, TransportAction, TransportEnd};
//!
//! // The unmasked payload of a Close frame has come: a code and a reason. It is checked, and nothing is copied.
//! let frame = CloseFrame::from_payload(b"\x0f\xa1bye")?;
//! assert_eq!((frame.code(), frame.reason()), (Some(CloseCode::from_static(4001)), "bye"));
//!
//! // The handshake says what to write, once in the life of a connection, and when the transport ends.
//! let mut closing = ClosingHandshake::new(Role::Server);
//! if let Some(answer) = closing.receive(frame) {
//!     let mut buffer = [0; 125];
//!     let payload = answer.write_payload(&mut buffer);
//!     assert_eq!(payload, b"\x0f\xa1");
//!     // ... send it in your framing, and flush ...
//!     closing.mark_written();
//! }
//! assert_eq!(closing.transport(), TransportAction::End);
//!
//! // At the end it tells the whole story.
//! let ending = closing.into_ending(TransportEnd::InOrder);
//! assert_eq!(ending.event().to_string(), r#"4001 (private use) "bye", clean"#);
//!
//! // An error says what is wrong, and knows the code to answer with.
//! let error = CloseFrame::from_payload(b"\x03\xee").unwrap_err();
//! assert_eq!(error.to_string(), "status code 1006 (abnormal closure) is not allowed in a Close frame");
//! assert_eq!(error.answer_code(), CloseCode::PROTOCOL_ERROR);
//! # Ok::<(), websocket_close::DecodeError>(())
//! ```
//!
//! # Which layer to take
//!
//! Each layer uses only those above it.
//!
//! - [`CloseCode`] is a number that may be sent. [`registry`] has the name and the meaning of every number.
//! - [`CloseFrame`] is the payload of a Close frame, borrowed; [`OwnedCloseFrame`] outlives the buffer.
//! - [`wire`] is the frame around it: header, mask, and how to step over other frames.
//! - [`ClosingState`] knows where the closing handshake stands, in 10 bytes. [`ClosingHandshake`] keeps the peer's
//!   Close too, and ends in an [`Ending`]: the [`CloseEvent`], who closed first, what failed, and how the transport
//!   ended.
//! - [`script::close`] has the argument rules of the browser's `close(code, reason)`.
//! - [`codec`], with the feature `codec`: a `CloseCodec` for tokio-util around your codec, and `finish`, which ends a
//!   connection over a `Framed` or over a bare transport.
//! - [`stream`], with the feature `stream`: `finish` for streams of messages, such as those of tungstenite and axum.
//! - [`arbitrary`], with the feature `arbitrary`: payloads and their verdicts, for people who fuzz their own stack.
//!
//! The [guides](guide) have whole programs for each of these uses.
//!
//! # What it promises
//!
//! - A value that exists may be sent. 1005, 1006 and 1015 are not sent, so only a [`CloseEvent`] holds them.
//! - Clean must be earned: a forgotten call can make an event unclean, never clean.
//! - No input makes it panic. The core (everything but `codec`, `stream` and `arbitrary`) allocates nothing, and
//!   without the feature `simdutf8`, which is on by default, it needs neither `std` nor `alloc`.
//! - The same bytes get the same answer, however they are cut into pieces.
//! - A feature adds API or speed, never another result.
//!
#![cfg_attr(feature = "arbitrary", doc = "[`arbitrary`]: mod@crate::arbitrary")]
#![cfg_attr(
    not(feature = "arbitrary"),
    doc = "[`arbitrary`]: https://docs.rs/websocket-close/latest/websocket_close/arbitrary/"
)]
#![cfg_attr(not(feature = "codec"), doc = "[`codec`]: https://docs.rs/websocket-close/latest/websocket_close/codec/")]
#![cfg_attr(
    not(feature = "stream"),
    doc = "[`stream`]: https://docs.rs/websocket-close/latest/websocket_close/stream/"
)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![warn(missing_docs, unreachable_pub)]
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

#[cfg(feature = "codec")]
extern crate std;

#[cfg(feature = "arbitrary")]
pub mod arbitrary;
mod code;
#[cfg(feature = "codec")]
pub mod codec;
mod ending;
mod event;
mod frame;
#[cfg(all(doc, not(doctest)))]
pub mod guide;
mod handshake;
mod mask;
mod names;
pub mod registry;
mod role;
pub mod script;
#[cfg(feature = "stream")]
pub mod stream;
mod utf8;
pub mod wire;

pub use code::{CloseCode, InvalidCloseCode};
pub use ending::{Awaited, Ending, Loss, TransportEnd};
pub use event::{CloseEvent, CloseEventInit};
pub use frame::{
    CloseFrame, DecodeError, InvalidCloseFrame, MAX_PAYLOAD_LEN, MAX_REASON_LEN, OwnedCloseFrame, ReasonTooLong,
};
pub use handshake::{ClosingHandshake, ClosingState, TransportAction};
pub use names::Named;
pub use role::Role;

// The README's program for tokio needs the feature.
#[cfg(all(doctest, feature = "codec"))]
#[doc = include_str!("../README.md")]
mod readme {}

// The README's example for tokio needs the feature.
#![cfg_attr(feature = "codec", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "codec"), doc = "How a WebSocket ends: see the README.")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

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

// The README's example for tokio needs the feature.
#![cfg_attr(feature = "codec", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "codec"), doc = "How a WebSocket ends: see the README.")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

#[cfg(feature = "arbitrary")]
pub mod arbitrary;
mod code;
#[cfg(feature = "codec")]
pub mod codec;
mod event;
mod frame;
mod handshake;
mod role;
pub mod script;
mod utf8;
pub mod wire;

pub use code::{CloseCode, InvalidCloseCode};
pub use event::{CloseEvent, CloseEventInit};
pub use frame::{CloseFrame, DecodeError, MAX_PAYLOAD_LEN, MAX_REASON_LEN, OwnedCloseFrame, ReasonTooLong};
pub use handshake::{ClosingHandshake, Transport};
pub use role::Role;

/// A name and a description for every `u16`, those included that no Close frame carries.
pub mod registry {
    pub use crate::code::{REGISTRY, REGISTRY_DATE, Registration, description, name};
}

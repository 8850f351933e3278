//! The properties that the fuzz targets check. Each takes bytes, and panics if the property does not hold.
//!
//! `tests/corpus.rs` of the main crate also includes these files, and replays the committed corpus. It leaves out
//! `differential`, which needs the peers.

pub mod case;
pub mod codec;
pub mod differential;
pub mod handshake;
pub mod payload;
pub mod wire;

//! The properties that the fuzz targets check; each takes bytes and panics if the property does not hold.
//!
//! All but `differential`, which has the peers, are also compiled into `tests/corpus.rs` of the main crate. It replays
//! the committed corpus.

pub mod case;
pub mod codec;
pub mod differential;
pub mod handshake;
pub mod payload;
pub mod wire;

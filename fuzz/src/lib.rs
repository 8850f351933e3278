//! The properties that the fuzz targets check. Each takes bytes, and panics if the property does not hold.
//!
//! `tests/corpus.rs` of the main crate, and `tests/observer.rs` and `tests/captures.rs` of `wsclose`, also include
//! these files, and replay the committed corpus. They leave out `differential`, which needs the peers.
#![forbid(unsafe_code)]

pub mod capture;
pub mod case;
pub mod codec;
pub mod differential;
mod executor;
pub mod finish;
pub mod handshake;
pub mod observer;
pub mod payload;
pub mod stream;
pub mod wire;

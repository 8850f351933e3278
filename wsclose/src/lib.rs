//! Why did this WebSocket end? The library behind the program `wsclose`: an [`Observer`] that sees both directions of a
//! connection and tells who closed first, and what each end reports to its application.
//!
//! It is for people who write proxies, captures and test harnesses. With `default-features = false` it is the observer
//! alone: sans-I/O, without a clock, without an allocation, below 1 KB, `no_std`. The feature `cli`, on by default, is
//! the program.
//!
//! [`websocket_close`] is for the two ends. An observer has no "we": what an end wrote is a fact here, not a choice.

#![cfg_attr(not(feature = "cli"), no_std)]
#![warn(missing_docs, unreachable_pub)]
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]
#![forbid(unsafe_code)]

mod direction;
mod observer;
mod report;

// The program calls it, and its tests. It is not an interface for others: `STABILITY.md`.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;

pub use direction::{Blind, Direction, Fault, Pings, SeenClose};
pub use observer::{Extensions, Observer, Relation, TransportEnd};
pub use report::{Because, Doubt, Report};
pub use websocket_close::Role;

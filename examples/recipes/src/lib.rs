//! The recipe for microcontrollers and its twin. Everything in this library compiles without `std`. The other recipes
//! are in the program `close-recipes`.
#![forbid(unsafe_code)]
#![no_std]

use core::time::Duration;

use embedded_io::{Read, Write};

pub mod no_std;
pub mod no_std_without;

/// A connection, as the network stack of a device offers it.
pub trait Connection: Read + Write {
    /// Starts a wait. When it is over, every read and write fails with `TimedOut`, until the next one starts.
    fn wait(&mut self, patience: Duration);

    /// Ends our direction: sends FIN.
    fn shut_down(&mut self);
}

// The guides belong to `websocket-close`. Their programs run here, since they need the stacks that are here.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../docs/tokio.md")]
    mod tokio {}
    #[doc = include_str!("../../../docs/stacks.md")]
    mod stacks {}
    #[doc = include_str!("../../../docs/proxies.md")]
    mod proxies {}
    #[doc = include_str!("../../../docs/migrating.md")]
    mod migrating {}
}

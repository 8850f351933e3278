//! The recipe for microcontrollers and its twin: all that is in this library compiles without `std`. The others are in the
//! program `close-recipes`.
#![no_std]

pub mod no_std;
pub mod no_std_without;

//! The recipe for microcontrollers and its twin. Everything in this library compiles without `std`. The other recipes
//! are in the program `close-recipes`.
#![no_std]

pub mod no_std;
pub mod no_std_without;

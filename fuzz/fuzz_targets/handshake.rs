//! See `src/handshake.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| close_fuzz::handshake::check(input));

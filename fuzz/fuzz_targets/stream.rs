//! See `src/stream.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| close_fuzz::stream::check(input));

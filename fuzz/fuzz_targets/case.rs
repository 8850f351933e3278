//! See `src/case.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| close_fuzz::case::check(input));

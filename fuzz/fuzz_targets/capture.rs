//! See `src/capture.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| close_fuzz::capture::check(input));

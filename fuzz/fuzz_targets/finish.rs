//! See `src/finish.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| close_fuzz::finish::check(input));

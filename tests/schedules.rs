//! Random schedules: `finish` and `stream::finish` under an executor that polls only what was woken, over transports
//! that misbehave in every legal way. The properties are those of the fuzz targets `finish` and `stream`, in
//! `fuzz/src`, and so are the models.
//!
//! `SCHEDULES=1000000 SEED=7 cargo test --release --all-features --test schedules` runs more of them, and others.
#![cfg(feature = "codec")]
#![allow(clippy::cast_possible_truncation, clippy::similar_names, clippy::struct_excessive_bools)]
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

#[path = "../fuzz/src/codec.rs"]
mod codec;
#[path = "../fuzz/src/executor.rs"]
mod executor;
#[path = "../fuzz/src/finish.rs"]
mod finish;
#[path = "../fuzz/src/payload.rs"]
mod payload;
#[cfg(feature = "stream")]
#[path = "../fuzz/src/stream.rs"]
mod stream;
#[path = "../fuzz/src/wire.rs"]
mod wire;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |number| number.parse().unwrap())
}

/// splitmix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Checks the property for the corpus of the target and for so many other inputs, and names the one that fails.
fn run(target: &str, check: fn(&[u8])) {
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)).unwrap() {
        check(&fs::read(file.unwrap().path()).unwrap());
    }
    let mut state = number("SEED", 1);
    let schedules = number("SCHEDULES", if cfg!(miri) { 4 } else { 20_000 });
    for _ in 0..schedules {
        let len = random(&mut state) % 300;
        let input: Vec<u8> = (0..len).map(|_| random(&mut state).to_le_bytes()[0]).collect();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&input))) {
            println!("the input is {input:?}");
            resume_unwind(panic);
        }
    }
    println!("{schedules} schedules");
}

#[test]
fn finish_over_transports() {
    run("finish", finish::check);
}

#[cfg(feature = "stream")]
#[test]
fn finish_over_stacks() {
    run("stream", stream::check);
}

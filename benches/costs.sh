#!/usr/bin/env bash
# What the crate costs a user's build: CPU seconds of a clean build of the default features, and the bytes of machine
# code that one call of `from_payload`, or of `decode` on a whole frame, adds where it stands. Needs `nm`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT

for round in 1 2 3; do
    rm -rf "$scratch/clean"
    TIMEFORMAT="clean build $round: %U s user, %S s system"
    time cargo build --quiet --release --package websocket-close --target-dir "$scratch/clean"
done

mkdir "$scratch/src"
cat >"$scratch/Cargo.toml" <<END
[package]
name = "calls"
edition = "2024"
[lib]
crate-type = ["staticlib"]
[dependencies]
websocket-close = { path = "$PWD", default-features = false }
[workspace]
END
cat >"$scratch/src/lib.rs" <<'END'
//! Each function has one call. `shared` is what many calls can share.
use websocket_close::wire::{self, Peek};
use websocket_close::{CloseFrame, DecodeError, Role};

#[inline(never)]
fn shared(payload: &[u8]) -> Result<CloseFrame<'_>, DecodeError> {
    CloseFrame::from_payload(payload)
}

#[unsafe(no_mangle)]
pub fn call_of_from_payload(payload: &[u8]) -> usize {
    CloseFrame::from_payload(payload).map_or(0, |frame| frame.reason().len())
}

#[unsafe(no_mangle)]
pub fn call_of_a_shared_function(payload: &[u8]) -> usize {
    shared(payload).map_or(0, |frame| frame.reason().len())
}

#[unsafe(no_mangle)]
pub fn call_of_peek_and_decode(bytes: &mut [u8]) -> usize {
    match wire::peek(Role::Server, bytes) {
        Ok(Peek::Close(close)) => close.decode().map_or(0, |frame| frame.reason().len()),
        _ => 0,
    }
}
END
for level in 3 s; do
    CARGO_PROFILE_RELEASE_OPT_LEVEL=$level cargo build --quiet --release --manifest-path "$scratch/Cargo.toml" \
        --target-dir "$scratch/$level"
    nm --print-size --radix=d "$scratch/$level/release/libcalls.a" 2>/dev/null |
        awk -v level="$level" '$4 ~ /^call_of_|calls.*shared/ { print "opt-level " level ": " $4 ": " $2 + 0 " bytes" }'
done

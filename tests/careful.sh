#!/bin/sh
# The tests pass with the debug assertions inside the standard library: cargo-careful builds it anew.
set -eu
cd "$(dirname "$0")/.."
rustup component add --toolchain nightly rust-src || {
    echo 'careful.sh: FAILED, this nightly has no sources of the standard library'
    exit 1
}
cargo install --quiet --locked --debug cargo-careful@0.4.10
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/careful" RUST_BACKTRACE=0
cargo +nightly careful test --quiet --all-features --lib --tests
echo 'careful.sh: the tests pass'

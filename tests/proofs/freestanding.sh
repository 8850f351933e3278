#!/bin/sh
# Proves that the core needs no std, no allocator and no panic: it links a program of the core alone, and finds none of
# them in it. The control shows that the proof would notice a panic.
set -eu
cd "$(dirname "$0")/freestanding"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/freestanding"
program=$CARGO_TARGET_DIR/release/freestanding
unwanted() { nm -C "$program" | grep -E 'panic|__rust|alloc|std::|core::fmt'; }

cargo build --quiet --release --bin freestanding --features control
unwanted >/dev/null || { echo 'freestanding: FAILED, an index that can panic was not noticed'; exit 1; }
cargo build --quiet --release --bin freestanding
"$program"
if unwanted; then
    echo 'freestanding: FAILED, the program contains the symbols above'
    exit 1
fi
echo "freestanding: runs, $(stat -c %s "$program") bytes; from outside it takes" $(nm "$program" | awk '$1 == "U" { print $2 }')

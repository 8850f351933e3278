#!/bin/sh
# Tries every input of the finite spaces: `exhaust.sh`, or `exhaust.sh all` for the 2^32 reasons of four bytes.
set -eu
cd "$(dirname "$0")/../.."
cargo build --quiet --release --package close-proofs --bin exhaust --features websocket-close/simdutf8
for space in ${*:-codes reasons places leads}; do
    "${CARGO_TARGET_DIR:-target}/release/exhaust" "$space"
done

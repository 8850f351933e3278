#!/bin/sh
# Runs every interop test: peers in Rust, scripts (see setup.sh), the codecs in pieces, and Autobahn's cases.
set -eu
cd "$(dirname "$0")"
cargo test --package close-interop --features scripts
./autobahn.sh

#!/bin/sh
# Builds wsclose and the Rust peer, and installs the other two: Python's websockets and ws for Node.
set -eu
cd "$(dirname "$0")/../../.."
peers=${CARGO_TARGET_DIR:-target}/real
cargo build --quiet --release -p wsclose --bins --examples
python3 -m venv "$peers/venv"
"$peers/venv/bin/pip" install --quiet --disable-pip-version-check websockets==17.4
npm install --prefix "$peers" --no-audit --no-fund --silent ws@8.23.0

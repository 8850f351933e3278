#!/bin/sh
# The lower bounds in Cargo.toml are true: the library builds, all features on, with the oldest dependencies that they allow.
set -eu
cd "$(dirname "$0")/.."
. tests/copy.sh
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/minimal"
cd "$copy"
# The members have bounds of their own.
sed -i '/^\[workspace\]/,$d' Cargo.toml
rm Cargo.lock
cargo +nightly -Zdirect-minimal-versions generate-lockfile --quiet
cargo check --quiet --locked --all-features --lib
echo "minimal_versions.sh: built with $(grep -c '^name' Cargo.lock) packages at their lower bounds"

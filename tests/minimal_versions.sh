#!/bin/sh
# Checks the lower bounds in Cargo.toml: the library builds, with all features, with the oldest dependencies that they
# allow.
set -eu
cd "$(dirname "$0")/.."
. tests/copy.sh
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/minimal"
cd "$copy"
# Leave out the other packages of the workspace, which have other bounds.
sed -i '/^\[workspace\]/,$d' Cargo.toml
rm Cargo.lock
cargo +nightly -Zdirect-minimal-versions generate-lockfile --quiet
cargo check --quiet --locked --all-features --lib
echo "minimal_versions.sh: built with $(grep -c '^name' Cargo.lock) packages at their lower bounds"

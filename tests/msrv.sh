#!/bin/sh
# The crate builds, and its tests pass, with the Rust that `rust-version` names, all features on.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
rustup toolchain install "$version" --profile minimal --no-self-update || {
    echo "msrv.sh: FAILED, Rust $version cannot be had"
    exit 1
}
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/msrv" RUST_BACKTRACE=0
cargo "+$version" test --quiet --all-features --lib --tests
echo "msrv.sh: the tests pass with $(rustc "+$version" --version)"

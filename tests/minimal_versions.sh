#!/bin/sh
# Checks the lower bounds in the Cargo.toml of each published package: it builds, with all features, with the oldest
# dependencies that they allow.
set -eu
cd "$(dirname "$0")/.."
. tests/copy.sh
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/minimal"
cd "$copy"
# Each package becomes a workspace of its own: the bounds of two packages may contradict each other.
sed -n '/^\[workspace.lints/,$p' Cargo.toml >lints
sed -i '/^members/d; /^default-members/d; s/^exclude = .*/exclude = ["fuzz", "wsclose"]/' Cargo.toml
{ echo '[workspace]' && cat lints; } >>wsclose/Cargo.toml

for package in . wsclose; do
    (
        cd "$package"
        rm -f Cargo.lock
        cargo +nightly -Zdirect-minimal-versions generate-lockfile --quiet
        cargo check --quiet --locked --all-features
        echo "minimal_versions.sh: $(sed -n '1,/^name/s/^name = //p' Cargo.toml) built at its lower bounds"
    )
done

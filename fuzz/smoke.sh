#!/bin/sh
# Runs each fuzz target for a while, from its corpus on, with libFuzzer but without cargo-fuzz: `smoke.sh`, or
# `smoke.sh RUNS`. The flags are those of `cargo fuzz build -s none --no-trace-compares`.
set -eu
cd "$(dirname "$0")"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/smoke" CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_OPT_LEVEL=1
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0"
cargo build --quiet --release --bins --target "$(rustc -vV | sed -n 's/^host: //p')"
found=$(mktemp -d)
trap 'rm -r "$found"' EXIT
for target in $(sed -n 's/^path = "fuzz_targets\/\(.*\).rs"/\1/p' Cargo.toml); do
    # `differential` takes what `payload` takes.
    corpus=corpus/$target
    [ -d "$corpus" ] || corpus=corpus/payload
    # libFuzzer adds what it finds to the first directory. The corpus stays as it is.
    mkdir "$found/$target"
    "$CARGO_TARGET_DIR"/*/release/"$target" "$found/$target" "$corpus" -runs="${1:-10000}" -seed=1 -max_len=300 \
        -artifact_prefix="$found/" >"$found/log" 2>&1 || { cat "$found/log"; exit 1; }
    echo "smoke.sh: $target: $(tail -n 1 "$found/log")"
done

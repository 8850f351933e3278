#!/bin/sh
# Miri finds undefined behaviour: here, and on a machine whose bytes are in the other order. `common/stride.rs` makes
# the tests short. Without simdutf8, whose code for this processor Miri does not run, and without the tests of `finish`,
# which take hours: there is no `unsafe` in the layers above the core.
set -eu
cd "$(dirname "$0")/.."
rustup component add --toolchain nightly miri rust-src || {
    echo 'miri.sh: FAILED, this nightly has no Miri. Try: rustup toolchain install nightly --component miri'
    exit 1
}
export MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=4 RUST_BACKTRACE=0
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/miri"
core='--lib --test event --test frame --test script --test utf8 --test wire'
# Miri has one thread, so the two run side by side.
# shellcheck disable=SC2086
cargo +nightly miri test --quiet --no-default-features --target s390x-unknown-linux-gnu $core &
# shellcheck disable=SC2086
cargo +nightly miri test --quiet --no-default-features --features codec $core --test codec
wait $!
echo 'miri.sh: no undefined behaviour'

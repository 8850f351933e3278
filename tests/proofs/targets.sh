#!/bin/sh
# Builds the crate for targets without std, with Debian's compiler and its sources of `core`. On wasm32, where a usize
# has 32 bits, it runs every code with every length. Needs install.sh.
set -eu
cd "$(dirname "$0")/freestanding"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/targets"
export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
# `stream` needs neither std nor a runtime.
for target in thumbv7em-none-eabi riscv32imc-unknown-none-elf wasm32-unknown-unknown; do
    for features in '' stream; do
        cargo build --quiet --release --manifest-path ../../../Cargo.toml --lib \
            --no-default-features --features "$features" -Zbuild-std=core --target $target
        echo "targets: built for $target, features: ${features:-none}"
    done
done
target=wasm32-unknown-unknown
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-22 \
    cargo build --quiet --release --lib -Zbuild-std=core,compiler_builtins \
        -Zbuild-std-features=compiler-builtins-mem --target $target
node ../wasm.mjs "$CARGO_TARGET_DIR/$target/release/probes.wasm"

#!/bin/sh
# Builds the crate, and the observer of wsclose, for targets without std, with Debian's compiler and its sources of
# `core`. On wasm32, where a usize has 32 bits, it runs every code with every length. Needs install.sh.
set -eu
cd "$(dirname "$0")/freestanding"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/targets"
export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
build() {
    cargo build --quiet --release --manifest-path "../../../$1" --lib --no-default-features -Zbuild-std=core \
        --target "$target" --features "$2"
    echo "targets: built $1 for $target, features: ${2:-none}"
}
for target in thumbv7em-none-eabi riscv32imc-unknown-none-elf wasm32-unknown-unknown; do
    build Cargo.toml ''
    # It needs neither std nor a runtime.
    build Cargo.toml stream
    build wsclose/Cargo.toml ''
done
target=wasm32-unknown-unknown
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-22 \
    cargo build --quiet --release --lib -Zbuild-std=core,compiler_builtins \
        -Zbuild-std-features=compiler-builtins-mem --target $target
node ../wasm.mjs "$CARGO_TARGET_DIR/$target/release/probes.wasm"

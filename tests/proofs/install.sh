#!/bin/sh
# Installs what the proofs need beside Rust and Node: Z3, Debian's Rust compiler with the sources of `core`, and a
# linker for wasm32. It also installs the Debian packages that are named, such as llvm-22 for the coverage.
set -eu
pip install --quiet --root-user-action ignore z3-solver==5.4.0.0
apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends rustc-web rust-web-src lld-22 "$@" >/dev/null

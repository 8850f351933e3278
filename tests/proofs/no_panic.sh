#!/bin/sh
# Proves at link time that no function of the core can panic. The control shows that the proof would notice one that
# can.
set -eu
cd "$(dirname "$0")/../.."
build() { cargo build --quiet --profile proof --package close-proofs --bin no_panic "$@" 2>&1; }

tests/proofs/covered.py
build --features no_panic || { echo 'no_panic: FAILED'; exit 1; }
if control=$(build --features control); then
    echo 'no_panic: FAILED, a function that can panic was not noticed'
    exit 1
fi
case $control in
*'detected panic in function `control`'*) ;;
*) printf '%s\nno_panic: FAILED, the control failed for another reason\n' "$control"; exit 1 ;;
esac
functions=$(($(grep -c '^#\[no_panic\]' tests/proofs/src/bin/no_panic.rs) - 1))
echo "no_panic: $functions functions cannot panic; the control, which can, was refused"

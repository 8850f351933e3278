#!/bin/sh
# Changes each file of src in every small way that cargo-mutants knows, and runs the tests that are for that file: each change has to
# be noticed. `mutants.sh`, or `mutants.sh FILE...`. What is not noticed has to be argued in mutants.txt.
#
# It works on a copy, with the features that the file needs, and without debug information, which halves the time.
set -eu
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git archive HEAD | tar -x -C "$copy"
argued=$PWD/tests/mutants.txt
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/mutants" CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 RUST_BACKTRACE=0
cd "$copy"

tests_of() {
    case $1 in
    arbitrary) echo --features arbitrary -- --test arbitrary ;;
    code) echo -- --test code --test display --test panics ;;
    codec) echo --features codec -- --test codec --test finish --test regressions --test corpus ;;
    event) echo -- --test event --test display --test browsers ;;
    frame) echo --features bytes -- --test frame --test corpus --test display --test panics ;;
    handshake) echo -- --test handshake_rules --test corpus --test display ;;
    script) echo -- --test script ;;
    utf8) echo -- --lib --test utf8 ;;
    wire) echo -- --test wire --test corpus --test panics ;;
    *) echo "mutants: no tests are named for $1" >&2 && exit 1 ;;
    esac
}

for file in ${*:-arbitrary code codec event frame handshake script utf8 wire}; do
    out=$copy/out-$file
    # shellcheck disable=SC2046
    cargo mutants --in-place --file "src/$file.rs" --output "$out" --minimum-test-timeout 60 $(tests_of "$file") >"$copy/log" 2>&1 || true
    tail -n 1 "$copy/log" | sed "s/^/mutants: $file.rs: /"
    # Without line and column, which move. A test that hangs has noticed.
    sed -E 's/:[0-9]+:[0-9]+:/:/' "$out/mutants.out/missed.txt" | while read -r mutant; do
        grep -qxF "$mutant" "$argued" || { echo "mutants: not noticed: $mutant" | tee -a "$copy/unnoticed"; }
    done
done
[ ! -e "$copy/unnoticed" ]

#!/bin/sh
# Changes each file of src in every small way that cargo-mutants knows, and runs the tests that are for that file: each change has to
# be noticed. `mutants.sh`, or `mutants.sh FILE...`. What is not noticed has to be argued in mutants.txt.
#
# Each file is taken with the fewest features it compiles with, and with each that changes what it compiles to: any other feature
# only adds code elsewhere, and tests. It works on a copy, and without debug information, which halves the time.
set -eu
cd "$(dirname "$0")/.."
. tests/copy.sh
argued=$PWD/tests/mutants.txt
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/mutants" CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 RUST_BACKTRACE=0
cd "$copy"

# The sets of features of a file; `-` has none.
features_of() {
    case $1 in
    arbitrary | codec) echo "$1" ;;
    frame) echo - bytes ;;
    utf8) echo - simdutf8 ;;
    *) echo - ;;
    esac
}

# What such a set leaves out of the file: there is nothing to change there.
left_out() {
    case $1/$2 in
    frame/-) echo 'CloseFrame.*::put' ;;
    utf8/-) echo 'suits_simdutf8' ;;
    *) echo '^$' ;;
    esac
}

# As arguments of every call of cargo, so that no other test is even built.
tests_of() {
    case $1 in
    arbitrary) echo --test=arbitrary ;;
    code) echo --test=code --test=display --test=panics ;;
    codec) echo --test=codec --test=finish --test=regressions --test=corpus ;;
    event) echo --test=event --test=display --test=browsers ;;
    frame) echo --test=frame --test=corpus --test=display --test=panics ;;
    handshake) echo --test=handshake_rules --test=corpus --test=display ;;
    script) echo --test=script ;;
    utf8) echo --lib --test=utf8 ;;
    wire) echo --test=wire --test=corpus --test=panics ;;
    *) echo "mutants: no tests are named for $1" >&2 && exit 1 ;;
    esac
}

for file in ${*:-arbitrary code codec event frame handshake script utf8 wire}; do
    tests=$(tests_of "$file")
    for features in $(features_of "$file"); do
        out=$copy/out-$file-$features log=$copy/log status=0
        # shellcheck disable=SC2086
        cargo mutants --in-place --file "src/$file.rs" --output "$out" --minimum-test-timeout 60 \
            --exclude-re "$(left_out "$file" "$features")" \
            --no-default-features --features "${features#-}" $(printf -- '--cargo-arg=%s ' $tests) >"$log" 2>&1 || status=$?
        # 2 and 3 are mutants that were missed, and that hung: a test that hangs has noticed. Any other is no result.
        case $status in 0 | 2 | 3) ;; *) cat "$log" && exit 1 ;; esac
        echo "mutants: $file.rs, $([ "$features" = - ] && echo no features || echo "$features"): $(tail -n 1 "$log")"
        # Without line and column, which move.
        sed -E 's/:[0-9]+:[0-9]+:/:/' "$out/mutants.out/missed.txt" | while read -r mutant; do
            grep -qxF "$mutant" "$argued" || { echo "mutants: not noticed: $mutant" | tee -a "$copy/unnoticed"; }
        done
    done
done
[ ! -e "$copy/unnoticed" ]

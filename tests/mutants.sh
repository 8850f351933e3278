#!/bin/sh
# Changes each file of src in every small way that cargo-mutants knows, and runs the tests for that file. They must
# notice each change. Call `mutants.sh`, or `mutants.sh FILE...` with a name such as `codec/finish`.
# `.cargo/mutants.toml` lists the changes that no test can notice.
#
# Each file is tested with the fewest features that it compiles with, and with each feature that changes its code. The
# script works on a copy, and builds without debug information, which halves the time.
set -eu
cd "$(dirname "$0")/.."
. tests/copy.sh
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/mutants" CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 RUST_BACKTRACE=0
cd "$copy"

# The sets of features for a file. `-` is the empty set.
features_of() {
    case $1 in
    arbitrary) echo arbitrary ;;
    codec/* | mask) echo codec ;;
    stream) echo stream ;;
    frame) echo - bytes,serde ;;
    utf8) echo - simdutf8 ;;
    *) echo - ;;
    esac
}

# The code that such a set leaves out of the file, so that nothing can be changed there.
left_out() {
    case $1/$2 in
    frame/-) echo 'CloseFrame.*::(put|to_bytes)|TryFrom<Unchecked>' ;;
    # A table that the compiler computes has no name of a function.
    utf8/-) echo 'fast::|: replace [^ ]+ with [^ ]+$' ;;
    utf8/simdutf8) echo 'replace is_utf8 ' ;;
    wire/-) echo 'put_pong|is_control|is_ping|first_of_one_frame|inside' ;;
    *) echo '^$' ;;
    esac
}

# The tests for a file, as arguments of every call of cargo, so that no other test is built.
tests_of() {
    case $1 in
    arbitrary) echo --test=arbitrary ;;
    code | names | registry) echo --test=code --test=display --test=panics ;;
    codec/*) echo --test=codec --test=codec_alloc --test=finish --test=regressions --test=corpus ;;
    mask) echo --lib --test=wire --test=finish ;;
    ending) echo --test=ending --test=display ;;
    event) echo --test=event --test=display --test=browsers ;;
    frame) echo --test=frame --test=corpus --test=display --test=panics --test=serde ;;
    handshake) echo --test=handshake_rules --test=sequences --test=ending --test=corpus --test=display ;;
    script) echo --test=script ;;
    stream) echo --test=stream ;;
    utf8) echo --lib --test=utf8 ;;
    wire) echo --lib --test=wire --test=corpus --test=panics ;;
    *) echo "mutants: no tests are named for $1" >&2 && exit 1 ;;
    esac
}

all='arbitrary code codec/error codec/finish codec/mod ending event frame handshake mask names registry script stream
    utf8 wire'
for file in ${*:-$all}; do
    tests=$(tests_of "$file")
    for features in $(features_of "$file"); do
        out=$copy/out log=$copy/log status=0
        # shellcheck disable=SC2086
        cargo mutants --in-place --file "src/$file.rs" --output "$out" --minimum-test-timeout 60 \
            --exclude-re "$(left_out "$file" "$features")" \
            --no-default-features --features "${features#-}" $(printf -- '--cargo-arg=%s ' $tests) >"$log" 2>&1 || status=$?
        # 2: some mutants were missed. 3: some hung, and a test that hangs has noticed. Any other status is an error.
        case $status in 0 | 2 | 3) ;; *) cat "$log" && exit 1 ;; esac
        echo "mutants: $file.rs, $([ "$features" = - ] && echo no features || echo "$features"): $(tail -n 1 "$log")"
        sed 's/^/mutants: not noticed: /' "$out/mutants.out/missed.txt" | tee -a "$copy/unnoticed"
    done
done
[ ! -s "$copy/unnoticed" ]

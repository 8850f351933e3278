#!/bin/sh
# Breaks the crate in the way of each patch beside this script, in a copy of the tree, and asserts that the check which the patch
# names goes red; `run.sh NAME...` for some of them. Where nothing is broken, each check is green.
set -eu
cd "$(dirname "$0")/../.."
here=$PWD/tests/sabotage
. tests/copy.sh
# Cargo cannot tell the copy from the tree: a directory of its own.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/sabotage"
cd "$copy"
git init -q

red_of() { sed -n 's/^# red: //p' "$1"; }
if [ $# -gt 0 ]; then patches=$(printf "$here/%s.patch\n" "$@"); else patches=$(ls "$here"/*.patch); fi

for patch in $patches; do red_of "$patch"; done | sort -u | while read -r check; do
    $check >"$copy/log" 2>&1 </dev/null || { cat "$copy/log"; echo "sabotage: FAILED, '$check' is red with nothing broken"; exit 1; }
done
failed=0
for patch in $patches; do
    name=$(basename "$patch" .patch) check=$(red_of "$patch")
    git apply "$patch" || { echo "sabotage: FAILED, $name does not apply"; exit 1; }
    if $check >"$copy/log" 2>&1; then
        echo "sabotage: FAILED, '$check' is green with $name"
        failed=1
    elif ! grep -qE '^test result: FAILED|detected panic in function' "$copy/log"; then
        cat "$copy/log"
        echo "sabotage: FAILED, $name does not even compile"
        failed=1
    else
        echo "sabotage: $name: '$check' is red"
    fi
    git apply -R "$patch"
done
[ $failed = 0 ] && echo "sabotage: $(printf '%s\n' $patches | wc -l) of $(printf '%s\n' $patches | wc -l) were noticed"

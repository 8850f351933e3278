#!/bin/sh
# Minimises the corpus of each target: every input that adds coverage stays, a named seed under its name, a found one under its
# hash. `minimise.sh TARGET BINARY [MORE_INPUTS...]`, with the binary that `cargo fuzz build -s none` made.
set -eu
cd "$(dirname "$0")"
target=$1 binary=$2
shift 2
merged=$(mktemp -d)
"$binary" -merge=1 "$merged" "corpus/$target" "$@" 2>&1 | tail -n 1
for seed in "corpus/$target"/*; do
    hashed=$merged/$(sha1sum "$seed" | cut -d ' ' -f 1)
    if [ -e "$hashed" ] && [ "$(basename "$seed")" != "$(basename "$hashed")" ]; then mv "$hashed" "$merged/$(basename "$seed")"; fi
done
rm -r "corpus/$target"
mv "$merged" "corpus/$target"

#!/bin/sh
# Checks that the public API of each published library is the one in public-api.txt beside its tests.
# `public_api.sh --update` writes these files.
set -eu
cd "$(dirname "$0")/.."
update=${1:-}
listing=$(mktemp)
trap 'rm "$listing"' EXIT
# PACKAGE FILE ARGUMENTS...
check() {
    package=$1 file=$2
    shift 2
    # The guides are pages of the documentation only.
    cargo +nightly public-api -p "$package" "$@" -sss | grep -v '^pub mod websocket_close::guide' >"$listing"
    if [ "$update" = --update ]; then cp "$listing" "$file"; fi
    diff -u "$file" "$listing"
    echo "public_api.sh: $package: $(wc -l <"$listing") lines, unchanged"
}
check websocket-close tests/public-api.txt --all-features
# The feature `cli` is the program.
check wsclose wsclose/tests/public-api.txt --no-default-features

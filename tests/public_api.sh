#!/bin/sh
# Checks that the public API with all features is the one in public-api.txt. `public_api.sh --update` writes that file.
set -eu
cd "$(dirname "$0")/.."
listing=$(mktemp)
trap 'rm "$listing"' EXIT
# The guides are pages of the documentation only.
cargo +nightly public-api --all-features -sss | grep -v '^pub mod websocket_close::guide' >"$listing"
if [ "${1:-}" = --update ]; then cp "$listing" tests/public-api.txt; fi
diff -u tests/public-api.txt "$listing"
echo "public_api.sh: $(wc -l <"$listing") lines, unchanged"

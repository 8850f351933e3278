#!/bin/sh
# Checks that RustSec knows no advisory against what is published. `ADVISORY_DB=CLONE advisories.sh` takes a clone of
# its database, with the full path, where github.com cannot be reached. The status is 2 if there is no database: then
# nothing is known.
set -eu
cd "$(dirname "$0")/.."
source=https://github.com/RustSec/advisory-db
if [ -n "${ADVISORY_DB:-}" ]; then
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.file://$ADVISORY_DB.insteadOf" GIT_CONFIG_VALUE_0="$source"
fi
cargo deny fetch db || {
    echo '!!!'
    echo "!!! advisories.sh: ADVISORIES NOT CHECKED. $source cannot be had: see RELEASING.md"
    echo '!!!'
    exit 2
}
# The index of the registry is read too, since a yanked version counts as a fault.
cargo deny --locked --workspace check --deny yanked advisories
database=$(ls -td "${CARGO_HOME:-$HOME/.cargo}"/advisory-dbs/advisory-db-* | head -n 1)
echo "advisories.sh: checked with the database of $(git -C "$database" log -1 --format=%cs)"

# shellcheck shell=sh
# For the scripts that change the tree or leave out a part of it: a copy of HEAD at $copy, which goes when the script ends.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# With the time of now: by that of the commit Cargo would take what it has built of an earlier copy, changed as it was, for fresh.
git archive HEAD | tar -xm -C "$copy"

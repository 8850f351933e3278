# shellcheck shell=sh
# For scripts that change the tree or leave out a part of it. Makes a copy of HEAD at $copy, and removes it when the
# script ends.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# The files get the current time (-m). With the time of the commit, Cargo would reuse what it built from an earlier copy
# that a script had changed.
git archive HEAD | tar -xm -C "$copy"

#!/bin/sh
# What would be published: each package holds what its list says, the packages build from nothing else, and so do
# a program that depends on them and `wsclose` itself. `package.sh --update` writes the lists.
#
# The lists are `package/NAME.txt`. The program is in `package/scratch`.
set -eu
cd "$(dirname "$0")/.."
. tests/copy.sh
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/package" RUST_BACKTRACE=0
lists=$PWD/tests/package
cd "$copy"
git init --quiet . && git add . && git -c user.name=package -c user.email=package@localhost commit --quiet -m package

packages=$(cargo metadata --no-deps --format-version 1 |
    python3 -c 'import json, sys; print(*(p["name"] for p in json.load(sys.stdin)["packages"] if p["publish"] != []))')
for package in $packages; do
    cargo package --quiet --list --package "$package" | grep -vE '^(Cargo.toml.orig|Cargo.lock|\.cargo_vcs_info.json)$' >"$copy/list"
    if [ "${1:-}" = --update ]; then cp "$copy/list" "$lists/$package.txt"; fi
    diff -u "$lists/$package.txt" "$copy/list"
done
rm -rf "$CARGO_TARGET_DIR/package"
# Builds each package from what it holds, as if it came from the registry.
cargo publish --quiet --dry-run --workspace

mkdir unpacked
for package in $packages; do
    find "$CARGO_TARGET_DIR/package" -name "$package-[0-9]*.crate" -exec tar -xzf {} -C unpacked \;
done
cp -r "$lists/scratch" unpacked/scratch
cd unpacked/scratch
: >"$copy/patches"
for package in $packages; do
    echo "$package = { path = '$(echo "$copy/unpacked/$package-"*)' }" >>"$copy/patches"
done
{ printf '\n[patch.crates-io]\n' && cat "$copy/patches"; } >>Cargo.toml
cargo run --quiet
# The program, as `cargo install` builds it: without a lockfile of ours.
cd "$(echo "$copy/unpacked/wsclose-"*)"
{ printf '\n[workspace]\n[patch.crates-io]\n' && grep '^websocket-close ' "$copy/patches"; } >>Cargo.toml
rm -f Cargo.lock
cargo run --quiet -- codes 1006
echo "package.sh: $(echo "$packages" | wc -w) packages hold what their lists say, and two programs run from them"

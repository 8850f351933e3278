#!/bin/sh
# Runs Autobahn's cases 2 to 5 and 7 against the echo server, bare and wrapped. setup.sh installs the runner.
set -eu
cd "$(dirname "$0")"
python=../../target/interop/venv/bin/python
[ -x "$python" ] || { echo "kosoku is not installed: run tests/interop/setup.sh first" >&2; exit 1; }
exec "$python" peers/autobahn.py cargo run --quiet --package close-interop --bin echo --

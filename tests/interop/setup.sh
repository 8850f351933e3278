#!/bin/sh
# Installs the peers that are not in Rust: Python's websockets, Autobahn's runner kosoku, and ws for Node.
set -eu
cd "$(dirname "$0")"
venv=../../target/interop/venv
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement peers/requirements.txt
npm install --prefix peers --no-package-lock --no-audit --no-fund --silent

#!/bin/sh
# Checks that the tests run nearly all lines, regions, functions and branches of src. It needs cargo-llvm-cov, nightly
# (for branches) and LLVM 22 (`proofs/install.sh llvm-22`). The rest are `?` on calls that do not fail, patterns that
# always match, and what only the compiler runs: the tables of `utf8.rs` and `registry.rs`.
set -eu
cd "$(dirname "$0")/.."
export LLVM_COV=/usr/lib/llvm-22/bin/llvm-cov LLVM_PROFDATA=/usr/lib/llvm-22/bin/llvm-profdata
report=$(mktemp)
trap 'rm "$report"' EXIT
cargo +nightly llvm-cov --quiet --branch --all-features --tests --json --summary-only \
    --ignore-filename-regex '(tests|examples|fuzz|benches)/' --output-path "$report"
python3 - "$report" <<'PY'
import json, sys
floors = {"lines": 98, "regions": 97, "functions": 99, "branches": 95}
totals = json.load(open(sys.argv[1]))["data"][0]["totals"]
for kind, floor in floors.items():
    print(f"coverage.sh: {kind}: {totals[kind]['covered']} of {totals[kind]['count']}, {totals[kind]['percent']:.1f} %, floor {floor} %")
sys.exit(any(totals[kind]["percent"] < floor for kind, floor in floors.items()))
PY

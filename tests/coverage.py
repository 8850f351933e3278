#!/usr/bin/env python3
"""Every region of src is run by the tests, or is listed in coverage.txt with its argument: `coverage.py`. It needs cargo-llvm-cov
and LLVM 22 (`proofs/install.sh llvm-22`)."""
import os
import pathlib
import re
import subprocess
import sys

here = pathlib.Path(__file__).parent
llvm = "/usr/lib/llvm-22/bin"
run = subprocess.run(
    ["cargo", "llvm-cov", "--all-features", "--tests", "--text", "--ignore-filename-regex", "(tests|examples|fuzz|benches)/"],
    cwd=here.parent,
    env={"LLVM_COV": f"{llvm}/llvm-cov", "LLVM_PROFDATA": f"{llvm}/llvm-profdata", **os.environ},
    stdout=subprocess.PIPE,
    text=True,
)
if run.returncode:
    sys.exit("coverage.py: FAILED, the tests did not run")

unreached, seen, lines, file, source, first = set(), set(), 0, None, None, False
for line in run.stdout.splitlines():
    if match := re.fullmatch(r".*/src/(\w+\.rs):", line):
        file = match[1]
    elif match := re.match(r"(?:\s*\|)*\s*(\d+)\|\s*([^|]*)\|(.*)", line):
        # The sum comes first, then each instance of a function for itself.
        first = (file, match[1]) not in seen
        seen.add((file, match[1]))
        if first:
            text = match[3].strip()
            # The branch of an `if` that is not taken is shown at its brace: name it by the line before.
            source = text if text != "}" else f"{source} }}"
            lines += bool(match[2])
            if match[2].strip() == "0" and text not in ("}", ")", "},"):
                unreached.add((file, source))
    elif first and re.fullmatch(r"[\s\^\d.kM|]*\^0\b[\s\^\d.kM|]*", line):
        unreached.add((file, source))
if lines == 0:
    sys.exit("coverage.py: FAILED, the report was not understood")

argued, argument = set(), None
for line in (here / "coverage.txt").read_text().splitlines():
    if line.startswith("# "):
        argument = line
    elif line.strip():
        if argument is None:
            sys.exit(f"coverage.py: FAILED, no argument for {line}")
        file, _, source = line.partition(": ")
        argued.add((file, source))

for file, source in sorted(unreached - argued):
    print(f"coverage.py: not reached: {file}: {source}")
for file, source in sorted(argued - unreached):
    print(f"coverage.py: listed, but reached: {file}: {source}")
print(f"coverage.py: {lines} lines, {len(unreached)} of them with a region that is not reached, {len(unreached & argued)} argued")
sys.exit(unreached != argued)

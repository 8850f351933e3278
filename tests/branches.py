#!/usr/bin/env python3
"""Every branch of src is taken both ways by the tests, or is listed in branches.txt with its argument. As coverage.py, on nightly."""
import collections
import os
import pathlib
import re
import subprocess
import sys

here = pathlib.Path(__file__).parent
llvm = "/usr/lib/llvm-22/bin"
run = subprocess.run(
    ["cargo", "+nightly", "llvm-cov", "--branch", "--all-features", "--tests", "--text"]
    + ["--ignore-filename-regex", "(tests|examples|fuzz|benches)/"],
    cwd=here.parent,
    env={"LLVM_COV": f"{llvm}/llvm-cov", "LLVM_PROFDATA": f"{llvm}/llvm-profdata", **os.environ},
    stdout=subprocess.PIPE,
    text=True,
)
if run.returncode:
    sys.exit("branches.py: FAILED, the tests did not run")

# A generic function has each of its branches once an instance: together they have to be taken both ways.
taken = collections.defaultdict(set)
file = None
for line in run.stdout.splitlines():
    if match := re.fullmatch(r".*/src/(\w+\.rs):", line):
        file = match[1]
    elif match := re.search(r"Branch \((\d+):(\d+)\): \[True: ([^,]+), False: ([^\]]+)\]", line):
        sides = taken[file, int(match[1]), int(match[2])]
        sides |= {side for side, count in (("true", match[3]), ("false", match[4])) if count.strip() != "0"}
if not taken:
    sys.exit("branches.py: FAILED, the report was not understood")

one_sided = {
    (file, (here.parent / "src" / file).read_text().splitlines()[line - 1].strip())
    for (file, line, _), sides in taken.items()
    if len(sides) < 2
}
listed = (here / "branches.txt").read_text().splitlines()
argued = {tuple(line.split(": ", 1)) for line in listed if line and not line.startswith("#")}
for file, source in sorted(one_sided - argued):
    print(f"branches.py: taken one way only: {file}: {source}")
for file, source in sorted(argued - one_sided):
    print(f"branches.py: listed, but taken both ways: {file}: {source}")
print(f"branches.py: {2 * len(taken)} branches, {len(one_sided)} lines with one that is not taken, {len(one_sided & argued)} argued")
sys.exit(one_sided != argued)

#!/usr/bin/env python3
"""Every public item has a caller outside src: an example, a recipe, a guide, a test, a benchmark or a fuzz target.

`callers.py` fails for each item of `public-api.txt` that has none; `callers.py --list` prints each with its first
caller.
A caller is a place where the name stands behind `.` or `::`, or, for a field, a type or a variant, as a word.
"""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
# In this order: what a user reads first counts first.
places = ["README.md", "docs/**/*.md", "examples/**/*.rs", "wsclose/**/*.rs", "tests/**/*.rs", "benches/**/*.rs", "fuzz/**/*.rs"]
files = [path for place in places for path in sorted(root.glob(place)) if "target" not in path.parts]
texts = [(path.relative_to(root), path.read_text()) for path in files]
# What implements a foreign trait is called through that trait.
foreign = {"fmt", "from", "eq", "default", "deref", "try_from", "arbitrary", "Error", "Item", "Target", "fmt_named"}

missing = 0
api = (root / "tests/public-api.txt").read_text()
for line in api.splitlines():
    if line.startswith(("impl", "pub mod", "pub use")) or " impl " in line:
        continue
    path = re.match(r"(?:#\[\w+\] )?pub (?:async |const |unsafe )*(?:fn |struct |enum |trait |type |const )?([^(:]*(?:::[^(:]+)*)", line)
    name = re.sub(r"<.*?>", "", path[1].split(": ")[0]).split("::")[-1].strip()
    if name in foreign or not name.isidentifier():
        continue
    # A type may be used without being named: what returns it has the caller.
    if re.search(r"\b(?:struct|enum)\b", line.split("(")[0]) and re.search(rf"-> .*::{name}\b|\({name}\b|: .*::{name}\b|\(.*::{name}\b", api):
        continue
    pattern = rf"(?:\.|::){name}\b" if " fn " in line.split("(")[0] else rf"\b{name}\b"
    caller = next((path for path, text in texts if re.search(pattern, text)), None)
    if caller is None:
        missing += 1
        print(f"callers.py: no caller: {line}")
    elif "--list" in sys.argv:
        print(f"{path[1].strip()}: {caller}")
print(f"callers.py: {missing} items without a caller")
sys.exit(missing > 0)

#!/usr/bin/env python3
"""Every public function of the core stands in src/bin/no_panic.rs, or here with the reason why it does not."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent
LEFT_OUT = {
    # They panic by contract, in a `# Panics` section.
    "from_static", "to_array", "put",
    # Their writers and generators are called through pointers.
    "fmt", "arbitrary",
    # Their features need an allocator, or belong to the layers above the core.
    "to_bytes", "payload", "verdict", "allows",
}
proof = (root / "src/bin/no_panic.rs").read_text()
missing = 0
functions = 0
for line in (root.parent / "public-api.txt").read_text().splitlines():
    if " fn " not in line or re.search(r"websocket_close::(codec|stream)::|io::error::ErrorKind|serde", line):
        continue
    head = line.split(" fn ")[1].split("(")[0]
    while re.search(r"<[^<>]*>", head):
        head = re.sub(r"<[^<>]*>", "", head)
    name = head.split("::")[-1]
    functions += 1
    # What implements an operator or a conversion is called through it; the probes with these names do that.
    called = {"eq": "==", "from": ".into()", "try_from": "try_from(", "deref": "**closing", "default": "Scanner::default()"}
    if name not in LEFT_OUT and called.get(name, f"{name}(") not in proof and f"::{name}" not in proof:
        missing += 1
        print(f"covered.py: not proved: {line}")
print(f"covered.py: {functions} functions of the core, {missing} neither proved nor left out by name")
sys.exit(missing > 0)

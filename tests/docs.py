#!/usr/bin/env python3
"""What people read keeps its form: lines have at most 120 columns, and links work wherever the text is shown.

`README.md` and the guides are shown in a checkout, on docs.rs and on the page of a registry. Only links that are
absolute, or lead to a heading of the same page, work in all three. A link to our own docs must lead to a page that
`cargo doc` has made (run that first, with all features), and there are no images. In other Markdown files a relative
link must lead to a file of the repository.
"""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
OUR_DOCS = "https://docs.rs/websocket-close/latest/"
SHOWN_ELSEWHERE = ["README.md", "wsclose/README.md", *(str(path.relative_to(root)) for path in root.glob("docs/*.md"))]
TEXT = {".rs", ".md", ".toml", ".py", ".sh", ".html", ".js", ".mjs", ".css", ""}

faults = []
files = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
for name in files:
    path = root / name
    if path.suffix not in TEXT or path.is_symlink() or name.startswith(("fuzz/corpus", "LICENSE")) or not path.exists():
        continue
    lines = path.read_text().splitlines()
    if path.suffix == ".md":
        # What a terminal shows is quoted as it is.
        lines = re.sub(r"```text.*?```", lambda shown: "\n" * shown[0].count("\n"), path.read_text(), flags=re.S).splitlines()
    for number, line in enumerate(lines, 1):
        # A row of a table cannot be folded, nor an address, nor a string.
        foldable = not re.match(r"\s*(//[/!] ?)?\||\s*(//[/!] ?)?\[[^]]+\]: |.*https?://\S{60}", line) and '"' not in line
        if len(line) > 120 and foldable:
            faults.append(f"{name}:{number}: {len(line)} columns")
    if path.suffix != ".md":
        continue
    text = re.sub(r"```.*?```|`[^`\n]*`(?!\])", "", path.read_text(), flags=re.DOTALL)
    headings = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.M)}
    links = re.findall(r"\]\(([^)\s]+)[^)]*\)", text) + re.findall(r"^\[[^]]+\]: (\S+)", text, re.M)
    for link in links:
        if link.startswith("#"):
            fault = None if link[1:] in headings else "no such heading"
        elif link.startswith(OUR_DOCS):
            page = root / "target/doc" / link[len(OUR_DOCS):].split("#")[0]
            fault = None if page.is_file() else "no such page in target/doc"
        elif link.startswith("https://"):
            fault = None
        elif name in SHOWN_ELSEWHERE:
            fault = "works in a checkout only"
        else:
            fault = None if (path.parent / link.split("#")[0]).exists() else "no such file"
        if fault:
            faults.append(f"{name}: {link}: {fault}")
    if name in SHOWN_ELSEWHERE and re.search(r"!\[|<img", text):
        faults.append(f"{name}: an image")

print("\n".join(faults + [f"docs.py: {len(files)} files, {len(faults)} faults"]))
sys.exit(bool(faults))

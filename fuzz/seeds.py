#!/usr/bin/env python3
"""Writes the named seeds into corpus/: the vectors and captures of tests/vectors, in the form that each target takes."""
import json
import pathlib
import re

here = pathlib.Path(__file__).parent
vectors = here.parent / "tests" / "vectors"


def load(name):
    return json.loads((vectors / f"{name}.json").read_text())


def write(target, name, data):
    path = here / "corpus" / target / re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def payload(name, data):
    for target in ("payload", "differential"):
        write(target, name, data)


def wire(name, role, frame, cuts=b""):
    for target in ("wire", "codec"):
        write(target, name, bytes([(role == "server") | len(cuts) << 1]) + cuts + frame)


for vector in load("conformance"):
    if vector["level"] == "payload":
        payload(vector["id"], bytes.fromhex(vector["payload_hex"]))
    else:
        wire(vector["id"], vector["role"], bytes.fromhex(vector["frame_hex"]))

for capture in load("captures"):
    frame, sender = bytes.fromhex(capture["frame_hex"]), capture["role"]
    name = f"captured-{capture['from']}-{capture['call']}"[:80]
    wire(name, "server" if sender == "client" else "client", frame, cuts=b"\1\5")
    body = frame[2:] if frame[1] < 128 else bytes(b ^ frame[2 + i % 4] for i, b in enumerate(frame[6:]))
    payload(name, body)

# The steps of src/handshake.rs: end, action, frame.
START, WRITTEN, RECEIVE, FAIL = 0, 2, 6, 7
FRAMES = {None: 0, 1000: 1, 1001: 2, 1002: 3, 1011: 4, 1014: 5, 3008: 6, 4999: 7}
for vector in load("handshake"):
    end, script = int(vector["role"] == "server"), bytearray()
    for step in vector["steps"]:
        action, code = None, None
        if "local_close" in step:
            action, code = START, step["local_close"].get("code")
        elif "recv_close" in step:
            body = bytes.fromhex(step["recv_close"])
            action, code = RECEIVE, int.from_bytes(body[:2], "big") if body else None
        elif "fail" in step:
            action, code = FAIL, 1002
        elif "flushed" in step:
            action = WRITTEN
        if action is not None:
            script.append(end | action << 1 | FRAMES.get(code, 1) << 4)
    write("handshake", vector["id"], bytes(script))

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

# Other frames in front of the Close, which no vector has.
close = bytes.fromhex("880203e8")
for name, frame in {
    "ping": b"\x89\x00",
    "fragment": b"\x01\x01\xc3",
    "compressed": b"\xc1\x03abc",
    "length-of-16-bits": b"\x81\x7e\x00\x80" + b"t" * 128,
    "length-of-64-bits": b"\x82\x7f" + bytes(7) + b"\x85" + b"b" * 133,
    "length-with-top-bit": b"\x82\x7f\x80" + bytes(7),
    "longest-length": b"\x82\x7f\x7f" + b"\xff" * 7,
}.items():
    wire(f"{name}-then-close", "client", frame + close, cuts=b"\1\1\2\1")
wire("masked-text-then-close", "server", b"\x81\xfe\x00\x7emask" + b"t" * 126 + bytes.fromhex("8882000000000fa1"))

# What the codec is to write, as the steps of src/codec.rs.
for name, steps in {
    "close-then-pong-then-data": [9, 0, 2, 1, 6],
    "parts-then-close": [4, 9, 5, 9, 9],
    "fail-then-close": [1, 10, 0, 9, 11, 9],
    "fault-then-close": [7, 1, 9, 7, 0],
    "close-then-mixed": [8, 3, 2, 9, 2, 3, 8, 1],
}.items():
    write("codec", f"write-{name}", bytes([len(steps) << 1, *steps]))

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

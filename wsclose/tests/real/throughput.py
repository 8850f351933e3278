#!/usr/bin/env python3
"""Reads a capture of 508 MB with wsclose and with tshark, one after the other, twice, and prints seconds and memory.

It needs tshark, and wsclose built by setup.sh. The capture is one connection of 350,000 binary frames that ends with a
Close.
"""

import os
import pathlib
import re
import struct
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
WSCLOSE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/wsclose"
CLIENT, SERVER = (b"\x0a\0\0\1", 5000), (b"\x0a\0\0\2", 80)
FRAMES = 350_000


def write(file):
    file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))
    sent = {CLIENT: 0xFFFFFFF0, SERVER: 0xFFFFFFF0}

    def packet(end, flags, payload, seconds):
        other = SERVER if end is CLIENT else CLIENT
        numbers = (sent[end] & 0xFFFFFFFF, sent[other] & 0xFFFFFFFF)
        tcp = struct.pack(">HHIIBBHHH", end[1], other[1], *numbers, 0x50, flags, 65535, 0, 0) + payload
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, end[0], other[0]) + tcp
        file.write(struct.pack("<IIII", int(seconds), int(seconds % 1 * 1e6), len(ip), len(ip)) + ip)
        sent[end] += len(payload) + bool(flags & 3)

    packet(CLIENT, 0x02, b"", 0)
    packet(SERVER, 0x12, b"", 0)
    packet(CLIENT, 0x18, b"GET /big HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 0)
    packet(SERVER, 0x18, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 0)
    frame = b"\x82\x7e\x05\x70" + b"x" * 0x570
    for at in range(FRAMES):
        packet(SERVER, 0x18, frame, 1 + at * 1e-5)
    packet(SERVER, 0x18, b"\x88\x02\x03\xe8", 90)
    packet(CLIENT, 0x18, b"\x88\x82\0\0\0\0\x03\xe8", 90.1)
    packet(SERVER, 0x11, b"", 90.2)
    packet(CLIENT, 0x11, b"", 90.3)


def measure(name, command):
    begun, peak = time.monotonic(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # What wait4 tells would include the memory of this program, from before it became the other one.
    while process.poll() is None:
        found = re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())
        peak = int(found[1]) if found else peak
        time.sleep(0.01)
    print(f"{name:<8} {time.monotonic() - begun:6.2f} s, {peak / 1024:6.1f} MiB, status {process.returncode}")


with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
    write(file)
    file.flush()
    print(f"{os.path.getsize(file.name) / 1e6:.0f} MB; wsclose has {WSCLOSE.stat().st_size / 1e6:.2f} MB")
    for _ in range(2):
        measure("wsclose", [str(WSCLOSE), "pcap", file.name])
        fields = ["-Y", "websocket.opcode == 8", "-T", "fields", "-e", "websocket.payload.close.status_code"]
        measure("tshark", ["tshark", "-r", file.name, *fields])

#!/usr/bin/env python3
"""Speaks the protocol of `wsclose decode --json` for Python's websockets. It uses the sans-I/O `Protocol`, already open.

    pip install websockets
    python3 tests/vectors/run.py --ignore error_kind --ignore consumed \\
        -- python3 tests/vectors/adapters/python_websockets.py
"""

import argparse
import json
import sys

from websockets.protocol import CLIENT, SERVER, Protocol


def decode(data, role):
    answer = dict.fromkeys(["outcome", "code", "has_code", "reason", "error_kind", "fail_code", "consumed"])
    # The vectors are about Close frames. Data, pings and pongs are left to the owner of the framing.
    if data and data[0] & 0x0F in (0x0, 0x1, 0x2, 0x9, 0xA):
        return answer | {"outcome": "other_opcode"}
    connection = Protocol({"client": CLIENT, "server": SERVER}[role])
    connection.receive_data(data)
    close = connection.close_rcvd
    if connection.parser_exc is not None and close is None:
        return answer | {"outcome": "error", "fail_code": connection.close_sent.code}
    if close is None:
        return answer | {"outcome": "incomplete"}
    return answer | {"outcome": "ok", "code": close.code, "has_code": close.code != 1005, "reason": close.reason}


def framed(payload):
    """A server's Close frame around a payload."""
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return b"\x88" + length + payload


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--payload", action="store_true")
    parser.add_argument("--role", default="client")
    parser.add_argument("hex", nargs="*")
    arguments = parser.parse_args()
    for line in arguments.hex or filter(None, map(str.strip, sys.stdin)):
        data = bytes.fromhex(line)
        print(json.dumps(decode(framed(data), "client") if arguments.payload else decode(data, arguments.role)))


main()

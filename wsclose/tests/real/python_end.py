"""One end of a WebSocket with Python's websockets. Prints what it reports: a JSON line for each connection.

    python_end.py serve PORT [KEYWORD=VALUE...]
    python_end.py connect URL
"""

import asyncio
import json
import os
import signal
import socket
import struct
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

# What a server puts on the wire itself, and what is in it.
RAW = {
    "bad-code": b"\x88\x02\x03\xed",
    "bad-utf8": b"\x88\x05\x03\xe8\xc3\x28\xff",
    "bad-text": b"\x81\x02\xc3\x28",
    "bad-opcode": b"\x83\x02hi",
    "more-after-close": b"\x88\x02\x03\xe8\x81\x02hi\x89\x00",
    "cut-frame": b"\x82\x7e\x10\x00" + b"x" * 100,
}


def report(end, path, ws):
    protocol = ws.protocol
    clean = protocol.close_rcvd is not None and protocol.close_sent is not None and ws.close_code != 1006
    print(json.dumps({"program": "python", "end": end, "path": path, "code": ws.close_code, "reason": ws.close_reason, "wasClean": clean}), flush=True)


def reset(ws):
    linger = struct.pack("ii", 1, 0)
    ws.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    ws.transport.abort()


async def server(ws):
    path = ws.request.path
    case = path.split("/")[1]
    try:
        if case in ("server-closes", "crossing"):
            await ws.send("hello")
            if case == "crossing":
                await ws.recv()
            await ws.close(1001, "see you")
        elif case == "client-has-its-own-code":
            await ws.send("go")
            await ws.close(1000, "server done")
        elif case in RAW:
            await ws.recv()
            ws.transport.write(RAW[case])
            if case == "cut-frame":
                await asyncio.sleep(0.05)
                ws.transport.abort()
        elif case == "server-drops":
            await ws.recv()
            ws.transport.abort()
        elif case == "server-resets":
            await ws.recv()
            reset(ws)
        elif case in ("client-hangs", "never-arrives"):
            await ws.recv()
            await asyncio.sleep(0.3)
            await ws.close(1000, "bye")
        elif case == "server-is-killed":
            await ws.recv()
            os.kill(os.getpid(), signal.SIGKILL)
        async for message in ws:
            if case == "chat":
                await ws.send(message)
    except websockets.ConnectionClosed:
        pass
    finally:
        await ws.wait_closed()
        report("server", path, ws)


async def client(url):
    path = "/" + url.split("/", 3)[3]
    case = path.split("/")[1]
    try:
        async with connect(url, compression=None if "plain" in path else "deflate", open_timeout=30) as ws:
            await ws.send("hi")
            if case == "client-closes":
                await ws.close(4001, "done")
            elif case == "chat":
                # Goes on when it is told to, so that a capture can begin in between.
                told = asyncio.Event()
                asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, told.set)
                await ws.recv()
                await told.wait()
                await ws.send("are you there?")
                await ws.recv()
                await ws.close(4001, "done")
            elif case == "no-code":
                # websockets has no call for a Close without a code.
                ws.protocol.send_close()
                ws.send_data()
            elif case == "too-big":
                await ws.send("x" * 5000)
            elif case == "client-drops":
                ws.transport.abort()
            elif case == "client-resets":
                await asyncio.sleep(0.1)
                reset(ws)
            elif case in ("client-hangs", "unanswered-pings"):
                os.kill(os.getpid(), signal.SIGSTOP)
            elif case == "client-has-its-own-code":
                await ws.recv()
                await ws.close(4002, "client done")
            elif case == "crossing":
                await ws.recv()
                await asyncio.sleep(0.02)
                await ws.close(4002, "client done")
            try:
                async for _ in ws:
                    pass
            except websockets.ConnectionClosed:
                pass
            await ws.wait_closed()
        report("client", path, ws)
    except (OSError, websockets.InvalidHandshake, websockets.InvalidMessage):
        # It never opened: what a browser would report.
        print(json.dumps({"program": "python", "end": "client", "path": path, "code": 1006, "reason": "", "wasClean": False}), flush=True)


async def main(command, target, *options):
    if command == "connect":
        return await client(target)
    keywords = dict(option.split("=") for option in options)
    host = keywords.pop("host", "127.0.0.1")
    keywords = {key: None if value == "None" else int(value) for key, value in keywords.items()}
    async with serve(server, host, int(target), close_timeout=2, max_size=1000, **keywords):
        print("ready", flush=True)
        await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))

"""Python's websockets as a peer. It reads tasks as lines of JSON, and writes reports in the same form."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


def say(**line):
    print(json.dumps(line), flush=True)


async def act(socket, task):
    match task["act"]:
        case "close":
            # Without an argument the library would send 1000.
            await socket.close(*(task["arguments"] or [None]))
        case "tell and close":
            await socket.send("hello")
            await socket.close(*task["arguments"])
        case "talk":
            await socket.send("hello")
            assert await socket.recv() == "hello"
            await socket.close(*task["arguments"])
        case "raw":
            socket.transport.write(bytes(task["frame"]))
        case "silent":
            socket.transport.pause_reading()
            await socket.send("hello")
            await asyncio.sleep(task["seconds"])
            socket.transport.resume_reading()
        case "drop":
            socket.transport.abort()
    await socket.wait_closed()
    say(id=task["id"], code=socket.close_code, reason=socket.close_reason)


async def run(task):
    options = {"compression": None, "ping_interval": None, "close_timeout": task["patience"]}
    try:
        if port := task["dial"]:
            await act(await connect(f"ws://127.0.0.1:{port}/", proxy=None, **options), task)
            return
        done = asyncio.Event()

        async def handler(socket):
            try:
                await act(socket, task)
            finally:
                done.set()

        async with serve(handler, "127.0.0.1", 0, **options) as server:
            say(id=task["id"], port=server.sockets[0].getsockname()[1])
            await done.wait()
    except Exception as error:
        say(id=task["id"], error=repr(error))


async def main():
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with asyncio.TaskGroup() as tasks:
        async for line in lines:
            tasks.create_task(run(json.loads(line)))


asyncio.run(main())

"""Servers that are no WebSocket themselves.

    helpers.py refuse PORT              answers 403
    helpers.py idle-proxy PORT SERVER   passes everything on, and ends both sides after 21 s of silence, as load
                                        balancers do
    helpers.py wss PORT CERTIFICATE KEY, helpers.py wss-client PORT CERTIFICATE   a WebSocket inside TLS
"""

import asyncio
import http.server
import ssl
import sys

PATIENCE = 21


class Refuse(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(403)

    def log_message(self, *_):
        pass


async def idle_proxy(port, server):
    async def relay(client_reader, client_writer):
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", server)
        clock = asyncio.get_running_loop().time
        last = clock()

        async def one_way(reader, writer):
            nonlocal last
            while data := await reader.read(65536):
                last = clock()
                writer.write(data)

        ways = [
            asyncio.create_task(one_way(client_reader, server_writer)),
            asyncio.create_task(one_way(server_reader, client_writer)),
        ]
        while not any(way.done() for way in ways) and clock() - last < PATIENCE:
            await asyncio.sleep(0.05)
        client_writer.close()
        server_writer.close()

    proxy = await asyncio.start_server(relay, "127.0.0.1", port)
    print("ready", flush=True)
    await proxy.serve_forever()


async def wss(port, certificate, key):
    from websockets.asyncio.server import serve

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with serve(lambda ws: ws.close(1001, "see you"), "127.0.0.1", port, ssl=context):
        print("ready", flush=True)
        await asyncio.Future()


async def wss_client(port, certificate):
    from websockets.asyncio.client import connect

    context = ssl.create_default_context(cafile=certificate)
    async with connect(f"wss://localhost:{port}/", ssl=context, host="127.0.0.1") as ws:
        await ws.wait_closed()


command, port = sys.argv[1], int(sys.argv[2])
if command == "refuse":
    server = http.server.HTTPServer(("127.0.0.1", port), Refuse)
    print("ready", flush=True)
    server.serve_forever()
elif command == "wss":
    asyncio.run(wss(port, *sys.argv[3:]))
elif command == "wss-client":
    asyncio.run(wss_client(port, *sys.argv[3:]))
else:
    asyncio.run(idle_proxy(port, int(sys.argv[3])))

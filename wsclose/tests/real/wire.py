"""A wire between two machines that are network namespaces: it delays each packet, and goes dead after a while.

    wire.py DELAY_SECONDS DEAD_AFTER_SECONDS

The namespaces are wsclose-client (10.99.0.1) and wsclose-server (10.99.0.2), both on a device called wire. The second
number counts from the first packet with a payload; 0 means never.
"""

import fcntl
import heapq
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
DELAY, DEAD_AFTER = map(float, sys.argv[1:])


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def machine(name, own, other):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"wire", IFF_TUN | IFF_NO_PI))
    ip("netns", "add", name)
    ip("link", "set", "wire", "netns", name)
    ip("-n", name, "addr", "add", own, "peer", other, "dev", "wire")
    ip("-n", name, "link", "set", "wire", "up")
    return device


def has_payload(packet):
    header = (packet[0] & 15) * 4
    return packet[0] >> 4 == 4 and packet[9] == 6 and len(packet) > header + (packet[header + 12] >> 4) * 4


client = machine("wsclose-client", "10.99.0.1", "10.99.0.2")
server = machine("wsclose-server", "10.99.0.2", "10.99.0.1")
print("ready", flush=True)
on_the_way, first, count = [], None, 0
while True:
    patience = max(0, on_the_way[0][0] - time.monotonic()) if on_the_way else None
    readable, _, _ = select.select([client, server], [], [], patience)
    now = time.monotonic()
    for source in readable:
        packet = os.read(source, 65536)
        if first is None and has_payload(packet):
            first = now
        if DEAD_AFTER and first is not None and now - first > DEAD_AFTER:
            continue
        count += 1
        heapq.heappush(on_the_way, (now + DELAY, count, server if source == client else client, packet))
    while on_the_way and on_the_way[0][0] <= now:
        _, _, target, packet = heapq.heappop(on_the_way)
        os.write(target, packet)

"""Writes the captures of tests/captures: one for each way in which a WebSocket ends, and what its ends reported."""

import collections
import json
import re
import struct
import subprocess
import sys
import tempfile
import time

import run

# A name for each capture, and the path of the connection in it. It comes from the matrix.
CHOSEN = {
    "server-closes": "/server-closes/chromium-python-straight",
    "client-closes": "/client-closes/chromium-ws-straight",
    "no-code": "/no-code/ws-python-straight",
    "own-code": "/client-has-its-own-code/ws-python-straight",
    "failed-1002": "/bad-opcode/chromium-python-straight",
    "failed-1007": "/bad-text/python-ws-straight",
    "failed-1009": "/too-big/ws-python-straight",
    "bad-close-code": "/bad-code/chromium-python-straight",
    "bad-close-utf8": "/bad-utf8/ws-python-straight",
    "bad-close-rust": "/bad-code/rust-ws-straight",
    "more-after-close-chromium": "/more-after-close/chromium-python-straight",
    "more-after-close-ws": "/more-after-close/ws-python-straight",
    "server-drops": "/server-drops/rust-python-straight",
    "client-drops": "/client-drops/ws-rust-straight",
    "half-close": "/half-close/ws-python-straight",
    "killed": "/server-is-killed/ws-python-straight",
    "cut-frame": "/cut-frame/chromium-ws-straight",
    "server-resets": "/server-resets/chromium-python-straight",
    "client-resets": "/client-resets/python-rust-straight",
    "idle": "/idle/ws-python-straight",
    "hung": "/client-hangs/ws-python-straight",
    "hung-pings": "/unanswered-pings/ws-python-straight",
    "refused": "/refused/ws-refusing-straight",
    "open": "/open/ws-python-straight",
    "ipv6": "/client-closes/v6-python-straight",
    "rust-both": "/client-has-its-own-code/rust-rust-straight",
}


def packets(file):
    """The header of a capture, and each packet with its header."""
    data = file.read_bytes()
    at, found = 24, []
    while at < len(data):
        captured = struct.unpack_from("<I", data, at + 8)[0]
        found.append(data[at : at + 16 + captured])
        at += 16 + captured
    return data[:24], found


def connections(found):
    """The packets of Ethernet frames by the addresses of TCP, in both directions."""
    by_address = collections.defaultdict(list)
    for packet in found:
        frame = packet[16:]
        ip = 14 + (20 if frame[12:14] == b"\x08\x00" else 40)
        by_address[frozenset((frame[ip : ip + 2], frame[ip + 2 : ip + 4]))].append(packet)
    return by_address.values()


def write(capture, reports, directory):
    directory.mkdir(parents=True, exist_ok=True)
    truth = {}

    def keep(name, header, chosen, ends):
        (directory / f"{name}.pcap").write_bytes(header + b"".join(chosen))
        truth[name] = sorted(ends, key=lambda report: report["end"])

    header, found = packets(capture)
    of_path = {}
    for connection in connections(found):
        path = re.search(rb"GET (\S+) HTTP/1.1", b"".join(connection))
        if path:
            of_path[path[1].decode()] = connection
    for name, path in CHOSEN.items():
        # What ended after the capture is no truth about it.
        ends = [report for report in reports if report["path"] == path and name != "open"]
        keep(name, header, of_path[path], ends)

    for name, file, ends in special():
        header, found = packets(file)
        keep(name, header, found, ends)
    text = json.dumps(truth, indent=1, sort_keys=True)
    (directory / "truth.json").write_text(f"{text}\n", encoding="utf-8")


def special():
    """Captures that take a set-up of their own: name, file, reports."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = run.pathlib.Path(scratch)
        yield from ways_to_capture(scratch)
        yield from two_machines(scratch)
        yield from unreadable(scratch)


def ways_to_capture(scratch):
    """One connection by several tcpdumps at once, one of which comes late."""
    programs = run.Programs()
    port = run.SERVERS["python"][1]
    programs.start([*run.PYTHON, "serve", str(port)], until="ready")
    filtered = f"tcp port {port}"
    dumps = {
        "cooked-v1": ["-i", "any", "-y", "LINUX_SLL", filtered],
        "cooked-v2": ["-i", "any", "-y", "LINUX_SLL2", filtered],
        "nanoseconds": ["-i", "lo", "--time-stamp-precision=nano", filtered],
        "snap-length": ["-i", "lo", "-s", "96", filtered],
    }
    running = {name: run.Tcpdump(scratch / f"{name}.pcap", *options) for name, options in dumps.items()}
    run.connect(programs, "ws", port, "/server-closes/captured")
    for tcpdump in running.values():
        tcpdump.stop()
    reports = list(programs.reports)
    for name in dumps:
        yield name, scratch / f"{name}.pcap", reports

    programs.reports.clear()
    client = run.connect(programs, "python", port, "/chat/joined", wait=False)
    time.sleep(1)
    tcpdump = run.Tcpdump(scratch / "joined.pcap", "-i", "lo", filtered)
    # The client sends a message, gets one back, and closes.
    client.send_signal(run.signal.SIGUSR1)
    programs.finish(client)
    tcpdump.stop()
    yield "joined", scratch / "joined.pcap", list(programs.reports)
    programs.stop()


def two_machines(scratch):
    """Two namespaces with a slow wire between them, which may go dead."""
    for name, path, delay, dead_after in [
        ("crossing", "/crossing/plain", "0.05", "0"),
        ("never-arrives", "/never-arrives/plain", "0.01", "0.2"),
    ]:
        programs = run.Programs()
        try:
            programs.start([sys.executable, str(run.HERE / "wire.py"), delay, dead_after], until="ready")
            at_server, at_client = (["ip", "netns", "exec", f"wsclose-{end}"] for end in ("server", "client"))
            tcpdump = run.Tcpdump(scratch / f"{name}.pcap", "-i", "wire", "tcp", prefix=at_server)
            programs.start([*at_server, *run.PYTHON, "serve", "80", "host=10.99.0.2"], until="ready")
            client = programs.start([*at_client, *run.PYTHON, "connect", f"ws://10.99.0.2{path}"])
            programs.finish(client, 6)
            time.sleep(1)
            tcpdump.stop()
            yield name, scratch / f"{name}.pcap", list(programs.reports)
        finally:
            programs.stop()
            for end in ("server", "client"):
                subprocess.run(["ip", "netns", "del", f"wsclose-{end}"], check=False)


def unreadable(scratch):
    """TLS and HTTP/2."""
    key, certificate = scratch / "key.pem", scratch / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
         "-keyout", str(key), "-out", str(certificate)], check=True, stderr=subprocess.DEVNULL,
    )
    programs = run.Programs()
    for name, port, server, client in [
        ("tls", run.TLS,
         [*run.PYTHON[:1], str(run.HERE / "helpers.py"), "wss", str(run.TLS), str(certificate), str(key)],
         [*run.PYTHON[:1], str(run.HERE / "helpers.py"), "wss-client", str(run.TLS), str(certificate)]),
        ("http2", run.HTTP2,
         ["node", "-e", f"require('http2').createServer((_, answer) => answer.end('hi')).listen({run.HTTP2}, '127.0.0.1', () => console.log('ready'))"],
         ["curl", "--silent", "--http2-prior-knowledge", f"http://127.0.0.1:{run.HTTP2}/"]),
    ]:
        programs.start(server, until="ready")
        tcpdump = run.Tcpdump(scratch / f"{name}.pcap", "-i", "lo", f"tcp port {port}")
        subprocess.run(client, stdout=subprocess.DEVNULL, check=True)
        tcpdump.stop()
        yield name, scratch / f"{name}.pcap", []
    programs.stop()

#!/usr/bin/env python3
"""Lets real programs end WebSockets on loopback, and holds what wsclose says against what both ends report.

Each connection is captured with tcpdump; half of them go through `wsclose tap` at the same time. It prints how often
they agree for each program and each way, and fails if an end reports something that wsclose did not say, not even in
words.
It needs root, tcpdump, chromium, node and python3; see setup.sh for the rest.

    run.py [--captures DIRECTORY]

With --captures it writes the captures that tests/captures.rs reads, and what their ends reported.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PEERS = TARGET / "real"
WSCLOSE = TARGET / "release" / "wsclose"
PYTHON = [str(PEERS / "venv/bin/python"), str(HERE / "python_end.py")]
NODE = ["node", str(HERE / "ws_end.mjs")]
RUST = [str(TARGET / "release/examples/real-rust-end")]
CLIENTS = {"python": PYTHON, "ws": NODE, "rust": RUST}

# A tap listens 100 ports above its server.
SERVERS = {"python": (PYTHON, 19461), "ws": (NODE, 19462), "rust": (RUST, 19463)}
KEEPALIVE, KEEPALIVE_OPTIONS = 19464, ["ping_interval=1", "ping_timeout=1"]
REFUSING, IDLE, BEHIND_IDLE, KILLED, V6, TLS, HTTP2 = 19465, 19466, 19467, 19468, 19469, 19470, 19471
PORTS = "tcp portrange 19461-19599"

EVERY_CASE = [
    "server-closes", "client-closes", "no-code", "client-has-its-own-code", "too-big", "bad-code", "bad-utf8", "bad-text", "bad-opcode",
    "more-after-close", "cut-frame", "server-drops", "server-resets", "client-drops", "client-resets",
]
CHROMIUM_CASES = [case for case in EVERY_CASE if case not in ("client-drops", "client-resets")]


class Programs:
    """Programs that run at the same time, and the JSON lines that they print."""

    def __init__(self):
        self.running, self.reports = [], []

    def start(self, command, until=None, **options):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace", stderr=subprocess.DEVNULL, **options)
        self.running.append(process)
        ready = threading.Event()
        reader = threading.Thread(target=self.read, args=(process, until, ready), daemon=True)
        reader.start()
        if until is not None and not ready.wait(20):
            raise RuntimeError(f"not ready: {command}")
        process.reader = reader
        return process

    def read(self, process, until, ready):
        for line in process.stdout:
            if until is not None and until in line:
                ready.set()
            with contextlib.suppress(ValueError):
                report = json.loads(line)
                if isinstance(report, dict) and "wasClean" in report:
                    self.reports.append(report)

    def finish(self, process, seconds=20):
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        process.reader.join(2)

    def stop(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
        for process in self.running:
            process.wait()
            process.reader.join(2)


def connect(programs, program, port, path, host="127.0.0.1", wait=True):
    process = programs.start([*CLIENTS[program], "connect", f"ws://{host}:{port}{path}"], env=environment())
    if wait:
        programs.finish(process)
    return process


def environment():
    return {**os.environ, "NODE_PATH": str(PEERS / "node_modules")}


class Tcpdump:
    def __init__(self, file, *options, prefix=()):
        self.file = file
        self.process = subprocess.Popen(
            [*prefix, "tcpdump", "-U", "-B", "65536", "--immediate-mode", "-w", str(file), *options], stderr=subprocess.PIPE, text=True
        )
        for line in self.process.stderr:
            if "listening on" in line:
                break

    def stop(self):
        time.sleep(0.5)
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


class Tap:
    """A tap before a server. Its lines, and the same in words, come from two of them in a row."""

    def __init__(self, server, directory):
        self.file = open(directory / f"tap-{server}.json", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [str(WSCLOSE), "tap", "--json", f"127.0.0.1:{server + 100}", f"127.0.0.1:{server}"],
            stdout=self.file, stderr=subprocess.PIPE, text=True,
        )
        self.process.stderr.readline()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.file.seek(0)
        return [json.loads(line) for line in self.file]


def matrix(programs, chromium):
    """Every case between every pair of programs, straight and through a tap."""
    for name, (command, port) in SERVERS.items():
        programs.start([*command, "serve", str(port)], until="ready", env=environment())
    for server, (_, port) in SERVERS.items():
        for way, offset in (("straight", 0), ("tapped", 100)):
            for client in CLIENTS:
                running = [
                    connect(programs, client, port + offset, f"/{case}/{client}-{server}-{way}", wait=False) for case in EVERY_CASE
                ]
                for process in running:
                    programs.finish(process)
            if chromium:
                urls = [f"ws://127.0.0.1:{port + offset}/{case}/chromium-{server}-{way}" for case in CHROMIUM_CASES]
                browse(programs, chromium, urls)


def browse(programs, chromium, urls):
    page = f"{(HERE / 'chromium.html').as_uri()}#{'%20'.join(urls)}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={profile}", page],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
        )
        timer = threading.Timer(90, process.kill)
        timer.start()
        for line in process.stderr:
            message = re.search(r'CONSOLE.*?\] "(.*)", source: ', line)
            if message and message[1] == "over":
                break
            if message and message[1].startswith("{"):
                programs.reports.append(json.loads(message[1]))
        timer.cancel()
        process.kill()
        process.wait()


def slow_endings(programs):
    """What takes seconds: programs that hang, and a proxy that loses patience."""
    programs.start([*PYTHON, "serve", str(KEEPALIVE), *KEEPALIVE_OPTIONS], until="ready")
    programs.start([*PYTHON, "serve", str(BEHIND_IDLE), "ping_interval=None"], until="ready")
    programs.start([*PYTHON, "serve", str(V6), "host=::1"], until="ready")
    programs.start([sys.executable, str(HERE / "helpers.py"), "idle-proxy", str(IDLE), str(BEHIND_IDLE)], until="ready")
    programs.start([sys.executable, str(HERE / "helpers.py"), "refuse", str(REFUSING)], until="ready")
    killed = programs.start([*PYTHON, "serve", str(KILLED)], until="ready")

    port = SERVERS["python"][1]
    hanging = [
        connect(programs, "ws", port, "/client-hangs/ws-python-straight", wait=False),
        connect(programs, "ws", port + 100, "/client-hangs/ws-python-tapped", wait=False),
        connect(programs, "ws", KEEPALIVE, "/unanswered-pings/ws-python-straight", wait=False),
    ]
    idle = connect(programs, "ws", IDLE, "/idle/ws-python-straight", wait=False)
    connect(programs, "python", V6, "/client-closes/v6-python-straight", host="[::1]")
    connect(programs, "ws", port, "/half-close/ws-python-straight")
    for client in CLIENTS:
        connect(programs, client, REFUSING, f"/refused/{client}-refusing-straight")
    connect(programs, "ws", KILLED, "/server-is-killed/ws-python-straight")
    programs.finish(killed)
    time.sleep(5)
    for process in hanging:
        process.kill()
    programs.finish(idle, 40)
    return [connect(programs, "ws", port, "/open/ws-python-straight", wait=False)]


def wsclose(file, *options):
    done = subprocess.run([str(WSCLOSE), "pcap", *options, str(file)], stdout=subprocess.PIPE, text=True)
    return done.stdout


# A report because of one of these always has a line "perhaps" below it.
DOUBTED = ("failed", "moreAfterClose", "unanswered")


def in_words(file):
    """Which ends may report something else, by path and address of the client."""
    doubted, key = set(), None
    for line in wsclose(file).splitlines():
        headline = re.match(r"(\S+) > \S+ (/\S+)   ", line)
        if headline:
            key = headline.groups()
        perhaps = re.match(r"  perhaps +(client|server) ", line)
        if perhaps:
            doubted.add((*key, perhaps[1]))
    return doubted


def compare(programs, capture, taps):
    """Prints the table of agreement, and returns how many reports differ."""
    said = collections.defaultdict(list)
    doubted = in_words(capture)
    for line in map(json.loads, wsclose(capture, "--json").splitlines()):
        if line["path"] is None:
            print(f"without a path: {line}")
            continue
        port = int(line["server"].rsplit(":", 1)[1])
        # Through a tap there are two connections of TCP: one from the client, one to the server.
        ends = ("client", "server") if "tapped" not in line["path"] else ("client",) if port > 19560 else ("server",)
        for end in ends:
            words = (line["client"], line["path"], end) in doubted
            said[line["path"], end].append(("pcap", line["reports"][end], words))
    for line in taps:
        for end in ("client", "server"):
            report = line["reports"][end]
            # A tap has the same doubts as a capture of its two sides.
            words = report["because"] in DOUBTED or any(path == line["path"] and who == end for _, path, who in doubted)
            said[line["path"], end].append(("tap", report, words))

    table, different = collections.Counter(), []
    for report in programs.reports:
        for way, told, words in said.pop((report["path"], report["end"]), [("pcap", None, False)]):
            keys = ("code", "reason", "wasClean")
            if told is not None and all(told[key] == report[key] for key in keys):
                verdict = "agree"
            elif words:
                verdict = "in words"
            elif told is not None and told["code"] is None:
                verdict = "cannot be said"
            else:
                verdict = "differ"
                different.append((way, report, told))
            table[report["program"], way, verdict] += 1
    verdicts = ("agree", "in words", "cannot be said", "differ")
    print(f"{'program':<10} {'by':<5}" + "".join(f" {verdict:>15}" for verdict in verdicts))
    for program, way in sorted({key[:2] for key in table}):
        print(f"{program:<10} {way:<5}" + "".join(f" {table[program, way, verdict]:>15}" for verdict in verdicts))
    for way, report, told in different:
        print(f"DIFFER by {way}: {report} but {told}")
    return len(different)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--captures", type=pathlib.Path, metavar="DIRECTORY")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    programs = Programs()
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        tcpdump = Tcpdump(directory / "all.pcap", "-i", "lo", PORTS)
        taps = [Tap(port, directory) for _, port in SERVERS.values()]
        try:
            matrix(programs, arguments.chromium)
            still_open = slow_endings(programs)
            time.sleep(1)
            tcpdump.stop()
            for process in still_open:
                process.kill()
            lines = [line for tap in taps for line in tap.stop()]
        finally:
            programs.stop()
        if os.environ.get("KEEP"):
            subprocess.run(["cp", str(directory / "all.pcap"), os.environ["KEEP"]])
            pathlib.Path(os.environ["KEEP"] + ".json").write_text(json.dumps([programs.reports, lines]))
        different = compare(programs, directory / "all.pcap", lines)
        if arguments.captures:
            import golden

            golden.write(directory / "all.pcap", programs.reports, arguments.captures)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

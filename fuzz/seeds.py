#!/usr/bin/env python3
"""Writes the corpus of each fuzz target to corpus/TARGET, and removes what fuzzing has added there. With --check it
writes nothing. It then names each file that differs, and fails if there is one.

Each seed is here because of the edges that it reaches. The vectors are not among the seeds, because tests replay
them. Commit fd81c79 had 1,435 files. libFuzzer counts these edges (`cov:`) without a sanitizer, on x86-64 with AVX-512:

    target         files then  edges then  files  edges
    case                  107         170     27    172
    codec                 542         644     52    645
    handshake             162         197      9    198
    payload               196         290     50    290
    wire                  365         348     26    348

`differential` starts from the seeds of `payload`. The commands below show for a target that the seeds miss no edge of
the old files: they print "0 new coverage edges". Run them in this directory. OLD and NEW are directories elsewhere.

    git archive fd81c79 corpus | tar -x -C OLD && cp -r corpus NEW
    cargo +nightly fuzz run -s none TARGET NEW/corpus/TARGET OLD/corpus/TARGET -- -merge=1 -use_counters=0
"""
import itertools
import pathlib
import random
import shutil
import struct
import sys

CORPUS = pathlib.Path(__file__).parent / "corpus"
# .ci/release cuts inputs that are longer; those of `capture` at 2,000.
MAX_LEN = 300


# The targets `payload` and `differential` take the payload of a Close.

# The characters of more than one byte, as the ranges of their bytes (RFC 3629, 4). Each row is named by its first byte.
CHARACTERS = {
    "c2": [(0xC2, 0xDF), (0x80, 0xBF)],
    "e0": [(0xE0, 0xE0), (0xA0, 0xBF), (0x80, 0xBF)],
    "e1": [(0xE1, 0xEC), (0x80, 0xBF), (0x80, 0xBF)],
    "ed": [(0xED, 0xED), (0x80, 0x9F), (0x80, 0xBF)],
    "ee": [(0xEE, 0xEF), (0x80, 0xBF), (0x80, 0xBF)],
    "f0": [(0xF0, 0xF0), (0x90, 0xBF), (0x80, 0xBF), (0x80, 0xBF)],
    "f1": [(0xF1, 0xF3), (0x80, 0xBF), (0x80, 0xBF), (0x80, 0xBF)],
    "f4": [(0xF4, 0xF4), (0x80, 0x8F), (0x80, 0xBF), (0x80, 0xBF)],
}
# The first and the last character of each row, 52 bytes in all.
WIDE = b"".join(bytes(byte[end] for byte in row) for row in CHARACTERS.values() for end in (0, 1)).decode()

# Every code with a name is here. The lengths differ, because the crate checks and masks several bytes at once.
# The peers of `differential` do so, too. Their payloads have each length modulo 8, once below 10 bytes and once above
# 60.
GOOD = {
    1000: "", 1001: "x", 1002: "ok", 1003: "why", 1007: "text", 1008: "rules", 1009: "length", 1010: "missing",
    1011: "é", 1012: "xé", 1013: "später", 1014: "größer", 3000: "internal error", 3003: '"\\\n\ufeff' + "x" * 22,
    3001: "x" * 36, 3004: "x" * 20 + "é" * 15, 3008: "x" * 70,
    # simdutf8 checks texts of 64 bytes or more whose ends are not ASCII. It takes 64 bytes at once and copies the rest.
    3009: "é" * 32, 3010: "é" * 32 + "x" * 5, 3011: WIDE + "x" * 7 + WIDE, 3012: "é" * 30 + "x" * 21,
    4000: "é" * 10 + "x" * 74 + "é" * 10,
}
BAD_CODES = [0, 999, 1005, 1006, 1015, 2999, 5000]
# The text before and after each of the first bad characters. The other bad characters stand alone.
AROUND = [
    ("", ""), ("x" * 5, ""), ("x" * 20, ""), ("x" * 40, "x" * 40), ("é" * 20, "é" * 14 + "x"), ("é" * 20, "x" * 41),
]


def payload(code, reason=""):
    return code.to_bytes(2, "big") + (reason if isinstance(reason, bytes) else reason.encode())


def bad_texts():
    """For each row and each byte except the first: a character with this byte one above its range."""
    places = [(row, place) for row, ranges in CHARACTERS.items() for place in range(1, len(ranges))]
    around = itertools.chain(AROUND, itertools.repeat(("", "")))
    for (row, place), (before, after), code in zip(places, around, itertools.cycle([1000, 1007, 3000, 1000])):
        character = [first for first, _ in CHARACTERS[row]]
        character[place] = CHARACTERS[row][place][1] + 1
        yield f"bad-{row}-byte-{place + 1}", payload(code, before.encode() + bytes(character) + after.encode())
    yield "cut-character", payload(1000, b"no\xf1")


BAD_TEXTS = dict(bad_texts())
PAYLOADS = {
    "one-byte": b"\x03",
    # Only `CloseEvent::observed` checks this text, because it checks the text before the length.
    "too-long": payload(1000, "é" * 32 + "x" * 64 + "é" * 52),
    **{f"code-{code}": payload(code, reason) for code, reason in GOOD.items()},
    **{f"code-{code}": payload(code) for code in BAD_CODES},
    **BAD_TEXTS,
}


# The target `case` takes the choices that `PayloadCase::arbitrary` reads, in the order of src/arbitrary.rs. Behind the
# end of the input, each choice is the first one.

KINDS = {
    "no code": 0, "one byte": 1, "reported": 2, "reported, bad text": 3, "undefined": 4, "undefined, bad text": 6,
    "too long": 7, "bad text": 8, "good": 11,
}
CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3003, 3008, 3999, 4000, 4999]
UNDEFINED = [(0, 999), (1004, 1004), (1016, 2999), (5000, 65535)]
EDGES = "a\0\n\"\x7f\x80\u07ff\u0800\ud7ff\ue000\ufeff\ufffd\uffff\U00010000\U0010ffff"


def pick(number, first, last):
    """A number of a range, in as many bytes as the range needs."""
    return (number - first).to_bytes(((last - first).bit_length() + 7) // 8, "big")


def kind(name):
    return pick(KINDS[name], 0, 15)


def good(code):
    return pick(CODES.index(code), 0, 18) if code in CODES else pick(18, 0, 18) + pick(code, 3000, 4999)


def reported(code):
    return pick([1005, 1006, 1015].index(code), 0, 2)


def undefined(code):
    """The range of the code; whether the code is the first, the last or any of the range; and which one."""
    at, (first, last) = next((at, ends) for at, ends in enumerate(UNDEFINED) if ends[0] <= code <= ends[1])
    if first < last and code in (first, last):
        return pick(at, 0, 3) + pick([first, last].index(code), 0, 3)
    return pick(at, 0, 3) + pick(2, 0, 3) + pick(code, first, last)


def length(number, longest=123):
    """The length of a reason, or of the text before a fault."""
    return pick(2, 1, 4) + pick(number, 0, longest)


LONGEST = pick(1, 1, 4)


def text(characters):
    return b"".join(
        pick(2, 1, 8) + pick(EDGES.index(character), 0, 14) if character in EDGES
        else pick(1, 1, 8) + ord(character).to_bytes(4, "little")
        for character in characters
    )


def fault(row, *choices):
    """A row of `ILL_FORMED`, the length of the reason, the length of the text before the fault, and the text."""
    return pick(row, 0, 19) + b"".join(choices)


CASES = {
    "no-code": [kind("no code")],
    "one-byte": [kind("one byte"), b"g"],
    "code-1005": [kind("reported"), reported(1005), length(1), text("a")],
    "code-1006-bad-text": [kind("reported, bad text"), reported(1006), fault(2, length(5), length(1, 3), text("a"))],
    "code-0-bad-text": [kind("undefined, bad text"), undefined(0), fault(1, length(9), LONGEST)],
    "code-7": [kind("undefined"), undefined(7), LONGEST],
    "code-1004": [kind("undefined"), undefined(1004)],
    "code-2999": [kind("undefined"), undefined(2999)],
    "one-letter": [kind("good"), good(1000), length(1), text("a")],
    "seven-zeros": [kind("good"), good(1011), length(7)],
    "ten-letters": [kind("good"), good(4999), length(10), text("a" * 10)],
    "surrogate": [kind("good"), good(1011), length(7), text("\ud800\u0416")],
    "edges": [kind("good"), good(1007), LONGEST, text(EDGES)],
    "simdutf8-64-bytes": [kind("good"), good(3000), length(64), text("\x80" * 32)],
    "simdutf8-68-bytes": [kind("good"), good(3000), length(68), text("\x80" * 32 + "aaaa")],
    "fault-alone": [kind("bad text"), good(1001), fault(9, length(1), pick(2, 1, 4))],
    "fault-after-28-bytes": [kind("bad text"), good(1011), fault(15, length(30), LONGEST)],
    "fault-after-60-bytes": [
        kind("bad text"), good(3000),
        fault(0, LONGEST, length(60, 122), text("\x80" * 30), pick(0x80, 0x80, 0xBF), text("\x80" * 31)),
    ],
    "fault-after-78-bytes": [kind("bad text"), good(1011), fault(13, length(80), LONGEST, text("\u07ff" * 39))],
    "ends-before-range": [kind("undefined")],
    "ends-before-code-of-range": [kind("undefined"), undefined(60000)[:-2]],
    "ends-before-good-code": [kind("good")],
    "ends-inside-good-code": [kind("good"), good(3500)[:-1]],
    "ends-before-long-text": [kind("too long"), good(1013)],
    "ends-before-fault": [kind("bad text"), good(1001)],
    "ends-before-length": [kind("bad text"), good(1001), fault(5, length(9)[:-1])],
    "ends-before-place-of-fault": [kind("bad text"), good(1001), fault(5, length(9))],
}


# The targets `wire` and `codec` take a byte with the role and the number of cuts, a byte for each cut, and a stream.

CLIENT, SERVER = 0, 1
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
KEY = bytes.fromhex("37fa213d")


def stream(role, frames, cuts=b""):
    return bytes([role | len(cuts) << 1]) + cuts + frames


def frame(first, body=b"", key=None, form=0):
    """A frame. The form is 126 for a length of 16 bits, and 127 for a length of 64 bits."""
    size = {0: b"", 126: len(body).to_bytes(2, "big"), 127: len(body).to_bytes(8, "big")}[form]
    masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(body)) if key else body
    return bytes([first, (form or len(body)) | (0x80 if key else 0)]) + size + (key or b"") + masked


def close(role, body):
    """A Close that an endpoint in this role receives."""
    return frame(CLOSE, body, KEY if role == SERVER else None)


PINGS = frame(PING) * 20
OTHER_FRAMES = b"".join([
    frame(PING), frame(TEXT, b"hi"), frame(0x01, b"fragment"), frame(0xC1, b"compressed"), frame(PONG, b"key", KEY),
    frame(TEXT, b"t" * 126, form=126), frame(TEXT, b"t", KEY, form=126),
    frame(BINARY, b"b", form=127), frame(BINARY, b"bbb", KEY, form=127),
])
STREAMS = {
    "other-frames": (CLIENT, OTHER_FRAMES + close(CLIENT, b"") + frame(TEXT)),
    "length-with-top-bit": (CLIENT, b"\x82\x7f\x80" + bytes(8)),
    "close-without-fin": (CLIENT, b"\x08"),
    "close-with-rsv": (CLIENT, b"\xc8"),
    "client-close-masked": (CLIENT, b"\x88\x80"),
    "client-close-of-16-bits": (CLIENT, b"\x88\x7e"),
    "client-close-of-64-bits": (CLIENT, b"\x88\x7f"),
    "client-close-of-one-byte": (CLIENT, b"\x88\x01"),
    "server-close-unmasked": (SERVER, b"\x88\x00"),
    "server-close-of-16-bits": (SERVER, b"\x88\xfe"),
    "server-close-of-64-bits": (SERVER, b"\x88\xff"),
    "server-close-of-one-byte": (SERVER, b"\x88\x81"),
    "ends-at-once": (CLIENT, b""),
    "ends-inside-header-of-close": (CLIENT, b"\x88"),
    "ends-inside-close": (CLIENT, b"\x88\x02"),
    "ends-inside-header": (CLIENT, b"\x81"),
    "ends-inside-length-of-16-bits": (CLIENT, b"\x81\x7e\x01"),
    "ends-inside-length-of-64-bits": (CLIENT, b"\x81\x7f\x00\x01"),
    "ends-inside-frame": (SERVER, b"\x81\xfe\x00\x05key"),
}


def packed(name, role, bodies):
    """Closes with these bodies. Each stream has as many as fit."""
    streams = [b""]
    for body in bodies:
        if len(streams[-1] + close(role, body)) > MAX_LEN - 4:
            streams.append(b"")
        streams[-1] += close(role, body)
    return {f"{name}-{number}": stream(role, frames, b"\1\1\0") for number, frames in enumerate(streams, 1)}


WIRE_BODIES = {
    CLIENT: [payload(code, GOOD[code]) for code in GOOD if code not in [1007, 1008, 1009, 1010, 3004, 3008]],
    SERVER: [b"", *(payload(code, GOOD[code]) for code in [1001, 3009]), *map(payload, BAD_CODES), *BAD_TEXTS.values()],
}
WIRE = {
    **{name: stream(role, frames, b"\1\1\0" if len(frames) > 2 else b"") for name, (role, frames) in STREAMS.items()},
    "four-cuts": stream(CLIENT, PINGS, b"\2\2\4\5"),
    **packed("client-good-closes", CLIENT, WIRE_BODIES[CLIENT]),
    **packed("server-bad-closes", SERVER, WIRE_BODIES[SERVER]),
}


# For `codec` the cuts are also the steps of what is written. fuzz/src/codec.rs has these steps.

STEPS = {
    "ping": 0, "text": 1, "two-frames": 2, "two-with-rsv": 3, "begin": 4, "end": 5, "own-close": 6, "bad-length": 7,
    "nothing": 8, "close": 9, "fail": 10, "written": 11, "close-gone": 129, "fail-gone": 130,
}
WRITES = [
    "nothing ping text close written nothing ping two-frames two-with-rsv text own-close bad-length close",
    "begin close end text bad-length own-close close-gone begin end fail ping",
    "text fail ping close-gone fail-gone text",
    "written fail-gone close close",
    "two-with-rsv begin ping bad-length close end end",
    "close bad-length bad-length begin two-frames end text",
    # Items in the place of a payload. The bytes that are left over begin a header: 1 byte in the first line, 2 in the
    # next, then 3, 4, 5, 6, 7, 8 and 9.
    "begin two-frames close ping close",
    "begin two-frames ping text bad-length close end close end close",
    "begin two-frames bad-length close end close ping",
    "begin two-frames two-frames text bad-length close end close",
    "begin ping two-frames bad-length close ping",
    "begin bad-length close end ping text",
    "begin two-frames bad-length text close ping",
    "begin ping bad-length close ping",
    "begin begin bad-length close ping close",
]
# A codec reads nothing behind a Close, so each stream has only one.
CLOSES = [
    *((CLIENT, f"code-{code}") for code in [1000, 1003, 1012, 3011, 4000, 0, 999, 2999]),
    *((SERVER, f"code-{code}") for code in [1001, 3009, 1005, 5000]),
    *zip(itertools.cycle([SERVER, CLIENT]), BAD_TEXTS),
]


def writes(steps):
    return bytes(STEPS[step] for step in steps.split())


def codec():
    # Reading and writing are independent here. They share files, so that there are fewer files.
    scripts = itertools.cycle(map(writes, WRITES))
    for name, (role, frames) in STREAMS.items():
        yield name, stream(role, frames, next(scripts) if len(frames) > 2 else b"")
    yield "server-empty", stream(SERVER, frame(PING) + close(SERVER, b""), next(scripts))
    for role, name in CLOSES:
        frames = frame(PING) + close(role, PAYLOADS[name])
        yield f"{'server' if role else 'client'}-{name}", stream(role, frames, next(scripts))
    # One ping comes, then five, then the rest. The queue of the inner codec grows twice, and wraps around both times.
    yield "pings", stream(CLIENT, PINGS, writes("two-frames fail"))


# The target `handshake` takes a byte for each step. fuzz/src/handshake.rs has these steps.

ENDS = {"client": 0, "server": 1}
# Some actions have two numbers, which are used in turn. An end `receives` what the other end has written. It `gets` any
# frame.
ACTIONS = {"starts": [0, 1], "writes": [2, 3], "receives": [4, 5], "gets": [6], "fails": [7]}
FRAMES = {"empty": 0, "1000": 1, "1001": 2, "1002": 3, "1011": 4, "1014": 5, "3008": 6, "4999": 7}
SCRIPTS = {
    "nothing": "client writes, server writes, client receives",
    # When a script ends, the target lets both ends finish.
    "client-only-starts": "client starts 1001",
    "server-only-fails": "server fails empty",
    "client-starts":
        "client writes, client starts 1000, client writes, server receives, server starts 1001, server writes, "
        "client receives, server receives, client writes",
    "both-start":
        "client starts 1011, server starts 1014, client writes, server writes, client receives, server receives",
    "server-starts-without-code": "server starts empty, server writes, client receives, client fails 1002",
    "client-fails": "client fails 1002, client writes, server receives, client gets 3008, client fails empty",
    "both-fail-after-start": "server starts 3008, server fails 1011, client starts 4999, client fails empty",
    "both-get": "client gets 4999, client starts empty, server gets 1000, server gets empty, server fails 1001",
}


def script(steps):
    for at, step in enumerate(steps.split(", ")):
        end, action, code = [*step.split(), "empty"][:3]
        numbers = ACTIONS[action]
        yield ENDS[end] | numbers[at % len(numbers)] << 1 | FRAMES[code] << 4


# The target `observer` takes a byte for what is known of the connection, then the steps of fuzz/src/observer.rs.

KNOWN = {"all": 0, "deflate": 2, "extensions unknown": 3, "joined": 7, "no clock": 24, "no acknowledgements": 16}
SEEN = {
    "nothing": ("all", []),
    "answered": ("all", ["server 8102 6869", "server 8805 03e9 627965", "client acks 11", "client 8882 00000000 03e9", "server fin"]),
    "answered-deflate": ("deflate", ["server c101 78", "client 8882 00000000 03e8", "server 8802 03e8", "client fin"]),
    "crossed": ("all", ["client acks 0", "client 8880 00000000", "server acks 0", "server 8802 03e8", "client acks 4", "server acks 6"]),
    "crossed-or-own": ("no acknowledgements", ["server 8802 03e8", "client 8882 00000000 0fa1", "client rst"]),
    "captured-in-another-order": ("all", ["server acks 8", "server 8802 03e8", "client acks 0", "client 8882 00000000 03e8"]),
    "failed": ("all", ["client 8185 00000000 68656c6c6f", "server 8802 03f1", "client 8882 00000000 03f1", "server fin", "client fin"]),
    "bad-code": ("all", ["server 8802 03ed", "client 8882 00000000 03ea", "client rst"]),
    "bad-text": ("all", ["server 8803 03e8 ff", "client 8882 00000000 03ef"]),
    "bad-header": ("all", ["server 08", "server 8100", "client 8880 00000000"]),
    "more-after-close": ("all", ["server 8802 03e8 8300 8900", "client 8882 00000000 03e8", "client fin"]),
    "unanswered": ("all", ["server 8802 03e8", "client acks 4", "server fin", "client rst"]),
    "never-arrived": ("all", ["client acks 0", "client rst", "server 8802 03e8"]),
    "pings": ("all", ["server 8900 8900", "client 8a80 00000000", "server 8900", "server fin"]),
    "fragments": ("extensions unknown", ["server 0101 78 8900 8001 78", "client 0180 00000000 8180 00000000", "server rst"]),
    "faults": ("all", ["server 8300 0900 c900 8000", "client 8100 8180 00000000", "server 897e 0005", "server 827f 8000000000000000"]),
    "joined": ("joined", ["server 8900", "client 8882 00000000 03e8", "server fin"]),
    "two-files": ("no clock", ["client 8a80 00000000 8882 00000000 03f1", "server 8900 8802 03f1"]),
    "long-frames": ("all", ["server 827e 0090 7878", "client 82fe 0100 00000000", "server fin"]),
}


def seen(known, steps):
    yield KNOWN[known]
    for step in steps:
        end, what = step.split(" ", 1)
        if what.startswith("acks "):
            yield ENDS[end] | 2 << 1 | int(what[5:]) // 2 << 3
        elif what in ("rst", "fin"):
            yield ENDS[end] | 3 << 1 | ["rst", "fin"].index(what) << 3
        else:
            sent = bytes.fromhex(what)
            yield ENDS[end] | len(sent) << 3
            yield from sent


# The target `capture` takes a capture file. These have one connection, in packets of IP without a link layer.

HELLO = [
    ("client", "S", b""), ("server", "S", b""),
    ("client", "", b"GET /x HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"), ("server", "", b"HTTP/1.1 101 x\r\n\r\n"),
]
BYE = {"client": bytes.fromhex("88820000000003e8"), "server": bytes.fromhex("880203e8")}
TALKS = {
    "closed": [*HELLO, ("server", "", BYE["server"]), ("client", "", BYE["client"]), ("server", "F", b""), ("client", "F", b"")],
    "reset": [*HELLO, ("client", "", BYE["client"]), ("server", "R", b"")],
    "dropped": [*HELLO, ("server", "F", b"")],
    "open": HELLO,
    "refused": [*HELLO[:3], ("server", "F", b"HTTP/1.1 403 x\r\n\r\n")],
    "joined": [("client", "", BYE["client"]), ("server", "", BYE["server"])],
    "tls": [*HELLO[:2], ("client", "", bytes.fromhex("1603010004"))],
}


def packets(talk, version=4):
    """The packets of a talk: each acknowledges what the other end has sent."""
    sent = {"client": 1000, "server": 5000}
    for end, flag, data in talk:
        other = "server" if end == "client" else "client"
        ports = (50000, 80) if end == "client" else (80, 50000)
        flags = {"": 0x18, "S": 2 if end == "client" else 0x12, "F": 0x19, "R": 0x14}[flag]
        tcp = struct.pack(">HHIIBBHHH", *ports, sent[end], sent[other], 0x50, flags, 1024, 0, 0) + data
        sent[end] += len(data) + (flag in ("S", "F"))
        if version == 4:
            yield struct.pack(">BBHIBBHII", 0x45, 0, 20 + len(tcp), 0, 64, 6, 0, 0x7F000001, 0x7F000001) + tcp
        else:
            yield struct.pack(">IHBB", 6 << 28, len(tcp), 6, 64) + bytes(15) + b"\x01" + bytes(15) + b"\x01" + tcp


def pcap(packets, order="<", link=101):
    yield struct.pack(f"{order}IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for at, packet in enumerate(packets):
        yield struct.pack(f"{order}IIII", at, 0, len(packet), len(packet)) + packet


def pcapng(packets, order="<"):
    def block(kind, body):
        body += bytes(-len(body) % 4)
        length = struct.pack(f"{order}I", len(body) + 12)
        return struct.pack(f"{order}I", kind) + length + body + length

    yield block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    yield block(1, struct.pack(f"{order}HHIHHBxxx", 101, 0, 0, 9, 1, 9))
    for at, packet in enumerate(packets):
        # The last one is a simple packet.
        simple = at == len(packets) - 1
        head = struct.pack(f"{order}I", len(packet)) if simple else struct.pack(f"{order}IIIII", 0, 0, at, len(packet), len(packet))
        yield block(3 if simple else 6, head + packet)


def captures():
    yield "empty", b""
    for name, talk in TALKS.items():
        yield name, b"".join(pcap(packets(talk)))
    yield "closed-v6", b"".join(pcap(packets(TALKS["closed"], version=6), order=">"))
    yield "closed-pcapng", b"".join(pcapng([*packets(TALKS["closed"])]))
    yield "reset-pcapng", b"".join(pcapng([*packets(TALKS["reset"])], order=">"))
    vlan = (bytes(12) + bytes.fromhex("810000010800") + packet for packet in packets(TALKS["closed"]))
    yield "closed-vlan", b"".join(pcap(vlan, link=1))
    cooked = (bytes.fromhex("0800") + bytes(18) + packet for packet in packets(TALKS["dropped"]))
    yield "dropped-cooked", b"".join(pcap(cooked, link=276))


# The targets `finish` and `stream` take a choice in each byte. Any bytes are a schedule.

SCHEDULES = 2


def schedules(seed):
    numbers = random.Random(seed)
    return {f"schedule-{number}": numbers.randbytes(20 * number) for number in range(SCHEDULES)}


SEEDS = {
    "payload": PAYLOADS,
    "case": {name: b"".join(choices) for name, choices in CASES.items()},
    "wire": WIRE,
    "codec": dict(codec()),
    "handshake": {name: bytes(script(steps)) for name, steps in SCRIPTS.items()},
    "capture": dict(captures()),
    "observer": {name: bytes(seen(*script)) for name, script in SEEN.items()},
    "finish": schedules(1),
    "stream": schedules(2),
}


def main():
    wanted = {f"{target}/{name}": seed for target, seeds in SEEDS.items() for name, seed in seeds.items()}
    found = {str(path.relative_to(CORPUS)): path.read_bytes() for path in CORPUS.rglob("*") if path.is_file()}
    if sys.argv[1:] == ["--check"]:
        differing = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))
        for name in differing:
            how = "is missing" if name not in found else "is not a seed" if name not in wanted else "differs"
            print(f"seeds.py: corpus/{name} {how}")
        print(f"seeds.py: {len(wanted)} seeds, {len(differing)} files differ")
        sys.exit(bool(differing))
    shutil.rmtree(CORPUS, ignore_errors=True)
    for name, seed in wanted.items():
        path = CORPUS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(seed)


main()

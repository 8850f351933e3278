#!/usr/bin/env python3
"""Z3 proves that the tables the tests rely on are what the RFCs say, for every input. The Rust code is tied to these tables by
exhaustion (exhaust.sh)."""
import sys

from z3 import And, BitVec, Concat, Extract, Not, Or, Solver, UGE, ULE, ULT, ZeroExt, sat, unsat


def prove(claim, what, values):
    solver = Solver()
    solver.add(claim)
    result = solver.check()
    if result != unsat:
        print(f"prove.py: FAILED: {what}: {solver.model() if result == sat else result}")
        sys.exit(1)
    print(f"prove.py: {what}: holds for all {values:,}")


def within(x, first, last):
    return And(UGE(x, first), ULE(x, last))


# The set of codes in src/code.rs, as ranges.
code = BitVec("code", 16)
accepted = Or(within(code, 1000, 1003), within(code, 1007, 1014), within(code, 3000, 4999))

# The same set from the text: RFC 6455, 11.7 (1000 to 4999), 7.4.2 (1000 to 2999 only if defined), 7.4.1 and the
# registry (which codes are defined, and which of these are never sent).
is_status_code = And(UGE(code, 1000), ULT(code, 5000))
defined = Or(*[code == number for number in [*range(1000, 1004), *range(1005, 1016)]])
never_sent = Or(code == 1005, code == 1006, code == 1015)
may_be_used = Or(UGE(code, 3000), And(defined, code != 1004))
by_the_text = And(is_status_code, may_be_used, code != 1005, code != 1006, code != 1015)
prove(accepted != by_the_text, "codes: ranges == RFC 6455, 7.4 and 11.7", 2**16)
prove(And(accepted, never_sent), "codes: 1005, 1006 and 1015 are never sent", 2**16)

# UTF-8: the grammar of RFC 3629, 4 ...
b = [BitVec(f"b{i}", 8) for i in range(4)]
tail = [within(byte, 0x80, 0xBF) for byte in b]
grammar = {
    1: within(b[0], 0x00, 0x7F),
    2: And(within(b[0], 0xC2, 0xDF), tail[1]),
    3: And(
        Or(
            And(b[0] == 0xE0, within(b[1], 0xA0, 0xBF)),
            And(within(b[0], 0xE1, 0xEC), tail[1]),
            And(b[0] == 0xED, within(b[1], 0x80, 0x9F)),
            And(within(b[0], 0xEE, 0xEF), tail[1]),
        ),
        tail[2],
    ),
    4: And(
        Or(
            And(b[0] == 0xF0, within(b[1], 0x90, 0xBF)),
            And(within(b[0], 0xF1, 0xF3), tail[1]),
            And(b[0] == 0xF4, within(b[1], 0x80, 0x8F)),
        ),
        tail[2],
        tail[3],
    ),
}


# ... and its arithmetic, section 3: lead bits, continuation bits, shortest form, no surrogate, at most U+10FFFF.
def bits(byte, count):
    return Extract(count - 1, 0, byte)


def arithmetic(length):
    lead_bits, lead, mask, least = {
        1: (7, 0x00, 0x80, 0),
        2: (5, 0xC0, 0xE0, 0x80),
        3: (4, 0xE0, 0xF0, 0x800),
        4: (3, 0xF0, 0xF8, 0x10000),
    }[length]
    parts = [bits(b[0], lead_bits)] + [bits(byte, 6) for byte in b[1:length]]
    joined = Concat(*parts) if length > 1 else parts[0]
    point = ZeroExt(32 - joined.size(), joined)
    return And(
        (b[0] & mask) == lead,
        *[(byte & 0xC0) == 0x80 for byte in b[1:length]],
        UGE(point, least),
        ULE(point, 0x10FFFF),
        Or(ULT(point, 0xD800), UGE(point, 0xE000)),
    )


for length, rule in grammar.items():
    prove(rule != arithmetic(length), f"UTF-8, {length} bytes: grammar == arithmetic", 256**length)
for first in grammar:
    for second in grammar:
        if first < second:
            claim = And(grammar[first], grammar[second])
            prove(claim, f"UTF-8: no {first} bytes begin a character of {second}", 256**second)

# A byte below 0x80 is a character. The one `unsafe` expression relies on this.
prove(And(ULT(b[0], 0x80), Not(grammar[1])), "UTF-8: each byte below 0x80 is a character", 256)

# The control: a table that is wrong must be refuted.
solver = Solver()
solver.add(Or(accepted, code == 1015) != by_the_text)
if solver.check() != sat or solver.model()[code].as_long() != 1015:
    print("prove.py: FAILED: a wrong table was not refuted")
    sys.exit(1)
print("prove.py: the control, a table with 1015, is refuted")

#!/usr/bin/env python3
"""Runs the conformance vectors and the captures against any decoder that speaks the protocol of `wsclose decode --json`.

    python3 tests/vectors/run.py -- cargo run --quiet -p wsclose -- decode --json
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent


def load(name):
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def conformance():
    for vector in load("conformance.json"):
        expected = vector["expected"]
        expected["fail_codes"] = [expected["fail_code"], *vector.get("accept_fail_codes", [])]
        yield {
            "id": vector["id"],
            "strength": vector["strength"],
            "payload": vector["level"] == "payload",
            "role": None if vector["role"] == "any" else vector["role"],
            "hex": vector.get("payload_hex", vector.get("frame_hex")),
            "expected": expected,
        }


def captures():
    for capture in load("captures.json"):
        code, reason = called(capture["call"])
        if code is None and capture["from"].startswith("Python"):
            code = 1000  # the default of its close()
        yield {
            "id": f"capture/{capture['from']} as {capture['role']}: {capture['call']}",
            "strength": "must",
            "payload": False,
            # A capture names the sender's role, the protocol the receiver's.
            "role": {"client": "server", "server": "client"}[capture["role"]],
            "hex": capture["frame_hex"],
            "expected": {
                "outcome": "ok",
                "code": 1005 if code is None else code,
                "has_code": code is not None,
                "reason": reason,
                "consumed": len(capture["frame_hex"]) // 2,
            },
        }


def called(call):
    """Code and reason of a call such as `close(4000, 123 x "a")`. `emoji` is U+1F600."""
    code, reason = re.fullmatch(r"close\((\d+)?(?:, (.+))?\)", call).groups()
    times = re.fullmatch(r'(\d+) x (emoji|".*")', reason or "")
    if times:
        reason = int(times[1]) * ("\U0001f600" if times[2] == "emoji" else json.loads(times[2]))
    elif reason:
        reason = json.loads(reason)
    return code and int(code), reason or ""


def decode(command, payload, role, inputs):
    """The decoder's answers to inputs of one kind. An answer is None if the decoder crashed or did not print JSON."""
    command = [*command, *(["--payload"] if payload else []), *(["--role", role] if role else [])]
    # The empty input comes as an argument, because an empty line is not an input.
    answers = {"": ask([*command, ""], "")} if "" in inputs else {}
    lines = [line for line in inputs if line]
    answered = iter(ask(command, "".join(line + "\n" for line in lines)) if lines else [])
    return [next(iter(answers[""]), None) if line == "" else next(answered, None) for line in inputs]


def ask(command, lines):
    done = subprocess.run(command, input=lines, stdout=subprocess.PIPE, encoding="utf-8", errors="replace")
    return [parse(line) for line in done.stdout.splitlines()]


def parse(line):
    try:
        return json.loads(line)
    except ValueError:
        return None


def mismatches(expected, answer, ignored):
    """A message for each key in which an answer is wrong."""
    if answer is None:
        return ["no answer"]
    right = {
        "outcome": [expected["outcome"], *expected.get("alt_outcomes", [])],
        "code": [expected.get("code")],
        "has_code": [expected.get("has_code")],
        "reason": [expected.get("reason")],
        "error_kind": [expected.get("error_kind"), *expected.get("alt_error_kinds", [])],
        "fail_code": expected.get("fail_codes", [None]),
        "consumed": [expected["consumed"]] if "consumed" in expected else [answer.get("consumed")],
    }
    if answer.get("outcome") != expected["outcome"] and answer.get("outcome") in right["outcome"]:
        # The outcome is equally right, but the other keys belong to the expected one.
        return []
    return [
        f"{key} is {json.dumps(answer.get(key))}, not {' or '.join(map(json.dumps, dict.fromkeys(values)))}"
        for key, values in right.items()
        if key not in ignored and answer.get(key) not in values
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], usage="run.py [--ignore KEY]... -- COMMAND...")
    parser.add_argument("--ignore", action="append", default=[], metavar="KEY", help="a key that the decoder does not know")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()

    vectors = [*conformance(), *captures()]
    kinds = {}
    for vector in vectors:
        kinds.setdefault((vector["payload"], vector["role"]), []).append(vector)
    failed = Counter()
    for (payload, role), group in kinds.items():
        answers = decode(arguments.command, payload, role, [vector["hex"] for vector in group])
        for vector, answer in zip(group, answers):
            wrong = mismatches(vector["expected"], answer, arguments.ignore)
            if wrong:
                failed[vector["strength"]] += 1
                print(f"{vector['id']} ({vector['strength']}): {'; '.join(wrong)}")
    for strength, count in failed.items():
        print(f"{count} of the failures are of strength {strength}")
    print(f"{len(vectors) - failed.total()} passed, {failed.total()} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs Autobahn's cases against an echo server, bare and wrapped, and compares the failures with the known ones."""

import asyncio
import sys

from kosoku import FailureError, run_fuzzingclient

CASES = ["2.*", "3.*", "4.*", "5.*", "7.*"]

# The cases that websocket-codec by itself fails: a reason that is not UTF-8, and nine illegal codes.
BARE_FAILS = {"7.5.1", *(f"7.9.{n}" for n in range(1, 10))}


async def run(command):
    server = await asyncio.create_subprocess_exec(*command, "127.0.0.1:0", stdout=asyncio.subprocess.PIPE)
    try:
        address = (await server.stdout.readline()).decode().removeprefix("listening on ").strip()
        async with asyncio.timeout(60):
            try:
                results = await run_fuzzingclient(address, CASES, concurrency=8)
            except FailureError as failure:
                results = failure.results
    finally:
        server.terminate()
        await server.wait()
    # kosoku and Autobahn judge an answer as right or wrong, or only inform about it.
    good = {"OK", "NON-STRICT", "INFORMATIONAL"}
    failed = {r.case_id for r in results if not {r.behavior.value, r.behavior_close.value} <= good}
    return {r.case_id for r in results}, failed


async def main(command):
    right = True
    for name, options, expected in [("bare", ["--bare"], BARE_FAILS), ("wrapped", [], set())]:
        cases, failed = await run([*command, *options])
        right &= failed == expected and BARE_FAILS < cases
        print(f"{name}: {len(cases) - len(failed)} passed, {len(failed)} failed", *sorted(failed))
    if not right:
        sys.exit(f"expected: bare fails {sorted(BARE_FAILS)}, wrapped fails nothing")


asyncio.run(main(sys.argv[1:]))

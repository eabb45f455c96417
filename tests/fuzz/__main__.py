"""`python -m tests.fuzz --seconds 600`: look for bytes that the protocol does not stand. Prints what it found as hex,
which `--replay` takes."""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Sequence

import psutil

from tests.fuzz.search import Found, Run, Search
from tests.fuzz.targets import WHERE, WORDS, seeds, targets

_ROOM = 512 * 2**20
"""Bytes of address space beyond what there is; whoever makes the protocol take more has found something."""


def main(argv: Sequence[str] | None = None) -> int:
    given = _given(argv)
    memory = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (memory + _ROOM, resource.getrlimit(resource.RLIMIT_AS)[1]))
    chosen = {name: run for name, run in targets().items() if given.target in (None, name)}
    if given.replay is not None:
        for run in chosen.values():
            run(bytes.fromhex(given.replay))
        return 0
    return max(_search(name, run, given.seconds / len(chosen), given.seed) for name, run in chosen.items())


def _given(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long, over all targets (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="another one takes another way (default: 1)")
    parser.add_argument("--target", choices=list(targets()), help="only this one (default: all)")
    parser.add_argument("--replay", metavar="HEX", help="only give these bytes to the targets")
    return parser.parse_args(argv)


def _search(name: str, run: Run, seconds: float, seed: int) -> int:
    search, tried, end = Search(run, seeds(), WORDS, WHERE, seed), 0, time.monotonic() + seconds
    try:
        for _ in search.tries():
            tried += 1
            if time.monotonic() > end:
                break
    except Found as found:
        print(f"{name}: {found}\n--target '{name}' --replay {found.data.hex()}")
        return 1
    print(f"{name}: {tried} inputs, {len(search.known)} of them of use, {search.ways} ways through the code")
    return 0


if __name__ == "__main__":
    sys.exit(main())

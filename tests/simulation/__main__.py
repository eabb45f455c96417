"""`make simulate`: many seeds on all cores, or one with all that happens in it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.verdict import Verdict, judged
from vidproc.cores import usable_cores
from vidproc.scheduling import events as ev

_AT_ONCE = 20
_TOLD_EVERY = 500
_TOLD = 5
"""Failures that are printed whole."""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="make simulate ARGS=...", description="Play clusters with faults, by seeds.")
    made.add_argument("--seeds", type=int, default=300, metavar="N", help="how many (default: 300)")
    made.add_argument("--first", type=int, default=0, metavar="N", help="the first of them (default: 0)")
    made.add_argument("--seed", type=int, metavar="N", help="this one alone")
    made.add_argument("--trace", action="store_true", help="with --seed: print each event and command")
    made.add_argument("--processes", type=int, default=usable_cores(), metavar="N", help="default: the usable cores")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """0 if no seed failed, else 1."""
    given = parser().parse_args(argv)
    if given.seed is not None:
        verdict = judged(given.seed, witness=_told if given.trace else None)
        print(verdict)
        return 1 if verdict.failure else 0
    return _many(range(given.first, given.first + given.seeds), given.processes)


def _many(seeds: Sequence[int], processes: int) -> int:
    failed: list[Verdict] = []
    with ProcessPoolExecutor(processes) as pool:
        for count, verdict in enumerate(pool.map(judged, seeds, chunksize=_AT_ONCE), 1):
            if verdict.failure:
                failed.append(verdict)
                print(verdict if len(failed) <= _TOLD else f"seed {verdict.seed}: failed", flush=True)
            if count % _TOLD_EVERY == 0 or count == len(seeds):
                print(f"{count} of {len(seeds)} seeds, {len(failed)} failed", flush=True)
    return 1 if failed else 0


def _told(now: float, what: object) -> None:
    is_command = isinstance(what, ev.Command)
    print(f"{now:10.4f} {'    ' * is_command}{what}")


if __name__ == "__main__":
    sys.exit(main())

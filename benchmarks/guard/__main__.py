"""`make guard`: measure the workloads and hold them against what is stored."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.clips import drawn
from benchmarks.guard import baseline, media
from benchmarks.guard.baseline import Figures
from benchmarks.guard.counting import CALLGRIND, RATIO, Method, best, surroundings
from benchmarks.guard.workloads import NAMES
from benchmarks.page import ABSENT, Table
from vidproc import scratch

_METHODS = {method.name: method for method in (CALLGRIND, RATIO)}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.guard", description="Find out whether a part of vidproc takes more than it did."
    )
    made.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of: {'; '.join(NAMES)} (default: all)")
    made.add_argument("--method", choices=_METHODS, default=best().name, help="default here: %(default)s")
    made.add_argument("--tolerance", type=float, metavar="PART", help="growth that passes; 0.02 is 2 percent")
    made.add_argument("--update", action="store_true", help="store what is measured as what is right")
    made.add_argument(
        "--baseline", type=Path, default=baseline.PATH, metavar="FILE", help="where (default: %(default)s)"
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """0: nothing has grown. 1: something has, or a workload failed. 2: there is nothing to compare with."""
    options = parser()
    given = options.parse_args(argv)
    if unknown := [name for name in given.workloads if name not in NAMES]:
        options.error(f"there is no workload {unknown[0]!r}: there are {', '.join(NAMES)}")
    drawn(media.LONG), drawn(media.SHORT)
    try:
        with scratch.folder() as folder:
            return _judge(_METHODS[given.method], folder, given)
    except subprocess.CalledProcessError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _judge(method: Method, folder: Path, given: argparse.Namespace) -> int:
    stored, where = baseline.load(given.baseline), surroundings(method)
    before = stored.get(where, {})
    if not before and not given.update:
        print(f"Nothing is stored for {where}.\nTo store it: make guard ARGS=--update, at the commit to compare with.")
        return 2
    found = _measured(given.workloads or NAMES, method, folder)
    if given.update:
        print(_table(found, before, method).text())
        baseline.save({**stored, where: {**before, **found}}, given.baseline)
        return 0
    return _compare(found, before, method, folder, method.tolerance if given.tolerance is None else given.tolerance)


def _compare(found: Figures, before: Figures, method: Method, folder: Path, tolerance: float) -> int:
    """What seems to have grown is measured once more, and the smaller figure counts."""
    doubtful = [name for name in baseline.grown(found, before, tolerance) if name in before]
    again = _measured(doubtful, method, folder)
    found = {name: min(figure, again.get(name, figure)) for name, figure in found.items()}
    grown = baseline.grown(found, before, tolerance)
    print(_table(found, before, method).text())
    for name, ratio in grown.items():
        print(baseline.told(name, ratio, tolerance))
    if grown:
        print("If that is right, store it: make guard ARGS=--update")
    return 1 if grown else 0


def _measured(names: Iterable[str], method: Method, folder: Path) -> Figures:
    return {name: _one(name, method, folder) for name in names}


def _one(name: str, method: Method, folder: Path) -> float:
    print(name, file=sys.stderr, flush=True)
    return method.measure(name, folder)


def _table(found: Figures, before: Figures, method: Method) -> Table:
    rows = [["workload", "stored", "measured", "ratio"]]
    for name, figure in found.items():
        was = before.get(name)
        stored, ratio = (f"{was:.3f}", f"{figure / was:.3f}") if was else (ABSENT, ABSENT)
        rows.append([name, stored, f"{figure:.3f}", ratio])
    return Table(f"What the workloads take, in {method.unit}", rows)


if __name__ == "__main__":
    sys.exit(main())

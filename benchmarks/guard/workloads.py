"""The workloads by name, and the program that does one of them.

python -m benchmarks.guard.workloads NAME FOLDER              once, marked for callgrind
python -m benchmarks.guard.workloads NAME FOLDER --turns 9    in turns with the calibration loop; prints both times
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from benchmarks.guard.place import Place, Prepare, Work

_WHERE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "start of a client": ("starting", "client"),
        "messages": ("pure", "messages"),
        "planning": ("pure", "planning"),
        "scheduling": ("pure", "scheduling"),
        "indexing": ("media", "indexing"),
        "a chunk of blur": ("media", "blur"),
        "a chunk of edges": ("media", "edges"),
        "a chunk of motion": ("media", "motion"),
        "a chunk of faces": ("media", "faces"),
        "muxing": ("media", "muxing"),
    }
)
NAMES = tuple(_WHERE)

ONCE = frozenset({"start of a client"})
"""What can't be done twice in a process."""

MARK = "getsid"
"""The C function that is called just before the work, and by nothing in it."""

_LOOPS = 250_000


@contextlib.contextmanager
def prepared(name: str, folder: Path) -> Iterator[Work]:
    """The work, with all that comes before it done."""
    module, function = _WHERE[name]
    prepare: Prepare = getattr(importlib.import_module(f"benchmarks.guard.{module}"), function)
    with contextlib.ExitStack() as after:
        yield prepare(Place(folder, after))


def calibrate() -> None:
    """Some work that is nobody's: of an interpreter, and of a processor's memory."""
    total, words = 0, {}
    for number in range(_LOOPS):
        total = (total * 31 + number) & 0xFFFF
        words[number & 0xFF] = total
    data = bytearray(1 << 20)
    for _ in range(8):
        data = data[::-1].replace(b"\x01", b"\x02")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard.workloads", description="Do one workload.")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--turns", type=int, default=0)
    given = parser.parse_args()
    with prepared(given.name, given.folder) as work:
        if given.turns:
            turns = 1 if given.name in ONCE else given.turns
            print(json.dumps([(_taken(calibrate), _taken(work)) for _ in range(turns)]))
            return
        os.getsid(0)
        work()
        os._exit(0)  # what ends with the process is none of the work


def _taken(work: Work) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()

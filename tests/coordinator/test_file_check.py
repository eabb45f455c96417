"""Looking into a job's files, in a process of its own."""

from __future__ import annotations

import hashlib

import pytest

from tests.coordinator.jobs import run
from tests.filters.sample_files import SAMPLES, cube
from vidproc.coordinator import file_check
from vidproc.errors import BadParameterError
from vidproc.model import FilterSpec

pytestmark = pytest.mark.process
GIB = 2**30


async def check(name: str, data: bytes, memory: int = 4 * GIB) -> None:
    sha256 = hashlib.sha256(data).hexdigest()
    await file_check.check([FilterSpec("blur"), FilterSpec(name, {"file": sha256})], {sha256: data}, memory)


def test_good_files_pass_and_bad_ones_are_refused() -> None:
    async def main() -> None:
        for name, data in SAMPLES.items():
            await check(name, data)
        with pytest.raises(BadParameterError, match=r"^lut: file: line 9: there must be 3 numbers, not '0 1'$"):
            await check("lut", b"\n".join([*cube(2).splitlines()[:8], b"0 1"]))
        with pytest.raises(BadParameterError, match=r"^overlay: file: the picture can't be decoded"):
            await check("overlay", SAMPLES["overlay"][:-20])

    run(main())

"""Every filter gives the same bytes on one thread as on several, here as in a process of its own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from tests.filters.pictures import noise, variants
from tests.filters.sample_files import chosen
from tests.pipelines.stand_in import PlainConverter
from vidproc import filters
from vidproc.filters.contract import Filter, Picture
from vidproc.pipelines.plan import arrange

EVERY = [each for name in filters.names() for each in variants(name)]


@contextmanager
def threads(number: int) -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(number)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _film(form: str) -> list[Picture]:
    """Soft noise that goes down and to the right."""
    soft = [cv2.GaussianBlur(plane, (0, 0), 3) for plane in noise(form, 333, 201).planes]
    stretched = [cv2.normalize(plane, None, 0, 255, cv2.NORM_MINMAX) for plane in soft]  # type: ignore[call-overload]
    return [Picture(form, tuple(np.roll(plane, 3 * number, (0, 1)) for plane in stretched)) for number in range(4)]


def digest(filter_: Filter) -> str:
    """Of a film of a few frames, in the format that the filter works in."""
    form = {"yuv": "yuv420p"}.get(filter_.formats[0], filter_.formats[0])
    kind = {"kind": filter_.kind} if filter_.kind else {}
    pipeline = arrange([chosen(filter_.name, kind)], form, filter_.gives or form)
    results = [picture for _, picture in pipeline.run(iter(enumerate(_film(form))), 0, 4, PlainConverter())]
    assert results[-1].planes[0].std() > 1, "nothing to tell results apart by"
    return hashlib.sha256(b"".join(plane.tobytes() for each in results for plane in each.planes)).hexdigest()


@pytest.mark.parametrize("filter_", EVERY, ids=lambda each: each.title)
def test_the_number_of_threads_changes_nothing(filter_: Filter) -> None:
    with threads(1):
        alone = digest(filter_)
    for number in (2, 3, 8):
        with threads(number):
            assert digest(filter_) == alone


@pytest.mark.process
def test_another_process_gives_the_same() -> None:
    program = f"from {__name__} import EVERY, digest; print(*map(digest, EVERY))"
    said = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.split() == [digest(each) for each in EVERY]

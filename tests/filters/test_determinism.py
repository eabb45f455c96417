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

from tests.filters.applying import applied
from tests.filters.pictures import noise, variants
from vidproc import filters
from vidproc.filters.contract import Filter, Picture
from vidproc.model import ParamValue

EVERY = [each for name in filters.names() for each in variants(name)]


@contextmanager
def threads(number: int) -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(number)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _pictures(filter_: Filter) -> list[Picture]:
    """Soft noise that goes down and to the right, one picture for each place of the filter's window."""
    before, after = filter_.window
    form = {"yuv": "yuv420p"}.get(filter_.formats[0], filter_.formats[0])
    soft = [cv2.GaussianBlur(plane, (0, 0), 3) for plane in noise(form, 333, 201).planes]
    stretched = [cv2.normalize(plane, None, 0, 255, cv2.NORM_MINMAX) for plane in soft]  # type: ignore[call-overload]
    places = range(after - before + 1)
    return [Picture(form, tuple(np.roll(plane, 3 * place, (0, 1)) for plane in stretched)) for place in places]


def digest(filter_: Filter) -> str:
    kind: dict[str, ParamValue] = {"kind": filter_.kind} if filter_.kind else {}
    planes = applied(filter_.name, *_pictures(filter_), **kind).planes
    assert planes[0].std() > 1, "nothing to tell results apart by"
    return hashlib.sha256(b"".join(plane.tobytes() for plane in planes)).hexdigest()


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

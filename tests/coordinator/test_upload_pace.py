from __future__ import annotations

import pytest

from vidproc.coordinator.upload_pace import LOOK_EVERY_S, LOOKS, UploadPace

pytestmark = pytest.mark.unit
LEAST = 100
ENOUGH = int(LEAST * LOOKS * LOOK_EVERY_S)


def looks(pace: UploadPace, *received: int, waiting: bool = True) -> bool:
    """Whether it was too slow at the last of a window's looks; at the others it cannot be."""
    *before, last = [received[0]] * (LOOKS - len(received)) + list(received)
    assert not any(pace.look(waiting, it) for it in before)
    return pace.look(waiting, last)


def test_less_than_the_least_in_a_window_is_too_slow() -> None:
    assert looks(UploadPace(LEAST), 0, ENOUGH - 1)
    assert not looks(UploadPace(LEAST), 0, ENOUGH)


def test_each_window_counts_anew() -> None:
    pace = UploadPace(LEAST)
    assert not looks(pace, 0, 5 * ENOUGH)
    assert not looks(pace, 6 * ENOUGH)
    assert looks(pace, 6 * ENOUGH)


def test_only_the_time_counts_in_which_something_is_waited_for() -> None:
    pace = UploadPace(LEAST)
    assert not looks(pace, 0, waiting=False)
    assert not any(pace.look(True, 0) for _ in range(LOOKS - 1))
    assert not pace.look(False, 0)
    assert looks(pace, 0)


def test_no_least_is_none() -> None:
    assert not looks(UploadPace(0), 0)

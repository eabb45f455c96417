from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import pytest

from vidproc.media.arrivals import Arrival
from vidproc.media.seek_points import Look
from vidproc.media.timeline import Timeline

pytestmark = pytest.mark.unit


def arrival(dts: int | None) -> Arrival:
    packet: Any = av.Packet()
    return Arrival(packet, b"", None, dts, duration=3, flags=0, look=Look(seek=False))


def timeline(times: dict[int, int | None], decoded: list[int | None]) -> list[int]:
    made = Timeline()
    for (rank, time), dts in zip(times.items(), decoded, strict=True):
        made.note(rank, time, arrival(dts))
    made.complete(Fraction(5, 2))
    assert list(made.durations) == [3] * len(times)
    return list(made.times)


def test_times_stand_by_rank() -> None:
    assert timeline({0: 100, 2: 300, 1: 200}, [None, None, None]) == [100, 200, 300]


def test_without_times_frames_are_shown_as_they_are_decoded() -> None:
    assert timeline({0: None, 2: None, 1: None}, [10, 20, 30]) == [10, 20, 30]


def test_a_single_gap_is_filled_from_the_decode_times() -> None:
    assert timeline({0: 10, 1: None, 2: 30}, [10, 20, 30]) == [10, 20, 30]


def test_without_any_times_the_rate_is_constant() -> None:
    assert timeline({0: None, 1: None, 2: None}, [None, None, None]) == [0, 2, 4]

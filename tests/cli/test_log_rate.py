from __future__ import annotations

import pytest
import structlog

from vidproc.cli.log_rate import LogRate

pytestmark = pytest.mark.unit


def test_of_one_kind_so_many_lines_a_second_are_said_and_the_rest_is_counted() -> None:
    now = 0.0
    rate = LogRate(3, lambda: now)

    def says(event: str) -> structlog.typing.EventDict | None:
        try:
            return rate(None, "info", {"event": event})
        except structlog.DropEvent:
            return None

    assert [says("session ended") is not None for _ in range(10)] == [True] * 3 + [False] * 7
    assert says("job ended") == {"event": "job ended"}, "others are not kept from being said"
    now = 1.0
    assert says("session ended") == {"event": "session ended", "left_out": 7}
    assert says("session ended") == {"event": "session ended"}


def test_kinds_without_number_take_no_memory_without_number() -> None:
    rate = LogRate(3, lambda: 0.0)
    said = 0
    for number in range(5000):
        try:
            rate(None, "info", {"event": f"{number}"})
            said += 1
        except structlog.DropEvent:
            pass
    assert said < 2000

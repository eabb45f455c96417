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
    assert says("job ended") == {"event": "job ended", "left_out": {"session ended": 7}}, "others are said, and say so"
    assert says("job ended") == {"event": "job ended"}
    assert says("session ended") is None
    now = 1.0
    assert says("session ended") == {"event": "session ended", "left_out": {"session ended": 1}}
    assert says("session ended") == {"event": "session ended"}


def test_kinds_without_number_take_no_memory_without_number() -> None:
    rate = LogRate(1, lambda: 0.0)
    said = told = 0
    for number in range(10_000):
        try:
            told += sum(rate(None, "info", {"event": f"{number // 2}"}).get("left_out", {}).values())
            said += 1
        except structlog.DropEvent:
            pass
    assert said < 2000
    assert len(rate._left_out) < 2000
    assert said + told + rate._left_out.total() == 10_000, "each is counted, if not by its name"

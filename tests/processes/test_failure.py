"""A child's errors as its parent tells them, and logs them."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from vidproc.errors import FilterError, VidprocError, WorkerError
from vidproc.processes.child import Child, ChildLimits
from vidproc.processes.failure import Telling
from vidproc.protocol.framing import FrameReader, pack

pytestmark = pytest.mark.unit
TELLING = Telling((MemoryError,), WorkerError("too large"), bug=WorkerError, prefix="oops: ")


def carried(error: Exception) -> tuple[VidprocError, dict[str, Any]]:
    """The error on the other side of a channel, and what was logged of it there."""
    reader = FrameReader()
    for piece in pack({"failed": TELLING.of(_thrown(error))}):
        reader.feed(bytes(piece))
    ((header, _),) = reader
    with capture_logs() as logs:
        again = Child("slot 3", "", ChildLimits()).raised(header["failed"])
    (said,) = logs
    return again, dict(said)


def _thrown(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_an_error_of_ours_is_itself_and_quiet() -> None:
    again, said = carried(FilterError("frame 3: no\nmore"))
    assert type(again) is FilterError
    assert str(again) == "frame 3: no more"
    assert (said["log_level"], said["process"]) == ("debug", "slot 3")
    assert "in _thrown" in said["exception"]


def test_any_other_is_a_bug_and_logged_as_one() -> None:
    again, said = carried(KeyError("gone"))
    assert type(again) is WorkerError
    assert str(again) == "oops: KeyError: 'gone'"
    assert (said["log_level"], said["event"]) == ("error", "bug")
    assert said["exception"].startswith("Traceback")
    assert said["exception"].endswith("KeyError: 'gone'")


def test_too_little_memory_is_no_bug() -> None:
    again, said = carried(MemoryError())
    assert str(again) == "too large"
    assert said["log_level"] == "debug"


@pytest.mark.parametrize("text", ["x" * 10**6, "\udcff", "line\n" * 10**5])
def test_whatever_an_error_says_can_be_sent(text: str) -> None:
    again, said = carried(ValueError(text))
    assert str(again).startswith("oops: ValueError: ")
    assert len(str(again)) <= 500
    assert len(said["exception"]) <= 200 * 501

from __future__ import annotations

import pytest

from vidproc.web.ranges import UnsatisfiableError, asked_ranges, framed

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes=0-0", [range(1)]),
        ("bytes=0-99", [range(100)]),
        ("bytes=90-1000", [range(90, 100)]),
        ("bytes=90-", [range(90, 100)]),
        ("bytes=-10", [range(90, 100)]),
        ("bytes=-1000", [range(100)]),
        ("Bytes = 1-2 , 5-6,-1", [range(1, 3), range(5, 7), range(99, 100)]),
        ("bytes=1-2,,200-300", [range(1, 3)]),
    ],
)
def test_what_there_is_of_what_was_asked_for(header: str, found: list[range]) -> None:
    assert asked_ranges(header, 100) == found


@pytest.mark.parametrize(
    "header",
    [
        "", "bytes", "bytes=", "bytes=,", "bytes=a-b", "bytes=-", "bytes=2-1", "bytes=1-2;3-4", "bytes=1", "frames=1-2",
        "bytes=--1", "bytes=+1-2", "bytes=1-2-3", "bytes=٣-٤", "bytes=" + "9" * 30 + "-",
        "bytes=" + ",".join(["0-0"] * 17), "bytes=0-,0-", "bytes=0-60,40-99",
    ],
)  # fmt: skip
def test_what_makes_no_sense_or_more_work_than_the_whole_gets_the_whole(header: str) -> None:
    assert asked_ranges(header, 100) == []


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=200-300", "bytes=-0", "bytes=100-100,-0"])
def test_what_is_not_there(header: str) -> None:
    with pytest.raises(UnsatisfiableError):
        asked_ranges(header, 100)


def test_several_parts_are_framed() -> None:
    body, media_type = framed([range(2), range(5, 9)], 100, "video/mp4")
    boundary = media_type.partition("boundary=")[2]
    heads = [piece.decode() for piece in body if isinstance(piece, bytes)]
    assert heads[0] == f"--{boundary}\r\nContent-Type: video/mp4\r\nContent-Range: bytes 0-1/100\r\n\r\n"
    assert heads[-1] == f"--{boundary}--\r\n"
    assert [piece for piece in body if isinstance(piece, range)] == [range(2), range(5, 9)]

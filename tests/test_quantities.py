from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.quantities import (
    as_clock,
    as_duration,
    as_size,
    counted,
    parse_duration,
    parse_size,
    size_in_words,
    sizes_in_words,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        (4096, 4096),
        ("1B", 1),
        ("64KiB", 65536),
        ("64 kib", 65536),
        ("64k", 65536),
        ("2GiB", 2 << 30),
        ("1.5G", 3 << 29),
        ("2GB", 2_000_000_000),
        ("3MB", 3_000_000),
        ("1TiB", 1 << 40),
        (" 1M ", 1 << 20),
    ],
)
def test_size(text: str | int, size: int) -> None:
    assert parse_size(text) == size


NO_SIZES = ["", "GiB", "-1", -1, "1 2", "1PiB", "2 gigs", "1.G", "nan", "inf", "1e3", True, "1iB"]


@pytest.mark.parametrize("text", NO_SIZES)
def test_no_size(text: str | int) -> None:
    with pytest.raises(ValueError, match="is no size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        (30, 30),
        (1.5, 1.5),
        ("1.5", 1.5),
        ("250ms", 0.25),
        ("90s", 90),
        ("2m", 120),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("7d", 604800),
        ("2w", 1209600),
        ("0", 0),
    ],
)
def test_duration(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "d", "-1", -1, "1h30", "1 2", "1y", "nan", math.nan, math.inf, "1e3", True])
def test_no_duration(text: str | float) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


@given(st.text(alphabet="0123456789.kKmMgGiIbBsdhw -"))
def test_what_is_read_is_never_negative(text: str) -> None:
    for read in (parse_size, parse_duration):
        with contextlib.suppress(ValueError):
            assert read(text) >= 0


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0"), (1, "1"), (1000, "1000"), (1024, "1KiB"), (3 << 29, "1536MiB"), (1 << 40, "1TiB")]
)
def test_a_size_is_written_in_its_largest_unit(size: int, text: str) -> None:
    assert as_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0"), (0.5, "0.5"), (30.0, "30"), (90, "90"), (120, "2m"), (21600, "6h"), (604800, "7d")]
)
def test_a_duration_is_written_in_its_largest_unit(seconds: float, text: str) -> None:
    assert as_duration(seconds) == text


@given(st.integers(0, 1 << 50))
def test_what_is_written_is_read_as_it_was(number: int) -> None:
    assert parse_size(as_size(number)) == number
    assert parse_duration(as_duration(number / 4)) == number / 4


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (5 * 10**9, "5.0 GB")],
)
def test_a_size_in_words(size: int, said: str) -> None:
    assert size_in_words(size) == said


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (5 * 10**9, 300, ("5.0 GB", "300 bytes")),
        (6_100_000, 1_000_000, ("6.1 MB", "1.0 MB")),
        (6_104_000, 6_101_000, ("6104.0 kB", "6101.0 kB")),
        (6_100_001, 6_100_000, ("6100001 bytes", "6100000 bytes")),
        (10**9, 10**9, ("1000000000 bytes", "1000000000 bytes")),
    ],
)
def test_sizes_that_are_compared_are_told_apart(one: int, other: int, said: tuple[str, str]) -> None:
    assert sizes_in_words(one, other) == said


def test_numbers_of_things() -> None:
    assert [counted(n, "job") for n in (0, 1, 2)] == ["0 jobs", "1 job", "2 jobs"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0:00"), (59.6, "1:00"), (600, "10:00"), (3723, "1:02:03"), (273906, "76:05:06")],
)
def test_a_time_as_a_clock_shows_it(seconds: float, said: str) -> None:
    assert as_clock(seconds) == said

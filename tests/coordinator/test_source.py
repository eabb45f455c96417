"""What is asked for out of its turn: little, where it pays, and nothing that is not seen to be right."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.coordinator.jobs import run
from vidproc.coordinator.source import Source
from vidproc.errors import ClientError, StorageError

MIB = 2**20
SIZE = 200 * MIB


@pytest.fixture
def asked() -> list[range]:
    return []


@pytest.fixture
def source(asked: list[range]) -> Source:
    return Source(Path("source"), SIZE, asked.append)


def test_what_is_near_is_waited_for(source: Source, asked: list[range]) -> None:
    source.grow(MIB)
    for position in (MIB, 2 * MIB, 17 * MIB - 1):
        source.want(position)
    assert asked == []
    source.want(17 * MIB)
    assert asked == [range(17 * MIB, 17 * MIB + 2**18)]


def test_more_is_asked_for_each_time_where_reading_goes_on(source: Source, asked: list[range]) -> None:
    position = 100 * MIB
    for _ in range(7):
        source.want(position)
        source.want(position + 1)
        position = asked[-1].stop
    assert [len(it) // 2**18 for it in asked] == [1, 2, 4, 8, 16, 16, 16]
    source.want(SIZE - 10)
    assert asked[-1] == range(SIZE - 10, SIZE), "there is no more"


def test_not_the_whole_film_is_asked_for(source: Source, asked: list[range]) -> None:
    for position in range(20 * MIB, SIZE, 2**18):
        source.want(position)
    assert sum(map(len, asked)) == 64 * MIB


def test_only_what_was_wanted_is_taken(source: Source, asked: list[range]) -> None:
    assert not source.take(100 * MIB, b"unasked")
    source.want(100 * MIB)
    assert not source.take(100 * MIB - 1, b"before")
    assert not source.take(asked[0].stop - 1, b"beyond")
    assert source.take(100 * MIB + 5, b"within")

    async def main() -> None:
        assert await source.news(0) == (0, [(100 * MIB + 5, b"within")])
        source.take(100 * MIB, b"again")
        assert source.begin() == 0, "another media process knows of nothing"
        source.want(100 * MIB)
        assert len(asked) == 2
        source.grow(7)
        assert await source.news(0) == (7, [])

    run(main())


def test_one_that_is_gone_is_the_disk_s_fault(source: Source) -> None:
    source.check()
    source.want(100 * MIB)
    source.take(100 * MIB, b"ahead")
    with pytest.raises(StorageError, match="cannot read the source: No such file"):
        source.check()


def test_what_came_twice_must_be_the_same(tmp_path: Path, asked: list[range]) -> None:
    content = os.urandom(MIB)
    for altered in (b"", b"!"):
        source = Source(tmp_path / "source", 40 * MIB, asked.append)
        source.want(20 * MIB)
        assert source.take(20 * MIB, content[: len(asked[-1])])
        with open(tmp_path / "source", "wb") as file:
            file.seek(20 * MIB)
            file.write(content[: 2**18 - len(altered)] + altered)
        if altered:
            with pytest.raises(ClientError, match="changed while it was sent"):
                source.check()
        else:
            source.check()

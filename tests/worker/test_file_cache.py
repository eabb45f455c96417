"""Files in a daemon's memory."""

from __future__ import annotations

import pytest

from vidproc.worker.file_cache import FileCache

pytestmark = pytest.mark.unit


def test_those_used_last_are_kept() -> None:
    cache = FileCache(most=10)
    for name in "abc":
        cache.add(name, name.encode() * 3)
    assert cache.missing("axb") == ["x"]
    cache.add("d", b"ddd")
    assert cache.missing("abcd") == ["c"]
    assert (cache["a"], cache["d"]) == (b"aaa", b"ddd")
    cache.add("e", bytes(10))
    assert cache.missing("abde") == ["a", "b", "d"]

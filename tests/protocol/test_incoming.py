"""Files of jobs as their blocks come."""

from __future__ import annotations

import hashlib

import pytest

from vidproc.protocol.incoming import IncomingFiles

pytestmark = pytest.mark.unit
DATA = bytes(range(256))
NAME = hashlib.sha256(DATA).hexdigest()


def expecting(size: int = len(DATA)) -> IncomingFiles:
    incoming = IncomingFiles()
    assert incoming.expect(NAME, size)
    return incoming


def test_a_file_is_whole_with_its_last_block_and_asked_for_once() -> None:
    incoming = expecting()
    assert not incoming.expect(NAME, len(DATA))
    assert incoming.size == len(DATA)
    assert incoming.add(NAME, 0, DATA[:100]) is None
    assert incoming.add(NAME, 100, memoryview(DATA)[100:]) == DATA
    assert incoming.size == 0
    assert incoming.expect(NAME, len(DATA))


def test_blocks_of_another_answer_or_of_what_nobody_wants_are_ignored() -> None:
    incoming = expecting()
    assert incoming.add(NAME, 200, DATA[200:]) is None
    assert incoming.add("1" * 64, 0, DATA) is None
    assert incoming.add(NAME, 0, DATA[:100]) is None
    assert incoming.add(NAME, 0, DATA[:100]) is None
    assert incoming.add(NAME, 100, DATA[100:]) == DATA


def test_what_nobody_needs_any_more_is_let_go() -> None:
    incoming = expecting()
    incoming.add(NAME, 0, DATA[:100])
    incoming.expect_only({NAME})
    assert incoming.size == len(DATA)
    incoming.expect_only(())
    assert incoming.size == 0
    assert incoming.add(NAME, 100, DATA[100:]) is None
    assert incoming.expect(NAME, len(DATA))
    assert incoming.add(NAME, 0, DATA) == DATA


@pytest.mark.parametrize("data", [DATA[::-1], DATA + b"x"])
def test_other_bytes_are_refused_and_the_file_is_expected_no_more(data: bytes) -> None:
    incoming = expecting()
    with pytest.raises(ValueError, match="does not match its size and SHA-256"):
        incoming.add(NAME, 0, data)
    assert incoming.expect(NAME, len(DATA))

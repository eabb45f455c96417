"""The search for bytes that the protocol does not stand: that it can find any, and that it finds none."""

from __future__ import annotations

import itertools

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.search import Found, Search
from tests.fuzz.targets import WHERE, WORDS, seeds, targets

pytestmark = pytest.mark.unit
TRIES = 20_000


def planted(data: bytes) -> None:
    """Falls over bytes that nobody comes upon by chance, but by getting a little further each time."""
    if data[:1] != b"v":
        return
    if data[1:2] != b"i":
        return
    if data[2:3] != b"d":
        return
    if data[3:4] == b"p":
        raise ZeroDivisionError("found")


def found(where: str, seed: int = 1) -> bytes | None:
    search = Search(planted, [b"none"], [bytes([letter]) for letter in b"vidproc"], where, seed)
    try:
        for _ in itertools.islice(search.tries(), TRIES):
            pass
    except Found as error:
        return error.data
    return None


def test_what_was_planted_is_found_since_each_step_to_it_is_kept() -> None:
    data = found(__file__)
    assert data is not None
    assert data.startswith(b"vidp")
    assert found(__file__) == data, "the same seed takes the same way"
    assert found("nowhere") is None, "and not without looking where it leads"
    with pytest.raises(ZeroDivisionError):
        planted(data)


@pytest.mark.parametrize("name", targets())
def test_a_short_search_finds_nothing(name: str) -> None:
    search = Search(targets()[name], seeds(), WORDS, WHERE, seed=1)
    for _ in itertools.islice(search.tries(), len(seeds()) + 200):
        pass
    assert search.ways > 80
    assert len(search.known) > 5


def test_a_finding_is_printed_and_can_be_replayed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    monkeypatch.setattr("tests.fuzz.__main__.targets", lambda: {"planted": planted})
    monkeypatch.setattr("tests.fuzz.__main__.seeds", lambda: [b"vidq"])
    monkeypatch.setattr("tests.fuzz.__main__.WHERE", __file__)
    assert main(["--seconds", "100"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "planted: ZeroDivisionError: found"
    words = said[1].split()
    with pytest.raises(ZeroDivisionError):
        main(["--target", "planted", words[-2], words[-1]])


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_minute_s_search_finds_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`make fuzz` goes on for as long as one likes. Here the limit of memory would be that of the other tests too."""
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    assert main(["--seconds", "60"]) == 0, capsys.readouterr().out

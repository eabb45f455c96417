"""Films that are sent over HTTP in as many requests as it takes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx

from tests.web.asking import begun, patched


def test_a_film_comes_in_pieces(http: httpx.Client, film: Path) -> None:
    data = film.read_bytes()
    where = begun(http, len(data))
    for at in range(0, len(data), 10_000):
        answer = patched(http, where, at, data[at : at + 10_000])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(min(len(data), at + 10_000)))
    facts = http.get(where).json()
    assert facts["sha256"] == hashlib.sha256(data).hexdigest()
    assert (facts["name"], facts["size"], facts["offset"]) == ("film.mp4", len(data), len(data))

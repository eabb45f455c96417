"""The films that jobs made, over HTTP."""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx

from tests.end_to_end.programs import Cluster
from tests.web.asking import made


def test_a_film_that_was_sent_over_http_is_the_same_as_one_that_was_not(
    site: Cluster, http: httpx.Client, film: Path, tmp_path: Path
) -> None:
    job = made(http, film, "invert")
    assert (job["name"], job["filters"]) == (film.name, ["invert"])
    answer = http.get(f"/api/v1/jobs/{job['id']}/result")
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == job["metrics"]["sha256"]
    assert answer.headers["etag"] == f'"{job["metrics"]["sha256"]}"'
    assert site.send(film, tmp_path / "out.mp4", "--processing", "invert").code == 0
    assert (tmp_path / "out.mp4").read_bytes() == answer.content

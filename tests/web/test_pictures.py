from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np

from tests.end_to_end.programs import Cluster
from vidproc.filters.contract import Array
from vidproc.media.still import still


def decoded(answer: httpx.Response) -> Array:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def psnr(one: Array, other: Array) -> float:
    assert one.shape == other.shape
    return cv2.PSNR(one, other)


def sent(site: Cluster, film: Path, out: Path, *words: object) -> str:
    """The hash of a film that is held because a job was done on it."""
    assert site.send(film, out, *words).code == 0
    return hashlib.sha256(film.read_bytes()).hexdigest()


def preview(http: httpx.Client, source: str, frame: int, *filters: dict[str, Any], **more: Any) -> httpx.Response:
    asked = {"source": source, "frame": frame, "filters": list(filters), "width": 4096, **more}
    return http.post("/api/v1/preview", json=asked)


def test_a_film_that_is_held_tells_what_it_is(site: Cluster, http: httpx.Client, film: Path, tmp_path: Path) -> None:
    source = sent(site, film, tmp_path / "out.mp4", "--processing", "invert")
    facts = http.get(f"/api/v1/films/{source}").json()
    assert (facts["codec"], facts["width"], facts["height"], facts["frames"]) == ("h264", 96, 64, 60)
    assert facts["size"] == film.stat().st_size
    assert facts["duration_s"] == 60 / facts["fps"]


def test_a_preview_shows_what_the_job_makes(site: Cluster, http: httpx.Client, film: Path, tmp_path: Path) -> None:
    source = sent(site, film, tmp_path / "out.mp4", "--filter", "motion", "--filter", "invert", "--crf", "1")
    job = http.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]["id"]
    for number in (0, 1, 29, 59):
        seen = decoded(preview(http, source, number, {"name": "motion"}, {"name": "invert"}))
        assert psnr(seen, still(tmp_path / "out.mp4", number)) > 35
        made = http.get(f"/frame/{number}", params={"job": job, "width": 4096})
        assert psnr(decoded(made), still(tmp_path / "out.mp4", number)) > 35
        assert "immutable" in made.headers["cache-control"]
        before = http.get(f"/frame/{number}", params={"job": job, "side": "source", "width": 4096})
        assert psnr(decoded(before), still(film, number)) > 35
        assert decoded(preview(http, source, number, side="source")).tolist() == decoded(before).tolist()
    assert http.get("/frame/60", params={"job": job}).status_code == 404


def test_what_is_not_here_is_said(http: httpx.Client) -> None:
    assert preview(http, "0" * 64, 0).status_code == 404
    assert http.get("/frame/0", params={"job": "0123456789abcdef"}).status_code == 404
    assert http.get("/api/v1/films/..%2f..%2fetc").status_code in (400, 404)

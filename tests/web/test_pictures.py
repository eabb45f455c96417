from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from tests.end_to_end.programs import Cluster
from tests.filters.sample_files import SAMPLES
from tests.media import clips
from tests.web.asking import uploaded_bytes
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
    assert facts["last_s"] == pytest.approx(59 / facts["fps"])


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


CHAINS: dict[str, list[dict[str, Any]]] = {
    "odd size": [{"name": "blur", "params": {"ksize": 7}}],
    "ten bits": [{"name": "sharpen"}, {"name": "motion"}],
    "rotation": [{"name": "crop", "params": {"width": 60, "height": 50}}, {"name": "flip"}],
    "mpeg2 interlaced": [{"name": "blur"}, {"name": "edges"}],
    "variable rate": [{"name": "text", "params": {"text": "{time}"}}],
    "gif": [{"name": "invert"}],
    "full range": [{"name": "motion", "params": {"kind": "mog2", "every": 8}}, {"name": "denoise"}],
    "change of size": [{"name": "motion", "params": {"kind": "flow"}}],
}


@pytest.mark.parametrize("kind", CHAINS)
def test_a_preview_is_what_the_job_makes_to_the_last_bit(
    kind: str, site: Cluster, http: httpx.Client, tmp_path: Path
) -> None:
    """Where the job's codec loses nothing."""
    film, words = clips.make(kind, tmp_path), []
    for each in CHAINS[kind]:
        params = ",".join(f"{name}={value}" for name, value in each.get("params", {}).items())
        words += ["--filter", f"{each['name']}:{params}" if params else each["name"]]
    source = sent(site, film, tmp_path / "out.mkv", *words, "--codec", "ffv1", "--pix-fmt", "source")
    job = http.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]
    output = {"container": "mkv", "codec": "ffv1", "pix_fmt": "source"}
    for number in (0, 1, job["frames_total"] // 2, job["frames_total"] - 1):
        seen = preview(http, source, number, *CHAINS[kind], **output)
        made = http.get(f"/frame/{number}", params={"job": job["id"], "width": 4096})
        assert decoded(seen).tolist() == decoded(made).tolist()


def test_pixels_that_are_no_squares_are_shown_as_players_show_them(
    site: Cluster, http: httpx.Client, tmp_path: Path
) -> None:
    half = {"name": "resize", "params": {"width": 48}}
    source = sent(site, clips.make("anamorphic", tmp_path), tmp_path / "out.mp4", "--filter", "resize:width=48")
    facts = http.get(f"/api/v1/films/{source}").json()
    assert (facts["width"], facts["shown_width"], facts["shown_height"]) == (96, 140, 64)
    job = http.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]["id"]
    made = decoded(http.get("/frame/3", params={"job": job, "width": 4096}))
    assert made.shape == (32, 70, 3)
    assert psnr(decoded(preview(http, source, 3, half)), made) > 28


def test_a_window_of_a_film_is_numbered_as_its_job_numbers_it(
    site: Cluster, http: httpx.Client, film: Path, tmp_path: Path
) -> None:
    sent(site, film, tmp_path / "out.mp4", "--processing", "invert", "--start", 1, "--duration", 1)
    job = http.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]
    seen = http.get("/frame/5", params={"job": job["id"], "side": "source", "width": 4096})
    assert psnr(decoded(seen), still(film, 24 + 5)) > 35
    assert http.get(f"/frame/{job['frames_total']}", params={"job": job["id"], "side": "source"}).status_code == 404


def test_previews_that_cannot_be_say_why(site: Cluster, http: httpx.Client, film: Path, tmp_path: Path) -> None:
    source = sent(site, film, tmp_path / "out.mp4", "--processing", "invert")
    for status, said, wrong in (
        (400, "there is no filter 'blurr'", {"name": "blurr"}),
        (400, "ksize", {"name": "blur", "params": {"ksize": 4}}),
        (400, "a filter of your own runs on daemons alone", {"name": "custom"}),
        (404, "send it again", {"name": "lut", "params": {"file": "0" * 64}}),
    ):
        answer = preview(http, source, 0, wrong)
        assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert preview(http, source, 60, {"name": "blur"}).status_code == 404
    assert preview(http, source, 2**54, {"name": "blur"}).status_code == 422


def test_films_and_filters_files_may_be_uploads(http: httpx.Client, film: Path) -> None:
    source, lut, bad = (uploaded_bytes(http, it) for it in (film.read_bytes(), SAMPLES["lut"], b"LUT_3D_SIZE 2\n0 1"))
    assert http.get(f"/api/v1/films/{source}").json()["frames"] == 60
    plain = decoded(preview(http, source, 7))
    assert psnr(plain, still(film, 7)) > 35
    for _ in range(2):  # the second time its meaning is known
        seen = decoded(preview(http, source, 7, {"name": "lut", "params": {"file": lut}}))
        assert seen.tolist() != plain.tolist()
    answer = preview(http, source, 7, {"name": "lut", "params": {"file": bad}})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:vidproc:bad-parameter")


def test_a_film_in_hdr_is_shown_whatever_its_job_will_be(http: httpx.Client, tmp_path: Path) -> None:
    def hdr(stream: Any) -> None:
        stream.codec_context.color_primaries, stream.codec_context.color_trc = 9, 16
        stream.codec_context.colorspace = 9

    clips.write(tmp_path / "hdr.mkv", clips.Film(options=clips.B_FRAMES, pix_fmt="yuv420p10le", setup=hdr))
    source = uploaded_bytes(http, (tmp_path / "hdr.mkv").read_bytes())
    assert decoded(preview(http, source, 3, {"name": "blur"})).shape == (64, 96, 3)
    refused = preview(http, source, 3, {"name": "blur"}, codec="h264")
    assert (refused.status_code, "HDR" in refused.json()["detail"]) == (400, True)


def test_a_filter_that_goes_through_the_film_says_that_its_preview_is_near(
    site: Cluster, http: httpx.Client, tmp_path: Path
) -> None:
    clips.write(tmp_path / "film.mp4", clips.Film(options=clips.B_FRAMES, count=400))
    source = sent(site, tmp_path / "film.mp4", tmp_path / "out.mp4", "--processing", "invert")
    learning = {"name": "motion", "params": {"kind": "mog2", "every": 0}}
    assert preview(http, source, 399, learning).headers["x-vidproc-approximate"] == "true"
    assert "x-vidproc-approximate" not in preview(http, source, 20, learning).headers

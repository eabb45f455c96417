"""Pictures of a job: as it goes on, when it has ended, still and moving."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import httpx
import numpy as np
import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, Program, until
from tests.web.test_pictures import decoded, psnr
from vidproc.media.still import still


class Held:
    """A job in the middle: of its chunks two are done, the later of which begins with frame `done`."""

    def __init__(self, site: Cluster, http: httpx.Client, film: Path, folder: Path) -> None:
        self.gate = Gate(folder, after=0, chunks=2)
        self.out = folder / "out.mp4"
        self._http = http
        self.sending: Program = site.sending(
            film, self.out, "--processing", "custom", "--param", f"file={self.gate.filter}", "--crf", 1
        )
        self.gate.reached()
        self.id: str = http.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]["id"]
        until(lambda: [it["state"] for it in self.now()["chunks"]].count("done") == 2, "two chunks to be done")
        self.done: int = self.now()["newest_frame"]
        self.waiting: int = next(each["start"] for each in self.now()["chunks"] if each["state"] != "done")

    def now(self) -> dict[str, Any]:
        found: dict[str, Any] = self._http.get(f"/api/v1/jobs/{self.id}/now").json()
        return found

    def end(self) -> None:
        self.gate.open()
        assert self.sending.wait() == 0


@pytest.fixture
def held(site: Cluster, http: httpx.Client, film: Path, tmp_path: Path) -> Iterator[Held]:
    made = Held(site, http, film, tmp_path)
    yield made
    made.end()


def test_frames_of_a_job_that_goes_on(held: Held, http: httpx.Client, film: Path) -> None:
    done = {"job": held.id, "width": 4096}
    first = decoded(http.get(f"/frame/{held.done}", params=done))
    fourth = decoded(http.get(f"/frame/{held.done + 3}", params=done))
    source = decoded(http.get("/frame/59", params={**done, "side": "source"}))
    assert psnr(source, still(film, 59)) > 35
    early = http.get(f"/frame/{held.waiting}", params=done)
    assert early.status_code == 425
    assert early.headers["retry-after"] == "1"
    assert "not done yet" in early.json()["detail"]
    assert http.get("/frame/60", params=done).status_code == 404
    newest_job = http.get(f"/frame/{held.done}", params={"width": 4096})
    assert decoded(newest_job).tolist() == first.tolist()
    held.end()
    for number, seen in ((held.done, first), (held.done + 3, fourth)):
        assert psnr(seen, still(held.out, number)) > 35
    tag = http.get("/frame/3", params=done).headers["etag"]
    assert http.get("/frame/3", params=done, headers={"if-none-match": tag}).status_code == 304


def test_the_beginning_of_an_id_will_do(held: Held, http: httpx.Client) -> None:
    some = held.id[:8]
    assert http.get(f"/api/v1/jobs/{some}/now").json()["id"] == held.id
    shown = http.get(f"/frame/{held.done}", params={"job": some})
    assert shown.content == http.get(f"/frame/{held.done}", params={"job": held.id}).content
    assert http.get("/preview.gif", params={"job": some}).headers["content-type"] == "image/gif"
    unknown = http.get("/frame/0", params={"job": "nosuch"})
    assert unknown.status_code == 404
    assert "there is no job nosuch" in unknown.json()["detail"]


def frames_of(gif: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(gif)) as source:
        return [frame.to_ndarray(format="bgr24") for frame in source.decode(video=0)]


def test_a_gif_of_what_is_done(held: Held, http: httpx.Client) -> None:
    asked = {"job": held.id, "width": 96}
    early = http.get("/preview.gif", params=asked)
    assert early.headers["content-type"] == "image/gif"
    assert len(frames_of(early.content)) == 2
    held.end()
    late = http.get("/preview.gif", params=asked).content
    assert b"NETSCAPE2.0" in late
    seen = frames_of(late)
    assert len(seen) == 12
    assert psnr(seen[0], still(held.out, 0)) > 25
    assert psnr(seen[-1], still(held.out, 59)) > 15


def test_a_running_job_is_watched_to_its_end(held: Held, http: httpx.Client) -> None:
    with http.stream("GET", "/preview.mjpeg", params={"job": held.id, "width": 4096}) as answer:
        assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=vidproc-frame"
        came = answer.iter_bytes()
        seen = b""
        while seen.count(b"--vidproc-frame") < 2:
            seen += next(came)
        held.gate.open()
        for each in came:
            seen += each
    parts = seen.split(b"--vidproc-frame")
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    head, _, body = parts[1].partition(b"\r\n\r\n")
    assert b"content-length: %d" % (len(body) - 2) in head
    picture = cv2.imdecode(np.frombuffer(body[:-2], np.uint8), cv2.IMREAD_COLOR)
    held.end()
    assert psnr(picture, still(held.out, held.done)) > 35

"""The films that jobs made, over HTTP."""

from __future__ import annotations

import base64
import email
import hashlib
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.end_to_end.programs import Cluster, cluster, until
from tests.web.asking import client, made, uploaded
from tests.web.raw import connected, request


@pytest.fixture(scope="session")
def job(site: Cluster, film: Path) -> dict[str, Any]:
    """One that is done."""
    with client(site) as http:
        return made(http, film, "invert")


@pytest.fixture
def where(job: dict[str, Any]) -> str:
    return f"/api/v1/jobs/{job['id']}/result"


@pytest.fixture(scope="session")
def whole(site: Cluster, job: dict[str, Any]) -> bytes:
    return (site.data / "jobs" / job["id"] / "result").read_bytes()


def test_a_film_that_was_sent_over_http_is_the_same_as_one_that_was_not(
    site: Cluster, http: httpx.Client, job: dict[str, Any], where: str, film: Path, tmp_path: Path
) -> None:
    assert (job["name"], job["filters"]) == (film.name, ["invert"])
    answer = http.get(where)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == job["metrics"]["sha256"]
    assert site.send(film, tmp_path / "out.mp4", "--processing", "invert").code == 0
    assert (tmp_path / "out.mp4").read_bytes() == answer.content


def test_it_comes_with_what_there_is_to_know_of_it(
    http: httpx.Client, job: dict[str, Any], where: str, whole: bytes
) -> None:
    for answer in (http.get(where), http.head(where)):
        assert answer.headers["etag"] == f'"{job["metrics"]["sha256"]}"'
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["content-length"] == str(len(whole))
        digest = base64.b64encode(hashlib.sha256(whole).digest()).decode()
        assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
        assert answer.headers["content-disposition"].startswith('attachment; filename="constant-rate.mp4"')
    assert answer.content == b""
    assert http.head(where, params={"inline": 1}).headers["content-disposition"].startswith("inline; ")


def test_a_part_is_sent(http: httpx.Client, where: str, whole: bytes) -> None:
    for header, part in {"0-0": whole[:1], "100-199": whole[100:200], "-50": whole[-50:], "7-": whole[7:]}.items():
        answer = http.get(where, headers={"range": f"bytes={header}"})
        assert (answer.status_code, answer.content) == (206, part)
        start = whole.index(part)
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{len(whole)}"
        assert answer.headers["content-length"] == str(len(part))


def test_several_parts_are_sent(http: httpx.Client, where: str, whole: bytes) -> None:
    answer = http.get(where, headers={"range": "bytes=0-9, 100-299, -5"})
    assert answer.status_code == 206
    message = email.message_from_bytes(f"content-type: {answer.headers['content-type']}\n\n".encode() + answer.content)
    parts = message.get_payload()
    assert isinstance(parts, list)
    assert [part["content-range"].partition("/")[0] for part in parts] == [
        "bytes 0-9", "bytes 100-299", f"bytes {len(whole) - 5}-{len(whole) - 1}"
    ]  # fmt: skip
    for part in (whole[:10], whole[100:300], whole[-5:]):
        assert b"\r\n\r\n" + part + b"\r\n--" in answer.content


def test_a_part_that_is_not_there(http: httpx.Client, where: str, whole: bytes) -> None:
    answer = http.get(where, headers={"range": f"bytes={len(whole)}-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(whole)}")


def test_a_part_of_another_film_is_not_sent(http: httpx.Client, where: str, whole: bytes) -> None:
    tag = http.head(where).headers["etag"]
    for given, status in {tag: 206, '"other"': 200, "Sat, 01 Jan 2000 00:00:00 GMT": 200, f"W/{tag}": 200}.items():
        assert http.get(where, headers={"range": "bytes=1-2", "if-range": given}).status_code == status


def test_one_that_somebody_has_is_not_sent(http: httpx.Client, where: str) -> None:
    tag = http.head(where).headers["etag"]
    for given, status in {tag: 304, f"W/{tag}": 304, f'"other", {tag}': 304, "*": 304, '"other"': 200}.items():
        answer = http.get(where, headers={"if-none-match": given})
        assert (answer.status_code, bool(answer.content)) == (status, status == 200)


def test_a_job_without_one_says_why(site: Cluster, http: httpx.Client, film: Path) -> None:
    asked = {"source": uploaded(http, film), "filters": [{"name": "invert"}], "start": 100}
    failed = http.post("/api/v1/jobs", json=asked).json()["id"]
    until(lambda: http.get(f"/api/v1/jobs/{failed}").json()["state"] == "failed", "the job to fail")
    answer = http.get(f"/api/v1/jobs/{failed}/result")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:vidproc:conflict")
    done = made(http, film, "invert")
    (site.data / "jobs" / done["id"] / "result").unlink()
    answer = http.get(f"/api/v1/jobs/{done['id']}/result")
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:vidproc:gone")
    assert "run it again" in answer.json()["detail"]
    assert http.get("/api/v1/jobs/0123456789abcdef/result").status_code == 404


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../a\r\nb.mov", "a__b.mp4"),
        ('say "hi".avi', "say _hi_.mp4"),
        ("föhn.mkv", "f_hn.mp4"),
        ("C:\\films\\x.mp4", "x.mp4"),
        ("...", None),
    ],
)
def test_its_name_is_the_films_and_harms_nobody(
    http: httpx.Client, film: Path, name: str, shown: str | None
) -> None:
    asked = {"source": uploaded(http, film), "name": name, "filters": [{"name": "invert"}], "duration": 0.5}
    job = http.post("/api/v1/jobs", json=asked).json()["id"]
    until(lambda: http.get(f"/api/v1/jobs/{job}").json()["state"] == "done", "the job to end")
    said = http.head(f"/api/v1/jobs/{job}/result").headers["content-disposition"]
    assert said.startswith(f'attachment; filename="{shown or job + ".mp4"}"; filename*=UTF-8\'\'')
    if name == "föhn.mkv":
        assert said.endswith("f%C3%B6hn.mp4")


def test_a_reader_that_leaves_leaves_nothing_open(site: Cluster, where: str, whole: bytes) -> None:
    def held() -> int:
        return sum(file.path.endswith("/result") for file in psutil.Process(site.coordinator.process.pid).open_files())

    with connected(site) as leaving:
        leaving.sendall(request("GET", where))
        assert leaving.recv(10)
    until(lambda: held() == 0, "the film to be closed")


def test_one_that_is_read_is_not_cleared_away(http: httpx.Client, film: Path, tmp_path: Path) -> None:
    lossless = {"codec": "ffv1", "container": "mkv"}
    size = made(http, film, "invert", **lossless)["result_size"]
    with cluster(tmp_path, "--preview-port", 0, "--spool-limit", 3 * size // 2) as small, client(small) as asking:
        small.add_worker(1)
        read = made(asking, film, "invert", **lossless)["id"]
        with connected(small, 4096) as slow:
            slow.sendall(request("GET", f"/api/v1/jobs/{read}/result"))
            assert slow.recv(10)
            other = made(asking, film, "flip", **lossless)["id"]
            removed = until(lambda: small.log("result removed"), "a result to be cleared away")
            assert [line["job"] for line in removed] == [other]
            assert (small.data / "jobs" / read / "result").stat().st_size == size

"""Jobs that are asked for over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.programs import Cluster, cluster, until
from tests.filters.sample_files import cube
from tests.web.asking import TUS, client, ended, made, uploaded
from tests.web.raw import connected, request

JOBS = "/api/v1/jobs"
CODE = "def upside_down(frame):\n    return frame[::-1].copy()\n"


def result(http: httpx.Client, job: dict[str, Any]) -> bytes:
    assert job["state"] == "done", job
    answer = http.get(f"{JOBS}/{job['id']}/result")
    assert answer.status_code == 200
    return answer.content


def by_form(http: httpx.Client, job: Any, film: Path, *, last: str = "film", **files: bytes) -> httpx.Response:
    parts = [("job", (None, json.dumps(job))), ("film", (film.name, film.read_bytes()))]
    named = [(name, (f"{name}.bin", data)) for name, data in files.items()]
    return http.post(JOBS, files=sorted([*parts, *named], key=lambda part: part[0] == last))


@pytest.mark.parametrize("last", ["film", "job"])
def test_a_form_brings_the_film_along(http: httpx.Client, film: Path, last: str) -> None:
    answer = by_form(http, {"filters": [{"name": "flip"}]}, film, last=last)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{JOBS}/{answer.json()['id']}"
    job = ended(http, answer.json()["id"])
    assert (job["name"], job["filters"]) == (film.name, ["flip"])
    assert result(http, job) == result(http, made(http, film, "flip"))


def test_files_that_filters_name_come_as_parts_or_as_uploads(
    site: Cluster, http: httpx.Client, film: Path, tmp_path: Path
) -> None:
    table = tmp_path / "table.cube"
    table.write_bytes(cube())
    assert site.send(film, tmp_path / "out.mp4", "--filter", f"lut:file={table}").code == 0
    wanted = (tmp_path / "out.mp4").read_bytes()
    form = by_form(http, {"filters": [{"name": "lut", "params": {"file": "table"}}]}, film, table=cube())
    assert form.status_code == 201, form.text
    assert result(http, ended(http, form.json()["id"])) == wanted
    asked = {"source": uploaded(http, film), "filters": [{"name": "lut", "params": {"file": uploaded(http, table)}}]}
    assert result(http, ended(http, http.post(JOBS, json=asked).json()["id"])) == wanted


def test_a_film_that_is_held_is_known_by_its_hash(http: httpx.Client, film: Path) -> None:
    first = made(http, film, "invert")
    upload = uploaded(http, film)
    sha256 = http.get(f"/api/v1/uploads/{upload}").json()["sha256"]
    assert http.delete(f"/api/v1/uploads/{upload}", headers=TUS).status_code == 204
    answer = http.post(JOBS, json={"source": sha256, "name": "again.mp4", "filters": [{"name": "invert"}]})
    job = ended(http, answer.json()["id"])
    assert job["name"] == "again.mp4"
    assert result(http, job) == result(http, first)


def test_an_upload_serves_for_as_many_jobs_as_one_likes(http: httpx.Client, film: Path) -> None:
    source = uploaded(http, film)
    for name in ("invert", "flip"):
        answer = http.post(JOBS, json={"source": source, "filters": [{"name": name}]})
        assert ended(http, answer.json()["id"])["state"] == "done"


def test_a_filter_of_ones_own_goes_as_text(http: httpx.Client, film: Path) -> None:
    one = {"name": "custom", "code": CODE, "function": "upside_down"}
    answer = http.post(JOBS, json={"source": uploaded(http, film), "filters": [one]})
    job = ended(http, answer.json()["id"])
    assert (job["state"], job["metrics"]["fallback_frames"]["total"]) == ("done", 0)


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"filters": [{"name": "blurr"}]}, 400, "blurr"),
        ({"filters": [{"name": "blur", "params": {"size": 4}}]}, 400, "size"),
        ({"filters": [{"name": "blur", "parms": {}}]}, 422, "parms"),
        ({"filter": []}, 422, "filter"),
        ({"container": "exe"}, 400, "exe"),
        ({"crf": "high"}, 422, "crf"),
        ({"start": -1}, 400, "start"),
        ({"filters": [{"name": "lut", "params": {"file": "nothing"}}]}, 404, "nothing"),
        ({"filters": [{"name": "lut", "params": {"file": "/etc/passwd"}}]}, 404, "passwd"),
    ],
)
def test_what_is_wrong_is_named(http: httpx.Client, film: Path, asked: dict[str, Any], status: int, said: str) -> None:
    for answer in (http.post(JOBS, json={"source": uploaded(http, film)} | asked), by_form(http, asked, film)):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml; charset=utf-8"])
def test_a_body_of_another_kind_is_told_which_are_taken(http: httpx.Client, kind: str) -> None:
    answer = http.post(JOBS, content=b'{"source": ""}', headers={"content-type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
    assert answer.headers["accept"] == "application/json, multipart/form-data"
    answer = http.post("/api/v1/preview", content=b"{}", headers={"content-type": kind})
    assert (answer.status_code, answer.headers["accept"]) == (415, "application/json")


def test_more_jobs_than_are_taken_at_a_time_are_to_come_again(tmp_path: Path, film: Path) -> None:
    with cluster(tmp_path, "--preview-port", 0, "--max-jobs", 1) as site, client(site) as http:
        asked = {"source": uploaded(http, film), "filters": [{"name": "flip"}]}
        first = http.post(JOBS, json=asked).json()["id"]
        for refused in (http.post(JOBS, json=asked), by_form(http, {"filters": asked["filters"]}, film)):
            assert (refused.status_code, refused.json()["type"]) == (503, "urn:vidproc:busy")
            assert refused.headers["retry-after"] == "1"
            assert "try again when one has ended" in refused.json()["detail"]
        assert http.post(f"{JOBS}/{first}/cancel").status_code == 204
        ended(http, first)
        assert http.post(JOBS, json=asked).status_code == 201


@pytest.mark.parametrize("source", ["", "0" * 64, "0" * 32, "../../etc/passwd", "\x00", "x" * 1000])
def test_a_source_that_is_not_here(http: httpx.Client, source: str) -> None:
    answer = http.post(JOBS, json={"source": source})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        b"--b\r\n",
        b'--b\r\nContent-Disposition: form-data; name="film"\r\n\r\n',
        b'--b\r\nContent-Disposition: form-data; name="film"\r\n\r\nfilm\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="job"\r\n\r\n{}\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="job"\r\n\r\n{"crf":\r\n--b--\r\n',
        b"--b\r\nno header\r\n\r\n",
        b"--b\r\n" + b"x: y\r\n" * 10_000,
        b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n' * 100 + b"--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="job"\r\n\r\n' + b" " * 2**21,
    ],
)
def test_forms_that_are_none(http: httpx.Client, body: bytes) -> None:
    answer = http.post(JOBS, content=body, headers={"content-type": "multipart/form-data; boundary=b"})
    assert answer.status_code in (400, 413, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_form_that_is_refused_leaves_nothing(site: Cluster, http: httpx.Client, film: Path) -> None:
    before = set((site.data / "incoming").iterdir())
    assert by_form(http, {"filters": [{"name": "lut"}]}, film, last="job").status_code == 400
    assert set((site.data / "incoming").iterdir()) == before


def test_a_film_larger_than_is_taken_stops_at_that(tmp_path: Path, film: Path) -> None:
    limit = film.stat().st_size // 2
    with cluster(tmp_path, "--preview-port", 0, "--upload-limit", limit) as site, client(site) as http:
        answer = by_form(http, {"filters": [{"name": "flip"}]}, film)
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:vidproc:too-large")
        assert not list((site.data / "incoming").iterdir())


def test_who_leaves_in_the_middle_of_a_form_leaves_nothing(site: Cluster, film: Path) -> None:
    before = set((site.data / "incoming").iterdir())
    head = request("POST", JOBS, content_type="multipart/form-data; boundary=b", content_length=str(10**8))
    part = b'--b\r\nContent-Disposition: form-data; name="film"; filename="x"\r\n\r\n'
    with connected(site) as leaving:
        leaving.sendall(head + part + bytes(2 * 2**20))
        until(lambda: set((site.data / "incoming").iterdir()) - before, "the film to be on its way")
    until(lambda: set((site.data / "incoming").iterdir()) == before, "it to be cleared away")
    assert not [line for line in site.coordinator.said.splitlines() if "Exception in ASGI" in line]

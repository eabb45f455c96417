"""Films that are sent over HTTP in as many requests as it takes."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.programs import Cluster, cluster, until
from tests.web.asking import OCTETS, TUS, UPLOADS, begun, client, metadata, patched, uploaded
from tests.web.raw import answered, connected, request


def offset_of(http: httpx.Client, where: str) -> int:
    return int(http.head(where, headers=TUS).headers["upload-offset"])


def _bytes(headers: dict[str, str]) -> dict[str, bytes]:
    return {name: value.encode() for name, value in headers.items()}


def test_a_film_comes_in_pieces(http: httpx.Client, film: Path) -> None:
    data = film.read_bytes()
    where = begun(http, len(data))
    for at in range(0, len(data), 1000):
        answer = patched(http, where, at, data[at : at + 1000])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(min(len(data), at + 1000)))
    facts = http.get(where).json()
    assert facts["sha256"] == hashlib.sha256(data).hexdigest()
    assert (facts["name"], facts["size"], facts["offset"]) == ("film.mp4", len(data), len(data))


def test_what_is_spoken_is_told(http: httpx.Client) -> None:
    answer = http.options(UPLOADS)
    assert (answer.status_code, answer.headers["tus-version"]) == (204, "1.0.0")
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"
    assert set(answer.headers["tus-extension"].split(",")) >= {"creation", "checksum", "expiration", "termination"}


def test_other_versions_of_tus_are_not(http: httpx.Client) -> None:
    for headers in ({}, {"tus-resumable": "0.2.2"}):
        answer = http.post(UPLOADS, headers={"upload-length": "1", **headers})
        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")


def test_the_first_bytes_may_come_with_the_beginning(http: httpx.Client, film: Path) -> None:
    data = film.read_bytes()
    headers = {**TUS, **OCTETS, "upload-length": str(len(data))}
    answer = http.post(UPLOADS, content=data[:1000], headers=headers)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "1000")
    where = answer.headers["location"]
    assert patched(http, where, 1000, data[1000:]).headers["upload-offset"] == str(len(data))
    assert http.get(where).json()["sha256"] == hashlib.sha256(data).hexdigest()


def test_head_tells_where_to_go_on(http: httpx.Client) -> None:
    where = begun(http, 100, "a fílm.mp4")
    patched(http, where, 0, b"x" * 30)
    answer = http.head(where, headers=TUS)
    assert (answer.status_code, answer.headers["upload-offset"], answer.headers["upload-length"]) == (200, "30", "100")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["upload-metadata"] == metadata("a fílm.mp4").partition(",")[0]
    assert parsedate_to_datetime(answer.headers["upload-expires"]).timestamp() > time.time() + 80_000


def test_bytes_for_another_place_are_not_taken(http: httpx.Client) -> None:
    where = begun(http, 100)
    assert patched(http, where, 0, b"x" * 30).status_code == 204
    for offset in (0, 29, 31, 100):
        answer = patched(http, where, offset, b"y" * 10)
        assert (answer.status_code, answer.headers["tus-resumable"]) == (409, "1.0.0")
    assert offset_of(http, where) == 30


def test_bytes_of_another_kind_are_told_which_are_taken(http: httpx.Client) -> None:
    where = begun(http, 100)
    answer = patched(http, where, 0, b"x", **{"content-type": "application/octet-stream"})
    assert (answer.status_code, answer.headers["tus-resumable"]) == (415, "1.0.0")
    assert answer.headers["accept-patch"] == OCTETS["content-type"]
    assert offset_of(http, where) == 0


def test_more_than_was_announced_is_not_taken(http: httpx.Client) -> None:
    where = begun(http, 100)
    assert patched(http, where, 0, b"x" * 101).status_code == 413
    assert patched(http, where, 0, b"x" * 60).status_code == 204
    assert patched(http, where, 60, b"x" * 2_000_000).status_code == 413
    assert patched(http, where, 60, b"x" * 40).status_code == 204


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_bytes_with_another_checksum_do_not_count(http: httpx.Client, algorithm: str) -> None:
    where = begun(http, 4_000_000)
    good, bad = b"g" * 2_000_000, b"b" * 2_000_000
    checksum = f"{algorithm} {base64.b64encode(hashlib.new(algorithm, good).digest()).decode()}"
    assert patched(http, where, 0, bad, **{"upload-checksum": checksum}).status_code == 460
    assert offset_of(http, where) == 0
    assert patched(http, where, 0, good, **{"upload-checksum": checksum}).status_code == 204
    assert patched(http, where, 2_000_000, bad, **{"upload-checksum": checksum}).status_code == 460
    assert patched(http, where, 2_000_000, good, **{"upload-checksum": checksum}).status_code == 204
    assert http.get(where).json()["sha256"] == hashlib.sha256(good + good).hexdigest()


@pytest.mark.parametrize("checksum", ["md5 1B2M2Y8AsgTpgAmY7PhCfg==", "sha1 ***", "sha1", "x", "sha1 äöü"])
def test_checksums_of_other_kinds_are_refused(http: httpx.Client, checksum: str) -> None:
    where = begun(http, 100)
    answer = http.patch(
        where, content=b"x", headers=_bytes({**TUS, "upload-offset": "0", "upload-checksum": checksum} | OCTETS)
    )
    assert answer.status_code in (400, 460), answer.text
    assert offset_of(http, where) == 0


def test_an_upload_that_is_ended_is_gone(site: Cluster, http: httpx.Client) -> None:
    where = begun(http, 100)
    patched(http, where, 0, b"x" * 30)
    name = where.rpartition("/")[2]
    assert (site.data / "incoming" / name).exists()
    assert http.delete(where, headers=TUS).status_code == 204
    for answer in (http.delete(where, headers=TUS), http.get(where), patched(http, where, 30, b"x")):
        assert answer.status_code == 404
    assert http.head(where, headers=TUS).status_code == 404
    assert not list((site.data / "incoming").glob(f"{name}*"))


def test_who_comes_back_takes_over_from_a_connection_that_is_dead(site: Cluster, http: httpx.Client) -> None:
    data = bytes(range(250)) * 8_000
    where = begun(http, len(data))
    with connected(site) as dead:
        dead.sendall(request("PATCH", where, **TUS, **OCTETS, upload_offset="0", content_length=str(len(data))))
        dead.sendall(data[:1_500_000])
        file = site.data / "incoming" / where.rpartition("/")[2]
        until(lambda: file.stat().st_size, "what was sent before it fell silent")
        offset = offset_of(http, where)
        assert 2**20 <= offset <= 1_500_000
        assert patched(http, where, offset, data[offset:]).status_code == 204
        assert answered(dead)[0] == 409
    assert http.get(where).json()["sha256"] == hashlib.sha256(data).hexdigest()


def test_what_came_before_a_connection_broke_counts(site: Cluster, http: httpx.Client) -> None:
    where = begun(http, 3_000_000)
    with connected(site) as dead:
        dead.sendall(request("PATCH", where, **TUS, **OCTETS, upload_offset="0", content_length="3000000"))
        dead.sendall(b"x" * 1_500_000)
    until(lambda: http.get(where).json()["offset"] == 1_500_000, "all that had come")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\nb", "a\x00b", "a" * 2000, "<b>", "%2e%2e%2f", "", "ö" * 300])
def test_names_are_names(site: Cluster, http: httpx.Client, film: Path, name: str) -> None:
    before = {path.name for path in (site.data / "incoming").iterdir()}
    where = begun(http, 10, name)
    assert http.get(where).json()["name"] == name[:255]
    made = {path.name for path in (site.data / "incoming").iterdir()} - before
    assert made == {where.rpartition("/")[2], where.rpartition("/")[2] + ".json"}


@pytest.mark.parametrize("where", ["..", "%2e%2e%2flock", "x" * 5000, "%00", "a%2fb", "."])
def test_ids_are_ids(http: httpx.Client, where: str) -> None:
    for method in ("GET", "DELETE", "PATCH"):
        assert http.request(method, f"{UPLOADS}/{where}", headers=TUS).status_code in (404, 405, 422)


def test_uploads_outlive_their_coordinator(tmp_path: Path, film: Path) -> None:
    data = film.read_bytes()
    with cluster(tmp_path, "--preview-port", 0) as site:
        with client(site) as http:
            whole, half, wrong = (begun(http, len(data)) for _ in range(3))
            assert patched(http, whole, 0, data).status_code == 204
            assert patched(http, half, 0, data[:1000]).status_code == 204
            assert patched(http, wrong, 0, data[:1000]).status_code == 204
        site.coordinator.kill()
        with open(site.data / "incoming" / half.rpartition("/")[2], "ab") as file:
            file.write(b"what nobody was told of")
        (site.data / "incoming" / wrong.rpartition("/")[2]).write_bytes(b"less than counted")
        site.start_coordinator("--preview-port", 0)
        with client(site) as http:
            assert http.get(whole).json()["sha256"] == hashlib.sha256(data).hexdigest()
            assert patched(http, half, offset_of(http, half), data[1000:]).status_code == 204
            assert http.get(half).json()["sha256"] == hashlib.sha256(data).hexdigest()
            assert http.get(wrong).status_code == 404
            for where in (whole, half):
                assert http.post("/api/v1/jobs", json={"source": where.rpartition("/")[2]}).status_code == 201


def test_a_coordinator_that_is_killed_in_mid_upload_keeps_what_came_but_for_the_last_second(
    tmp_path: Path, film: Path
) -> None:
    """However slowly it came."""
    data = film.read_bytes()
    pieces = iter([data[at : at + 10] for at in range(0, len(data) - 10, 10)])
    with cluster(tmp_path, "--preview-port", 0) as site:
        with client(site) as http:
            where = begun(http, len(data))
        note = site.data / "incoming" / f"{where.rpartition('/')[2]}.json"
        with connected(site) as sending:
            sending.sendall(request("PATCH", where, **TUS, **OCTETS, upload_offset="0", content_length=str(len(data))))

            def counts() -> int:
                sending.sendall(next(pieces))
                return int(json.loads(note.read_bytes())["offset"])

            told = until(counts, "some of it to count")
            site.coordinator.kill()
        site.start_coordinator("--preview-port", 0)
        with client(site) as http:
            offset = offset_of(http, where)
            assert offset >= told
            assert patched(http, where, offset, data[offset:]).status_code == 204
            assert http.get(where).json()["sha256"] == hashlib.sha256(data).hexdigest()


def test_uploads_expire(tmp_path: Path) -> None:
    with cluster(tmp_path, "--preview-port", 0, "--upload-keep", "1s") as site, client(site) as http:
        where = begun(http, 100)
        assert patched(http, where, 0, b"x" * 30).status_code == 204
        until(lambda: http.get(where).status_code == 404, "the upload to expire")
        assert patched(http, where, 30, b"x").status_code == 404
        until(lambda: not list((site.data / "incoming").iterdir()), "its bytes to go")


def test_there_are_so_many_uploads_of_such_a_size_and_no_more(tmp_path: Path, film: Path) -> None:
    words = ("--preview-port", 0, "--max-uploads", 2, "--upload-limit", film.stat().st_size)
    with cluster(tmp_path, *words) as site, client(site) as http:
        headers = {**TUS, "upload-length": str(film.stat().st_size + 1)}
        assert http.post(UPLOADS, headers=headers).status_code == 413
        assert http.options(UPLOADS).headers["tus-max-size"] == str(film.stat().st_size)
        headers["upload-length"] = "1"
        answers = [http.post(UPLOADS, headers=headers) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 503]
        assert "max_uploads" in answers[2].json()["detail"]
        assert http.delete(answers[0].headers["location"], headers=TUS).status_code == 204
        job = http.post("/api/v1/jobs", json={"source": uploaded(http, film)})
        assert job.status_code == 201
        assert http.post(UPLOADS, headers=headers).status_code == 201, "what a job has makes room"


def test_a_disk_without_room_is_told_before_anything_comes(http: httpx.Client) -> None:
    answer = http.post(UPLOADS, headers={**TUS, "upload-length": str(2**52)})
    assert (answer.status_code, answer.json()["type"]) == (507, "urn:vidproc:storage")
    assert "too little disk" in answer.json()["detail"]

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, cluster, until
from tests.web.asking import client


def events(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Name and data of each, as they come."""
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_a_job_is_seen_from_its_chunks_to_its_end(
    site: Cluster, http: httpx.Client, film: Path, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    sent = site.send(film, "out.mp4", "--detach", "--filter", gate.filter)
    assert sent.code == 0, sent.err
    job = until(lambda: http.get("/api/v1/jobs", params={"state": "running"}).json()["jobs"], "a job that runs")[0]
    gate.reached(2)
    now = until(lambda: _ahead(http, job["id"]), "a chunk that lies ahead of a slot")
    leased = [(chunk["worker"], chunk["slot"]) for chunk in now["chunks"] if chunk["state"] == "leased"]
    assert sorted(leased) == [(_workers(http)[0]["name"], n) for n in (0, 1)]
    assert {chunk["worker"] for chunk in now["chunks"] if chunk["state"] == "ahead"} == {leased[0][0]}
    with http.stream("GET", f"/api/v1/jobs/{job['id']}/events") as answer:
        told = events(answer)
        name, first = next(told)
        assert (name, len(first["chunks"])) == ("now", 5)
        gate.open()
        *changes, (name, last) = told
    assert {name for name, _ in changes} == {"change"}
    chunks = dict(enumerate(first["chunks"]))
    for _, change in changes:
        chunks.update({int(number): chunk for number, chunk in change["changed"].items()})
    assert {chunk["state"] for chunk in chunks.values()} == {"done"}
    assert (name, last["state"], last["metrics"]["frames_out"]) == ("end", "done", 60)


@pytest.mark.long
def test_a_job_that_ended_before_has_nothing_but_its_end(film: Path, tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster", "--preview-port", 0) as made:
        made.add_worker(1)
        assert made.send(film, "out.mp4", "--detach").code == 0
        until(lambda: made.jobs("list", "--state", "done").out, "the job to end")
        assert made.coordinator.stop() == 0
        made.start_coordinator("--preview-port", 0, port=made.port)
        with client(made) as http:
            job = http.get("/api/v1/jobs").json()["jobs"][0]
            assert http.get(f"/api/v1/jobs/{job['id']}/now").status_code == 404
            with http.stream("GET", f"/api/v1/jobs/{job['id']}/events") as answer:
                ((name, end),) = events(answer)
    assert (name, end["state"], end["metrics"]["frames_out"]) == ("end", "done", 60)


def test_daemons_tell_of_their_machine(site: Cluster, http: httpx.Client) -> None:
    worker = until(lambda: [it for it in _workers(http) if it["memory_mb"]], "a daemon's memory")[0]
    assert (worker["slots"], worker["draining"]) == (2, False)
    assert worker["memory_mb"] > 20
    assert worker["versions"]["opencv"]


def test_a_daemon_that_is_asked_to_drain_leaves(site: Cluster, http: httpx.Client) -> None:
    leaving = site.add_worker(1, "--name", "leaving")
    with http.stream("GET", "/api/v1/events") as answer:
        told = events(answer)
        assert "leaving" in {worker["name"] for worker in next(told)[1]["workers"]}
        assert http.post("/api/v1/workers/leaving/drain").status_code == 202
        assert leaving.wait() == 0
        assert any("leaving" not in {worker["name"] for worker in data["workers"]} for _, data in told)
    assert http.post("/api/v1/workers/leaving/drain").status_code == 404


def _ahead(http: httpx.Client, job_id: str) -> Any:
    now = http.get(f"/api/v1/jobs/{job_id}/now").json()
    return now if any(chunk["state"] == "ahead" for chunk in now["chunks"]) else None


def _workers(http: httpx.Client) -> Any:
    return http.get("/api/v1/workers").json()["workers"]

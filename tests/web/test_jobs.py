from __future__ import annotations

from pathlib import Path

import httpx

from tests.end_to_end.programs import Cluster


def test_jobs_that_were_sent_are_shown(site: Cluster, http: httpx.Client, film: Path, tmp_path: Path) -> None:
    assert site.send(film, tmp_path / "out.mp4", "--processing", "invert").code == 0
    newest = http.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]
    assert (newest["state"], newest["filters"], newest["frames_done"]) == ("done", ["invert"], 60)
    shown = http.get(f"/api/v1/jobs/{newest['id']}").json()
    assert shown["metrics"]["frames_out"] == 60
    assert shown["job"]["filters"][0]["name"] == "invert"
    first = http.get(f"/api/v1/jobs/{newest['id']}/attempts").json()
    rest = http.get(f"/api/v1/jobs/{newest['id']}/attempts", params={"offset": 2}).json()
    assert {each["chunk"] for each in first["attempts"] if each["outcome"] == "done"} == set(range(5))
    assert (rest["attempts"], rest["total"]) == (first["attempts"][2:], len(first["attempts"]))


def test_a_job_is_run_again_and_removed(site: Cluster, http: httpx.Client, film: Path, tmp_path: Path) -> None:
    assert site.send(film, tmp_path / "out.mp4", "--processing", "flip").code == 0
    first = http.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]
    answer = http.post(f"/api/v1/jobs/{first['id']}/rerun")
    assert answer.status_code == 201
    assert answer.json()["filters"] == ["flip"]
    assert http.post(f"/api/v1/jobs/{answer.json()['id']}/cancel").status_code == 204
    assert http.delete(f"/api/v1/jobs/{first['id']}").status_code == 204
    assert http.get(f"/api/v1/jobs/{first['id']}").status_code == 404


def test_a_job_that_is_not_there_is_a_problem_with_details(http: httpx.Client) -> None:
    answer = http.get("/api/v1/jobs/0123456789abcdef")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:vidproc:unknown-job"
    assert "no job 0123456789abcdef" in answer.json()["detail"]
    assert "GET /api/v1/jobs," in answer.json()["detail"]

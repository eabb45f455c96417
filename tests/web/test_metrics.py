"""What monitors are told, by the programs as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, cluster, until
from tests.web.asking import client
from tests.web.figures import Figures
from tests.web.poison import poison


def names(families: Iterator[Any]) -> set[str]:
    return {sample.name for family in families for sample in family.samples}


def test_the_same_as_text_as_openmetrics_and_as_json(http: httpx.Client) -> None:
    plain = http.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    newer = http.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0,text/plain;q=0.5"})
    assert newer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    told = names(parser.text_string_to_metric_families(plain.text))
    assert told == names(openmetrics_parser.text_string_to_metric_families(newer.text))
    assert {"vidproc_build_info", "vidproc_frame_seconds_bucket", "process_cpu_seconds_total"} <= told
    for answer in (http.get("/metrics.json"), http.get("/metrics", headers={"accept": "application/json"})):
        assert answer.headers["content-type"] == "application/json"
        assert {sample["name"] for family in answer.json()["metrics"] for sample in family["samples"]} == told


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain; version=abc", "text/plain;version==1, x/y;q=\xe9"])
def test_who_accepts_anything_else_gets_text(http: httpx.Client, accept: str) -> None:
    answer = http.get("/metrics", headers={"accept": accept.encode("latin-1")})
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_versions_of_openmetrics_that_there_are_not_do_no_harm(http: httpx.Client) -> None:
    answer = http.get("/metrics", headers={"accept": "application/openmetrics-text; version=abc"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")


def test_a_job_is_counted_and_outlives_itself(site: Cluster, http: httpx.Client, film: Path, tmp_path: Path) -> None:
    figures = Figures(http)
    before = figures.all()
    assert site.send(film, tmp_path / "out.mp4", "--processing", "sharpen").code == 0
    ended = before["vidproc_jobs_ended_total", "done"]
    until(lambda: figures("vidproc_jobs_ended_total", state="done") > ended, "its end")
    after = figures.all()
    rise = {key: value - before.get(key, 0) for key, value in after.items()}
    assert rise["vidproc_frames_total", ""] == rise["vidproc_frame_seconds_count", ""] == 60
    assert rise["vidproc_frame_seconds_bucket", "+Inf"] == 60
    assert 0 < rise["vidproc_frame_seconds_sum", ""] <= sum(
        value for (name, _), value in rise.items() if name == "vidproc_slot_seconds_total"
    )
    assert rise["vidproc_leases_ended_total", "done"] == 5
    assert rise["vidproc_result_bytes_total", ""] == (tmp_path / "out.mp4").stat().st_size
    assert after["vidproc_upload_bytes_total", ""] >= film.stat().st_size
    assert rise["vidproc_slot_seconds_total", "filter"] > 0


def test_what_goes_on_is_read_off(site: Cluster, http: httpx.Client, film: Path, tmp_path: Path) -> None:
    figures, gate = Figures(http), Gate(tmp_path)
    assert site.send(film, "out.mp4", "--detach", "--filter", gate.filter).code == 0
    gate.reached(2)
    now = figures.all()
    assert (now["vidproc_jobs", "running"], now["vidproc_workers", ""]) == (1, 1)
    assert {value for (name, _), value in now.items() if name == "vidproc_worker_slots"} == {2}
    assert {value for (name, _), value in now.items() if name == "vidproc_worker_busy_slots"} == {2}
    assert now["vidproc_queue_chunks", ""] >= 1
    assert 0 < now["vidproc_disk_free_bytes", ""] < now["vidproc_disk_size_bytes", ""]
    gate.open()
    until(lambda: figures("vidproc_jobs", state="running") == 0, "the job's end")
    assert figures("vidproc_queue_chunks") == 0
    until(lambda: "vidproc_worker_memory_bytes" in {name for name, _ in figures.all()}, "a daemon's memory")
    assert figures("vidproc_event_loop_lag_seconds_count") > 0


def test_a_lost_worker_a_retry_and_fallbacks_are_told_by_their_reason(tmp_path: Path, film: Path) -> None:
    gate = Gate(tmp_path)
    with cluster(tmp_path / "site", "--preview-port", 0) as made, client(made) as http:
        figures, leaving = Figures(http), made.add_worker(1, "--allow-custom", "--name", "leaving")
        assert figures("vidproc_lease_failures_total", reason="filter") == 0
        assert made.send(film, "out.mp4", "--detach", "--filter", gate.filter).code == 0
        gate.reached()
        leaving.kill()
        until(lambda: figures("vidproc_lease_failures_total", reason="worker-lost") >= 1, "it to be missed")
        gate.open()
        made.add_worker(1, "--allow-custom", "--name", "staying")
        assert made.send(film, tmp_path / "out.mp4", "--filter", poison(tmp_path)).code == 0
        until(lambda: figures("vidproc_jobs_ended_total", state="done") == 2, "both jobs' ends")
        told = figures.all()
        assert told["vidproc_chunk_retries_total", "worker-lost"] == 1
        assert told["vidproc_chunk_retries_total", "filter"] == told["vidproc_lease_failures_total", "filter"] >= 1
        assert told["vidproc_fallback_frames_total", "original"] == 1
        assert {worker for name, worker in told if name == "vidproc_worker_frames_total"} == {"staying"}


def test_a_token_is_wanted(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("0123456789abcdef")
    with cluster(tmp_path / "site", "--preview-port", 0, "--token-file", token) as made:
        assert httpx.get(f"{made.pages[0]}/metrics").status_code == 401
        bearer = {"authorization": "Bearer 0123456789abcdef"}
        assert httpx.get(f"{made.pages[0]}/metrics", headers=bearer).status_code == 200

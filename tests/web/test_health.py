from __future__ import annotations

from pathlib import Path

import httpx

from tests.end_to_end.programs import Cluster, cluster, until
from tests.web.asking import client


def components(answer: httpx.Response) -> dict[str, bool]:
    return {each["name"]: each["ready"] for each in answer.json()["components"]}


def test_a_coordinator_with_a_worker_is_alive_and_ready(site: Cluster, http: httpx.Client) -> None:
    assert http.get("/healthz").json()["version"]
    assert http.head("/healthz").status_code == 200
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert components(answer) == {"disk": True, "database": True, "workers": True}


def test_without_a_worker_it_is_alive_and_not_ready(tmp_path: Path) -> None:
    with cluster(tmp_path, "--preview-port", 0) as made, client(made) as http:
        assert http.get("/healthz").status_code == 200
        answer = http.get("/readyz")
        assert answer.status_code == http.head("/readyz").status_code == 503
        assert components(answer) == {"disk": True, "database": True, "workers": False}
        worker = made.add_worker(1)
        until(lambda: http.get("/readyz").status_code == 200, "it to be ready")
        worker.stop()
        until(lambda: http.get("/readyz").status_code == 503, "it to miss its worker")

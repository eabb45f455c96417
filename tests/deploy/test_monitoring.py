"""The board and the alerts, against a real Prometheus that asks a real coordinator with a worker and jobs."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.end_to_end.programs import Cluster, cluster, until
from tests.media import clips
from tests.prometheus import DEPLOYED, Prometheus, config, program, prometheus
from tests.web.poison import poison
from vidproc.web.exposition import FAMILIES

BOARD: dict[str, Any] = json.loads((DEPLOYED.parent / "grafana/dashboards/vidproc.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
ALERTS = [rule for group in yaml.safe_load((DEPLOYED / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
TOKEN = "0123456789abcdef"


def expressions() -> list[str]:
    """All of the board, with what Grafana puts in for its variables; the windows are as long as this test may take."""
    asked = [target["expr"] for panel in PANELS for target in panel["targets"]]
    for variable, value in {"$__rate_interval": "5m", "$__interval": "5m", "$worker": ".*"}.items():
        asked = [expression.replace(variable, value) for expression in asked]
    assert not any("$" in expression for expression in asked)
    return asked


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture
def watched(tmp_path: Path, token: Path) -> Iterator[tuple[Cluster, Prometheus]]:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    with (
        cluster(tmp_path / "site", "--preview-port", 0, "--token-file", token) as made,
        prometheus(folder, made.pages[0], token) as server,
    ):
        until(lambda: server.query('up{job="vidproc"} == 1'), "Prometheus to see the coordinator")
        yield made, server


@pytest.mark.long
@pytest.mark.process
def test_each_query_of_the_board_has_data_of_a_run_with_a_retry_and_a_fallback(
    watched: tuple[Cluster, Prometheus], tmp_path: Path, token: Path
) -> None:
    site, server = watched
    site.add_worker(1, "--allow-custom", "--token-file", token)
    film = clips.make("constant rate", tmp_path)
    sent = site.send(film, tmp_path / "out.mp4", "--filter", poison(tmp_path), "--token-file", token)
    assert sent.code == 0, sent.err
    until(lambda: server.query('vidproc_jobs_ended_total{state="done"} == 1'), "Prometheus to see the job's end")
    for expression in expressions():
        values = until(lambda asked=expression: server.query(asked), f"data of {expression}")
        assert not all(map(math.isnan, values)), expression
    assert server.query('sum(vidproc_chunk_retries_total{reason="filter"})') >= [1]
    assert server.query("sum(vidproc_fallback_frames_total)") == [1]
    assert server.query("sum(increase(vidproc_fallback_frames_total[5m]))")[0] > 0, "a rise from none is seen"

    def firing() -> list[str]:
        return [rule["name"] for rule in server.rules() if rule["state"] == "firing"]

    assert until(firing, "an alert") == ["VidprocFramesFellBack"]
    until(lambda: {rule["health"] for rule in server.rules()} == {"ok"}, "each alert to be evaluated")


def promtool(*words: object, given: str = "") -> str:
    done = subprocess.run([program("promtool"), *map(str, words)], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.process
def test_prometheus_finds_no_fault_with_configuration_alerts_and_metrics(tmp_path: Path, token: Path) -> None:
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config("http://localhost:8080", token)))
    promtool("check", "config", tmp_path / "prometheus.yml")
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", DEPLOYED / "alerts.yml")
    with cluster(tmp_path / "site", "--preview-port", 0) as made:
        made.add_worker(1)
        assert promtool("check", "metrics", given=httpx.get(f"{made.pages[0]}/metrics").text) == ""


def test_each_alert_goes_off_when_it_should_and_not_else() -> None:
    promtool("test", "rules", Path(__file__).with_name("alerts.yml"))
    tried = yaml.safe_load(Path(__file__).with_name("alerts.yml").read_text())["tests"]
    assert {each["alertname"] for test in tried for each in test["alert_rule_test"]} == {it["alert"] for it in ALERTS}


def test_board_and_alerts_name_metrics_that_there_are() -> None:
    known = {family.name for family in FAMILIES} | {f"{family.name}_bucket" for family in FAMILIES if family.bounds}
    asked = [*expressions(), *(rule["expr"] for rule in ALERTS)]
    assert {name for each in asked for name in re.findall(r"\bvidproc_\w+", each)} <= known


def test_panels_have_units_and_do_not_overlap() -> None:
    numbers = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in PANELS)
    places = [panel["gridPos"] for panel in BOARD["panels"]]
    assert all(it["x"] + it["w"] <= 24 for it in places)
    for one, other in combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)

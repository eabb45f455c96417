"""A Prometheus of the tests' own, on a free port of loopback, set up as deploy/prometheus/ says but for its target."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from tests.end_to_end.programs import die_with_the_tests, until

DEPLOYED = Path(__file__).parents[1] / "deploy/prometheus"


def program(name: str) -> str:
    """Its path; skips the test where it isn't installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed here: apt-get install prometheus")
    return found


def config(asked: str, token: Path) -> dict[str, Any]:
    """The deployed one, for a coordinator with pages at this URL, looked at each second."""
    made: dict[str, Any] = yaml.safe_load((DEPLOYED / "prometheus.yml").read_text())
    made["global"] = dict.fromkeys(made["global"], "1s")
    made["rule_files"] = [str(DEPLOYED / name) for name in made["rule_files"]]
    (scraped,) = made["scrape_configs"]
    scraped["authorization"]["credentials_file"] = str(token)
    scraped["static_configs"] = [{"targets": [urlsplit(asked).netloc]}]
    return made


class Prometheus:
    """A server that runs."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self._http.get("/-/ready").status_code == 200
        return False

    def _told(self, path: str, **asked: str) -> Any:
        answer = self._http.get(f"/api/v1/{path}", params=asked).json()
        assert answer["status"] == "success", (asked, answer)
        return answer["data"]

    def query(self, expression: str) -> list[float]:
        """The values of all that it gives now. Fails where the expression is wrong."""
        found = self._told("query", query=expression)
        assert found["resultType"] == "vector", expression
        return [float(each["value"][1]) for each in found["result"]]

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self._told("rules")["groups"] for rule in group["rules"]]


@contextlib.contextmanager
def prometheus(folder: Path, asked: str, token: Path) -> Iterator[Prometheus]:
    """One that asks the coordinator with pages at this URL."""
    command = [program("prometheus"), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder}"]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config(asked, token)))
    with socket.create_server(("127.0.0.1", 0)) as free:
        where = f"127.0.0.1:{free.getsockname()[1]}"
    with (
        open(folder / "log", "wb") as log,
        subprocess.Popen(
            [*command, f"--web.listen-address={where}"], stdout=log, stderr=log, preexec_fn=die_with_the_tests
        ) as process,
        httpx.Client(base_url=f"http://{where}", trust_env=False) as http,
    ):
        try:
            made = Prometheus(http)
            until(lambda: made.ready() or process.poll() is not None, "Prometheus to start")
            assert process.poll() is None, (folder / "log").read_text()
            yield made
        finally:
            process.terminate()

"""The container files say what is true: each path, program and option named in them exists.

No container engine is at hand when the tests run, so the files are read, not built.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import json
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from vidproc._version import __version__
from vidproc.config import CoordinatorSettings

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PROGRAMS = {"coordinator": "vidproc-coordinator", "worker": "vidproc-worker"}


def parser_of(service: str) -> argparse.ArgumentParser:
    module = importlib.import_module(f"vidproc.cli.{service}")
    parser: argparse.ArgumentParser = module.parser()
    return parser


def instructions() -> Iterator[tuple[str, str]]:
    """The Dockerfile's instructions, each with its arguments, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, (line.strip() for line in text.splitlines())):
        word, _, rest = line.partition(" ")
        yield word, rest.strip()


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage, those that it inherits from an earlier stage before its own."""
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for word, rest in instructions():
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            current = found[name] = [*found.get(base, [("FROM", base)])]
        else:
            current.append((word, rest))
    return found


def last(stage: str, word: str) -> str:
    return [rest for found, rest in stages()[stage] if found == word][-1]


def test_the_base_is_pinned() -> None:
    bases = {rest for stage in stages().values() for word, rest in stage if word == "FROM"}
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base) for base in bases)
    assert len(bases) == 1


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copies = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    copied = set().union(*copies)
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


def test_a_copy_from_a_stage_takes_what_that_stage_made() -> None:
    taken = [shlex.split(rest) for word, rest in instructions() if word == "COPY" and "--from" in rest]
    assert taken
    for option, source, _ in taken:
        made = stages()[option.removeprefix("--from=")]
        assert any(source in rest for word, rest in made if word == "RUN")


@pytest.mark.parametrize("stage", PROGRAMS)
def test_an_image_starts_its_program_as_an_ordinary_user(stage: str) -> None:
    assert last(stage, "USER") == "vidproc"
    assert json.loads(last(stage, "ENTRYPOINT")) == [PROGRAMS[stage]]
    parser_of(stage).parse_args(json.loads(last(stage, "CMD")))


@pytest.mark.parametrize("stage", PROGRAMS)
def test_an_image_can_tell_its_health(stage: str) -> None:
    """The command is Python that compiles, and whose imports are there."""
    program, flag, source = health_check(stage)
    assert (program, flag) == ("python", "-c")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            assert all(importlib.util.find_spec(alias.name) for alias in node.names)


def health_check(stage: str) -> list[str]:
    command: list[str] = json.loads(last(stage, "HEALTHCHECK").partition("CMD ")[2])
    return command


def health(stage: str, port: int) -> int:
    source = health_check(stage)[2].replace("9090", str(port))
    return subprocess.run([sys.executable, "-c", source], stderr=subprocess.DEVNULL).returncode


def test_the_health_checks_tell_well_from_ill() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert health("coordinator", port) == 0
        server.accept()[0].close()
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            assert health("worker", port) == 0
    assert health("coordinator", port) != 0
    assert health("worker", port) != 0


@pytest.mark.parametrize("service", PROGRAMS)
def test_a_service_builds_a_stage_and_passes_options_that_exist(service: str) -> None:
    given = COMPOSE["services"][service]
    assert given["build"]["target"] in stages()
    assert (ROOT / given["build"]["context"] / "Dockerfile").exists()
    taken = {option for action in parser_of(service)._actions for option in action.option_strings}
    assert {word for word in given["command"] if word.startswith("--")} <= taken  # and none of them cut short
    parser_of(service).parse_args(given["command"])


@pytest.mark.parametrize("service", PROGRAMS)
def test_a_service_is_confined_and_watched(service: str) -> None:
    given = COMPOSE["services"][service]
    assert given["read_only"]
    assert given["init"]
    assert given["cap_drop"] == ["ALL"]
    assert given["healthcheck"]["retries"]


def test_the_images_carry_the_version() -> None:
    images = {service: COMPOSE["services"][service]["image"] for service in PROGRAMS}
    assert images == {service: f"{program}:{__version__}" for service, program in PROGRAMS.items()}


def test_the_services_fit_together() -> None:
    services = COMPOSE["services"]
    assert services["worker"]["depends_on"] == {"coordinator": {"condition": "service_healthy"}}
    assert "ports" not in services["worker"], "two workers can't publish one port"
    assert "container_name" not in services["worker"], "two workers can't share one name"
    command = services["worker"]["command"]
    assert command[command.index("--host") + 1] in services
    for service in map(services.get, PROGRAMS):
        assert set(service["secrets"]) <= COMPOSE["secrets"].keys()
        assert f"/run/secrets/{service['secrets'][0]}" in service["command"]
        for volume in service.get("volumes", []):
            name, _, inside = volume.partition(":")
            assert name in COMPOSE["volumes"]
            assert inside in service["command"]


def monitors() -> dict[str, dict[str, Any]]:
    """The services of others, beside ours."""
    return {name: given for name, given in COMPOSE["services"].items() if name not in PROGRAMS}


def test_monitors_are_pinned_confined_and_run_only_when_asked_for() -> None:
    assert monitors().keys() == {"prometheus", "grafana"}
    for given in monitors().values():
        assert given["profiles"] == ["monitoring"]
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", given["image"])
        assert given["read_only"]
        assert given["cap_drop"] == ["ALL"]
        assert all(port.startswith("127.0.0.1:") for port in given["ports"])


def test_what_monitors_are_given_exists() -> None:
    for given in monitors().values():
        for source, inside, *way in (volume.split(":") for volume in given["volumes"]):
            if source.startswith("./"):
                assert (ROOT / source).is_dir()
                assert way == ["ro"]
            else:
                assert source in COMPOSE["volumes"]
            assert inside.startswith("/")


def test_prometheus_asks_the_coordinator_by_its_name_and_port_and_with_its_token() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    (scraped,) = config["scrape_configs"]
    ((host, port),) = (it.split(":") for it in scraped["static_configs"][0]["targets"])
    assert COMPOSE["services"]["coordinator"]["hostname"] == host
    assert parser_of("coordinator").parse_args([]).preview_port is None  # not given: the default holds
    assert int(port) == CoordinatorSettings().preview_port
    assert any(it.endswith(f":{port}") for it in COMPOSE["services"]["coordinator"]["ports"])
    secret = Path(scraped["authorization"]["credentials_file"])
    assert secret.parent == Path("/run/secrets")
    assert secret.name in COMPOSE["services"]["prometheus"]["secrets"]


def test_grafana_is_pointed_at_prometheus_and_finds_the_board() -> None:
    provisioning = ROOT / "deploy/grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (boards,) = yaml.safe_load((provisioning / "dashboards/vidproc.yml").read_text())["providers"]
    mounted = dict(volume.split(":")[1::-1] for volume in COMPOSE["services"]["grafana"]["volumes"])
    board = ROOT / mounted[boards["options"]["path"]] / "vidproc.json"
    chosen = {it["name"]: it for it in json.loads(board.read_text())["templating"]["list"]}
    assert chosen["datasource"]["current"]["value"] == source["uid"]
    home = COMPOSE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{boards['options']['path']}/{board.name}"


def test_the_token_stays_out_of_the_repository_and_the_images() -> None:
    secret = COMPOSE["secrets"]["token"]["file"]
    ignored = subprocess.run(["git", "check-ignore", "-q", secret], cwd=ROOT)
    if (ROOT / ".git").exists():
        assert ignored.returncode == 0
    assert "!secrets" not in (ROOT / ".dockerignore").read_text()
    assert secret.removeprefix("./") in (ROOT / "docker-compose.yml").read_text().partition("services:")[0]

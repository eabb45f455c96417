"""One cluster for all tests that do not break it, and the films that they send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, Program, Start, cluster, run, sha256
from tests.media import clips


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for clips that are made once."""
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="session")
def film(films: Path) -> Path:
    """60 frames in five chunks, with keyframes every 12 frames."""
    return clips.make("constant rate", films)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A coordinator and a daemon of two slots that runs custom filters."""
    with cluster(tmp_path_factory.mktemp("shared")) as made:
        made.add_worker(2, "--allow-custom")
        yield made


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path)
    yield made
    made.open()  # or a test that fails would leave its job to those that follow


@pytest.fixture(scope="session")
def plain(film: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The SHA-256 of the film as a filter that changes nothing leaves it, undisturbed."""
    folder = tmp_path_factory.mktemp("plain")
    gate = Gate(folder)
    gate.open()
    assert run(film, "-o", folder / "out.mp4", "--filter", gate.filter).code == 0
    return sha256(folder / "out.mp4")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Program] = []

    def start(name: str, *words: object, **options: Any) -> Program:
        started.append(Program(name, *words, folder=tmp_path, **options))
        return started[-1]

    yield start
    for program in started:
        program.end()

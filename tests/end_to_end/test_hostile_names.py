"""Names that look like something else are names: of files here, and as what a client calls its film."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from tests.end_to_end.programs import Cluster
from tests.hostile.crowd import fates
from tests.hostile.names import ANYWHERE, IN_A_FOLDER
from vidproc.model import JobState
from vidproc.protocol.messages import Finished
from vidproc.transport.address import Address

pytestmark = pytest.mark.process


def check_file(shared: Cluster, film: Path, folder: Path, name: bytes) -> None:
    """A film of that name becomes another of that name, and nothing else appears."""
    for place in (b"in", b"out"):
        os.makedirs(os.path.join(os.fsencode(folder), place), exist_ok=True)
    video, out = (os.fsdecode(os.path.join(os.fsencode(folder), place, name)) for place in (b"in", b"out"))
    Path(video).write_bytes(film.read_bytes())
    outcome = shared.send(video, out)
    assert outcome.code == 0, outcome.err
    assert outcome.err.isprintable() or all(line.isprintable() for line in outcome.err.splitlines())
    assert os.listdir(os.path.join(os.fsencode(folder), b"out")) == [name]
    assert sorted(os.listdir(folder)) == ["in", "out"]
    os.unlink(video)
    os.unlink(out)


@pytest.mark.parametrize("name", IN_A_FOLDER[::8])
def test_a_file_of_a_strange_name(shared: Cluster, film: Path, tmp_path: Path, name: bytes) -> None:
    check_file(shared, film, tmp_path, name)


@pytest.mark.long
def test_files_of_all_strange_names(shared: Cluster, film: Path, tmp_path: Path) -> None:
    assert len(IN_A_FOLDER) >= 40
    for name in IN_A_FOLDER:
        check_file(shared, film, tmp_path, name)


def test_a_name_in_the_folder_one_is_in(
    shared: Cluster, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing stands before it. What begins with a dash is an option to any program, unless it is given so."""
    monkeypatch.chdir(tmp_path)
    Path("-i.mp4").write_bytes(film.read_bytes())
    outcome = shared.send("./-i.mp4", "./-o.mp4")
    assert outcome.code == 0, outcome.err
    assert sorted(os.listdir()) == ["-i.mp4", "-o.mp4"]
    assert shared.send("-i.mp4", "out.mp4").code == 2


def test_what_clients_call_their_films_is_only_said_again(shared: Cluster, film: Path) -> None:
    def everything() -> list[str]:
        return sorted(path.name for folder in (shared.data, shared.data.parent) for path in folder.iterdir())

    before = everything()
    data = film.read_bytes()
    found = asyncio.run(fates(Address.unix(shared.unix), dict.fromkeys(ANYWHERE, lambda: data)))
    assert {isinstance(fate, Finished) and fate.state for fate in found.values()} == {JobState.DONE}
    shared.nothing_left()
    assert everything() == before
    said = [line for line in shared.coordinator.said.splitlines() if line]
    assert all(line.isprintable() for line in said)
    logged = [line for line in said if line.startswith("{")]  # OpenCV says things of its own
    assert all(len(json.loads(line).get("name", "")) <= 500 for line in logged)

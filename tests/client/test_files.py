"""Files that filters name, as a client reads them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.client.scripted import Connection, run, scripted
from vidproc.client import files, remote
from vidproc.errors import ClientError, PeerError
from vidproc.model import FilterSpec, JobSpec
from vidproc.protocol.messages import Accepted, FileBlock, FileWanted, Submit


def job(*specs: FilterSpec) -> JobSpec:
    return JobSpec(specs)


def test_a_job_names_the_bytes_and_not_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"the same")
    sha256 = hashlib.sha256(b"the same").hexdigest()
    overlays = [FilterSpec("overlay", {"file": path, "x": 3}) for path in ("a.png", str(tmp_path / "b.png"))]
    made, held = files.gathered(job(FilterSpec("blur"), *overlays))
    assert made.filters == (FilterSpec("blur"), *[FilterSpec("overlay", {"file": sha256, "x": 3})] * 2)
    assert made.files == {sha256: 8}
    assert held == {sha256: b"the same"}


def test_a_job_without_files_stays_as_it_is() -> None:
    own = FilterSpec("custom", {"file": 3}, code="def f(frame, file=1): return frame")
    assert files.gathered(job(FilterSpec("blur"), own)) == (job(FilterSpec("blur"), own), {})


def test_what_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_FILE_BYTES", 2**20)
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes(2**20 + 1))
    for name, words in {
        "nothing": "cannot read {}: No such file or directory",
        "": "cannot read {}: Is a directory",
        "empty": "{} is empty",
        "pipe": "{} is a named pipe, not a file",
        "large": "{} is larger than the 1 MiB that a job can carry",
        "a\0b": "cannot read {}: embedded null byte",
    }.items():
        with pytest.raises(ClientError) as caught:
            files.gathered(job(FilterSpec("lut", {"file": str(tmp_path / name)})))
        assert str(caught.value) == "lut: " + words.format(tmp_path / name)


@pytest.mark.process
def test_a_coordinator_is_sent_what_it_asks_for_and_nothing_else(tmp_path: Path) -> None:
    data = bytes(range(256)) * 6000
    (tmp_path / "in.mp4").write_bytes(b"film")
    (tmp_path / "a.cube").write_bytes(data)
    sent: list[bytes] = []

    async def asks(it: Connection) -> None:
        submit = await it.expect(Submit)
        (name,) = submit.job.files
        await it.say(FileWanted(name))
        while sum(map(len, sent)) < len(data):
            block = await it.expect(FileBlock)
            assert block == FileBlock(name, sum(map(len, sent)))
            sent.append(bytes(it.payload))
        await it.say(Accepted(submit.request, "", 0))

    async def asks_for_another(it: Connection) -> None:
        await it.expect(Submit)
        await it.say(FileWanted("1" * 64))

    async def main() -> None:
        spec, film = job(FilterSpec("lut", {"file": str(tmp_path / "a.cube")})), str(tmp_path / "in.mp4")
        async with scripted(tmp_path, asks, asks_for_another) as at:
            assert "would take this job" in await remote.dry_run(at, spec, film)
            assert b"".join(sent) == data
            with pytest.raises(PeerError, match="a file that is none of the job's"):
                await remote.dry_run(at, spec, film)

    run(main())

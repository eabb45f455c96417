"""The coordinator's folder: who may hold it, what is kept in it, what is cleared away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidproc.errors import ClientError, StorageError
from vidproc.storage.spool import JobFolder, Spool

A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "data")
    made.open()
    yield made
    made.close()


def keep(spool: Spool, sha256: str, size: int = 10, used_at: int = 0, suffix: str = "") -> Path:
    path = spool.source(sha256).with_suffix(suffix)
    path.write_bytes(bytes(size))
    os.utime(path, (used_at, used_at))
    return path


def folder(spool: Spool, job_id: str = "job") -> JobFolder:
    made = spool.job(job_id)
    made.create()
    return made


def test_one_coordinator_at_a_time_holds_it(spool: Spool) -> None:
    other = Spool(spool.root)
    with pytest.raises(ClientError, match=r"--data-dir .*data: another coordinator is using this folder"):
        other.open()
    spool.close()
    other.open()
    other.close()


def test_a_folder_that_cannot_be_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClientError, match=r"--data-dir .*/file/data: Not a directory"):
        Spool(tmp_path / "file" / "data").open()


def test_what_a_coordinator_that_was_killed_left_is_cleared_away(spool: Spool) -> None:
    left = folder(spool)
    left.chunk(3).write_bytes(b"a chunk")
    whole, broken_off = keep(spool, A), keep(spool, B, suffix=".part")
    keep(spool, C, size=7, suffix=".0123456789abcdef")
    spool.close()
    spool.open()
    assert not left.path.exists()
    assert whole.exists()
    assert broken_off.exists()
    assert spool.source(C).with_suffix(".part").stat().st_size == 7
    assert len(list(spool.source(A).parent.iterdir())) == 3


@pytest.mark.parametrize(
    "name", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "../" * 21 + "a", "a" * 64 + "\n", "a" * 62 + "/b", "/etc/x"]
)
def test_no_other_name_than_a_hash_becomes_a_path(spool: Spool, name: str) -> None:
    for use in (spool.source, lambda sha256: spool.holds(sha256, 1)):
        with pytest.raises(ClientError, match="64 lower-case hexadecimal digits"):
            use(name)


def test_a_source_is_held_when_it_is_whole_and_of_that_size(spool: Spool) -> None:
    assert not spool.holds(A, 10)
    keep(spool, A, size=10, suffix=".part")
    assert not spool.holds(A, 10)
    keep(spool, A, size=10)
    assert spool.holds(A, 10)
    assert not spool.holds(A, 11)


def test_a_jobs_link_outlives_the_cache(spool: Spool) -> None:
    keep(spool, A, size=10)
    job = folder(spool)
    spool.adopt(A, job)
    spool.trim(0)
    assert not spool.holds(A, 10)
    assert job.source.read_bytes() == bytes(10)


def test_a_source_that_is_not_there_cannot_be_adopted(spool: Spool) -> None:
    with pytest.raises(StorageError, match="cannot link the source: No such file"):
        spool.adopt(A, folder(spool))


def test_sources_used_longest_ago_are_forgotten_first(spool: Spool) -> None:
    old, older, oldest = keep(spool, A, 10, 300), keep(spool, B, 10, 200, ".part"), keep(spool, C, 10, 100)
    spool.trim(30)
    assert oldest.exists()
    spool.adopt(C, folder(spool))
    spool.trim(20)
    assert (old.exists(), older.exists(), oldest.exists()) == (True, False, True)


def test_an_upload_that_is_going_on_is_not_trimmed(spool: Spool) -> None:
    going_on = keep(spool, A, size=100, suffix=".0123456789abcdef")
    kept = keep(spool, B, size=10)
    spool.trim(10)
    assert going_on.exists()
    assert kept.exists()


def test_a_job_that_will_not_fit_is_refused(spool: Spool) -> None:
    spool.demand_room(1)
    with pytest.raises(StorageError, match=r"too little disk at the coordinator: about \d+ MiB needed, \d+ MiB free"):
        spool.demand_room(2**60)


def test_of_a_finished_job_the_result_is_kept(spool: Spool) -> None:
    keep(spool, A)
    job = folder(spool)
    spool.adopt(A, job)
    job.chunk(0).write_bytes(b"a chunk")
    (job.path / "packets-1").write_bytes(b"packets")
    job.result.write_bytes(b"the film")
    job.keep_only_result()
    assert [path.name for path in job.path.iterdir()] == ["result"]
    job.remove()
    assert not job.path.exists()
    job.remove()
    job.keep_only_result()


def test_a_job_cannot_have_another_ones_folder(spool: Spool) -> None:
    folder(spool)
    with pytest.raises(StorageError, match="cannot make a job's folder: File exists"):
        folder(spool)

"""The coordinator's folder: who may hold it, what is kept in it, what is cleared away."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.folders import folder
from vidproc.errors import ClientError, NotHereError, StorageError
from vidproc.storage.spool import Spool

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


def test_one_coordinator_at_a_time_holds_it(spool: Spool) -> None:
    other = Spool(spool.root)
    looked_at = spool.scratch / "film" / "packets"
    looked_at.parent.mkdir()
    looked_at.touch()
    with pytest.raises(ClientError, match=r"--data-dir .*data: another coordinator is using this folder"):
        other.open()
    assert looked_at.exists()
    spool.close()
    other.open()
    assert list(spool.scratch.iterdir()) == []
    other.close()


def test_a_film_that_is_looked_at_counts_as_used(spool: Spool) -> None:
    path = keep(spool, A, used_at=0)
    assert spool.held(A) == path
    assert path.stat().st_atime > 0
    with pytest.raises(NotHereError, match="send it again"):
        spool.held(B)


def test_a_folder_that_cannot_be_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClientError, match=r"--data-dir .*/file/data: Not a directory"):
        Spool(tmp_path / "file" / "data").open()


def test_what_a_coordinator_that_was_killed_left_is_cleared_away(spool: Spool) -> None:
    left = folder(spool)
    left.chunk(3).write_bytes(b"a chunk")
    whole, broken_off = keep(spool, A), keep(spool, B, suffix=".part")
    keep(spool, C, size=7, suffix=".0123456789abcdef")
    spool.clear((), ())
    assert not left.path.exists()
    assert whole.exists()
    assert broken_off.exists()
    assert spool.source(C).with_suffix(".part").stat().st_size == 7
    assert len(list(spool.source(A).parent.iterdir())) == 3


def test_of_jobs_that_go_on_and_of_results_what_is_needed_is_left(spool: Spool) -> None:
    for name in ("goes-on", "result"):
        job = folder(spool, name)
        for path in ("source", "packets-1", "result", "chunks/0", "chunks/1.17"):
            (job.path / path).write_bytes(b"x")
        job.create_stage()
        job.keep_files({"f": b"x"})
    uploading = keep(spool, A, suffix=".goes-on")
    spool.clear({"goes-on"}, {"result"})
    left = {str(path.relative_to(spool.root / "jobs")) for path in (spool.root / "jobs").rglob("*") if path.is_file()}
    assert left == {"goes-on/source", "goes-on/chunks/0", "goes-on/files/f", "result/result", "result/files/f"}
    assert uploading.exists()


def test_what_cannot_be_removed_keeps_nothing_else(spool: Spool) -> None:
    job = folder(spool, "goes-on")
    (job.path / "packets-1" / "folder").mkdir(parents=True)
    job.result.write_bytes(b"x")
    job.create_stage()
    job.stage(0).write_bytes(b"x")
    spool.clear({"goes-on"}, ())
    assert sorted(path.name for path in job.path.iterdir()) == ["chunks", "packets-1"]
    job.create_stage()
    job.create_stage()


def test_a_chunk_is_held_as_it_was_or_not_at_all(spool: Spool) -> None:
    job, data = folder(spool), b"records"
    sha256 = hashlib.sha256(data).hexdigest()
    assert not job.holds_chunk(0, len(data), sha256)
    for found, good in ((data, True), (b"", False), (data[:-1], False), (b"recordS", False), (data + b"!", False)):
        job.chunk(0).write_bytes(found)
        assert job.holds_chunk(0, len(data), sha256) is good


def test_a_folder_calls_itself_the_same_for_ever(spool: Spool, tmp_path: Path) -> None:
    name = spool.identity
    assert name == spool.identity == Spool(spool.root).identity
    other = Spool(tmp_path / "other")
    other.open()
    assert other.identity != name
    other.close()


@pytest.mark.parametrize(
    "name", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "../" * 21 + "a", "a" * 64 + "\n", "a" * 62 + "/b", "/etc/x"]
)
def test_no_other_name_than_a_hash_becomes_a_path(spool: Spool, name: str) -> None:
    for use in (spool.source, lambda sha256: spool.take(sha256, 1, spool.job("j"))):
        with pytest.raises(ClientError, match="64 lower-case hexadecimal digits"):
            use(name)


def test_a_source_is_held_when_it_is_whole_and_of_that_size(spool: Spool) -> None:
    job = folder(spool)
    assert not spool.take(A, 10, job)
    keep(spool, A, size=10, suffix=".part")
    assert not spool.take(A, 10, job)
    keep(spool, A, size=10)
    assert not spool.take(A, 11, job)
    assert not job.source.exists()
    assert spool.take(A, 10, job)


def test_what_a_job_was_told_is_held_outlives_the_cache(spool: Spool) -> None:
    keep(spool, A, size=10)
    job = folder(spool)
    assert spool.take(A, 10, job)
    spool.trim(0)
    assert not spool.source(A).exists()
    assert job.source.read_bytes() == bytes(10)


def test_a_source_is_trusted_from_its_verification_until_it_is_written_to(spool: Spool) -> None:
    sha256 = hashlib.sha256(bytes(10)).hexdigest()
    kept = keep(spool, sha256, size=10)
    for number in range(2):
        job = folder(spool, str(number))
        assert spool.take(sha256, 10, job)
        assert spool.trusts(sha256, job) == (number > 0)
        assert spool.verify(sha256, job)
    kept.write_bytes(b"ten others")
    job = folder(spool, "altered")
    assert spool.take(sha256, 10, job)
    assert not spool.trusts(sha256, job)
    assert not spool.verify(sha256, job)
    assert not kept.exists()
    assert not job.source.exists()


def test_sources_used_longest_ago_are_forgotten_first(spool: Spool) -> None:
    old, older, oldest = keep(spool, A, 10, 300), keep(spool, B, 10, 200, ".part"), keep(spool, C, 10, 100)
    spool.trim(30)
    assert oldest.exists()
    assert spool.take(C, 10, folder(spool))
    spool.trim(20)
    assert (old.exists(), older.exists(), oldest.exists()) == (True, False, True)


def test_a_source_that_is_forgotten_leaves_nothing_behind(spool: Spool) -> None:
    data = bytes(10)
    sha256 = hashlib.sha256(data).hexdigest()
    keep(spool, sha256)
    job = folder(spool)
    assert spool.take(sha256, 10, job)
    assert spool.verify(sha256, job)
    spool.trim(0)
    assert not spool.trusts(sha256, job)
    assert spool._trusted == {}


def test_an_upload_that_is_going_on_is_not_trimmed(spool: Spool) -> None:
    going_on = keep(spool, A, size=100, suffix=".0123456789abcdef")
    kept = keep(spool, B, size=10)
    spool.trim(10)
    assert going_on.exists()
    assert kept.exists()


def test_films_make_room_as_long_as_it_is_missing(spool: Spool) -> None:
    """Not one that a job has, nor what is held of the one that the room is for, nor an upload that is going on."""
    needed, oldest, older = keep(spool, A, 10, 1, ".part"), keep(spool, B, 10, 2), keep(spool, C, 10, 3, ".part")
    newer, going_on = keep(spool, "d" * 64, 10, 4), keep(spool, "e" * 64, 10, 0, ".0123456789abcdef")
    in_use = keep(spool, "f" * 64, 10, 0)
    os.link(in_use, folder(spool).source)
    assert spool.room_to_make(A) == 30
    spool.make_room(0, A)
    assert oldest.exists()
    spool.make_room(11, A)
    assert not oldest.exists()
    assert not older.exists()
    assert spool.room_to_make(A) == 10
    assert all(path.exists() for path in (needed, newer, going_on, in_use))


def test_the_room_that_is_missing_is_what_is_needed_less_what_is_free(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(spool.root)._replace(free=(64 << 20) + 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert [spool.missing_room(size) for size in (1, 333, 334, 1000)] == [0, 0, 2, 2000]


def test_a_job_that_will_not_fit_is_refused(spool: Spool) -> None:
    spool.demand_room(1)
    with pytest.raises(StorageError, match=r"at the coordinator: about [\d.]+ GB needed, [\d.]+ \wB free"):
        spool.demand_room(2**60)


@pytest.mark.parametrize(("instead", "said"), [(False, "No such file"), (True, "another one is in its place")])
def test_a_folder_that_was_removed_is_said_to_be(spool: Spool, instead: bool, said: str) -> None:
    shutil.rmtree(spool.root)
    if instead:
        spool.root.mkdir()
        (spool.root / "lock").touch()
    with pytest.raises(StorageError, match=f"the data folder {spool.root} is gone: {said}"):
        spool.demand_room(1)


def test_of_a_finished_job_the_result_is_kept(spool: Spool) -> None:
    keep(spool, A)
    job = folder(spool)
    assert spool.take(A, 10, job)
    job.chunk(0).write_bytes(b"a chunk")
    (job.path / "packets-1").write_bytes(b"packets")
    job.result.write_bytes(b"the film")
    job.keep_result()
    assert [path.name for path in job.path.iterdir()] == ["result"]
    job.remove()
    assert not job.path.exists()
    job.remove()
    job.keep_result()


def test_a_job_cannot_have_another_ones_folder(spool: Spool) -> None:
    folder(spool)
    with pytest.raises(StorageError, match="cannot make a job's folder: File exists"):
        folder(spool)

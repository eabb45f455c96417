"""A source on its way in: whole and right, or broken off and taken up again."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.folders import folder, small_files
from vidproc.errors import ClientError, StorageError, UnknownJobError
from vidproc.storage.spool import Spool
from vidproc.storage.upload import Upload

FILM = bytes(range(256)) * 1024
SHA256 = hashlib.sha256(FILM).hexdigest()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "data")
    made.open()
    yield made
    made.close()


def begun(spool: Spool, job_id: str = "job") -> Upload:
    made = Upload(spool, SHA256, len(FILM), job_id, folder(spool, job_id))
    made.open()
    return made


def files(spool: Spool) -> list[str]:
    return sorted(path.name for path in (spool.root / "sources").iterdir())


def test_what_came_whole_is_kept_under_its_hash(spool: Spool) -> None:
    upload = begun(spool)
    for at in range(0, len(FILM), 100_000):
        assert upload.offset == at
        upload.write(memoryview(FILM)[at : at + 100_000])
    assert not spool.source(SHA256).exists()
    upload.finish()
    assert files(spool) == [SHA256]
    assert spool.source(SHA256).read_bytes() == FILM


def test_its_job_has_it_before_the_cache_may_forget_it_and_it_is_trusted(spool: Spool) -> None:
    upload, job = begun(spool), spool.job("job")
    upload.write(FILM)
    upload.finish()
    assert spool.trusts(SHA256, job)
    spool.trim(0)
    assert files(spool) == []
    assert job.source.read_bytes() == FILM


def test_a_job_that_is_gone_meanwhile_leaves_it_to_the_next(spool: Spool) -> None:
    upload = begun(spool)
    upload.write(FILM)
    spool.job("job").remove()
    upload.finish()
    assert files(spool) == [SHA256]


def test_its_job_reads_it_as_it_arrives(spool: Spool) -> None:
    upload, job = begun(spool), spool.job("job")
    for stop in (1000, 2000):
        upload.write(FILM[upload.offset : stop])
        assert job.source.read_bytes() == FILM[:stop]
    upload.abandon()
    assert job.source.read_bytes() == FILM[:2000]


def test_a_job_without_a_folder_leaves_what_has_come_to_the_next(spool: Spool) -> None:
    spool.source(SHA256).with_suffix(".part").write_bytes(FILM[:1000])
    with pytest.raises(StorageError, match="No such file"):
        Upload(spool, SHA256, len(FILM), "gone", spool.job("gone")).open()
    assert files(spool) == [f"{SHA256}.part"]


def test_one_that_broke_off_is_taken_up_behind_its_last_byte(spool: Spool) -> None:
    first = begun(spool, "first")
    first.write(FILM[:1000])
    first.abandon()
    assert files(spool) == [f"{SHA256}.part"]
    second = begun(spool, "second")
    assert second.offset == 1000
    second.write(FILM[1000:])
    second.finish()
    assert files(spool) == [SHA256]


def test_one_whose_coordinator_was_killed_is_taken_up_too(spool: Spool) -> None:
    killed = begun(spool)
    killed.write(FILM[:1000])
    killed._file.close()
    spool.clear((), ())
    again = begun(spool, "again")
    assert again.offset == 1000
    again.abandon()


def killed_at(spool: Spool, offset: int) -> None:
    """A coordinator that had so much of the job's source, and nothing of it is left but its files."""
    upload = begun(spool)
    upload.write(FILM[:offset])
    upload._file.close()
    spool.clear({"job"}, ())


def resumed(spool: Spool) -> Upload:
    made = Upload(spool, SHA256, len(FILM), "job", spool.job("job"))
    made.open()
    return made


@pytest.mark.parametrize("offset", [0, 1000, len(FILM)])
def test_the_same_job_goes_on_with_what_it_has(spool: Spool, offset: int) -> None:
    killed_at(spool, offset)
    again = resumed(spool)
    assert again.offset == offset
    again.write(FILM[offset:])
    again.finish()
    assert files(spool) == [SHA256]
    assert spool.job("job").source.read_bytes() == FILM


def test_a_job_that_had_its_whole_source_has_it_hashed_and_kept_again(spool: Spool) -> None:
    whole = begun(spool)
    whole.write(FILM)
    whole.finish()
    again = resumed(spool)
    assert again.offset == len(FILM)
    again.finish()
    assert files(spool) == [SHA256], "of two names of one file a rename leaves both"


def test_one_that_is_given_up_is_hashed_no_further_and_left_as_it_is(spool: Spool) -> None:
    killed_at(spool, 1000)
    upload = Upload(spool, SHA256, len(FILM), "job", spool.job("job"))
    upload.give_up()
    upload.open()
    assert upload.offset == 0
    upload.pause()
    again = resumed(spool)
    assert again.offset == 1000
    again.abandon()


@pytest.mark.parametrize("left", [b"", FILM[:500]], ids=["empty", "torn"])
def test_a_source_that_lost_its_end_is_gone_on_with_from_there(spool: Spool, left: bytes) -> None:
    killed_at(spool, 1000)
    spool.job("job").source.write_bytes(left)
    again = resumed(spool)
    assert again.offset == len(left)
    again.abandon()


def test_a_source_that_has_grown_is_begun_anew(spool: Spool) -> None:
    killed_at(spool, 1000)
    spool.job("job").source.write_bytes(FILM + b"!")
    again = resumed(spool)
    assert again.offset == 0
    again.write(FILM)
    again.finish()
    assert spool.source(SHA256).read_bytes() == FILM


@pytest.mark.parametrize("offset", [1000, len(FILM)])
def test_a_source_with_a_flipped_bit_is_found_and_its_client_told_to_begin_anew(spool: Spool, offset: int) -> None:
    killed_at(spool, offset)
    with spool.job("job").source.open("r+b") as file:
        file.seek(500)
        file.write(bytes([FILM[500] ^ 1]))
    again = resumed(spool)
    again.write(FILM[offset:])
    with pytest.raises(UnknownJobError, match="was damaged there: send it again"):
        again.finish()
    assert files(spool) == []


def test_bytes_that_are_not_those_announced_are_not_kept(spool: Spool) -> None:
    for wrong in (FILM[:-1] + b"!", FILM[:-1], FILM + b"!"):
        upload = begun(spool, secrets.token_hex(8))
        upload.write(wrong)
        with pytest.raises(ClientError, match="do not match their SHA-256"):
            upload.finish()
        assert files(spool) == []


def test_a_rest_that_was_altered_is_found_out_and_the_next_upload_begins_anew(spool: Spool) -> None:
    spool.source(SHA256).with_suffix(".part").write_bytes(b"!" + FILM[1:1000])
    upload = begun(spool)
    upload.write(FILM[upload.offset :])
    with pytest.raises(ClientError):
        upload.finish()
    again = begun(spool, "again")
    assert again.offset == 0
    again.abandon()


def test_two_clients_may_send_the_same_film(spool: Spool) -> None:
    one, other = begun(spool, "one"), begun(spool, "other")
    one.write(FILM[:1000])
    other.write(FILM)
    other.finish()
    one.write(FILM[1000:])
    one.finish()
    assert files(spool) == [SHA256]
    assert spool.source(SHA256).read_bytes() == FILM


def test_one_that_no_longer_has_a_place_says_so_and_holds_nothing(spool: Spool) -> None:
    upload = begun(spool)
    upload.write(FILM)
    spool.source(SHA256).with_suffix(".job").unlink()
    with pytest.raises(StorageError, match="cannot store the upload: No such file"):
        upload.finish()


def test_what_came_before_there_was_no_more_room_is_not_lost(spool: Spool) -> None:
    upload = begun(spool)
    upload.write(FILM[:90_000])
    with small_files(), pytest.raises(StorageError, match="cannot store the upload: File too large"):
        upload.write(FILM[90_000:])
    upload.abandon()
    again = begun(spool, "again")
    assert again.offset == 100_000
    again.write(FILM[100_000:])
    again.finish()
    assert spool.source(SHA256).stat().st_size == len(FILM)

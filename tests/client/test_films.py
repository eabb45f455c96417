"""The files at a client's two ends: nothing half-written, nothing overwritten by accident."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import threading
from pathlib import Path

import pytest

from vidproc.client import films, piped, remote
from vidproc.errors import ClientError, StorageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def source_of(path: Path) -> films.Source:
    return films.source_of(str(path))


# What comes out


def test_a_result_has_a_temporary_name_until_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with films.written(str(out), overwrite=True) as file:
        file.write(b"one, ")
        (partial,) = names(tmp_path)
        assert partial.startswith(".out.")
        assert partial.endswith(".part")
        file.write(b"two")
    assert names(tmp_path) == ["out.mp4"]
    assert out.read_bytes() == b"one, two"


def test_what_a_killed_program_left_beside_a_result_is_removed(tmp_path: Path) -> None:
    """And nothing else: neither what another one is writing, nor what only looks alike."""
    for name in (".out.01234567.part", ".out[1].01234567.part", ".other.01234567.part", ".out.part"):
        (tmp_path / name).touch()
    with films.written(str(tmp_path / "out.mp4"), overwrite=True):
        beside = names(tmp_path)
        with films.written(str(tmp_path / "out.mkv"), overwrite=True):
            assert set(beside) <= set(names(tmp_path))
    kept = {".other.01234567.part", ".out.part", ".out[1].01234567.part"}
    assert set(names(tmp_path)) == {*kept, "out.mkv", "out.mp4"}
    with films.written(str(tmp_path / "out[1].mp4"), overwrite=True):
        assert ".out[1].01234567.part" not in names(tmp_path)


def test_what_a_program_left_that_was_killed_before_it_held_it(tmp_path: Path) -> None:
    old, new = tmp_path / ".out.01234567.new", tmp_path / ".out.89abcdef.new"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    with films.written(str(tmp_path / "out.mp4"), overwrite=True):
        assert (old.exists(), new.exists()) == (False, True), "the newer one may be about to be held"


def test_a_file_of_the_user_s_own_is_no_part_of_a_result(tmp_path: Path) -> None:
    (tmp_path / ".out.download.part").touch()
    with films.written(str(tmp_path / "out.mp4"), overwrite=True):
        assert ".out.download.part" in names(tmp_path)


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    (tmp_path / ".out.01234567.part").touch()
    with films.written(str(tmp_path / "out.mp4"), overwrite=True) as file:
        file.write(b"film")
    assert names(tmp_path) == [".out.01234567.part", "out.mp4"], "nobody knows whether it is somebody's"


def test_what_is_replaced_is_there_until_then(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"old")
    with films.written(str(out), overwrite=True) as file:
        file.write(b"new")
        assert out.read_bytes() == b"old"
    assert out.read_bytes() == b"new"


@pytest.mark.parametrize("links", [True, False])
def test_what_appears_meanwhile_stays_and_so_does_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    out = tmp_path / "out.mp4"
    (tmp_path / "out.1.mp4").write_bytes(b"another's")
    said = f"--out {out} appeared while the job ran, and was left alone; the result is {tmp_path / 'out.2.mp4'}"
    with (
        pytest.raises(StorageError, match=re.escape(said)),
        films.written(str(out), overwrite=False) as file,
        open(out, "xb"),
    ):
        file.write(b"new")
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == {
        "out.1.mp4": b"another's",
        "out.2.mp4": b"new",
        "out.mp4": b"",
    }


def test_a_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    with films.written(str(tmp_path / "out.mp4"), overwrite=False) as file:
        file.write(b"film")
    assert names(tmp_path) == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"film"


def _no_links(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


def test_a_folder_that_vanishes_meanwhile_is_told_in_one_line(tmp_path: Path) -> None:
    out = tmp_path / "folder" / "out.mp4"
    out.parent.mkdir()
    with (
        pytest.raises(StorageError, match=f"--out {out}: No such file or directory"),
        films.written(str(out), overwrite=False),
    ):
        shutil.rmtree(out.parent)
    with pytest.raises(StorageError, match=f"--out {out}: No such file or directory"):
        films.demand_room(str(out), 1)


def test_a_result_that_fails_leaves_nothing_and_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="no"), films.written(str(out), overwrite=True):
        raise RuntimeError("no")
    assert names(tmp_path) == ["out.mp4"]
    assert out.read_bytes() == b"old"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_result_has_the_mode_of_any_new_file(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        with films.written(str(tmp_path / "out.mp4"), overwrite=False):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "out.mp4").stat().st_mode & 0o777 == mode


def test_a_full_disk_is_told_by_the_output_s_name(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    said = f"--out {out}: No space left on device"
    with pytest.raises(StorageError, match=said), films.written(str(out), overwrite=False) as file:
        raise OSError(28, "No space left on device")
    assert file.closed
    assert names(tmp_path) == []


def test_the_longest_name_that_a_file_can_have(tmp_path: Path) -> None:
    out = tmp_path / ("é" * 125 + ".mp4")
    films.check_output("in.mp4", str(out), overwrite=False)
    with films.written(str(out), overwrite=True) as file:
        file.write(b"film")
    assert out.read_bytes() == b"film"


def test_a_symlink_stays_and_what_it_names_is_replaced(tmp_path: Path) -> None:
    link, film = tmp_path / "link.mp4", tmp_path / "disk" / "film.mp4"
    film.parent.mkdir()
    film.write_bytes(b"old")
    link.symlink_to("disk/film.mp4")
    with films.written(str(link), overwrite=True) as file:
        file.write(b"new")
        assert names(tmp_path) == ["disk", "link.mp4"]  # the temporary file is where it can take the place at once
    assert os.readlink(link) == "disk/film.mp4"
    assert film.read_bytes() == b"new"
    assert names(film.parent) == ["film.mp4"]


def test_a_symlink_may_name_what_is_not_there_yet(tmp_path: Path) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to("film.mp4")
    films.check_output("in.mp4", str(link), overwrite=True)
    with films.written(str(link), overwrite=True) as file:
        file.write(b"film")
    assert os.readlink(link) == "film.mp4"
    assert (tmp_path / "film.mp4").read_bytes() == b"film"


def test_there_must_be_room(tmp_path: Path) -> None:
    films.demand_room(str(tmp_path / "out.mp4"), 1000)
    films.demand_room("-", 2**60)
    with pytest.raises(StorageError, match="too little disk"):
        films.demand_room(str(tmp_path / "out.mp4"), 2**60)


# Where it may go


def test_an_output_that_may_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.mp4").touch()
    films.check_output("in.mp4", "out.mp4", overwrite=False)
    films.check_output("in.mp4", "-", overwrite=False)
    films.check_output("-", "out.mp4", overwrite=False)
    films.check_output("in.mp4", "old.mp4", overwrite=True)
    films.check_output("old.mp4", "-", overwrite=True)


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("old.mp4", "exists; add --overwrite"),
        ("dangling.mp4", "exists; add --overwrite"),
        ("astray.mp4", "there is no folder .*/none"),
        ("folder", "is a folder"),
        ("none/out.mp4", "there is no folder none"),
        ("old.mp4/out.mp4", "there is no folder old.mp4"),
        ("x" * 256, "the name is too long"),
    ],
)
def test_an_output_that_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.mp4").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling.mp4").symlink_to("new.mp4")
    (tmp_path / "astray.mp4").symlink_to("none/new.mp4")
    with pytest.raises(ClientError, match=said):
        films.check_output("in.mp4", out, overwrite=False)


def test_a_folder_that_may_not_be_written() -> None:
    """Not by its mode: root may write everywhere."""
    with pytest.raises(ClientError, match="the folder /proc cannot be written to"):
        films.check_output("in.mp4", "/proc/out.mp4", overwrite=False)


# What goes in


def test_a_film_is_hashed(tmp_path: Path) -> None:
    data = os.urandom(3 * 2**20 + 1)
    (tmp_path / "in.mp4").write_bytes(data)
    source = source_of(tmp_path / "in.mp4")
    assert source == films.Source(tmp_path / "in.mp4", "in.mp4", len(data), hashlib.sha256(data).hexdigest())


def test_a_film_can_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    path.write_bytes(b"film")
    assert source_of(path).name == "caf\N{REPLACEMENT CHARACTER}.mp4"


def test_hashing_can_be_interrupted(tmp_path: Path) -> None:
    with open(tmp_path / "in.mp4", "wb") as file:
        file.truncate(2**40)

    async def main() -> None:
        hashing = asyncio.create_task(remote.source_of(str(tmp_path / "in.mp4")))
        for _ in range(3):
            await asyncio.sleep(0)
        hashing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hashing

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "said"), [("none", "No such file"), (".", "is not a file"), ("empty", "is empty"), ("x" * 300, "too long")]
)
def test_a_film_that_is_none(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(ClientError, match=said):
        source_of(tmp_path / name)


def test_standard_input_lies_on_the_disk_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "given").write_bytes(b"film")
    with open(tmp_path / "given", "rb") as given:
        monkeypatch.setattr(piped, "STDIN", given.fileno())
        with films.on_disk("-") as video:
            assert Path(video).read_bytes() == b"film"
            assert source_of(Path(video)).name == "standard input"
            assert os.stat(video).st_nlink == 0, "it goes with the program, however that ends"
    assert not Path(video).parent.exists()
    for name in ("in.mp4", "x" * 300):
        with films.on_disk(name) as video:
            assert video == name


@pytest.mark.parametrize("content", [b"film", b""])
def test_a_named_pipe_is_taken_like_standard_input(tmp_path: Path, content: bytes) -> None:
    pipe = tmp_path / "in.mp4"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(content))
    writer.start()
    with contextlib.ExitStack() as stack:
        if not content:
            stack.enter_context(pytest.raises(ClientError, match=r"in\.mp4 is empty$"))
        video = Path(stack.enter_context(films.on_disk(str(pipe))))
        assert (video.name, video.read_bytes()) == ("in.mp4", content)
    writer.join()


def test_nothing_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull, "rb") as nothing:
        monkeypatch.setattr(piped, "STDIN", nothing.fileno())
        with pytest.raises(ClientError, match=r"^standard input is empty$"), films.on_disk("-"):
            raise AssertionError("there is no film")


def test_reading_here_and_there(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(bytes(range(100)))
    source = source_of(tmp_path / "in.mp4")
    with films.reading(source) as read:
        assert read(90, 5) == bytes(range(90, 95))
        assert read(10, 3) == bytes(range(10, 13))
        assert read(200, 1) == b""
    source.path.unlink()
    with pytest.raises(ClientError, match=r"in\.mp4 cannot be read any more"), films.reading(source):
        raise AssertionError("there is no such file")


def test_one_file_under_two_names_is_told(tmp_path: Path) -> None:
    film, link, hard = tmp_path / "film.mp4", tmp_path / "link.mp4", tmp_path / "hard.mp4"
    film.write_bytes(b"film")
    link.symlink_to(film)
    hard.hardlink_to(film)
    assert all(films.same(str(film), str(other)) for other in (film, link, hard))
    assert films.same(str(tmp_path / "new"), str(tmp_path / "folder" / ".." / "new"))
    assert not films.same(str(film), str(tmp_path / "new"))
    assert not films.same("-", "-")

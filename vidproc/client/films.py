"""The files at a client's two ends: the film that goes in, and the one that comes out.

Nothing is overwritten by accident: an output that exists is refused unless asked for, one that is the input always.
What arrives is written beside its place under a temporary name, and takes the place only when it is whole, and only
if the place is free still. A symlink stays: the place is the one that it names.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import itertools
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from vidproc import scratch
from vidproc.client import piped
from vidproc.errors import ClientError, StorageError
from vidproc.model import Paths
from vidproc.quantities import sizes_in_words

_BLOCK = 2**20
STANDARD = "-"
_STDOUT = 1


class Source(Struct, frozen=True):
    """A film to send: where it lies, how a person calls it, its size in bytes and its SHA-256."""

    path: Path
    name: str
    size: int
    sha256: str


def same(one: str, other: str) -> bool:
    """Whether two names stand for one file, by whatever links; one that is not there yet is told by its path."""
    if STANDARD in (one, other):
        return False
    return os.path.realpath(one) == os.path.realpath(other) or (
        os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)
    )


def paths(video: str, out: str) -> Paths:
    """What a coordinator's history tells of where they are."""
    return Paths(_told(video), _told(out))


def _told(name: str) -> str:
    """Also of a name that is no text."""
    return "" if name in ("", STANDARD) else os.fsencode(os.path.abspath(name)).decode(errors="replace")


def check_output(video: str, out: str, overwrite: bool) -> None:
    """Raises `ClientError` where the result could not, or should not, be written."""
    if out == STANDARD:
        return
    if same(video, out):
        raise ClientError(f"--out {out} is the input itself; give it another name")
    check_place("--out", out)
    if os.path.exists(out) and not os.path.isfile(out):
        raise ClientError(f"--out {out} is no file that could be replaced; give it another name")
    if os.path.lexists(out) and not overwrite:  # a symlink that names nothing yet is there, too
        raise ClientError(f"--out {out} exists; add --overwrite to replace it")


def check_place(option: str, name: str) -> None:
    """Raises `ClientError` where no file of this name can be written."""
    target = _named(name)
    folder = os.path.dirname(target) or "."
    if os.path.isdir(name):
        raise ClientError(f"{option} {name} is a folder; give the name of a file")
    if not os.path.isdir(folder):
        raise ClientError(f"{option} {name}: there is no folder {folder}")
    try:  # os.access would allow root to write into /proc
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ClientError(f"{option} {name}: the folder {folder} cannot be written to: {error.strerror}") from None
    if len(os.fsencode(os.path.basename(target))) > os.pathconf(folder, "PC_NAME_MAX"):
        raise ClientError(f"{option} {name}: the name is too long")


def _named(name: str) -> str:
    """The path that is written: the one that a symlink names, whether or not it exists, or else this one."""
    return os.path.realpath(name) if os.path.islink(name) else name


@contextlib.contextmanager
def on_disk(video: str) -> Iterator[str]:
    """The film's path. What comes by standard input or a named pipe is first written to a file, as its hash is wanted
    before its bytes; one without a name but for a link to it, so that it goes however the program ends."""
    if video != STANDARD and not _is_pipe(video):
        yield video
        return
    name, pipe = ("standard input", None) if video == STANDARD else (video, Path(video))
    with contextlib.ExitStack() as stack:
        with _disk_errors(f"{name}, kept in {tempfile.gettempdir()}"):
            file = stack.enter_context(tempfile.TemporaryFile())
            for block in piped.blocks(pipe):
                file.write(block)
            file.flush()
            link = stack.enter_context(scratch.folder()) / os.path.basename(name)
            link.symlink_to(f"/proc/self/fd/{file.fileno()}")
        if not file.tell():
            raise ClientError(f"{name} is empty")
        yield str(link)


def _is_pipe(video: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(video).st_mode)
    except (OSError, ValueError):  # whoever opens it will say
        return False


class Hashing:
    """Reads a film to its end, a millisecond's worth a step, so that others can have their turn between; then there is
    its `source`. Each step raises `ClientError` where the film can't be read."""

    def __init__(self, video: str) -> None:
        self._video = video
        self._sha256, self._size = hashlib.sha256(), 0

    def __iter__(self) -> Iterator[None]:
        _require_file(self._video)
        try:
            with open(self._video, "rb") as file:
                while block := file.read(_BLOCK):
                    self._sha256.update(block)
                    self._size += len(block)
                    yield
        except OSError as error:
            raise ClientError(f"{self._video}: {error.strerror}") from None
        if self._size == 0:
            raise ClientError(f"{self._video} is empty")

    @property
    def source(self) -> Source:
        return Source(Path(self._video), os.path.basename(_told(self._video)), self._size, self._sha256.hexdigest())


def source_of(video: str) -> Source:
    """The film, hashed at one go. Raises `ClientError`."""
    hashing = Hashing(video)
    for _ in hashing:
        pass
    return hashing.source


def _require_file(video: str) -> None:
    if os.path.exists(video) and not os.path.isfile(video):
        raise ClientError(f"{video} is not a file")


@contextlib.contextmanager
def written(out: str, overwrite: bool) -> Iterator[BinaryIO]:
    """A file that becomes `out` when the block ends well, and vanishes when it does not.

    Without `overwrite`, what has appeared there meanwhile stays: the file is kept beside it under another name, which
    the `StorageError` that is raised then says.
    """
    if out == STANDARD:
        # Not sys.stdout's buffer: what a reader that is gone did not take would be tried again at exit.
        with _disk_errors("standard output"), open(_STDOUT, "wb", closefd=False) as file:
            yield file
        return
    target = Path(_named(out))
    with _disk_errors(f"--out {out}"), _partial(target) as partial:
        with open(partial, "r+b") as file:
            yield file
        if overwrite:
            partial.replace(target)
        elif not _took(target, partial):
            kept = next(name for name in _names_beside(target) if _took(name, partial))
            raise StorageError(f"--out {out} appeared while the job ran, and was left alone; the result is {kept}")


@contextlib.contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """An empty file beside the target, which is gone at the end unless it has another name by then. It is locked, and
    has its name from then on, so that those that killed programs left can be told from it; they are removed before."""
    _remove_abandoned(target)
    # Not tempfile's: the result should have the mode that any new file of this user has.
    stem = f".{target.stem[:40]}.{secrets.token_hex(4)}"
    fresh, partial = target.with_name(f"{stem}.new"), target.with_name(f"{stem}.part")
    with contextlib.ExitStack() as stack:
        for path in (fresh, partial):
            stack.callback(_unlink, path)
        fresh.open("xb").close()
        with contextlib.suppress(OSError):  # a file system without locks
            stack.enter_context(scratch.held(fresh))
        fresh.rename(partial)
        yield partial


def _remove_abandoned(target: Path) -> None:
    ours = re.compile(rf"\.{re.escape(target.stem[:40])}\.[0-9a-f]{{8}}\.(new|part)")
    for path in target.parent.glob(f".{glob.escape(target.stem[:40])}.*"):
        with contextlib.suppress(OSError):  # it has just vanished, or somebody holds it
            if (kind := ours.fullmatch(path.name)) and (kind[1] == "part" or scratch.is_settled(path)):
                with scratch.held(path):
                    path.unlink()


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):  # it has moved, or the folder is gone
        path.unlink()


def _took(name: Path, file: Path) -> bool:
    """Give the file this name, unless something has it: of two who try at once, one is told."""
    try:
        os.link(file, name)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        return _claimed(name, file)
    return True


def _claimed(name: Path, file: Path) -> bool:
    try:
        open(name, "xb").close()
    except FileExistsError:
        return False
    file.replace(name)
    return True


def _names_beside(target: Path) -> Iterator[Path]:
    """`out.1.mp4`, `out.2.mp4`, and so on."""
    return (target.with_name(f"{target.stem[:40]}.{n}{target.suffix}") for n in itertools.count(1))


def demand_room(out: str, size: int) -> None:
    """Raises `StorageError` when `size` bytes will not fit where `out` is to be written."""
    if out == STANDARD:
        return
    with _disk_errors(f"--out {out}"):
        free = shutil.disk_usage(Path(_named(out)).parent).free
    if size > free:
        needed, there = sizes_in_words(size, free)
        raise StorageError(f"--out {out}: too little disk, {needed} needed, {there} free")


@contextlib.contextmanager
def _disk_errors(place: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{place}: {error.strerror}") from error


@contextlib.contextmanager
def reading(source: Source) -> Iterator[Callable[[int, int], bytes]]:
    """A function of offset and size that gives the film's bytes. Raises `ClientError` if they cannot be read."""
    try:
        with open(source.path, "rb", buffering=0) as file:
            yield lambda offset, size: os.pread(file.fileno(), size, offset)
    except OSError as error:
        raise ClientError(f"{source.name} cannot be read any more: {error.strerror}") from None

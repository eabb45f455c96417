"""What the spool holds of one job."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from vidproc.storage.disk import disk_errors, sync


class JobFolder:
    """The files of one job."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = path / "source"
        self.result = path / "result"

    def chunk(self, index: int) -> Path:
        return self.path / "chunks" / str(index)

    def stage(self, index: int) -> Path:
        return self.path / "stage" / str(index)

    def file(self, sha256: str) -> Path:
        return self.path / "files" / sha256

    def create(self) -> None:
        with disk_errors("cannot make a job's folder"):
            (self.path / "chunks").mkdir(parents=True)

    def create_stage(self) -> None:
        """Room for what a sequential stage hands on, if the job has one."""
        with disk_errors("cannot make a job's folder"):
            (self.path / "stage").mkdir(exist_ok=True)

    def keep_files(self, files: Mapping[str, bytes]) -> None:
        """What the job's filters name, by SHA-256."""
        with disk_errors("cannot store a filter's file"):
            for sha256, data in files.items():
                self.file(sha256).parent.mkdir(exist_ok=True)
                self.file(sha256).write_bytes(data)

    def kept_files(self, sizes: Mapping[str, int]) -> dict[str, bytes]:
        """The same again, of these hashes. Raises `OSError`."""
        return {sha256: self.file(sha256).read_bytes() for sha256 in sizes}

    def sync(self) -> None:
        """Make durable that the folder is there, with its link to the source and the filters' files."""
        with disk_errors("cannot make a job's folder"):
            files = self.path / "files"
            for path in files.iterdir() if files.exists() else ():
                sync(path)
            for folder in (files, self.path, self.path.parent):
                if folder.exists():
                    sync(folder)

    def sync_result(self) -> None:
        with disk_errors("cannot store the result"):
            sync(self.result)
            sync(self.path)

    def holds_chunk(self, index: int, size: int, sha256: str) -> bool:
        """Whether a chunk's file is the one that was kept, byte for byte."""
        try:
            with open(self.chunk(index), "rb") as file:
                whole = os.fstat(file.fileno()).st_size == size
                return whole and hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:
            return False

    def tidy(self) -> None:
        """Remove what a coordinator that was killed was in the middle of, and what is made anew. What cannot be removed
        is left."""
        for path in (*self.path.glob("packets-*"), self.result, *self.path.glob("chunks/*.*")):
            with contextlib.suppress(OSError):
                path.unlink()
        shutil.rmtree(self.path / "stage", ignore_errors=True)

    def keep_result(self) -> None:
        """What the result was made of is not needed any more, but for the filters' files: the source is kept elsewhere,
        and so the job can be done again. What cannot be removed is left, as by `remove`."""
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                if path.name == "files":
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif path != self.result:
                    path.unlink(missing_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

"""The files that filters name, at the client: read once, and known by their hashes from then on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from vidproc.errors import ClientError
from vidproc.model import MOST_FILE_BYTES, FilterSpec, JobSpec

_FILE = "file"
"""The parameter that names a file, whichever filter's it is: a client must know it without the filters."""


def gathered(job: JobSpec) -> tuple[JobSpec, Mapping[str, bytes]]:
    """A job as a coordinator takes it, and the files that go with it by their SHA-256.

    Paths are relative to this process's folder. Raises `ClientError` for a file that cannot be read.
    """
    files: dict[str, bytes] = {}
    filters = tuple(_with_hash(spec, files) for spec in job.filters)
    return replace(job, filters=filters, files={name: len(data) for name, data in files.items()}), files


def _with_hash(spec: FilterSpec, files: dict[str, bytes]) -> FilterSpec:
    if _FILE not in spec.params or spec.code:  # a function of the user's own may call a number so
        return spec
    data = _read(spec.name, Path(str(spec.params[_FILE])))
    sha256 = hashlib.sha256(data).hexdigest()
    files[sha256] = data
    return replace(spec, params={**spec.params, _FILE: sha256})


def _read(filter_name: str, path: Path) -> bytes:
    try:
        if path.is_fifo():  # opening it would wait for whoever writes into it
            raise ClientError(f"{filter_name}: {path} is a named pipe, not a file")
        with open(path, "rb") as file:
            data = file.read(MOST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ClientError(f"{filter_name}: cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    if not data:
        raise ClientError(f"{filter_name}: {path} is empty")
    if len(data) > MOST_FILE_BYTES:
        raise ClientError(f"{filter_name}: {path} is larger than the {MOST_FILE_BYTES >> 20} MiB that a job can carry")
    return data

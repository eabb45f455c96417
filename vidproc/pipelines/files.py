"""The files that a job's filters name: which they must be, and reading them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vidproc import filters
from vidproc.errors import BadParameterError, ClientError
from vidproc.filters.contract import Chosen, Filter
from vidproc.filters.file_type import FileType, Load
from vidproc.model import MOST_FILE_BYTES, FilterSpec


def no_files(type: FileType, sha256: str) -> Any:
    """For those who have none. Raises `LookupError`."""
    raise LookupError(f"the file {sha256} is not here")


def with_files(chain: Sequence[Chosen], load: Load) -> list[tuple[Filter, dict[str, Any]]]:
    """Filters with what their files hold in place of their hashes. Raises `BadParameterError`, and what `load` does."""
    return [(each, each.with_files(params, load)) for each, params in chain]


def read(specs: Sequence[FilterSpec], files: Mapping[str, bytes]) -> None:
    """Have every filter read its files, to see that they are good. Raises `BadParameterError`. Executes no custom text.

    Only where nothing is lost if a file's decoder is led astray."""
    with_files([filters.declaration(spec) for spec in specs], lambda type, sha256: type.read(files[sha256]))


def check_sizes(specs: Sequence[FilterSpec], sizes: Mapping[str, int]) -> None:
    """Are these the files that the filters name, and not too large? Raises `ClientError` or one of its kinds."""
    named: set[str] = set()
    for spec in specs:
        declared, params = filters.declaration(spec)
        for sha256, type in declared.files(params).items():
            named.add(sha256)
            _check_size(declared, type, sizes.get(sha256, -1))
    if unknown := sizes.keys() - named:
        raise ClientError(f"no filter names the file {min(unknown)}, which is to go with the job")
    if sum(sizes.values()) > MOST_FILE_BYTES:
        raise ClientError(f"a job's files may have {MOST_FILE_BYTES >> 20} MiB, not {sum(sizes.values()) >> 20}")


def _check_size(declared: Filter, type: FileType, size: int) -> None:
    if size < 0:
        raise BadParameterError(f"{declared.title}: a file is named that does not go with the job")
    if not 0 < size <= type.most:
        raise BadParameterError(f"{declared.title}: file must be {type.noun}, not of {size} bytes")

"""The files that filters need beside the film: uploads, or what is held, by their names in a request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from vidproc.coordinator.uploads import Film
from vidproc.coordinator.view import View
from vidproc.errors import ClientError, TooLargeError
from vidproc.model import MOST_FILE_BYTES, FilterSpec, JobSpec

_FILE = "file"
"""The parameter of filters that names a file; a function of somebody's own may call a number so."""

_NO_PARTS: Mapping[str, str] = MappingProxyType({})


async def with_files(
    view: View, spec: JobSpec, parts: Mapping[str, str] = _NO_PARTS
) -> tuple[JobSpec, Mapping[str, Film]]:
    """The job with the hashes of the files that its filters name, and where these lie. `parts` are uploads by the names
    that filters may call them by."""
    files: dict[str, Film] = {}
    filters = []
    for each in spec.filters:
        if names_a_file(each):
            named = str(each.params[_FILE])
            found = await _found(view, parts.get(named, named))
            files[found.sha256] = found
            each = replace(each, params={**each.params, _FILE: found.sha256})
        filters.append(each)
    return replace(spec, filters=tuple(filters), files={sha256: it.size for sha256, it in files.items()}), files


async def contents(files: Mapping[str, Film]) -> dict[str, bytes]:
    """What they hold. Raises `ClientError`."""
    return {sha256: await _read(found) for sha256, found in files.items()}


def names_a_file(spec: FilterSpec) -> bool:
    return _FILE in spec.params and not spec.code


async def _found(view: View, source: str) -> Film:
    found = await view.uploads.film(source)
    if found.size > MOST_FILE_BYTES:
        raise TooLargeError(f"{found.name} is larger than the {MOST_FILE_BYTES >> 20} MiB that a job can carry")
    return found


async def _read(file: Film) -> bytes:
    try:
        return await asyncio.to_thread(file.path.read_bytes)
    except OSError as error:
        raise ClientError(f"{file.name} cannot be read: {error.strerror}") from None

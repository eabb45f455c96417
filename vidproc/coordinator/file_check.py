"""Are the files of a job what its filters take? Asked before its film is sent.

They may be hostile, so a process of its own with a cap on its memory reads them, and ends after that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from vidproc.errors import ClientError
from vidproc.model import FilterSpec
from vidproc.processes.child import Child, ChildDiedError, ChildLimits
from vidproc.protocol.structure import to_plain

_ENTRY = "vidproc.coordinator.file_check_child:serve"
_LIMIT_S = 30.0


async def check(filters: Sequence[FilterSpec], files: Mapping[str, bytes], memory: int) -> None:
    """Raises `BadParameterError` saying what is wrong with a file; `memory` is in bytes, 0 for no limit."""
    child = Child("the process that looks into files", _ENTRY, ChildLimits(memory))
    await child.start()
    try:
        await asyncio.wait_for(_asked(child, filters, files), _LIMIT_S)
    except TimeoutError:
        raise ClientError(f"it takes longer than {_LIMIT_S:g} s to read the job's files") from None
    except ChildDiedError as error:
        raise ClientError(f"the job's files cannot be read: {error}") from None
    finally:
        await child.close()


async def _asked(child: Child, filters: Sequence[FilterSpec], files: Mapping[str, bytes]) -> None:
    for sha256, data in files.items():
        await child.send({"file": sha256}, data)
    await child.send({"check": [to_plain(spec) for spec in filters]})
    answer, _ = await child.receive()
    if "failed" in answer:
        raise child.raised(answer["failed"])

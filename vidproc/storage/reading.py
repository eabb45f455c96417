"""Reading files in an event loop: at once what the kernel has in memory, in a thread what it must fetch.

A thread costs two changes of context, and where all cores are busy those took 2 to 11 ms, a slot being idle meanwhile.
What is read here was nearly always just written.
"""

from __future__ import annotations

import asyncio
import errno
import os


async def read_range(file: int, at: range) -> bytes | memoryview:
    """These bytes of an open file, uncopied. Raises `OSError`, also when the file is shorter."""
    data = _in_memory(file, at)
    if len(data) < len(at):
        data = await asyncio.to_thread(os.pread, file, len(at), at.start)
    if len(data) < len(at):
        raise OSError(errno.EIO, "the file is shorter than it was")
    return data


def _in_memory(file: int, at: range) -> bytes | memoryview:
    """As many of them, from the first on, as can be had without waiting; see preadv2(2)."""
    room = bytearray(len(at))
    try:
        return memoryview(room)[: os.preadv(file, [room], at.start, os.RWF_NOWAIT)]
    except OSError as error:  # nothing of it is in memory, or this file system can't tell
        if error.errno not in (errno.EAGAIN, errno.EOPNOTSUPP):
            raise
        return b""

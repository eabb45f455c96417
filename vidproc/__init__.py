"""Run a filter over every frame of a video, on all the cores of all your machines, and get the same film back.

    import vidproc

    vidproc.process("in.mp4", "out.mp4", "blur:ksize=9")
    vidproc.process("in.mp4", "out.mp4", my_function)           # frame -> frame, BGR arrays
    vidproc.Client("tcp://host:9090").process("in.mp4", "out.mp4", "edges")

What is named here is imported when it is first used, so that a light program stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vidproc._version import __version__

if TYPE_CHECKING:
    from vidproc.errors import VidprocError
    from vidproc.filters.decorator import filter
    from vidproc.front import Client, process

_WHERE = {
    "Client": "vidproc.front",
    "VidprocError": "vidproc.errors",
    "filter": "vidproc.filters.decorator",
    "process": "vidproc.front",
}

__all__ = ["Client", "VidprocError", "__version__", "filter", "process"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'vidproc' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)

"""One fork server serves all tests of a run, so it gets what any of them needs."""

from __future__ import annotations

from vidproc.coordinator.server import PRELOADED as FOR_MEDIA
from vidproc.processes.child import preload
from vidproc.worker.daemon import PRELOADED as FOR_SLOTS

preload(*FOR_MEDIA, *FOR_SLOTS)

"""What a client is told of a job while it waits for it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from vidproc.protocol.messages import Progress


class Uploading(Struct, frozen=True):
    """Bytes of the film that the coordinator holds, of all, and frames that are done already."""

    sent: int
    size: int
    frames_done: int = 0


class Downloading(Struct, frozen=True):
    """Bytes of the result that were written, of all."""

    received: int
    size: int


class Reconnecting(Struct, frozen=True):
    """The connection broke, for this reason."""

    reason: str


class SubmittedAgain(Struct, frozen=True):
    """The coordinator does not know the job any more, for this reason, so it is given the job anew."""

    reason: str


News = Uploading | Progress | Downloading | Reconnecting | SubmittedAgain
Listener = Callable[[News], None]

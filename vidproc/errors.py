"""Every error vidproc raises on purpose, in one tree by blame: whose mistake it is, and so who must act.

A foreign error (FFmpeg's, the operating system's, a user's filter's) is translated at the edge where it enters. The
message is one line that says what to do; it is shown to a person as it is.
"""

from __future__ import annotations

from typing import ClassVar


class VidprocError(Exception):
    """Base of all. `code` travels over the wire; `exit_code` is what a program ends with."""

    code: ClassVar[str] = "internal"
    blame: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 4
    retryable: ClassVar[bool] = False


class ClientError(VidprocError):
    """The request is wrong: an option, a parameter, a path. Nothing was done."""

    code = "usage"
    blame = "client"
    exit_code = 2


class UnknownFilterError(ClientError):
    code = "unknown-filter"


class BadParameterError(ClientError):
    code = "bad-parameter"


class TooLargeError(ClientError):
    """What was asked does not fit into one message."""

    code = "too-large"


class UnknownJobError(ClientError):
    """The coordinator has no such job: it was cancelled or forgotten, or the coordinator was started anew."""

    code = "unknown-job"


class UnknownUploadError(ClientError):
    """The coordinator has no such upload, or no such film: it expired, was removed, or never began."""

    code = "unknown-upload"


class ConflictError(ClientError):
    """Things are not in the state that the request is for."""

    code = "conflict"


class GoneError(ClientError):
    """It was here, and will not be again."""

    code = "gone"


class ChecksumError(ClientError):
    """The bytes that came are not those that were sent."""

    code = "checksum"


class NotHereError(ClientError):
    """What was asked for is not here: a film that is not held, a frame that a film does not have."""

    code = "not-here"


class NotYetError(NotHereError):
    """It is not here yet: asking again, a moment later, may help."""

    code = "not-yet"


class UnknownWorkerError(ClientError):
    """No worker of that name is connected."""

    code = "unknown-worker"


class BusyError(VidprocError):
    """The coordinator has as much to do as it may have: the same request may be right in a while."""

    code = "busy"
    blame = "peer"
    exit_code = 3


class UnreachableError(VidprocError):
    """No coordinator answers there."""

    code = "unreachable"
    blame = "peer"
    exit_code = 3


class PeerError(VidprocError):
    """The other end of a connection broke the protocol, speaks another one, or could not prove the token."""

    code = "protocol"
    blame = "peer"
    exit_code = 3


class VersionError(PeerError):
    code = "version"


class AuthenticationError(PeerError):
    code = "authentication"


class ConnectionLostError(PeerError):
    """A connection ended or fell silent in the middle of what it was for. Connecting again may go on from there."""

    code = "connection-lost"


class WorkerError(VidprocError):
    """A slot or daemon failed at its work: it died, stalled, ran out of memory, or a filter raised."""

    code = "worker"
    blame = "worker"
    retryable = True


class CannotContinueError(WorkerError):
    """A slot was to go on where its last chunk ended, and its decoder is not open there, or met damage that only
    decoding from a seek point deals with."""

    code = "cannot-continue"


class FilterError(WorkerError):
    """The user's or a built-in filter raised, or returned something that is not a frame."""

    code = "filter"


class StalledError(WorkerError):
    code = "stalled"


class OutOfMemoryError(WorkerError):
    """A slot took more memory than its limit, or than its host had: the kernel killed it."""

    code = "out-of-memory"


class MemoryLimitError(WorkerError):
    """A process has no room to work in under the limit that it was given."""

    code = "memory-limit"
    exit_code = 2


class MediaError(VidprocError):
    """The source is not something that can be read. Running it again gives the same, so it is not retried."""

    code = "media"
    blame = "media"


class CancelledError(VidprocError):
    """The job was cancelled by its owner."""

    code = "cancelled"
    blame = "client"
    exit_code = 130


class StorageError(VidprocError):
    """The disk is full, or refuses."""

    code = "storage"
    blame = "internal"


def way_out(setting: str) -> str:
    """Of a limit of the coordinator's, for the end of a sentence."""
    return f"raise its setting {setting} (VIDPROC_COORDINATOR_{setting.upper()})"


_LONGEST_LINE = 500


def one_line(text: str) -> str:
    """What somebody else wrote, fit for a terminal and a log: one line, no escapes, not endless."""
    return printable(" ".join(text.split())[:_LONGEST_LINE])


def printable(text: str) -> str:
    """The same with a question mark for each character that a terminal would obey."""
    return "".join(it if it.isprintable() else "?" for it in text)


def _tree(root: type[VidprocError]) -> dict[str, type[VidprocError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


def from_code(code: str, message: str) -> VidprocError:
    """The error a peer reported, raised again on this side; an unknown code is a plain `VidprocError`."""
    return _tree(VidprocError).get(code, VidprocError)(message)

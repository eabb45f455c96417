"""Workloads without media: messages, plans of chunks, scheduling."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction

from benchmarks.guard.place import Place, Work
from vidproc.media.index import PacketFacts, PacketIndexer
from vidproc.media.plan import ChunkPlanner, PlanHints
from vidproc.model import Chunk, ChunkTask, EncoderSpec, FilterSpec, JobState, LeaseKind, StreamFormat
from vidproc.protocol.connection import Connection
from vidproc.protocol.framing import Buffer
from vidproc.protocol.messages import Lease, LeaseBlock, Progress
from vidproc.protocol.party import NONCE_BYTES, Party
from vidproc.reach import Reach, ReachStep
from vidproc.scheduling import events as ev
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.scheduler import Scheduler

_LEASES = 400
_BLOCK = bytes(64 * 1024)
_READ = 256 * 1024

_FRAMES, _KEYFRAME_EVERY, _PACKET = 10_000, 250, 25_000

_DAEMONS, _SLOTS, _JOBS, _CHUNKS = 8, 4, 4, 120


def messages(place: Place) -> Work:
    """Leases with their packets and progress, from one end of a connection to the other."""
    coordinator, worker = _connected("worker")
    other, client = _connected("client")
    filters = (FilterSpec("blur", {"ksize": 15}),)
    task = ChunkTask("job", 7, 210, 450, 209, 450, _stream(), filters, _encoder(), 1920, 1080)

    def work() -> None:
        for number in range(_LEASES):
            lease = coordinator.send(Lease(number, 1, LeaseKind.CHUNK, task, len(_BLOCK)))
            _arrive(worker, [*lease, *coordinator.send(LeaseBlock(number), _BLOCK)], 2)
            _arrive(client, other.send(Progress("job", JobState.RUNNING, number, _LEASES, 64.0)), 1)

    return work


def _connected(role: str) -> tuple[Connection, Connection]:
    """A coordinator's end and a peer's, past the opening."""
    versions = {"vidproc": "1.0.0"}
    ends = [Connection(Party(name, name, versions, b"token"), bytes(NONCE_BYTES)) for name in ("coordinator", role)]
    while any(waiting := [end.data_to_send() for end in ends]):
        for end, data in zip(reversed(ends), waiting, strict=True):
            list(end.receive_data(b"".join(data)))
    return ends[0], ends[1]


def _arrive(end: Connection, buffers: Sequence[Buffer], messages: int) -> None:
    data = b"".join(buffers)
    got = sum(len(list(end.receive_data(data[at : at + _READ]))) for at in range(0, len(data), _READ))
    assert got == messages


def _stream() -> StreamFormat:
    return StreamFormat("h264", bytes(60), 1920, 1080, "yuv420p", frame_rate=Fraction(30))


def _encoder() -> EncoderSpec:
    return EncoderSpec("h264", 1920, 1080, "yuv420p", 23.0, "veryfast", frame_rate=Fraction(30))


def planning(place: Place) -> Work:
    """The ranks and the chunks of five minutes with B frames, without a file."""
    facts = [PacketFacts(_shown_at(number), seek=number % _KEYFRAME_EVERY == 0) for number in range(_FRAMES)]

    reach = Reach((ReachStep(-1, 0),))

    def work() -> None:
        indexer, planner = PacketIndexer(), ChunkPlanner(PlanHints(_FRAMES, 30.0, 1920 * 1080, reach))
        chunks, offset = [], 0
        for fact in facts:
            for entry in indexer.add(fact):
                chunks += planner.add(entry, offset, offset := offset + _PACKET, reorder_depth=2)
        for entry in indexer.finish():
            chunks += planner.add(entry, offset, offset := offset + _PACKET, reorder_depth=2)
        chunks += planner.finish()
        assert chunks[-1].stop == _FRAMES

    return work


def _shown_at(number: int) -> int:
    """The order of I B P B P ...: each second frame is decoded after the one that follows it."""
    return number if number == 0 or number == _FRAMES - 1 else number + (1 if number % 2 else -1)


def scheduling(place: Place) -> Work:
    """Some jobs on some daemons, from the first lease to the last chunk delivered."""

    def work() -> None:
        scheduler = Scheduler(Policy(), random.Random(1))
        pending: list[ev.Event] = [ev.WorkerJoined(f"daemon-{n}", _SLOTS) for n in range(_DAEMONS)]
        for job in range(_JOBS):
            pending += [ev.JobSubmitted(f"job-{job}"), ev.ChunksPlanned(f"job-{job}", _chunks(), final=True)]
        done = 0
        for event in pending:  # which grows
            for command in scheduler.handle(event, 0.0):
                done += isinstance(command, ev.CompleteJob)
                pending += _answer(command)
        assert done == _JOBS

    return work


def _answer(command: ev.Command) -> list[ev.Event]:
    match command:
        case ev.Grant(lease=lease):
            return [ev.ChunkFinished(lease)]
        case ev.Persist(lease=lease):
            return [ev.ChunkPersisted(lease)]
        case ev.Deliver(job=job, chunk=chunk):
            return [ev.ChunkDelivered(job, chunk)]
    return []


def _chunks() -> tuple[Chunk, ...]:
    """Of 48 frames, five of which share a seek point; a byte a frame."""
    spans = [(n, 48 * n, 48 * n + 48, 48 * (n - n % 5)) for n in range(_CHUNKS)]
    return tuple(Chunk(n, start, stop, start, stop, 0, seek, stop) for n, start, stop, seek in spans)

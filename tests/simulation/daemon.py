"""A worker daemon as it may be: it dials, works, tells of it, and survives its connections or doesn't.

It does what it is told, slot by slot in the order in which it is told, as `worker/link.py` does. A stubborn one goes on
when its connection is lost, and tells the next one of results that nobody waits for any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.line import End
from tests.simulation.nature import FRAME_TIMEOUT_S, Nature
from tests.simulation.orders import Fate, Made, Order, Work
from vidproc.errors import CannotContinueError, FilterError, OutOfMemoryError, StalledError, WorkerError
from vidproc.model import Chunk, FilterCall, LeaseKind
from vidproc.scheduling import events as ev

_DIAL_AGAIN_S = 1.0
_LEAD_IN_COST = 1 / 8
_HEARTBEAT_S = 1.0


@dataclass(frozen=True, slots=True)
class Hello:
    """What a daemon says first."""

    name: str
    slots: int
    allow_custom: bool


@dataclass(frozen=True, slots=True, eq=False)
class Lease:
    """What the coordinator sends with a grant."""

    grant: ev.Grant
    order: Order
    chunk: Chunk

    @property
    def work(self) -> Work:
        return Work(self.grant.job, self.grant.kind is LeaseKind.STAGE, self.chunk.start, self.chunk.stop)

    @property
    def poison(self) -> dict[int, Fate]:
        """Of its frames. The filters are not what a stage fails in."""
        ranks = () if self.work.stage else range(self.chunk.start, self.chunk.stop)
        return {rank: fate for rank, fate in self.order.poison.items() if rank in ranks}

    @property
    def fallen(self) -> tuple[int, ...]:
        """The frames that fall back without harm to its process."""
        known = {fault.call.rank for fault in self.grant.faults}
        alone = self.grant.kind is LeaseKind.FRAME
        raising = {rank for rank, fate in self.poison.items() if alone and fate is Fate.RAISES}
        return tuple(sorted(known | raising))

    @property
    def pinned(self) -> bool:
        return self.grant.kind is LeaseKind.STAGE and self.order.stage is not None and self.order.stage.pinned


@dataclass(frozen=True, slots=True)
class Result:
    lease: int
    made: Made
    can_continue: bool


@dataclass(frozen=True, slots=True)
class Draining:
    pass


@dataclass(slots=True, eq=False)
class Slot:
    """`stands_at`: the job, the kind of work and the rank at which its decoder is open. `states`: to which rank it has
    come with the stages that live in it."""

    speed: float
    queue: list[Lease] = field(default_factory=list)
    running: Lease | None = None
    began: float = 0.0
    stands_at: tuple[str, LeaseKind, int] | None = None
    states: dict[str, int] = field(default_factory=dict)

    def restart(self) -> None:
        """Its process is a new one."""
        self.running, self.stands_at = None, None
        self.states.clear()

    def can_go_on_with(self, lease: Lease) -> bool:
        if lease.pinned and lease.grant.chunk:
            return self.states.get(lease.grant.job) == lease.chunk.start
        return not lease.grant.continues or lease.pinned or self.stands_at == _place(lease, lease.chunk.start)


def _place(lease: Lease, rank: int) -> tuple[str, LeaseKind, int]:
    return lease.grant.job, lease.grant.kind, rank


class Daemon:
    """`dial` it in; then `lose_line`, `die` and `drain` are what may happen to it. `connect` gives the far end of a new
    line, or None where there is nobody to dial."""

    def __init__(self, hello: Hello, nature: Nature, connect: Callable[[Daemon], End | None]) -> None:
        self.hello = hello
        self.slots = [Slot(10 ** nature.rng.uniform(-0.5, 0.5)) for _ in range(hello.slots)]
        self.end: End | None = None
        self.dead = self.draining = False
        self._nature = nature
        self._connect = connect
        self._leases: set[Lease] = set()
        self._uncommitted: set[int] = set()
        self._stale: list[Result] = []

    def dial(self) -> None:
        if self.dead or self.draining or self.end is not None:
            return
        self.end = self._connect(self)
        if self.end is None:
            self._nature.after(self._nature.rng.uniform(0.1, _DIAL_AGAIN_S), self.dial)
            return
        self.end.receive, self.end.closed = self._take, self._line_lost
        self.end.send(self.hello)
        for result in self._stale:
            self.end.send(result)
        self._stale.clear()
        self._beat(self.end)

    def die(self) -> None:
        self.dead = True
        self._abandon()

    def drain(self) -> None:
        """Ask for no more, leave when all is done and kept."""
        self.draining = True
        self._send(Draining())
        self._leave_if_idle()

    # What the coordinator says

    def _take(self, message: object) -> None:
        match message:
            case Lease():
                self._leases.add(message)
                slot = self.slots[message.grant.slot]
                slot.queue.append(message)
                self._begin(slot)
            case ev.Withdraw(lease):
                self._revoke(lease)
            case ev.Acknowledge(lease):
                self._uncommitted.discard(lease)
        self._leave_if_idle()

    def _revoke(self, lease: int) -> None:
        self._uncommitted.discard(lease)
        for slot in self.slots:
            slot.queue = [it for it in slot.queue if it.grant.lease != lease]
            if slot.running is not None and slot.running.grant.lease == lease:
                slot.restart()
                self._begin(slot)

    def _line_lost(self) -> None:
        self.end = None
        self._leases.clear()
        self._uncommitted.clear()
        if not self._nature.happens(self._nature.weather.stubborn):
            self._abandon()
        self._nature.after(self._nature.rng.uniform(0.0, _DIAL_AGAIN_S), self.dial)

    def _abandon(self) -> None:
        """Its leases are void: stop what runs."""
        for slot in self.slots:
            slot.queue.clear()
            if slot.running is not None:
                slot.restart()

    # Work

    def _begin(self, slot: Slot) -> None:
        if slot.running is not None or not slot.queue:
            return
        lease = slot.running = slot.queue.pop(0)
        slot.began = self._nature.now
        seconds, answer = self._fate_of(lease, slot)
        self._nature.after(seconds, lambda: self._end(slot, lease, answer))

    def _fate_of(self, lease: Lease, slot: Slot) -> tuple[float, Result | ev.ChunkFailed]:
        """How long it takes, and what is answered then."""
        if not slot.can_go_on_with(lease):
            return 0.0, _failed(lease, CannotContinueError.code)
        seconds, rng = self._seconds(lease, slot), self._nature.rng
        rank = next((rank for rank in sorted(lease.poison) if rank not in lease.fallen), None)
        fate = lease.poison[rank] if rank is not None else self._misfortune()
        if rank is None and fate.is_failure and self._nature.happens(0.5) and not lease.work.stage:
            rank = rng.randrange(lease.chunk.start, lease.chunk.stop)
        match fate:
            case Fate.DONE:
                return seconds, self._result(lease)
            case Fate.SLOW:
                return 10 * seconds, self._result(lease)
            case Fate.HANGS:
                return FRAME_TIMEOUT_S, _failed(lease, StalledError.code, slot_lost=True, rank=rank)
            case Fate.STARVES:
                return seconds * rng.random(), _failed(lease, OutOfMemoryError.code, slot_lost=True, rank=rank)
            case Fate.DIES:
                return seconds * rng.random(), _failed(lease, WorkerError.code, slot_lost=True, rank=rank)
            case _:
                retryable = fate is Fate.RAISES
                return seconds * rng.random(), _failed(lease, FilterError.code, retryable=retryable, rank=rank)

    def _misfortune(self) -> Fate:
        weather, happens = self._nature.weather, self._nature.happens
        if happens(weather.raising):
            return Fate.RAISES
        if happens(weather.dying):
            return Fate.DIES
        if happens(weather.hanging):
            return Fate.HANGS
        if happens(weather.starving):
            return Fate.STARVES
        return Fate.SLOW if happens(weather.slow) else Fate.DONE

    def _seconds(self, lease: Lease, slot: Slot) -> float:
        lead_in = 0 if lease.grant.continues else lease.chunk.start - lease.chunk.packets_start
        frames = lease.chunk.frames + _LEAD_IN_COST * lead_in
        return frames * lease.order.pace / slot.speed * self._nature.rng.uniform(0.8, 1.25)

    def _result(self, lease: Lease) -> Result:
        stands_open = not self._nature.happens(self._nature.weather.closed)
        return Result(lease.grant.lease, Made(lease.work, lease.fallen), stands_open)

    def _end(self, slot: Slot, lease: Lease, answer: Result | ev.ChunkFailed) -> None:
        if slot.running is not lease:
            return  # it was stopped
        slot.running = None
        if isinstance(answer, Result):
            self._finish(slot, lease, answer)
        else:
            if answer.slot_lost:
                slot.restart()
            self._send(answer)
        self._begin(slot)
        self._leave_if_idle()

    def _finish(self, slot: Slot, lease: Lease, result: Result) -> None:
        if lease.pinned:
            slot.states[lease.grant.job] = lease.chunk.stop
        else:
            slot.stands_at = _place(lease, lease.chunk.stop) if result.can_continue else None
        if self.end is None:
            self._stale.append(result)
            return
        if lease in self._leases:
            self._uncommitted.add(result.lease)
        for _ in range(1 + self._nature.happens(self._nature.weather.twice)):
            self._send(result)

    # Words

    def _send(self, message: object) -> None:
        if self.end is not None:
            self.end.send(message)

    def _beat(self, end: End) -> None:
        if self.end is end:
            if frames := {it.running.grant.lease: self._done(it) for it in self.slots if it.running}:
                self._send(ev.ChunksProgressed(frames))
            self._nature.after(_HEARTBEAT_S, lambda: self._beat(end))

    def _done(self, slot: Slot) -> int:
        """Frames, by the time that has passed."""
        assert slot.running is not None
        frames = int((self._nature.now - slot.began) * slot.speed / slot.running.order.pace)
        return min(frames, slot.running.chunk.frames)

    def _leave_if_idle(self) -> None:
        idle = not self._uncommitted and not any(it.running or it.queue for it in self.slots)
        if self.draining and idle and self.end is not None:
            self.end.leave()
            self.end = None
            self.dead = True


def _failed(
    lease: Lease, code: str, retryable: bool = True, slot_lost: bool = False, rank: int | None = None
) -> ev.ChunkFailed:
    call = FilterCall(0, rank) if rank is not None else None
    frame = rank if rank is not None else -1
    return ev.ChunkFailed(lease.grant.lease, code, "it was to be", retryable, frame, slot_lost, call)

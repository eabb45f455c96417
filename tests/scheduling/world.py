"""A world around the scheduler that believes nothing: it plays daemons, store and muxer, keeps its own books from the
commands alone, and has an `Auditor` complain of any command that its books forbid."""

from __future__ import annotations

from collections.abc import Sequence

from tests.scheduling.auditor import Auditor, Part, part_of
from tests.scheduling.books import Daemon, Film, StageBooks
from tests.scheduling.plans import more_chunks
from vidproc.errors import CannotContinueError, FilterError, OutOfMemoryError, WorkerError
from vidproc.model import Chunk, FilterCall, LeaseKind
from vidproc.scheduling import events as ev
from vidproc.scheduling.scheduler import Scheduler


class World:
    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.now = 0.0
        self.daemons: dict[str, Daemon] = {}
        self.films: dict[str, Film] = {}
        self.working: dict[int, ev.Grant] = {}
        self.begun: set[int] = set()
        self.passed: set[int] = set()
        self.blamed: Part | None = None
        self.taken_back: list[ev.Grant] = []
        self.persisting: dict[int, ev.Grant] = {}
        self.granted: list[int] = []
        self.wake: float | None = None
        self.suspects: set[tuple[str, int]] = set()
        self.hosts: dict[Part, str] = {}
        self.auditor = Auditor(self)

    # What happens to the world

    def join(self, name: str, slots: int, allow_custom: bool = True, rate_limit: float = 0.0) -> None:
        self._vanish(name)
        self.daemons[name] = Daemon(slots, allow_custom, rate_limit > 0)
        self.send(ev.WorkerJoined(name, slots, rate_limit, allow_custom))

    def lose(self, name: str) -> None:
        self._vanish(name)
        self.send(ev.WorkerLost(name))

    def drain(self, name: str) -> None:
        if name in self.daemons:
            self.daemons[name].draining = True
            self.unseat(name)
            self._release(name)
        self.send(ev.WorkerDraining(name))
        assert not any(grant.worker == name for grant in self.ahead()), "a draining daemon keeps what it has not begun"

    def limit(self, name: str, rate: float) -> None:
        if name in self.daemons:
            self.daemons[name].limited = True
        self.send(ev.WorkerLimited(name, rate))

    def submit(
        self,
        job: str,
        custom: bool = False,
        in_flight: int = 8,
        stage: ev.Sequential | None = None,
        isolates: bool = False,
    ) -> None:
        books = StageBooks(pinned=stage.pinned) if stage else None
        self.films[job] = Film(custom=custom, in_flight=in_flight, stage=books, isolates=isolates)
        self.send(ev.JobSubmitted(job, custom, in_flight, stage, isolates))

    def plan(self, job: str, shares: Sequence[bool], final: bool) -> None:
        """More chunks; `shares` says of each if it has the seek point of the one before."""
        film = self.films[job]
        self.plan_chunks(job, more_chunks(film.chunks[-1] if film.chunks else None, shares), final)

    def plan_chunks(
        self, job: str, chunks: tuple[Chunk, ...], final: bool, kept: frozenset[int] = frozenset()
    ) -> None:
        film = self.films[job]
        if not film.end:
            film.chunks.extend(chunks)
            film.final = final
            film.kept |= kept
            film.admit_kept()
        self.send(ev.ChunksPlanned(job, chunks, final, kept))

    def finish(self, lease: int, can_continue: bool = True) -> None:
        """A result arrives: of a lease at work, or late, or once more."""
        grant = self._pop(lease, can_continue)
        fate: list[ev.Command]
        if grant is None:
            fate = [] if lease in self.persisting else [ev.Discard(lease)]
        else:
            self.persisting[lease] = grant
            fate = [ev.Persist(lease, grant.job, grant.chunk)]
        answers = self.send(ev.ChunkFinished(lease, can_continue))
        assert [answer for answer in answers if isinstance(answer, ev.Persist | ev.Discard)] == fate

    def progress(self, lease: int, frames: int) -> None:
        self.send(ev.ChunksProgressed({lease: frames}))

    def fail(
        self,
        lease: int,
        retryable: bool = True,
        slot_lost: bool = False,
        frame: int = -1,
        call: FilterCall | None = None,
        code: str = FilterError.code,
    ) -> None:
        failed = ev.ChunkFailed(lease, code, "it raised", retryable, frame, slot_lost, call)
        grant = self._pop(lease, can_continue=False)
        if grant is None:
            grant = self.persisting.pop(lease, None)
        if grant is not None:
            if slot_lost:
                self.unseat(grant.worker, grant.slot)
                if grant.worker in self.daemons:
                    self.daemons[grant.worker].tails.pop(grant.slot, None)
            else:
                self._next_begins(grant)
            self._blame(grant, failed)
        self.send(failed)

    def refuse(self, lease: int) -> None:
        """A slot's decoder is not open for what it was given, which is nobody's fault."""
        refused = ev.ChunkFailed(lease, CannotContinueError.code, "not open", retryable=True)
        grant = self._pop(lease, can_continue=False)
        if grant is None:
            pass  # it is void, and so nobody's
        elif self.is_pinned(grant):  # which is a failure like any other: its state is gone
            self._blame(grant, refused)
        else:
            self.films[grant.job].books(grant.kind).afresh.add(grant.chunk)
            if not self._at_work_on(grant):
                self.put_back(grant)
        self.send(refused)

    def persist(self, lease: int) -> None:
        grant = self.persisting.pop(lease, None)
        if grant is None:
            # What is still at work can't have been stored: whoever says so is not believed.
            assert ev.Discard(lease) in self.send(ev.ChunkPersisted(lease))
            return
        self._keep(grant)
        answers = self.send(ev.ChunkPersisted(lease))
        assert (ev.Acknowledge(lease, grant.worker) in answers) <= (grant.worker in self.daemons)

    def deliver(self, job: str) -> None:
        film = self.films[job]
        assert film.outstanding is not None
        chunk, film.outstanding = film.outstanding, None
        film.delivered += 1
        film.admit_kept()
        self.send(ev.ChunkDelivered(job, chunk))

    def cancel(self, job: str) -> None:
        film = self.films[job]
        film.end = film.end or "cancelled"
        self.forget(job)
        self.send(ev.JobCancelled(job))
        assert not any(grant.job == job for grant in self.working.values()), "a lease of a cancelled job goes on"

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.send(ev.Tick())

    # The books

    def send(self, event: ev.Event) -> list[ev.Command]:
        self.wake = None
        commands = self.scheduler.handle(event, self.now)
        self.scheduler.validate()
        for command in commands:
            assert self.wake is None, f"{command} after a WakeAt"
            self.take(command)
        assert not self.suspects, f"chunks beyond all hope, and no FailJob: {self.suspects}"
        self.blamed = None
        self.begun.update(queue[0] for queue in self.queues().values())
        self.auditor.check_ahead()
        self.auditor.check_figures()
        return commands

    def take(self, command: ev.Command) -> None:
        self.auditor.check(command)

    def _keep(self, grant: ev.Grant) -> None:
        film = self.films[grant.job]
        if grant.kind is not LeaseKind.STAGE:
            film.stored.add(grant.chunk)
        elif (stage := film.stage) is not None:
            stage.position += 1
            stage.passed = max(stage.passed, stage.position)
            self._rewind(stage)

    def _rewind(self, stage: StageBooks) -> None:
        """A pinned stage whose seat is lost begins again, once nothing of it is under way."""
        under_way = [*self.working.values(), *self.persisting.values()]
        if (
            stage.pinned
            and not stage.seat
            and not any(self.films[g.job].stage is stage and g.kind is LeaseKind.STAGE for g in under_way)
        ):
            stage.position = 0

    def queues(self) -> dict[tuple[str, int], list[int]]:
        """The leases of each slot, the one that it works on first."""
        queues: dict[tuple[str, int], list[int]] = {}
        for lease, grant in self.working.items():
            queues.setdefault((grant.worker, grant.slot), []).append(lease)
        return queues

    def queue_of(self, lease: int) -> list[int]:
        grant = self.working[lease]
        return self.queues()[grant.worker, grant.slot]

    def ahead(self) -> list[ev.Grant]:
        """What lies ahead of slots at work."""
        return [self.working[lease] for queue in self.queues().values() for lease in queue[1:]]

    def settle(self) -> None:
        """Let everything come to its end, with a good daemon there."""
        self.join("healthy", 2)
        for job, film in self.films.items():
            if not film.final and not film.end:
                self.plan(job, (), final=True)
        for _ in range(10_000):
            if all(film.end for film in self.films.values()):
                return
            self._one_step()
        raise AssertionError(f"stuck: {self.films}")

    def _one_step(self) -> None:
        outstanding = [job for job, film in self.films.items() if film.outstanding is not None and not film.end]
        if self.working:
            self.finish(next(iter(self.working)))
        elif self.persisting:
            self.persist(next(iter(self.persisting)))
        elif outstanding:
            self.deliver(outstanding[0])
        else:
            assert self.wake is not None, f"nothing happens and nothing will: {self.films}"
            self.pass_time(self.wake - self.now)

    def _vanish(self, name: str) -> None:
        self.daemons.pop(name, None)
        self.unseat(name)
        self._release(name)
        for grant in [grant for grant in self.ahead() if grant.worker == name]:
            self.put_back(self.working.pop(grant.lease))
        for lease in [lease for lease, grant in self.working.items() if grant.worker == name]:
            lost = ev.ChunkFailed(lease, WorkerError.code, "lost", retryable=True, slot_lost=True)
            self._blame(self.working.pop(lease), lost)

    def _pop(self, lease: int, can_continue: bool) -> ev.Grant | None:
        """A lease at work ends. The slot's decoder is open at its end if that is said, and if nothing was heard yet of
        the lease that lies ahead."""
        grant = self.working.get(lease)
        if grant is None:
            return None
        first = self.queue_of(lease)[0]
        del self.working[lease]
        self.hosts.pop(part_of(grant), None)
        if first != lease:
            self.passed.add(first)
        elif can_continue and lease not in self.passed:
            self.daemons[grant.worker].tails[grant.slot] = (grant.job, grant.kind, self.chunk_of(grant))
        return grant

    def _next_begins(self, ended: ev.Grant) -> None:
        """What lay ahead, unless it was to go on from there; a pinned stage goes on from what it keeps itself."""
        queue = self.queues().get((ended.worker, ended.slot), [])
        grants = [self.working[lease] for lease in queue[:1]]
        self.begun.update(grant.lease for grant in grants if self.is_pinned(grant) or not grant.continues)

    def put_back(self, grant: ev.Grant) -> None:
        books = self.films[grant.job].books(grant.kind)
        books.attempts[grant.chunk] -= 1
        if isinstance(books, StageBooks):
            books.seat = books.seat if books.position else None
            self._rewind(books)

    def _blame(self, grant: ev.Grant, failed: ev.ChunkFailed) -> None:
        film = self.films[grant.job]
        if grant.worker in self.daemons:
            self.daemons[grant.worker].suspect = True
        for_memory = failed.code == OutOfMemoryError.code
        if (failed.slot_lost or for_memory) and failed.retryable and self._at_work_on(grant):
            return
        books = film.books(grant.kind)
        self.blamed = part_of(grant)
        if for_memory and grant.chunk not in books.spared and self._may_have_alone(grant):
            books.spare(grant.chunk)
            self.hosts[part_of(grant)] = grant.worker
        else:
            books.note_failure(failed, grant)
        if grant.chunk in books.hopeless and not film.end:
            self.suspects.add((grant.job, grant.chunk))
        if isinstance(books, StageBooks):
            books.seat = None
            self._rewind(books)

    def _may_have_alone(self, grant: ev.Grant) -> bool:
        """Whether its chunk may have that daemon for itself: a pinned stage begins anew instead."""
        stays = grant.worker in self.daemons and not self.daemons[grant.worker].draining
        return stays and not self.is_pinned(grant)

    def _release(self, worker: str) -> None:
        """No chunk waits for this daemon any more."""
        self.hosts = {part: host for part, host in self.hosts.items() if host != worker}

    def unseat(self, worker: str, slot: int | None = None) -> None:
        """All that stages knew in this daemon's slots, or this one, is gone."""
        for film in self.films.values():
            if film.stage and film.stage.seat and film.stage.seat[0] == worker and slot in (None, film.stage.seat[1]):
                film.stage.seat = None
                self._rewind(film.stage)

    def _at_work_on(self, grant: ev.Grant) -> bool:
        """Whether any slot has this chunk."""
        return any(part_of(other) == part_of(grant) for other in self.working.values())

    def forget(self, job: str) -> None:
        self.hosts = {part: host for part, host in self.hosts.items() if part[0] != job}
        self.persisting = {lease: grant for lease, grant in self.persisting.items() if grant.job != job}

    def open_daemons(self) -> list[Daemon]:
        return [daemon for daemon in self.daemons.values() if daemon.slots and not daemon.draining]

    def persisting_of(self, job: str, stage: bool = False) -> int:
        return sum(part_of(grant)[:2] == (job, stage) for grant in self.persisting.values())

    def chunk_of(self, grant: ev.Grant) -> Chunk:
        return self.films[grant.job].chunks[grant.chunk]

    def a_slot_is_kept(self) -> bool:
        """For a stage whose result is on its way to disk."""
        return any(grant.kind is LeaseKind.STAGE for grant in self.persisting.values())

    def is_pinned(self, grant: ev.Grant) -> bool:
        stage = self.films[grant.job].stage
        return grant.kind is LeaseKind.STAGE and stage is not None and stage.pinned

    def busy(self, name: str) -> int:
        return sum(worker == name for worker, _ in self.queues())

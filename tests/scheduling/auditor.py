"""Complains of what the scheduler may not do, by the books of its world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.scheduling.books import Daemon, Film
from tests.scheduling.looks import at_work, slots
from vidproc.model import Chunk, LeaseKind
from vidproc.scheduling import events as ev

if TYPE_CHECKING:
    from tests.scheduling.world import World

Part = tuple[str, bool, int]
"""A chunk of a job, or of its stage."""


def part_of(grant: ev.Grant) -> Part:
    return grant.job, grant.kind is LeaseKind.STAGE, grant.chunk


class Auditor:
    def __init__(self, world: World) -> None:
        self._world = world

    def check_not_lazy(self) -> None:
        """With slots free and nothing at work there is nothing that could be done, unless tokens are waited for."""
        world = self._world
        idle = not world.working and slots(world.scheduler) and world.wake is None and not world.a_slot_is_kept()
        for job, film in world.films.items():
            if idle and not film.end and any(d.allow_custom or not film.custom for d in world.open_daemons()):
                here = len(film.stored) + world.persisting_of(job)
                assert here >= min(film.fed, film.delivered + film.in_flight), f"{job} is left waiting"
                assert not film.stage_may_go_on, f"the stage of {job} is left waiting"

    def check(self, command: ev.Command) -> None:
        """It may be given, and goes into the books."""
        match command:
            case ev.Grant():
                self._check_grant(command)
            case ev.Withdraw():
                self._check_withdraw(self._world.working.pop(command.lease))
            case ev.Acknowledge():
                assert command.worker in self._world.daemons, "acknowledged to nobody"
            case ev.Persist() | ev.Discard():
                assert (command.lease in self._world.persisting) == isinstance(command, ev.Persist)
            case ev.Deliver():
                self._check_deliver(command)
            case ev.CompleteJob():
                self._check_complete(command)
            case ev.FailJob():
                self._check_failed(command)
            case ev.WakeAt():
                assert command.time > self._world.now, "a wake in the past: a busy loop"
                self._world.wake = command.time

    def _check_withdraw(self, grant: ev.Grant) -> None:
        film = self._world.films[grant.job]
        over = [self._world.blamed, *map(part_of, self._world.persisting.values())]
        done = part_of(grant) in over and grant.lease in self._world.begun
        if grant.lease in self._world.begun:
            self._world.unseat(grant.worker, grant.slot)
        assert film.end or done or grant.lease not in self._world.begun, "work is thrown away"
        if not (film.end or done):
            self._world.put_back(grant)
            self._world.taken_back.append(grant)

    def check_ahead(self) -> None:
        """What lies ahead goes on from what its slot works on, if anything; no free slot could begin it at once."""
        free = [daemon for name, daemon in self._world.daemons.items() if daemon.slots > self._world.busy(name)]
        well = [daemon for daemon in free if not (daemon.draining or daemon.limited or daemon.suspect)]
        for grant in self._world.ahead():
            if self._world.is_pinned(grant):
                continue  # it can be nowhere else
            if grant.continues:
                before = self._world.working[self._world.queue_of(grant.lease)[0]]
                self._check_follows((before.job, before.kind, self._world.chunk_of(before)), grant)
                assert before.lease not in self._world.passed
            film, chunk = self._world.films[grant.job], self._world.chunk_of(grant)
            shares = grant.chunk and film.chunks[grant.chunk - 1].packets_start == chunk.packets_start
            books = film.books(grant.kind)
            if not (shares or grant.chunk in books.failed or self._world.a_slot_is_kept()):
                assert not any(daemon.allow_custom or not film.custom for daemon in well), "a slot idles beside work"

    def _check_grant(self, grant: ev.Grant) -> None:
        film, daemon = self._world.films[grant.job], self._world.daemons[grant.worker]
        assert not film.end, "a lease of a job that has ended"
        assert not daemon.draining, "a lease for a draining daemon"
        assert daemon.allow_custom or not film.custom, "custom code for a daemon that forbids it"
        assert 0 <= grant.slot < daemon.slots, "no such slot"
        held = [*self._world.working.values(), *self._world.persisting.values()]
        held = [it for it in held if part_of(it) == part_of(grant)]
        assert len(held) == grant.second, "leased twice"
        queue = self._world.queues().get((grant.worker, grant.slot), [])
        assert len(queue) == grant.ahead, "a lease for a slot that has its fill"
        assert not self._world.granted or grant.lease > self._world.granted[-1], "a lease's id was used again"
        if grant.second:
            self._check_second(grant, held[0])
        if grant.kind is not LeaseKind.STAGE:
            assert grant.chunk not in film.stored, "a lease of a chunk that is done"
            self._check_isolation(grant, film)
            assert film.delivered <= grant.chunk < film.delivered + film.in_flight, "a lease outside the window"
            assert grant.chunk < film.fed, "a lease of a chunk that lacks something of the stage"
            film.attempts[grant.chunk] += not grant.second
            assert grant.attempt == film.attempts[grant.chunk], "attempts miscounted"
        else:
            self._check_stage(grant, film)
        self._check_host(grant)
        self._check_continues(grant, daemon, queue)
        self._world.granted.append(grant.lease)
        self._world.working[grant.lease] = grant

    def _check_host(self, grant: ev.Grant) -> None:
        host = self._world.hosts.get(part_of(grant))
        if host is None:
            assert grant.worker not in self._world.hosts.values(), "a lease for a daemon that somebody has for itself"
        else:
            assert grant.worker == host, "it was to have that daemon for itself"
            assert not self._world.busy(host), "it is not alone there"

    def _check_isolation(self, grant: ev.Grant, film: Film) -> None:
        chunk = self._world.chunk_of(grant)
        assert (grant.kind is LeaseKind.FRAME) == (grant.chunk in film.isolated), "isolated or not?"
        faults = {call for call in film.faults if chunk.first <= call.rank < chunk.last}
        assert {fault.call for fault in grant.faults} == faults, "a call that is not to be made"

    def _check_stage(self, grant: ev.Grant, film: Film) -> None:
        stage = film.stage
        assert stage is not None
        assert film.stage_may_go_on, "a stage that should wait"
        assert grant.chunk == stage.position, "a stage out of order"
        assert not self._world.persisting_of(grant.job, stage=True), "a stage that overtakes itself"
        assert grant.replays == (stage.position < stage.passed), "replays or not?"
        if stage.pinned and stage.position > 0:
            assert stage.seat == (grant.worker, grant.slot), "a stage away from its state"
        stage.seat = (grant.worker, grant.slot)
        stage.replays += grant.replays

    def _check_second(self, grant: ev.Grant, first: ev.Grant) -> None:
        rerun = self._world.films[grant.job].rerun
        assert first.lease in self._world.begun & self._world.working.keys(), "a second run of what nobody works on"
        assert (grant.ahead, grant.continues) == (False, False)
        assert grant.chunk not in rerun, "a third run"
        rerun.add(grant.chunk)

    def _check_continues(self, grant: ev.Grant, daemon: Daemon, queue: list[int]) -> None:
        tail = daemon.tails.pop(grant.slot, None)
        if self._world.is_pinned(grant):
            return  # it has a decoder of its own, whatever its slot did between
        if queue:
            before = self._world.working[queue[0]]
            tail = before.job, before.kind, self._world.chunk_of(before)
        if grant.continues:
            assert tail is not None, "continues what this slot never began"
            books = self._world.films[grant.job].books(grant.kind)
            assert grant.chunk not in books.afresh, "it was said that this can't be"
            self._check_follows(tail, grant)

    def _check_follows(self, tail: tuple[str, LeaseKind, Chunk], grant: ev.Grant) -> None:
        (job, kind, before), after = tail, self._world.chunk_of(grant)
        assert (job, kind) == (grant.job, grant.kind)
        assert (before.index + 1, before.stop) == (after.index, after.start)
        assert (before.packets_start, before.segment) == (after.packets_start, after.segment)

    def _check_deliver(self, command: ev.Deliver) -> None:
        film = self._world.films[command.job]
        assert not film.end
        assert film.outstanding is None, "two chunks handed to the muxer at once"
        assert command.chunk == film.delivered, "delivered out of order"
        assert command.chunk in film.stored, "delivered before it was stored"
        film.outstanding = command.chunk

    def _check_complete(self, command: ev.CompleteJob) -> None:
        film = self._world.films[command.job]
        assert not film.end
        assert film.final
        assert film.delivered == len(film.chunks), "complete without all its chunks"
        assert command.retries == film.retries(), "retries miscounted"
        film.end = "complete"

    def _check_failed(self, command: ev.FailJob) -> None:
        film = self._world.films[command.job]
        assert not film.end
        parts = [film, *([film.stage] if film.stage else [])]
        assert any(part.hopeless for part in parts), "failed without need"
        film.end = "failed"
        self._world.suspects = {(job, chunk) for job, chunk in self._world.suspects if job != command.job}
        self._world.forget(command.job)

    def check_figures(self) -> None:
        assert at_work(self._world.scheduler) == len(self._world.queues())
        assert slots(self._world.scheduler) == sum(d.slots for d in self._world.daemons.values() if not d.draining)
        for job, film in self._world.films.items():
            figures = self._world.scheduler.figures(job)
            stored = self._world.persisting_of(job) + len(film.stored) - film.delivered
            in_hand = set(map(part_of, self._world.working.values()))
            leased = sum((name, stage) == (job, False) for name, stage, _ in in_hand)
            assert film.end or (figures.leased, figures.stored) == (leased, stored)
            assert film.end or figures.delivered == film.delivered
            in_flight = figures.leased + figures.stored
            assert in_flight <= film.in_flight, "too much in flight"

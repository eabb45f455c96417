"""Whether jobs share the slots' time: while two both want slots all along, neither gets much more of them."""

from __future__ import annotations

from itertools import combinations

from tests.scheduling.looks import slots
from tests.scheduling.world import World
from vidproc.scheduling import events as ev

_CLAIM_S = 30.0
"""What a job may have been kept waiting for and gets back: the scheduler's own bound, written down again on purpose."""


class Shares:
    """Look at the books after each event. Jobs with a stage want slots twice, and are not compared."""

    def __init__(self, books: World) -> None:
        self._books = books
        self._seen_at = books.now
        self._began: dict[int, float] = {}
        self._working: dict[str, int] = {}
        self._ahead: dict[tuple[str, str], float] = {}
        self._longest = 0.0
        self._most_slots = 0

    def look(self) -> None:
        """Raises `AssertionError` when the slots were shared too unequally."""
        now, wanting = self._books.now, self._wanting()
        self._note_leases(now)
        pairs = {(a, b) for a, b in combinations(wanting, 2) if self._alike(a, b)}
        self._ahead = {pair: self._grown(pair, now - self._seen_at) for pair in pairs}
        self._seen_at = now
        self._working = self._at_work()
        bound = _CLAIM_S + self._most_slots * self._longest
        for pair, seconds in self._ahead.items():
            assert abs(seconds) <= bound, f"of {pair} one is {seconds:.1f} s of slots ahead"

    def _grown(self, pair: tuple[str, str], seconds: float) -> float:
        if pair not in self._ahead:
            return 0.0
        more = self._working.get(pair[0], 0) - self._working.get(pair[1], 0)
        return self._ahead[pair] + seconds * more

    def _wanting(self) -> list[str]:
        """Those with a chunk that any slot may have; one that has failed waits for another daemon, if there is one."""
        jobs, films = self._books.scheduler._jobs, self._books.films
        return [job for job, film in films.items() if job in jobs and set(jobs[job].leasable) - film.failed]

    def _alike(self, one: str, other: str) -> bool:
        films = self._books.films[one], self._books.films[other]
        return films[0].custom == films[1].custom and not any(it.stage for it in films)

    def _first(self) -> list[ev.Grant]:
        return [self._books.working[queue[0]] for queue in self._books.queues().values()]

    def _at_work(self) -> dict[str, int]:
        jobs = [it.job for it in self._first()]
        return {job: jobs.count(job) for job in jobs}

    def _note_leases(self, now: float) -> None:
        """How long the longest has taken so far."""
        for grant in self._first():
            self._began.setdefault(grant.lease, now)
        ended = self._began.keys() - self._books.working.keys()
        for lease in list(self._began):
            self._longest = max(self._longest, now - self._began[lease])
            if lease in ended:
                del self._began[lease]
        self._most_slots = max(self._most_slots, slots(self._books.scheduler))

"""A search for bytes that a target does not stand, led by coverage: what takes a new way through the code is kept, and
altered further. The same seed looks at the same bytes in the same order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from tests.fuzz.coverage import Way, Ways

Run = Callable[[bytes], None]

LONGEST = 4096
_TELLING = (b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\x01", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\x7f\xff\xff\xff")


class Found(Exception):
    """A target raised what it must not raise; `data` is what it was given."""

    def __init__(self, data: bytes, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.data = data


class Search:
    """`tries` gives the number of inputs that are known, after each try. Raises `Found`."""

    def __init__(self, run: Run, seeds: Sequence[bytes], words: Sequence[bytes], where: str, seed: int) -> None:
        self._run = run
        self._words = (*_TELLING, *words)
        self._dice = random.Random(seed)
        self._seeds = [it[:LONGEST] for it in seeds]
        self._ways = Ways(where)
        self._seen: set[Way] = set()
        self.known: list[bytes] = []

    def tries(self) -> Iterator[int]:
        for data in self._seeds:
            self._try(data)
            yield len(self.known)
        while True:
            self._try(self._altered(self._dice.choice(self.known or self._seeds)))
            yield len(self.known)

    @property
    def ways(self) -> int:
        """How many were taken by now."""
        return len(self._seen)

    def _try(self, data: bytes) -> None:
        try:
            new = self._ways.taken(lambda: self._run(data)) - self._seen
        except Exception as error:
            raise Found(data, error) from error
        if new:
            self._seen |= new
            self.known.append(data)

    def _altered(self, data: bytes) -> bytes:
        made = bytearray(data)
        for _ in range(self._dice.choice((1, 1, 2, 4, 16))):
            self._dice.choice((self._flip, self._write, self._insert, self._remove, self._repeat, self._splice))(made)
        return bytes(made[:LONGEST])

    def _place(self, made: bytearray) -> int:
        return self._dice.randrange(len(made) + 1)

    def _flip(self, made: bytearray) -> None:
        if made:
            made[self._dice.randrange(len(made))] ^= 1 << self._dice.randrange(8)

    def _write(self, made: bytearray) -> None:
        place, word = self._place(made), self._dice.choice(self._words)
        made[place : place + len(word)] = word

    def _insert(self, made: bytearray) -> None:
        place = self._place(made)
        made[place:place] = self._dice.choice((self._dice.choice(self._words), self._dice.randbytes(3)))

    def _remove(self, made: bytearray) -> None:
        place = self._place(made)
        del made[place : place + self._dice.choice((1, 2, 8, 64))]

    def _repeat(self, made: bytearray) -> None:
        place, size = self._place(made), self._dice.choice((1, 4, 16))
        made[place:place] = made[place : place + size] * self._dice.choice((1, 2, 20))

    def _splice(self, made: bytearray) -> None:
        other = self._dice.choice(self.known or self._seeds)
        made[self._place(made) :] = other[self._dice.randrange(len(other) + 1) :]

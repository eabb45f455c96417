from __future__ import annotations

import asyncio

from vidproc.web.turns import Turns


def test_so_much_is_done_in_a_round_in_the_order_in_which_it_came() -> None:
    async def main() -> None:
        turns, done = Turns(2), list[int]()
        for number in range(7):
            turns.do(lambda number=number: done.append(number))  # type: ignore[misc]
        seen = [len(done)]
        while len(done) < 7:
            await asyncio.sleep(0)
            seen.append(len(done))
        assert done == list(range(7))
        assert seen == [2, 4, 6, 7]

    asyncio.run(main())


def test_what_comes_alone_does_not_wait() -> None:
    async def main() -> None:
        turns, done = Turns(1), list[int]()
        for number in range(3):
            turns.do(lambda number=number: done.append(number))  # type: ignore[misc]
            assert done[-1] == number
            await asyncio.sleep(0)

    asyncio.run(main())

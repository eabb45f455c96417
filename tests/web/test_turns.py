from __future__ import annotations

import asyncio

from vidproc.web.turns import Turns


def test_so_many_go_on_in_a_round_in_the_order_of_their_coming() -> None:
    async def main() -> None:
        turns, went_on = Turns(2), list[int]()

        async def go(number: int) -> None:
            await turns.mine()
            went_on.append(number)

        tasks = [asyncio.create_task(go(number)) for number in range(7)]
        tasks[3].cancel()
        seen = []
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0)
            seen.append(len(went_on))
        assert went_on == [0, 1, 2, 4, 5, 6]
        assert all(later - before <= 2 for before, later in zip([0, *seen], seen, strict=False))

    asyncio.run(main())


def test_who_comes_alone_does_not_wait() -> None:
    async def main() -> None:
        turns = Turns(1)
        for _ in range(3):
            await asyncio.wait_for(turns.mine(), 10)
            await asyncio.sleep(0)

    asyncio.run(main())

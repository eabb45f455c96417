"""How soon a coordinator answers: a client that asks it something small over and over, until its standard input ends.

What it asks for is to watch a job that there is not, which goes the way of every control message of a client: through
the coordinator's loop and the task that serves this connection. Prints a line when it has the first answer, and at the
end the seconds of all as JSON. It is a program, so that the one that makes the load does not keep it from its clock.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from vidproc.client.endpoint import Endpoint
from vidproc.errors import PeerError
from vidproc.protocol.messages import Error, Watch
from vidproc.transport.address import Address
from vidproc.transport.connect import connect
from vidproc.transport.session import Session

_BETWEEN_S = 0.02


async def probe(address: Address, over: asyncio.Event) -> list[float]:
    """Seconds of each answer. Raises `PeerError` when the connection ends."""
    async with await connect(address, Endpoint(address).party()) as session:
        answers = [await _ask(session)]
        print("here", flush=True)
        while not over.is_set():
            await asyncio.sleep(_BETWEEN_S)
            answers.append(await _ask(session))
    return answers


async def _ask(session: Session) -> float:
    asked = time.perf_counter()
    await session.send(Watch("no such job"))
    answer = (await session.receive()).message
    if not isinstance(answer, Error):
        raise PeerError(f"watching what there is not was answered with {answer.kind}")
    return time.perf_counter() - asked


async def _main(address: Address) -> list[float]:
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, over.set)
    return await probe(address, over)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_main(Address.parse(sys.argv[1])))))

"""vidproc top: the jobs and daemons of a coordinator, as they are now."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidproc.cli import options
from vidproc.tasks import ended

if TYPE_CHECKING:
    from vidproc.client.endpoint import Endpoint
    from vidproc.client.looking import Seen
    from vidproc.client.news import News

_EXAMPLES = """\
  vidproc top
  vidproc top --host coordinator.lan --token-file token --interval 5
  vidproc top --once
  vidproc top --json --interval 10 | jq -c '{at, fps, queued}'"""


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc top",
        "Show what a coordinator's jobs and worker daemons are doing, until q is pressed. Where the output is no "
        "terminal, once. A coordinator that goes away is waited for.",
        _EXAMPLES,
    )
    made.add_argument("--interval", type=_seconds, default=1.0, metavar="S", help="seconds between two looks")
    made.add_argument("--once", action="store_true", help="look once, print what is there, and end")
    made.add_argument("--json", action="store_true", help="a line of JSON for each look, for programs")
    options.add_where(made)
    return made


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0.1 to 86400")
    return seconds


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _run(given))


def _run(given: argparse.Namespace) -> int:
    from vidproc.cli import top_screen, where
    from vidproc.client import looking

    endpoint = where.endpoint(given)
    if given.once or not (given.json or top_screen.possible()):
        seen = asyncio.run(looking.look(endpoint))
        _say_json(seen) if given.json else _say(seen)
    elif given.json:
        asyncio.run(looking.keep_looking(endpoint, given.interval, _tell_json))
    else:
        asyncio.run(_watch(endpoint, given.interval))
    return 0


def _say(seen: Seen) -> None:
    from rich.console import Console

    from vidproc.cli import top_view

    console = Console(highlight=False)
    console.print(top_view.picture(seen, top_view.Frame(console.width)), soft_wrap=True)


def _say_json(seen: Seen) -> None:
    from vidproc.cli import top_view

    print(json.dumps(top_view.as_json(seen, time.time())), flush=True)


def _tell_json(news: Seen | News) -> None:
    from vidproc.cli import reporting
    from vidproc.client.looking import Seen

    if isinstance(news, Seen):
        _say_json(news)
    else:
        print(reporting.sentence(news), file=sys.stderr, flush=True)


async def _watch(endpoint: Endpoint, interval: float) -> None:
    """Whoever cannot be reached to begin with is told of on the terminal as it is."""
    from vidproc.cli.top_screen import Screen
    from vidproc.cli.top_view import LastSeen
    from vidproc.client import looking
    from vidproc.client.lasting import open_session

    session = await open_session(endpoint)
    last = LastSeen()
    screen = Screen(last.picture)

    def tell(news: Seen | News) -> None:
        last.note(news, time.time())
        screen.draw()

    async with screen:
        watching = asyncio.create_task(looking.keep_looking(endpoint, interval, tell, session))
        quitting = asyncio.create_task(screen.quit.wait())
        try:
            await asyncio.wait({watching, quitting}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
        finally:
            await ended(watching, quitting)


if __name__ == "__main__":
    sys.exit(main())

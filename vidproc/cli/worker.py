"""vidproc-worker: lends this host's cores to a coordinator."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidproc.cli import options

if TYPE_CHECKING:
    from vidproc.config import WorkerSettings

_EXAMPLES = """\
  vidproc-worker
  vidproc-worker --host coordinator.lan --token-file t
  vidproc-worker --unix-socket /run/user/1000/vidproc.sock --processes 2 --rate-limit 64"""


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc-worker",
        "Dial a coordinator and work for it, for ever; SIGTERM lets running chunks finish, a second one stops at once.",
        _EXAMPLES,
    )
    made.add_argument(
        "--processes", metavar="N", help="slots (default: the usable cores, less two where there are more than four)"
    )
    made.add_argument("--name", help="how it is called in logs and figures (default: the host's name)")
    made.add_argument(
        "--rate-limit",
        metavar="N",
        help="frames a second that it takes on at most, such as 64; or adaptive: fewer while others need the cores"
        " (default: off)",
    )
    made.add_argument("--frame-timeout", metavar="T", help="seconds that a slot may stay on one frame (default: 30)")
    made.add_argument(
        "--drain-timeout", metavar="T", help="seconds that running chunks may take at SIGTERM to finish (default: 30)"
    )
    made.add_argument(
        "--memory-limit", metavar="SIZE", help="address space of a slot, such as 4GiB; 0 for no limit (default: 4GiB)"
    )
    made.add_argument(
        "--file-limit", metavar="SIZE", help="bytes of each file that a slot writes; 0 for no limit (default: 1GiB)"
    )
    made.add_argument(
        "--allow-custom",
        action="store_true",
        default=None,
        help="run filters that clients send as code: only for clients you trust",
    )
    options.add_where(made)
    options.add_daemon_options(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _start(given))


def _start(given: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until there is something to tidy up, and so a handler of its own
    from vidproc.cli import daemons, logs
    from vidproc.config import WorkerSettings

    settings = daemons.settings_of(WorkerSettings, given)
    logs.configure(given, settings)
    daemons.take_descriptors()
    return asyncio.run(_work(settings))


async def _work(settings: WorkerSettings) -> int:
    import structlog

    from vidproc.cli import daemons
    from vidproc.processes.child import preload
    from vidproc.worker.daemon import PRELOADED, Daemon

    preload(*PRELOADED)
    daemon = Daemon(settings)
    signals = daemons.StopSignals(daemon.drain)
    await daemon.run()
    structlog.get_logger().info("stopped", worker=settings.name)
    return signals.exit_code


if __name__ == "__main__":
    sys.exit(main())

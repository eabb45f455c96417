"""vidproc-worker: lends this host's cores to a coordinator."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from vidproc.cli import options
from vidproc.cli.settings import add_daemon_options, add_settings
from vidproc.config import WorkerSettings

_EXAMPLES = """\
  vidproc-worker
  vidproc-worker --host coordinator.lan --token-file t
  vidproc-worker --unix-socket /run/user/1000/vidproc.sock --processes 2 --rate-limit 64"""


_ROWS = (
    ("--processes", "N", "slots"),
    ("--name", "NAME", "how it is called in logs and figures"),
    (
        "--rate-limit",
        "N",
        "frames a second that it takes on at most, such as 64; or adaptive: fewer while others need the cores",
    ),
    ("--frame-timeout", "T", "seconds that a slot may stay on one frame"),
    ("--drain-timeout", "T", "seconds that running chunks may take at SIGTERM to finish"),
    ("--memory-limit", "SIZE", "address space of a slot, such as 4GiB; 0 for no limit"),
    ("--file-limit", "SIZE", "bytes of each file that a slot writes; 0 for no limit"),
    ("--nice", "N", "how far its slots stand back behind other programs, from 0 to 19"),
    ("--allow-custom", "", "run filters that clients send as code: only for clients you trust"),
)


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc-worker",
        "Dial a coordinator and work for it, for ever; SIGTERM lets running chunks finish, a second one stops at once.",
        _EXAMPLES,
    )
    add_settings(made, WorkerSettings, _ROWS)
    options.add_where(made)
    add_daemon_options(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _start(given))


def _start(given: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until there is something to tidy up, and so a handler of its own
    from vidproc.cli import daemons

    return daemons.run(WorkerSettings, given, _work)


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

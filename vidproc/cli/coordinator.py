"""vidproc-coordinator: takes jobs from clients and has worker daemons do them."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidproc.cli import options

if TYPE_CHECKING:
    from vidproc.config import CoordinatorSettings

_EXAMPLES = """\
  vidproc-coordinator
  vidproc-coordinator --port 9090 --unix-socket /run/user/1000/vidproc.sock
  head -c 32 /dev/urandom | base64 > t && vidproc-coordinator --bind :: --token-file t"""


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc-coordinator",
        "Take jobs from clients, have worker daemons do them, and give the films back.",
        _EXAMPLES,
    )
    made.add_argument(
        "--bind",
        metavar="ADDR",
        help="where to listen, on IPv6 and IPv4 at once; :: is everywhere (default: localhost)",
    )
    made.add_argument("--port", metavar="P", help="port for clients and daemons (default: 9090)")
    made.add_argument("--unix-socket", metavar="PATH", help="listen there too, for this host")
    made.add_argument(
        "--preview-port", metavar="P", help="port kept for previews; nothing listens there yet (default: 8080)"
    )
    made.add_argument(
        "--data-dir", metavar="DIR", help="folder for uploads and results (default: $XDG_STATE_HOME/vidproc)"
    )
    made.add_argument("--codec", help="video codec for jobs that name none (default: h264)")
    made.add_argument("--default-processing", metavar="NAME", help="filter for jobs that name none (default: blur)")
    made.add_argument("--token-file", metavar="FILE", help="file with the token that clients and daemons must hold")
    made.add_argument(
        "--insecure", action="store_true", default=None, help="let anyone in, beyond loopback too, without a token"
    )
    made.add_argument(
        "--memory-limit",
        metavar="SIZE",
        help="address space of a media process, such as 4GiB; 0 for no limit (default: 4GiB)",
    )
    made.add_argument(
        "--source-cache",
        metavar="SIZE",
        help="bytes of films to keep, so that they need not be sent again (default: 20GiB)",
    )
    made.add_argument(
        "--database-url",
        metavar="URL",
        help="where jobs are written down: sqlite:///PATH or postgresql://USER@HOST/NAME (default: a file in the data "
        "folder)",
    )
    made.add_argument(
        "--keep", metavar="TIME", help="how long results and the history of jobs are kept, such as 12h (default: 7d)"
    )
    made.add_argument(
        "--spool-limit",
        metavar="SIZE",
        help="bytes of results to keep; those that were fetched go first; 0 for no limit (default: 20GiB)",
    )
    options.add_daemon_options(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _start(given))


def _start(given: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until there is something to tidy up, and so a handler of its own
    from vidproc.cli import daemons
    from vidproc.config import CoordinatorSettings

    daemons.configure_logs(given)
    return asyncio.run(_serve(daemons.settings_of(CoordinatorSettings, given)))


async def _serve(settings: CoordinatorSettings) -> int:
    import structlog

    from vidproc.cli import daemons
    from vidproc.coordinator.server import PRELOADED, Coordinator, listening_addresses
    from vidproc.processes.child import preload
    from vidproc.storage.database import Database, url_of_file
    from vidproc.storage.sql_journal import SqlJournal

    preload(*PRELOADED)
    stop = asyncio.Event()
    database = Database(settings.database_url or url_of_file(settings.data_dir / "vidproc.db"))
    coordinator = Coordinator(settings, SqlJournal(database))
    signals = daemons.StopSignals(stop.set)
    await coordinator.start(listening_addresses(settings))
    structlog.get_logger().info("ready", listening=coordinator.addresses, data=str(settings.data_dir))
    await stop.wait()
    await coordinator.stop()
    return signals.exit_code


if __name__ == "__main__":
    sys.exit(main())

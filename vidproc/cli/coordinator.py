"""vidproc-coordinator: takes jobs from clients and has worker daemons do them."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidproc.cli import options

if TYPE_CHECKING:
    from vidproc.config import CoordinatorSettings
    from vidproc.coordinator.server import Coordinator
    from vidproc.web.server import WebServer

_EXAMPLES = """\
  vidproc-coordinator
  vidproc-coordinator --port 9090 --unix-socket /run/user/1000/vidproc.sock
  head -c 32 /dev/urandom | base64 > t && vidproc-coordinator --bind :: --token-file t"""


_LIMITS = (
    ("--max-connections", "N", "connections at a time (default: 4096)"),
    ("--max-connections-per-peer", "N", "of one IPv4 address, IPv6 network of 64 bits, or local user (default: 1024)"),
    ("--max-connection-rate", "N", "new connections of one peer a second, beyond the first so many (default: 256)"),
    ("--max-jobs", "N", "jobs at a time (default: 1024)"),
    ("--max-jobs-per-connection", "N", "jobs at a time of one connection (default: 64)"),
    ("--max-frame-pixels", "N", "pixels of a frame (default: 16777216)"),
    ("--max-duration", "T", "how long a film may be (default: 7d)"),
    ("--max-streams", "N", "streams of a film (default: 128)"),
    ("--max-packet", "SIZE", "bytes of a packet of a film's picture; 0 for no limit (default: 128MiB)"),
    ("--max-result", "SIZE", "bytes of what a worker makes of one chunk (default: 1GiB)"),
    ("--upload-limit", "SIZE", "bytes of a film as it is sent; 0 for no limit (default: 0)"),
    ("--upload-keep", "T", "how long an upload over HTTP may rest, or wait for its job (default: 24h)"),
    ("--max-uploads", "N", "such uploads at a time (default: 256)"),
    ("--min-upload-rate", "SIZE", "bytes a second that a film must come at; 0 for no limit (default: 1KiB)"),
    ("--send-timeout", "T", "how long a peer may take nothing of what waits for it (default: 30)"),
    ("--file-limit", "SIZE", "bytes of a film that is made; 0 for no limit (default: 1TiB)"),
    ("--cpu-limit", "T", "processor time for reading and writing one film (default: 6h)"),
    ("--probe-limit", "T", "of that, until it is known what the film is (default: 10)"),
)

_STOP_LIMIT_S = 9.0


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
        "--preview-port", metavar="P", help="port for pages, REST and metrics over HTTP; off for none (default: 8080)"
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
        "--keep-jobs",
        metavar="N",
        help="jobs that have ended to keep, the newest; 0 for no limit (default: 10000)",
    )
    made.add_argument(
        "--spool-limit",
        metavar="SIZE",
        help="bytes of results to keep; those that were fetched go first; 0 for no limit (default: 20GiB)",
    )
    limits = made.add_argument_group("limits", "what is more than that is refused, with the name of the limit")
    for option, metavar, meaning in _LIMITS:
        limits.add_argument(option, metavar=metavar, help=meaning)
    options.add_daemon_options(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _start(given))


def _start(given: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until there is something to tidy up, and so a handler of its own
    from vidproc.cli import daemons
    from vidproc.config import CoordinatorSettings

    settings = daemons.settings_of(CoordinatorSettings, given)
    daemons.configure_logs(given, settings.log_rate)
    daemons.take_descriptors()
    return asyncio.run(_serve(settings))


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

    def leave() -> None:
        """In good time while it starts, too: a database may not answer, and there may be much to clear away."""
        stop.set()
        daemons.leave_within(_STOP_LIMIT_S, signals.exit_code)

    signals = daemons.StopSignals(leave)
    await coordinator.start(listening_addresses(settings))
    web = await _web(coordinator, settings)
    pages = web.addresses if web else []
    structlog.get_logger().info("ready", listening=coordinator.addresses, pages=pages, data=str(settings.data_dir))
    await stop.wait()
    if web:
        await web.stop()
    await coordinator.stop()
    return signals.exit_code


async def _web(coordinator: Coordinator, settings: CoordinatorSettings) -> WebServer | None:
    """Pages are for those who look on: jobs are done without them, too."""
    import structlog

    from vidproc.errors import ClientError

    if settings.preview_port is None:
        return None
    # Half a second, in which daemons and clients are served already.
    room = await asyncio.to_thread(importlib.import_module, "vidproc.web.server")
    web: WebServer = room.WebServer(coordinator.view, settings)
    try:
        web.start()
    except ClientError as error:
        structlog.get_logger().warning("no pages", error=str(error))
        return None
    return web


if __name__ == "__main__":
    sys.exit(main())

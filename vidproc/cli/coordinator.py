"""vidproc-coordinator: takes jobs from clients and has worker daemons do them."""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidproc.cli import options
from vidproc.cli.settings import add_daemon_options, add_settings
from vidproc.config import CoordinatorSettings

if TYPE_CHECKING:
    from vidproc.coordinator.server import Coordinator
    from vidproc.web.server import WebServer

_EXAMPLES = """\
  vidproc-coordinator
  vidproc-coordinator --port 9090 --unix-socket /run/user/1000/vidproc.sock
  head -c 32 /dev/urandom | base64 > t && vidproc-coordinator --bind :: --token-file t"""

_ROWS = (
    ("--bind", "ADDR", "where to listen, on IPv6 and IPv4 at once; :: is everywhere"),
    ("--port", "P", "port for clients and daemons"),
    ("--unix-socket", "PATH", "listen there too, for this host"),
    ("--preview-port", "P", "port for pages, REST and metrics over HTTP; off for none"),
    ("--data-dir", "DIR", "folder for uploads and results"),
    ("--codec", "NAME", "video codec for jobs that name none"),
    ("--default-processing", "NAME", "filter for jobs that name none"),
    ("--token-file", "FILE", "file with the token that clients and daemons must hold"),
    ("--insecure", "", "let anyone in, beyond loopback too, without a token"),
    ("--memory-limit", "SIZE", "address space of a media process, such as 4GiB; 0 for no limit"),
    ("--nice", "N", "how far its media processes stand back behind other programs, from 0 to 19"),
    ("--source-cache", "SIZE", "bytes of films to keep, so that they need not be sent again"),
    ("--database-url", "URL", "where jobs are written down: sqlite:///PATH or postgresql://USER@HOST/NAME"),
    ("--keep", "TIME", "how long results and the history of jobs are kept, such as 12h"),
    ("--keep-jobs", "N", "jobs that have ended to keep, the newest; 0 for no limit"),
    ("--spool-limit", "SIZE", "bytes of results to keep; those that were fetched go first; 0 for no limit"),
)

_LIMITS = (
    ("--max-connections", "N", "connections at a time"),
    ("--max-connections-per-peer", "N", "of one IPv4 address, IPv6 network of 64 bits, or local user"),
    ("--max-connection-rate", "N", "new connections of one peer a second, beyond the first so many"),
    ("--max-jobs", "N", "jobs at a time"),
    ("--max-jobs-per-connection", "N", "jobs at a time of one connection"),
    ("--max-frame-pixels", "N", "pixels of a frame"),
    ("--max-duration", "T", "how long a film may be"),
    ("--max-streams", "N", "streams of a film"),
    ("--max-packet", "SIZE", "bytes of a packet of a film's picture; 0 for no limit"),
    ("--max-result", "SIZE", "bytes of what a worker makes of one chunk"),
    ("--upload-limit", "SIZE", "bytes of a film as it is sent; 0 for no limit"),
    ("--upload-keep", "T", "how long an upload over HTTP may rest, or wait for its job"),
    ("--max-uploads", "N", "such uploads at a time"),
    ("--min-upload-rate", "SIZE", "bytes a second that a film must come at; 0 for no limit"),
    ("--send-timeout", "T", "how long a peer may take nothing of what waits for it"),
    ("--file-limit", "SIZE", "bytes of a film that is made; 0 for no limit"),
    ("--cpu-limit", "T", "processor time for reading and writing one film"),
    ("--probe-limit", "T", "of that, until it is known what the film is"),
)

_STOP_LIMIT_S = 9.0


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc-coordinator",
        "Take jobs from clients, have worker daemons do them, and give the films back.",
        _EXAMPLES,
    )
    add_settings(made, CoordinatorSettings, _ROWS)
    limits = made.add_argument_group("limits", "what is more than that is refused, with the name of the limit")
    add_settings(limits, CoordinatorSettings, _LIMITS)
    add_daemon_options(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _start(given))


def _start(given: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until there is something to tidy up, and so a handler of its own
    from vidproc.cli import daemons

    return daemons.run(CoordinatorSettings, given, _serve)


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
    gc.freeze()  # what is imported stays: a collection that went through all of it took the loop 150 ms
    structlog.get_logger().info("ready", listening=coordinator.addresses, pages=pages, data=str(settings.data_dir))
    await stop.wait()
    if web:
        await web.stop()
    await coordinator.stop()
    structlog.get_logger().info("stopped")
    return signals.exit_code


async def _web(coordinator: Coordinator, settings: CoordinatorSettings) -> WebServer | None:
    """Pages are for those who look on: jobs are done without them, too."""
    import structlog

    from vidproc.errors import ClientError

    if settings.preview_port is None:
        return None
    # Half a second, in which daemons and clients are served already.
    room = await asyncio.to_thread(importlib.import_module, "vidproc.web.server")
    web: WebServer = room.pages_of(coordinator.view, settings)
    try:
        web.start()
    except ClientError as error:
        structlog.get_logger().warning("no pages", error=str(error))
        return None
    return web


if __name__ == "__main__":
    sys.exit(main())

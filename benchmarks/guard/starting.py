"""What importing costs, of which a user of a short job pays most."""

from __future__ import annotations

import importlib

from benchmarks.guard.place import Place, Work


def client(place: Place) -> Work:
    """What `vidproc-send` imports before it does anything."""

    def work() -> None:
        for module in ("vidproc.cli.send", "vidproc.cli.where", "vidproc.cli.reporting", "vidproc.client.remote"):
            importlib.import_module(module)

    return work

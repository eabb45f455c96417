"""The daemons' settings as options: each option is named like its setting, and help tells the setting's default."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from vidproc.config import CoordinatorSettings, Settings, WorkerSettings, default_of, keys, load

Row = tuple[str, str, str]
"""An option, what it is given ("" for a flag), and its meaning."""

_Settings = TypeVar("_Settings", CoordinatorSettings, WorkerSettings)


def add_settings(to: argparse._ActionsContainer, kind: type[Settings], rows: Iterable[Row]) -> None:
    """An option for each row. One that is not given stays None, so that the environment or the file may say it."""
    for option, metavar, meaning in rows:
        default = default_of(kind, option.removeprefix("--").replace("-", "_"))
        if metavar:
            to.add_argument(option, metavar=metavar, help=f"{meaning} (default: {default})" if default else meaning)
        else:
            to.add_argument(option, action="store_true", default=None, help=meaning)


def add_daemon_options(to: argparse.ArgumentParser) -> None:
    """Options of both daemons."""
    to.add_argument(
        "--config", metavar="FILE", help="TOML file with these settings, in a table named like this program"
    )
    to.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info", help="least to log")
    add_settings(to, Settings, [("--log-rate", "N", "lines of one kind to log a second at most")])
    to.add_argument("--log-format", choices=("console", "json"), default="console", help="lines for people or programs")


def settings_of(kind: type[_Settings], given: argparse.Namespace) -> _Settings:
    """The settings from options, environment and file. Raises `ClientError`."""
    said = {key: getattr(given, key, None) for key in keys(kind)}
    return load(kind, said, Path(given.config) if given.config else None, os.environ)

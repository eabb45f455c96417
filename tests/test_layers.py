"""The code keeps to its layers; and the reader that says so can tell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import layers

PACKAGE = Path(__file__).parent.parent / "vidproc"


def test_the_code_keeps_to_its_layers() -> None:
    assert layers.breaches(PACKAGE) == []


def test_each_room_of_the_package_is_in_the_table() -> None:
    rooms = {layers.room_of(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")}
    assert rooms <= layers.ROOMS.keys()


def test_the_table_has_no_circle() -> None:
    """Leaving out `__init__`, which only gives names to users, the rooms can be put in an order."""
    waiting = {room: set(may) - {room, "__init__"} for room, may in layers.ROOMS.items()}
    waiting.pop("__init__")
    waiting.pop("__main__")
    while ready := {room for room, needs in waiting.items() if not needs & waiting.keys()}:
        waiting = {room: needs for room, needs in waiting.items() if room not in ready}
    assert waiting == {}


@pytest.mark.parametrize(
    ("room", "source", "complaint"),
    [
        ("model", "import vidproc.errors as e\nimport vidproc.media.probe", "model may not import media"),
        ("media", "from vidproc.storage import spool", "media may not import storage"),
        ("media", "from vidproc import storage", "media may not import storage"),
        ("media", "def f():\n    from vidproc.worker import chunk", "media may not import worker"),
        ("media", "if TYPE_CHECKING:\n    import vidproc.cli.send", "media may not import cli"),
        ("transport", "import vidproc.processes.child", "transport may not import processes"),
        ("filters", "import vidproc.protocol.messages", "filters may not import protocol"),
        ("pipelines", "import vidproc.media", "pipelines may not import media"),
        ("scheduling", "import vidproc.filters.blur", "scheduling may not import filters"),
        ("coordinator", "import vidproc.worker.daemon", "coordinator may not import worker"),
        ("worker", "import vidproc.coordinator", "worker may not import coordinator"),
        ("web", "import vidproc.worker", "web may not import worker"),
        ("client", "import vidproc.media", "client may not import media"),
        ("media", "from vidproc import process", "media may not import __init__"),
        ("media", "import vidproc", "media may not import __init__"),
        ("cli", "from . import send", "relative import of ..send"),
        ("protocol", "import asyncio", "protocol is pure and may not import asyncio"),
        ("protocol", "from socket import socket", "protocol is pure and may not import socket"),
        ("scheduling", "import time", "scheduling is pure and may not import time"),
        ("scheduling", "import random as r", "scheduling is pure and may not import random"),
        ("filters", "import os.path", "filters is pure and may not import os"),
        ("pipelines", "import av", "pipelines is pure and may not import av"),
        ("worker", "from av.codec import Codec", "av belongs to media"),
        ("coordinator", "import sqlite3", "sqlite3 belongs to storage"),
        ("coordinator", "import sqlalchemy.orm", "sqlalchemy belongs to storage"),
        ("worker", "import cloudpickle", "cloudpickle belongs to functions"),
        ("scheduling", "import numpy", "scheduling may not import numpy"),
        ("filters", "import scipy", "filters may not import scipy"),
        ("protocol", "import pickle", "pickle runs what it reads"),
        ("cli", "import subprocess\nsubprocess.run('ls', shell=True)", "subprocess.run is given a shell"),
        ("cli", "subprocess.run('ls', shell=choice)", "subprocess.run is given a shell"),
        ("cli", "os.system('ls')", "call of os.system"),
        ("filters", "eval('1')", "call of eval"),
        ("attic", "", "attic is no room: add it to the table"),
    ],
)
def test_finds_a_breach(room: str, source: str, complaint: str) -> None:
    assert complaint in [text for _, text in layers.source_breaches(room, source)]


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("media", "import av, os, time\nfrom vidproc.pipelines.graph import run\nfrom vidproc import errors"),
        ("filters", "from vidproc.filters.contract import Filter\nimport cv2, numpy, math"),
        ("protocol", "import msgpack, hmac\nfrom vidproc.protocol.messages import Message"),
        ("storage", "import sqlite3"),
        ("functions", "import cloudpickle"),
        ("cli", "import vidproc\nsubprocess.run(['ls'], shell=False)"),
        ("coordinator", "def time(): ...\nresult = asyncio.time"),
    ],
)
def test_lets_pass_what_is_right(room: str, source: str) -> None:
    assert list(layers.source_breaches(room, source)) == []


@pytest.mark.parametrize("path", ["media/utils.py", "helpers/blur.py", "protocol/struct.py", "queue/__init__.py"])
def test_finds_a_bad_name(path: str) -> None:
    assert list(layers.name_breaches(Path(path)))


def test_reads_every_file_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "probe.py").write_text("import av\nimport pickle\n")
    (tmp_path / "media" / "time.py").write_text("")
    assert layers.breaches(tmp_path) == [
        "media/probe.py:2: pickle runs what it reads",
        "media/time.py: time is the name of a module of the standard library",
    ]


@pytest.mark.parametrize("module", ["vidproc.local", "vidproc.worker.daemon", "vidproc.coordinator.media_child"])
def test_only_a_coordinator_that_writes_its_jobs_down_loads_a_database(module: str) -> None:
    program = f"import sys, {module}; print(*sorted({{'sqlalchemy', 'sqlite3', 'psycopg'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert (done.stdout.strip(), done.stderr) == ("", "")


@pytest.mark.parametrize("module", ["vidproc", "vidproc.client", "vidproc.cli.send", "vidproc.cli.main"])
def test_the_clients_side_starts_light(module: str) -> None:
    """A client is on the screen at once: it must not wait for OpenCV or FFmpeg to load, also not by a detour."""
    heavy = "import sys; print(*sorted({'cv2', 'av', 'numpy', 'pydantic'} & sys.modules.keys()))"
    program = f"import {module}; {heavy}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert (done.stdout.strip(), done.stderr) == ("", "")

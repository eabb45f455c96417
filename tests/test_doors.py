"""The doors in bin/: each leads to its program, from wherever it is called."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from vidproc._version import __version__

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
SCRIPTS: dict[str, str] = PROJECT["project"]["scripts"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of bin/ with a Python that prints its name, its arguments and its PYTHONPATH."""
    root = tmp_path / "a tree"
    (root / "bin").mkdir(parents=True)
    for door in (ROOT / "bin").iterdir():
        (root / "bin" / door.name).write_bytes(door.read_bytes())
        (root / "bin" / door.name).chmod(door.stat().st_mode)
    echo(root / ".venv" / "bin" / "python")
    return root


def echo(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$PYTHONPATH" "$@"\n')
    path.chmod(0o755)


def said(command: list[Path | str], cwd: Path, **environment: str) -> list[str]:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_door_leads_to_its_program(tree: Path, script: str, tmp_path: Path) -> None:
    module = SCRIPTS[script].partition(":")[0]
    arguments = ["--out", "a b.mp4", ""]
    assert said([tree / "bin" / script, *arguments], tmp_path, PATH="/usr/bin:/bin") == [
        str(tree / ".venv" / "bin" / "python"),
        str(tree),
        *["-P", "-m", module, *arguments],
    ]


def test_a_door_can_be_reached_by_a_link(tree: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "send"
    link.parent.mkdir()
    link.symlink_to(tree / "bin" / "vidproc-send")
    heard = said(["./send"], link.parent, PATH="/usr/bin:/bin", PYTHONPATH="/mine")
    assert heard[:2] == [str(tree / ".venv" / "bin" / "python"), f"{tree}:/mine"]


def test_a_door_without_an_environment_takes_the_python_of_the_path(tree: Path, tmp_path: Path) -> None:
    (tree / ".venv" / "bin" / "python").unlink()
    echo(tmp_path / "path" / "python3")
    heard = said([tree / "bin" / "vidproc"], tmp_path, PATH=f"{tmp_path}/path:/usr/bin:/bin")
    assert heard[0] == str(tmp_path / "path" / "python3")


def test_a_program_takes_no_module_from_the_folder_it_is_started_in(tmp_path: Path) -> None:
    for name in ("argparse", "vidproc", "msgpack"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    command = [sys.executable, "-P", "-m", "vidproc.cli.send", "--version"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert __version__ in done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_program_without_its_packages_says_how_to_get_them(script: str) -> None:
    command = [sys.executable, "-S", "-P", "-m", SCRIPTS[script].partition(":")[0], "--version"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {sys.executable} has not the packages that vidproc needs: run make setup first\n"

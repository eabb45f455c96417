"""The commands of docs/http.md, as a person gives them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.programs import Cluster, sha256
from tests.filters.sample_files import cube

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")

PAGE = Path(__file__).parents[2] / "docs" / "http.md"


def test_its_commands_do_what_it_says(site: Cluster, film: Path, tmp_path: Path) -> None:
    shutil.copy(film, tmp_path / "holiday.mp4")
    (tmp_path / "warm.cube").write_bytes(cube())
    (tmp_path / "token").write_text("no token is asked for")
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S))
    commands = commands.replace("http://localhost:8080", site.pages[0]).replace("curl -sS", "curl -sS --fail-with-body")
    bash = ["bash", "-e", "-o", "pipefail", "-c", commands]
    done = subprocess.run(bash, cwd=tmp_path, capture_output=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert site.send(film, tmp_path / "same.mp4", "--filter", "blur:ksize=9").code == 0
    assert sha256(tmp_path / "blurred.mp4") == sha256(tmp_path / "same.mp4")
    assert (tmp_path / "frame.jpg").read_bytes().startswith(b"\xff\xd8")
    assert not done.stderr

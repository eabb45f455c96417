"""All tests at once in two halves: both are heard, and either may fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.programs import until

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.process


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a test of each half."""
    for name in ("programs", "others"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"test_{name}.py").write_text(
            f"import os\n\ndef test_{name}():\n    assert os.environ['FAILS'] != '{name}'\n"
        )
    return tmp_path


def started(folder: Path, *words: str, fails: str = "neither") -> subprocess.Popen[str]:
    code = "import sys; from tests.__main__ import main; sys.exit(main(sys.argv[1:], ['programs']))"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env=os.environ | {"FAILS": fails, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def told(folder: Path, *words: str, fails: str = "neither") -> tuple[int, str]:
    process = started(folder, *words, fails=fails)
    said, _ = process.communicate()
    return process.returncode, said


def test_each_test_is_run_once(folder: Path) -> None:
    code, said = told(folder, "-v")
    assert code == 0
    assert said.count("::test_others PASSED") == said.count("::test_programs PASSED") == 1


@pytest.mark.parametrize("fails", ["programs", "others"])
def test_either_half_may_fail(folder: Path, fails: str) -> None:
    code, said = told(folder, fails=fails)
    assert code == 1
    assert f"FAILED {fails}/test_{fails}.py::test_{fails}" in said


@pytest.mark.parametrize(("chosen", "code"), [("test_others", 0), ("test_nobody", 5)])
def test_of_one_half_there_may_be_nothing(folder: Path, chosen: str, code: int) -> None:
    assert told(folder, "-k", chosen)[0] == code


def test_what_is_named_is_run_alone(folder: Path) -> None:
    code, said = told(folder, "-v", "programs/test_programs.py")
    assert code == 0
    assert "test_programs PASSED" in said
    assert "test_others" not in said


def test_ctrl_c_ends_both_and_both_are_heard(folder: Path) -> None:
    for name in ("programs", "others"):
        text = f"import time\n\ndef test_{name}():\n    open('{name}-runs', 'w').close()\n    time.sleep(1000)\n"
        (folder / name / f"test_{name}.py").write_text(text)
    process = started(folder)
    until(lambda: len(list(folder.glob("*-runs"))) == 2, "both halves to run")
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate()
    assert process.returncode == 2
    assert said.count("KeyboardInterrupt") >= 2

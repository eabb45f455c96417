"""The package's own files say what is true: programs, versions, locked dependencies, the Makefile's verbs."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
SCRIPTS: dict[str, str] = PROJECT["project"]["scripts"]
VERBS = ["setup", "run-local", "serve", "test", "test-long", "style", "types", "bench", "docs", "clean"]


def test_the_programs_are_the_doors_and_exist() -> None:
    assert {path.name for path in (ROOT / "bin").iterdir()} == SCRIPTS.keys()
    for entry in SCRIPTS.values():
        module, _, function = entry.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_the_version_is_written_once() -> None:
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "vidproc._version.__version__"}
    assert "version" in PROJECT["project"]["dynamic"]


def test_what_is_no_code_is_packaged_as_well() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["vidproc"]
    package = ROOT / "vidproc"
    files = [path for path in package.rglob("*.*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    packaged = {path for pattern in patterns for path in package.glob(pattern)}
    assert set(files) <= packaged


def test_the_changelog_has_a_place_for_what_comes() -> None:
    assert re.search(r"^## \[Unreleased\]$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def locked(name: str) -> dict[tuple[str, str], str]:
    """Version by package and marker. Fails on a line that does not pin, or that has no hash."""
    text = re.sub(r"#.*", "", (ROOT / name).read_text()).replace("\\\n", " ")
    found = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        requirement, *hashes = line.split(" --hash=sha256:")
        parsed = Requirement(requirement.strip())
        assert hashes, f"{line} has no hash"
        assert re.fullmatch(r"==[\w.]+", str(parsed.specifier)), f"{line} is not pinned"
        found[parsed.name, str(parsed.marker)] = str(parsed.specifier).removeprefix("==")
    return found


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-core.lock"])
def test_a_lock_names_no_index(name: str) -> None:
    assert not re.search(r"index-url|find-links|https?:|file:", (ROOT / name).read_text())


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["dev"]),
        ("requirements-core.lock", PROJECT["project"]["dependencies"]),
    ],
)
def test_a_lock_holds_what_the_package_wants(name: str, wanted: list[str]) -> None:
    versions = {package.lower(): version for (package, _), version in locked(name).items()}
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(versions[requirement.name.lower()])


def test_the_two_locks_agree() -> None:
    everything, core = locked("requirements.lock"), locked("requirements-core.lock")
    assert core.items() <= everything.items()
    assert not {"pytest", "mypy", "ruff"} & {package for package, _ in core}


def dry_run(verb: str, **variables: str) -> str:
    """What `make` would do for a verb."""
    assigned = [f"{name}={value}" for name, value in variables.items()]
    command = ["make", "--no-print-directory", "--dry-run", "--always-make", verb, *assigned]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_help_is_the_default_and_names_each_verb() -> None:
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = [line.split()[0] for line in done.stdout.splitlines()]
    assert [verb for verb in listed if verb in VERBS] == VERBS
    assert all(len(line.split()) > 1 for line in done.stdout.splitlines())


@pytest.mark.parametrize("verb", [*VERBS, "lock"])
def test_a_verb_calls_only_what_exists(verb: str) -> None:
    planned = dry_run(verb)
    for module in re.findall(r"python (?:-P )?-m ([\w.]+)", planned):
        assert importlib.util.find_spec(module) is not None, f"make {verb} calls {module}"
    for file in re.findall(r"[\w-]+\.(?:lock|toml)", planned):
        assert (ROOT / file).exists()


@pytest.mark.parametrize("verb", set(VERBS) - {"setup", "clean"})
def test_a_verb_sets_up_first(verb: str) -> None:
    assert "--require-hashes -r requirements.lock" in dry_run(verb)


def test_clean_leaves_the_environment_and_results_alone() -> None:
    removed = [word for line in dry_run("clean").splitlines() if "rm -rf" in line for word in shlex.split(line)]
    assert ".venv" not in removed
    assert "out" not in removed


def test_what_run_local_is_told_reaches_the_program(tmp_path: Path) -> None:
    """Names with quotes, spaces and dollars too."""
    made = (ROOT / "Makefile").read_text().replace(".venv/bin/python", "printf '%s\\n'")
    (tmp_path / "Makefile").write_text(made.replace("$(READY) ##", "##"))
    values = {"VIDEO": 'it\'s a "film".mp4', "PROCESSING": "edges", "OUT": "a $HOME b.mp4"}
    done = subprocess.run(
        ["make", "run-local"], cwd=tmp_path, env=os.environ | values, capture_output=True, text=True, check=True
    )
    heard = done.stdout.splitlines()
    said_of = dict(itertools.pairwise(heard))
    assert (said_of["--video"], said_of["--processing"], said_of["--out"]) == tuple(values.values())


def test_the_checks_of_a_change_are_those_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    subprocess.run(["bash", "-n", script], check=True)
    assert os.access(script, os.X_OK)
    called = [shlex.split(line) for line in script.read_text().splitlines() if line.startswith("make ")]
    assert called == [["make", "setup"], ["make", "style", "types", "test", "test-long"]]
    told = re.findall(r"\bmake ((?:[a-z-]+ ?)+)", (ROOT / "README.md").read_text())
    assert {"style", "types", "test", "test-long"} <= {verb for words in told for verb in words.split()}

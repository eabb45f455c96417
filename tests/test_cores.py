from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from vidproc.cores import cgroup_cores, usable_cores


def groups(mount: Path, **files: str) -> Path:
    """Files below `mount`, named by their paths with `__` for `/` and `_dot_` for a dot."""
    for name, text in files.items():
        path = mount / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return mount


@pytest.mark.parametrize(("text", "cores"), [("150000 100000\n", 1.5), ("400000 100000", 4), ("max 100000", math.inf)])
def test_version_2(tmp_path: Path, text: str, cores: float) -> None:
    mount = groups(tmp_path, a__b__cpu_dot_max=text)
    assert cgroup_cores(mount, "0::/a/b\n") == cores


def test_version_2_takes_the_least_of_the_groups_above(tmp_path: Path) -> None:
    groups(tmp_path, a__cpu_dot_max="200000 100000", a__b__cpu_dot_max="300000 100000", cpu_dot_max="max 100000")
    assert cgroup_cores(tmp_path, "0::/a/b\n") == 2


def test_version_2_inside_a_container_whose_path_is_hidden(tmp_path: Path) -> None:
    mount = groups(tmp_path, cpu_dot_max="200000 100000")
    assert cgroup_cores(mount, "0::/\n") == 2
    assert cgroup_cores(mount, "0::/docker/1234\n") == 2
    assert cgroup_cores(mount, "0::/../other\n") == 2


@pytest.mark.parametrize("hierarchy", ["cpu", "cpu,cpuacct"])
def test_version_1(tmp_path: Path, hierarchy: str) -> None:
    folder = tmp_path / hierarchy / "job"
    groups(folder, cpu_dot_cfs_quota_us="250000\n", cpu_dot_cfs_period_us="100000\n")
    assert cgroup_cores(tmp_path, "5:memory:/job\n4:cpu,cpuacct:/job\n0::/job\n") == 2.5


def test_version_1_without_a_limit(tmp_path: Path) -> None:
    groups(tmp_path / "cpu", cpu_dot_cfs_quota_us="-1\n", cpu_dot_cfs_period_us="100000\n")
    assert cgroup_cores(tmp_path, "4:cpu:/\n") == math.inf


def test_no_groups_at_all(tmp_path: Path) -> None:
    assert cgroup_cores(tmp_path, "") == math.inf


def test_never_more_than_the_process_is_bound_to() -> None:
    whole = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(whole)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, whole)
    assert 1 <= usable_cores() <= len(whole)

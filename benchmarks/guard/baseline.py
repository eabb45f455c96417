"""What the workloads took when somebody last said that it is right, and what has grown since."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import msgspec

PATH = Path(__file__).parents[1] / "baseline.json"

Figures = Mapping[str, float]
"""By workload."""

Baselines = dict[str, dict[str, float]]
"""Figures by their surroundings."""


def load(path: Path) -> Baselines:
    return msgspec.json.decode(path.read_bytes(), type=Baselines) if path.exists() else {}


def save(baselines: Baselines, path: Path) -> None:
    ordered = {where: dict(figures) for where, figures in sorted(baselines.items())}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n")


def grown(found: Figures, before: Figures, tolerance: float) -> dict[str, float]:
    """How many times what it took each workload takes that takes more than it may; infinitely many, if it is new."""
    ratios = {name: figure / before[name] if name in before else math.inf for name, figure in found.items()}
    return {name: ratio for name, ratio in ratios.items() if ratio > 1 + tolerance}


def told(name: str, ratio: float, tolerance: float) -> str:
    """What is wrong with one that has grown."""
    if ratio == math.inf:
        return f"{name}: no figure is stored for it"
    return f"{name}: takes {ratio:.3f} times what it took, where {1 + tolerance:g} times may pass"

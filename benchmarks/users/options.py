"""The options that these programs take."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.tasks import TASKS


def parse(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--filter", choices=TASKS, default="blur")
    parser.add_argument("--crf", type=int, default=23)
    parser.add_argument("--preset", default="veryfast")
    return parser.parse_args()

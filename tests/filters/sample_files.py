"""A file for each filter that takes one, made on the spot, and how tests give them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidproc import filters
from vidproc.filters.contract import Chosen, Filter
from vidproc.filters.file_type import FileType
from vidproc.model import FilterSpec, ParamValue


def encoded(picture: NDArray[Any], ending: str = ".png") -> bytes:
    """A picture as a file: height x width (x 3 or 4), uint8 or uint16."""
    done, data = cv2.imencode(ending, picture)
    assert done
    return data.tobytes()


def logo(width: int = 40, height: int = 24) -> NDArray[np.uint8]:
    """Colours on every degree of transparency."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.dstack([x, y, 255 - x, (x + y) / 2]).astype(np.uint8)


def cube(points: int = 5, power: float = 2.0, header: str = "") -> bytes:
    """A lattice that bends each channel, and turns blue a little to green."""
    axis = np.linspace(0, 1, points)
    rows = [(r**power, g + 0.1 * b, b) for b in axis for g in axis for r in axis]
    lines = [f"LUT_3D_SIZE {points}", header, *("{:.6f} {:.6f} {:.6f}".format(*row) for row in rows)]
    return "\n".join(lines).encode()


SAMPLES = {"overlay": encoded(logo()), "lut": cube()}


def needed(found: Filter) -> dict[str, ParamValue]:
    """The least that the filter must be given: a hash for each file."""
    return {param.name: "0" * 64 for param in found.params if param.file is not None}


def chosen(name: str, params: dict[str, Any]) -> Chosen:
    """The filter with its parameters; what is given for a file is its bytes, and a sample where nothing is."""
    kind = {key: value for key, value in params.items() if key == "kind"}
    samples = {"file": "0" * 64} if name in SAMPLES else {}
    found, _ = filters.find(FilterSpec(name, kind | samples))
    return ready(found, {key: value for key, value in params.items() if not (found.kind and key == "kind")})


def ready(found: Filter, params: Mapping[str, Any]) -> Chosen:
    """The same for a filter at hand."""
    given: dict[str, ParamValue] = dict(params)
    files: dict[str, bytes] = {}
    for name in needed(found):
        data = params.get(name, SAMPLES[found.name])
        given[name] = hashlib.sha256(data).hexdigest()
        files[given[name]] = data

    def load(type: FileType, sha256: str) -> Any:
        return type.read(files[sha256])

    resolved = found.resolve(given)
    return found, found.with_files(resolved, load)

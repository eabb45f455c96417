"""Films to measure on: drawn, with the grain of a camera, always the same, kept for the next time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from vidproc.filters.contract import Array
from vidproc.media.probe import main_video
from vidproc.media.sample import draw, make_sample

FOLDER = Path(__file__).parent / ".cache"

_GRAIN = 2.0  # standard deviation, in levels
_GRAIN_SIZE = 1.0  # in pixels: film's and, after a camera's own processing, a sensor's
_MARGIN = 64  # how far the grain may lie beside the picture
_SEED = 20


@dataclass(frozen=True, slots=True)
class Recipe:
    """A film of so many seconds. At its CRF, 1080p comes to 6 Mbit/s, which is usual for a camera.

    one_keyframe: only the first frame is one, as in short films of the web; else each 250th is, as x264 has it.
    """

    seconds: float
    width: int = 1920
    height: int = 1080
    rate: int = 30
    crf: float = 21.7
    one_keyframe: bool = False

    @property
    def name(self) -> str:
        return f"drawn-{self.height}p{self.rate}-{self.seconds:g}s" + "-one-keyframe" * self.one_keyframe


def drawn(recipe: Recipe, folder: Path = FOLDER) -> Path:
    """The film of this recipe, made if it isn't there yet."""
    path = folder / f"{recipe.name}-crf{recipe.crf:g}.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{os.getpid()}-{path.name}")
        try:
            _make(recipe, partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return path


def recipe_of(seconds: float, height: int, one_keyframe: bool = False) -> Recipe:
    """A film of so many seconds and this height, 16:9."""
    return Recipe(seconds, height * 16 // 9 // 2 * 2, height, one_keyframe=one_keyframe)


def picture_of(path: Path) -> tuple[int, int]:
    """(frames, bytes) of the main video, from its packets."""
    with av.open(str(path)) as film:
        sizes = [packet.size for packet in film.demux(main_video(film)) if packet.size]
    return len(sizes), sum(sizes)


def _make(recipe: Recipe, path: Path) -> None:
    grain = _Grain(recipe.width, recipe.height)

    def paint(t: float, width: int, height: int) -> Array:
        return grain.over(draw(t, width, height), round(t * recipe.rate))

    # Without `cpu-independent` x264 gives other bytes from one run to the next, on one and the same processor.
    options = f"crf={recipe.crf:g}:cpu-independent=1:threads=2"
    options += ":keyint=infinite:scenecut=0" * recipe.one_keyframe
    make_sample(path, recipe.seconds, recipe.width, recipe.height, recipe.rate, options, paint)


class _Grain:
    """Noise from one large tile, of which each picture gets another part."""

    def __init__(self, width: int, height: int) -> None:
        size = (height + _MARGIN, width + _MARGIN)
        noise = cv2.GaussianBlur(np.random.default_rng(_SEED).normal(0, 1, size), (0, 0), _GRAIN_SIZE)
        noise = (noise * (_GRAIN / noise.std())).round()
        self._lighter, self._darker = (cv2.merge([part.clip(0, 255).astype(np.uint8)] * 3) for part in (noise, -noise))
        self._size = width, height

    def over(self, picture: Array, number: int) -> Array:
        across, down = number * 37 % _MARGIN, number * 53 % _MARGIN
        width, height = self._size
        part = slice(down, down + height), slice(across, across + width)
        return cv2.subtract(cv2.add(picture, self._lighter[part]), self._darker[part])

"""A film to try things on: a drawn landscape with moving things, and a melody. It is made, so free of rights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from vidproc.filters.contract import Array

_SOUND_RATE = 48_000
_SOUND_BLOCK = 1024
_NOTES = (262, 330, 392, 523, 392, 330)  # Hz: C major, up and down

Painter = Callable[[float, int, int], Array]
"""The picture at a time in seconds, of a width and a height: BGR uint8."""


def make_sample(
    path: Path,
    seconds: float = 10.0,
    width: int = 1280,
    height: int = 720,
    rate: int = 30,
    options: str = "",
    paint: Painter | None = None,
) -> None:
    """Write a film in H.264 and AAC. `options` are x264's, as `name=value:name=value`; `paint` in place of `draw`."""
    paint = paint or draw
    with av.open(str(path), "w") as film:
        video = film.add_stream("libx264", rate=rate, options={"preset": "veryfast", "x264-params": options})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = film.add_stream("aac", rate=_SOUND_RATE, layout="stereo")
        frames, sound = round(seconds * rate), _sound(seconds)
        heard = Fraction(0)
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(paint(number / rate, width, height), "bgr24")
            picture.pts, picture.time_base = number, Fraction(1, rate)
            film.mux(video.encode(picture))
            while heard <= Fraction(number, rate) and (block := next(sound, None)) is not None:
                film.mux(audio.encode(block))
                heard += Fraction(_SOUND_BLOCK, _SOUND_RATE)
        for block in sound:
            film.mux(audio.encode(block))
        film.mux(video.encode(None))
        film.mux(audio.encode(None))


def draw(t: float, width: int, height: int) -> Array:
    """The picture at the time `t` in seconds, BGR uint8 of height x width x 3."""
    picture = _sky(width, height)
    _mountains(picture, t)
    sun = (int(width * (0.2 + 0.05 * t)) % width, int(height * (0.25 + 0.05 * math.sin(t))))
    cv2.circle(picture, sun, height // 10, (90, 220, 255), -1, cv2.LINE_AA)
    for number in range(5):
        _balloon(picture, t, number)
    text = f"vidproc {t:6.2f} s"
    cv2.putText(picture, text, (width // 40, height - height // 30), 0, height / 700, (255, 255, 255), 2, cv2.LINE_AA)
    return picture


def _sky(width: int, height: int) -> Array:
    down = np.linspace(0, 1, height)[:, None, None]
    colours = (1 - down) * np.array((235, 170, 90)) + down * np.array((225, 225, 250))
    return np.ascontiguousarray(np.broadcast_to(colours, (height, width, 3))).astype(np.uint8)


def _mountains(picture: Array, t: float) -> None:
    height, width = picture.shape[:2]
    x = np.arange(0, width + 8, 8)
    for layer, shade in enumerate(((170, 140, 120), (120, 110, 80), (60, 90, 50))):
        phase = x / width * (6 + 3 * layer) + t * 0.2 * (layer + 1)
        ridge = height * (0.55 + 0.13 * layer) - height * 0.08 * (np.sin(phase) + 0.5 * np.sin(2.7 * phase))
        outline = np.column_stack((x, ridge)).astype(np.int32)
        corners = np.array(((width + 8, height), (0, height)), np.int32)
        cv2.fillPoly(picture, [np.vstack((outline, corners))], shade, cv2.LINE_AA)


def _balloon(picture: Array, t: float, number: int) -> None:
    height, width = picture.shape[:2]
    x = int((width * (0.15 + 0.2 * number) + t * width * (0.02 + 0.015 * number)) % width)
    y = int(height * (0.45 + 0.25 * math.sin(0.7 * t + 1.9 * number)))
    size = height // 14
    colour = ((60, 60, 220), (200, 120, 40), (70, 180, 70), (180, 80, 180), (40, 160, 240))[number]
    cv2.ellipse(picture, (x, y), (size, int(size * 1.2)), 0, 0, 360, colour, -1, cv2.LINE_AA)
    cv2.ellipse(picture, (x, y), (size // 3, int(size * 1.2)), 0, 0, 360, (240, 240, 240), 2, cv2.LINE_AA)
    cv2.rectangle(picture, (x - size // 4, y + 2 * size), (x + size // 4, y + 2 * size + size // 3), (40, 60, 100), -1)


def _sound(seconds: float) -> Iterator[av.AudioFrame]:
    samples = round(seconds * _SOUND_RATE)
    for start in range(0, samples, _SOUND_BLOCK):
        t = np.arange(start, min(start + _SOUND_BLOCK, samples)) / _SOUND_RATE
        pitch = np.array(_NOTES)[(t * 2).astype(int) % len(_NOTES)]
        wave = (0.2 * np.sin(2 * np.pi * pitch * t) * np.exp(-3 * (t * 2 % 1))).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.stack((wave, wave)), "fltp", "stereo")
        frame.rate, frame.pts, frame.time_base = _SOUND_RATE, start, Fraction(1, _SOUND_RATE)
        yield frame

"""The filter `faces` beside a Haar cascade that looks at every frame, as OpenCV's tutorials do it.

    python -m benchmarks.faces CLIP... [--portrait astronaut.png --face 177,66,95,95]

Each clip is worked on chunk by chunk, with the frames around a chunk that the filter needs, in turns with the cascade;
what is compared is processor time, so other work on the machine does little harm. In films of a moving face that are
made here the truth is known. In a clip, what most neighbouring frames of the cascade agree upon stands for it. What a
picture of a face looks like matters: one that is drawn here is taken unless `--portrait` names another. The figures in
docs/benchmarks.md are those of scikit-image's `data.astronaut()`.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from cv2.data import haarcascades

from benchmarks.moving_face import Film, Portrait, drawn, pictures
from vidproc.filters.contract import Array, Filter, Picture
from vidproc.filters.faces import DRAW
from vidproc.filters.tracks import Box, boxes
from vidproc.media.convert import Converter
from vidproc.media.pictures import to_picture
from vidproc.model import Colour
from vidproc.pipelines.plan import Pipeline, arrange

PACES = (0.3, 1.0, 2.4, 4.5)
_CHUNK = 180
_WIDEST = 640
_SAME = 0.5  # overlap by which two boxes show the same face

_HEAD = """| film | by | ms a frame | times as fast | found | false | trembling, px |
| --- | --- | --- | --- | --- | --- | --- |"""

Found = list[list[Box]]


@dataclass(slots=True)
class Subject:
    """Who looks for faces: `look(film, start, stop)` says what is in these frames."""

    name: str
    look: Callable[[Sequence[Picture], int, int], Found]
    seconds: float = 0.0
    found: Found = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Score:
    """Of the boxes found in a film: which part of the faces they show, which part shows none, and how they tremble."""

    recall: float
    false: float
    tremble: float


def cascade(name: str) -> Subject:
    """OpenCV's cascade of this name on every frame, at most 640 wide, with OpenCV's own parameters."""
    classifier = cv2.CascadeClassifier(str(Path(haarcascades, f"haarcascade_frontalface_{name}.xml")))

    def look(film: Sequence[Picture], start: int, stop: int) -> Found:
        return [_detected(classifier, picture.planes[0]) for picture in film[start:stop]]

    return Subject(f"Haar, {name}", look)


def _detected(classifier: cv2.CascadeClassifier, luma: Array) -> list[Box]:
    shrunk = min(1.0, _WIDEST / luma.shape[1])
    small = cv2.resize(luma, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA) if shrunk < 1 else luma
    found = classifier.detectMultiScale(small, scaleFactor=1.1, minNeighbors=3)
    return [Box(*(box / shrunk).tolist()) for box in np.asarray(found)]


def ours() -> Subject:
    """The filter with its defaults, drawing included, run as a slot runs it."""
    said: Found = []
    pipeline: Pipeline | None = None

    def look(film: Sequence[Picture], start: int, stop: int) -> Found:
        nonlocal pipeline
        here = film[0]
        pipeline = pipeline or arrange([_noting(said).choose({})], here.format, here.format)
        frames = range(max(0, pipeline.reach.first(start)), min(len(film), pipeline.reach.last(stop)))
        said.clear()
        converter = Converter(Colour(), here.width, here.height)
        for _ in pipeline.run(((rank, film[rank]) for rank in frames), start, stop, converter):
            pass
        return list(said)

    return Subject("faces", look)


def _noting(said: Found) -> Filter:
    """The filter, which also says where it drew."""

    def apply(window: tuple[Picture], out: Picture, **known: Any) -> Picture:
        every, votes = known["every"], known["neighbours"]
        said.append(boxes(known["seen"], known["rank"], every, votes, every / 2))
        result: Picture = DRAW.apply(window, out, **known)
        return result

    return dataclasses.replace(DRAW, apply=apply)


def compare(film: Sequence[Picture], subjects: Sequence[Subject]) -> None:
    """Let them work on the film in turns, chunk by chunk, and note what they find and what that takes."""
    for start in range(0, len(film), _CHUNK):
        for subject in subjects:
            began = time.process_time()
            subject.found += subject.look(film, start, min(start + _CHUNK, len(film)))
            subject.seconds += time.process_time() - began


def overlap(one: Box, other: Box) -> float:
    """The area that both have, as a part of the area that either has."""
    wide = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    high = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / (one.width * one.height + other.width * other.height - wide * high)


def agreed(*witnesses: Found) -> Found:
    """The first witness's boxes that most frames around each confirm, two to each side, by all witnesses."""
    return [
        [box for box in here if _confirmed(box, [frame for each in witnesses for frame in each[max(0, r - 2) : r + 3]])]
        for r, here in enumerate(witnesses[0])
    ]


def _confirmed(box: Box, frames: Sequence[list[Box]]) -> bool:
    return 2 * sum(_follow(box, frame) is not None for frame in frames) > len(frames)


def score(found: Found, truth: Found, exact: bool) -> Score:
    """How good the boxes are; `exact` if the truth is where the faces are, to the pixel, so that they are to move with
    it: else a box trembles as far as it is from halfway between those before and after it."""
    faces = [(rank, face) for rank, frame in enumerate(truth) for face in frame]
    given = [(rank, box) for rank, frame in enumerate(found) for box in frame]
    shown = sum(_follow(face, found[rank]) is not None for rank, face in faces)
    wrong = sum(_follow(box, truth[rank]) is None for rank, box in given)
    moves = list(_trembling(found, truth if exact else None))
    return Score(shown / max(1, len(faces)), wrong / max(1, len(given)), float(np.mean(moves)) if moves else 0.0)


def _trembling(found: Found, truth: Found | None) -> Iterator[float]:
    """Pixels that each edge of a box is off the middle between the same edge a frame before and after."""
    for rank in range(1, len(found) - 1):
        beside = [(found[at], None if truth is None else truth[at]) for at in (rank - 1, rank, rank + 1)]
        for box in found[rank]:
            before, here, after = (_edges(_follow(box, frame), faces) for frame, faces in beside)
            if before is not None and here is not None and after is not None:
                yield float(np.abs(here - (before + after) / 2).mean())


def _follow(box: Box, frame: Sequence[Box]) -> Box | None:
    """The box of a frame that shows the same face."""
    best = max(frame, key=lambda each: overlap(box, each), default=None)
    return best if best is not None and overlap(box, best) >= _SAME else None


def _edges(box: Box | None, truth: list[Box] | None) -> Array | None:
    """Left, top, right and bottom, as they are or measured from those of the true face, if there is one."""
    if box is None:
        return None
    edges = np.array((box.left, box.top, box.left + box.width, box.top + box.height))
    if truth is None:
        return edges
    true = _edges(_follow(box, truth), None)
    return None if true is None else edges - true


def decoded(clip: Path, most: int) -> list[Picture]:
    """The first frames of a film, at most so many. Its pixel format must be planar YUV."""
    with av.open(str(clip)) as source:
        return [to_picture(frame) for frame in islice(source.decode(video=0), most)]


def rows(name: str, film: Sequence[Picture], truth: Found | None) -> Iterator[str]:
    """The lines of the table about one film."""
    subjects = [cascade("default"), cascade("alt2"), ours()]
    compare(film, subjects)
    known = truth if truth is not None else agreed(*(each.found for each in subjects[:2]))
    for subject in subjects:
        good = score(subject.found, known, truth is not None)
        each, times = 1000 * subject.seconds / len(film), subjects[0].seconds / subject.seconds
        figures = f"{each:.1f} | {times:.1f} | {good.recall:.1%} | {good.false:.1%} | {good.tremble:.2f}"
        yield f"| {name} | {subject.name} | {figures} |"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks.faces", description=(__doc__ or "").partition("\n")[0])
    made.add_argument("clips", nargs="*", type=Path, metavar="CLIP", help="films of planar YUV to measure on")
    made.add_argument("--portrait", type=Path, help="picture of a face, for films of it moving (default: one is drawn)")
    made.add_argument("--face", default="0,0,0,0", metavar="X,Y,W,H", help="where the face is in that picture")
    made.add_argument("--frames", type=int, default=240, help="of each film at most (default: 240)")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    cv2.setNumThreads(1)
    portrait = drawn()
    if given.portrait:
        with av.open(str(given.portrait)) as file:
            picture = next(file.decode(video=0)).to_ndarray(format="bgr24")
        portrait = Portrait(picture, Box(*map(float, given.face.split(","))))
    print(_HEAD)
    for clip in given.clips:
        print(*rows(clip.name, decoded(clip, given.frames), None), sep="\n", flush=True)
    for pace in PACES:
        film = Film(frames=given.frames, pace=pace)
        truth = [[film.box(rank)] for rank in range(film.frames)]
        fastest = max(abs(after[0].left - before[0].left) for before, after in pairwise(truth))
        name = f"moving by up to {fastest:.0f} px a frame"
        print(*rows(name, list(pictures(portrait, film)), truth), sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""What a picture process shows, against the same filters over the whole film."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.media import clips
from vidproc import filters
from vidproc.coordinator import picture_child
from vidproc.coordinator.picture_orders import ToOpen, ToShow
from vidproc.filters.contract import Array
from vidproc.media.convert import Converter
from vidproc.media.output_format import encoder_spec, shape_of
from vidproc.media.pictures import working_format
from vidproc.model import FilterSpec, JobSpec, ParamValue
from vidproc.pipelines.plan import plan, shapes
from vidproc.processes.chance import seed

PARAMS: dict[str, dict[str, ParamValue]] = {
    "crop": {"width": 50, "height": 40, "x": 3, "y": 5},
    "resize": {"width": 70},
    "rotate": {"angle": 90},
    "text": {"text": "{frame} {time}"},
}
WITHOUT_FILE = [name for name in filters.names() if name not in ("lut", "overlay")]
KINDS = [("blur", "median"), ("blur", "bilateral"), ("motion", "flow"), ("motion", "mog2"), ("edges", "sobel")]
CHAINS = [
    *([FilterSpec(name, PARAMS.get(name, {}))] for name in WITHOUT_FILE),
    *([FilterSpec(name, {"kind": kind})] for name, kind in KINDS),
    [FilterSpec("motion"), FilterSpec("motion"), FilterSpec("blur")],
    [FilterSpec("motion", {"kind": "mog2", "every": 7}), FilterSpec("motion", {"kind": "flow"})],
    [FilterSpec("motion", {"kind": "mog2", "every": 0})],
    [],
]


@pytest.fixture(scope="module", autouse=True)
def _no_limits() -> Iterator[None]:
    """On the processor time of the tests' own process."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(picture_child, "allow_processor_time", lambda *seconds: None)
        yield


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> picture_child._Film:
    folder = tmp_path_factory.mktemp("film")
    path = clips.make("constant rate", folder)
    return picture_child._read(ToOpen(str(path), str(folder / "packets"), frame_pixels=10**6))


def over_the_whole(film: picture_child._Film, job: JobSpec) -> list[Array]:
    """All frames as a job makes them, before they are encoded."""
    stream = film._source.info.stream
    spec, _ = encoder_spec(stream, job, shapes(job.filters, shape_of(stream))[-1])
    pipeline = plan(job.filters, working_format(stream.pix_fmt), spec.pix_fmt)
    converter, count = Converter(spec.colour, spec.width, spec.height), film._source.frames
    seed(0)
    frames = pipeline.run(film._frames.pictures(range(count)), 0, count, converter, time_of=film._time_of)
    return [converter.convert(picture, "bgr24").array.copy() for _, picture in frames]


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: "+".join(spec.name for spec in chain))
def test_a_preview_is_the_frame_that_a_whole_pass_makes(film: picture_child._Film, chain: list[FilterSpec]) -> None:
    job = JobSpec(tuple(chain))
    whole = over_the_whole(film, job)
    for rank in (59, 0, 31, 32, 30, 7):
        bgr, exact = film.show(ToShow(rank, 4096, job))
        assert exact
        assert np.array_equal(bgr, whole[rank]), rank


def test_of_large_frames_fewer_are_gone_through(film: picture_child._Film, monkeypatch: pytest.MonkeyPatch) -> None:
    job = JobSpec((FilterSpec("motion", {"kind": "mog2", "every": 0}),))
    assert film.show(ToShow(40, 96, job))[1]
    monkeypatch.setattr(picture_child, "_MOST_PIXELS_BEFORE", 39 * clips.WIDTH * clips.HEIGHT)
    assert not film.show(ToShow(40, 96, job))[1]


def test_a_film_is_not_read_where_the_disk_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_child, "_RESERVE", 2**62)
    with pytest.raises(picture_child.StorageError, match="too little disk"):
        picture_child._read(ToOpen(str(clips.make("single frame", tmp_path)), str(tmp_path / "packets")))

"""One frame that a filter can't do costs that frame: it falls back, and all others are as if it had been done."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, Program, cluster, run, sha256, until

pytestmark = pytest.mark.process

FRAMES = 60
CHUNK = 12
POISON = 17

_FILTER = """
import ctypes
import os
import time

def inverted(frame):
    number = round(int(frame[0, 0, 0]) * 219 / 255 / 3)
    if number in {poison}:
        {deed}
    return 255 - frame
"""


@pytest.fixture(scope="session")
def numbered(films: Path) -> Path:
    """A lossless film whose frames are gray, each three levels brighter than the one before; keyframes every 12."""
    path = films / "numbered.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=24, options={"g": str(CHUNK)})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(FRAMES):
            planes = np.full((96, 96), 128, np.uint8)
            planes[:64] = 16 + 3 * number
            out.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        out.mux(stream.encode(None))
    return path


def levels(path: Path) -> list[int]:
    """The brightness of each frame."""
    with av.open(str(path)) as film:
        return [int(frame.to_ndarray()[32, 48]) for frame in film.decode(video=0)]


def filter_file(folder: Path, deed: str, *poison: int) -> Path:
    """A filter that inverts, and does that at these frames."""
    path = folder / "mine.py"
    path.write_text(_FILTER.format(deed=deed, poison=poison))
    return path


def done(cluster: Cluster, film: Path, folder: Path, filter: Path, *words: object) -> tuple[list[int], dict[str, Any]]:
    """The brightness of the result's frames, and the job's figures."""
    out, figures = folder / "out.mkv", folder / "figures.json"
    outcome = cluster.send(film, out, "--codec", "ffv1", "--filter", filter, "--metrics-json", figures, *words)
    assert outcome.code == 0, outcome.err
    return levels(out), json.loads(figures.read_text())


def expected(*poison: int) -> list[int]:
    """What is made of the film but for these frames, which are left as they were."""
    before = [16 + 3 * number for number in range(FRAMES)]
    return [level if number in poison else 235 + 16 - level for number, level in enumerate(before)]


DEEDS = {
    "raises": "raise ValueError('no')",
    "dies": "ctypes.string_at(0)",
    "leaves": "os._exit(3)",
    "eats memory": "frame = b''.join(bytes(2**28) for _ in range(99))",
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_that_frame_alone_is_left_as_it_was(shared: Cluster, numbered: Path, tmp_path: Path, deed: str) -> None:
    found, figures = done(shared, numbered, tmp_path, filter_file(tmp_path, deed, POISON))
    assert found == expected(POISON)
    assert figures["fallback_frames"]["total"] == 1
    assert list(figures["fallback_frames"]["by_frame"]) == [str(POISON)]
    assert not figures["reproducible"]
    assert "1 frame that a filter could not do is shown unfiltered (--on-error)" in figures["losses"]


@pytest.mark.long
def test_so_is_one_that_takes_for_ever(numbered: Path, tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster") as own:
        own.add_worker(2, "--allow-custom", "--frame-timeout", "1")
        found, figures = done(own, numbered, tmp_path, filter_file(tmp_path, "time.sleep(1000)", POISON))
    assert found == expected(POISON)
    (reason,) = figures["fallback_frames"]["by_frame"].values()
    assert reason == "it took longer than 1 s (--frame-timeout)"


@pytest.mark.parametrize(
    ("how", "shown"), [("previous", 235 + 16 - (16 + 3 * (POISON - 1))), ("black", 16)], ids=["previous", "black"]
)
def test_another_frame_may_be_shown_in_its_place(
    shared: Cluster, numbered: Path, tmp_path: Path, how: str, shown: int
) -> None:
    found, _ = done(shared, numbered, tmp_path, filter_file(tmp_path, DEEDS["raises"], POISON), "--on-error", how)
    assert found[POISON] == shown
    assert found[:POISON] + found[POISON + 1 :] == expected()[:POISON] + expected()[POISON + 1 :]


@pytest.mark.parametrize("deed", [DEEDS["raises"], DEEDS["dies"]], ids=["raises", "dies"])
def test_several_in_one_chunk_and_at_its_edges(shared: Cluster, numbered: Path, tmp_path: Path, deed: str) -> None:
    poison = 2 * CHUNK, 2 * CHUNK + 4, 3 * CHUNK - 1
    found, figures = done(shared, numbered, tmp_path, filter_file(tmp_path, deed, *poison))
    assert found == expected(*poison)
    assert list(figures["fallback_frames"]["by_frame"]) == [str(rank) for rank in poison]


@pytest.mark.parametrize("deed", [DEEDS["raises"], DEEDS["dies"]], ids=["raises", "dies"])
def test_neighbours_in_other_chunks_see_it_as_it_was(
    shared: Cluster, numbered: Path, tmp_path: Path, deed: str
) -> None:
    """What the next filter sees before the first of its chunk, and behind the last, is another chunk's frame."""
    poison = 2 * CHUNK - 1, 3 * CHUNK
    filter = filter_file(tmp_path, deed, *poison)
    found, figures = done(shared, numbered, tmp_path, filter, "--filter", mean_of_neighbours(tmp_path))
    seen, original = expected(*poison), expected(*range(FRAMES))
    ends = [seen[0], *seen, seen[-1]]
    wanted = [round((before + after) / 2) for before, after in zip(ends, ends[2:], strict=False)]
    wanted = [original[rank] if rank in poison else level for rank, level in enumerate(wanted)]
    assert max(abs(one - other) for one, other in zip(found, wanted, strict=True)) <= 1, "for rounding"
    assert figures["fallback_frames"]["total"] == len(poison)


def mean_of_neighbours(folder: Path) -> Path:
    path = folder / "mean.py"
    path.write_text("""
import vidproc

@vidproc.filter(window=(-1, 1))
def mean(frames):
    before, here, after = frames
    before = here if before is None else before
    after = here if after is None else after
    return ((before.astype(int) + after + 1) // 2).astype("uint8")
""")
    return path


@pytest.mark.parametrize("deed", [DEEDS["raises"], DEEDS["dies"]], ids=["raises", "dies"])
def test_the_bytes_are_the_same_whoever_works(shared: Cluster, film: Path, tmp_path: Path, deed: str) -> None:
    """Two slots, or one process alone, which meets everything in order; lossy, with windows, at the edges of chunks."""
    filters = ("--filter", at_bright_frames(tmp_path, deed), "--filter", mean_of_neighbours(tmp_path))
    figures = tmp_path / "figures.json"
    assert shared.send(film, tmp_path / "two.mp4", *filters, "--metrics-json", figures).code == 0
    assert run(film, "-o", tmp_path / "one.mp4", *filters, "--processes", 1).code == 0
    assert sha256(tmp_path / "one.mp4") == sha256(tmp_path / "two.mp4")
    assert 3 <= json.loads(figures.read_text())["fallback_frames"]["total"] <= 16


def at_bright_frames(folder: Path, deed: str) -> Path:
    """A filter that depends on the picture alone, as most do."""
    path = folder / "bright.py"
    path.write_text(f"""
import ctypes

def bright(frame):
    if int(frame[:, :, 1].sum(dtype=int)) % 8 == 0:
        {deed}
    return 255 - frame
""")
    return path


def test_a_filter_that_raises_on_all_frames_but_one(shared: Cluster, numbered: Path, tmp_path: Path) -> None:
    poison = range(1, FRAMES)
    found, figures = done(shared, numbered, tmp_path, filter_file(tmp_path, DEEDS["raises"], *poison))
    assert found == expected(*poison)
    assert figures["fallback_frames"]["total"] == FRAMES - 1
    assert len(figures["fallback_frames"]["by_frame"]) == 50
    assert figures["retries"]["total"] == 4 * FRAMES // CHUNK, "three as it was, and one frame by frame"


def test_a_filter_that_raises_on_every_frame_has_done_nothing(
    shared: Cluster, numbered: Path, tmp_path: Path
) -> None:
    filter = filter_file(tmp_path, DEEDS["raises"], *range(FRAMES))
    outcome = shared.send(numbered, tmp_path / "out.mkv", "--codec", "ffv1", "--filter", filter)
    assert outcome.code == 4
    assert "no frame of the film could be done: frame 0 failed: the custom filter failed" in outcome.complaint
    assert not (tmp_path / "out.mkv").exists()


def test_a_filter_that_dies_on_every_frame_fails_its_job(shared: Cluster, numbered: Path, tmp_path: Path) -> None:
    """Each frame costs two processes at least, and that has to end."""
    filter = filter_file(tmp_path, DEEDS["leaves"], *range(FRAMES))
    outcome = shared.send(numbered, tmp_path / "out.mkv", "--codec", "ffv1", "--filter", filter)
    assert outcome.code == 4
    assert "ended with exit code 3" in outcome.complaint


def test_it_may_fail_the_job_instead(shared: Cluster, numbered: Path, tmp_path: Path) -> None:
    filter = ("--filter", filter_file(tmp_path, DEEDS["raises"], POISON), "--on-error", "fail")
    outcome = shared.send(numbered, tmp_path / "out.mkv", "--codec", "ffv1", *filter)
    assert outcome.code == 4
    assert f"frame {POISON} failed: the custom filter failed: ValueError: no" in outcome.complaint
    assert "4 attempts" in outcome.complaint


def test_the_client_says_how_many(shared: Cluster, numbered: Path, tmp_path: Path) -> None:
    filter = filter_file(tmp_path, DEEDS["raises"], POISON, POISON + 1)
    outcome = shared.send(numbered, tmp_path / "out.mkv", "--codec", "ffv1", "--filter", filter)
    assert ", 2 frames fell back; " in outcome.err


_STEADY = """
import time

def steady(frame):
    with open({count!r}, "ab") as file:
        file.write(b".")
    time.sleep(0.01)
    return frame
"""


def steady(folder: Path) -> tuple[Path, Path]:
    """A filter that takes its time and changes nothing, and the file that grows by a byte with each frame."""
    path, count = folder / "steady.py", folder / "count"
    path.write_text(_STEADY.format(count=str(count)))
    count.touch()
    return path, count


def slots_of(daemon: Program) -> list[psutil.Process]:
    """Its slots are the fork server's children."""
    servers = psutil.Process(daemon.process.pid).children()
    return [slot for server in servers for slot in server.children()]


def _until_grown(file: Path, by: int, sending: Program) -> None:
    size = file.stat().st_size + by
    until(lambda: file.stat().st_size >= size or sending.process.poll() is not None, f"{by} frames more")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_slots_killed_from_outside_at_any_moment_cost_no_frame(film: Path, tmp_path: Path, seed: int) -> None:
    """Five in each of four jobs: each kill comes after so many more frames, to whichever slot."""
    rng, (filter, count) = random.Random(seed), steady(tmp_path)
    assert run(film, "-o", tmp_path / "undisturbed.mp4", "--filter", filter).code == 0
    figures = tmp_path / "figures.json"
    with cluster(tmp_path / "cluster") as own:
        daemon = own.add_worker(2, "--allow-custom")
        sending = own.sending(film, tmp_path / "out.mp4", "--filter", filter, "--metrics-json", figures)
        for _ in range(5):
            _until_grown(count, rng.randint(1, 20), sending)
            with contextlib.suppress(psutil.NoSuchProcess):
                rng.choice(until(lambda: slots_of(daemon), "a slot")).kill()
        assert sending.wait() == 0, sending.said
        deaths = len(own.log("chunk failed"))
    told = json.loads(figures.read_text())
    assert sha256(tmp_path / "out.mp4") == sha256(tmp_path / "undisturbed.mp4")
    assert told["fallback_frames"] == {"total": 0, "by_frame": {}}
    assert deaths, "of five kills one at least was of a slot at work"


@pytest.mark.long
def test_a_slot_that_is_stopped_is_replaced_at_the_limit_of_a_frame(film: Path, tmp_path: Path, plain: str) -> None:
    gate = Gate(tmp_path)
    with cluster(tmp_path / "cluster") as own:
        own.add_worker(1, "--allow-custom", "--frame-timeout", "2")
        sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
        os.kill(gate.reached()[0], signal.SIGSTOP)
        gate.open()
        assert sending.wait() == 0, sending.said
        (failed,) = own.log("chunk failed")
    assert "took longer than 2 s" in failed["error"]
    assert sha256(tmp_path / "out.mp4") == plain

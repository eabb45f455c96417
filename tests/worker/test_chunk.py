"""A slot's work, done in this process: the same bytes however a film is cut and wherever a decoder goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.media import clips
from tests.worker.work import LINE_OF_THE_DEED, MOTION, Work, at_frame, pixels, work_on
from vidproc.errors import ClientError, FilterError, MediaError, WorkerError
from vidproc.metrics.runs import joined
from vidproc.model import ChunkReport, FilterSpec
from vidproc.processes.gauge import Gauge
from vidproc.protocol.framing import Limits, pack
from vidproc.protocol.messages import Result
from vidproc.protocol.shape import check_shape
from vidproc.worker import footage
from vidproc.worker.chunk import ChunkRunner

pytestmark = pytest.mark.media


def test_a_chunk_that_goes_on_from_the_last_is_the_same_as_one_from_its_seek_point(
    one_keyframe: Work, runner: ChunkRunner
) -> None:
    assert len(one_keyframe.chunks) == 5
    for index in one_keyframe.chunks:
        goes_on = index > 0
        report, records = runner.run(one_keyframe.task(index, goes_on), one_keyframe.packets(index, goes_on))
        assert records == one_keyframe.expected(index)
        assert report.can_continue is (index < 4)
        assert report.lead_in == 0


def test_window_filters_see_across_the_edges_of_chunks(folder: Path, runner: ChunkRunner) -> None:
    behind = FilterSpec("custom", code=_AHEAD)
    lossless = work_on(clips.make("one keyframe", folder), folder, (MOTION, behind), crf=0)
    report, records = runner.run(*lossless.whole())
    sequential = pixels(report, records)
    assert len(sequential) == report.frames == 60
    chunked: dict[int, bytes] = {}
    for index in lossless.chunks:
        chunked |= pixels(*runner.run(lossless.task(index), lossless.packets(index)))
    assert chunked == sequential


_DICE = """
import random
import cv2
import numpy

def noisy(frame):
    noise = numpy.empty_like(frame)
    cv2.randu(noise, 0, random.randrange(1, 50))
    return cv2.add(frame, noise + numpy.random.randint(0, 9, frame.shape, numpy.uint8))
"""


def test_chance_begins_alike_whatever_a_slot_did_before(folder: Path, gauge: Gauge) -> None:
    job = work_on(clips.make("one keyframe", folder), folder, (FilterSpec("custom", code=_DICE),))
    used, fresh = ChunkRunner(gauge), ChunkRunner(gauge)
    before = [used.run(job.task(index), job.packets(index))[1] for index in job.chunks]
    assert [fresh.run(job.task(index), job.packets(index))[1] for index in reversed(job.chunks)] == before[::-1]
    assert len(set(before)) == len(before)


def test_sizes_and_numbers_of_frames_are_the_same_in_every_chunk(folder: Path, runner: ChunkRunner) -> None:
    smaller, numbered = FilterSpec("resize", {"width": 44}), FilterSpec("text", {"position": "center"})
    lossless = work_on(clips.make("one keyframe", folder), folder, (smaller, MOTION, numbered), crf=0)
    sequential = pixels(*runner.run(*lossless.whole()))
    chunked: dict[int, bytes] = {}
    for index in lossless.chunks:
        chunked |= pixels(*runner.run(lossless.task(index), lossless.packets(index)))
    assert chunked == sequential
    assert lossless.encoder.width == 44
    assert len(set(sequential.values())) == 60


BACKGROUND = FilterSpec("motion", {"kind": "mog2", "every": 48})


@pytest.mark.parametrize("name", ["one keyframe", "joined"])
def test_filters_that_remember_do_so_wherever_a_film_is_cut(name: str, folder: Path, gauge: Gauge) -> None:
    behind = FilterSpec("custom", code=_AHEAD)
    job = work_on(clips.make(name, folder), folder, (BACKGROUND, MOTION, behind), crf=0)
    sequential: dict[int, bytes] = {}
    chunked: dict[int, bytes] = {}
    for segment in job.film.result.segments:
        sequential |= pixels(*ChunkRunner(gauge).run(*job.whole(segment.index)))
        for start in range(segment.start, segment.stop, 17):
            stop = min(start + 17, segment.stop)
            chunked |= pixels(*ChunkRunner(gauge).run(*job.cut(segment, start, stop)))
    assert chunked == sequential
    assert len(set(sequential.values())) > 30


def test_filters_that_remember_do_so_where_a_slot_goes_on(folder: Path, gauge: Gauge) -> None:
    job = work_on(clips.make("one keyframe", folder), folder, (BACKGROUND,))
    assert [(chunk.first, chunk.start) for chunk in job.film.chunks] == [(0, 0), (0, 24), (48, 48)]
    assert [records for _, records in _going_on(job, gauge)] == [job.expected(n) for n in job.chunks]


def test_what_would_take_too_much_memory_is_not_kept_for_the_next_chunk(
    folder: Path, gauge: Gauge, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = work_on(clips.make("one keyframe", folder), folder, (BACKGROUND,))
    for frames, can_continue in ((24, [True, True, False]), (23, [False, True, False])):
        monkeypatch.setattr(footage, "MOST_KEPT", frames * job.encoder.width * job.encoder.height)
        assert [report.can_continue for report, _ in _going_on(job, gauge)] == can_continue


_AHEAD = """
import vidproc

@vidproc.filter(formats="gray", window=(0, 2))
def ahead(frames):
    here, _, later = frames
    return here if later is None else later // 2 + here // 2
"""


def test_the_report_adds_up(work: Work, runner: ChunkRunner) -> None:
    report, _ = runner.run(work.task(1), work.packets(1))
    assert report.frames == sum(report.latency.values()) == 12
    assert report.extradata
    assert report.concealed == ()
    assert all(report.seconds[part] > 0 for part in ("decode", "filter", "encode", "open"))
    assert report.cpu_s > 0
    assert report.memory_mb > 1


def test_the_report_of_a_chunk_that_is_all_damage_fits_into_a_message(work: Work, runner: ChunkRunner) -> None:
    task, packets = work.whole()
    report, _ = runner.run(replace(task, stop=5000, last=5000), packets)
    assert report.concealed == ((60, 5000),)
    (header,) = pack(Result(1, 0, "0" * 64, report).to_header())
    check_shape(bytes(header)[8:], Limits())


def test_damage_in_what_filters_see_of_the_neighbours_is_the_neighbours(folder: Path, runner: ChunkRunner) -> None:
    moving = work_on(clips.make("one keyframe", folder), folder, (MOTION,))
    task = moving.task(1)
    assert (task.first, task.start, task.stop) == (11, 12, 24)
    assert runner.run(task, b"")[0].concealed == ((12, 24),)


def test_frames_that_the_decoder_patched_up_are_told_whatever_the_way_they_were_reached(
    folder: Path, gauge: Gauge
) -> None:
    flipped = work_on(clips.make("other flipped bits", folder), folder, (MOTION,))
    whole, _ = ChunkRunner(gauge).run(*flipped.whole())
    afresh = [ChunkRunner(gauge).run(flipped.task(n), flipped.packets(n))[0] for n in flipped.chunks]
    goes_on = [report for report, _ in _going_on(flipped, gauge)]
    assert len(afresh) == len(goes_on) == 5
    for told in (afresh, goes_on):
        assert joined(run for report in told for run in report.damaged) == whole.damaged != ()
        assert joined(run for report in told for run in report.concealed) == whole.concealed


def _going_on(work: Work, gauge: Gauge) -> Iterator[tuple[ChunkReport, bytes]]:
    """Each chunk in order, by a slot that goes on from the last where it can."""
    runner, can_continue = ChunkRunner(gauge), False
    for index in work.chunks:
        result = None
        if can_continue and work.follows(index):
            with suppress(WorkerError):
                result = runner.run(work.task(index, continues=True), work.packets(index, continues=True))
        if result is None:
            result = runner.run(work.task(index), work.packets(index))
        can_continue = result[0].can_continue
        yield result


def test_the_field_orders_of_the_chunk_s_own_frames_are_told(folder: Path, gauge: Gauge) -> None:
    mixed = work_on(clips.make("both field orders", folder), folder, (MOTION,))
    told = [ChunkRunner(gauge).run(mixed.task(n), mixed.packets(n))[0].field_orders for n in mixed.chunks]
    assert told == [("tt",), ("tt",), ("bb", "tt"), ("bb",), ("bb",)]
    assert [report.field_orders for report, _ in _going_on(mixed, gauge)] == told


def test_frames_are_digested_when_that_is_asked_for(work: Work, runner: ChunkRunner) -> None:
    task, packets = work.task(0), work.packets(0)
    assert runner.run(task, packets)[0].digest == ""
    digested = replace(task, digest_frames=True)
    stronger = replace(digested, filters=(FilterSpec("blur", {"ksize": 9}),))
    one, again, other = (runner.run(it, packets)[0].digest for it in (digested, digested, stronger))
    assert one == again != other


def test_the_gauge_tells_the_frame_in_hand_and_how_many_are_done(
    work: Work, runner: ChunkRunner, gauge: Gauge
) -> None:
    runner.run(work.task(1), work.packets(1))
    assert (gauge.read().frame, gauge.read().finished) == (23, 12)


@pytest.mark.parametrize("frame", [12, 17, 23])
def test_a_filter_that_raises_is_told_with_the_frame_and_its_own_line(
    work: Work, runner: ChunkRunner, gauge: Gauge, frame: int
) -> None:
    broken = work.through(at_frame(frame, "raise ValueError('no more')", start=12))
    said = rf"^frame {frame}: the custom filter failed: ValueError: no more \(line {LINE_OF_THE_DEED}\)$"
    with pytest.raises(FilterError, match=said):
        runner.run(broken.task(1), broken.packets(1))
    assert (gauge.read().frame, gauge.read().finished) == (frame, frame - 12)


def test_nothing_goes_on_without_a_decoder_that_stands_there(one_keyframe: Work, runner: ChunkRunner) -> None:
    task, packets = one_keyframe.task(2, continues=True), one_keyframe.packets(2, continues=True)
    with pytest.raises(WorkerError, match="decoder is not open"):
        runner.run(task, packets)
    runner.run(one_keyframe.task(0), one_keyframe.packets(0))
    with pytest.raises(WorkerError, match="decoder is not open"):
        runner.run(task, packets)
    runner.run(one_keyframe.task(1), one_keyframe.packets(1))
    with pytest.raises(WorkerError, match="decoder is not open"):
        runner.run(replace(task, job_id="another"), packets)


def test_nothing_goes_on_from_a_chunk_that_failed(one_keyframe: Work, runner: ChunkRunner) -> None:
    runner.run(one_keyframe.task(0), one_keyframe.packets(0))
    broken = replace(one_keyframe.task(1, continues=True), filters=(at_frame(14, "1 / 0", start=12),))
    with pytest.raises(FilterError):
        runner.run(broken, one_keyframe.packets(1, continues=True))
    with pytest.raises(WorkerError, match="decoder is not open"):
        runner.run(one_keyframe.task(2, continues=True), one_keyframe.packets(2, continues=True))


def test_packets_that_are_none_and_filters_that_are_none_are_refused(work: Work, runner: ChunkRunner) -> None:
    with pytest.raises(MediaError):
        runner.run(work.task(0), b"no packets at all, and of no length that makes sense")
    with pytest.raises(ClientError):
        runner.run(work.through(FilterSpec("nonesuch")).task(0), work.packets(0))
    with pytest.raises(FilterError, match="file failed: ZeroDivisionError"):
        runner.run(work.through(FilterSpec("custom", code="1 / 0\ndef f(frame): ...")).task(0), work.packets(0))

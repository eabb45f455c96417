from __future__ import annotations

import hashlib
import re
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from av.stream import Disposition
from msgspec import structs

from tests.media.films import Plan, Sound, Text, jpeg, make
from tests.media.remake import chunks, drift, film, first_field, frames, remake, report, tracks
from vidproc.errors import ClientError, StorageError, WorkerError
from vidproc.media.container import open_source
from vidproc.media.film_clock import Window
from vidproc.media.mux import Muxer
from vidproc.media.probe import probe

pytestmark = pytest.mark.media

CONTAINERS = ("mp4", "mkv")
HALF_A_MS = 0.000501
VFR = tuple(n * 512 + (n * n * 37) % 300 for n in range(40))
WORDS = ((200, 500, "Hello"), (1000, 300, "<i>you</i>"))

Remade = Callable[..., tuple[Path, Path, list[str]]]


@pytest.fixture(params=[(a, b) for a in CONTAINERS for b in CONTAINERS], ids=lambda p: f"{p[0]}-to-{p[1]}")
def remade(request: pytest.FixtureRequest, tmp_path: Path) -> Remade:
    """Makes a film in one container and remakes it in another: (source, output, losses)."""
    first, second = request.param

    def run(plan: Plan, **settings: Any) -> tuple[Path, Path, list[str]]:
        source = make(tmp_path / f"source.{first}", plan)
        out = tmp_path / f"out.{second}"
        return source, out, remake(source, out, **settings)

    return run


def times(path: Path) -> list[Fraction]:
    return [frame.time for frame in frames(path)]


def decode_times(path: Path) -> list[tuple[int, int]]:
    """(dts, pts) of the picture's packets."""
    with open_source(path) as container:
        return [(p.dts or 0, p.pts or 0) for p in container.demux(container.streams.video[0]) if p.size]


@pytest.mark.parametrize(
    "plan",
    [
        Plan(),
        Plan(times=VFR),
        Plan(times=(0,)),
        Plan(times=tuple(range(17920, 17920 + 40 * 512, 512))),
        Plan(times=tuple(range(0, 40 * 1001, 1001)), time_base=Fraction(1, 30000)),
        Plan(times=tuple(range(700, 40 * 3003, 3003)), time_base=Fraction(1, 90000)),
    ],
    ids=["constant rate", "variable rate", "one frame", "starts at 1.4 s", "29.97", "90 kHz"],
)
def test_every_frame_has_its_time(remade: Remade, plan: Plan) -> None:
    source, out, _ = remade(plan.but(sounds=[Sound(seconds=1.0)]))
    assert len(times(source)) == len(plan.times)
    assert drift(times(source), times(out)) < (0 if out.suffix == ".mp4" else HALF_A_MS) + 1e-9


def test_mp4_keeps_times_exactly_and_decodes_in_order(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mp4", Plan(times=tuple(9000 + t for t in VFR)))
    remake(source, tmp_path / "b.mp4")
    seen = decode_times(tmp_path / "b.mp4")
    assert sorted(pts for _, pts in seen) == [frame.ticks for frame in frames(source)]
    assert all(a[0] < b[0] for a, b in pairwise(seen))
    assert all(dts <= pts for dts, pts in seen)
    assert [pts for _, pts in seen] != sorted(pts for _, pts in seen), "B-frames are on"


def test_the_last_frame_is_shown_as_long_as_in_the_source(remade: Remade) -> None:
    source, out, _ = remade(Plan(times=(0, 512, 1024)))
    with open_source(source) as one, open_source(out) as other:
        assert abs((one.duration or 0) - (other.duration or 0)) <= 1000


def test_sound_is_copied_packet_by_packet(remade: Remade) -> None:
    sounds = [Sound(language="fra"), Sound("libopus", "deu", seconds=3.0, disposition=int(Disposition.comment))]
    source, out, losses = remade(Plan(sounds=sounds))
    one, other = tracks(source, "audio"), tracks(out, "audio")
    assert [t.language for t in other] == ["fra", "deu"]
    for was, now in zip(one, other, strict=True):
        assert was.sums == now.sums
        assert drift(was.times, now.times) < 0.001
        assert was.disposition & ~now.disposition == 0
    assert losses == []


def test_sound_with_a_late_start_stays_in_step(remade: Remade) -> None:
    late = Plan(times=tuple(17920 + t for t in VFR), sounds=[Sound(start=Fraction(3, 2), seconds=1.0)])
    source, out, _ = remade(late)
    assert drift(tracks(source, "audio")[0].times, tracks(out, "audio")[0].times) < 0.001


def test_sound_can_be_left_out(remade: Remade) -> None:
    _, out, losses = remade(Plan(sounds=[Sound(), Sound()]), audio="none")
    assert (tracks(out, "audio"), losses) == ([], [])


def test_an_edit_list_that_cuts_the_start_gives_what_players_show(tmp_path: Path) -> None:
    cut = tuple(t - 10 * 512 for t in Plan().times)  # MP4 stores this as an edit list that begins ten frames later
    source = make(tmp_path / "a.mp4", Plan(times=cut, sounds=[Sound(start=Fraction(-2, 5))]))
    shown = times(source)
    assert (len(shown), shown[0]) == (30, Fraction(0))
    for container in CONTAINERS:
        out = tmp_path / f"b.{container}"
        remake(source, out)
        assert drift(shown, times(out)) < HALF_A_MS
        was, now = tracks(source, "audio")[0], tracks(out, "audio")[0]
        kept = len(now.sums)
        assert was.sums[-kept:] == now.sums
        assert drift(was.times[-kept:], now.times) <= 0.001
        assert was.times[0] < -0.4
        # Matroska has no edit lists, so there all that stays hidden is what the decoder needs to begin.
        assert now.times[0] < -0.4 if container == "mp4" else -0.05 < now.times[0] < 0


def test_how_it_is_shown_is_kept(remade: Remade) -> None:
    plan = Plan(sar=Fraction(4, 3), rotation=90, colour=(1, 1, 1, 2), tags={"title": "A film", "artist": "Someone"})
    source, out, losses = remade(plan)
    was, now = probe(source), probe(out)
    assert now.display_matrix == was.display_matrix
    assert rotation_of(out) == 90
    assert (now.stream.sar, now.stream.colour) == (Fraction(4, 3), was.stream.colour)
    assert (now.stream.colour.matrix, now.stream.colour.range) == (1, 2)
    with open_source(out) as film_again:
        tags = {key.lower(): value for key, value in film_again.metadata.items()}
    assert (tags["title"], tags["artist"]) == ("A film", "Someone")
    assert losses == []


@pytest.mark.parametrize("siting", ["", "left", "center", "topleft", "top"])
def test_chroma_stays_where_it_lies(remade: Remade, siting: str) -> None:
    options = Plan().options | ({"chroma_sample_location": siting} if siting else {})
    source, out, losses = remade(Plan(options=options))
    expected = "" if siting == "left" else siting
    assert [probe(path).stream.colour.siting for path in (source, out)] == [expected, expected]
    assert losses == []


@pytest.mark.parametrize("rotation", [180, -90])
def test_other_turns(remade: Remade, rotation: int) -> None:
    _, out, _ = remade(Plan(rotation=rotation))
    assert rotation_of(out) in ((180, -180) if rotation == 180 else (-90,))


def rotation_of(path: Path) -> int:
    return frames(path)[0].picture.rotation


def test_chapters_are_kept(remade: Remade) -> None:
    _, out, losses = remade(Plan(chapters=[(0, 700, "One"), (700, 1600, "Two")]))
    assert [(title, start) for title, start, _ in chapters_of(out)] == [("One", 0.0), ("Two", 0.7)]
    assert losses == []


def chapters_of(path: Path) -> list[tuple[str, float, float]]:
    """Titles with their seconds."""
    with open_source(path) as source:
        found = [(c["metadata"]["title"], c["time_base"] or 0, c) for c in source.chapters()]
        return [(title, float(c["start"] * tick), float(c["end"] * tick)) for title, tick, c in found]


def test_subtitles_keep_words_times_language_and_marks(remade: Remade) -> None:
    source, out, losses = remade(Plan(texts=[Text(WORDS, "eng"), Text(WORDS[:1], "fra", int(Disposition.forced))]))
    assert [t.language for t in tracks(out, "subtitle")] == ["eng", "fra"]
    assert events(out, 0) == events(source, 0)
    assert events(out, 1) == events(source, 1)
    assert [float(time) for time, _ in events(out, 0)] == [0.2, 1.0]
    said = " ".join(losses)
    assert ("became" in said) == (source.suffix != out.suffix)


def events(path: Path, number: int) -> list[tuple[Fraction, str]]:
    """(seconds, words) of a subtitle track, without what shows nothing."""
    with open_source(path) as source:
        stream: Any = source.streams.subtitles[number]
        found = []
        for packet in source.demux(stream):
            for rect in stream.codec_context.decode2(packet) or () if packet.size else ():
                words = re.sub(r"\{.*?\}|<.*?>", "", rect.dialogue.decode())  # what is left are the words without style
                found.append((packet.pts * packet.time_base, words))
        return found


def test_a_second_video_stream_is_copied(remade: Remade) -> None:
    source, out, losses = remade(Plan(second_video=True, sounds=[Sound(seconds=1.0)]))
    was, now = tracks(source, "video")[1], tracks(out, "video")[1]
    assert len(tracks(out, "video")) == 2
    assert was.sums == now.sums
    assert drift(was.times, now.times) < 0.001
    assert losses == []


def test_cover_art_is_kept(remade: Remade) -> None:
    source, out, losses = remade(Plan(cover=jpeg()))
    covers = [t for t in tracks(out, "video") if t.disposition & Disposition.attached_pic]
    assert [t.sums for t in covers] == [[hashlib.md5(jpeg()).hexdigest()]]
    assert len(frames(out)) == len(frames(source)) == 40
    assert losses == []


@pytest.mark.parametrize("container", CONTAINERS)
def test_attachments_are_kept_or_said_to_be_lost(tmp_path: Path, container: str) -> None:
    font = ("f.ttf", "application/x-truetype-font", b"glyphs")
    source = make(tmp_path / "a.mkv", Plan(attachments=[font]))
    losses = remake(source, tmp_path / f"b.{container}")
    if container == "mkv":
        with open_source(tmp_path / "b.mkv") as out:
            assert [(s.name, s.mimetype, s.data) for s in out.streams.attachments] == [font]
        assert losses == []
    else:
        assert losses == ["attachment f.ttf cannot be kept in mp4; write to .mkv to keep it"]


def test_what_mp4_cannot_carry_is_said(tmp_path: Path) -> None:
    plan = Plan(pictures=True, sounds=[Sound("flac", title="Commentary")], tags={"MOOD": "dark", "title": "T"})
    source = make(tmp_path / "a.mkv", plan)
    losses = remake(source, tmp_path / "b.mp4")
    assert losses == [
        "subtitle stream 2 (hdmv_pgs_subtitle) cannot be kept in mp4; write to .mkv to keep it",
        "the tag 'MOOD' cannot be kept in mp4",
        "the title 'Commentary' of audio stream 1 (flac) is lost",
    ]
    assert remake(source, tmp_path / "b.mkv") == []
    assert [t.codec for t in tracks(tmp_path / "b.mkv", "subtitle")] == ["hdmv_pgs_subtitle"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_transport_stream_keeps_its_clock(tmp_path: Path, container: str) -> None:
    source = make(tmp_path / "a.ts", Plan(sounds=[Sound(language="fra")], muxer={"muxdelay": "0.7"}))
    out = tmp_path / f"b.{container}"
    assert remake(source, out) == []
    assert times(source)[0] > 0
    assert drift(times(source), times(out)) < HALF_A_MS
    was, now = tracks(source, "audio")[0], tracks(out, "audio")[0]
    assert drift(was.times, now.times) < 0.001
    assert now.language == "fra"


@pytest.mark.parametrize("container", CONTAINERS)
def test_joined_streams_play_one_after_the_other(tmp_path: Path, container: str) -> None:
    piece = make(tmp_path / "a.ts", Plan(sounds=[Sound(seconds=2.0)]))
    source = tmp_path / "joined.ts"
    source.write_bytes(piece.read_bytes() * 2)
    out = tmp_path / f"b.{container}"
    losses = remake(source, out)
    seen, sound = times(out), tracks(out, "audio")[0].times
    assert len(seen) == 80
    assert drift(seen[:40], times(piece)) < HALF_A_MS
    gap = seen[40] - seen[39]
    assert 0.039 < gap < 0.041
    assert drift(seen[40:], [t - times(piece)[0] + seen[40] for t in times(piece)]) < 0.001
    assert all(a < b for a, b in pairwise(sound))
    assert "joined from 2 pieces" in losses[0]
    assert "overlap the next piece" in losses[1]


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_window_begins_at_zero_and_cuts_everything(tmp_path: Path, container: str) -> None:
    plan = Plan(sounds=[Sound()], texts=[Text(WORDS)], chapters=[(0, 700, "One"), (700, 1600, "Two")])
    source = make(tmp_path / "a.mkv", plan)
    out = tmp_path / f"b.{container}"
    remake(source, out, window=Window(Fraction(4, 10), Fraction(9, 10)))
    was = [t for t in times(source) if Fraction(4, 10) <= t < Fraction(9, 10)]
    assert drift([t - Fraction(4, 10) for t in was], times(out)) < HALF_A_MS
    sound = tracks(out, "audio")[0].times
    assert -0.03 < sound[0] <= 0
    assert 0.45 < sound[-1] < 0.5
    assert [float(time) for time, _ in events(out, 0)] == [0.0]
    assert [end for _, _, end in chapters_of(out)] == [0.3, 0.5]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("order", ["tt", "bb"])
def test_interlaced_film_is_marked_so(tmp_path: Path, container: str, order: str) -> None:
    options = {"preset": "ultrafast", "flags": "+ildct", "x264-params": {"tt": "tff=1", "bb": "bff=1"}[order]}
    source = make(tmp_path / "a.mp4", Plan(times=(0, 512, 1024), options=options))
    decoded = frames(source)
    made, _ = film(source, container, decoded)
    made = replace(made, encoder=structs.replace(made.encoder, field_order=order))
    out = tmp_path / f"b.{container}"
    with Muxer(made, out) as muxer:
        for chunk in chunks(made.encoder, decoded, 0, 1):
            muxer.append(chunk.records, report(chunk))
        muxer.finish()
    made_frames = [frame.picture for frame in frames(out)]
    assert all(frame.interlaced_frame for frame in made_frames)
    assert {first_field(frame) for frame in made_frames} == {order}
    assert probe(out).stream.field_order == order


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_same_film_twice_is_the_same_file(tmp_path: Path, container: str) -> None:
    plan = Plan(sounds=[Sound()], texts=[Text(WORDS)], chapters=[(0, 700, "One")], cover=jpeg(), tags={"title": "T"})
    source = make(tmp_path / "a.mkv", plan.but(attachments=[("f.ttf", "font/ttf", b"glyphs")]))
    for name in ("one", "two"):
        remake(source, tmp_path / f"{name}.{container}")
    assert (tmp_path / f"one.{container}").read_bytes() == (tmp_path / f"two.{container}").read_bytes()


def test_mp4_can_be_played_while_it_loads(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mkv", Plan(sounds=[Sound()]))
    remake(source, tmp_path / "b.mp4")
    data = (tmp_path / "b.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert b"avc1" in data


def test_tracks_lie_beside_each_other_in_the_file(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mp4", Plan(times=tuple(range(0, 200 * 512, 512)), sounds=[Sound(seconds=8.0)]))
    remake(source, tmp_path / "b.mkv")
    latest, worst = {"video": 0.0, "audio": 0.0}, 0.0
    with open_source(tmp_path / "b.mkv") as out:
        for packet in out.demux():
            if packet.dts is not None:
                latest[packet.stream.type] = float(packet.dts * packet.time_base)
                worst = max(worst, abs(latest["video"] - latest["audio"]))
    assert worst < 0.5


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_source_cut_short_gives_what_there_is(tmp_path: Path, container: str) -> None:
    whole = make(tmp_path / "a.mkv", Plan(sounds=[Sound()]))
    source = tmp_path / "cut.mkv"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    out = tmp_path / f"b.{container}"
    remake(source, out)
    assert 0 < len(frames(out)) < 40
    assert drift(times(source), times(out)) < HALF_A_MS


@pytest.fixture
def plain(tmp_path: Path) -> Any:
    """A plain source decoded: the film to be made of it, and its chunks."""
    source = make(tmp_path / "a.mp4", Plan())
    decoded = frames(source)
    made, _ = film(source, "mp4", decoded)
    return made, list(chunks(made.encoder, decoded, 0, 1)), tmp_path / "b.mp4"


def test_chunks_in_the_wrong_order_are_refused(plain: Any) -> None:
    made, encoded, out = plain
    with Muxer(made, out) as muxer, pytest.raises(WorkerError, match="not where it should be"):
        muxer.append(encoded[1].records, report(encoded[1]))


def test_a_chunk_of_another_encoder_is_refused(plain: Any) -> None:
    made, encoded, out = plain
    other = structs.replace(report(encoded[0]), extradata=encoded[0].extradata[:-1] + b"\0")
    with Muxer(made, out) as muxer, pytest.raises(WorkerError, match="another version"):
        muxer.append(encoded[0].records, other)


def test_a_chunk_with_too_few_packets_is_refused(plain: Any) -> None:
    made, encoded, out = plain
    more = structs.replace(report(encoded[0]), frames=encoded[0].frames + 1)
    with Muxer(made, out) as muxer, pytest.raises(WorkerError, match="packets"):
        muxer.append(encoded[0].records, more)


def test_a_film_with_frames_missing_is_not_finished(plain: Any) -> None:
    made, encoded, out = plain
    with Muxer(made, out) as muxer:
        muxer.append(encoded[0].records, report(encoded[0]))
        with pytest.raises(WorkerError, match="40 frames"):
            muxer.finish()


def test_a_pair_that_cannot_be_is_refused_before_anything_is_written(plain: Any) -> None:
    made, _, out = plain
    with pytest.raises(ClientError, match="mp4, mkv"):
        Muxer(replace(made, container="avi"), out)
    assert not out.exists()


def test_a_place_that_cannot_be_written_to_is_a_storage_error(plain: Any) -> None:
    made, _, out = plain
    with pytest.raises(StorageError, match="No such file or directory"):
        Muxer(made, out.parent / "nowhere" / "b.mp4")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_known_at_once(plain: Any) -> None:
    made, _, _ = plain
    with pytest.raises(StorageError, match="No space left"):
        Muxer(made, Path("/dev/full"))


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_disk_that_fills_up_on_the_way_is_a_storage_error(tmp_path: Path, container: str) -> None:
    source = make(tmp_path / "a.mkv", Plan(sounds=[Sound("pcm_s16le")]))
    with files_no_larger_than(100_000), pytest.raises(StorageError, match="File too large"):
        remake(source, tmp_path / f"b.{container}")


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """What this process writes beyond fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_losses_of_chunks_are_passed_on_once(plain: Any) -> None:
    made, encoded, out = plain
    with Muxer(made, out) as muxer:
        for chunk in encoded:
            muxer.append(chunk.records, structs.replace(report(chunk), losses=("one frame was grey",)))
        assert muxer.finish() == ("one frame was grey",)
    with av.open(str(out)) as written:
        assert len(list(written.decode(video=0))) == 40


def test_packets_of_the_other_tracks_are_heard_of(tmp_path: Path) -> None:
    source, heard = make(tmp_path / "a.mkv", Plan(sounds=[Sound()])), list[None]()
    decoded = frames(source)
    made, _ = film(source, "mp4", decoded)
    with Muxer(made, tmp_path / "b.mp4", lambda: heard.append(None)) as muxer:
        for chunk in chunks(made.encoder, decoded, 0, 1):
            muxer.append(chunk.records, report(chunk))
        muxer.finish()
    assert len(heard) == len(tracks(source, "audio")[0].sums)

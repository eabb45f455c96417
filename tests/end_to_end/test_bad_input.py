"""What people get wrong: one line that says what, the right exit code, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, Outcome, run, send
from tests.media import clips
from tests.media.clips import X264, Film, sound, write

pytestmark = pytest.mark.process

Refused = Callable[..., str]


@pytest.fixture
def refused(shared: Cluster, tmp_path: Path) -> Iterator[Refused]:
    """Sends a film that must be refused; gives what is said. At the end there is no file that was not there before."""
    outcomes: list[Outcome] = []

    def refused(code: int, video: object, *words: object, out: object = tmp_path / "out.mp4") -> str:
        there = sorted(tmp_path.iterdir())
        outcome = shared.send(video, out, *words)
        assert outcome.code == code, outcome.err
        assert sorted(tmp_path.iterdir()) == there
        outcomes.append(outcome)
        return outcome.complaint

    yield refused
    assert outcomes
    shared.nothing_left()


# The film


def test_a_missing_file(refused: Refused, tmp_path: Path) -> None:
    assert "none.mp4: No such file" in refused(2, tmp_path / "none.mp4")


def test_a_folder(refused: Refused, tmp_path: Path) -> None:
    assert "is not a file" in refused(2, tmp_path)


def test_an_empty_file(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert "empty.mp4 is empty" in refused(2, tmp_path / "empty.mp4")


def test_a_name_that_is_too_long(refused: Refused, film: Path, tmp_path: Path) -> None:
    assert "too long" in refused(2, tmp_path / f"{'x' * 300}.mp4")
    assert "too long" in refused(2, film, out=tmp_path / f"{'x' * 300}.mp4")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"What is past is prologue.\n" * 99, "is a text file, not a video"),
        (bytes(range(256)) * 99, "is not a video that can be read"),
    ],
)
def test_something_else_of_a_film_s_name(refused: Refused, tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "in.mp4").write_bytes(content)
    said = refused(4, tmp_path / "in.mp4")
    assert "in.mp4: " in said
    assert words in said


def test_a_film_without_its_index(refused: Refused, film: Path, tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(film.read_bytes()[:4000])
    assert "is not a video that can be read" in refused(4, tmp_path / "in.mp4")


def test_sound_without_a_picture(refused: Refused, tmp_path: Path) -> None:
    with clips.av.open(str(tmp_path / "in.mp4"), "w") as out:
        for packet in sound(out, 1.0):
            out.mux(packet)
    assert "no video" in refused(4, tmp_path / "in.mp4")


_PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile '{}'\n",
    "concat without a header": "file '{}'\n",
    "dash": '<?xml version="1.0"?><MPD><Period><BaseURL>{}</BaseURL></Period></MPD>',
}


@pytest.mark.parametrize("kind", _PLAYLISTS)
def test_a_playlist_of_other_files_opens_none_of_them(refused: Refused, tmp_path: Path, kind: str) -> None:
    """A FIFO tells whether it was opened: whoever opens it to write waits until somebody reads."""
    os.mkfifo(tmp_path / "secret.mp4")
    opened = threading.Event()

    def writer() -> None:
        os.close(os.open(tmp_path / "secret.mp4", os.O_WRONLY))
        opened.set()

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        (tmp_path / "in.mp4").write_text(_PLAYLISTS[kind].format(tmp_path / "secret.mp4"))
        refused(4, tmp_path / "in.mp4")
        assert not opened.is_set()
    finally:
        os.close(os.open(tmp_path / "secret.mp4", os.O_RDONLY | os.O_NONBLOCK))
        thread.join()


@pytest.mark.parametrize("kind", ["truncated", "truncated mp4"])
def test_a_film_that_is_cut_short_is_processed_as_far_as_it_goes(
    shared: Cluster, films: Path, tmp_path: Path, kind: str
) -> None:
    video, out = clips.make(kind, films), tmp_path / "out.mkv"
    outcome = shared.send(video, out, "--metrics-json", tmp_path / "figures.json")
    assert outcome.code == 0, outcome.err
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert 20 < figures["frames_out"] < 60
    assert any("cut short" in loss for loss in figures["losses"])
    assert f"note: {figures['losses'][0]}" in outcome.err


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bits_harm_that_film_alone(shared: Cluster, film: Path, tmp_path: Path, seed: int) -> None:
    clips._flipped(tmp_path / "in.mp4", seed)
    outcome = shared.send(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert outcome.code in (0, 4), outcome.err
    assert outcome.code == 0 or outcome.complaint
    assert shared.send(film, tmp_path / "fine.mp4").code == 0


def test_damaged_frames_are_listed(shared: Cluster, films: Path, tmp_path: Path) -> None:
    video = clips.make("other flipped bits", films)
    outcome = shared.send(video, tmp_path / "out.mp4", "--metrics-json", tmp_path / "figures.json")
    assert outcome.code == 0, outcome.err
    losses = json.loads((tmp_path / "figures.json").read_text())["losses"]
    assert [re.sub(r"\d+", "N", loss.partition(":")[0]) for loss in losses] == [
        "N damaged frames were filled from neighbours",
        "N damaged frames were decoded as well as could be",
    ]
    assert all(f"note: {loss}" in outcome.err for loss in losses)


def test_damage_can_be_made_to_fail_the_job(refused: Refused, films: Path) -> None:
    damaged = clips.make("flipped bits", films)
    assert "frame" in refused(4, damaged, "--on-decode-error", "fail")


# The job


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--filter blurr", "did you mean 'blur'?"),
        ("--filter blur:size=3", "did you mean 'ksize'?"),
        ("--filter blur:ksize=4", "ksize must be an odd whole number from 1 to 255, not '4'"),
        ("--filter blur:ksize=257", "ksize must be an odd whole number from 1 to 255"),
        ("--filter blur:ksize=big", "ksize must be an odd whole number"),
        ("--filter blur:ksize", "'ksize': write name=value"),
        ("--filter :ksize=3", "write NAME"),
        ("--filter blur:ksize=\udcff", "no UTF-8 text"),
        ("--processing blur --param ksize=0", "ksize must be"),
        ("--processing blur --filter edges", "not both"),
        ("--param ksize=3", "--param belongs to --processing"),
        ("--processing custom", "custom needs its file"),
        ("--filter none.py", "none.py"),
        ("--filter blur " * 65, "a job may have 64 filters, not 65"),
        ("--filter blur " * 5000, "a job may have 64 filters, not 5000"),
        ("--codec h263", "choose from h264"),
        ("--encoder-preset warp", "veryfast"),
        ("--crf 52", "0 to 51"),
        ("--crf nan", "0 to 51"),
        ("--crf x", "--crf"),
        ("--start -1", "start -1 must be"),
        ("--start nan", "invalid seconds value: 'nan'"),
        ("--duration 0", "duration 0 must be"),
        ("--audio maybe", "--audio"),
        ("--frobnicate", "--frobnicate"),
        ("--ipv4 --ipv6", "--ipv6"),
        ("--unix-socket s", "not both"),
        ("--port 99999", "ports are 0 to 65535"),
        ("--port 0", "port 0 lets a coordinator choose"),
        ("--token-file none", "token file none"),
    ],
)
def test_a_wrong_option(refused: Refused, film: Path, words: str, said: str) -> None:
    assert said in refused(2, film, *words.split())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(frame:\n    return frame", "does not compile: line 1"),
        ("x = 1", "defines no function"),
        ("def f(frame): return frame\ndef g(frame): return frame", "which of f, g to use, as in FILE.py:function=f"),
        ("# " + "x" * 300_000 + "\ndef f(frame): return frame", "a job can carry 240 KiB"),
    ],
)
def test_a_custom_filter_that_is_none(refused: Refused, film: Path, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(text)
    assert said in refused(2, film, "--filter", tmp_path / "mine.py")


def test_nothing_where_the_part_begins(refused: Refused, film: Path) -> None:
    assert "no frame" in refused(4, film, "--start", 100)


# The output


def test_an_output_that_exists(refused: Refused, film: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_text("mine")
    assert "add --overwrite" in refused(2, film)
    assert (tmp_path / "out.mp4").read_text() == "mine"


def test_an_output_that_is_the_input(refused: Refused, film: Path, tmp_path: Path) -> None:
    video = tmp_path / "in.mp4"
    video.write_bytes(film.read_bytes())
    (tmp_path / "soft.mp4").symlink_to(video)
    (tmp_path / "hard.mp4").hardlink_to(video)
    for out in (video, tmp_path / "soft.mp4", tmp_path / "hard.mp4"):
        assert "is the input itself" in refused(2, video, "--overwrite", out=out)
    assert video.read_bytes() == film.read_bytes()


def test_an_output_in_a_folder_that_is_not_there(refused: Refused, film: Path, tmp_path: Path) -> None:
    assert "there is no folder" in refused(2, film, out=tmp_path / "none" / "out.mp4")


def test_an_output_in_a_folder_that_takes_no_files(refused: Refused, film: Path) -> None:
    assert "the folder /proc cannot be written to" in refused(2, film, out="/proc/out.mp4")


def test_an_output_that_is_a_folder(refused: Refused, film: Path, tmp_path: Path) -> None:
    assert "is a folder" in refused(2, film, "--overwrite", out=tmp_path)


def test_an_output_that_is_no_file(refused: Refused, film: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out.mp4")
    assert "no file" in refused(2, film, "--overwrite")


def test_an_output_of_no_known_container(refused: Refused, film: Path, tmp_path: Path) -> None:
    assert ".mp4, .m4v, .mkv" in refused(2, film, out=tmp_path / "out.doc")


def test_figures_that_could_not_be_written(refused: Refused, film: Path, tmp_path: Path) -> None:
    assert "--metrics-json" in refused(2, film, "--metrics-json", tmp_path / "none" / "figures.json")
    before = film.read_bytes()
    assert "is the input itself" in refused(2, film, "--metrics-json", film)
    assert film.read_bytes() == before


@pytest.mark.parametrize("program", [send, run])
def test_a_run_refuses_as_a_send_does(program: Callable[..., Outcome], film: Path, tmp_path: Path) -> None:
    video = ("--video", film, "--out") if program is send else (film, "-o")
    assert "did you mean" in run(film, "-o", tmp_path / "out.mp4", "--filter", "blurr").complaint
    assert "is the input itself" in program(*video, film).complaint
    missing = program(*("--video",) * (program is send), tmp_path / "none.mp4", "--out", tmp_path / "out.mp4")
    assert missing.complaint == f"error: {tmp_path / 'none.mp4'}: No such file or directory"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [("--processes", "0"), ("--processes", "-1"), ("--processes", "two")])
def test_no_processes(film: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    outcome = run(film, "-o", tmp_path / "out.mp4", *words)
    assert outcome.code == 2
    assert "--processes" in outcome.complaint


def test_a_run_s_limits(film: Path, gate: Gate, tmp_path: Path) -> None:
    words = (film, "-o", tmp_path / "out.mp4", "--filter", gate.filter, "--on-error", "fail")
    outcome = run(*words, "--frame-timeout", "0.3")
    assert (outcome.code, "took longer than 0.3 s (--frame-timeout)" in outcome.complaint) == (4, True)
    outcome = run(*words, "--memory-limit", "much")
    assert (outcome.code, "--memory-limit" in outcome.complaint) == (2, True)


def test_the_input_s_folder_is_not_touched(shared: Cluster, tmp_path: Path) -> None:
    """A film in a folder that nobody may write to can be sent."""
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "in.mp4", Film(options=X264, count=3))
    (tmp_path / "in").chmod(0o555)
    before = sorted((tmp_path / "in").iterdir())
    assert shared.send(tmp_path / "in" / "in.mp4", tmp_path / "out.mp4").code == 0
    assert sorted((tmp_path / "in").iterdir()) == before

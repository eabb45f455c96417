"""What can be asked of a job, as vidproc-send and vidproc-run understand it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path
from typing import Any

import av
import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import BIN, Cluster, cluster, run, send, sha256
from tests.media import clips

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def talkie(films: Path) -> Path:
    return clips.make("two languages", films)


def streams(path: Path) -> list[str]:
    with av.open(str(path)) as film:
        return [stream.type for stream in film.streams]


def times(path: Path) -> list[float]:
    with av.open(str(path)) as film:
        return [float(frame.pts * frame.time_base) for frame in film.decode(video=0)]


def figures_of(shared: Cluster, video: Path, folder: Path, *words: object) -> dict[str, Any]:
    outcome = shared.send(video, folder / "out.mp4", "--metrics-json", folder / "figures.json", *words)
    assert outcome.code == 0, outcome.err
    return dict(json.loads((folder / "figures.json").read_text()))


def test_a_part_of_the_film(shared: Cluster, film: Path, tmp_path: Path) -> None:
    figures = figures_of(shared, film, tmp_path, "--start", 0.5, "--duration", 1)
    assert figures["frames_out"] == len(times(tmp_path / "out.mp4")) == 24


@pytest.mark.parametrize(("audio", "count"), [("copy", 2), ("none", 0)])
def test_the_sound_is_kept_or_dropped(
    shared: Cluster, talkie: Path, tmp_path: Path, audio: str, count: int
) -> None:
    assert shared.send(talkie, tmp_path / "out.mp4", "--audio", audio).code == 0
    assert streams(tmp_path / "out.mp4").count("audio") == count


def test_the_name_says_the_container(shared: Cluster, film: Path, tmp_path: Path) -> None:
    assert shared.send(film, tmp_path / "out.mkv").code == 0
    with av.open(str(tmp_path / "out.mkv")) as written:
        assert "matroska" in written.format.name


def test_filters_one_after_the_other_are_not_the_same_as_either(
    shared: Cluster, film: Path, tmp_path: Path
) -> None:
    jobs = {"blur": ("blur",), "edges": ("edges",), "both": ("blur:ksize=9", "edges")}
    for name, filters in jobs.items():
        words = [word for it in filters for word in ("--filter", it)]
        assert shared.send(film, tmp_path / f"{name}.mp4", *words).code == 0
    assert len({sha256(tmp_path / f"{name}.mp4") for name in jobs}) == 3


def test_the_default_is_the_coordinator_s(shared: Cluster, film: Path, tmp_path: Path) -> None:
    assert shared.send(film, tmp_path / "default.mp4").code == 0
    assert shared.send(film, tmp_path / "blur.mp4", "--processing", "blur", "--codec", "h264").code == 0
    assert sha256(tmp_path / "default.mp4") == sha256(tmp_path / "blur.mp4")


def test_overwriting(shared: Cluster, film: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_text("old")
    assert shared.send(film, tmp_path / "out.mp4", "--overwrite").code == 0
    assert len(times(tmp_path / "out.mp4")) == 60
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_the_result_has_the_mode_of_any_new_file(shared: Cluster, film: Path, tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        assert shared.send(film, tmp_path / "out.mp4").code == 0
    finally:
        os.umask(mask)
    assert (tmp_path / "out.mp4").stat().st_mode & 0o777 == 0o640


def test_a_dry_run_sends_nothing(shared: Cluster, film: Path, tmp_path: Path) -> None:
    (tmp_path / "new.mp4").write_bytes(film.read_bytes() + bytes(99))
    before = shared.log("job")
    outcome = send("--video", tmp_path / "new.mp4", *shared.by_tcp, "--dry-run", "--filter", "motion:kind=mog2")
    assert outcome.code == 0
    assert "would take this job" in outcome.err
    assert re.search(r"^a slot needs at most \d+ MiB$", outcome.err, re.MULTILINE)
    assert "kB). motion kind=mog2: Remembers what came before, and begins anew every 250 frames." in outcome.err
    assert send("--video", film, *shared.by_tcp, "--dry-run", "--filter", "edge").code == 2
    assert shared.log("job") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.mp4"]


def test_no_output_no_job(shared: Cluster, film: Path) -> None:
    outcome = send("--video", film, *shared.by_tcp)
    assert outcome.code == 2
    assert "--out is missing" in outcome.complaint


def test_quiet(shared: Cluster, film: Path, tmp_path: Path) -> None:
    outcome = shared.send(film, tmp_path / "out.mp4", "--quiet")
    assert (outcome.code, outcome.out, outcome.err) == (0, b"", "")


def test_the_figures(shared: Cluster, film: Path, tmp_path: Path) -> None:
    figures = figures_of(shared, film, tmp_path, "--filter", "blur")
    assert set(figures) >= {
        "job_id", "frames_in", "frames_out", "fps_in", "fps_out", "wall_s", "processing_fps", "retries",
        "fallback_frames", "latency_ms", "cpu_percent", "memory_mb", "slot_memory_mb", "queue", "workers",
        "bytes_in", "bytes_out", "sha256", "losses", "bottleneck", "reproducible",
    }  # fmt: skip
    assert figures["frames_in"] == figures["frames_out"] == 60
    assert figures["fps_in"] == figures["fps_out"] == 24
    assert figures["bytes_in"] == film.stat().st_size
    assert figures["bytes_out"] == (tmp_path / "out.mp4").stat().st_size
    assert figures["sha256"] == sha256(tmp_path / "out.mp4")
    latency = figures["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    assert set(latency["parts"]) >= {"decode", "filter", "encode"}
    assert figures["retries"] == {"total": 0, "by_frame": {}}
    assert set(figures["queue"]) == {"highest", "mean"}
    assert figures["bottleneck"]["part"] in ("decode", "filter", "encode", "network", "disk", "coordinator")
    assert 0 < figures["bottleneck"]["share"] <= 1
    assert sum(worker["frames"] for worker in figures["workers"].values()) == 60
    assert set(figures["cpu_percent"]) == set(figures["memory_mb"]) == {"coordinator", *figures["workers"]}
    assert min(figures["cpu_percent"].values()) > 0
    assert min(figures["memory_mb"].values()) > 10
    assert figures["slot_memory_mb"]["highest"] > 10
    assert figures["reproducible"] is True


def test_a_fresh_slot_holds_no_more_than_was_said(film: Path, tmp_path: Path) -> None:
    """One that has done larger films may hold memory of theirs, which its allocator gives back when it likes."""
    with cluster(tmp_path / "fresh") as fresh:
        fresh.add_worker(2)
        memory = figures_of(fresh, film, tmp_path, "--filter", "blur")["slot_memory_mb"]
        assert 10 < memory["highest"] <= memory["at_most"]


def test_standard_input_and_output(shared: Cluster, film: Path, tmp_path: Path) -> None:
    command = [str(word) for word in (BIN / "vidproc-send", "--video", "-", "--out", "-", *shared.by_tcp)]
    piped = subprocess.run(command, input=film.read_bytes(), capture_output=True, check=True)
    assert shared.send(film, tmp_path / "out.mp4").code == 0
    assert piped.stdout == (tmp_path / "out.mp4").read_bytes()
    assert b"frames in" in piped.stderr


def test_standard_input_and_output_without_a_cluster(film: Path, tmp_path: Path) -> None:
    command = [str(word) for word in (BIN / "vidproc-run", "-", "-o", "-", "--processes", 1, "--quiet")]
    piped = subprocess.run([*command, "--filter", "blur"], input=film.read_bytes(), capture_output=True, check=True)
    assert run(film, "-o", tmp_path / "out.mp4", "--filter", "blur", "--processes", 1).code == 0
    assert piped.stdout == (tmp_path / "out.mp4").read_bytes()
    assert piped.stderr == b""


def test_what_a_filter_prints_does_not_get_into_the_film(film: Path, tmp_path: Path, plain: str) -> None:
    (tmp_path / "mine.py").write_text("def f(frame):\n    print('here', flush=True)\n    return frame\n")
    command = [str(word) for word in (BIN / "vidproc-run", film, "-o", "-", "--filter", tmp_path / "mine.py")]
    piped = subprocess.run([*command, "--quiet"], capture_output=True, check=True)
    assert hashlib.sha256(piped.stdout).hexdigest() == plain
    assert piped.stderr.count(b"here") >= 60


def test_nothing_on_standard_input(shared: Cluster) -> None:
    command = [str(word) for word in (BIN / "vidproc-send", "--video", "-", "--out", "-", *shared.by_tcp)]
    piped = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    assert piped.returncode == 2
    assert piped.stdout == b""
    assert b"standard input is empty" in piped.stderr


def test_a_reader_of_standard_output_that_leaves(shared: Cluster, film: Path) -> None:
    command = [str(word) for word in (BIN / "vidproc-send", "--video", film, "--out", "-", *shared.by_tcp)]
    with subprocess.Popen([*command, "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as sending:
        assert sending.stdout is not None
        assert sending.stderr is not None
        sending.stdout.close()
        assert sending.stderr.read() == b"error: standard output: Broken pipe\n"
    assert sending.returncode == 4
    shared.nothing_left()


def test_an_output_that_appears_meanwhile_stays(
    shared: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    sending = shared.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    (tmp_path / "out.mp4").write_text("mine")
    gate.open()
    assert sending.wait() == 4
    assert sending.said.endswith(f"was left alone; the result is {tmp_path / 'out.1.mp4'}\n")
    assert (tmp_path / "out.mp4").read_text() == "mine"
    assert sha256(tmp_path / "out.1.mp4") == plain


def test_an_output_s_folder_that_vanishes_meanwhile(
    shared: Cluster, film: Path, gate: Gate, tmp_path: Path
) -> None:
    out = tmp_path / "folder" / "out.mp4"
    out.parent.mkdir()
    sending = shared.sending(film, out, "--filter", gate.filter)
    gate.reached()
    out.parent.rmdir()
    gate.open()
    assert sending.wait() == 4
    assert sending.said.splitlines()[-1] == f"error: --out {out}: No such file or directory"
    assert "Traceback" not in sending.said
    shared.nothing_left()


def test_lines_where_there_is_no_terminal(shared: Cluster, film: Path, tmp_path: Path) -> None:
    (tmp_path / "new.mp4").write_bytes(film.read_bytes() + bytes(99))
    lines = shared.send(tmp_path / "new.mp4", tmp_path / "out.mp4").err.splitlines()
    assert lines[0].startswith("uploading 100 %")
    assert re.fullmatch(r".*/out.mp4: 60 frames in [\d.]+ s, [\d.]+ fps, [\d.]+ kB, 0 retries; .+", lines[-1])
    assert not any("\r" in line or "\x1b" in line for line in lines)


def test_a_run_waits_for_no_daemon(film: Path, tmp_path: Path) -> None:
    outcome = run(film, "-o", tmp_path / "out.mp4", "--filter", "blur")
    assert outcome.code == 0
    assert "waiting" not in outcome.err
    assert "60 frames in" in outcome.err


def test_a_bar_on_a_terminal(shared: Cluster, film: Path, gate: Gate, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    sending = shared.sending(film, tmp_path / "out.mp4", "--filter", gate.filter, stderr=theirs, env=_terminal())
    os.close(theirs)
    seen = _read_until(ours, b"running: ")
    gate.open()
    seen += _read_until(ours, b"frames in ")
    _drain(ours)
    os.close(ours)
    assert sending.wait() == 0
    assert b"\x1b[" in seen
    assert "━".encode() in seen


def _terminal() -> dict[str, str]:
    return {**os.environ, "TERM": "xterm-256color"}


def _read_until(terminal: int, words: bytes) -> bytes:
    seen = b""
    while words not in seen:
        seen += os.read(terminal, 4096)
    return seen


def _drain(terminal: int) -> None:
    """To the end, which a terminal's master tells by an error."""
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        return


def test_two_clients_at_once(shared: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str) -> None:
    sending = shared.sending(film, tmp_path / "slow.mp4", "--filter", gate.filter)
    gate.reached(2)
    other = shared.sending(film, tmp_path / "other.mp4", "--filter", gate.filter)
    other.saying("waiting: all slots are busy")
    gate.open()
    assert (sending.wait(), other.wait()) == (0, 0)
    assert sha256(tmp_path / "slow.mp4") == sha256(tmp_path / "other.mp4") == plain


def test_a_job_waits_for_a_worker_and_says_so(film: Path, gate: Gate, tmp_path: Path, plain: str) -> None:
    with cluster(tmp_path / "own") as own:
        sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
        sending.saying("waiting: no worker daemon is connected")
        own.add_worker(1)
        sending.saying("waiting: no connected daemon runs custom code (start one with --allow-custom)")
        gate.open()
        own.add_worker(1, "--allow-custom")
        assert sending.wait() == 0
    assert sha256(tmp_path / "out.mp4") == plain

"""The library's face: `vidproc.process` and `vidproc.Client`, as scripts and notebooks call them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import pytest
import structlog

import vidproc
from tests.media import clips
from tests.user_filters import invert, trails
from vidproc.client.news import News
from vidproc.config import CoordinatorSettings, WorkerSettings
from vidproc.coordinator.server import PRELOADED as FOR_MEDIA
from vidproc.coordinator.server import Coordinator
from vidproc.errors import AuthenticationError, ClientError, FilterError, MediaError, UnreachableError
from vidproc.filters import custom
from vidproc.functions import FilterLike
from vidproc.model import FilterSpec
from vidproc.processes.child import ChildDiedError, preload
from vidproc.protocol.messages import Progress
from vidproc.transport.address import Address
from vidproc.worker import slot as slot_module
from vidproc.worker.daemon import PRELOADED as FOR_SLOTS
from vidproc.worker.daemon import Daemon

pytestmark = pytest.mark.process

preload(*FOR_MEDIA, *FOR_SLOTS)

ROOT = Path(__file__).parents[1]
TOKEN = b"a token for tests"


class Enough(Exception):
    """Raised by a listener that has heard what it waited for."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 frames."""
    return clips.make("constant rate", tmp_path_factory.mktemp("film"))


@pytest.fixture(scope="module")
def inverted(film: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The SHA-256 of the film, inverted by a lambda in one process."""
    out = tmp_path_factory.mktemp("inverted") / "out.mp4"
    figures = vidproc.process(film, out, lambda frame: 255 - frame, processes=1)
    assert figures["frames_out"] == 60
    assert figures["sha256"] == sha256(out)
    return sha256(out)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Here


def test_a_lambda_in_two_processes_gives_the_same_bytes(film: Path, inverted: str, tmp_path: Path) -> None:
    vidproc.process(film, tmp_path / "out.mp4", lambda frame: 255 - frame, processes=2)
    assert sha256(tmp_path / "out.mp4") == inverted


def test_a_function_its_file_and_its_text_give_the_same_bytes(film: Path, inverted: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def mine(frame):\n    return 255 - frame\n")
    filters: list[FilterLike] = [invert, file]
    for number, it in enumerate(filters):
        out = tmp_path / f"{number}.mp4"
        vidproc.process(film, out, it, processes=1)
        assert sha256(out) == inverted


def test_a_webm_is_vp9_where_no_codec_is_named(film: Path, tmp_path: Path) -> None:
    figures = vidproc.process(film, tmp_path / "out.webm", "blur", processes=2, encoder_preset="ultrafast")
    with av.open(str(tmp_path / "out.webm")) as written:
        assert written.streams.video[0].codec_context.name == "vp9"
        assert len(list(written.decode(video=0))) == figures["frames_out"] == 60


def test_functions_and_names_make_a_chain(film: Path, tmp_path: Path) -> None:
    news: list[News] = []
    out = tmp_path / "out.mkv"
    figures = vidproc.process(film, out, trails, "blur:ksize=3", processes=2, crf=30, on_news=news.append)
    assert figures["frames_out"] == 60
    assert {type(it).__name__ for it in news} >= {"Uploading", "Downloading"}


def test_a_notebook_has_an_event_loop_already(film: Path, inverted: str, tmp_path: Path) -> None:
    async def cell() -> None:
        vidproc.process(film, tmp_path / "out.mp4", lambda frame: 255 - frame, processes=1)

    asyncio.run(cell())
    assert sha256(tmp_path / "out.mp4") == inverted


def test_the_callers_own_logs_are_left_as_they_were(
    film: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    structlog.reset_defaults()
    vidproc.process(film, tmp_path / "out.mp4", "blur", processes=1)
    assert not structlog.is_configured()
    assert capfd.readouterr() == ("", "")


def test_two_threads_may_each_have_a_job(film: Path, inverted: str, tmp_path: Path) -> None:
    def job(number: int) -> dict[str, Any]:
        return vidproc.process(film, tmp_path / f"{number}.mp4", lambda frame: 255 - frame, processes=2)

    with ThreadPoolExecutor(2) as threads:
        assert [figures["sha256"] for figures in threads.map(job, range(2))] == [inverted, inverted]


def test_ctrl_c_in_a_notebook_ends_the_job(film: Path, tmp_path: Path) -> None:
    def interrupt(news: News) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    async def cell() -> None:
        vidproc.process(film, tmp_path / "out.mp4", lambda frame: 255 - frame, processes=1, on_news=interrupt)

    with contextlib.closing(asyncio.new_event_loop()) as loop, pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(cell())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", ["None", "frame[:8]", "frame.astype(float)", "frame[..., :2]"])
def test_a_function_that_gives_no_frame_is_told_what_it_should_give(film: Path, tmp_path: Path, wrong: str) -> None:
    function = eval(f"lambda frame: {wrong}")
    with pytest.raises(FilterError, match=r"frame \d+ failed: the custom filter returned .*it must return"):
        vidproc.process(film, tmp_path / "out.mp4", function, processes=1, on_error="fail")
    assert list(tmp_path.iterdir()) == []


def test_a_function_that_can_do_no_frame_has_done_nothing(film: Path, tmp_path: Path) -> None:
    with pytest.raises(FilterError, match=r"no frame of the film could be done: frame 0 failed: .* returned None"):
        vidproc.process(film, tmp_path / "out.mp4", lambda frame: None, processes=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("on_error", ["original", "previous", "black"])
def test_the_figures_tell_of_frames_that_a_function_could_not_do(film: Path, tmp_path: Path, on_error: str) -> None:
    function = "def late(frame, calls=[]):\n    calls.append(1)\n    return frame if len(calls) > 5 else None"
    told = vidproc.process(film, tmp_path / "out.mp4", function, processes=1, on_error=on_error)
    assert 0 < told["fallback_frames"]["total"] < told["frames_out"] == 60
    assert next(iter(told["fallback_frames"]["by_frame"].values())).startswith("the custom filter returned None")


def test_what_a_listener_raises_ends_the_job(film: Path, tmp_path: Path) -> None:
    def listen(news: News) -> None:
        raise Enough

    with pytest.raises(Enough):
        vidproc.process(film, tmp_path / "out.mp4", "blur", processes=1, on_news=listen)
    assert list(tmp_path.iterdir()) == []


def test_slots_that_cannot_begin_end_the_job(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_module, "_ENTRY", "tests.worker.children:stillborn")
    with pytest.raises(ChildDiedError, match="slot 0 ended with exit code 5"):
        vidproc.process(film, tmp_path / "out.mp4", "blur", processes=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"filters": ()}, "give at least one filter"),
        ({"filters": ("nonesuch",)}, "there is no filter 'nonesuch'"),
        ({"filters": ("blur:ksize=4",)}, "ksize"),
        ({"filters": (5,)}, "5 is no filter"),
        ({"processes": 0}, "processes must be 1 or more, not 0"),
        ({"colour": "red"}, "wrong option: .*'colour'"),
        ({"crf": "23"}, "wrong option: .*Expected `float . null`, got `str` - at `\\$.crf`"),
        ({"filters": (FilterSpec("blur", {"ksize": [5]}),)}, r"wrong option: .*filters\[0\]\.params"),  # type: ignore[dict-item]
        ({"crf": 99.0}, "crf 99 is out of range"),
        ({"out": "out.xyz"}, "must end in .mp4"),
        ({"out": "out.webm", "codec": "h264"}, "h264 can't be put into webm, which takes vp9, av1"),
        ({"codec": "av1", "encoder_preset": "14"}, "unknown to av1; choose from ultrafast"),
        ({"video": "nobody.mp4"}, "(?i)no such file"),
    ],
)
def test_wrong_calls_are_refused_in_one_sentence(
    film: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    call = {"video": film, "out": "out.mp4", "filters": ("blur",), "processes": 1, **change}
    video, out, filters = call.pop("video"), tmp_path / call.pop("out"), call.pop("filters")
    with pytest.raises(ClientError, match=said):
        vidproc.process(video, out, *filters, **call)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_text("not a film")
    with pytest.raises(MediaError):
        vidproc.process(tmp_path / "film.mp4", tmp_path / "out.mp4", "blur", processes=1)


# From scripts

SCRIPT = """
import sys
import vidproc

print("begins", flush=True)
gain = 255

def mine(frame):
    return gain - frame

for name in sys.argv[2:]:
    figures = vidproc.process(sys.argv[1], name, mine, processes=2)
    print(figures["sha256"], flush=True)
"""


def test_a_script_without_a_guard_runs_once(film: Path, inverted: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script, film, tmp_path / "one.mp4", tmp_path / "two.mp4"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["begins", inverted, inverted]
    assert (done.returncode, done.stderr) == (0, "")


HELD = """
import os, sys, time
import vidproc

def held(frame):
    open(sys.argv[3], "w").close()
    while True:
        time.sleep(0.01)

try:
    vidproc.process(sys.argv[1], sys.argv[2], held, processes=2)
except KeyboardInterrupt:
    sys.exit("interrupted")
"""


def test_ctrl_c_ends_a_script_and_all_that_it_started(film: Path, tmp_path: Path) -> None:
    script, scratch = tmp_path / "script.py", tmp_path / "scratch"
    script.write_text(HELD)
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, script, film, tmp_path / "out.mp4", tmp_path / "held"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE, start_new_session=True, text=True,
    ) as running:  # fmt: skip
        try:
            _until((tmp_path / "held").exists)
            os.killpg(running.pid, signal.SIGINT)
            _, said = running.communicate(timeout=20)
        finally:
            running.kill()
    assert (running.returncode, said) == (1, "interrupted\n")
    assert not (tmp_path / "out.mp4").exists()
    assert list(scratch.iterdir()) == []


def _until(condition: Callable[[], bool]) -> None:
    looking, tries = threading.Event(), 0
    while not condition():
        tries += 1
        assert tries < 2000, "waited for too long"
        looking.wait(0.01)


# Elsewhere


@contextlib.contextmanager
def cluster(folder: Path, **worker: Any) -> Iterator[str]:
    """A coordinator and a daemon in another thread of this process; the coordinator's address."""
    where, ready, stop = Address.unix(folder / "socket"), threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        coordinator = Coordinator(CoordinatorSettings(data_dir=folder / "data", token=TOKEN))
        await coordinator.start([where])
        daemon = Daemon(WorkerSettings(unix_socket=folder / "socket", token=TOKEN, processes=1, name="it", **worker))
        serving = asyncio.create_task(daemon.run())
        loops.append(asyncio.get_running_loop())
        ready.set()
        await stop.wait()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await coordinator.stop()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield str(where)
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join()


def test_a_functions_file_goes_to_daemons_that_allow_it(film: Path, inverted: str, tmp_path: Path) -> None:
    with cluster(tmp_path, allow_custom=True) as address:
        client = vidproc.Client(address, TOKEN)
        client.process(film, tmp_path / "out.mp4", invert)
        assert sha256(tmp_path / "out.mp4") == inverted
        with pytest.raises(ClientError, match="only a function at the top level of a file"):
            client.process(film, tmp_path / "other.mp4", lambda frame: frame)
        with pytest.raises(ClientError, match="exists"):
            client.process(film, tmp_path / "out.mp4", invert)
        client.process(film, tmp_path / "out.mp4", trails, overwrite=True)
        assert sha256(tmp_path / "out.mp4") != inverted


def test_where_no_daemon_allows_it_the_client_hears_why_it_waits(film: Path, tmp_path: Path) -> None:
    def listen(news: News) -> None:
        if isinstance(news, Progress) and "--allow-custom" in news.waiting:
            raise Enough(news.waiting)

    with cluster(tmp_path) as address:
        client = vidproc.Client(address, TOKEN)
        with pytest.raises(Enough, match="no connected daemon runs custom code"):
            client.process(film, tmp_path / "out.mp4", invert, on_news=listen)
        as_read = vidproc.Client(address, TOKEN.decode() + "\n")
        assert as_read.process(film, tmp_path / "out.mp4", "blur")["frames_out"] == 60
        with pytest.raises(AuthenticationError):
            vidproc.Client(address, b"another token for tests").process(film, tmp_path / "2.mp4", "blur")


def test_a_token_that_is_none_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ClientError, match="token: the token must have 16 bytes or more"):
        vidproc.Client(token="token")


def test_a_coordinator_that_is_not_there_is_said_to_be(film: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="vidproc-coordinator --unix-socket"):
        vidproc.Client(f"unix://{tmp_path}/socket").process(film, tmp_path / "out.mp4", "blur")


@pytest.mark.parametrize("start", ["vidproc.process", "vidproc.Client().process"])
def test_a_file_that_starts_jobs_as_it_is_run_is_refused_in_the_slot(start: str) -> None:
    text = f"import vidproc\n\ndef mine(frame):\n    return frame\n\n{start}('in.mp4', 'out.mp4', mine)\n"
    with pytest.raises(FilterError, match="a filter's file may not start jobs: put that under `if __name__"):
        custom.load(text)

"""From words on a command line to a job and an address."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidproc.cli import send, where
from vidproc.cli.job_options import job_of
from vidproc.client.endpoint import Endpoint
from vidproc.errors import ClientError
from vidproc.model import FilterSpec, JobSpec
from vidproc.transport.address import Address


def job(*words: str, out: str = "out.mp4") -> JobSpec:
    return job_of(send.parser().parse_args(["--video", "in.mp4", "--out", out, *words]), out)


def endpoint(*words: str) -> Endpoint:
    return where.endpoint(send.parser().parse_args(["--video", "in.mp4", *words]))


def test_what_is_not_said_is_left_to_the_coordinator() -> None:
    assert job() == JobSpec(filters=(), codec="")


def test_all_that_can_be_said() -> None:
    words = "--codec h264 --crf 18 --encoder-preset slow --pix-fmt source --audio none --start 1.5 --duration 2"
    assert job(*words.split(), "--on-decode-error", "fail", "--on-error", "black", out="out.mkv") == JobSpec(
        (), "mkv", "h264", 18.0, "slow", "source", "none", "fail", "black", start=1.5, duration=2.0
    )


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1:30", 90), ("0:01:30.5", 90.5), ("2:00:00", 7200)])
def test_times_as_people_write_them(text: str, seconds: float) -> None:
    assert job("--start", text, "--duration", text) == JobSpec((), codec="", start=seconds, duration=seconds)


@pytest.mark.parametrize("text", ["", "x", "inf", "nan", "1:2:3:4", "1.5:00", "1:"])
def test_what_is_no_time_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        job("--start", text)
    assert f"argument --start: invalid seconds value: {text!r}" in capsys.readouterr().err


def test_filters_in_their_order() -> None:
    expected = (FilterSpec("blur", {"ksize": "5"}), FilterSpec("edges"), FilterSpec("blur"))
    assert job("--filter", "blur:ksize=5", "--filter", "edges", "--filter", "blur").filters == expected


def test_one_filter_with_its_parameters() -> None:
    filters = job("--processing", "blur", "--param", "ksize=5", "--param", "sigma=1").filters
    assert filters == (FilterSpec("blur", {"ksize": "5", "sigma": "1"}),)


def test_a_filter_of_one_s_own_in_three_ways(tmp_path: Path) -> None:
    text = "def f(frame): return frame\ndef g(frame): return frame\n"
    mine = tmp_path / "mine.py"
    mine.write_text(text)
    expected = (FilterSpec("custom", {"strength": "2"}, text, "g"),)
    assert job("--filter", f"{mine}:function=g,strength=2").filters == expected
    assert job("--filter", f"custom:file={mine},function=g,strength=2").filters == expected
    words = ("--processing", "custom", "--param", f"file={mine}", "--param", "function=g", "--param", "strength=2")
    assert job(*words).filters == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--processing blur --filter edges", "not both"),
        ("--param ksize=5", "belongs to --processing"),
        ("--filter blur --param ksize=5", "belongs to --processing"),
        ("--processing custom", "needs its file"),
    ],
)
def test_options_that_contradict_each_other(words: str, said: str) -> None:
    with pytest.raises(ClientError, match=said):
        job(*words.split())


def test_where_the_coordinator_is(tmp_path: Path) -> None:
    assert endpoint() == Endpoint(Address.tcp("localhost", 9090))
    assert endpoint("--host", "::1", "--port", "1", "--ipv6") == Endpoint(Address.tcp("::1", 1), family="ipv6")
    assert endpoint("--ipv4").family == "ipv4"
    assert endpoint("--unix-socket", "s") == Endpoint(Address.unix("s"))
    (tmp_path / "t").write_bytes(b" a token of enough bytes\n")
    assert endpoint("--token-file", str(tmp_path / "t")).token == b"a token of enough bytes"


@pytest.mark.parametrize("words", ["--host h", "--port 1", "--ipv4", "--ipv6"])
def test_two_places_at_once(words: str) -> None:
    with pytest.raises(ClientError, match="not both"):
        endpoint("--unix-socket", "s", *words.split())

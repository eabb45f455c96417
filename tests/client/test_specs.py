"""How people write filters down, and how outputs are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidproc.client import specs
from vidproc.client.containers import container_of
from vidproc.errors import ClientError
from vidproc.model import FilterSpec, ParamValue


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("blur", FilterSpec("blur")),
        ("blur:ksize=5", FilterSpec("blur", {"ksize": "5"})),
        (" blur : ksize = 5 , sigma=1.2", FilterSpec("blur", {"ksize": "5", "sigma": "1.2"})),
        ("blur:kind=a=b", FilterSpec("blur", {"kind": "a=b"})),
        ("blur:kind=", FilterSpec("blur", {"kind": ""})),
        ("blur:kind=c:d", FilterSpec("blur", {"kind": "c:d"})),
    ],
)
def test_a_filter(text: str, spec: FilterSpec) -> None:
    assert specs.parse(text) == spec


@pytest.mark.parametrize(
    "text", ["", ":", ":ksize=5", " :ksize=5", "blur:", "blur: ", "blur:ksize", "blur:=5", "blur:ksize=5,", "blur:,"]
)
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(ClientError, match="write "):
        specs.parse(text)


@pytest.mark.parametrize("pairs", [("ksize=3", "ksize=5"), ("ksize=5", "sigma=1", " ksize =5")])
def test_a_parameter_that_is_given_twice(pairs: tuple[str, ...]) -> None:
    with pytest.raises(ClientError, match=r"parameter 'ksize' is given twice, as '.' and as '.'"):
        specs.parse_params(pairs)
    with pytest.raises(ClientError, match="twice"):
        specs.parse(f"blur:{','.join(pairs)}")


def test_a_file_s_text_goes_along(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("# é\ndef f(frame): return frame\n", encoding="utf-8")
    spec = specs.from_file(tmp_path / "mine.py", "f", {"strength": "2"})
    assert spec == FilterSpec("custom", {"strength": "2"}, "# é\ndef f(frame): return frame\n", "f")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n")
    for name, said in {"none.py": "No such file", "latin.py": "utf-8", ".": "Is a directory"}.items():
        with pytest.raises(ClientError, match=f"cannot read the filter .*{said}"):
            specs.from_file(tmp_path / name)


@pytest.mark.parametrize(
    ("out", "container"), [("a.mp4", "mp4"), ("b/A.MP4", "mp4"), ("a.m4v", "mp4"), ("a.b.mkv", "mkv"), ("-", "mp4")]
)
def test_the_name_says_the_container(out: str, container: str) -> None:
    assert container_of(out) == container


@pytest.mark.parametrize("out", ["a", "a.avi", "mp4", ".mp4", "a.mp4.part", "a.mp4/b"])
def test_a_name_that_says_none(out: str) -> None:
    with pytest.raises(ClientError, match=r"must end in \.mp4, \.m4v, \.mkv"):
        container_of(out)


def test_what_a_job_can_carry() -> None:
    specs.check_size([FilterSpec("blur")] * 64)
    specs.check_size([FilterSpec("custom", code="#" * (120 * 1024))] * 2)


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ([FilterSpec("blur")] * 65, "a job may have 64 filters, not 65"),
        ([FilterSpec("custom", code="é" * (124 * 1024))], "files have 248 KiB; a job can carry 240 KiB"),
        ([FilterSpec("custom", code="#" * (121 * 1024))] * 2, "files have 242 KiB"),
    ],
)
def test_what_is_more_than_a_job_can_carry(filters: list[FilterSpec], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        specs.check_size(filters)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        (r"text:text=one\, two,size=3", {"text": "one, two", "size": "3"}),
        (r"text:text=\,", {"text": ","}),
        (r"text:text=ends so\\,size=3", {"text": "ends so\\", "size": "3"}),
        (r"text:text=a\nb\'c", {"text": r"a\nb\'c"}),
        (r"text:text=\\\,", {"text": "\\,"}),
        ("text:text=ends so\\", {"text": "ends so\\"}),
    ],
)
def test_a_comma_within_a_value(text: str, params: dict[str, ParamValue]) -> None:
    assert specs.parse(text) == FilterSpec("text", params)
    assert specs.parse(specs.written("text", params)) == FilterSpec("text", params)


def test_whoever_writes_a_comma_bare_is_told_how() -> None:
    with pytest.raises(ClientError, match=r"parameter ' two': write name=value \(.* comma within a value is \\,\)"):
        specs.parse("text:text=one, two")

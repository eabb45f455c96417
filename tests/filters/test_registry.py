"""The registry: what there is, found by name, without loading what was not asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.filters.pictures import variants
from tests.filters.sample_files import needed
from vidproc import filters
from vidproc.errors import BadParameterError, ClientError, UnknownFilterError
from vidproc.filters import median
from vidproc.filters.contract import Filter
from vidproc.filters.decorator import FORMATS
from vidproc.model import FilterSpec


def test_each_name_gives_the_filter_of_that_name() -> None:
    assert filters.names() == tuple(sorted(filters.names()))
    assert [filters.get(name).name for name in filters.names()] == list(filters.names())


@pytest.mark.parametrize("name", filters.names())
def test_the_kinds_of_a_filter_share_its_name_and_differ_in_their_own(name: str) -> None:
    found = filters.get(name)
    kinds = variants(name)
    assert {each.name for each in kinds} == {found.name}
    assert len({each.kind for each in kinds}) == len(kinds)
    assert found.choose(needed(kinds[0]))[0] is kinds[0]
    assert found.help.endswith(".")


@pytest.mark.parametrize("found", [each for name in filters.names() for each in variants(name)], ids=lambda f: f.title)
def test_each_declaration_holds_together(found: Filter) -> None:
    before, after = found.window
    assert before <= 0 <= after
    assert found.help.endswith(".")
    assert set(found.formats) <= set(FORMATS)
    files = needed(found)
    assert all(param.name == "file" for param in found.params if param.file), "or clients don't know that it is one"
    assert found.resolve({param.name: param.default for param in found.params} | files) == found.resolve(files)
    assert found.resolve({param.name: str(param.default) for param in found.params} | files) == found.resolve(files)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownFilterError) as caught:
        filters.get("blurr")
    known = ", ".join((*filters.names(), "custom"))
    assert str(caught.value) == f"there is no filter 'blurr': the filters are {known}; did you mean 'blur'?"


def test_a_jobs_filter_is_found_built_in_or_in_the_text_it_brings() -> None:
    assert filters.find(FilterSpec("blur", {"kind": "median"})) == (median.MEDIAN, {"ksize": 5})
    _, params = filters.find(FilterSpec("custom", {"gain": "2"}, code="def f(frame, gain=1.0): return frame"))
    assert params == {"gain": 2.0}


def test_a_declaration_is_had_without_executing_anything() -> None:
    code = "raise SystemExit('executed')\ndef f(frame, gain=1.0): return frame"
    with pytest.raises(BadParameterError, match="custom has no parameter 'gian'"):
        filters.declaration(FilterSpec("custom", {"gian": 1}, code=code))
    with pytest.raises(ClientError, match="defines no function"):
        filters.declaration(FilterSpec("custom"))


def test_listing_the_names_loads_neither_numpy_nor_opencv() -> None:
    program = (
        "import sys, vidproc.filters as f; f.names(); "
        "print([name for name in ('numpy', 'cv2', 'av', 'asyncio') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_a_filter_described_in_plain_text() -> None:
    said = filters.describe("blur").splitlines()
    assert said[0] == "blur: Blur the picture."
    assert "  kind=gaussian  Average the neighbours, the nearest counting most: soft everywhere. (default)" in said
    assert "    ksize=15  width and height of the kernel, in pixels (an odd whole number from 1 to 255)" in said
    motion = filters.describe("motion").splitlines()
    assert "    Remembers what came before, and begins anew every 250 frames." in motion

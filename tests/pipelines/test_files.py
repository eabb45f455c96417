"""The files that a job names: which they must be, and what filters make of them."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.filters.sample_files import SAMPLES
from vidproc.errors import BadParameterError, ClientError
from vidproc.filters.file_type import FileType
from vidproc.filters.still_picture import StillPicture
from vidproc.model import MOST_FILE_BYTES, FilterSpec
from vidproc.pipelines.files import check_sizes, read
from vidproc.pipelines.plan import outline, plan

LOGO = hashlib.sha256(SAMPLES["overlay"]).hexdigest()
OVERLAY = FilterSpec("overlay", {"file": LOGO})
MIB = 2**20


def load(type: FileType, sha256: str) -> Any:
    assert sha256 == LOGO
    return type.read(SAMPLES["overlay"])


def test_a_pipeline_is_given_what_files_hold() -> None:
    (step,) = plan([OVERLAY], "yuv420p", "yuv420p", load).steps
    assert isinstance(step.params["file"], StillPicture)
    assert step.params["opacity"] == 1.0


def test_it_can_be_looked_at_without_them_but_not_run() -> None:
    assert outline([OVERLAY], "yuv420p", "yuv420p").explain() == "yuv420p -> overlay(yuv420p)"
    with pytest.raises(LookupError, match=LOGO):
        plan([OVERLAY], "yuv420p", "yuv420p")


def test_what_is_wrong_with_a_file_is_said_of_its_filter_and_parameter() -> None:
    read([OVERLAY, FilterSpec("blur")], {LOGO: SAMPLES["overlay"]})
    with pytest.raises(BadParameterError) as caught:
        read([OVERLAY], {LOGO: b"something else"})
    assert str(caught.value) == "overlay: file: this is neither a PNG nor a JPEG picture"


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({}, "overlay: a file is named that does not go with the job"),
        ({LOGO: 0}, "overlay: file must be a .png, .jpg or .jpeg file of at most 16 MiB, not of 0 bytes"),
        ({LOGO: 17 * MIB}, "overlay: file must be a .png, .jpg or .jpeg file of at most 16 MiB, not of 17825792 bytes"),
        ({LOGO: 1, "1" * 64: 1}, f"no filter names the file {'1' * 64}, which is to go with the job"),
    ],
)
def test_the_files_of_a_job_are_those_that_its_filters_name(sizes: dict[str, int], words: str) -> None:
    check_sizes([OVERLAY], {LOGO: 16 * MIB})
    with pytest.raises(ClientError) as caught:
        check_sizes([OVERLAY], sizes)
    assert str(caught.value) == words


def test_all_files_of_a_job_together_have_a_limit() -> None:
    names = [f"{n:064x}" for n in range(5)]
    overlays = [FilterSpec("overlay", {"file": name}) for name in names]
    check_sizes(overlays[:4], dict.fromkeys(names[:4], MOST_FILE_BYTES // 4))
    with pytest.raises(ClientError, match="a job's files may have 64 MiB, not 80"):
        check_sizes(overlays, dict.fromkeys(names, MOST_FILE_BYTES // 4))


@pytest.mark.parametrize("value", ["logo.png", "0" * 63, "A" * 64, 5, ""])
def test_a_job_names_files_by_their_hashes_alone(value: str | int) -> None:
    with pytest.raises(BadParameterError, match=r"^overlay: file must be a .png, .jpg or .jpeg file of at most 16 MiB"):
        check_sizes([FilterSpec("overlay", {"file": value})], {})

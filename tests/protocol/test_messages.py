from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.protocol.examples import messages
from vidproc.model import JobSpec, Paths
from vidproc.protocol.framing import FrameReader, pack
from vidproc.protocol.job_messages import Describe, ListAttempts, ListJobs, Remove, Rerun
from vidproc.protocol.messages import Ack, Cancel, Fetch, Handshake, Heartbeat, Message, Submit, UploadBlock, Watch

pytestmark = pytest.mark.unit


@given(messages())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_every_message_survives_the_way(message: Message) -> None:
    reader = FrameReader()
    for part in pack(message.to_header(), b"payload"):
        reader.feed(part)
    ((header, payload),) = reader
    assert Message.from_header(header) == message
    assert payload == b"payload"


def test_names_on_the_wire() -> None:
    assert UploadBlock.kind == "upload-block"
    assert Message.registry["upload-block"] is UploadBlock


@pytest.mark.parametrize("header", [{}, {"type": "nonsense"}, {"type": 5}, {"type": "fetch"}, {"type": []}])
def test_what_is_no_message_is_refused(header: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"unknown message type|Fetch: Object missing required field `job_id`"):
        Message.from_header(header)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.none() | st.integers() | st.text() | st.binary(), inner),
    max_leaves=10,
)


@given(messages(), st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_field_holds_is_taken_or_refused_with_a_value_error(message: Message, data: st.DataObject) -> None:
    header = message.to_header()
    header[data.draw(st.sampled_from(sorted(header)))] = data.draw(_ANYTHING)
    try:
        taken = Message.from_header(header)
    except ValueError:
        return
    assert taken.to_header().keys() == header.keys()


def test_a_key_that_is_no_string_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected `str` - at `key`"):
        Message.from_header({"type": "fetch", "job_id": "j", "offset": 3, 9: "speed"})  # type: ignore[dict-item]


def test_unknown_fields_are_ignored() -> None:
    assert Message.from_header({"type": "fetch", "job_id": "j", "offset": 3, "speed": 9}) == Fetch("j", 3)


def test_values_without_sense_are_refused() -> None:
    good = Handshake(1, "client", "me", {}, b"n" * 32).to_header()
    for bad in ({"nonce": b"n" * 31}, {"name": "two\nlines"}, {"name": "x" * 256}):
        with pytest.raises(ValueError, match=r"has 32 bytes|one line"):
            Message.from_header({**good, **bad})
    for rate in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="rate_limit is a number"):
            Heartbeat({}, rate)
    for heartbeat_s, silence_s in ((0.0, 1.0), (2.0, 1.0), (float("nan"), 1.0), (1.0, float("inf"))):
        with pytest.raises(ValueError, match="does not hold"):
            Ack(1, "k", {}, heartbeat_s, silence_s)
    with pytest.raises(ValueError, match="not negative"):
        Fetch("j", -1)


def test_a_page_has_its_limits_and_a_path_its_length() -> None:
    for limit in (0, -1, 51):
        with pytest.raises(ValueError, match="a page has 1 to 50 jobs"):
            ListJobs(1, limit)
    for offset in (-1, 1 << 31):
        with pytest.raises(ValueError, match="not negative, and fits 31 bits"):
            ListAttempts(1, "j", offset)
    with pytest.raises(ValueError, match="Invalid enum value"):
        Message.from_header({"type": "list-jobs", "request": 1, "state": "asleep"})
    good = Submit(1, JobSpec(()), 5, "0" * 64, "film.mp4", paths=Paths("/" * 4096, ""))
    with pytest.raises(ValueError, match="a path has at most 4096 characters"):
        Message.from_header({**good.to_header(), "paths": {"result": "/" * 4097}})


@pytest.mark.parametrize("kind", [UploadBlock, Watch, Fetch, Cancel, Describe, ListAttempts, Rerun, Remove])
def test_a_jobs_id_has_its_length(kind: type[Message]) -> None:
    numbers = {"request": 1, "offset": 0, "crc32": 0}
    header = {"type": kind.kind, **numbers}
    Message.from_header({**header, "job_id": "j" * 255})
    with pytest.raises(ValueError, match="a job's id has at most 255 characters"):
        Message.from_header({**header, "job_id": "j" * 256})


def test_the_job_before_a_page_has_an_id_too() -> None:
    with pytest.raises(ValueError, match="a job's id has at most 255 characters"):
        ListJobs(1, before="j" * 256)


def test_a_hash_is_fit_to_be_a_file_name() -> None:
    Submit(1, JobSpec(()), 5, "0" * 64, "film.mp4")
    with pytest.raises(ValueError, match="SHA-256"):
        Submit(1, JobSpec(()), 5, "../" * 21 + "x", "film.mp4")

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.protocol.examples import messages
from vidproc.model import JobSpec
from vidproc.protocol.framing import FrameReader, pack
from vidproc.protocol.messages import Ack, Fetch, Handshake, Message, Submit, UploadBlock

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
    with pytest.raises(ValueError, match=r"unknown message type|is missing"):
        Message.from_header(header)


def test_unknown_fields_are_ignored() -> None:
    assert Message.from_header({"type": "fetch", "job_id": "j", "offset": 3, "speed": 9}) == Fetch("j", 3)


def test_values_without_sense_are_refused() -> None:
    good = Handshake(1, "client", "me", {}, b"n" * 32).to_header()
    for bad in ({"nonce": b"n" * 31}, {"name": "two\nlines"}, {"name": "x" * 256}):
        with pytest.raises(ValueError, match=r"has 32 bytes|one line"):
            Message.from_header({**good, **bad})
    for heartbeat_s, silence_s in ((0.0, 1.0), (2.0, 1.0), (float("nan"), 1.0), (1.0, float("inf"))):
        with pytest.raises(ValueError, match="does not hold"):
            Ack(1, "k", {}, heartbeat_s, silence_s)
    with pytest.raises(ValueError, match="not negative"):
        Fetch("j", -1)


def test_a_hash_is_fit_to_be_a_file_name() -> None:
    Submit(1, JobSpec(()), 5, "0" * 64, "film.mp4")
    with pytest.raises(ValueError, match="SHA-256"):
        Submit(1, JobSpec(()), 5, "../" * 21 + "x", "film.mp4")

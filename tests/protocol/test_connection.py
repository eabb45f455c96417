from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.protocol.examples import (
    COORDINATOR_NONCE,
    ONE_OF_EACH,
    PEER_NONCE,
    VERSIONS,
    converse,
    ends,
    messages,
    opened,
    party,
    pending,
)
from vidproc.errors import (
    AuthenticationError,
    ClientError,
    ConnectionLostError,
    PeerError,
    TooLargeError,
    UnreachableError,
    VersionError,
)
from vidproc.model import FilterSpec, JobSpec, JobState
from vidproc.protocol.connection import Arrived, Connection, Event
from vidproc.protocol.directions import FROM_PEER, TO_PEER
from vidproc.protocol.framing import FrameReader, Limits, pack
from vidproc.protocol.messages import (
    Ack,
    Cancel,
    Challenge,
    Error,
    Failed,
    Fetch,
    Finished,
    Handshake,
    Heartbeat,
    LeaseBlock,
    Message,
    Ping,
    Progress,
    Proof,
    Submit,
    UploadBlock,
    Watch,
)
from vidproc.protocol.party import Opened, prove

pytestmark = pytest.mark.unit

TOKEN = b"correct horse battery staple"


def raw(message: Message, payload: bytes = b"", **extra: Any) -> bytes:
    return b"".join(bytes(part) for part in pack({**message.to_header(), **extra}, payload))


def told(connection: Connection) -> list[Message]:
    """What this end has to say, read as messages."""
    reader = FrameReader()
    reader.feed(pending(connection))
    return [Message.from_header(header) for header, _ in reader]


# Opening


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("role", ["client", "worker"])
def test_both_ends_open_and_know_each_other(role: str, token: bytes | None) -> None:
    peer, coordinator = ends(role, token)
    at_peer, at_coordinator = converse(peer, coordinator)
    assert at_coordinator == [Opened(role, f"the {role}", VERSIONS, {}, 2.0, 8.0)]
    assert at_peer == [Opened("coordinator", "the coordinator", VERSIONS, {}, 2.0, 8.0)]
    assert (peer.peer, coordinator.peer) == (at_peer[0], at_coordinator[0])


def test_byte_by_byte_is_the_same() -> None:
    peer, coordinator = ends("client", TOKEN)
    seen: list[Event] = []
    for _ in range(3):
        for byte in pending(peer):
            seen += coordinator.receive_data(bytes([byte]))
        for byte in pending(coordinator):
            seen += peer.receive_data(bytes([byte]))
    assert [event.role for event in seen if isinstance(event, Opened)] == ["client", "coordinator"]


def test_the_coordinators_times_hold_on_both_sides_and_capabilities_arrive() -> None:
    peer = Connection(party("worker", capabilities={"slots": 4}), PEER_NONCE)
    coordinator = Connection(party("coordinator", heartbeat_s=0.5, silence_s=3.0), COORDINATOR_NONCE)
    converse(peer, coordinator)
    assert peer.peer is not None
    assert coordinator.peer is not None
    assert (peer.peer.heartbeat_s, peer.peer.silence_s) == (0.5, 3.0)
    assert coordinator.peer.capabilities == {"slots": 4}


def test_the_token_does_not_travel() -> None:
    peer, coordinator = ends("client", TOKEN)
    wire = b""
    for _ in range(3):
        there = pending(peer)
        list(coordinator.receive_data(there))
        back = pending(coordinator)
        list(peer.receive_data(back))
        wire += there + back
    assert peer.peer is not None
    assert TOKEN not in wire
    assert repr(TOKEN) not in repr(party("client", TOKEN))


def test_a_peer_without_the_token_is_told_to_give_one() -> None:
    peer, coordinator = Connection(party("client"), PEER_NONCE), ends("client", TOKEN)[1]
    with pytest.raises(AuthenticationError, match="--token-file"):
        converse(peer, coordinator)
    (error,) = told(peer)
    assert isinstance(error, Error)
    assert error.code == "authentication"


def test_a_peer_with_another_token_recognises_that_it_is_another() -> None:
    peer, coordinator = Connection(party("client", b"wrong"), PEER_NONCE), ends("client", TOKEN)[1]
    with pytest.raises(AuthenticationError, match="holds another token"):
        converse(peer, coordinator)
    assert coordinator.peer is None


def test_a_peer_with_a_token_refuses_a_coordinator_that_does_not_ask() -> None:
    peer, coordinator = Connection(party("client", TOKEN), PEER_NONCE), ends()[1]
    with pytest.raises(AuthenticationError, match="did not ask"):
        converse(peer, coordinator)
    assert peer.peer is None


def test_a_peer_with_a_token_refuses_a_coordinator_that_merely_claims_to_have_it() -> None:
    peer = ends("client", TOKEN)[0]
    with pytest.raises(AuthenticationError):
        list(peer.receive_data(raw(Challenge(COORDINATOR_NONCE, b"\0" * 32))))


@pytest.mark.parametrize(
    "proof",
    [
        b"",
        b"\0" * 32,
        prove(b"wrong", "client", PEER_NONCE, COORDINATOR_NONCE),
        prove(TOKEN, "worker", PEER_NONCE, COORDINATOR_NONCE),  # of another role
        prove(TOKEN, "coordinator", PEER_NONCE, COORDINATOR_NONCE),  # the coordinator's own, sent back
        prove(TOKEN, "client", COORDINATOR_NONCE, PEER_NONCE),
    ],
)
def test_a_wrong_proof_is_refused(proof: bytes) -> None:
    peer, coordinator = ends("client", TOKEN)
    list(coordinator.receive_data(pending(peer)))
    pending(coordinator)
    with pytest.raises(AuthenticationError):
        list(coordinator.receive_data(raw(Proof(proof))))
    (error,) = told(coordinator)
    assert isinstance(error, Error)
    assert (error.code, error.blame) == ("authentication", "peer")


def test_a_proof_overheard_once_opens_nothing_a_second_time() -> None:
    peer, coordinator = ends("client", TOKEN)
    handshake = pending(peer)
    list(coordinator.receive_data(handshake))
    list(peer.receive_data(pending(coordinator)))
    proof = pending(peer)
    assert [type(event) for event in coordinator.receive_data(proof)] == [Opened]

    again = Connection(party("coordinator", TOKEN), b"C" * 32)
    list(again.receive_data(handshake))
    with pytest.raises(AuthenticationError):
        list(again.receive_data(proof))


def test_proofs_differ_by_all_that_goes_into_them() -> None:
    proofs = {
        prove(token, role, nonce, other)
        for token in (b"a", b"b")
        for role in ("client", "worker", "coordinator")
        for nonce, other in ((b"1" * 32, b"2" * 32), (b"2" * 32, b"1" * 32), (b"1" * 32, b"1" * 32))
    }
    assert len(proofs) == 2 * 3 * 3


def test_what_the_other_side_would_refuse_is_refused_at_once() -> None:
    with pytest.raises(ClientError, match="token is empty"):
        party("client", b"")
    for name in ("two\nlines", "x" * 256):
        with pytest.raises(ClientError, match="a name is one line"):
            party("client", name=name)
    for heartbeat_s, silence_s in ((0.0, 1.0), (2.0, 2.0), (1.0, 1e6), (float("nan"), 1.0)):
        with pytest.raises(ClientError, match="don't go together"):
            party("coordinator", heartbeat_s=heartbeat_s, silence_s=silence_s)
    with pytest.raises(ValueError, match="unknown role"):
        party("admin")


def test_another_version_of_the_protocol_is_named_on_both_sides() -> None:
    _, coordinator = ends()
    later = {"type": "handshake", "version": 7, "hello": "a field that does not exist yet"}
    with pytest.raises(VersionError, match=r"version 1 .* version 7"):
        list(coordinator.receive_data(b"".join(map(bytes, pack(later)))))
    (error,) = told(coordinator)
    assert isinstance(error, Error)
    assert error.code == "version"

    peer, _ = ends()
    with pytest.raises(VersionError, match=r"version 1 .* version 7"):
        list(peer.receive_data(raw(error)))


def test_a_coordinator_of_another_version_is_refused() -> None:
    peer, _ = ends()
    with pytest.raises(VersionError):
        list(peer.receive_data(raw(Ack(2, "k", VERSIONS, 1.0, 5.0))))


@pytest.mark.parametrize("theirs", [{"vidproc": "2.0.0"}, {"vidproc": "10.2.3"}, {}])
def test_a_worker_of_another_major_version_is_refused(theirs: dict[str, str]) -> None:
    worker = Connection(party("worker", versions=theirs), PEER_NONCE)
    with pytest.raises(VersionError, match=r"1\.2\.3"):
        converse(worker, ends()[1])


def test_a_worker_of_another_minor_version_and_a_client_of_any_are_welcome() -> None:
    for role, versions in (("worker", {"vidproc": "1.9"}), ("client", {"vidproc": "2.0"}), ("client", {})):
        peer, coordinator = Connection(party(role, versions=versions), PEER_NONCE), ends()[1]
        converse(peer, coordinator)
        assert peer.peer is not None


FOREIGN = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    bytes.fromhex("16030100c8010000c40303"),  # a TLS client's hello
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"\0\0\0\x05\0\0\0\0hello",
    b"\0\0\0\x01\0\0\0\0\x80",
    raw(Ping()).replace(b"ping", b"pang"),
]


@pytest.mark.parametrize("role", ["client", "coordinator"])
@pytest.mark.parametrize("data", FOREIGN)
def test_whoever_speaks_another_protocol_is_told_so(data: bytes, role: str) -> None:
    connection = Connection(party(role), PEER_NONCE)
    pending(connection)
    with pytest.raises(PeerError, match="does not speak vidproc's protocol"):
        list(connection.receive_data(data))
    assert [type(message) for message in told(connection)] == [Error]


def test_an_unknown_role_is_refused() -> None:
    _, coordinator = ends()
    with pytest.raises(PeerError, match="admin"):
        list(coordinator.receive_data(raw(Handshake(1, "admin", "x", VERSIONS, PEER_NONCE))))


@pytest.mark.parametrize("message", [*ONE_OF_EACH, Ack(1, "k", {}, 1.0, 2.0), Challenge(PEER_NONCE, b"")])
def test_a_coordinator_takes_nothing_but_a_handshake_first(message: Message) -> None:
    _, coordinator = ends("client", TOKEN)
    with pytest.raises(PeerError):
        list(coordinator.receive_data(raw(message)))


@pytest.mark.parametrize("message", ONE_OF_EACH)
def test_a_peer_takes_nothing_but_the_opening_first(message: Message) -> None:
    peer, _ = ends()
    with pytest.raises(PeerError):
        list(peer.receive_data(raw(message)))


def test_a_second_handshake_is_refused() -> None:
    for coordinator in (ends("client", TOKEN)[1], ends()[1]):
        handshake = pending(ends()[0])
        list(coordinator.receive_data(handshake))
        with pytest.raises(PeerError):
            list(coordinator.receive_data(handshake))


def test_only_small_headers_and_no_payload_are_taken_before_the_connection_is_open() -> None:
    for prefix in ("00001001 00000000", "00000010 00000001"):
        _, coordinator = ends()
        with pytest.raises(PeerError, match="announced"):
            list(coordinator.receive_data(bytes.fromhex(prefix)))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("authentication", AuthenticationError),
        ("version", VersionError),
        ("connection-lost", ConnectionLostError),
        ("unreachable", UnreachableError),
        ("internal", PeerError),
        ("usage", PeerError),
        ("never heard of", PeerError),
    ],
)
def test_an_error_in_place_of_an_ack_is_raised_as_what_it_is(code: str, kind: type[Exception]) -> None:
    peer, _ = ends()
    pending(peer)
    with pytest.raises(kind, match="because"):
        list(peer.receive_data(raw(Error(code, "because", "peer"))))
    assert pending(peer) == b""


def test_what_another_host_writes_can_do_nothing_to_a_terminal() -> None:
    peer, _ = ends()
    with pytest.raises(PeerError) as caught:
        list(peer.receive_data(raw(Error("protocol", "\x1b[2Jline\n" + "x" * 2000, "peer"))))
    assert str(caught.value).startswith("?[2Jline xxx")
    assert len(str(caught.value)) <= 500


# Once open


def test_each_message_has_a_direction() -> None:
    opening = {Handshake, Challenge, Proof, Ack}
    directed = frozenset().union(*FROM_PEER.values(), *TO_PEER.values())
    assert directed | opening == set(Message.registry.values())


@pytest.mark.parametrize("role", ["client", "worker"])
@pytest.mark.parametrize("message", ONE_OF_EACH)
def test_a_message_is_sent_and_taken_in_its_direction_only(message: Message, role: str) -> None:
    for sender, table in ((0, FROM_PEER), (1, TO_PEER)):
        pair = opened(role)
        allowed = type(message) in table[role]
        if allowed:
            data = b"".join(map(bytes, pair[sender].send(message)))
            assert [e for e in pair[1 - sender].receive_data(data) if e != Arrived(message, b"")] == []
        else:
            with pytest.raises(ValueError, match="may not send"):
                pair[sender].send(message)
            with pytest.raises(PeerError, match="may not send"):
                list(pair[1 - sender].receive_data(raw(message)))


_FROM_WORKER = messages(*(FROM_PEER["worker"] - {Ping}))


@given(st.lists(st.tuples(_FROM_WORKER, st.binary(max_size=50)), max_size=8), st.integers(1, 100))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_messages_arrive_as_they_were_sent_in_order(sent: list[tuple[Message, bytes]], step: int) -> None:
    worker, coordinator = opened("worker")
    sent = [(message, payload if message.bulk else b"") for message, payload in sent]
    data = b"".join(bytes(part) for message, payload in sent for part in worker.send(message, payload))
    events = [e for i in range(0, len(data), step) for e in coordinator.receive_data(data[i : i + step])]
    expected = [Arrived(message, payload) for message, payload in sent if message.kind != "pong"]
    assert events == expected


def test_pings_are_answered_by_a_pong_and_not_reported() -> None:
    peer, coordinator = opened()
    assert list(coordinator.receive_data(raw(Ping()) * 3)) == []
    assert [message.kind for message in told(coordinator)] == ["pong"]
    assert list(peer.receive_data(raw(Ping()))) == []


def test_only_bulk_messages_carry_a_payload() -> None:
    peer, coordinator = opened()
    with pytest.raises(ValueError, match="payload"):
        peer.send(Watch("j"), b"x")
    with pytest.raises(PeerError, match="payload"):
        list(coordinator.receive_data(raw(Watch("j"), b"x")))


def test_what_the_other_side_would_refuse_for_its_size_is_not_sent() -> None:
    peer, coordinator = opened()
    peer.send(UploadBlock("j", 0, 0), bytes(2**20))
    for message, payload in (
        (UploadBlock("j", 0, 0), bytes(2**20 + 1)),
        (Submit(1, JobSpec((FilterSpec("x" * 2**18),)), 1, "0" * 64, "n"), b""),
    ):
        with pytest.raises(TooLargeError):
            peer.send(message, payload)
    with pytest.raises(TooLargeError, match="5000"):
        coordinator.send(Finished("j", JobState.DONE, 0, "", {"frames": list(range(5000))}))
    with pytest.raises(TooLargeError, match="16 levels"):
        coordinator.send(Finished("j", JobState.DONE, 0, "", {"frames": [[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}))


def test_limits_are_the_partys() -> None:
    peer = Connection(party("client", limits=Limits(payload=10)), PEER_NONCE)
    coordinator = Connection(party("coordinator", limits=Limits(payload=10)), COORDINATOR_NONCE)
    converse(peer, coordinator)
    with pytest.raises(PeerError, match="payload of 11"):
        list(coordinator.receive_data(raw(UploadBlock("j", 0, 0), bytes(11))))


def test_nothing_is_sent_before_the_connection_is_open() -> None:
    peer, _ = ends()
    with pytest.raises(ValueError, match="may not send"):
        peer.send(Cancel("j"))


def test_messages_before_a_breach_are_delivered_and_then_nothing_is() -> None:
    peer, coordinator = opened()
    data = raw(Watch("a")) + raw(Watch("b")) + raw(Heartbeat({})) + raw(Watch("c"))
    got: list[Event] = []
    with pytest.raises(PeerError, match="a client may not send heartbeat"):
        got.extend(coordinator.receive_data(data))
    assert got == [Arrived(Watch("a"), b""), Arrived(Watch("b"), b"")]
    assert list(coordinator.receive_data(raw(Watch("d")))) == []
    with pytest.raises(PeerError, match="a client may not send heartbeat"):
        list(peer.receive_data(pending(coordinator)))
    with pytest.raises(ValueError, match="may not send"):
        coordinator.send(Progress("j", JobState.DONE, 0, 0, 0.0))


def test_what_was_not_looked_at_comes_with_the_next_bytes() -> None:
    _, coordinator = opened()
    coordinator.receive_data(raw(Watch("a")))
    assert list(coordinator.receive_data(raw(Watch("b")))) == [Arrived(Watch("a"), b""), Arrived(Watch("b"), b"")]


def test_an_error_about_a_job_or_a_request_is_a_message_and_one_about_the_connection_ends_it() -> None:
    peer, _ = opened()
    about_a_job, about_a_request = Error("media", "m", "media", job_id="j"), Error("usage", "m", "client", request=3)
    got = list(peer.receive_data(raw(about_a_job) + raw(about_a_request)))
    assert got == [Arrived(about_a_job, b""), Arrived(about_a_request, b"")]
    with pytest.raises(PeerError, match="stop"):
        list(peer.receive_data(raw(Error("protocol", "stop", "peer"))))


def test_descriptors_are_announced() -> None:
    worker, coordinator = opened("worker")
    (frame,) = worker.send(Failed(1, "worker", "x"), fds=3)
    assert list(coordinator.receive_data(frame)) == [Arrived(Failed(1, "worker", "x"), b"", 3)]
    with pytest.raises(ValueError, match="17 descriptors"):
        worker.send(Failed(1, "worker", "x"), fds=17)


@pytest.mark.parametrize("fds", [-1, 17, True, "3", 2**40])
def test_senseless_numbers_of_descriptors_are_refused(fds: object) -> None:
    _, coordinator = opened()
    with pytest.raises(PeerError, match="descriptors"):
        list(coordinator.receive_data(raw(Watch("j"), fds=fds)))


def test_bad_fields_are_a_breach() -> None:
    _, coordinator = opened()
    with pytest.raises(PeerError, match=r"Fetch: Expected `int`, got `str` - at `\$\.offset`"):
        list(coordinator.receive_data(raw(Fetch("j", 0), offset="x")))
    _, coordinator = opened()
    with pytest.raises(PeerError, match="unknown message type"):
        list(coordinator.receive_data(raw(Fetch("j", 0), type="nonsense")))


_ANY_BYTES = st.binary(max_size=200) | messages().map(raw)


@given(st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_random_bytes_raise_nothing_but_peer_errors(data: st.DataObject) -> None:
    """Bytes at random, and valid messages with some bytes altered, into ends that are opening or open."""
    role = data.draw(st.sampled_from(["client", "worker"]))
    token = data.draw(st.sampled_from([None, TOKEN]))
    connection = [*ends(role, token), *opened(role, token)][data.draw(st.integers(0, 3))]
    noise = bytearray(data.draw(_ANY_BYTES))
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=3)):
        if noise:
            noise[place % len(noise)] = value
    try:
        list(connection.receive_data(noise))
    except (PeerError, UnreachableError):
        assert list(connection.receive_data(raw(Ping()))) == []


def test_submit_with_a_filters_text_fits() -> None:
    peer, coordinator = opened()
    job = JobSpec((FilterSpec("custom", code="x" * 250_000, function="f"),))
    message = Submit(1, job, 5, "0" * 64, "film.mp4")
    (event,) = coordinator.receive_data(b"".join(map(bytes, peer.send(message))))
    assert event == Arrived(message, b"")


def test_a_block_of_a_mebibyte_arrives() -> None:
    worker, coordinator = opened("worker")
    parts = coordinator.send(LeaseBlock(3), memoryview(bytes(2**20)))
    events = [event for part in parts for event in worker.receive_data(part)]
    assert events == [Arrived(LeaseBlock(3), bytes(2**20))]

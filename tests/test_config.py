from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from vidproc import config
from vidproc.config import CoordinatorSettings, Settings, WorkerSettings, as_token, load, read_token
from vidproc.errors import ClientError

KINDS = [CoordinatorSettings, WorkerSettings]


def toml(folder: Path, text: str) -> Path:
    file = folder / "vidproc.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("kind", KINDS)
def test_defaults(kind: type[Settings]) -> None:
    assert load(kind, {}, None, {}) == kind()


@pytest.mark.parametrize("kind", KINDS)
def test_every_default_is_a_value_that_could_be_given(kind: type[Settings]) -> None:
    for key, read in config._readers(kind).items():
        default = getattr(kind(), key)
        assert default is None or read(default) == default


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_but_the_token_can_be_set(kind: type[Settings]) -> None:
    assert set(config.keys(kind)) == {field.name for field in dataclasses.fields(kind)} - {"token"}


def test_each_source_overrides_the_one_before(tmp_path: Path) -> None:
    file = toml(tmp_path, "[coordinator]\nport = 1\n[worker]\nport = 2\n")
    general = {"VIDPROC_PORT": "3"}
    special = general | {"VIDPROC_WORKER_PORT": "4"}
    assert load(WorkerSettings, {"port": None}, None, {}).port == 9090
    assert load(WorkerSettings, {"port": None}, file, {}).port == 2
    assert load(WorkerSettings, {"port": None}, file, general).port == 3
    assert load(WorkerSettings, {"port": None}, file, dict(reversed(special.items()))).port == 4
    assert load(WorkerSettings, {"port": "5"}, file, special).port == 5
    assert load(CoordinatorSettings, {}, file, special).port == 3


def test_an_option_that_says_no_overrides_a_file_that_says_yes(tmp_path: Path) -> None:
    file = toml(tmp_path, "[worker]\nallow_custom = true\n")
    assert load(WorkerSettings, {}, file, {}).allow_custom is True
    assert load(WorkerSettings, {"allow_custom": False}, file, {}).allow_custom is False


def test_values_are_read_by_their_kind(tmp_path: Path) -> None:
    file = toml(
        tmp_path,
        """
        [coordinator]
        bind = "::"
        data_dir = "~/films"
        silence_s = "1m"
        upload_limit = "64GiB"
        source_cache = 0
        insecure = true
        """,
    )
    assert load(CoordinatorSettings, {}, file, {}) == CoordinatorSettings(
        bind="::",
        data_dir=Path.home() / "films",
        silence_s=60.0,
        upload_limit=64 << 30,
        source_cache=0,
        insecure=True,
    )


@pytest.mark.parametrize(
    ("value", "rate"), [("off", 0.0), ("64", 64.0), (64, 64.0), ("0.5", 0.5), (0, 0.0), ("adaptive", "adaptive")]
)
def test_rate_limit(value: Any, rate: float | str) -> None:
    assert load(WorkerSettings, {"rate_limit": value}, None, {}).rate_limit == rate


@pytest.mark.parametrize(("word", "flag"), [("1", True), ("yes", True), ("True", True), ("off", False), ("0", False)])
def test_flags_of_the_environment(word: str, flag: bool) -> None:
    assert load(WorkerSettings, {}, None, {"VIDPROC_ALLOW_CUSTOM": word}).allow_custom is flag


def test_an_empty_variable_is_not_given() -> None:
    assert load(WorkerSettings, {}, None, {"VIDPROC_TOKEN_FILE": "", "VIDPROC_PORT": ""}) == WorkerSettings()


def test_a_general_variable_may_be_for_the_other_program() -> None:
    environ = {"VIDPROC_DATA_DIR": "/films", "VIDPROC_COORDINATOR_PORT": "1", "PATH": "/bin"}
    assert load(WorkerSettings, {}, None, environ) == WorkerSettings()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"port": "http"}, "--port: 'http' is no whole number from 0 to 65535"),
        ({"port": "65536"}, "--port: '65536' is no whole number"),
        ({"port": True}, "--port: True is no whole number"),
        ({"port": "²"}, "--port: '²' is no whole number"),
        ({"processes": "0"}, "--processes: '0' is no whole number from 1"),
        ({"frame_timeout": "0"}, "--frame-timeout: it must be more than 0 s"),
        ({"frame_timeout": "soon"}, "--frame-timeout: 'soon' is no duration"),
        ({"memory_limit": "much"}, "--memory-limit: 'much' is no size"),
        ({"rate_limit": "-1"}, "--rate-limit: '-1' is no rate"),
        ({"rate_limit": "nan"}, "--rate-limit: 'nan' is no rate"),
        ({"rate_limit": "inf"}, "--rate-limit: 'inf' is no rate"),
        ({"rate_limit": True}, "--rate-limit: True is no rate"),
        ({"rate_limit": [1]}, r"--rate-limit: \[1\] is no rate"),
        ({"host": ""}, "--host: '' is no text"),
        ({"host": 5}, "--host: 5 is no text"),
        ({"allow_custom": "perhaps"}, "--allow-custom: 'perhaps' is neither true nor false"),
        ({"proccesses": "2"}, "--proccesses: there is no setting proccesses; did you mean processes?"),
        ({"token": "x"}, "--token: there is no setting token"),
        ({"ipv4": True, "ipv6": True}, "ipv4 and ipv6 exclude each other"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ClientError, match=f"^{complaint}") as caught:
        load(WorkerSettings, options, None, {})
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("VIDPROC_PORT", "x", "VIDPROC_PORT: 'x' is no whole number"),
        ("VIDPROC_PROT", "1", "VIDPROC_PROT: there is no setting prot; did you mean port?"),
        ("VIDPROC_WORKER_PORT", "x", "VIDPROC_WORKER_PORT: 'x' is no whole number"),
        ("VIDPROC_WORKER_DATA_DIR", "x", "VIDPROC_WORKER_DATA_DIR: there is no setting data_dir"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, complaint: str) -> None:
    with pytest.raises(ClientError) as caught:
        load(WorkerSettings, {}, None, {name: value})
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[worker]\nprot = 1", "{file}, worker.prot: there is no setting prot; did you mean port?"),
        ("[worker]\nport = 'x'", "{file}, worker.port: 'x' is no whole number"),
        ("[worker]\nport = 1.5", "{file}, worker.port: 1.5 is no whole number"),
        ("[workers]\nport = 1", "{file}: workers is unknown; there are the tables [coordinator] and [worker]"),
        ("port = 1", "{file}: port is unknown"),
        ("worker = 1", "{file}: worker is unknown"),
        ("[worker", "{file} is no TOML file: "),
        ("\udcff", "{file} is no TOML file: "),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "vidproc.toml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ClientError) as caught:
        load(WorkerSettings, {}, file, {})
    assert str(caught.value).startswith(complaint.format(file=file))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"no\.toml: No such file or directory"):
        load(WorkerSettings, {}, tmp_path / "no.toml", {})


def test_silence_must_outlast_the_heartbeat() -> None:
    with pytest.raises(ClientError, match="silence_s"):
        load(CoordinatorSettings, {"heartbeat_s": "8s"}, None, {})


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        WorkerSettings().port = 1  # type: ignore[misc]


def test_the_token_is_read_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("correct horse battery\n")
    settings = load(WorkerSettings, {"token_file": str(file)}, None, {})
    assert settings.token == b"correct horse battery"
    assert "horse" not in repr(settings)


@pytest.mark.parametrize("text", ["", " \n", "short"])
def test_a_token_that_can_be_guessed_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(ClientError, match="16 bytes or more"):
        read_token(file)


@pytest.mark.parametrize("given", [b"correct horse battery\n", "correct horse battery\n", " correct horse battery"])
def test_a_token_is_the_same_as_text_and_as_bytes(given: bytes | str) -> None:
    assert as_token(given, "token") == b"correct horse battery"


def test_a_token_of_another_type_is_refused() -> None:
    with pytest.raises(ClientError, match="token: bytes or text are wanted, not PosixPath"):
        as_token(Path("token"), "token")  # type: ignore[arg-type]


def test_a_token_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="nothing here: No such file or directory"):
        load(CoordinatorSettings, {"token_file": tmp_path / "nothing here"}, None, {})


@pytest.mark.parametrize(("cores", "processes"), [(1, 1), (2, 2), (4, 4), (5, 3), (64, 62)])
def test_default_processes(monkeypatch: pytest.MonkeyPatch, cores: int, processes: int) -> None:
    monkeypatch.setattr(config, "usable_cores", lambda: cores)
    assert load(WorkerSettings, {}, None, {}).processes == processes

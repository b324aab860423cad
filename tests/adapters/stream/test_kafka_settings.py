"""Settings of Kafka, and brokers that are not there: what needs none."""

import socket
from collections.abc import Iterator

import pytest

from seatrial.adapters.stream.kafka import KafkaStream
from seatrial.records import StreamKind, StreamSpec, TemporaryError, UsageError

SECRET = "a-long-password"


def spec(servers: str = "127.0.0.1:1", **settings: str) -> StreamSpec:
    """A stream of Kafka; `__` in a setting's name stands for a dot."""
    return StreamSpec(
        kind=StreamKind.KAFKA,
        servers=servers,
        topics=("ships",),
        group="harbour",
        settings={name.replace("__", "."): value for name, value in settings.items()},
    )


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    "key",
    ["group.id", "enable.auto.commit", "bootstrap.servers", "isolation.level", "auto.offset.reset", "transactional.id"],
)
def test_what_exactly_once_depends_on_is_not_for_users_to_set(key: str) -> None:
    """The error names the key."""
    with pytest.raises(UsageError, match=key) as raised:
        KafkaStream(spec(**{key: "true"}))
    assert key in raised.value.remedy


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"no__such__setting": "1"}, "no.such.setting"),
        ({"session__timeout__ms": "soon"}, "session.timeout.ms"),
        ({"security__protocol": SECRET}, "security.protocol"),
        ({"ssl__ca__location": "/no/such/file.pem", "security__protocol": "ssl"}, "ssl.ca.location"),
    ],
)
def test_a_setting_that_the_library_refuses_is_named(settings: dict[str, str], told: str) -> None:
    """When the stream is used first, as a mistake of the user."""
    stream = KafkaStream(spec(**settings))

    with pytest.raises(UsageError, match=told):
        stream.waiting({})
    with pytest.raises(UsageError, match=told):
        stream.append([b"x"])


def test_the_value_of_a_secret_setting_is_in_no_message() -> None:
    """Even where the library quotes it."""
    stream = KafkaStream(spec(ssl__key__pem=SECRET, security__protocol="ssl"))

    with pytest.raises(UsageError) as raised:
        stream.waiting({})
    assert SECRET not in str(raised.value)
    assert "ssl.key.pem" in str(raised.value)


def test_brokers_that_are_not_there_are_waited_for_as_long_as_patience_lasts(deaf: str) -> None:
    """Whatever was asked; the error says where, and that nothing is lost."""
    for servers in ("127.0.0.1:1", deaf):
        stream = KafkaStream(spec(servers), patience=0.3)
        with pytest.raises(TemporaryError, match=r"no broker has answered for 0\.3 s") as raised:
            stream.read({})
        assert servers in raised.value.where
        with pytest.raises(TemporaryError):
            stream.waiting({})
        with pytest.raises(TemporaryError):
            stream.commit({"ships/0": 1})
        with pytest.raises(TemporaryError):
            stream.append([b"x"])

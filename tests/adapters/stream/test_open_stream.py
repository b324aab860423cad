"""open_stream: which stream the configuration means."""

import sys
from contextlib import closing
from pathlib import Path

import pytest

from seatrial.records import StreamKind, StreamSpec, UsageError
from seatrial.wiring import open_stream
from tests.streams.kafka import Topics
from tests.streams.reading import values_of


def test_a_folder_is_relative_to_the_project(tmp_path: Path) -> None:
    """And `first` holds for it."""
    open_stream(StreamSpec(folder="events"), tmp_path, {}).append([b"one"])

    assert b"one\n" == (tmp_path / "events" / "events-000001.jsonl").read_bytes()
    assert 1 == open_stream(StreamSpec(folder="events"), tmp_path, {}).waiting({})
    with closing(open_stream(StreamSpec(folder="events", first="latest"), tmp_path, {}).read({})) as reading:
        assert [] == values_of(reading.poll(0.0))


def test_settings_of_kafka_are_filled_in_from_the_environment(mock_kafka: Topics, tmp_path: Path) -> None:
    """Secrets belong there; one that is not set is a mistake that names it."""
    spec = StreamSpec(
        kind=StreamKind.KAFKA,
        servers="${BROKERS}",
        topics=(mock_kafka.topic(),),
        group="harbour",
        settings={"client.id": "${NAME}"},
    )

    stream = open_stream(spec, tmp_path, {"BROKERS": mock_kafka.servers, "NAME": "ship"})
    assert 0 == stream.waiting({})
    with pytest.raises(UsageError, match="NAME"):
        open_stream(spec, tmp_path, {"BROKERS": mock_kafka.servers})


def test_a_package_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to type."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    for name in [name for name in sys.modules if name.startswith("seatrial.adapters.stream.kafka")]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(UsageError, match="confluent_kafka") as raised:
        open_stream(StreamSpec(kind=StreamKind.KAFKA, servers="x:1", topics=("a",)), tmp_path, {})
    assert "seatrial[retrain]" in raised.value.remedy

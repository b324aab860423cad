"""The configuration is read again when it changes, and never in the middle of being written."""

from pathlib import Path

import pytest

from seatrial.gateway.setup import SETTLED_SECONDS, Setup, SetupReader
from seatrial.records import GatewaySpec, UsageError
from seatrial.testing import FakeClock

HEAD = "requests: {file: r.jsonl}\ndeployments: {wine: {serve: wine.joblib}}\n"
ONE = f"{HEAD}services: {{wine: {{}}}}\n"


@pytest.fixture
def clock() -> FakeClock:
    """Passes when the test says so."""
    return FakeClock()


def write(folder: Path, text: str) -> None:
    """A new file of that text."""
    (folder / "new").write_text(text)
    (folder / "new").rename(folder / "seatrial.yaml")


def names(setup: Setup) -> list[str]:
    """Of the services."""
    return [service.name for service in setup.services]


def test_services_that_are_added_are_found(tmp_path: Path, clock: FakeClock) -> None:
    """Also where there was no file at first."""
    reader = SetupReader(tmp_path, clock)
    nothing = reader()
    write(tmp_path, ONE)
    first = reader()
    more = "services: {wine: {release: {window: 5s}}, beer: {prefix: /beer}}"
    write(tmp_path, f"{HEAD}gateway: {{port: 9000}}\n{more}\n")
    at_once = reader()
    clock.sleep(SETTLED_SECONDS)
    later = reader()

    assert Setup() == nothing
    assert ["wine"] == names(first) == names(at_once)
    assert (["wine", "beer"], GatewaySpec(port=9000)) == (names(later), later.gateway)
    assert {"wine": 5.0, "beer": 10.0} == later.windows


def test_a_file_that_is_gone_for_a_moment_changes_nothing(tmp_path: Path, clock: FakeClock) -> None:
    """A checkout of another commit must not end the gateway."""
    write(tmp_path, ONE)
    reader = SetupReader(tmp_path, clock)
    before = reader()
    (tmp_path / "seatrial.yaml").unlink()
    clock.sleep(60)

    assert ["wine"] == names(before) == names(reader())


def test_a_file_that_cannot_be_read_is_told_once(tmp_path: Path, clock: FakeClock) -> None:
    """What it said before holds."""
    write(tmp_path, ONE)
    reader = SetupReader(tmp_path, clock)
    before = reader()
    write(tmp_path, "services: 3\n")
    reader()
    clock.sleep(SETTLED_SECONDS)
    with pytest.raises(UsageError):
        reader()

    assert before == reader()

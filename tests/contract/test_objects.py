"""The contract of the Objects port, on the shipped fake, the directory, and buckets of two servers with S3's protocol."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.adapters.buckets import Access
from seatrial.adapters.objects.bucket import BucketObjects
from seatrial.adapters.objects.directory import DirectoryObjects
from seatrial.ports import Objects
from seatrial.records import PermanentError
from seatrial.testing import MemoryObjects
from tests.serve.log import conftest as servers

WITH_CONDITIONS = ["memory", "directory", "moto"]
EVERY = [*WITH_CONDITIONS, "rclone"]
_numbers = count()


@pytest.fixture(params=EVERY)
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    """Each place in turn, empty."""
    if request.param == "memory":
        return MemoryObjects()
    if request.param == "directory":
        return DirectoryObjects(tmp_path / "objects")
    server: servers.ObjectStore = request.getfixturevalue(request.param)
    access = Access(
        endpoint=f"http://127.0.0.1:{server.port}", key=servers.KEY, secret=servers.SECRET, variables="THOTH_…"
    )
    return BucketObjects(f"s3://{servers.BUCKET}/ships/{next(_numbers)}", access)


with_conditions = pytest.mark.parametrize("objects", WITH_CONDITIONS, indirect=True)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=2000), other=st.binary(max_size=2000))
def test_what_was_put_last_is_got_by_its_key(objects: Objects, data: bytes, other: bytes) -> None:
    """A key may get other bytes, and the stamp tells whether it did."""
    objects.put("data/results", data)
    first = objects.get("data/results")
    objects.put("data/results", other)
    second = objects.get("data/results")

    assert first is not None
    assert second is not None
    assert (data, other) == (first.data, second.data)
    assert (data == other) == (first.stamp == second.stamp)


def test_what_was_never_put_is_absent(objects: Objects) -> None:
    """That is no error, also of what is only the beginning of a key."""
    objects.put("data/one/results", b"1")

    assert objects.get("data/two") is None
    assert objects.get("data/one") is None
    assert objects.get("data/one/results/more") is None


def test_keys_are_those_below_and_no_others(objects: Objects) -> None:
    """Sorted; a key that only begins with the same letters is not below."""
    for key in ("data/7/b/results", "data/7/a/results", "data/7/all", "data/71/a/results"):
        objects.put(key, b"x")

    assert ["data/7/a/results", "data/7/all", "data/7/b/results"] == objects.keys("data/7")
    assert [] == objects.keys("data/8")
    assert [] == objects.keys("data/7/all")


def test_a_key_may_hold_what_was_encoded(objects: Objects) -> None:
    """A percent sign stays one: nobody decodes it on the way."""
    objects.put("data/%2E%2E/a%2Fb/results", b"x")

    assert ["data/%2E%2E/a%2Fb/results"] == objects.keys("data")
    assert ["data/%2E%2E/a%2Fb/results"] == objects.keys("data/%2E%2E")


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../outside", "a/../../b", "a//b", "a/", "a/./b", ".lock", "a\\b", "a\nb", "é", "a" * 300],
)
def test_what_is_no_key_is_refused(objects: Objects, key: str) -> None:
    """Nothing is read or written by it."""
    for use in (
        objects.get,
        objects.keys,
        lambda it: objects.put(it, b""),
        lambda it: objects.replace(it, b"", instead=None),
    ):
        with pytest.raises(PermanentError, match="no key"):
            use(key)


@with_conditions
def test_only_who_saw_the_present_bytes_replaces_them(objects: Objects) -> None:
    """A second writer with the same knowledge is refused, and what the first wrote stays."""
    assert objects.replace("all", b"1", instead=None)
    seen = objects.get("all")
    assert seen is not None

    assert not objects.replace("all", b"2", instead=None)
    assert objects.replace("all", b"3", instead=seen.stamp)
    assert not objects.replace("all", b"4", instead=seen.stamp)
    assert not objects.replace("none", b"5", instead=seen.stamp)

    now = objects.get("all")
    assert now is not None
    assert b"3" == now.data
    assert objects.get("none") is None


@with_conditions
def test_writers_at_once_lose_nothing(objects: Objects) -> None:
    """Each adds its letter to what it saw, until it may: all letters are there in the end, once."""

    def add(letter: str) -> None:
        done = False
        while not done:
            there = objects.get("all")
            data = (there.data if there else b"") + letter.encode()
            done = objects.replace("all", data, instead=there.stamp if there else None)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, "abcdefgh"))

    found = objects.get("all")
    assert found is not None
    assert sorted(b"abcdefgh") == sorted(found.data)


@pytest.mark.parametrize("objects", ["rclone"], indirect=True)
def test_a_server_without_conditions_writes_always(objects: Objects) -> None:
    """As the port says; a version that learns them will be noticed here."""
    objects.put("all", b"1")

    assert objects.replace("all", b"2", instead=None)
    found = objects.get("all")
    assert found is not None
    assert b"2" == found.data

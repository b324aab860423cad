"""A bucket as a place for code: what its refusals mean, and what its folders are."""

import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.adapters.code.objects import ObjectPlace
from seatrial.records import SyncSpec, TemporaryError, UsageError
from seatrial.wiring import open_code_target
from tests.sync.places import Bucket, bucket, environment

FOLDER = "ml_apps/wine/main"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """An object store."""
    with bucket("rclone", tmp_path_factory.mktemp("rclone")) as running:
        yield running


@pytest.fixture(autouse=True)
def _leads_there(server: Bucket) -> Iterator[None]:
    with environment(server.variables):
        yield


def test_the_mark_of_a_folder_is_no_file(server: Bucket, tmp_path: Path) -> None:
    """As the consoles of object stores make them; a known file may be empty."""
    import obstore
    from obstore.store import S3Store

    url = f"{server.url}/{tmp_path.name}"
    client: Any = S3Store.from_url(url, client_options={"allow_http": True})
    place = ObjectPlace(url)
    place.put(FOLDER, {"src/__init__.py": b"", "src/app.py": b"1"})
    obstore.put(client, f"{FOLDER}/data", b"")

    assert {"src/app.py"} == set(place.files(FOLDER))
    assert {"src/app.py", "src/__init__.py"} == set(place.files(FOLDER, ["src/__init__.py", "src/app.py"]))


@pytest.mark.slow
def test_the_mark_of_the_folder_itself_is_no_file(tmp_path: Path) -> None:
    """A key that ends with a slash, as the console of AWS makes it."""
    with bucket("moto", tmp_path) as moto, environment(moto.variables):
        address = f"{moto.variables['AWS_ENDPOINT_URL']}/{moto.url.removeprefix('s3://')}/{FOLDER}/"
        urllib.request.urlopen(urllib.request.Request(address, data=b"", method="PUT")).close()
        place = ObjectPlace(moto.url)
        place.put(FOLDER, {"app.py": b"1"})

        assert {"app.py"} == set(place.files(FOLDER, [""]))
        place.clear(FOLDER, ".seatrial")
        assert {} == place.files(FOLDER)


def test_neighbours_with_the_same_beginning_are_other_folders(server: Bucket, tmp_path: Path) -> None:
    """`main` is not `main2`."""
    place = ObjectPlace(f"{server.url}/{tmp_path.name}")
    place.put(f"{FOLDER}2", {"app.py": b"2"})
    place.put(FOLDER, {"app.py": b"1"})
    place.clear(FOLDER, ".seatrial")

    assert ({}, {"app.py"}) == (dict(place.files(FOLDER)), set(place.files(f"{FOLDER}2")))


def test_a_bucket_that_is_not_there_is_named() -> None:
    """Whatever was asked of it."""
    place = ObjectPlace("s3://nowhere/code")
    actions: list[Callable[[], object]] = [
        lambda: place.files(FOLDER),
        lambda: place.read(f"{FOLDER}/app.py"),
        lambda: place.put(FOLDER, {"app.py": b"1"}),
        lambda: place.folders("ml_apps"),
    ]
    for action in actions:
        with pytest.raises(UsageError, match="no such bucket") as caught:
            action()
        assert "s3://nowhere/code" == caught.value.where


def test_refused_credentials_are_named_and_not_shown(server: Bucket) -> None:
    """With the variables to look at."""
    with environment({"AWS_SECRET_ACCESS_KEY": "hush-hush"}):
        place = ObjectPlace(f"{server.url}/code")
    actions: list[Callable[[], object]] = [
        lambda: place.files(FOLDER),
        lambda: place.put(FOLDER, {"app.py": b"1"}),
    ]
    for action in actions:
        with pytest.raises(UsageError, match="refuses these credentials") as caught:
            action()
        assert ("AWS_SECRET_ACCESS_KEY" in caught.value.remedy, "hush-hush" in str(caught.value)) == (True, False)


@pytest.mark.slow
def test_a_store_that_does_not_answer_may_answer_later() -> None:
    """Its address is named."""
    with environment({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}):
        place = ObjectPlace("s3://ships/code")
    with pytest.raises(TemporaryError, match="can't be read"):
        place.files(FOLDER)


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "s3://key:secret@bucket/x", "s3://bucket/x?versionId=1"])
def test_what_names_no_bucket_is_refused(url: str) -> None:
    """Credentials do not belong into it, and are not shown."""
    with pytest.raises(UsageError, match="names no bucket") as caught:
        open_code_target(SyncSpec(target=url), Path(), {})
    assert "secret" not in str(caught.value).replace("AWS_SECRET_ACCESS_KEY", "")

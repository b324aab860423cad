"""Real places that code is copied to: object stores on this machine, and a workspace that checks every call."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serve.log.conftest import BUCKET, KEY, SECRET, ObjectStore, make_bucket, moto, rclone
from tests.sync.workspace_api import TOKEN, FakeWorkspace, serving


@dataclass(frozen=True)
class Bucket:
    """A running object store: the URL of its bucket, and the variables that lead there."""

    url: str
    variables: Mapping[str, str]


@contextmanager
def bucket(kind: str, folder: Path) -> Iterator[Bucket]:
    """A running object store, `rclone` or `moto`, with one bucket."""
    store: ObjectStore = (rclone if kind == "rclone" else moto)(folder)
    store.start()
    try:
        if kind == "moto":
            make_bucket(store.port)
        variables = {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{store.port}",
        }
        yield Bucket(f"s3://{BUCKET}", variables)
    finally:
        store.stop()


@dataclass(frozen=True)
class Workspace:
    """A running workspace: the URL of a folder in it, what it holds, and the variables that open it."""

    url: str
    fake: FakeWorkspace
    variables: Mapping[str, str]


@contextmanager
def workspace(below: str = "Shared") -> Iterator[Workspace]:
    """A running workspace, whose every call keeps to the documented schema."""
    fake = FakeWorkspace()
    with serving(fake) as host:
        yield Workspace(f"databricks://{host}/{below}", fake, {"DATABRICKS_TOKEN": TOKEN})
    assert [] == fake.violations


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """These variables, set for this process."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield

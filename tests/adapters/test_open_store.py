"""Where the files of model versions go, by the configuration."""

from pathlib import Path

import pytest

from seatrial.adapters.store.objects import ObjectStore
from seatrial.records import UsageError
from seatrial.wiring import open_store


@pytest.mark.parametrize(
    ("artifacts", "folder"), [(None, "project/.seatrial/store"), ("models", "project/models"), ("../shared", "shared")]
)
def test_a_folder_counts_from_the_project(tmp_path: Path, artifacts: str | None, folder: str) -> None:
    """By default it is the workspace's own store."""
    (tmp_path / "project").mkdir()
    store = open_store(artifacts, tmp_path / "project", tmp_path / "project" / ".seatrial")

    digest = store.put(b"weights")

    assert (tmp_path / folder / digest[7:9] / digest[9:]).is_file()


def test_a_bucket_is_named_by_its_url(tmp_path: Path) -> None:
    """Nothing is asked of it yet."""
    assert isinstance(open_store("s3://ships/models", tmp_path, tmp_path), ObjectStore)


def test_another_scheme_is_refused(tmp_path: Path) -> None:
    """Rather than taken for a folder."""
    with pytest.raises(UsageError, match="gs://") as caught:
        open_store("gs://ships/models", tmp_path, tmp_path)

    assert "registry.artifacts" in caught.value.where

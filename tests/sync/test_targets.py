"""A target is opened by its scheme, with the environment filled in."""

from pathlib import Path

import pytest

from seatrial.records import SyncSpec, UsageError
from seatrial.wiring import open_code_target


@pytest.mark.parametrize("target", ["workspace", "./workspace", "${ROOT}/workspace", "${UNSET:-workspace}"])
def test_a_folder_counts_from_the_project(tmp_path: Path, target: str) -> None:
    """Unless it is absolute."""
    opened = open_code_target(SyncSpec(target=target), tmp_path, {"ROOT": str(tmp_path)})
    opened.write("x", {"a.py": b"1"})

    assert b"1" == (tmp_path / "workspace/x/a.py").read_bytes()


@pytest.mark.parametrize("target", ["gs://bucket/x", "https://example.org", "ftp://x", "dbfs:///x"])
def test_an_unknown_scheme_is_refused_with_those_that_are_known(target: str) -> None:
    """All of them."""
    with pytest.raises(UsageError, match="code can't be copied to") as caught:
        open_code_target(SyncSpec(target=target), Path(), {})
    assert all(word in caught.value.remedy for word in ("a folder", "s3://", "databricks://"))


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    """Rather than read as nothing."""
    with pytest.raises(UsageError, match=r"sync\.target refers to \$\{ROOT\}, which is not set"):
        open_code_target(SyncSpec(target="${ROOT}/x"), tmp_path, {})

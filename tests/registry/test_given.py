"""Metrics and tags as people write them."""

from pathlib import Path

import pytest

from seatrial.records import UsageError
from seatrial.registry.given import read_metrics, read_tag_changes, read_tags


def test_metrics_come_from_options_and_files(tmp_path: Path) -> None:
    """Nested ones are flattened; later files win over earlier ones, options over files."""
    (tmp_path / "one.json").write_text('{"accuracy": 0.9, "train": {"loss": 1, "by": {"epoch": 2e-1}}}')
    (tmp_path / "two.json").write_text('{"accuracy": 0.91, "rows": 899}')

    found = read_metrics(["accuracy=0.92", "auc = .5"], [tmp_path / "one.json", tmp_path / "two.json"])

    assert {"accuracy": 0.92, "train.loss": 1.0, "train.by.epoch": 0.2, "rows": 899.0, "auc": 0.5} == found


@pytest.mark.parametrize(
    ("pair", "what"),
    [
        ("accuracy", "no name and value"),
        ("=0.9", "no name and value"),
        ("accuracy=good", "no number"),
        ("accuracy=", "no number"),
        ("accuracy=nan", "not finite"),
        ("accuracy=-inf", "not finite"),
    ],
)
def test_what_is_no_metric_is_refused(pair: str, what: str) -> None:
    """The message says which one."""
    with pytest.raises(UsageError, match=what):
        read_metrics([pair], [])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "these are no metrics"),
        (b"[1]", "these are no metrics"),
        (b'{"a": "b"}', "'a' is no number"),
        (b'{"a": {"b": true}}', "'a.b' is no number"),
        (b'{"a": null}', "'a' is no number"),
        (b'{"a": 1e999}', "no metrics|not finite"),
        (b'{"a": NaN}', "these are no metrics"),
        (b"{" + b" " * (1 << 20) + b"}", "larger than 1 MiB"),
    ],
    ids=["empty", "list", "text", "boolean", "null", "huge", "nan", "large"],
)
def test_a_file_without_metrics_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    """The message says which file."""
    (tmp_path / "metrics.json").write_bytes(content)

    with pytest.raises(UsageError, match=what) as caught:
        read_metrics([], [tmp_path / "metrics.json"])

    assert str(tmp_path / "metrics.json") == caught.value.where


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """As one that can't be read."""
    with pytest.raises(UsageError, match="can't be read"):
        read_metrics([], [tmp_path / "nowhere.json"])


def test_tags_are_names_and_values() -> None:
    """A value may hold anything, and be empty."""
    assert {"team": "wine", "url": "https://x/?a=b", "empty": ""} == read_tags(
        ["team=wine", "url=https://x/?a=b", "empty="]
    )


def test_tags_are_set_and_removed() -> None:
    """A dash at the end removes; in a value it is part of it."""
    assert {"team": "wine", "old": None, "note": "a-"} == read_tag_changes(["team=wine", "old-", "note=a-"])


@pytest.mark.parametrize("words", [["team"], ["-"], ["=x"], ["a=1", "a=2"], ["a=1", "a-"]])
def test_what_changes_no_tag_is_refused(words: list[str]) -> None:
    """Or contradicts itself."""
    with pytest.raises(UsageError):
        read_tag_changes(words)

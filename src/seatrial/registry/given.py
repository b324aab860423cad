"""Reads what people write beside a model: metrics (`accuracy=0.93`, a JSON file of the training's) and tags (`team=wine`)."""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from seatrial.records import UsageError

_LARGEST = 1 << 20


def read_metrics(pairs: Iterable[str], files: Iterable[Path]) -> dict[str, float]:
    """The metrics of files, over which those of single options go.

    Args:
        pairs: `name=value`.
        files: JSON objects; nested ones (as DVC has them) become `train.accuracy`.

    Raises:
        UsageError: one is no number, or a file can't be read.
    """
    found: dict[str, float] = {}
    for file in files:
        found.update(_flat(_read(file), str(file)))
    for pair in pairs:
        name, value = _split(pair, "--metric", "accuracy=0.93")
        try:
            found[name] = _finite(float(value), name, "--metric")
        except ValueError:
            raise UsageError(f"{value!r} is no number", where=f"--metric {name}", remedy="write 0.93") from None
    return found


def read_tags(pairs: Iterable[str]) -> dict[str, str]:
    """Tags as `name=value`. Raises UsageError for anything else."""
    return dict(_split(pair, "--tag", "team=wine") for pair in pairs)


def read_tag_changes(words: Iterable[str]) -> dict[str, str | None]:
    """Tags that are set (`name=value`) or removed (`name-`: None). Raises UsageError for anything else."""
    changes: dict[str, str | None] = {}
    for word in words:
        name, value = (word[:-1], None) if "=" not in word and word.endswith("-") else _split(word, "tag", "team=wine")
        if not name:
            raise UsageError(f"{word!r} names no tag", remedy="write team=wine to set one, team- to remove it")
        if name in changes and changes[name] != value:
            raise UsageError(f"the tag {name!r} is given twice", remedy="give each once")
        changes[name] = value
    return changes


def _split(pair: str, where: str, example: str) -> tuple[str, str]:
    name, found, value = pair.partition("=")
    if not found or not name.strip():
        raise UsageError(f"{pair!r} has no name and value", where=where, remedy=f"write {example}")
    return name.strip(), value.strip()


def _read(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise UsageError(
                "it is larger than 1 MiB", where=str(file), remedy="give the final metrics, not the curves"
            )
        return msgspec.json.decode(content, type=dict[str, Any])
    except OSError as error:
        raise UsageError(f"the metrics can't be read: {error.strerror}", where=str(file)) from None
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"these are no metrics: {error}", where=str(file), remedy='write a JSON object: {"accuracy": 0.93}'
        ) from None


def _flat(metrics: Mapping[str, Any], where: str, above: str = "") -> Iterator[tuple[str, float]]:
    for key, value in metrics.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            yield from _flat(value, where, f"{name}.")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"the metric {name!r} is no number", where=where, remedy="leave out what is none")
        else:
            yield name, _finite(float(value), name, where)


def _finite(value: float, name: str, where: str) -> float:
    if not math.isfinite(value):
        raise UsageError(f"the metric {name!r} is not finite", where=where, remedy="leave it out")
    return value

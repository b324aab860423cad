"""What is different between two versions: files, signature, metrics, tags, where they come from.

One flat list, so that a table and a program read the same. Pure: records go in, differences come out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from seatrial.ports import Store
from seatrial.records import Artifact, ModelVersion
from seatrial.records.serving import Signature
from seatrial.registry.listing import read_listing

_UNSAID: Final[tuple[object, ...]] = (None, (), [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that differs.

    Attributes:
        part: `artifact`, `files`, `signature`, `metrics`, `tags`, `lineage` or `version`.
        name: within the part: a file, a column, a metric, a tag, a field.
        before, after: JSON values; None where it is not there.
    """

    part: str
    name: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDiff:
    """Two versions, and everything that differs but their numbers, times and authors."""

    first: str
    second: str
    differences: tuple[Difference, ...]


def diff_versions(
    first: ModelVersion,
    second: ModelVersion,
    files: tuple[Mapping[str, str], Mapping[str, str]] | None = None,
) -> VersionDiff:
    """What differs from `first` to `second`.

    Args:
        first: the older one, usually.
        second: the newer one.
        files: the digests of both versions' files by name (`files_of_artifact`); None where only the whole is known.
    """
    return VersionDiff(
        first=first.id,
        second=second.id,
        differences=(
            *_fields("artifact", _plain(first.artifact), _plain(second.artifact)),
            *(_fields("files", *files) if files is not None else ()),
            *_fields("signature", *_signatures(first.signature, second.signature)),
            *_fields("metrics", first.metrics, second.metrics),
            *_fields("tags", first.tags, second.tags),
            *_fields("lineage", _plain(first.lineage), _plain(second.lineage)),
            *_fields("version", _own(first), _own(second)),
        ),
    )


def files_of_artifact(artifact: Artifact, store: Store) -> Mapping[str, str] | None:
    """The digests of an artifact's files by name; None where this store has no listing of them.

    Raises:
        PermanentError: the listing is there and damaged.
    """
    if not artifact.folder:
        return {artifact.name: artifact.digest}
    if not store.has(artifact.digest):
        return None
    return read_listing(store.get(artifact.digest))


def _own(version: ModelVersion) -> dict[str, Any]:
    return {"stage": version.stage, "flavour": version.flavour, "description": version.description or None}


def _signatures(first: Signature | None, second: Signature | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both signatures as things that can be compared one by one; the order counts of the columns that both have."""
    return (
        {**_signature(first), "order of columns": _common(first, second)},
        {**_signature(second), "order of columns": _common(second, first)},
    )


def _common(own: Signature | None, other: Signature | None) -> list[str]:
    """The columns of `own`, in order, that `other` has, too."""
    if own is None or other is None:
        return []
    names = {each.name for each in other.fields}
    return [each.name for each in own.fields if each.name in names]


def _signature(signature: Signature | None) -> dict[str, Any]:
    """Each column, each tensor, and the rest, without the example."""
    if signature is None:
        return {}
    plain = _plain(signature)
    columns = {each["name"]: _told(each) for each in plain.pop("fields")}
    tensors = {f"{each['name']} (tensor)": _told(each) for each in plain.pop("tensors")}
    outputs = {f"{each['name']} (output)": _told(each) for each in plain.pop("outputs")}
    del plain["example"], plain["trusted_example"]
    return {**columns, **tensors, **outputs, **{name: value for name, value in plain.items() if value}}


def _told(described: Mapping[str, Any]) -> dict[str, Any]:
    """A column without its name and what says nothing."""
    return {
        key: value for key, value in described.items() if key != "name" and value is not False and value not in _UNSAID
    }


def _plain(record: object) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain


def _fields(part: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield Difference(part=part, name=name, before=before.get(name), after=after.get(name))

"""How a registered version is written into MLflow's tags, and read back: what MLflow has no place for.

MLflow knows a version's name, number, source, run and free tags. The rest of our record (artifact's digest, lineage,
signature) is one JSON document in the tag `seatrial.version`; all other tags are the user's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from seatrial.records import Actor, Artifact, Lineage, ModelVersion, VersionDraft
from seatrial.records.serving import Signature

PREFIX: Final = "seatrial."
RECORD: Final = "seatrial.version"
DIGEST: Final = "seatrial.digest"
STAGE: Final = "seatrial.stage"
LEDGER: Final = "seatrial.ledger"
CODED: Final = "seatrial.tag."
LONGEST: Final = 5000
"""Characters of a tag that every MLflow since 2.0 takes (newer ones take 100,000)."""

ValueT = TypeVar("ValueT")
_PLAIN: Final = re.compile(r"[\w.-][\w./ -]{0,199}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the tag holds. `signature` is left out where the tag would get too long for some server."""

    artifact: Artifact
    creator: Actor
    created: datetime
    lineage: Lineage = field(default_factory=Lineage)
    flavour: str | None = None
    signature: Signature | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


def record_of(draft: VersionDraft, artifact: Artifact) -> Record:
    """The record of a draft whose files are known."""
    return Record(
        artifact=artifact,
        creator=draft.creator,
        created=draft.created,
        lineage=draft.lineage,
        flavour=draft.flavour,
        signature=draft.signature,
        metrics=draft.metrics,
    )


def to_tags(record: Record) -> dict[str, str]:
    """The tags of ours that hold a record."""
    text = msgspec.json.encode(record).decode()
    if len(text) > LONGEST:
        text = msgspec.json.encode(replace(record, signature=None)).decode()
    return {RECORD: text, DIGEST: record.artifact.digest}


def to_keys(tags: Mapping[str, ValueT]) -> dict[str, ValueT]:
    """The same tags under keys that MLflow takes: those that it doesn't are written in hexadecimal."""
    return {_key(name): value for name, value in tags.items()}


def _key(name: str) -> str:
    if name.startswith(PREFIX) or _PLAIN.fullmatch(name):
        return name
    return CODED + name.encode().hex()


def _own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The user's tags, as they named them."""
    own = {name: value for name, value in tags.items() if not name.startswith(PREFIX)}
    coded = {name: value for name, value in tags.items() if name.startswith(CODED)}
    return own | {bytes.fromhex(name.removeprefix(CODED)).decode(): value for name, value in coded.items()}


def read_record(tags: Mapping[str, str]) -> Record | None:
    """The record in a version's tags; None where seatrial did not register it, or somebody broke the tag."""
    text = tags.get(RECORD)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Record)
    except msgspec.DecodeError:
        return None


def to_version(found: Any, stage: str) -> ModelVersion:  # noqa: ANN401 - MLflow's entity; the room has no types of it
    """Our record of MLflow's `ModelVersion`; of one that seatrial does not know, what MLflow says of it.

    Such a version has an artifact without digest until it is adopted.
    """
    tags = dict(found.tags or {})
    record = read_record(tags) or _foreign(found)
    return ModelVersion(
        model=found.name,
        number=int(found.version),
        artifact=record.artifact,
        stage=stage,
        creator=record.creator,
        created=record.created,
        lineage=record.lineage,
        flavour=record.flavour,
        signature=record.signature,
        metrics=record.metrics,
        tags=_own_tags(tags),
        description=found.description or "",
    )


def _foreign(found: Any) -> Record:  # noqa: ANN401 - MLflow's entity
    source = (found.source or "").rstrip("/")
    return Record(
        artifact=Artifact(digest="", name=source.rpartition("/")[2] or "model", folder=True, files=0),
        creator=Actor(name=found.user_id or "unknown", via="MLflow"),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, tz=UTC),
        lineage=Lineage(run=found.run_id or None),
    )

"""Reads and writes rows of models, versions and tags on a connection whose transaction somebody else holds."""

import json
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec
import sqlalchemy as sa

from seatrial.adapters.registry.columns import from_text, to_text
from seatrial.adapters.registry.tables import MODELS, STANDING, TAGS, VERSIONS
from seatrial.adapters.registry.transactions import insert_into
from seatrial.records import (
    Actor,
    ActorKind,
    Artifact,
    Lineage,
    ModelSummary,
    ModelVersion,
    StageRules,
    UsageError,
    VersionDraft,
)
from seatrial.records.serving import Signature
from seatrial.registry.numbers import check_parent, no_model, no_version, numbered

_HELD = sa.select(VERSIONS, STANDING.c.stage).select_from(
    VERSIONS.outerjoin(STANDING, sa.and_(STANDING.c.model == VERSIONS.c.model, STANDING.c.number == VERSIONS.c.number))
)


def read_models(
    connection: sa.Connection, holding: Mapping[str, Mapping[str, tuple[int, ...]]]
) -> tuple[ModelSummary, ...]:
    """All models, by name; `holding` says who is in which stage."""
    query = sa.select(MODELS.c.name, MODELS.c.versions, MODELS.c.latest, MODELS.c.updated)
    # PostgreSQL would sort by its own collation.
    return tuple(
        ModelSummary(
            name=name, versions=versions, latest=latest, updated=from_text(updated), holders=holding.get(name, {})
        )
        for name, versions, latest, updated in sorted(map(tuple, connection.execute(query)))
    )


def read_version(connection: sa.Connection, model: str, number: int) -> ModelVersion:
    """One version. Raises UsageError that says which there are."""
    row = connection.execute(_HELD.where(VERSIONS.c.model == model, VERSIONS.c.number == number)).one_or_none()
    if row is None:
        raise _no_version(connection, model, number)
    return _version(row, _tags(connection, TAGS.c.model == model, TAGS.c.number == number)[model, number])


def read_versions(connection: sa.Connection, model: str, limit: int | None = None) -> tuple[ModelVersion, ...]:
    """A model's versions, newest first. Raises UsageError if there is no such model."""
    query = _HELD.where(VERSIONS.c.model == model).order_by(VERSIONS.c.number.desc())
    versions = connection.execute(query if limit is None else query.limit(limit)).all()
    if not versions:
        check_model(connection, model)
        return ()
    tags = _tags(connection, TAGS.c.model == model, TAGS.c.number >= versions[-1].number)
    return tuple(_version(row, tags[model, row.number]) for row in versions)


def read_holders(connection: sa.Connection, model: str, stage: str) -> tuple[ModelVersion, ...]:
    """The versions of a model that hold a stage, oldest first. Raises UsageError if there is no such model."""
    query = _HELD.where(VERSIONS.c.model == model, STANDING.c.stage == stage).order_by(VERSIONS.c.number)
    held = connection.execute(query).all()
    if not held:
        check_model(connection, model)
    numbers = sa.select(STANDING.c.number).where(STANDING.c.model == model, STANDING.c.stage == stage)
    tags = _tags(connection, TAGS.c.model == model, TAGS.c.number.in_(numbers))
    return tuple(_version(row, tags[model, row.number]) for row in held)


def read_all_versions(connection: sa.Connection) -> tuple[ModelVersion, ...]:
    """Every version of every model without its tags, as the ledger is checked against it; unreadable ones are left out."""
    found = []
    for row in connection.execute(_HELD):
        with suppress(ValueError, TypeError):
            found.append(_version(row, {}))
    return tuple(found)


def check_model(connection: sa.Connection, model: str) -> None:
    """Raises UsageError if there is no such model."""
    names = tuple(connection.execute(sa.select(MODELS.c.name)).scalars())
    if model not in names:
        raise no_model(model, names)


def add_version(connection: sa.Connection, draft: VersionDraft, artifact: Artifact, rules: StageRules) -> ModelVersion:
    """Give a draft the model's next number. Raises UsageError for a parent that is not there."""
    latest = connection.execute(sa.select(MODELS.c.latest).where(MODELS.c.name == draft.model)).scalar_one_or_none()
    number = (latest or 0) + 1
    check_parent(draft, number - 1)
    version = numbered(draft, number, artifact, rules)
    counts = {"versions": number, "latest": number, "updated": to_text(draft.created)}
    if latest is None:
        connection.execute(MODELS.insert().values(name=draft.model, **counts))
    else:
        connection.execute(MODELS.update().where(MODELS.c.name == draft.model).values(**counts))
    connection.execute(VERSIONS.insert().values(**_row(version)))
    set_tags(connection, version.model, number, version.tags)
    return version


def touch_model(connection: sa.Connection, model: str, updated: str) -> None:
    """Note when a model's standing changed last."""
    connection.execute(MODELS.update().where(MODELS.c.name == model).values(updated=updated))


def set_tags(connection: sa.Connection, model: str, number: int, tags: Mapping[str, str | None]) -> None:
    """Set tags; remove those whose value is None."""
    for name in sorted(tags):
        value = tags[name]
        key = {"model": model, "number": number, "name": name}
        if value is None:
            connection.execute(TAGS.delete().where(*(TAGS.c[column] == part for column, part in key.items())))
        else:
            new = insert_into(connection, TAGS).values(**key, value=value)
            connection.execute(new.on_conflict_do_update(index_elements=list(key), set_={"value": value}))


def _no_version(connection: sa.Connection, model: str, number: int) -> UsageError:
    check_model(connection, model)
    latest = connection.execute(sa.select(MODELS.c.latest).where(MODELS.c.name == model)).scalar_one()
    return no_version(model, number, latest)


def _tags(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> Mapping[tuple[str, int], dict[str, str]]:
    """Tags by model and number, in the order of their names."""
    found: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for model, number, name, value in sorted(map(tuple, connection.execute(sa.select(TAGS).where(*which)))):
        found[model, number][name] = value
    return found


def _version(row: sa.Row[Any], tags: Mapping[str, str]) -> ModelVersion:
    return ModelVersion(
        model=row.model,
        number=row.number,
        artifact=Artifact(
            digest=row.artifact,
            name=row.artifact_name,
            folder=row.artifact_folder,
            size=row.artifact_size,
            files=row.artifact_files,
        ),
        stage=row.stage,
        creator=Actor(name=row.creator_name, kind=ActorKind(row.creator_kind), via=row.creator_via),
        created=from_text(row.created),
        lineage=Lineage(
            commit=row.git_commit,
            branch=row.git_branch,
            data=row.data,
            stack=row.stack,
            run=row.run,
            parent=row.parent,
        ),
        flavour=row.flavour,
        signature=None if row.signature is None else msgspec.json.decode(row.signature, type=Signature),
        metrics=json.loads(row.metrics),
        tags=tags,
        description=row.description,
    )


def _row(version: ModelVersion) -> dict[str, Any]:
    artifact, lineage = version.artifact, version.lineage
    return {
        "model": version.model,
        "number": version.number,
        "artifact": artifact.digest,
        "artifact_name": artifact.name,
        "artifact_folder": artifact.folder,
        "artifact_size": artifact.size,
        "artifact_files": artifact.files,
        "creator_name": version.creator.name,
        "creator_kind": version.creator.kind.value,
        "creator_via": version.creator.via,
        "created": to_text(version.created),
        "git_commit": lineage.commit,
        "git_branch": lineage.branch,
        "data": lineage.data,
        "stack": lineage.stack,
        "run": lineage.run,
        "parent": lineage.parent,
        "flavour": version.flavour,
        "signature": None if version.signature is None else msgspec.json.encode(version.signature).decode(),
        "metrics": json.dumps(dict(version.metrics)),
        "description": version.description,
    }

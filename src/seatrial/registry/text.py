"""Models, versions and the ledger as tables of text: what a reader needs at 100 columns; the JSON has the rest.

Names, tags and reasons were written by people and programs elsewhere, so that all of them are made harmless here.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from seatrial.records import Actor, ActorKind, EntryKind, LedgerEntry, ModelSummary, ModelVersion, StageRules
from seatrial.records.serving import Field, Tensor
from seatrial.registry.diff import Difference, VersionDiff
from seatrial.registry.history import Tenure
from seatrial.wording.grid import Grid
from seatrial.wording.text import count, one_line, quantity

NONE: Final = "–"
_SHORT: Final = 12
_MOST_METRICS: Final = 2
_MOST_INPUTS: Final = 16
_BROKEN_GLASS: Final = "BROKE GLASS"


def models_grid(models: Sequence[ModelSummary], rules: StageRules) -> Grid:
    """A row a model: its newest version, and which ones hold the stages."""
    stages = [stage.name for stage in rules.stages[1:]]
    known = {stage for model in models for stage in model.holders}
    stages += sorted(known - set(stages) - {rules.initial})
    return Grid(
        headings=("model", "versions", "latest", *map(_shown, stages), "updated"),
        rows=tuple(
            (
                _shown(model.name),
                f"{model.versions:,}",
                str(model.latest),
                *(", ".join(map(str, model.holders.get(stage, ()))) or NONE for stage in stages),
                _time(model.updated),
            )
            for model in models
        ),
        right=frozenset({"versions", "latest"}),
        unwrapped=frozenset({"model", "updated"}),
    )


def versions_grid(versions: Sequence[ModelVersion]) -> Grid:
    """A row a version, with the metrics that most of them have."""
    metrics = _common_metrics(versions)
    return Grid(
        headings=("version", "stage", *map(_shown, metrics), "commit", "registered", "by"),
        rows=tuple(
            (
                _shown(version.id),
                _shown(version.stage),
                *(_number(version.metrics.get(metric)) for metric in metrics),
                _short(version.lineage.commit),
                _time(version.created),
                _shown(version.creator.name),
            )
            for version in versions
        ),
        right=frozenset(map(_shown, metrics)),
        unwrapped=frozenset({"version", "stage", "commit", "registered"}),
    )


def version_facts(version: ModelVersion) -> dict[str, dict[str, str]]:
    """Everything about one version, by topic."""
    artifact, lineage = version.artifact, version.lineage
    files = f", {count(artifact.files, 'file')}" if artifact.folder else ""
    facts = {
        version.id: {
            "stage": version.stage,
            "description": version.description,
            "registered": f"{_time(version.created)} by {_who(version.creator)}",
            "flavour": version.flavour or "",
        },
        "artifact": {
            "name": f"{artifact.name}{'/' if artifact.folder else ''}",
            "size": f"{quantity(float(artifact.size), 'B')}{files}",
            "digest": artifact.digest,
        },
        "made from": {
            "commit": f"{lineage.commit or ''}{f' ({lineage.branch})' if lineage.branch else ''}",
            "data": lineage.data or "",
            "stack": lineage.stack or "",
            "run": lineage.run or "",
            "parent": f"{version.model}@{lineage.parent}" if lineage.parent else "",
        },
        "takes": _inputs(version),
        "metrics": {name: _number(value) for name, value in sorted(version.metrics.items())},
        "tags": dict(sorted(version.tags.items())),
    }
    return {
        _shown(topic): {_shown(name): _shown(value) for name, value in entries.items() if value}
        for topic, entries in facts.items()
        if any(entries.values())
    }


def diff_grid(diff: VersionDiff) -> Grid:
    """A row a difference."""
    return Grid(
        headings=("part", "name", _shown(diff.first), _shown(diff.second)),
        rows=tuple(
            (each.part, _shown(each.name), _value(each, each.before), _value(each, each.after) + _change(each))
            for each in diff.differences
        ),
        unwrapped=frozenset({"part"}),
    )


def ledger_grid(entries: Sequence[LedgerEntry], *, digests: bool = False) -> Grid:
    """A row a line: who moved what, when, on which evidence; or, with `digests`, the beginning of each line's own."""
    last = ("digest",) if digests else ("run", "reason")
    return Grid(
        headings=("line", "time", "version", "what", "by", *last),
        rows=tuple(
            (
                str(entry.seq),
                _time(entry.at),
                _shown(f"{entry.model}@{entry.number}"),
                _what(entry),
                _name(entry.actor),
                *((_short(entry.digest),) if digests else (_shown(entry.run or NONE), _shown(entry.reason or NONE))),
            )
            for entry in entries
        ),
        right=frozenset({"line"}),
        unwrapped=frozenset({"line", "time", "version", "digest"}),
    )


def standing_grid(standing: Sequence[Tenure], at: datetime) -> Grid:
    """A row a version that held a stage at a time."""
    when = f"at {at:%Y-%m-%d %H:%M} UTC"
    return Grid(
        headings=("stage", when, "since", "by", "run"),
        rows=tuple(
            (
                _shown(each.stage),
                _shown(f"{each.model}@{each.number}"),
                _time(each.began.at),
                _name(each.began.actor),
                _shown(each.began.run or NONE),
            )
            for each in standing
        ),
        unwrapped=frozenset({"stage", when, "since"}),
    )


def tags_text(tags: Mapping[str, str]) -> str:
    """Tags on one line."""
    return ", ".join(f"{_shown(name)}={_shown(value)}" for name, value in sorted(tags.items())) or "no tags"


def _what(entry: LedgerEntry) -> str:
    if entry.kind is EntryKind.REGISTERED:
        return "registered"
    step = f"{_shown(entry.source)} → {_shown(entry.to)}"
    if entry.kind is EntryKind.BROKE_GLASS:
        return f"{_BROKEN_GLASS} {step}"
    return f"{step} (displaced)" if entry.kind is EntryKind.DISPLACED else step


def _name(actor: Actor) -> str:
    return f"{'a run of ' if actor.kind is ActorKind.RUN else ''}{_shown(actor.name)}"


def _who(actor: Actor) -> str:
    return f"{_name(actor)}{f' ({_shown(actor.via)})' if actor.via else ''}"


def _common_metrics(versions: Sequence[ModelVersion]) -> list[str]:
    found: dict[str, int] = {}
    for version in versions:
        for metric in version.metrics:
            found[metric] = found.get(metric, 0) + 1
    return sorted(found, key=lambda metric: (-found[metric], metric))[:_MOST_METRICS]


def _inputs(version: ModelVersion) -> dict[str, str]:
    """What a version takes, by column or tensor; of very many the first ones."""
    if version.signature is None:
        return {}
    found = {
        **{field.name: _column(field) for field in version.signature.fields},
        **{tensor.name: _tensor(tensor) for tensor in version.signature.tensors},
    }
    if len(found) <= _MOST_INPUTS:
        return found
    return {**dict(list(found.items())[: _MOST_INPUTS - 1]), "…": f"and {len(found) - _MOST_INPUTS + 1} more"}


def _column(field: Field) -> str:
    choices = f" of {', '.join(map(str, field.choices))}" if field.choices else ""
    optional = ", optional" if field.optional else ""
    return f"{field.kind.value}{_range(field.minimum, field.maximum)}{choices}{optional}"


def _tensor(tensor: Tensor) -> str:
    shape = " × ".join("any" if length is None else str(length) for length in tensor.shape)
    return f"{tensor.dtype} [{shape}]"


def _range(least: float | None, most: float | None) -> str:
    if least is None and most is None:
        return ""
    if most is None:
        return f" from {least:g}"
    return f" up to {most:g}" if least is None else f" from {least:g} to {most:g}"


def _value(difference: Difference, value: Any) -> str:  # noqa: ANN401 - any JSON
    if value is None:
        return NONE
    if difference.part == "files" or difference.name in {"digest", "commit", "data", "stack"}:
        return _short(str(value))
    if isinstance(value, str):
        return _shown(value)
    if isinstance(value, dict):
        return _shown(" ".join(f"{key}={_json(item)}" for key, item in value.items()) or "any number")
    return _number(value) if isinstance(value, float) else _shown(_json(value))


def _json(value: Any) -> str:  # noqa: ANN401 - any JSON
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _change(difference: Difference) -> str:
    """How far a figure went."""
    before, after = difference.before, difference.after
    if difference.part != "metrics" or before is None or after is None:
        return ""
    return f" ({after - before:+.3g})"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.6g}"


def _short(digest: str | None) -> str:
    """The beginning of a digest or a commit, which people recognise; other texts as they are."""
    if not digest:
        return NONE
    bare = digest.partition(":")[2] if digest.startswith(("sha256:", "md5:")) else digest
    return bare[:_SHORT] if bare != digest or _is_hex(digest) else _shown(digest)


def _is_hex(text: str) -> bool:
    return len(text) > _SHORT and all(char in "0123456789abcdef" for char in text)


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _shown(text: str) -> str:
    return one_line(text)

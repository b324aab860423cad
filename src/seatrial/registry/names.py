"""Reads how people name a version (`wine@3`, `wine@Staging`, `wine@latest`, `wine`) and finds it.

A name that leads nowhere is answered with what was probably meant: every command says it in the same words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from seatrial.ports import Registry
from seatrial.records import ModelVersion, StageRules, UsageError

LATEST: Final = "latest"
_MOST = 10
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionName:
    """A version as somebody wrote it.

    Attributes:
        model: name of the model.
        number: of the version, where it was written.
        word: `latest` or a stage, where one was written; both empty: the model alone.
    """

    model: str
    number: int | None = None
    word: str = ""

    @property
    def bare(self) -> bool:
        """Whether it names a model and no version."""
        return self.number is None and not self.word


def read_name(text: str) -> VersionName:
    """The parts of `NAME`, `NAME@3`, `NAME@Staging` or `NAME@latest`. Raises UsageError for anything else."""
    model, found, chosen = text.strip().rpartition("@") if "@" in text else (text.strip(), "", "")
    model, chosen = model.strip(), chosen.strip()
    if not model or (found and not chosen):
        raise UsageError(f"{text!r} names no version", remedy="write NAME@3, NAME@Staging or NAME@latest")
    if chosen.isascii() and chosen.isdigit():
        return VersionName(model=model, number=_number(text, chosen))
    return VersionName(model=model, word=chosen)


def _number(text: str, digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise UsageError(f"{text!r} names no version", remedy="no model has so many")
    return int(digits)


def find_version(text: str, registry: Registry, rules: StageRules, *, bare: bool = True) -> ModelVersion:
    """The version that somebody means.

    Args:
        text: as they wrote it.
        registry: where it is.
        rules: the stages that there are.
        bare: whether a model's name alone stands for its latest version.

    Raises:
        UsageError: there is no such model, version or stage, nobody holds the stage, or several do.
    """
    name = read_name(text)
    if name.bare and not bare:
        latest = registry.versions(name.model, limit=1)[0]
        raise UsageError(
            "which version?", where=name.model, remedy=f"write {latest.id} for the latest one, or another number"
        )
    if name.number is not None:
        return registry.version(name.model, name.number)
    if name.bare or name.word.casefold() == LATEST:
        return registry.versions(name.model, limit=1)[0]
    return _holder(registry, name.model, name.word, rules)


def _holder(registry: Registry, model: str, word: str, rules: StageRules) -> ModelVersion:
    stage = rules.get(word)
    holders = registry.holders(model, stage.name)
    if not holders:
        latest = registry.versions(model, limit=1)[0]
        raise UsageError(
            f"no version of {model} holds {stage.name}", where=f"{model}@{word}", remedy=f"the latest is {latest.id}"
        )
    if len(holders) > 1:
        raise UsageError(
            f"{len(holders)} versions of {model} hold {stage.name}",
            where=f"{model}@{word}",
            remedy=f"name one of them: {_enumerated([each.id for each in holders])}",
        )
    return holders[0]


def _enumerated(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more

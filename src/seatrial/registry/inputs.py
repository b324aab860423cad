"""What may be registered, tagged and said: checked once at the edge of every registry, whatever keeps it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import msgspec

from seatrial.records import Evidence, Move, UsageError, VersionDraft

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""Names of models, as the configuration has them under `models`."""


def check_draft(draft: VersionDraft) -> None:
    """Raises UsageError for a name that can't be a model's, or texts that can't be kept."""
    if NAME.fullmatch(draft.model) is None:
        raise UsageError(
            f"{draft.model!r} can't be the name of a model",
            remedy="use up to 63 letters, digits, dots, dashes and underscores, beginning with a letter or digit",
        )
    _check_time("created", draft.created.tzinfo)
    # A signature is kept as JSON, which may hold any text.
    check_texts(replace(draft, signature=None), where=draft.model)


def check_move(move: Move) -> None:
    """Raises UsageError for texts that can't be kept, or an actor without a name."""
    if not move.actor.name.strip():
        raise UsageError(
            "it isn't known who moves this", where=f"{move.model}@{move.number}", remedy="say who you are: --as NAME"
        )
    _check_time("at", move.at.tzinfo)
    check_texts(move, where=f"{move.model}@{move.number}")


def check_evidence(evidence: Evidence) -> None:
    """Raises UsageError for evidence of no run, or texts that can't be kept."""
    if not evidence.run:
        raise UsageError("evidence needs the id of the run that found it", where=f"{evidence.model}@{evidence.number}")
    _check_time("finished", evidence.finished.tzinfo)
    check_texts(evidence, where=evidence.run)


def check_texts(value: object, *, where: str) -> None:
    """Raises UsageError if a text in `value` (a record or a mapping) is one that databases refuse."""
    for text in _texts(msgspec.to_builtins(value)):
        if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
            raise UsageError(
                f"{text!r} holds characters that can't be kept", where=where, remedy="write it as plain UTF-8 text"
            )


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _check_time(name: str, zone: object) -> None:
    if zone is None:
        raise UsageError(f"{name} is a time without a zone", remedy="give times in UTC")

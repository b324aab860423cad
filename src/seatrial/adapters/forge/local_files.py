"""The files of the local forge, as JSON that people can read."""

from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from seatrial.files import write_whole
from seatrial.records import Check, CheckPhase, Conclusion, PermanentError

Kind = TypeVar("Kind")


class LocalComment(msgspec.Struct, kw_only=True):
    """A comment without its text, which is in a file of its own."""

    id: int
    author: str
    reactions: list[str] = []


class LocalPull(msgspec.Struct, kw_only=True):
    """A pull request.

    Attributes:
        branch: without `refs/heads/`.
        head: its newest commit that was seen outside the default branch.
        next_comment: id of the next one; ids are not given twice.
    """

    branch: str
    head: str = ""
    next_comment: int = 1
    comments: list[LocalComment] = []


class LocalCheck(msgspec.Struct, kw_only=True):
    """A check as people read it."""

    phase: CheckPhase
    title: str
    key: str
    conclusion: Conclusion | None = None
    summary: str = ""
    url: str = ""
    started: datetime | None = None
    ended: datetime | None = None


Checks = dict[str, LocalCheck]


def read_pull(folder: Path) -> LocalPull:
    """What `write_pull` wrote. Raises PermanentError if somebody else did."""
    return _read(folder / "pull.json", LocalPull)


def write_pull(folder: Path, pull: LocalPull) -> None:
    """Keep a pull request."""
    write_whole(folder / "pull.json", _shown(pull))


def read_checks(folder: Path, commit: str) -> Checks:
    """The checks of a commit by their names."""
    file = folder / f"{commit}.json"
    return _read(file, Checks) if file.is_file() else {}


def write_check(folder: Path, check: Check) -> None:
    """Keep a check beside the others of its commit; the same again changes nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    checks = read_checks(folder, check.commit)
    made = LocalCheck(
        phase=check.phase,
        title=check.title,
        key=check.key,
        conclusion=check.conclusion,
        summary=check.summary,
        url=check.url,
        started=check.started,
        ended=check.ended,
    )
    if checks.get(check.name) != made:
        write_whole(folder / f"{check.commit}.json", _shown({**checks, check.name: made}))


def _read(file: Path, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (msgspec.MsgspecError, OSError) as error:
        raise PermanentError(
            f"the file can't be read: {error}", where=str(file), remedy="delete its folder to begin anew"
        ) from error


def _shown(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"

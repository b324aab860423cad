"""What a job that may not publish leaves beside its reports, for one that may: which pull request it was for.

A fork's job has no right to comment. Another one, that runs nobody's code, can take its reports and publish them. The number
comes from the fork's side, so that it is a claim: it holds if the forge says that the pull request's newest commit is the
one that the CI system, and not the fork, says was built.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from seatrial.files import write_whole
from seatrial.ports import Forge
from seatrial.records import CiPlace, PublishTarget, UsageError

FILE: Final = "pull.json"
_LARGEST: Final = 1 << 12
_READABLE: Final = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A pull request's number, and the commit of it that was tried."""

    number: int
    commit: str


def write_claim(folder: Path, place: CiPlace | None) -> None:
    """Leave it beside the reports; nothing where there is no pull request."""
    if place is not None and place.number is not None:
        write_whole(folder / FILE, msgspec.json.encode(Claim(number=place.number, commit=place.head)), mode=_READABLE)


def read_claim(folder: Path) -> Claim | None:
    """What was left there; None if nothing was, or nothing that makes sense."""
    try:
        with (folder / FILE).open("rb") as file:
            found = msgspec.json.decode(file.read(_LARGEST), type=Claim)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if found.number > 0 else None


def check_claim(target: PublishTarget, forge: Forge) -> None:
    """Raises UsageError unless the commit is the pull request's newest."""
    if target.number is None:
        return
    head = forge.pull(target.repository, target.number).head
    if head != target.commit:
        raise UsageError(
            f"the newest commit of pull request {target.number} is {head[:10]}, and the reports are of {target.commit[:10]}",
            where="--pull",
            remedy="publish the reports of its newest commit; those of others would say something about code that isn't there",
        )

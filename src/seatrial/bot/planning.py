"""Tells which deployments a checkout's configuration plans, in a process of its own.

    python -m seatrial.bot.planning FOLDER

The configuration is somebody else's, so that it is read where it can do no harm: in a child, confined where the trial is.
It costs a quarter of what `seatrial trial --dry-run` does, because nothing but the configuration is imported; what only
the whole plan can tell (too many cells, no common commit) the trial itself says.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from seatrial.records import SeatrialError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """What a configuration plans, or what is wrong with it."""

    name: str = ""
    deployments: tuple[str, ...] = ()
    what: str = ""
    where: str = ""
    remedy: str = ""


def read(said: bytes) -> Planning:
    """What `main` printed. Raises UsageError for the mistake in the configuration, or if it printed something else."""
    try:
        planning = msgspec.json.decode(said, type=Planning)
    except msgspec.MsgspecError:
        raise UsageError("the configuration can't be read", where="seatrial.yaml") from None
    if planning.what:
        raise UsageError(planning.what, where=planning.where, remedy=planning.remedy)
    return planning


def plan(folder: Path) -> Planning:
    """What the configuration in a folder plans; places in messages count from that folder."""
    from seatrial.config import load_project  # noqa: PLC0415 - whoever only reads what it said does without

    try:
        project = load_project(folder)
        if not project.deployments:
            raise UsageError(
                "there is nothing to try",
                where="seatrial.yaml",
                remedy="name what is tried under deployments; see docs/reference/configuration.md",
            )
    except SeatrialError as error:
        own = f"{folder}/"
        return Planning(what=error.what.replace(own, ""), where=error.where.replace(own, ""), remedy=error.remedy)
    return Planning(name=project.name, deployments=tuple(each.name for each in project.deployments))


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(plan(Path(sys.argv[1]))))

"""Full reports where people reach them: a comment has no room for everything, and a CI system forgets its artifacts.

`OWNER/NAME/pull-7/PROJECT/COMMIT/report.html`, beside it `report.json`, `report.md` and `junit.xml`. A commit that is tried again
replaces what was there.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from seatrial.ports import Objects
from seatrial.records import PublishTarget
from seatrial.wording.keys import key_part

_SHORT: Final = 12
_TYPES: Final = {
    "report.html": "text/html; charset=utf-8",
    "report.json": "application/json",
    "report.md": "text/markdown; charset=utf-8",
    "junit.xml": "application/xml",
}


def place_of(target: PublishTarget) -> str:
    """The key that a trial's reports are below."""
    change = f"pull-{target.number}" if target.number is not None else "commits"
    parts = [*target.repository.split("/"), change, target.project, target.commit[:_SHORT]]
    return "/".join(key_part(part) for part in parts)


def link_to(target: PublishTarget, url: str) -> str:
    """The page of the full report, where reports are reached under `url`."""
    return f"{url}/{place_of(target).replace('%', '%25')}/report.html"


def keep(reports: Path, target: PublishTarget, objects: Objects) -> None:
    """Copy a trial's reports. Raises TemporaryError, PermanentError if that can't be done."""
    below = place_of(target)
    for name, data in _files(reports):
        objects.put(f"{below}/{name}", data, content_type=_TYPES[name])


def _files(reports: Path) -> Iterator[tuple[str, bytes]]:
    for name in _TYPES:
        path = reports / name
        if path.is_file():
            yield name, path.read_bytes()

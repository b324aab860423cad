"""Folder names for branches, because a branch may be called what no folder should be.

A name is kept readable: `feature/login` becomes `feature~login`. It is safe (no slash, no dot at its beginning, ASCII
only), it is another one for another branch even where `Main` and `main` are one folder, and it can be read back:

- lower-case letters, digits, `.`, `_`, `-` and capital letters stay;
- `/` becomes `~`, which no branch can contain;
- any other byte becomes `!` and two hexadecimal digits, and so do a `.` and a `-` at the beginning and a second `.` or
  `/` in a row;
- a name with capital letters ends with `~~` and a hexadecimal number that says which of its characters they are.
"""

import re
from typing import Final

from seatrial.records import UsageError

BRANCH: Final = "{branch}"
PROJECT: Final = "{project}"
_OWN: Final = ".seatrial"
_LONGEST: Final = 255
_PLAIN: Final = re.compile(rb"[A-Za-z0-9._-]")
_FOLDER: Final = re.compile(r"(?P<body>(?:[A-Za-z0-9._~-]|![0-9a-f]{2})+?)(?:~~(?P<capitals>[0-9a-f]+))?")
_ESCAPE: Final = re.compile(rb"!([0-9a-f]{2})")


def folder_name(branch: str) -> str:
    """The name of a branch's folder.

    Raises:
        UsageError: it would be longer than the 255 bytes that a folder's name may have.
    """
    body = _escaped(branch)
    capitals = sum(1 << place for place, char in enumerate(body) if char.isupper())
    name = f"{body}~~{capitals:x}" if capitals else body
    if not 0 < len(name) <= _LONGEST:
        raise UsageError(
            f"the name of the branch {'is too long' if branch else 'is empty'}, so that no folder can be named after it",
            where=f"{branch[:60]}…" if branch else "",
            remedy=f"rename the branch; its folder's name may have {_LONGEST} characters",
        )
    return name


def branch_of(folder: str) -> str | None:
    """The branch whose folder has this name; None if it is no branch's."""
    match = _FOLDER.fullmatch(folder)
    if match is None:
        return None
    raw = _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), match["body"].replace("~", "/").encode())
    branch = raw.decode("utf-8", "surrogateescape")
    try:
        return branch if folder_name(branch) == folder else None
    except UsageError:
        return None


def folder_of(template: str, *, project: str, branch: str) -> str:
    """The folder of a branch below the target: the configured `sync.folder`, filled in.

    Raises:
        UsageError: the template leads elsewhere than below the target.
    """
    parts = template.split("/")
    if any(part in {"", ".", "..", _OWN} or "\\" in part or not part.isprintable() for part in parts):
        raise UsageError(
            f"{template!r} is no folder below the target",
            where="sync.folder",
            remedy="write names with slashes between them, as `ml_apps/{project}/{branch}`",
        )
    filled = {PROJECT: folder_name(project), BRANCH: folder_name(branch)}
    return "/".join(_filled(part, filled) for part in parts)


def branches_above(template: str, *, project: str) -> str:
    """The folder that holds the folders of all branches of this project and nothing else.

    Raises:
        UsageError: the template mixes them with those of other projects, or hides them in deeper folders.
    """
    above, _, last = template.rpartition("/")
    if last != BRANCH or PROJECT not in above or BRANCH in above:
        raise UsageError(
            f"in {template!r} the folders of branches that are gone can't be told from other projects' folders",
            where="sync.folder",
            remedy="let it end with /{branch} and name {project} before, as `ml_apps/{project}/{branch}`",
        )
    return folder_of(above, project=project, branch="-")


def _filled(part: str, values: dict[str, str]) -> str:
    for placeholder, value in values.items():
        part = part.replace(placeholder, value)
    return part


def _escaped(branch: str) -> str:
    raw = branch.encode("utf-8", "surrogateescape")
    return "".join(_character(raw, place) for place in range(len(raw)))


def _character(raw: bytes, place: int) -> str:
    char = raw[place : place + 1]
    before = raw[place - 1 : place] if place else b"/"
    if char == b"/" and before != b"/":
        return "~"
    hidden = (char == b"." and before in {b"/", b"."}) or (char == b"-" and place == 0)
    return char.decode() if _PLAIN.fullmatch(char) and not hidden else f"!{raw[place]:02x}"

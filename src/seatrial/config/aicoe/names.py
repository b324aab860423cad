"""Names of overlays and environments as names in `seatrial.yaml`."""

import re
from collections.abc import Collection, Iterable
from typing import Final

_LONGEST: Final = 63


def allowed(name: str, taken: Collection[str] = (), longest: int = _LONGEST) -> str:
    """The name with what isn't allowed replaced, and a number after one that is taken."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", name).strip("._-")[:longest] or "unnamed"
    number, found = 2, plain
    while found in taken:
        ending = f"-{number}"
        number, found = number + 1, f"{plain[: longest - len(ending)]}{ending}"
    return found


def allowed_names(names: Iterable[str], longest: int = _LONGEST) -> dict[str, str]:
    """By each name the one that it is given; no two are the same."""
    given: dict[str, str] = {}
    for name in names:
        given[name] = allowed(name, given.values(), longest)
    return given

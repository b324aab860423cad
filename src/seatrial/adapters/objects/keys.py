"""What every place for objects agrees on: which keys there are."""

import re
from typing import Final

from seatrial.records import PermanentError

_LONGEST: Final = 1000
_PART: Final = r"[A-Za-z0-9_%@+=-][A-Za-z0-9._%@+=-]{0,254}"
_KEY: Final = re.compile(rf"{_PART}(/{_PART})*")


def checked(key: str) -> str:
    """The key. Raises PermanentError for what is none, so that nothing of it becomes a path."""
    if len(key) > _LONGEST or _KEY.fullmatch(key) is None:
        raise PermanentError(
            f"{key[:_LONGEST]!r} is no key of an object",
            remedy="write parts of letters, digits and ._%@+=- between slashes, none of which begins with a dot",
        )
    return key

"""Names that others chose, as parts of paths and keys that lead nowhere else."""

import hashlib
from typing import Final
from urllib.parse import quote

_LONGEST: Final = 200
_KEPT: Final = 120


def key_part(text: str) -> str:
    """`text` as one part of a key; different texts become different parts, and none of them leads anywhere else."""
    quoted = quote(text, safe="", errors="backslashreplace").replace("~", "%7E")
    if quoted.startswith("."):
        quoted = f"%2E{quoted[1:]}"
    if len(quoted) > _LONGEST:
        # No quoted text holds an equals sign.
        quoted = f"{quoted[:_KEPT]}={hashlib.sha256(quoted.encode()).hexdigest()[:32]}"
    return quoted or "%"

"""Which file declares the packages of an overlay, and which Python it asks for."""

import json
import re
import tomllib
from collections.abc import Sequence
from typing import Final

from seatrial.config.aicoe.files import Files, has, joined, text_of

_LOCKED: Final = ("Pipfile.lock", "requirements.txt", "pylock.toml", "uv.lock", "Pipfile")
_PYTHON: Final = re.compile(r"(?<![a-z])py(?:thon)?[-:]?3\.?(\d{1,2})(?!\d)", re.IGNORECASE)
_REQUIREMENT: Final = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)", re.MULTILINE)


def stack_file(files: Files, folders: Sequence[str], named: Sequence[str] = (), *, pip: bool = False) -> str:
    """The file that declares a stack; empty where there is none.

    Args:
        files: of the project.
        folders: where to look, in this order.
        named: files that come before all others, if they are there.
        pip: whether requirements.txt comes before Pipfile.lock.
    """
    names = sorted(_LOCKED, key=lambda name: name != "requirements.txt") if pip else _LOCKED
    candidates = (*named, *(joined(folder, name) if folder else name for folder in folders for name in names))
    return next((path for path in candidates if has(files, path)), "")


def packages_of(files: Files, path: str) -> frozenset[str]:
    """The names that a file declares; empty where that can't be told."""
    text = text_of(files, path)
    try:
        if path.endswith("Pipfile.lock"):
            return frozenset(map(_normal, json.loads(text).get("default", {})))
        if path.endswith("Pipfile"):
            return frozenset(map(_normal, tomllib.loads(text).get("packages", {})))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return frozenset()
    return frozenset(map(_normal, _REQUIREMENT.findall(text))) if path.endswith(".txt") else frozenset()


def python_of_image(image: str) -> str:
    """The Python that an image's name tells (`s2i-thoth-ubi8-py38`, `python-38`, `python:3.9-slim`); empty if it doesn't."""
    found = _PYTHON.search(image)
    return f"3.{int(found[1])}" if found else ""


def _normal(name: object) -> str:
    return re.sub(r"[-_.]+", "-", str(name)).lower()

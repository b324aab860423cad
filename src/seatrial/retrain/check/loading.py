"""The object that a project names as `module:attribute`, found in the project's folder."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seatrial.records import UsageError


def load(name: str, project: Path, *, where: str) -> object:
    """What `module:attribute` is; `where` is the configuration's key. Raises UsageError if there is none."""
    module, _, attribute = name.rpartition(":")
    try:
        with _importable(project):
            found: object = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise UsageError(
            f"{name!r} can't be loaded: {error}",
            where=where,
            remedy="name it module:attribute, with the module in the project's folder",
        ) from error
    return found


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))

"""What a project names as `module:attribute`: a metric's function, a parser, a schema, found in the project's folder."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from seatrial.records import UsageError


def load_own(name: str, folder: Path, *, what: str, where: str) -> object:
    """The object of this name. A module of the project's that was loaded before is read again: people edit it.

    Args:
        name: `module:attribute`.
        folder: the project's.
        what: it is, for the message: `the metric's function`.
        where: it is named, in the configuration.

    Raises:
        UsageError: there is none, or its module can't be imported.
    """
    module, _, attribute = name.rpartition(":")
    try:
        with _importable(folder):
            found: object = getattr(_fresh(module, folder), attribute)
    except Exception as error:
        raise UsageError(
            f"{what} {name!r} can't be loaded: {error}",
            where=where,
            remedy="name it module:attribute, with the module in the project's folder",
        ) from error
    return found


def _fresh(name: str, folder: Path) -> ModuleType:
    known = sys.modules.get(name)
    if known is None or not _is_within(known, folder):
        return importlib.import_module(name)
    return importlib.reload(known)


def _is_within(module: ModuleType, folder: Path) -> bool:
    return module.__file__ is not None and Path(module.__file__).is_relative_to(folder)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))

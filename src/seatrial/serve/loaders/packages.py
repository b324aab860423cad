"""The libraries that models need: imported late, since each takes a second, and named when they are missing."""

import importlib
import platform
import sys
from collections.abc import Iterable
from typing import Any

from seatrial.records import UsageError

_DISTRIBUTIONS = {"sklearn": "scikit-learn"}


def require(module: str, *, install: str) -> Any:  # noqa: ANN401 - a module, whose types its library may not tell
    """Import a library that only some models need.

    Args:
        module: its name as in `import`.
        install: what to give to `pip install` where it is missing.

    Raises:
        UsageError: it isn't installed, or can't be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        remedy = f"pip install '{install}'"
        raise UsageError(f"this model needs the package {module}: {error}", remedy=remedy) from error


def stack_of(*modules: str) -> dict[str, str]:
    """Versions of Python, numpy and those of `modules` that have been imported, by the name of the distribution."""
    versions = {"python": platform.python_version()}
    for name in ("numpy", *modules):
        version = getattr(sys.modules.get(name), "__version__", None)
        if isinstance(version, str):
            versions[_DISTRIBUTIONS.get(name, name)] = version
    return versions


def top_modules(things: Iterable[object]) -> list[str]:
    """The packages that the classes of `things` come from, each once."""
    return list(dict.fromkeys(type(thing).__module__.partition(".")[0] for thing in things))

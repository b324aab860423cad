"""What pipenv declares, as the lines of a requirements file, because uv reads neither `Pipfile.lock` nor `Pipfile`.

The public index is not repeated: whoever runs the trial may have a mirror of it. Development packages are left out.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_PUBLIC: Final = frozenset({"https://pypi.org/simple", "https://pypi.python.org/simple"})
_VCS: Final = ("git", "hg", "svn", "bzr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A stack as requirements.

    Attributes:
        requirements: lines of a requirements file.
        python: version asked for; None where it says nothing.
        local: whether folders of the project are among them.
    """

    requirements: tuple[str, ...]
    python: str | None
    local: bool


def read_pipfile_lock(data: bytes, folder: Path) -> Pinned:
    """What `Pipfile.lock` pins, each with its hashes.

    Args:
        data: its contents.
        folder: that it lies in; paths in it count from there.

    Raises:
        ValueError: it is malformed.
    """
    lock = _table(json.loads(data))
    meta = _table(lock.get("_meta"))
    packages = _table(lock.get("default"))
    sources = meta.get("sources")
    return _pinned(packages, sources, _table(meta.get("requires")), folder)


def read_pipfile(data: bytes, folder: Path) -> Pinned:
    """What `Pipfile` asks for. Raises ValueError for one that is malformed; arguments as of `read_pipfile_lock`."""
    pipfile = tomllib.loads(data.decode())
    return _pinned(_table(pipfile.get("packages")), pipfile.get("source"), _table(pipfile.get("requires")), folder)


def _pinned(packages: Mapping[str, Any], sources: object, requires: Mapping[str, Any], folder: Path) -> Pinned:
    tables = {name: wanted if isinstance(wanted, dict) else {"version": wanted} for name, wanted in packages.items()}
    python = requires.get("python_full_version") or requires.get("python_version")
    return Pinned(
        requirements=(*_indexes(sources), *(_requirement(name, table, folder) for name, table in tables.items())),
        python=python if isinstance(python, str) else None,
        local=any(_is_local(table) for table in tables.values()),
    )


def _indexes(sources: object) -> Iterator[str]:
    """The indexes besides the public one, which stays whatever uv's own settings make of it."""
    for source in sources if isinstance(sources, list) else []:
        url = _table(source).get("url")
        if isinstance(url, str) and url.rstrip("/") not in _PUBLIC:
            yield f"--extra-index-url {_one_line(url)}"


def _requirement(name: str, table: Mapping[str, Any], folder: Path) -> str:
    extras = table.get("extras")
    asked = f"{name}[{','.join(map(str, extras))}]" if isinstance(extras, list) and extras else name
    origin = _origin(table, folder)
    version = table.get("version")
    pin = "" if origin or not isinstance(version, str) or version in {"*", ""} else version
    marker = f" ; {table['markers']}" if isinstance(table.get("markers"), str) else ""
    hashes = table.get("hashes")
    checked = [] if origin or not isinstance(hashes, list) else [f" --hash={one}" for one in hashes]
    return _one_line(f"{asked}{origin}{_exact(pin)}{marker}{''.join(checked)}")


def _exact(pin: str) -> str:
    """A version alone means just that version."""
    return f"=={pin}" if pin[:1].isdigit() else pin


def _origin(table: Mapping[str, Any], folder: Path) -> str:
    """` @ URL` for what comes from no index."""
    for kind in _VCS:
        if isinstance(table.get(kind), str):
            revision = f"@{table['ref']}" if table.get("ref") else ""
            part = f"#subdirectory={table['subdirectory']}" if table.get("subdirectory") else ""
            url = str(table[kind])
            return f" @ {url if url.startswith(f'{kind}+') else f'{kind}+{url}'}{revision}{part}"
    place = table.get("path") or table.get("file")
    if not isinstance(place, str):
        return ""
    return f" @ {place}" if "://" in place else f" @ {(folder / place).resolve().as_uri()}"


def _is_local(table: Mapping[str, Any]) -> bool:
    place = table.get("path") or table.get("file")
    return isinstance(place, str) and (place.startswith("file:") or "://" not in place)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

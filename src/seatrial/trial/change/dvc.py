"""Reads DVC's pointer files, so that data kept outside git count in a change by their own path and md5.

Only reading, and only what a git tree holds: `NAME.dvc` (dvc.org/doc/user-guide/project-structure/dvc-files) and
`dvc.lock` (…/dvcyaml-files#dvclock-file, schemas 1.0 and 2.0). DVC itself is not needed and never run.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

LOCK: Final = "dvc.lock"
_DIGESTS: Final = ("md5", "etag", "checksum")


@dataclass(frozen=True, slots=True)
class Target:
    """What a pointer points to: its path counted from the project, and its digest (md5 where DVC has one)."""

    path: str
    digest: str

    @property
    def folder(self) -> bool:
        """Whether it is a folder: DVC marks its digest with `.dir`."""
        return self.digest.endswith(".dir")


class MalformedPointerError(ValueError):
    """The file has a pointer's name and not its contents."""


def is_pointer(path: str) -> bool:
    """Whether a file of this name is DVC's pointer or lock file."""
    name = posixpath.basename(path)
    return name == LOCK or (name.endswith(".dvc") and name != ".dvc")


def targets(path: str, content: bytes) -> tuple[Target, ...]:
    """What the pointer file `path` with these contents points to; for `dvc.lock` what all stages read and write.

    Raises:
        MalformedPointerError: the contents are no YAML or not a pointer's.
    """
    document = _parse(content)
    folder = posixpath.dirname(path)
    found: Sequence[Any]
    if posixpath.basename(path) == LOCK:
        found = tuple(_of_lock(document))
    else:
        folder = posixpath.join(folder, str(document.get("wdir", ".")))
        found = _sequence(document.get("outs"), "outs")
        if not found:
            raise MalformedPointerError("it has no `outs`")
    # A stage's output is often the next one's input: the same path once.
    unique = {target.path: target for target in (_target(folder, entry) for entry in found) if target}
    if found and not unique:
        raise MalformedPointerError("no entry has a path and a digest")
    return tuple(unique.values())


def _parse(content: bytes) -> Mapping[str, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - only where a pointer exists
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        document = YAML(typ="safe").load(BytesIO(content))
    except (YAMLError, ValueError, TypeError, RecursionError) as error:
        raise MalformedPointerError(f"it is no YAML ({type(error).__name__})") from None
    if not isinstance(document, dict):
        raise MalformedPointerError("it is no mapping")
    return document


def _of_lock(document: Mapping[str, Any]) -> Iterator[Any]:
    stages = document.get("stages", {}) if "schema" in document else document
    if not isinstance(stages, dict):
        raise MalformedPointerError("`stages` is no mapping")
    for name, stage in stages.items():
        if not isinstance(stage, dict):
            raise MalformedPointerError(f"stage {name!r} is no mapping")
        yield from _sequence(stage.get("deps"), "deps")
        yield from _sequence(stage.get("outs"), "outs")


def _sequence(value: object, name: str) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise MalformedPointerError(f"`{name}` is no list")
    return value


def _target(folder: str, entry: object) -> Target | None:
    """The target of one entry; None for one without a digest (an output that is not cached, a parameter)."""
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        return None
    digest = next((str(entry[key]) for key in _DIGESTS if entry.get(key)), None)
    if digest is None:
        return None
    path: str = entry["path"]
    place = path if "://" in path else posixpath.normpath(posixpath.join(folder, path))
    return Target(place, digest)

"""Finds where a software stack is declared and what determines it, without installing anything.

The digest of a stack covers the contents of the declaring file, of the files that it includes, the Python asked for and
the platform, and not where the files lie: two checkouts with the same requirements share one environment. Requirements
that name a folder of the project (`-e .`, `./package`) depend on files that are not listed anywhere, so the caller's
`salt` (the id of the tree) goes into the digest then.
"""

import hashlib
import json
import platform
import re
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from seatrial.records import StackSpec, UsageError
from seatrial.trial.build.pipfile import Pinned, read_pipfile, read_pipfile_lock

_FORMAT: Final = 1
_DETECTED: Final = ("pylock.toml", "uv.lock", "requirements.txt", "pyproject.toml")
_INCLUDE: Final = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:\s+|=|(?<=-[rc]))\s*(\S.*)")
_EDITABLE: Final = re.compile(r"(?:-e|--editable)(?:\s+|=)\s*(\S.*)")
_FIND_LINKS: Final = re.compile(r"(?:-f|--find-links)(?:\s+|=)\s*(\S.*)")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*$")
_ARCHIVES: Final = (".whl", ".tar.gz", ".zip", ".tar.bz2")


class Kind(StrEnum):
    """The forms in which a stack is declared."""

    REQUIREMENTS = "requirements"
    UV_LOCK = "uv.lock"
    PYLOCK = "pylock"
    PYPROJECT = "pyproject"
    PIPFILE = "pipfile"
    PIPFILE_LOCK = "pipfile.lock"
    NAMED = "named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A stack before it is installed.

    Attributes:
        kind: form of `file`.
        file: declaring file; None for a stack that is made of `extra` alone.
        python: what uv is asked for: a version, a range (`>=3.12`), or None for the Python that runs seatrial.
        extra: requirements installed besides.
        local: whether it contains folders of the project.
        digest: `sha256:…` of everything that determines it.
        requirements: the lines of a requirements file that says the same, for a form that uv does not read.
    """

    kind: Kind
    file: Path | None
    python: str | None
    extra: tuple[str, ...]
    local: bool
    digest: str
    requirements: tuple[str, ...] | None = None

    @property
    def folder(self) -> Path:
        """Where uv runs: paths in the file count from there."""
        return self.file.parent if self.file else Path("/")


def find(spec: StackSpec, project: Path) -> Path | None:
    """The declaring file of a project; None means the host's environment.

    Raises:
        UsageError: the named file isn't there.
    """
    if spec.host:
        return None
    if spec.file is None:
        return next((project / name for name in _DETECTED if _declares(project / name)), None)
    file = project / spec.file
    if not file.is_file():
        raise UsageError(
            f"the stack's file {spec.file} does not exist",
            where=str(project),
            remedy="correct `stack:` in seatrial.yaml, or add the file",
        )
    return file


def declare(file: Path, *, python: str | None, salt: str, extra: tuple[str, ...] = ()) -> Declaration:
    """What `file` declares.

    Args:
        file: requirements.txt, uv.lock, pylock.toml, pyproject.toml, Pipfile.lock or Pipfile.
        python: version asked for; None: `.python-version` beside the file, else `requires-python`, else the running one.
        salt: stands for the project's files; counts only if the stack contains folders of the project.
        extra: requirements installed besides.

    Raises:
        UsageError: the file, or one that it includes, is missing or malformed, or its form is unknown.
    """
    kind = _kind(file)
    contents = _Contents()
    wanted = python or _pinned_python(file.parent)
    pinned = None
    if kind is Kind.REQUIREMENTS:
        contents.add_requirements(file)
    elif kind in {Kind.PIPFILE, Kind.PIPFILE_LOCK}:
        pinned = _add_pipfile(contents, kind, file)
        wanted = wanted or pinned.python
    else:
        required = _add_toml(contents, kind, file)
        wanted = wanted or required
    if (settings := file.parent / "uv.toml").is_file():
        contents.add(settings)
    declaration = _declaration(kind, file, wanted, extra, contents, salt)
    return replace(declaration, requirements=None if pinned is None else pinned.requirements)


def declare_named(requirements: tuple[str, ...]) -> Declaration:
    """A stack that is made of these requirements alone, on the Python that runs seatrial."""
    return _declaration(Kind.NAMED, None, None, requirements, _Contents(), "")


def _declaration(
    kind: Kind, file: Path | None, python: str | None, extra: tuple[str, ...], contents: "_Contents", salt: str
) -> Declaration:
    determined_by = {
        "format": _FORMAT,
        "kind": kind,
        "contents": contents.digests,
        "extra": extra,
        "python": python,
        "running": None if python and re.fullmatch(r"[\d.]+", python) else platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": [sysconfig.get_platform(), *platform.libc_ver()],
        "salt": salt if contents.local else None,
    }
    digest = hashlib.sha256(json.dumps(determined_by, sort_keys=True).encode()).hexdigest()
    return Declaration(
        kind=kind, file=file, python=python, extra=extra, local=contents.local, digest=f"sha256:{digest}"
    )


class _Contents:
    """Gathers the files that determine a stack, in the order in which they are met."""

    def __init__(self) -> None:
        self.digests: list[str] = []
        self.local = False
        self._seen: set[Path] = set()

    def add(self, file: Path, *, included: str = "") -> bytes:
        """Take a file's contents in. Raises UsageError if it can't be read."""
        self._seen.add(file.resolve())
        try:
            data = file.read_bytes()
        except OSError as error:
            raise UsageError(
                f"{file.name} can't be read: {error.strerror}",
                where=included or str(file),
                remedy="correct the path, or add the file",
            ) from None
        self.digests.append(hashlib.sha256(data).hexdigest())
        return data

    def add_requirements(self, file: Path, *, included: str = "") -> None:
        """Take a requirements file in, with everything that it includes and the archives that it names."""
        text = self.add(file, included=included).decode("utf-8", "replace")
        for number, line in _logical_lines(text):
            where = f"{file.name}:{number}"
            if match := _INCLUDE.match(line):
                self._include(file.parent / match[1].strip("\"'"), match[1], where)
            elif match := _EDITABLE.match(line) or _FIND_LINKS.match(line):
                self.local |= _is_local(match[1])
            elif not line.startswith("-"):
                self._add_requirement(line, file.parent)

    def _include(self, file: Path, written: str, where: str) -> None:
        if "://" in written or file.resolve() in self._seen:
            return
        if file.suffix == ".toml":
            self.add(file, included=where)
        else:
            self.add_requirements(file, included=where)

    def _add_requirement(self, line: str, folder: Path) -> None:
        path = _local_path(line)
        if path is None:
            return
        file = folder / path
        if file.is_file():
            self.add(file)
        else:
            self.local = True


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines of a requirements file: joined at backslashes, without comments, empty ones left out."""
    pending, began = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        began = began if pending else number
        line = _COMMENT.sub("", pending + raw).strip()
        pending = ""
        if line.endswith("\\"):
            pending = line[:-1] + " "
        elif line:
            yield began, line
    if pending.strip():
        yield began, pending.strip()


def _local_path(requirement: str) -> str | None:
    """The path that a requirement names (`./pkg[extra]`, `name @ file:///x.whl`); None for one from an index or URL."""
    target = requirement.partition(" @ ")[2] or requirement
    target = target.partition(";")[0].split(" --")[0].strip()
    if target.startswith("file:"):
        return target.removeprefix("file://").removeprefix("file:").partition("#")[0]
    if "://" in target:
        return None
    bare = re.sub(r"\[[^\]]*\]$", "", target)
    return bare if "/" in bare or bare in {".", ".."} or bare.endswith(_ARCHIVES) else None


def _is_local(target: str) -> bool:
    return "://" not in target or target.startswith("file:")


def _add_toml(contents: _Contents, kind: Kind, file: Path) -> str | None:
    """Take a TOML declaration in; the range of Pythons that it requires."""
    data = _parse(file, contents.add(file))
    if kind is Kind.PYLOCK:
        contents.local = any(_pylock_is_local(package) for package in _tables(data.get("packages")))
        return _text(data.get("requires-python"))
    if kind is Kind.UV_LOCK:
        contents.local = any(_lock_is_local(package) for package in _tables(data.get("package")))
        project = file.with_name("pyproject.toml")
        _parse(project, contents.add(project, included=str(file)))
        return _text(data.get("requires-python"))
    project_table = _table(data.get("project"))
    contents.local = _pyproject_is_local(data, project_table)
    return _text(project_table.get("requires-python"))


def _add_pipfile(contents: _Contents, kind: Kind, file: Path) -> Pinned:
    """Take what pipenv wrote, or reads, in; as requirements, and with the Python that it asks for."""
    read = read_pipfile if kind is Kind.PIPFILE else read_pipfile_lock
    try:
        pinned = read(contents.add(file), file.parent)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{file.name} is malformed: {error}", where=str(file), remedy="mend it, or lock again"
        ) from None
    contents.local = pinned.local
    return pinned


def _parse(file: Path, data: bytes) -> Mapping[str, Any]:
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file.name} is malformed: {error}", where=str(file), remedy="mend it, or lock again"
        ) from None


def _lock_is_local(package: Mapping[str, Any]) -> bool:
    source = _table(package.get("source"))
    return any(source.get(key, ".") != "." for key in ("editable", "directory", "path"))


def _pylock_is_local(package: Mapping[str, Any]) -> bool:
    archives = [_table(package.get("archive")), _table(package.get("sdist")), *_tables(package.get("wheels"))]
    return "directory" in package or any("path" in archive for archive in archives)


def _pyproject_is_local(data: Mapping[str, Any], project: Mapping[str, Any]) -> bool:
    sources = _table(_table(_table(data.get("tool")).get("uv")).get("sources")).values()
    flat = [entry for source in sources for entry in (source if isinstance(source, list) else [source])]
    named = project.get("dependencies")
    return (
        "dependencies" in (project.get("dynamic") or ())
        or any("path" in _table(source) or "workspace" in _table(source) for source in flat)
        or any(_local_path(str(one)) is not None for one in (named if isinstance(named, list) else ()))
    )


def _declares(file: Path) -> bool:
    """Whether a file that goes by this name declares a stack; a pyproject.toml may only hold settings of tools."""
    if not file.is_file():
        return False
    if file.name != "pyproject.toml":
        return True
    return "project" in _parse(file, file.read_bytes())


def _kind(file: Path) -> Kind:
    if file.name == "uv.lock":
        return Kind.UV_LOCK
    if file.name == "pyproject.toml":
        return Kind.PYPROJECT
    if re.fullmatch(r"pylock(\.[^.]+)?\.toml", file.name):
        return Kind.PYLOCK
    if file.name in {"Pipfile", "Pipfile.lock"}:
        return Kind.PIPFILE if file.name == "Pipfile" else Kind.PIPFILE_LOCK
    if file.suffix in {".txt", ".in"}:
        return Kind.REQUIREMENTS
    raise UsageError(
        f"a stack can't be read from {file.name}",
        where=str(file),
        remedy="name a requirements.txt, uv.lock, pylock.toml, pyproject.toml or Pipfile.lock, or `host`",
    )


def _pinned_python(folder: Path) -> str | None:
    """The first line of `.python-version`, which uv and pyenv write."""
    try:
        lines = (folder / ".python-version").read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        return None
    return lines[0] if lines else None


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: object) -> Iterable[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None

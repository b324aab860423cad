"""Builds the software stack of each cell with uv, once per digest, however many cells, threads and trials want it.

Layout of the cache (`root`), safe against kill -9 at any point:

    <digest>.lock         held by the one that builds; uv inherits it, so it stays held while an orphaned uv still writes
    <digest>/env/         the environment
    <digest>/stack.json   written last, in one step: without it the environment is unfinished and made anew

Python files are compiled at once. Otherwise the first cell to start would compile them for all others, and its time
until ready would look worse.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from seatrial.records import Package, PermanentError, SeatrialError, StackChange, StackSpec, UsageError
from seatrial.trial.build.commands import Command, Commands
from seatrial.trial.build.declaration import Declaration, declare, declare_named, find
from seatrial.trial.build.installer import TIMEOUT, explain, find_uv, translated, uv_commands, uv_environment
from seatrial.trial.build.locks import hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """An installed environment.

    Attributes:
        digest: `sha256:…` of what determines it.
        declared: name of the declaring file; `host` for seatrial's own environment.
        python: its interpreter.
        bin: folder of its programs.
        prefix: the virtual environment; None where `host` isn't one.
        host: whether it is the environment that seatrial was started from.
        bytes: size on disk, compiled Python files included; None for the host's.
        packages: installed distributions, by name.
        seconds: how long this call took to provide it.
        cached: whether it was there already.
    """

    digest: str
    declared: str
    python: Path
    bin: Path
    prefix: Path | None
    host: bool = False
    bytes: int | None = None
    packages: tuple[Package, ...] = ()
    seconds: float = 0.0
    cached: bool = False

    def has(self, package: str) -> bool:
        """Whether a distribution is installed in it."""
        wanted = _normalised(package)
        return any(_normalised(installed.name) == wanted for installed in self.packages)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marker:
    """What `stack.json` says of a finished environment."""

    digest: str
    bytes: int
    packages: tuple[Package, ...]


class Stacks:
    """Provides stacks from a cache folder; safe to use from many threads and processes.

    Args:
        root: the cache, on the same disk as uv's own cache if possible (files are then linked, not copied).
        commands: runs uv.
        environ: the caller's environment; uv gets it without the traces of the caller's own Python environment.
    """

    def __init__(self, root: Path, commands: Commands, environ: Mapping[str, str]) -> None:
        self._root = root
        self._commands = commands
        self._environ = environ
        self._lock = threading.Lock()
        self._failed: dict[str, SeatrialError] = {}
        self._host: Stack | None = None

    def provide(
        self, spec: StackSpec, project: Path, *, salt: str, log: Path, where: str = "", extra: tuple[str, ...] = ()
    ) -> Stack:
        """The stack that a version of a project declares, installed.

        Args:
            spec: where it is declared.
            project: the project's folder in the checkout.
            salt: id of the version's tree; counts for stacks that contain folders of the project.
            log: gets uv's output.
            where: the cell, for messages.
            extra: requirements installed besides (a test runner).

        Raises:
            UsageError: the declaration is missing or malformed, or has no solution.
            TemporaryError: a package index could not be reached.
            PermanentError: a package does not build, the disk is full, and the like.
        """
        file = find(spec, project)
        if file is None:
            return self.host()
        wanted = declare(file, python=spec.python, salt=salt, extra=extra)
        return self._provide(wanted, log=log, where=where or file.name)

    def provide_named(self, requirements: tuple[str, ...], *, log: Path, where: str = "") -> Stack:
        """A stack of these requirements alone; raises as `provide`."""
        return self._provide(declare_named(requirements), log=log, where=where)

    def host(self) -> Stack:
        """The environment that seatrial was started from."""
        with self._lock:
            if self._host is None:
                self._host = _host_stack()
            return self._host

    def _provide(self, wanted: Declaration, *, log: Path, where: str) -> Stack:
        began = self._commands.clock.monotonic()
        folder = self._root / wanted.digest.removeprefix("sha256:")[:32]
        marker = _read_marker(folder)
        cached = marker is not None
        if marker is None:
            # One that fails here fails for the next cell too; it is not tried again within this trial.
            with hold(folder.with_suffix(".lock"), self._commands.clock, self._commands.check) as lock:
                marker = _read_marker(folder)
                cached = marker is not None
                marker = marker or self._build_once(wanted, folder, lock=lock, log=log, where=where)
        return Stack(
            digest=wanted.digest,
            declared=wanted.file.name if wanted.file else "",
            python=folder / "env" / "bin" / "python",
            bin=folder / "env" / "bin",
            prefix=folder / "env",
            bytes=marker.bytes,
            packages=marker.packages,
            seconds=self._commands.clock.monotonic() - began,
            cached=cached,
        )

    def _build_once(self, wanted: Declaration, folder: Path, *, lock: int, log: Path, where: str) -> _Marker:
        if error := self._failed.get(wanted.digest):
            raise type(error)(error.what, where=where, remedy=error.remedy)
        try:
            return self._build(wanted, folder, lock=lock, log=log, where=where)
        except (UsageError, PermanentError) as error:
            self._failed[wanted.digest] = error
            raise

    def _build(self, wanted: Declaration, folder: Path, *, lock: int, log: Path, where: str) -> _Marker:
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            if wanted.requirements is not None:
                translated(folder / "env").write_text("".join(f"{line}\n" for line in wanted.requirements))
        except OSError as error:
            raise _not_writable(folder, error) from error
        env = folder / "env"
        variables = uv_environment(self._environ) | {"UV_PROJECT_ENVIRONMENT": str(env)}
        for argv in uv_commands(wanted, env, uv=find_uv()):
            finished = self._commands.run(
                Command(
                    argv=argv,
                    cwd=wanted.folder,
                    env=variables,
                    log=log,
                    timeout=TIMEOUT,
                    where=where,
                    inherit=(lock,),
                )
            )
            if finished.exit_status != 0:
                shutil.rmtree(folder, ignore_errors=True)
                raise explain(finished, where=where)
        return _finish(wanted.digest, folder)


def stack_diff(baseline: Iterable[Package], candidate: Iterable[Package]) -> StackChange:
    """The packages that were added, removed or changed in version, each by name."""
    before = {_normalised(package.name): package for package in baseline}
    after = {_normalised(package.name): package for package in candidate}
    return StackChange(
        added=tuple(after[name] for name in sorted(after.keys() - before.keys())),
        removed=tuple(before[name] for name in sorted(before.keys() - after.keys())),
        changed=tuple(
            (before[name], after[name])
            for name in sorted(before.keys() & after.keys())
            if before[name].version != after[name].version
        ),
    )


def _finish(digest: str, folder: Path) -> _Marker:
    """Measure a complete environment and mark it as such."""
    env = folder / "env"
    site = [str(path) for path in env.glob("lib/python*/site-packages")]
    marker = _Marker(digest=digest, bytes=_size(env), packages=_packages(metadata.distributions(path=site)))
    partial = folder / "stack.json.partial"
    try:
        with partial.open("wb") as file:
            file.write(msgspec.json.encode(marker))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / "stack.json")
    except OSError as error:
        raise _not_writable(folder, error) from error
    return marker


def _read_marker(folder: Path) -> _Marker | None:
    """The marker of a finished environment; None if there is none or its Python is gone (upgraded away)."""
    try:
        marker = msgspec.json.decode((folder / "stack.json").read_bytes(), type=_Marker)
    except (OSError, msgspec.MsgspecError):
        return None
    return marker if (folder / "env" / "bin" / "python").exists() else None


def _host_stack() -> Stack:
    packages = _packages(metadata.distributions())
    described = json.dumps([platform.python_version(), *((one.name, one.version) for one in packages)])
    return Stack(
        digest=f"sha256:{hashlib.sha256(described.encode()).hexdigest()}",
        declared="host",
        python=Path(sys.executable),
        bin=Path(sys.executable).parent,
        prefix=Path(sys.prefix) if sys.prefix != sys.base_prefix else None,
        host=True,
        packages=packages,
        cached=True,
    )


def _packages(found: Iterable[metadata.Distribution]) -> tuple[Package, ...]:
    """Name and version of each; the first on the path counts, as in an import."""
    packages: dict[str, Package] = {}
    for distribution in found:
        details: Any = distribution.metadata
        if name := details["Name"]:
            packages.setdefault(_normalised(name), Package(name=name, version=details["Version"] or ""))
    return tuple(packages[name] for name in sorted(packages))


def _normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _size(folder: Path) -> int:
    """Bytes of all regular files below a folder."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            if not path.is_symlink():
                total += path.stat().st_size
    return total


def _not_writable(folder: Path, error: OSError) -> PermanentError:
    return PermanentError(
        f"the cache of stacks can't be written: {error.strerror}",
        where=str(folder),
        remedy="free space, make it writable, or set XDG_CACHE_HOME",
    )

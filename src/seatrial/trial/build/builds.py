"""Runs a version's `build:` command (training, say) once per digest of its inputs and puts its products back afterwards.

The digest covers the files that match `inputs` as they were checked out, the stack, the command and the declared
environment. A trial of a change that touches none of them trains nothing again. The products go to the store; a small
file per digest says which they are.
"""

import hashlib
import json
import re
import tempfile
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from seatrial.ports import Store
from seatrial.records import BuildSpec, PermanentError, UsageError
from seatrial.trial.build.commands import Command, Commands, Finished
from seatrial.trial.build.locks import hold
from seatrial.trial.build.products import Snapshot, pack, take_snapshot, unpack, written_since
from seatrial.trial.build.stack import Stack
from seatrial.trial.change.axes import translate
from seatrial.trial.deploy import command_line

_FORMAT: Final = 1


class BuildFailedError(PermanentError):
    """The command of a build failed; `exit_status` and the end of its log go into the report's row."""

    def __init__(self, what: str, finished: Finished, *, where: str, remedy: str) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.exit_status = finished.exit_status
        self.log_tail = finished.log_tail


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOutcome:
    """How a build went: its products are in place.

    Attributes:
        seconds: what this call took, waiting for the same build elsewhere included.
        cached: whether the command was spared.
        digest: of the products in the store; None where they could not be kept, and `note` says why.
    """

    seconds: float
    cached: bool
    digest: str | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the index says of a digest of inputs."""

    products: str
    removed: tuple[str, ...] = ()


@dataclass(slots=True)
class _Source:
    """One checkout: as it was before any build, as it is now, and which build wrote what."""

    pristine: Snapshot
    now: Snapshot
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: dict[str, BuildOutcome] = field(default_factory=dict)
    writers: dict[str, str] = field(default_factory=dict)


class Builds:
    """Runs builds of one trial; safe to use from many threads.

    Builds in different checkouts run side by side, in one checkout one after another. The same build wanted twice,
    in another checkout or by another seatrial process, runs once.

    Args:
        root: folder of the index, shared by all trials of the project.
        store: keeps the products.
        commands: runs the commands.
    """

    def __init__(self, root: Path, store: Store, commands: Commands) -> None:
        self._root = root
        self._store = store
        self._commands = commands
        self._lock = threading.Lock()
        self._sources: dict[Path, _Source] = {}

    def run(
        self,
        spec: BuildSpec,
        source: Path,
        *,
        stack: Stack,
        declared: Mapping[str, str],
        env: Mapping[str, str],
        log: Path,
        where: str,
    ) -> BuildOutcome:
        """Run the command in `source`, or put back what it made from the same inputs before.

        Args:
            spec: command, inputs and timeout.
            source: the project's folder in a checkout. The inputs count as they were when this object first saw it.
            stack: what the command runs in.
            declared: the project's own `env:` with its references filled in; part of the digest.
            env: the whole environment of the command.
            log: gets its output while it runs.
            where: the cell, for messages.

        Raises:
            UsageError: the command or a pattern of `inputs` is malformed, or two builds write one file.
            BuildFailedError: the command failed or took too long.
            PermanentError: it can't be started, or the checkout can't be read or written.
        """
        began = self._commands.clock.monotonic()
        place = self._source(source)
        with place.lock:
            key = build_key(spec, place.pristine, stack=stack.digest, declared=declared)
            outcome = place.done.get(key)
            if outcome is None:
                argv = command_line(spec.run, env, where=where)
                command = Command(argv=tuple(argv), cwd=source, env=env, log=log, timeout=spec.timeout, where=where)
                with hold(self._root / f"{key}.lock", self._commands.clock, self._commands.check):
                    outcome = self._restore(key, place, source) or self._execute(key, command, place)
                place.done[key] = outcome
            else:
                outcome = BuildOutcome(seconds=0.0, cached=True, digest=outcome.digest, note=outcome.note)
        seconds = self._commands.clock.monotonic() - began
        return BuildOutcome(seconds=seconds, cached=outcome.cached, digest=outcome.digest, note=outcome.note)

    def _source(self, folder: Path) -> _Source:
        with self._lock:
            if (found := self._sources.get(folder)) is None:
                pristine = take_snapshot(folder)
                found = self._sources[folder] = _Source(pristine=pristine, now=pristine)
            return found

    def _restore(self, key: str, place: _Source, source: Path) -> BuildOutcome | None:
        """Put back known products; None where there are none, or where the store lost them."""
        place.now = take_snapshot(source, place.now)
        known = self._read_index(key)
        if known is None:
            return None
        try:
            data = self._store.get(known.products)
        except PermanentError:
            return None
        unpack(data, source)
        for path in known.removed:
            if path in place.pristine:
                (source / path).unlink(missing_ok=True)
        self._note_written(key, place, source)
        return BuildOutcome(seconds=0.0, cached=True, digest=known.products)

    def _execute(self, key: str, command: Command, place: _Source) -> BuildOutcome:
        finished = self._commands.run(command)
        if finished.timed_out:
            raise BuildFailedError(
                f"the build took longer than {command.timeout:g} s and was ended",
                finished,
                where=command.where,
                remedy="raise build.timeout, or look at its log for what it waits for",
            )
        if finished.exit_status != 0:
            raise BuildFailedError(
                f"the build failed: {finished.ended}",
                finished,
                where=command.where,
                remedy="read the end of its log",
            )
        written = self._note_written(key, place, command.cwd)
        return self._keep(key, written, place, command.cwd)

    def _note_written(self, key: str, place: _Source, source: Path) -> list[str]:
        """Look at the checkout again: what this build wrote. Raises UsageError if another one wrote the same file otherwise."""
        after = take_snapshot(source, place.now)
        written = [
            path
            for path in written_since(place.now, after)
            if path not in place.pristine or place.pristine[path].content != after[path].content
        ]
        clashes = [
            path
            for path in written
            if place.writers.get(path, key) != key and place.now[path].content != after[path].content
        ]
        place.now = after
        if clashes:
            raise UsageError(
                f"two builds of one version write {clashes[0]}, with different contents",
                where="build",
                remedy="let each deployment's build write files of its own, named after it",
            )
        place.writers.update(dict.fromkeys(written, key))
        return written

    def _keep(self, key: str, written: Sequence[str], place: _Source, source: Path) -> BuildOutcome:
        """Store the products. A build that can't be kept has still succeeded."""
        removed = tuple(
            path for path, entry in place.pristine.items() if path not in place.now and entry.kind != "folder"
        )
        try:
            with tempfile.TemporaryDirectory(prefix="products-", dir=self._root) as folder:
                packed = Path(folder) / "products.tar"
                pack(source, written, packed)
                digest = self._store.put_file(packed)
            self._write_index(key, _Known(products=digest, removed=removed))
        except PermanentError as error:
            return BuildOutcome(seconds=0.0, cached=False, digest=None, note=f"the build is not cached: {error.what}")
        return BuildOutcome(seconds=0.0, cached=False, digest=digest)

    def _read_index(self, key: str) -> _Known | None:
        try:
            return msgspec.json.decode((self._root / f"{key}.json").read_bytes(), type=_Known)
        except (OSError, msgspec.MsgspecError):
            return None

    def _write_index(self, key: str, known: _Known) -> None:
        path = self._root / f"{key}.json"
        try:
            partial = path.with_suffix(".partial")
            partial.write_bytes(msgspec.json.encode(known))
            partial.replace(path)
        except OSError as error:
            raise PermanentError(f"its index can't be written: {error.strerror}", where=str(path)) from error


def build_key(spec: BuildSpec, files: Snapshot, *, stack: str, declared: Mapping[str, str]) -> str:
    """Digest (64 hex digits) of everything that a build's products depend on.

    Args:
        spec: `inputs` are patterns as in .gitignore; one that begins with `!` takes files out again.
        files: the project as checked out.
        stack: digest of the stack.
        declared: declared environment; its values can't be read back from the digest.

    Raises:
        UsageError: a pattern is malformed.
    """
    taken = _inputs(spec.inputs, [path for path, entry in files.items() if entry.kind != "folder"])
    determined_by = {
        "format": _FORMAT,
        "command": spec.run,
        "stack": stack,
        "env": dict(declared),
        "inputs": {path: files[path].content for path in taken},
    }
    return hashlib.sha256(json.dumps(determined_by, sort_keys=True).encode("utf-8", "surrogateescape")).hexdigest()


def _inputs(patterns: Sequence[str], paths: Collection[str]) -> set[str]:
    taken: set[str] = set()
    for pattern in patterns:
        expression = _compiled(pattern.removeprefix("!"))
        matching = {path for path in paths if expression.match(path)}
        taken = taken - matching if pattern.startswith("!") else taken | matching
    return taken


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(translate(pattern), re.DOTALL)
    except (ValueError, re.error) as error:
        raise UsageError(
            f"the pattern {pattern!r} is malformed: {error}",
            where="build.inputs",
            remedy="patterns are written as in .gitignore: `data/**`, `*.csv`, `train.py`",
        ) from None

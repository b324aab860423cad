"""Runs the project's own commands, to train and to predict: in its folder and stack, limited, watched, and to their end.

The Runtime limits and measures the whole process tree where this machine has control groups. Where it has none, memory is
looked at ten times a second, and a command that holds more than it may is ended: less exact than the kernel, but it counts
what is held, not what is reserved (as `RLIMIT_AS` would, which no GPU library survives). What is not enforced is
written at the top of the command's log.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seatrial.logs import Redactor, tail
from seatrial.ports import Instance, Launch, Status, Store
from seatrial.records import CommandSpec, PermanentError, TrainSpec, UsagePoint
from seatrial.retrain.tied import tied_command
from seatrial.trial.build.commands import Commands, StoppedError
from seatrial.trial.build.environment import cell_environment
from seatrial.trial.build.stack import Stack, Stacks
from seatrial.trial.deploy import command_line
from seatrial.trial.origin import find_code
from seatrial.trial.tools import Tools
from seatrial.trial.workspace import RunFolder
from seatrial.wording import text

LOOK_SECONDS: Final = 0.1
GRACE_SECONDS: Final = 5.0
_TOLD_LINES: Final = 12
_TOLD_BYTES: Final = 2000
_SEEDS: Final = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where commands are run, and who looks on.

    Attributes:
        tools: the project's folder, the stacks, the runtime, and the clock that their time runs by.
        store: keeps models by digest.
        environ: of the caller, for `${NAME}`.
        folder: of the run.
        seed: told to every command.
        stop: asked all the time; whatever it raises, or True, ends the command.
        watch: told the newest line of a log, once a second at most.
    """

    tools: Tools
    store: Store
    environ: Mapping[str, str]
    folder: Path
    seed: int
    stop: Callable[[], bool]
    watch: Callable[[str], None]

    def log(self, name: str) -> Path:
        """Of one command."""
        return RunFolder(self.folder).log(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One command.

    Attributes:
        name: unique in the run: `train`.
        what: for messages: `the train command`.
        told: what it is told beside the project's own environment (`SEATRIAL_DATA`…).
    """

    name: str
    what: str
    command: CommandSpec
    spec: TrainSpec
    told: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What it took; None where that was not measured."""

    stack: Stack
    seconds: float
    cpu_seconds: float | None
    memory_peak: int | None


def run_job(job: Job, place: Place) -> Done:
    """Run a command to its end; nothing of it is left then, however this ends.

    Raises:
        UsageError: the stack or the command can't be understood.
        PermanentError: it failed, took too long or too much memory.
        TemporaryError: the stack can't be had for now, or it was to stop (StoppedError).
    """
    log = place.log(job.name)
    log.unlink(missing_ok=True)
    stack = _provided(job, place, log)
    began = place.tools.clock.monotonic()
    report = place.folder / f".{job.name}.used.json"
    report.unlink(missing_ok=True)
    launch = _launch(job, place, stack, log=log, report=report)
    place.tools.runtime.sweep(launch.run)
    watched = _Watched(job, launch, place)
    watched.run()
    cpu_seconds, largest = _read_used(report)
    report.unlink(missing_ok=True)
    return Done(
        stack=stack,
        seconds=place.tools.clock.monotonic() - began,
        cpu_seconds=cpu_seconds if cpu_seconds is not None else watched.cpu_seconds,
        memory_peak=max(watched.memory_peak, largest) or None,
    )


def _provided(job: Job, place: Place, log: Path) -> Stack:
    commands = Commands(place.tools.clock, run=_mark(job, place))
    stacks = Stacks(place.tools.stacks, commands, place.environ)
    project = place.tools.project
    with stopped_by(place.stop, commands):
        return stacks.provide(job.spec.stack, project, salt=_salt(job, place), log=log, where=job.what)


def _salt(job: Job, place: Place) -> str:
    """What tells the project's own folders in a stack apart: the commit, or this run where they differ from it."""
    if job.spec.stack.host:
        return ""
    code = find_code(place.tools.project, environ=place.environ)
    return code.tree if code.tree is not None and not code.dirty else RunFolder(place.folder).mark


@contextmanager
def stopped_by(stop: Callable[[], bool], commands: Commands) -> Iterator[None]:
    """Stop the commands as soon as `stop` says so, or raises; then its error is raised."""
    ended, raised = threading.Event(), list[BaseException]()

    def listen() -> None:
        while not ended.wait(LOOK_SECONDS):
            try:
                wanted = stop()
            except BaseException as error:  # noqa: BLE001 - it is raised where the block is
                raised.append(error)
                wanted = True
            if wanted:
                commands.stop()
                return

    listener = threading.Thread(target=listen, name="stop", daemon=True)
    listener.start()
    try:
        yield
    except StoppedError as error:
        if raised:
            raise raised[0] from error
        raise
    finally:
        ended.set()
        listener.join()


def _launch(job: Job, place: Place, stack: Stack, *, log: Path, report: Path) -> Launch:
    env = cell_environment(
        stack,
        job.spec.env,
        {"SEATRIAL_SEED": str(place.seed), "PYTHONHASHSEED": str(place.seed % _SEEDS), **job.told},
        caller=place.environ,
        where=job.what,
    )
    return Launch(
        run=_mark(job, place),
        cell=job.name,
        command=tied_command(command_line(job.command.run, env, where=job.what), report),
        cwd=place.tools.project,
        env=env,
        port=0,
        log=log,
        resources=job.spec.resources,
    )


def _mark(job: Job, place: Place) -> str:
    """By it a later attempt finds what an earlier one that was killed has left."""
    return f"{RunFolder(place.folder).mark}-{job.name}"


class _Watched:
    """A command while it runs."""

    def __init__(self, job: Job, launch: Launch, place: Place) -> None:
        self._job = job
        self._launch = launch
        self._place = place
        self._clock = place.tools.clock
        self._told_at = self._clock.monotonic()
        self.memory_peak = 0
        self.cpu_seconds: float | None = None

    def run(self) -> None:
        """Run it to its end. Raises as `run_job`."""
        instance = self._place.tools.runtime.start(self._launch)
        try:
            self._note_limits(instance)
            status = self._ended(instance)
        finally:
            instance.stop(GRACE_SECONDS)
        if status.note and status.exit_status != 0:
            raise self._failed(f"ended ({text.exit_status(status.exit_status)}), {status.note}", _MORE_MEMORY)
        if status.exit_status != 0:
            raise self._failed(f"failed ({text.exit_status(status.exit_status)})", f"see {self._launch.log}")

    def _ended(self, instance: Instance) -> Status:
        """How it ended by itself. Raises if it had to be ended."""
        deadline = self._clock.monotonic() + self._job.command.timeout
        while (status := instance.status()).running:
            used = instance.usage()
            if used is not None:
                self._note_usage(used, instance)
            if self._place.stop():
                raise StoppedError(
                    f"{self._job.what} was interrupted", remedy="run it again; what was finished is kept"
                )
            if self._clock.monotonic() > deadline:
                told = f"was ended after {text.duration(self._job.command.timeout)}"
                raise self._failed(told, "raise its timeout, or have it do less")
            self._tell()
            self._clock.sleep(LOOK_SECONDS)
        return status

    def _note_usage(self, used: UsagePoint, instance: Instance) -> None:
        self.memory_peak = max(self.memory_peak, used.memory)
        self.cpu_seconds = used.cpu_seconds
        most = self._job.spec.resources.memory
        if most is not None and not instance.limits.memory_enforced and used.memory > most:
            held, allowed = text.quantity(used.memory, "B"), text.quantity(most, "B")
            raise self._failed(f"was ended: it held {held} of memory (limit {allowed})", _MORE_MEMORY)

    def _note_limits(self, instance: Instance) -> None:
        """Say in the log what is not enforced."""
        notes = "".join(f"[seatrial: {note}]\n" for note in instance.limits.notes)
        if notes:
            with suppress(OSError), self._launch.log.open("a") as log:
                log.write(notes)

    def _tell(self) -> None:
        now = self._clock.monotonic()
        if now - self._told_at >= 1:
            self._told_at = now
            self._place.watch(self._safe(tail(self._launch.log, 1)))

    def _failed(self, how: str, remedy: str) -> PermanentError:
        end = self._safe(tail(self._launch.log, _TOLD_LINES))[-_TOLD_BYTES:].strip()
        return PermanentError(
            f"{self._job.what} {how}{f'; the end of its log: {end}' if end else ', and printed nothing'}",
            where=self._job.name,
            remedy=remedy,
        )

    def _safe(self, told: str) -> str:
        return Redactor(self._launch.env).text(told)


_MORE_MEMORY: Final = "raise train.resources.memory, or train on less: holdout.history"


def _read_used(report: Path) -> tuple[float | None, int]:
    """CPU seconds, and the bytes of the largest process."""
    try:
        found = json.loads(report.read_bytes())
        return float(found["cpu_seconds"]), int(found["largest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, 0

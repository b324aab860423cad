"""The story of one part of the bot's trial: one deployment, tried by a child process in a checkout of its own.

It is one step of a workflow and may be begun again on any worker, from nothing: what an earlier try left on this machine
is stopped and removed first. A part that takes its worker down with it again and again is given up.
"""

import os
import stat
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seatrial.bot.checkouts import Fetched, Scratch
from seatrial.bot.confine import WITHOUT_NETWORK, limits
from seatrial.bot.planning import Planning, read
from seatrial.bot.runner import Child, Ended
from seatrial.bot.tools import BotTools
from seatrial.promotion.step import LeftUnfinished
from seatrial.records import BotTrial, CellProgress, Failure, PermanentError, SeatrialError, Stage
from seatrial.trial.progress import Progress
from seatrial.trial.report.json import encode_report, load_report

MOST_TRIES: Final = 3
_LONGEST: Final = 6 * 3600.0
_LONGEST_CONFINED: Final = 2 * 3600.0
_PLANNING_SECONDS: Final = 120.0
_REPORT_BYTES: Final = 64 << 20
_TELLING_SECONDS: Final = 1.0
_CONFIGURATION: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEnd:
    """How a part ended.

    Attributes:
        report: digest of its `report.json` in the store; empty if it came to none.
        failure: why it came to none; None if it did, or was cancelled.
        mistaken: whether the configuration or the change itself is what failed.
    """

    report: str = ""
    failure: Failure | None = None
    mistaken: bool = False


def plan(trial: BotTrial, fetched: Fetched, tools: BotTools, wanted: Callable[[], bool]) -> Planning:
    """What the configuration at a trial's commit plans.

    Raises:
        UsageError: the configuration is wrong, or a fork's can't be confined here.
        PermanentError: it could not be read.
    """
    with tools.checkouts.scratch(trial.id, "") as scratch:
        folder = _project(trial, fetched, scratch, tools)
        words = (sys.executable, "-P", "-m", "seatrial.bot.planning", str(folder))
        ended = tools.runner.run(_child(trial, scratch, words, tools, longest=_PLANNING_SECONDS), wanted=wanted)
    if ended.stopped:
        return Planning()
    if ended.status != 0:
        raise PermanentError(
            f"the configuration can't be read: {ended.told}\n{ended.tail}".strip(), where="seatrial.yaml"
        )
    return read(ended.output)


def try_part(trial: BotTrial, deployment: str, fetched: Fetched, tools: BotTools, closing: threading.Event) -> PartEnd:
    """Try one deployment.

    Args:
        trial: that it is a part of.
        deployment: its name.
        fetched: what is compared.
        tools: the surroundings.
        closing: set once this process is about to end; then the part is left to be begun again.

    Raises:
        LeftUnfinished: the process is about to end.
        SeatrialError: it could not be begun.
    """
    telling = _Telling(trial.id, deployment, tools)

    def wanted() -> bool:
        telling.write()
        now = tools.book.trial(trial.id)
        return not closing.is_set() and now is not None and now.state.is_live and not now.cancelling

    if not wanted():
        return _unwanted(closing)
    with tools.checkouts.scratch(trial.id, deployment) as scratch:
        tries = _begun(scratch)
        if tries > MOST_TRIES:
            return _died(f"its worker died {MOST_TRIES} times in the middle of it", Stage.CHECKOUT)
        _have(trial, fetched, tools)
        folder = _project(trial, fetched, scratch, tools)
        words = (
            *(sys.executable, "-P", "-m", "seatrial", "trial", str(folder)),
            *("--base", fetched.base, "--head", fetched.head, f"--only={deployment}"),
            *("--out", str(scratch.out), "--progress", "json", "--no-notify"),
            *(("--attribute",) if trial.attribute else ()),
        )
        child = _child(trial, scratch, words, tools, longest=_LONGEST_CONFINED if trial.confined else _LONGEST)
        ended = tools.runner.run(child, wanted=wanted, watch=telling.note)
        if ended.stopped or ended.status < 0 or ended.timed_out:
            tools.checkouts.stop(scratch)
        scratch.tries.unlink(missing_ok=True)
        if ended.stopped:
            return _unwanted(closing)
        return _end(trial, scratch, ended, telling.stage, tools)


def _unwanted(closing: threading.Event) -> PartEnd:
    if closing.is_set():
        raise LeftUnfinished
    return PartEnd()


def _have(trial: BotTrial, fetched: Fetched, tools: BotTools) -> None:
    """Another worker may have fetched it, on another machine."""
    if not tools.checkouts.has(trial.repository, fetched.head, fetched.base):
        pull = tools.forge.pull(trial.repository, trial.number)
        tools.checkouts.fetch(tools.forge, pull, trial.commit)


def _project(trial: BotTrial, fetched: Fetched, scratch: Scratch, tools: BotTools) -> Path:
    """The project's folder in a fresh checkout. Raises PermanentError if the commit has no such folder."""
    if trial.confined:
        tools.confinement.check()
    checkout = tools.checkouts.check_out(trial.repository, fetched.head, scratch.checkout)
    folder = checkout / trial.project
    if not folder.resolve().is_relative_to(checkout.resolve()) or not folder.is_dir():
        raise PermanentError(
            f"the commit has no folder {trial.project!r}",
            where=trial.repository,
            remedy="mend bot.repositories of the server, or add the folder",
        )
    return folder


def _child(trial: BotTrial, scratch: Scratch, words: tuple[str, ...], tools: BotTools, *, longest: float) -> Child:
    if not trial.confined:
        return Child(command=words, cwd=scratch.root, environment=tools.environ, mark=scratch.mark, longest=longest)
    command = tools.confinement.command(
        words,
        checkout=scratch.checkout,
        out=scratch.out,
        objects=tools.checkouts.objects(trial.repository),
        private=scratch.root / "private",
    )
    return Child(
        command=command,
        cwd=scratch.root,
        environment={},
        mark=scratch.mark,
        longest=longest,
        gently=False,
        limits=limits(),
    )


def _end(trial: BotTrial, scratch: Scratch, ended: Ended, stage: Stage, tools: BotTools) -> PartEnd:
    """The report that a child left, or how it died."""
    data = _left(scratch.out / "report.json")
    if data is not None and not ended.timed_out:
        try:
            report = load_report(data)
        except SeatrialError as error:
            return _died(f"its report can't be read: {error.what}", stage, ended)
        return PartEnd(report=tools.store.put(encode_report(report)))
    said = ended.tail.replace(f"{scratch.checkout}/", "")
    if ended.status == _CONFIGURATION and not ended.timed_out:
        return PartEnd(failure=Failure(stage=stage, message=_message(said), log_tail=said), mistaken=True)
    note = f" ({WITHOUT_NETWORK})" if trial.confined else ""
    failure = Failure(
        stage=stage,
        message=f"its trial ended without a report: {ended.told}{note}",
        exit_status=ended.status,
        log_tail=said,
    )
    return PartEnd(failure=failure)


def _message(said: str) -> str:
    """What an error on standard error says, without its label."""
    return said.strip().removeprefix("error: ") or "it was refused"


def _died(why: str, stage: Stage, ended: Ended | None = None) -> PartEnd:
    tail = "" if ended is None else ended.tail
    return PartEnd(
        failure=Failure(stage=stage, message=why, exit_status=None if ended is None else ended.status, log_tail=tail)
    )


def _left(path: Path) -> bytes | None:
    """A file that somebody else's program may have written: no link is followed, no pipe waited for, no disk filled."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        return file.read() if stat.S_ISREG(facts.st_mode) and facts.st_size <= _REPORT_BYTES else None


def _begun(scratch: Scratch) -> int:
    """How often it was begun on this machine without coming to an end, this time included."""
    tries = int(scratch.tries.read_text()) if scratch.tries.exists() else 0
    scratch.tries.write_text(str(tries + 1))
    return tries + 1


class _Telling:
    """Brings a child's progress into the book, at most once a second."""

    def __init__(self, trial: str, deployment: str, tools: BotTools) -> None:
        self._trial = trial
        self._deployment = deployment
        self._tools = tools
        self._lock = threading.Lock()
        self._new: dict[str, CellProgress] = {}
        self._written = float("-inf")
        self.stage = Stage.CHECKOUT

    def note(self, progress: Progress) -> None:
        """Remember a step; of the whole run's it is the deployment's."""
        cell = progress.cell or self._deployment
        told = CellProgress(
            cell=cell,
            stage=progress.stage.value,
            detail=progress.detail,
            done=progress.done,
            total=progress.total,
            failed=progress.failed,
        )
        with self._lock:
            self.stage = progress.stage
            self._new[cell] = told

    def write(self) -> None:
        """Write what is new, if its time has come."""
        now = self._tools.clock.monotonic()
        with self._lock:
            if not self._new or now - self._written < _TELLING_SECONDS:
                return
            new, self._new, self._written = self._new, {}, now
        known = {each.cell: each for each in self._tools.book.progress(self._trial)}
        self._tools.book.set_progress(self._trial, tuple({**known, **new}.values()))

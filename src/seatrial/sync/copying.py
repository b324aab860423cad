"""Brings a folder to where the ref is: look at it, write what differs, remove what is gone, note it, look again.

No place has a lock that all syncs know. Two at once end well all the same, because each of them looks once more after
its note:

- a sync that finds its note gone was overtaken by one that will look after it, and leaves the folder to that one;
- one that finds its note and a folder that is not right waits until nobody changes it any more, and puts it right;
- of two that find both their notes one waits longer, so that the other one goes first.

So the folder ends as one of the refs has it, never as a mixture. A sync that is killed is like one that never ends: the
next one sees what it had announced, waits a moment, and puts it right.
"""

from dataclasses import dataclass

from seatrial.ports import Clock, CodeTarget, Holding
from seatrial.records import TemporaryError
from seatrial.sync.files import Code
from seatrial.sync.listed import listed, printable
from seatrial.sync.plan import SyncPlan, check_strangers, plan_sync

_ATTEMPTS = 5
_SHORT = 12
_PAUSES = (0.3, 0.5, *(1.0,) * 60)
_LONG = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What was done, or would be: paths that were written and removed, and notes."""

    written: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Whether the folder was as it should be."""
        return not (self.written or self.removed)

    def noting(self, *notes: str) -> "Copied":
        """The same with further notes."""
        return Copied(written=self.written, removed=self.removed, notes=(*self.notes, *notes))

    def after(self, plan: SyncPlan) -> "Copied":
        """The same once this plan is carried out."""
        done = Copied(
            written=self.written.union(plan.written),
            removed=self.removed.union(plan.cleared, plan.removed),
            notes=self.notes,
        )
        return (
            done.noting(f"written again, not being as seatrial left them: {listed(plan.mended)}")
            if plan.mended
            else done
        )


def copy_code(target: CodeTarget, folder: str, code: Code, commit: str, clock: Clock) -> Copied:
    """Make the folder hold the code, and note of which commit it is.

    Raises:
        UsageError: a file that seatrial did not write is in the way; nothing was written.
        TemporaryError: the target does not answer, or others keep changing the folder.
        PermanentError: the target refuses.
    """
    watched = _Watched(target=target, folder=folder, code=code, clock=clock)
    holding, noted = watched.look(), ""
    copied = Copied(notes=_left_alone(holding))
    for _ in range(_ATTEMPTS):
        if noted or "" in holding.listing.values():
            holding = watched.when_quiet(holding, noted)
        if watched.settled(holding):
            return copied
        if _overtaken(holding, noted):
            return copied.noting(
                f"another sync has put commit {printable(holding.commits[-1])[:_SHORT]} there meanwhile"
            )
        check_strangers(code.stored, holding.strangers)
        plan = plan_sync(code.digests, holding.listing)
        _carry_out(target, folder, code, plan)
        target.commit(folder, code.digests, commit)
        copied, noted = copied.after(plan), commit
        holding = watched.look()
    if watched.settled(holding):
        return copied
    raise TemporaryError(
        "other programs keep changing the folder while it is written",
        where=folder,
        remedy="let one job at a time sync this branch, and sync again",
    )


def preview(target: CodeTarget, folder: str, code: Code) -> Copied:
    """What `copy_code` would do. Raises as it does."""
    holding = target.holding(folder)
    plan = plan_sync(code.digests, holding.listing)
    if not plan.settled:
        check_strangers(code.stored, holding.strangers)
    return Copied(notes=_left_alone(holding)).after(plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """A folder that other syncs may be working on."""

    target: CodeTarget
    folder: str
    code: Code
    clock: Clock

    def look(self) -> Holding:
        """What it holds now."""
        return self.target.holding(self.folder)

    def settled(self, holding: Holding) -> bool:
        """Whether that is the code."""
        return plan_sync(self.code.digests, holding.listing).settled

    def when_quiet(self, holding: Holding, noted: str) -> Holding:
        """What it holds once some looks in a row see the same, or once there is nothing left to do.

        `noted` is the commit that this sync has noted, empty if none yet.
        """
        same = 0
        for seconds in _PAUSES:
            if self.settled(holding) or _overtaken(holding, noted) or same == _patience(holding, noted):
                break
            self.clock.sleep(seconds)
            before, holding = holding, self.look()
            same = same + 1 if before == holding else 0
        return holding


def _overtaken(holding: Holding, noted: str) -> bool:
    """Whether another sync's note has taken the place of this one's."""
    return bool(noted and holding.commits) and noted not in holding.commits


def _patience(holding: Holding, noted: str) -> int:
    """How many looks in a row have to see the same: more where another sync, with a note beside this one's, goes first."""
    return 1 if len(holding.commits) <= 1 or holding.commits[-1] == noted else _LONG


def _carry_out(target: CodeTarget, folder: str, code: Code, plan: SyncPlan) -> None:
    if plan.cleared:
        target.remove(folder, plan.cleared)
    files = [code.files[path] for path in plan.written]
    executable = {file.path for file in files if file.executable}
    for batch in code.read(files):
        target.write(folder, batch, executable=executable.intersection(batch))
    if plan.removed:
        target.remove(folder, plan.removed)


def _left_alone(holding: Holding) -> tuple[str, ...]:
    if not holding.strangers:
        return ()
    return (f"left alone, because seatrial did not write them: {listed(holding.strangers)}",)

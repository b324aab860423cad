"""Where the deployments of a running trial are: what its watcher heard, as one line and as a table."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from seatrial.records import Stage
from seatrial.trial.progress import Progress
from seatrial.wording.inert import code, prose, table
from seatrial.wording.text import MISSING, count

_ORDER = tuple(Stage)
_WORDS = {
    Stage.CHECKOUT: "being checked out",
    Stage.STACK: "getting its stack",
    Stage.BUILD: "building",
    Stage.START: "starting",
    Stage.DRIVE: "being driven",
    Stage.TEST: "being tested",
    Stage.MEASURE: "being compared",
    Stage.DONE: "done",
}
_MOST_ROWS = 100


@dataclass(slots=True)
class Live:
    """The latest step of every cell. Not safe to use from many threads."""

    cells: dict[str, Progress] = field(default_factory=dict)
    whole: Progress | None = None

    def hear(self, progress: Progress) -> None:
        """Take a step in."""
        if progress.cell:
            self.cells[progress.cell] = progress
        else:
            self.whole = progress

    def phases(self) -> tuple["Phase", ...]:
        """One for each deployment that was heard of, in the order in which they were."""
        groups: dict[str, list[Progress]] = {}
        for name, progress in self.cells.items():
            groups.setdefault(name.rpartition("@")[0] or name, []).append(progress)
        return tuple(_phase(name, steps) for name, steps in groups.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Where one deployment is: as far as its slowest cell.

    Attributes:
        done, total: of the stage's work over its cells; 0 of 0 where there is nothing to count.
        failed: whether a cell of it has failed, at `stage`.
    """

    deployment: str
    stage: Stage
    detail: str = ""
    done: int = 0
    total: int = 0
    failed: bool = False

    @property
    def driven(self) -> bool:
        """Whether all its requests were sent."""
        beyond = _ORDER.index(self.stage) > _ORDER.index(Stage.DRIVE)
        return not self.failed and (beyond or (self.stage is Stage.DRIVE and 0 < self.total <= self.done))

    @property
    def words(self) -> str:
        """For people."""
        return f"failed at {self.stage.value}" if self.failed else _WORDS[self.stage]


def _phase(name: str, steps: Iterable[Progress]) -> Phase:
    found = list(steps)
    failed = next((step for step in found if step.failed), None)
    slowest = failed or min(found, key=lambda step: _ORDER.index(step.stage))
    same = [step for step in found if step.stage is slowest.stage]
    return Phase(
        deployment=name,
        stage=slowest.stage,
        detail=slowest.detail,
        done=sum(step.done for step in same),
        total=sum(step.total for step in same),
        failed=failed is not None,
    )


def live_title(live: Live) -> str:
    """`2 of 5 deployments driven, 2 starting, 1 failed`; what the whole trial does before any deployment is heard of."""
    phases = live.phases()
    if not phases:
        return f"Running: {live.whole.detail or live.whole.stage.value}" if live.whole else "Running"
    driven = sum(phase.driven for phase in phases)
    rest = Counter("failed" if phase.failed else phase.words for phase in phases if not phase.driven)
    parts = [f"{driven} of {count(len(phases), 'deployment')} driven", *(f"{n} {words}" for words, n in rest.items())]
    return ", ".join(parts)


def live_table(live: Live) -> str:
    """One row per deployment; empty before any was heard of."""
    phases = live.phases()
    if not phases:
        return ""
    lines = [[code(phase.deployment), phase.words, _work(phase)] for phase in phases[:_MOST_ROWS]]
    hidden = len(phases) - len(lines)
    more = f"\n\nand {count(hidden, 'more deployment')}" if hidden else ""
    return table(["Deployment", "Phase", "Work"], lines) + more


def _work(phase: Phase) -> str:
    if phase.total:
        return f"{phase.done:,} of {phase.total:,} ({min(phase.done / phase.total, 1.0):.0%})"
    return prose(phase.detail, 120) if phase.detail else MISSING

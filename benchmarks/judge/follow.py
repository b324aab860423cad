"""One simulated release, followed by the judge or by the peers' rules, and what came of it as one line of JSON.

A harmless release is followed for its twelve hours even when it would have been promoted long before, since the promise is
about the whole time; what the release would really have done is read from the times of its decisions.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.judge.minutes import Minutes
from benchmarks.judge.peers import PEERS
from benchmarks.judge.scenarios import EFFECTS, SCENARIOS
from benchmarks.judge.streams import release
from benchmarks.judge.tally import METRIC
from seatrial.records import Decision, Judgement, JudgePolicy, QualityPolicy, Window

_QUALITY: Final = (QualityPolicy(name=METRIC, margin=0.03, root=True),)

POLICIES: Final = {
    "default": JudgePolicy(quality=_QUALITY),
    "bare": JudgePolicy(quality=_QUALITY, warmup=0.0, tolerance=0.0),
    "unlabelled": JudgePolicy(),
}
"""As people get it; without warm-up and tolerance, as in the literature; without a model metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One run.

    Attributes:
        rules: `judge` or `peers`.
        scenario, effect, policy: their names.
        weight: the canary's share.
        seed: number of the run.
        hours, history: lengths of the release and of what is known from before.
    """

    rules: str
    scenario: str
    effect: str
    policy: str
    weight: float
    seed: int
    hours: int = 12
    history: int = 2

    def windows(self) -> Iterator[Window]:
        """The stream; the same for every rule and policy."""
        return release(
            SCENARIOS[self.scenario],
            EFFECTS[self.effect],
            seed=self.seed,
            weight=self.weight,
            hours=self.hours,
            history=self.history,
        )

    @property
    def harmless(self) -> bool:
        """Whether there is nothing to find."""
        return self.effect == "none" and SCENARIOS[self.scenario].comparable


Outcome = dict[str, Any]


def follow(task: Task) -> Outcome:
    """Run it to the end, or to what decides it."""
    watched = _judged(task) if task.rules == "judge" else _by_peers(task)
    return asdict(task) | watched


@dataclass(slots=True)
class _Seen:
    """How much of the release there was."""

    minutes: float = 0.0
    stable: int = 0
    canary: int = 0
    labels: int = 0

    def take(self, window: Window) -> None:
        """Add a window."""
        self.minutes += window.seconds / 60
        self.stable += window.stable.requests
        self.canary += window.canary.requests
        self.labels += sum(label.stable.count + label.canary.count for label in window.labels)

    def now(self) -> Outcome:
        """As JSON; a rule that says nothing of it judges all of it."""
        judged = {"judged": self.stable + self.canary, "judged_labels": self.labels}
        return asdict(self) | {"minutes": round(self.minutes, 3)} | judged


class _Notes:
    """When the judge said what."""

    def __init__(self) -> None:
        self.events: dict[str, Outcome] = {}
        self.safe: dict[str, float] = {}
        self.harm: dict[str, float] = {}
        self.largest = 0.0

    def take(self, judgement: Judgement, seen: _Seen) -> None:
        """Write down what is new."""
        aborts = judgement.evidence.settled or judgement.decision is Decision.ABORT
        said = Decision.ABORT if aborts else judgement.decision
        if said is not Decision.CONTINUE and said.value not in self.events:
            labels = sum(sum(metric.samples) for metric in judgement.metrics if metric.name == METRIC)
            judged = {"judged": sum(judgement.requests), "judged_labels": labels}
            self.events[said.value] = seen.now() | judged | {"why": judgement.why}
        self.largest = max(self.largest, judgement.evidence.evidence)
        for metric in judgement.metrics:
            if metric.safe and metric.safe.settled:
                self.safe.setdefault(metric.name, round(seen.minutes, 3))
            if metric.harm:
                self.harm[metric.name] = round(max(self.harm.get(metric.name, 0.0), metric.harm.evidence), 3)


def _judged(task: Task) -> Outcome:
    """The judge, window by window."""
    from seatrial.judge.release import begin, update, warm  # noqa: PLC0415 the peers' rules run without it

    state = begin(POLICIES[task.policy])
    notes, seen = _Notes(), _Seen()
    ending = _ending(task)
    updates, spent = 0, 0.0
    judgement = None
    for window in task.windows():
        if not window.weight:
            warm(state, window)
            continue
        began = time.process_time()
        judgement = update(state, window)
        spent += time.process_time() - began
        updates += 1
        seen.take(window)
        notes.take(judgement, seen)
        if ending & notes.events.keys():
            break
    return {
        "watched": round(seen.minutes, 3),
        "events": notes.events,
        "safe": notes.safe,
        "harm": notes.harm,
        "largest": round(notes.largest, 3),
        "dispersion": {metric.name: round(metric.dispersion, 3) for metric in judgement.metrics} if judgement else {},
        "update_ms": round(1e3 * spent / max(updates, 1), 4),
    }


def _ending(task: Task) -> set[str]:
    """The decisions after which there is nothing more to learn from a run."""
    if not SCENARIOS[task.scenario].comparable:
        return {Decision.ABORT.value, Decision.PROMOTE.value, Decision.PAUSE.value}
    if task.harmless or EFFECTS[task.effect].after:
        return {Decision.ABORT.value}
    return {Decision.ABORT.value, Decision.PROMOTE.value}


def _by_peers(task: Task) -> Outcome:
    """All of the peers' rules, minute by minute."""
    deciding = {name: make() for name, make in PEERS.items()}
    decided: dict[str, Outcome] = {}
    minutes, seen = Minutes(), _Seen()
    for window in task.windows():
        if not window.weight:
            continue
        seen.take(window)
        minute = minutes.take(window)
        if minute is None:
            continue
        for name, rule in list(deciding.items()):
            said = rule.look(minute)
            if said is not Decision.CONTINUE:
                decided[name] = {"decision": said.value} | seen.now()
                del deciding[name]
    return {"watched": round(seen.minutes, 3), "peers": decided}

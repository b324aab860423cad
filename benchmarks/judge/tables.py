"""The runs of a benchmark as tables in markdown: what each rule guarantees, and what it costs."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from scipy.stats import beta

from benchmarks.judge.follow import Outcome
from benchmarks.judge.peers import PEERS, WITHOUT_QUALITY
from benchmarks.judge.scenarios import EFFECTS, SCENARIOS

NEVER: Final = math.inf
_HARM: Final = ("p50", "p99", "errors", "rmse")


def tables(outcomes: Sequence[Outcome]) -> str:
    """Every table that there are runs for."""
    sections = [_false_aborts, _detection, _late, _promotion, _margins, _splits, _costs]
    return "\n\n".join(text for section in sections if (text := section(outcomes)))


def interval(hits: int, runs: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a share."""
    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, runs - hits + 1))
    high = 1.0 if hits == runs else float(beta.ppf(0.975, hits + 1, runs - hits))
    return low, high


class _Runs:
    """All runs of one rule in one scenario with one effect: when each was decided, and how."""

    def __init__(self, rule: str, runs: list[Outcome]) -> None:
        self.rule = rule
        self._events = [_events(run, rule) for run in runs]

    def __len__(self) -> int:
        return len(self._events)

    def at(self, decision: str, field: str = "minutes") -> list[float]:
        """When each run first said so; never is infinite."""
        return [float(events[decision][field]) if decision in events else NEVER for events in self._events]

    def ends_in(self, decision: str) -> int:
        """How many releases would really have ended so: it was said first, and a pause isn't an end."""
        others = {"abort", "promote"} - {decision}
        first = zip(self.at(decision), *(self.at(other) for other in others), strict=True)
        return sum(mine < min(rest, default=NEVER) for mine, *rest in first)

    def ever(self, decision: str) -> int:
        """How many said so at any time."""
        return sum(when < NEVER for when in self.at(decision))


def _events(run: Outcome, rule: str) -> dict[str, Outcome]:
    if run["rules"] == "judge":
        return dict(run["events"])
    said = run["peers"].get(rule)
    return {said["decision"]: said} if said else {}


def _runs_of(outcomes: Sequence[Outcome], scenarios: Iterable[str], effect: str) -> list[tuple[str, _Runs]]:
    """Rules with runs, the peers' first, by scenario."""
    found = []
    for scenario in scenarios:
        here = [run for run in outcomes if run["scenario"] == scenario and run["effect"] == effect]
        for weight in sorted({run["weight"] for run in here}, reverse=True):
            alike = [run for run in here if run["weight"] == weight]
            where = scenario if weight == 0.2 else f"{scenario}, {weight:.0%} canary"
            by_peers = [run for run in alike if run["rules"] == "peers"]
            found += [(where, _Runs(name, by_peers)) for name in PEERS if by_peers]
            for policy in sorted({run["policy"] for run in alike if run["rules"] == "judge"}):
                mine = [run for run in alike if run["policy"] == policy and run["rules"] == "judge"]
                found.append((where, _Runs(f"the judge, {policy}", mine)))
    return found


def _false_aborts(outcomes: Sequence[Outcome]) -> str:
    rows = []
    harmless = [name for name, scenario in SCENARIOS.items() if scenario.comparable]
    for effect in ("none", "tolerated"):
        for where, runs in _runs_of(outcomes, harmless, effect):
            aborts = runs.ever("abort")
            rows.append(
                [
                    where if effect == "none" else f"{where}, {effect}",
                    runs.rule,
                    str(len(runs)),
                    _share(aborts, len(runs)),
                    _percent(runs.ends_in("abort"), len(runs)),
                    _figure(float(np.median(_finite(runs.at("abort"))))) if aborts else "–",
                    _percent(runs.ever("pause"), len(runs)),
                ]
            )
    head = [
        "scenario",
        "rule",
        "runs",
        "false aborts in 12 h (95 %)",
        "as a release ends",
        "median min of them",
        "pauses",
    ]
    return _table("Harmless canaries: false aborts", head, rows)


def _detection(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for effect in _HARM:
        for where, runs in _runs_of(outcomes, SCENARIOS, effect):
            if effect == "rmse" and runs.rule in WITHOUT_QUALITY:
                rows.append([effect, where, runs.rule, str(len(runs)), *["no metric for it"] * 4])
                continue
            counted = "labels" if effect == "rmse" else "requests"
            judged = runs.at("abort", "judged_labels" if effect == "rmse" else "judged")
            rows.append(
                [
                    effect,
                    where,
                    runs.rule,
                    str(len(runs)),
                    _percent(len(runs) - runs.ends_in("abort"), len(runs)),
                    _spread(runs.at("abort")),
                    _spread(runs.at("abort", "canary")),
                    f"{_spread(judged)} {counted}",
                ]
            )
    head = ["effect", "scenario", "rule", "runs", "missed", "minutes", "canary's requests", "judged of both arms"]
    return _table("Harmful canaries: median (90th percentile) until the abort", head, rows)


def _late(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for effect in (f"late-{name}" for name in _HARM):
        begin = EFFECTS[effect].after / 60
        for where, runs in _runs_of(outcomes, SCENARIOS, effect):
            delays = [when - begin for when in runs.at("abort")]
            early = sum(delay < 0 for delay in delays)
            rows.append(
                [effect, where, runs.rule, str(len(runs)), str(early), _spread([max(delay, 0) for delay in delays])]
            )
    head = ["effect", "scenario", "rule", "runs", "aborted before", "minutes from its begin"]
    return _table(
        "Harm that begins after two hours: median (90th percentile) until the abort, promotions set aside", head, rows
    )


def _promotion(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for where, runs in _runs_of(outcomes, [name for name, kind in SCENARIOS.items() if kind.comparable], "none"):
        if runs.ever("promote"):
            share = _percent(runs.ends_in("promote"), len(runs))
            rows.append([where, runs.rule, str(len(runs)), share, _spread(runs.at("promote"))])
    return _table(
        "Harmless canaries: median (90th percentile) until the promotion",
        ["scenario", "rule", "runs", "promoted", "minutes"],
        rows,
    )


def _margins(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for effect in (name for name in EFFECTS if name.startswith("margin-")):
        for where, runs in _runs_of(outcomes, SCENARIOS, effect):
            if runs.rule.startswith("the judge"):
                promoted, aborted = runs.ends_in("promote"), runs.ends_in("abort")
                rows.append(
                    [
                        effect.removeprefix("margin-"),
                        where,
                        runs.rule,
                        str(len(runs)),
                        _share(promoted, len(runs)),
                        _percent(aborted, len(runs)),
                        _percent(len(runs) - promoted - aborted, len(runs)),
                    ]
                )
    head = ["exactly at the margin", "scenario", "rule", "runs", "promoted (95 %)", "aborted", "neither in 12 h"]
    return _table("Canaries that are worse by a margin", head, rows)


def _splits(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for where, runs in _runs_of(outcomes, [name for name, kind in SCENARIOS.items() if not kind.comparable], "none"):
        pauses = runs.at("pause")
        first = sum(
            pause < min(other) for pause, *other in zip(pauses, runs.at("promote"), runs.at("abort"), strict=True)
        )
        promoted = _percent(runs.ends_in("promote"), len(runs))
        rows.append([where, runs.rule, str(len(runs)), _percent(first, len(runs)), _spread(pauses), promoted])
    head = ["scenario", "rule", "runs", "paused", "minutes", "promoted"]
    return _table("Splits that aren't what was asked for", head, rows)


def _costs(outcomes: Sequence[Outcome]) -> str:
    mine = [run for run in outcomes if run["rules"] == "judge"]
    kinds = sorted({run["scenario"] for run in mine}, key=list(SCENARIOS).index)
    rows = [
        [kind, str(len(costs)), _figure(float(np.median(costs))), _figure(float(np.quantile(costs, 0.9)))]
        for kind in kinds
        if (costs := [run["update_ms"] for run in mine if run["scenario"] == kind])
    ]
    return _table("CPU of one update in ms: a run's mean", ["scenario", "runs", "median", "90th percentile"], rows)


def _finite(values: list[float]) -> list[float]:
    return [value for value in values if value < NEVER]


def _share(hits: int, runs: int) -> str:
    low, high = interval(hits, runs)
    return f"{hits} = {_percent(hits, runs)} ({100 * low:.3g} to {100 * high:.3g})"


def _percent(hits: int, runs: int) -> str:
    return f"{100 * hits / runs:.3g} %"


def _spread(values: Sequence[float]) -> str:
    """Median and 90th percentile, of all runs: one that never decided counts as later than any other."""
    ordered = sorted(values)
    return " ".join([_figure(_at(ordered, 0.5)), f"({_figure(_at(ordered, 0.9))})"])


def _at(ordered: list[float], level: float) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(level * len(ordered)) - 1)]


def _figure(value: float) -> str:
    if not math.isfinite(value):
        return "never"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}"


def _table(title: str, head: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""

    def line(cells: list[str]) -> str:
        return f"| {' | '.join(cells)} |"

    return "\n".join([f"### {title}", "", line(head), line(["---"] * len(head)), *map(line, rows)])

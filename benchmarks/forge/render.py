"""What it costs to write a comment: 50 deployments with 40 metrics each, as every forge takes it, and as short as it may be.

Target: 100 ms in the median for each. Every round renders each case once, one after the other, so that a slow spell of the
machine meets all of them; the collector of garbage is off while the clock runs, as nothing here makes cycles.

whole      no bound: what a forge with large comments takes
GitHub     65,536 bytes: details give way
short      16,000 bytes: the tables give way too
tiny       2,000 bytes: lines of the verdict's tables are all that is left
check      the check's summary, 65,535 bytes, with charts as text
no folds   65,536 bytes on a forge without Mermaid and folds
history    another run adds itself to a full comment
explain    the answer to `/seatrial explain METRIC`

Usage: python -m benchmarks.forge.render [--deployments 50] [--metrics 40] [--rounds 30]
"""

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from seatrial.forge.comment import compose, report_sheet, with_history
from seatrial.forge.explain import explain
from seatrial.forge.marker import Entry, Outcome, State
from seatrial.records import DeploymentReport, Family, ForgeLimits, PublishTarget, Report, Verdict
from seatrial.trial.report import render_markdown
from tests.report import builders

BUDGET = 0.1
_AT = datetime(2026, 11, 21, tzinfo=UTC)
_TARGET = PublishTarget(repository="ship/wine", number=7, commit="9f8e7d6c5b4a", project="digits", listens=True)
_LARGE = 16_000_000


def wide(deployments: int, metrics: int) -> Report:
    """A trial over many deployments with many metrics each, a fifth of them judged, some with slices, some failing."""
    return builders.report(*(_deployment(index, metrics) for index in range(deployments)))


def _deployment(index: int, metrics: int) -> DeploymentReport:
    name = f"model-{index:02}"
    families = list(Family)
    found = [
        builders.comparison(
            f"metric_{number:02}",
            deployment=name,
            family=families[number % len(families)],
            unit=("fraction", "s", "B", "")[number % 4],
            baseline=0.9 + number / 1000,
            candidate=0.9 + number / 1000 + index / 10_000,
            verdict=_verdict(index, number),
            reason="" if number % 5 else f"not worse by more than {index} of {number}",
            needs=1200 + index if _verdict(index, number) is Verdict.INCONCLUSIVE else None,
        )
        for number in range(metrics)
    ]
    whole = builders.deployment(name, seed=index, points=2)
    return replace(whole, comparisons=tuple(found))


def _verdict(index: int, number: int) -> Verdict | None:
    if number % 5:
        return None
    return Verdict.INCONCLUSIVE if (index + number) % 25 == 0 else Verdict.PASS


def _state() -> State:
    entries = [
        Entry(
            commit=f"{number:040x}",
            outcome=Outcome.FAIL,
            headline="model-03's latency_p99 went 12.1 → 18.5 ms (+6.3 ms); allowed: at most +3.03 ms (25%). " * 2,
            run=f"20261121-0315{number:02}-7f3a",
            link=f"https://ci.example/ship/wine/runs/{number}",
            at=_AT + timedelta(minutes=number),
        )
        for number in range(11)
    ]
    return State(current=entries[0], earlier=tuple(entries[1:]))


def cases(report: Report) -> Mapping[str, Callable[[], str]]:
    """What is measured, by name."""
    state = _state()

    def comment(limits: ForgeLimits) -> str:
        return compose(report_sheet(report, _TARGET, limits), state, "digits", limits)

    posted = comment(ForgeLimits())
    return {
        "whole": lambda: comment(ForgeLimits(comment=_LARGE)),
        "GitHub": lambda: comment(ForgeLimits()),
        "short": lambda: comment(ForgeLimits(comment=16_000)),
        "tiny": lambda: comment(ForgeLimits(comment=2_000)),
        "check": lambda: render_markdown(report, limit=65_535, mermaid=False),
        "no folds": lambda: comment(ForgeLimits(mermaid=False, details=False)),
        "history": lambda: with_history(posted, state, "digits", ForgeLimits()),
        "explain": lambda: explain(report, "metric_05"),
    }


def measure(chosen: Mapping[str, Callable[[], str]], rounds: int) -> Mapping[str, list[float]]:
    """Seconds of each case in each round."""
    times: dict[str, list[float]] = {name: [] for name in chosen}
    gc.disable()
    for _ in range(rounds):
        for name, act in chosen.items():
            began = time.perf_counter()
            act()
            times[name].append(time.perf_counter() - began)
        gc.collect()
    gc.enable()
    return times


def main() -> int:
    """Measure, print a table in Markdown, and fail where the target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--deployments", type=int, default=50)
    parser.add_argument("--metrics", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=30)
    given = parser.parse_args()
    chosen = cases(wide(given.deployments, given.metrics))
    sizes = {name: len(act().encode()) for name, act in chosen.items()}
    times = measure(chosen, given.rounds)
    print("| case | bytes | median ms | p95 ms |\n|---|---:|---:|---:|")
    for name, found in times.items():
        median, slow = statistics.median(found), sorted(found)[int(0.95 * (len(found) - 1))]
        print(f"| {name} | {sizes[name]:,} | {1000 * median:.1f} | {1000 * slow:.1f} |")
    return 0 if all(statistics.median(found) <= BUDGET for found in times.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

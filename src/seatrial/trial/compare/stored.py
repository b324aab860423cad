"""Figures that the external tests stored."""

from collections.abc import Iterator

from seatrial.judge import Draft, Observed
from seatrial.records import CellResult, Direction, Family, MetricSpec
from seatrial.trial.compare.pairs import Pair, draft


def stored_drafts(pair: Pair) -> Iterator[Draft]:
    """Figures that the external tests stored: those that are configured, then whatever else they stored."""
    candidate = stored_figures(pair.candidate.result)
    baseline = stored_figures(pair.baseline.result) if pair.baseline else {}
    configured = {spec.name: spec for spec in pair.metrics if spec.family is Family.TEST}
    for name in dict.fromkeys((*configured, *candidate, *baseline)):
        spec = configured.get(name) or MetricSpec(name=name, family=Family.TEST, direction=Direction.NONE)
        before, after = baseline.get(name), candidate.get(name)
        if after is None or (before is None and pair.baseline is not None):
            yield Draft(
                deployment=pair.deployment,
                metric=spec,
                baseline=before,
                candidate=after,
                samples=1,
                note="no test stored it",
            )
            continue
        effect = Observed(baseline=after if before is None else before, candidate=after, samples=1, method="observed")
        yield draft(pair, spec, effect)


def stored_figures(result: CellResult) -> dict[str, float]:
    """Everything that its tests stored; where two tests store the same name it is preceded by the test's."""
    seen: dict[str, int] = {}
    for test in result.tests:
        for name in test.metrics:
            seen[name] = seen.get(name, 0) + 1
    return {
        (name if seen[name] == 1 else f"{test.test}.{name}"): value
        for test in result.tests
        for name, value in test.metrics.items()
    }

"""One row a deployment: what the AICoE pipeline would have gathered, taken from a report.

The comment and the stored JSON are made from these rows, so that they can't say different things. That pipeline lost the
row of a deployment that failed, or showed an old one; here every deployment of the report has one, and a failed one says
how it failed.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from seatrial.records import CellSummary, Comparison, DeploymentReport, Family, Report, Role, Stage
from seatrial.trial.compare.platform import cpu_peak, memory_peak
from seatrial.trial.compare.stored import stored_figures
from seatrial.trial.report.outcomes import outcome_of
from seatrial.wording import text
from seatrial.wording.verdicts import describe_failure

NAMESPACE: Final = "aicoe-ci"
NO_DATA: Final = "no data: "
_MIB: Final = 2**20
_WHOLE: Final = 10
_EXACT: Final = 2**53
_OWN: Final = (Family.MODEL, Family.APPLICATION)

Value: TypeAlias = float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodUsage:
    """The most that a deployment used over the test's span.

    Attributes:
        cpu: cores; None where nobody knows.
        memory: bytes; None where nobody knows.
        why: where one of them is None, why, as the end of a sentence that begins with `no data:`.
    """

    cpu: float | None = None
    memory: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a report does not say.

    Attributes:
        repository: `owner/name`; empty where nobody knows.
        url: of the repository as people open it, without a slash at its end.
        commit: under trial; empty: the candidate's of the report.
        number: of the pull request; None where there is none.
        namespace: that the deployments are said to be in.
        platform: usage by deployment, as a Prometheus told; of others seatrial's own measurement counts.
    """

    repository: str = ""
    url: str = ""
    commit: str = ""
    number: int | None = None
    namespace: str = NAMESPACE
    platform: Mapping[str, PodUsage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One deployment's results.

    Attributes:
        metrics: of model and application: what its tests stored; seatrial's own where no deployment's tests stored any.
        units: of those that have one.
        failure: how it failed; empty if it did not.
    """

    deployment: str
    model_version: str
    test_url: str
    namespace: str
    metrics: Mapping[str, Value]
    usage: PodUsage
    units: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""

    @property
    def cpu(self) -> Value:
        """`CPU max usage`: cores, to four digits; or `no data: why`."""
        return f"{NO_DATA}{self.usage.why}" if self.usage.cpu is None else round(self.usage.cpu, 4)

    @property
    def memory(self) -> str:
        """`Memory max usage`: `384Mi` of 2**20 bytes each; or `no data: why`."""
        if self.usage.memory is None:
            return f"{NO_DATA}{self.usage.why}"
        found = self.usage.memory / _MIB
        return f"{round(found)}Mi" if found >= _WHOLE else f"{found:.3g}Mi"


def rows(report: Report, facts: Facts) -> tuple[Row, ...]:
    """One row per deployment of the report, in its order."""
    stored = any(_stored(each) for each in report.deployments)
    return tuple(_row(report, each, facts, _stored if stored else _own) for each in report.deployments)


def _row(
    report: Report, deployment: DeploymentReport, facts: Facts, read: Callable[[DeploymentReport], Mapping[str, Value]]
) -> Row:
    return Row(
        deployment=deployment.name,
        model_version=model_version(facts.number, deployment.name),
        test_url=features_url(report, facts),
        namespace=facts.namespace,
        metrics=read(deployment),
        units={c.metric: c.unit for c in _own_comparisons(deployment)} if read is _own else {},
        usage=_usage(deployment, facts),
        failure=_failure(report, deployment),
    )


def model_version(number: int | None, deployment: str) -> str:
    """`pr-446-inference`; the deployment's name where there is no pull request."""
    return deployment if number is None else f"pr-{number}-{deployment}"


def features_url(report: Report, facts: Facts) -> str:
    """Where the behave features of the commit are; only their folder where the repository's URL or commit isn't known."""
    folder = "features" if report.change.project == "." else f"{report.change.project}/features"
    commit = facts.commit or report.change.candidate.commit
    return f"{facts.url}/blob/{commit}/{folder}" if facts.url and commit else folder


def number_of(value: float) -> float:
    """Whole numbers as such: a count that a test stored as 10000 is not 10000.0."""
    return int(value) if float(value).is_integer() and abs(value) < _EXACT else value


def _candidate(deployment: DeploymentReport) -> CellSummary | None:
    return next((cell for cell in deployment.cells if cell.role is Role.CANDIDATE), None)


def _stored(deployment: DeploymentReport) -> Mapping[str, Value]:
    """What the candidate's tests stored, by name."""
    cell = _candidate(deployment)
    if cell is None:
        return {}
    info = {name: value for test in cell.result.tests for name, value in test.info.items()}
    figures = {name: number_of(value) for name, value in stored_figures(cell.result).items() if math.isfinite(value)}
    return dict(sorted((info | figures).items()))


def _own(deployment: DeploymentReport) -> Mapping[str, Value]:
    """What seatrial measured of the candidate, in the report's order."""
    return {
        c.metric: number_of(c.candidate)
        for c in _own_comparisons(deployment)
        if c.candidate is not None and math.isfinite(c.candidate)
    }


def _own_comparisons(deployment: DeploymentReport) -> list[Comparison]:
    return [c for family in _OWN for c in deployment.comparisons if c.family is family and not c.slice]


def _usage(deployment: DeploymentReport, facts: Facts) -> PodUsage:
    told = facts.platform.get(deployment.name)
    if told is not None:
        return told
    cell = _candidate(deployment)
    if cell is None or cell.result.usage is None:
        began = cell is not None and cell.result.stage in {Stage.DRIVE, Stage.TEST, Stage.MEASURE, Stage.DONE}
        return PodUsage(why="it runs elsewhere" if began else "it never ran")
    return PodUsage(cpu=cpu_peak(cell.result), memory=memory_peak(cell.result), why="it ended before it was measured")


def _failure(report: Report, deployment: DeploymentReport) -> str:
    shown = partial(text.one_line, limit=300)
    cell = _candidate(deployment)
    if cell is None:
        return "the change has no such deployment"
    if cell.result.failure is not None:
        return shown(describe_failure(cell.result.failure))
    if not report.complete and cell.result.stage is not Stage.DONE:
        return f"the trial was interrupted at {text.STAGES[cell.result.stage]}"
    bad = [
        f"{test.kind} {test.test}: {test.message or outcome_of(test)}" for test in cell.result.tests if not test.passed
    ]
    return shown("; ".join(bad))

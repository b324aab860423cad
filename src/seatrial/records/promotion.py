"""One promotion: a version tried beside what holds the stage, and what became of it."""

from dataclasses import dataclass
from datetime import datetime

from seatrial.records.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionSpec:
    """How one model is promoted, from `models.NAME` of the configuration.

    Attributes:
        model: its name in the registry.
        deployment: name of the project's deployment that serves it: its requests, tests, metrics, stack and resources
            are the promotion's.
        path: where the version's files are laid in the project, relative to it.
        tests: paths or features that are run with the model's path and URL in addition to the deployment's tests:
            kind (`pytest`, `behave`) and target. None: `src/model/tests/test_model.py`, if it is there.
    """

    model: str
    deployment: str
    path: str
    tests: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionResult:
    """The end of one promotion.

    Attributes:
        run: id of the promotion run; `trial` is the id of the trial in it.
        number, baseline: of the versions compared; `baseline` is None where nobody held the stage.
        promoted: whether it holds the stage now; `refused` says why a passed one does not.
        report, junit: paths of the files that people read.
        notes: what went wrong beside it and changes nothing of it: a report that could not be copied.
    """

    run: str
    model: str
    number: int
    stage: str
    verdict: Verdict
    headline: str
    finished: datetime
    baseline: int | None = None
    promoted: bool = False
    refused: str = ""
    trial: str = ""
    report: str = ""
    junit: str = ""
    url: str = ""
    notes: tuple[str, ...] = ()

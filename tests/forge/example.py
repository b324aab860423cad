"""The comment that `docs/reference/comment.md` shows. `python -m tests.forge.example` writes it there anew."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from seatrial.forge.check import CheckMaker
from seatrial.forge.comment import compose, report_sheet
from seatrial.forge.marker import Entry, Outcome, State
from seatrial.records import (
    Change,
    Check,
    DeploymentReport,
    Direction,
    Family,
    ForgeLimits,
    PublishTarget,
    Report,
    Verdict,
    Version,
)
from tests.docs.pages import ROOT, Block, blocks
from tests.report import builders

PAGE = ROOT / "docs" / "reference" / "comment.md"
_AT = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
_LIMITS = ForgeLimits(mermaid=False)
_TARGET = PublishTarget(
    repository="ship/digits",
    number=7,
    commit="9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c",
    project="digits",
    run_url="https://ci.example/ship/digits/runs/42",
    report_url="https://reports.example/ship/digits/42",
    listens=True,
)


def example() -> str:
    """The comment."""
    earlier = Entry(
        commit="1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
        outcome=Outcome.INCONCLUSIVE,
        headline="logistic's accuracy went 92.1 → 92.0%, not settled against at least −1 pp: it needs about 1,240 more requests.",
        run="41",
        link="https://reports.example/ship/digits/41",
        at=_AT,
    )
    state = State(current=replace(earlier, commit=_TARGET.commit, outcome=Outcome.FAIL), earlier=(earlier,))
    whole = compose(report_sheet(_report(), _TARGET, _LIMITS), state, "digits", _LIMITS)
    first, _, rest = whole.partition("\n")
    return f"{first[:44]}… -->\n{rest}"


def check() -> Check:
    """The check beside it."""
    maker = CheckMaker(target=_TARGET, key="42", limits=_LIMITS, started=_AT)
    return maker.ended(_report(), lines={}, newer="")


def _report() -> Report:
    accuracy = builders.comparison(reason="better by 4.7 pp, at least 3.5 pp")
    latency = builders.comparison(
        "latency_p99",
        family=Family.APPLICATION,
        unit="s",
        baseline=0.0121,
        candidate=0.0184,
        half=0.0011,
        margin=0.003025,
        margin_text="25%",
        direction=Direction.LOWER,
        verdict=Verdict.FAIL,
        reason="slower by more than the margin",
    )
    change = Change(
        project=".",
        baseline=Version(
            name="baseline", described="main (1a2b3c4)", commit="1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
        ),
        candidate=Version(name="candidate", described="9f8e7d6", commit=_TARGET.commit),
    )
    deployment = DeploymentReport(
        name="logistic",
        verdict=Verdict.FAIL,
        reasons=("latency_p99: slower by more than the margin",),
        comparisons=(accuracy, latency),
    )
    whole = builders.report(deployment)
    return replace(whole, change=change, timings={}, machine={}, settings={})


def shown() -> Block:
    """The block of the page that holds it."""
    return next(block for block in blocks(PAGE, "markdown") if block.title == "comment")


def main() -> None:
    """Write it into the page."""
    page: Path = PAGE
    page.write_text(page.read_text(encoding="utf-8").replace(shown().text, example()), encoding="utf-8")


if __name__ == "__main__":
    main()

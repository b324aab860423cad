"""What `promote`, `retrain` and `resume` share: waiting for workflows, and telling what became of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.cli.output import (
    Format,
    print_error,
    print_json,
    print_report,
    print_sentences,
    print_verdict,
    print_warnings,
    progress,
)

if TYPE_CHECKING:
    from seatrial.promotion.wish import Wish
    from seatrial.records import PromotionResult, Report, RetrainResult, RetrainWish
    from seatrial.workflows.engine import Engine, Finish, Unfinished

FAILED, BROKEN, INTERRUPTED = 1, 4, 130


class Promoting:
    """The promotions and retrainings that one command waits for."""

    def __init__(self, engine: "Engine", project: Path, form: Format) -> None:
        self._engine = engine
        self._project = project
        self._form = form
        self._answered: list[Wish] = []
        self._loops: list[str] = []
        self._results: list[PromotionResult] = []
        self._retrainings: list[RetrainResult] = []
        self._codes: list[int] = []

    @property
    def exit_code(self) -> int:
        """The worst of all: of verdicts, refusals, errors and Ctrl-C."""
        return max(self._codes, key=_ORDER.index, default=0)

    def has_answered(self, wish: "Wish") -> bool:
        """Whether a promotion that was gone on with is what is asked for."""
        return any(_meaning(wish) == _meaning(other) for other in self._answered)

    def has_answered_retraining(self, wish: "RetrainWish") -> bool:
        """Whether a retraining that was gone on with is what is asked for."""
        return wish.name in self._loops

    def go_on(self, wish: "Wish | None" = None, *, retraining: "RetrainWish | None" = None) -> None:
        """Go on with what processes that are gone left, and wait for the promotions and retrainings among it.

        A promotion leaves retrainings, which take their time, to those who ask for one.

        Args:
            wish: what is asked for beside that; a promotion of it that was left is the answer to it.
            retraining: the same of a retraining.
        """
        taken = self._engine.take_over(lambda each: wish is None or each.retraining is None)
        for each in taken:
            self.say_goes_on(each)
        for each in taken:
            if each.wish is None and each.retraining is None:
                continue
            finish = self.wait(each.id)
            if wish is not None and each.wish is not None and not finish.left:
                self._answered.append(each.wish)
            if retraining is not None and each.retraining is not None and not finish.left:
                self._loops.append(each.retraining.name)
            if finish.interrupted:
                raise KeyboardInterrupt

    def say_goes_on(self, each: "Unfinished") -> None:
        """One line about what is gone on with."""
        if each.retraining is not None:
            what, name = f"retraining of {each.about}", ""
        else:
            what = f"promotion of {each.about}" if each.wish else "notice"
            name = f": {each.about}" if each.wish is None else ""
        name = f" (run {each.runs[-1]})" if each.runs else name
        print_warnings([f"going on with a {what} that was cut off{name}"])

    def wait(self, workflow: str) -> "Finish":
        """Wait for one workflow and tell what became of it."""
        from seatrial.cli.retraining import retrain_progress

        with progress() as watch, self._engine.watched(watch, retrain_progress()):
            finish = self._engine.wait(workflow)
        self._results += finish.results
        self._codes += [_code(result) for result in finish.results]
        for result in finish.results:
            self._print(result)
        if finish.retraining is not None:
            self._tell_retraining(finish.retraining)
        if finish.error is not None:
            self._codes.append(_code_of_error(finish.error))
            print_error(finish.error)
        if finish.left is not None:
            self._codes.append(BROKEN)
            print_warnings([_left(finish, self._engine.unfinished(), workflow)])
        if finish.interrupted:
            self._codes.append(INTERRUPTED)
        return finish

    def report(self) -> None:
        """The one JSON document, where that is wanted."""
        if self._form is Format.JSON:
            found = {"promotions": self._results, "undelivered": self._engine.lost}
            print_json({"retrainings": self._retrainings, **found} if self._retrainings else found)

    def _tell_retraining(self, result: "RetrainResult") -> None:
        from seatrial.cli.retraining import print_retraining
        from seatrial.retrain.text import outcome_exit_code

        self._retrainings.append(result)
        self._codes.append(outcome_exit_code(result))
        if self._form is Format.TEXT:
            print_retraining(result)

    def _print(self, result: "PromotionResult") -> None:
        if self._form is Format.TEXT:
            print_promotion(result, self._engine.report_of(result))
        print_warnings(result.notes)


def print_promotion(result: "PromotionResult", report: "Report | None") -> None:
    """The verdict table, what became of the version, and where the reports are."""
    from seatrial.records import Verdict

    if report is not None:
        print_report(report)
    held = Verdict.FAIL if result.verdict is Verdict.PASS and not result.promoted else result.verdict
    print_verdict(held, _outcome(result, told=report is not None))
    print_sentences(path for path in (result.report, result.junit) if path)


def promotion_code(result: "PromotionResult") -> int:
    """What a command that shows a promotion exits with: 1 if a version that passed was refused."""
    return _code(result)


def _code(result: "PromotionResult") -> int:
    from seatrial.records import Verdict

    return FAILED if result.verdict is Verdict.PASS and not result.promoted else result.verdict.exit_code


def _code_of_error(error: Exception) -> int:
    from seatrial.records import UsageError

    return 2 if isinstance(error, UsageError) else BROKEN


# The worst last, as of verdicts; what the user has to mend before anything was tried is worse than an open question.
_ORDER = (0, 3, 2, 4, 1, 130)


def _outcome(result: "PromotionResult", *, told: bool) -> str:
    """What became of the version; why not, unless that is told already."""
    name = f"{result.model}@{result.number}"
    if result.promoted:
        before = f", as {result.model}@{result.baseline} did before" if result.baseline is not None else ""
        return f"{name} holds {result.stage} now{before}"
    why = result.refused or ("" if told else result.headline)
    return f"{name} was not promoted to {result.stage}{f': {why}' if why else ''}"


def _left(finish: "Finish", unfinished: "Iterable[Unfinished]", workflow: str) -> str:
    found = next((each for each in unfinished if each.id == workflow), None)
    name, what = (workflow, "it") if found is None else (found.name, f"the {found.kind}")
    cause = finish.left.cause if finish.left is not None else None
    why = (
        f"{cause.where}: {cause.what}" if cause is not None and cause.where else cause.what if cause else "told to end"
    )
    return f"{what} stands where it stands ({why}); go on with it: seatrial resume {name}"


def _meaning(wish: "Wish") -> tuple[object, ...]:
    """What a promotion is about, whoever asks for it from wherever."""
    return (wish.model, wish.version, wish.source.casefold(), wish.to.casefold())

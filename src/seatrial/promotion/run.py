"""The story of a promotion: choose, begin, try, keep the evidence, tag, move, conclude, tell.

Each is a step that is done once, whatever happens to the process that tells the story: when it is told again, finished
steps give what they gave, and the one that was under way begins anew. So each is the same done twice as done once: the
registry knows evidence and moves by their run, tags are set to what they are, files are replaced as a whole.

A version is tagged with what was found whatever that is, and moved only if it passed. Two promotions of one model may
run at once: each notes who held the stage when its baseline was chosen, and the registry moves only the first.
"""

import shutil
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from seatrial.notices.compose import promotion_notice
from seatrial.promotion import files
from seatrial.promotion.choose import choose
from seatrial.promotion.step import Step
from seatrial.promotion.tools import PromotionTools
from seatrial.promotion.wish import Begun, Ended, Moved, Order, Told, Tried, Wish
from seatrial.records import (
    ActorKind,
    Evidence,
    ModelVersion,
    Move,
    PromotionResult,
    Report,
    Run,
    RunKind,
    RunState,
    SeatrialError,
    TemporaryError,
    UsageError,
    Verdict,
)
from seatrial.trial.report import load_report
from seatrial.trial.versions import LaidVersion, VersionTrialRequest
from seatrial.trial.workspace import RunFolder, create_run, hold_run

TRIED_ONLY: Final = "its stage is left to a release"
CUT_SHORT: Final = "its trial was interrupted"


def promote(wish: Wish, tools: PromotionTools, step: Step) -> tuple[PromotionResult, ...]:
    """Try the versions that are meant, the oldest first, each against whoever holds the stage by then.

    Raises:
        UsageError: nothing can be promoted as it was asked for.
        PermanentError: the registry or the workspace is broken.
    """
    order = step("choose", lambda: choose(wish, tools.project, tools.trial.project, tools.registry), Order)
    told: list[Ended] = []
    for number in order.numbers:
        ended = _Promotion(wish, order, number, tools).run(step, told)
        told.append(ended)
        if ended.cut:
            break
    return tuple(ended.result for ended in told)


class _Promotion:
    """One version on its way to the stage."""

    def __init__(self, wish: Wish, order: Order, number: int, tools: PromotionTools) -> None:
        self._wish = wish
        self._order = order
        self._number = number
        self._tools = tools

    def run(self, step: Step, before: Sequence[Ended]) -> Ended:
        """All of it; `before` are those of the same wish that came first."""
        begun = step(self._named("begin"), self._begin, Begun)
        with self._entered(begun) as entry:
            tried = step(self._named("try"), lambda: self._try(begun), Tried)
            step(self._named("keep"), lambda: self._keep(begun, tried), type(None))
            step(self._named("tag"), lambda: self._tag(begun, tried), type(None))
            moved = step(self._named("move"), lambda: self._move(begun, tried), Moved)
            ended = step(self._named("conclude"), lambda: self._conclude(begun, tried, moved, before), Ended)
            entry.end(ended)
        told = step(self._named("word"), lambda: self._word(ended), Told)
        for receiver in told.receivers:
            self._tools.tell(told.notice, receiver, begun.run)
        return ended

    def _named(self, step: str) -> str:
        return f"{step} {self._order.spec.model}@{self._number}"

    def _begin(self) -> Begun:
        """Make the run's folder, and note who holds the stage: the baseline, and what a move counts on later."""
        holders = self._tools.registry.holders(self._order.spec.model, self._order.stage)
        folder = create_run(self._tools.trial.workspace, self._tools.trial.clock, self._tools.mark)
        return Begun(
            run=folder.id,
            number=self._number,
            holders=tuple(sorted(version.number for version in holders)),
            started=self._tools.trial.clock.now(),
        )

    @contextmanager
    def _entered(self, begun: Begun) -> Iterator["_Entry"]:
        """The run in the journal and its folder held; an error that ends the story ends the entry."""
        with hold_run(self._folder(begun)):
            entry = _Entry(self._first_line(begun), self._tools)
            try:
                yield entry
            except Exception as error:
                entry.fail(error)
                raise
            finally:
                shutil.rmtree(self._folder(begun).root / "versions", ignore_errors=True)

    def _first_line(self, begun: Begun) -> Run:
        model, stage = self._order.spec.model, self._order.stage
        held = f"{model}@{begun.baseline} ({stage})" if begun.baseline is not None else f"nobody in {stage}"
        return Run(
            id=begun.run,
            project=self._tools.project.name,
            folder=str(self._folder(begun).root),
            started=begun.started,
            kind=RunKind.PROMOTION,
            baseline=held,
            candidate=f"{model}@{self._number}",
        )

    def _folder(self, begun: Begun) -> RunFolder:
        return self._tools.trial.workspace.run(begun.run)

    def _try(self, begun: Begun) -> Tried:
        """Lay the files and run the trial. What breaks in that is what it found, so that the version is tagged with it.

        Raises TemporaryError if the files can't be had for now, which says nothing of the version.
        """
        try:
            request = self._request(begun)
        except TemporaryError:
            raise
        except SeatrialError as error:
            return self._broken(str(error))
        return self._tried(request, self._folder(begun).root / "error.txt")

    def _tried(self, request: VersionTrialRequest, note: Path) -> Tried:
        try:
            outcome = self._tools.attempt(request)
        except SeatrialError as error:
            return self._broken(str(error))
        except Exception as error:  # noqa: BLE001 - a mistake of ours is no reason to leave the version untagged
            note.write_text(traceback.format_exc())
            return self._broken(f"{type(error).__name__} in the trial: {error}; see {note}")
        report = outcome.report
        return Tried(
            verdict=_never_passed(report.verdict) if outcome.interrupted else report.verdict,
            headline=report.headline,
            ended=self._tools.trial.clock.now(),
            trial=report.run,
            report=self._tools.trial.store.put_file(outcome.paths.json),
            page=str(outcome.paths.html),
            interrupted=outcome.interrupted,
        )

    def _broken(self, why: str) -> Tried:
        return Tried(verdict=Verdict.ERROR, headline=" ".join(why.split()), ended=self._tools.trial.clock.now())

    def _request(self, begun: Begun) -> VersionTrialRequest:
        spec = self._order.spec
        return VersionTrialRequest(
            project=self._tools.trial.project,
            deployment=spec.deployment,
            place=spec.path,
            candidate=self._laid(begun, self._number),
            baseline=None if begun.baseline is None else self._laid(begun, begun.baseline),
            tests=spec.tests or (),
        )

    def _laid(self, begun: Begun, number: int) -> LaidVersion:
        """A version with its files in the run's folder."""
        version = self._version(number)
        path = self._tools.registry.fetch(version, self._folder(begun).root / "versions" / str(number))
        return LaidVersion(version=version, path=path)

    def _version(self, number: int) -> ModelVersion:
        return self._tools.registry.version(self._order.spec.model, number)

    def _keep(self, begun: Begun, tried: Tried) -> None:
        """What was found, for the registry, which moves nothing into a guarded stage without it."""
        store = self._tools.trial.store
        if tried.report is not None and store.has(tried.report):
            self._tools.archive.put(store.get(tried.report))
        self._tools.registry.keep(
            Evidence(
                run=begun.run,
                model=self._order.spec.model,
                number=self._number,
                artifact=self._version(self._number).artifact.digest,
                verdict=tried.verdict,
                finished=tried.ended,
                baseline=begun.baseline,
                report=tried.report,
                url=self._wish.url,
            )
        )

    def _tag(self, begun: Begun, tried: Tried) -> None:
        """Say on the version itself what was found, whatever that is."""
        self._tools.registry.tag(
            self._order.spec.model,
            self._number,
            {
                "git_commit": self._wish.commit,
                "git_branch": self._wish.branch,
                "test_status": tried.status,
                "run_url": self._wish.url or tried.page or None,
                "promotion_run": begun.run,
            },
        )

    def _move(self, begun: Begun, tried: Tried) -> Moved:
        """Hand the stage over, if it passed."""
        if tried.interrupted:
            return Moved(promoted=False, refused=CUT_SHORT)
        if tried.verdict is not Verdict.PASS:
            return Moved(promoted=False)
        if self._wish.trial_only:
            return Moved(promoted=False, refused=TRIED_ONLY)
        move = Move(
            model=self._order.spec.model,
            number=self._number,
            to=self._order.stage,
            actor=replace(self._wish.actor, kind=ActorKind.RUN),
            at=self._tools.trial.clock.now(),
            reason=tried.headline,
            run=begun.run,
            expected=begun.holders,
        )
        try:
            self._tools.registry.move(move)
        except UsageError as error:
            return Moved(promoted=False, refused=error.what)
        return Moved(promoted=True)

    def _conclude(self, begun: Begun, tried: Tried, moved: Moved, before: Sequence[Ended]) -> Ended:
        """Put the result together, and write what people and CI servers read."""
        place = Path(self._wish.out) if self._wish.out else self._folder(begun).root
        result = PromotionResult(
            run=begun.run,
            model=self._order.spec.model,
            number=self._number,
            stage=self._order.stage,
            verdict=tried.verdict,
            headline=tried.headline,
            finished=self._tools.trial.clock.now(),
            baseline=begun.baseline,
            promoted=moved.promoted,
            refused=moved.refused,
            trial=tried.trial,
            report=tried.page,
            junit=str(place / files.JUNIT),
            url=self._wish.url,
        )
        ended = Ended(result=result, report=tried.report, cut=tried.interrupted)
        notes = self._write(ended, before, self._folder(begun).root)
        return replace(ended, result=replace(result, notes=notes))

    def _write(self, ended: Ended, before: Sequence[Ended], folder: Path) -> tuple[str, ...]:
        """The files. What can't be written changes nothing of the promotion: it is noted."""
        own = (ended.result, self._report(ended))
        try:
            files.write_junit([own], folder)
            if self._wish.out:
                files.write_copies([*((each.result, self._report(each)) for each in before), own], Path(self._wish.out))
        except SeatrialError as error:
            return (" ".join(str(error).split()),)
        return ()

    def _report(self, ended: Ended) -> Report | None:
        """The report of the trial; None where it came to none, or where another machine has it alone."""
        for store in (self._tools.trial.store, self._tools.archive):
            if ended.report and store.has(ended.report):
                return load_report(store.get(ended.report))
        return None

    def _word(self, ended: Ended) -> Told:
        result = ended.result
        link = result.url or result.report
        notice = promotion_notice(result, self._report(ended), project=self._tools.project.name, link=link)
        told = self._wish.trial_only and result.verdict is Verdict.PASS
        return Told(notice=notice, receivers=() if told else self._tools.receivers(notice))


class _Entry:
    """A promotion's line in the journal while it goes on."""

    def __init__(self, run: Run, tools: PromotionTools) -> None:
        self._run = run
        self._journal = tools.trial.journal
        self._journal.enter(run)

    def end(self, ended: Ended) -> None:
        """Write what became of it."""
        result = ended.result
        if not any(kind == PromotionResult.__name__ for _, kind, _ in self._journal.events(self._run.id)):
            self._journal.append(self._run.id, result)
        last = replace(self._run, verdict=result.verdict, headline=_outcome(result), report=ended.report)
        self._journal.end(last, RunState.INTERRUPTED if ended.cut else RunState.FINISHED)

    def fail(self, error: Exception) -> None:
        """Write that it broke."""
        headline = str(error).splitlines()[0] if str(error) else type(error).__name__
        self._journal.end(replace(self._run, verdict=Verdict.ERROR, headline=headline), RunState.FINISHED)


def _never_passed(verdict: Verdict) -> Verdict:
    return Verdict.INCONCLUSIVE if verdict is Verdict.PASS else verdict


def _outcome(result: PromotionResult) -> str:
    """For the list of runs: what became of it before what was found."""
    if result.promoted:
        return f"promoted to {result.stage}. {result.headline}"
    return f"not promoted: {result.refused}. {result.headline}" if result.refused else result.headline

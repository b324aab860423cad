"""The story of one trial of the bot: look, prepare, try every deployment, merge, keep, publish, clean up.

Told in steps that each may be repeated, by whatever process is left: everything that a step does is the same when it is
done twice. Whatever happens on the way, the trial ends once in the book and with one comment on the forge.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from seatrial.bot.checkouts import Fetched
from seatrial.bot.confine import WITHOUT_NETWORK
from seatrial.bot.merge import Part, merge
from seatrial.bot.part import PartEnd, plan
from seatrial.bot.target import target_of
from seatrial.bot.tools import BotTools, Publishes
from seatrial.bot.why import CLOSED, newer, superseding
from seatrial.notices.compose import trial_notice
from seatrial.promotion.step import Step
from seatrial.records import (
    BotTrial,
    CellProgress,
    Failure,
    PermanentError,
    PublishTarget,
    PullState,
    Report,
    SeatrialError,
    Stage,
    TrialState,
    UsageError,
    Verdict,
)
from seatrial.trial.progress import Progress
from seatrial.trial.report.json import encode_report, load_report


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found at the forge: why the trial is no longer wanted, if it isn't."""

    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A trial that can begin: what it compares, the project's name, and the deployments in the configuration's order."""

    fetched: Fetched
    name: str = ""
    deployments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """How the parts ended, in the order in which they were asked for; `why` if they were given up."""

    ends: tuple[PartEnd, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The whole report in the store."""

    report: str
    page: str
    verdict: Verdict
    headline: str


class Crew(Protocol):
    """Who tries the parts: durable workflows, or a test."""

    def begin(self, deployments: Sequence[str], fetched: Fetched) -> None:
        """Have every part tried; asking twice is once."""
        ...

    def wait(self, look: Callable[[], bool]) -> Sequence[PartEnd]:
        """How each ended. `look` is called about every second; once it says False, parts that wait are given up."""
        ...


def bring_to_end(trial: str, tools: BotTools, step: Step, crew: Crew) -> TrialState:
    """Tell the story of a trial from its first step, or from wherever it stands.

    Args:
        trial: its id in the book.
        tools: the surroundings.
        step: keeps what was done.
        crew: tries the parts.

    Returns:
        How it ended.

    Raises:
        LeftUnfinished: the process is told to end, or something doesn't answer.
    """
    found = tools.book.trial(trial)
    if found is None or not found.state.is_live:
        return TrialState.CANCELLED if found is None else found.state
    story = _Story(found, tools)
    try:
        story.enter()
        tools.say(f"{found.repository}#{found.number}: trial {found.id} of {found.commit[:12]} runs")
        state = _told(story, step, crew)
    except (UsageError, PermanentError) as error:
        broken = error
        state = step("break off", lambda: story.break_off(broken), TrialState)
    finally:
        story.close()
    tools.say(f"{found.repository}#{found.number}: trial {found.id} is {state.value}")
    return state


def break_off(trial: str, tools: BotTools, error: Exception) -> TrialState:
    """End a trial over an error that nobody foresaw: people are told its kind, not what is in it."""
    found = tools.book.trial(trial)
    if found is None or not found.state.is_live:
        return TrialState.BROKEN if found is None else found.state
    what = f"an error of seatrial's own: {type(error).__name__}"
    return _Story(found, tools).break_off(PermanentError(what, remedy="see workflows.log of the server, and report it"))


def _told(story: "_Story", step: Step, crew: Crew) -> TrialState:
    look = step("look", story.look, Look)
    if look.why:
        return step("cancel", lambda: story.cancel(look.why), TrialState)
    prepared = step("prepare", story.prepare, Prepared)
    if not prepared.deployments:
        return step("give up", lambda: story.cancel(story.unwanted()), TrialState)
    story.named(prepared.name)
    step("announce", story.announce, type(None))
    crew.begin(prepared.deployments, prepared.fetched)
    waited = step("wait", lambda: story.wait(crew), Waited)
    if waited.why:
        return step("give up", lambda: story.cancel(waited.why), TrialState)
    kept = step("merge", lambda: story.merge(prepared.deployments, waited.ends), Kept)
    step("publish", lambda: story.publish(kept), type(None))
    return step("end", lambda: story.end(kept), TrialState)


class _Story:
    """What the steps do."""

    def __init__(self, trial: BotTrial, tools: BotTools) -> None:
        self._trial = trial
        self._tools = tools
        self._shown: tuple[PublishTarget, Publishes] | None = None

    def enter(self) -> None:
        """In the book: this process runs it."""
        self._trial = self._change(
            state=TrialState.RUNNING,
            worker=self._tools.worker,
            started=self._trial.started or self._tools.clock.now(),
        )

    def look(self) -> Look:
        """Whether it is still wanted."""
        why = self.unwanted()
        if why:
            return Look(why=why)
        pull = self._tools.forge.pull(self._trial.repository, self._trial.number)
        if pull.state is not PullState.OPEN:
            return Look(why=CLOSED)
        if pull.head != self._trial.commit:
            return Look(why=newer(pull.head))
        return Look()

    def unwanted(self) -> str:
        """Why somebody wants its end; empty where nobody does."""
        now = self._tools.book.trial(self._trial.id)
        return "" if now is None else now.cancelling

    def prepare(self) -> Prepared:
        """Fetch, and read what the configuration plans."""
        pull = self._tools.forge.pull(self._trial.repository, self._trial.number)
        # Nobody's word but the forge's says whether a pull request is a fork's.
        if pull.from_fork and not self._trial.confined:
            self._trial = self._change(confined=True)
        fetched = self._tools.checkouts.fetch(self._tools.forge, pull, self._trial.commit)
        planned = plan(self._trial, fetched, self._tools, lambda: not self.unwanted())
        return Prepared(fetched=fetched, name=planned.name, deployments=planned.deployments)

    def named(self, name: str) -> None:
        """The project's name is known now."""
        self._trial = self._change(name=name)

    def announce(self) -> None:
        """On the forge: it runs."""
        self._publisher().running()

    def wait(self, crew: Crew) -> Waited:
        """Wait for the parts, and hand their progress on to the forge."""
        watch = _Watch(self._publisher(), self._tools, self._trial.id)
        ends = tuple(crew.wait(watch.look))
        return Waited(ends=ends, why=self.unwanted())

    def merge(self, deployments: Sequence[str], ends: Sequence[PartEnd]) -> Kept:
        """One report of all parts, in the store as a record and as a page."""
        from seatrial.trial.report.html import render_html  # noqa: PLC0415 - a worker that waits stays small

        parts = [self._part(name, end) for name, end in zip(deployments, ends, strict=True)]
        if all(part.report is None for part in parts):
            raise _mistake(ends)
        started = self._trial.started or self._tools.clock.now()
        notes = (WITHOUT_NETWORK,) if self._trial.confined else ()
        report = merge(parts, run=self._trial.id, started=started, ended=self._tools.clock.now(), notes=notes)
        return Kept(
            report=self._tools.store.put(encode_report(report)),
            page=self._tools.store.put(render_html(report).encode("utf-8", "replace")),
            verdict=report.verdict,
            headline=report.headline,
        )

    def publish(self, kept: Kept) -> None:
        """The comment and the check; and a notice, for those who want one.

        Whoever reads the comment may ask for an explanation at once, so that the book knows the report before.
        """
        self._change(verdict=kept.verdict, headline=kept.headline, report=kept.report, page=kept.page)
        report = self._report(kept.report)
        published = self._publisher().ended(report)
        self._tools.tell(trial_notice(report, link=published.comment or self._target().run_url))

    def end(self, kept: Kept) -> TrialState:
        """In the book: it has a verdict, and nothing of it is left but its report."""
        self._tools.checkouts.forget(self._trial.id)
        return self._change(
            state=TrialState.FINISHED,
            ended=self._tools.clock.now(),
            verdict=kept.verdict,
            headline=kept.headline,
            report=kept.report,
            page=kept.page,
        ).state

    def cancel(self, why: str) -> TrialState:
        """On the forge and in the book: it was given up, and nothing of it is left."""
        said = why or "it is no longer wanted"
        self._tools.checkouts.forget(self._trial.id)
        self._publisher().cancelled(said, superseded_by=superseding(said))
        return self._change(state=TrialState.CANCELLED, ended=self._tools.clock.now(), why=said).state

    def break_off(self, error: SeatrialError) -> TrialState:
        """On the forge and in the book: it came to no report."""
        self._tools.checkouts.forget(self._trial.id)
        self._publisher().broken(error)
        return self._change(
            state=TrialState.BROKEN, ended=self._tools.clock.now(), verdict=Verdict.ERROR, why=str(error)
        ).state

    def _part(self, name: str, end: PartEnd) -> Part:
        if not end.report:
            return Part(deployment=name, failure=end.failure)
        if not self._tools.store.has(end.report):
            message = "its report is on another worker: set registry.artifacts to a place that all workers reach"
            return Part(deployment=name, failure=Failure(stage=Stage.DONE, message=message))
        return Part(deployment=name, report=self._report(end.report))

    def _report(self, digest: str) -> Report:
        return load_report(self._tools.store.get(digest))

    def close(self) -> None:
        """Show nothing any more."""
        if self._shown is not None:
            self._shown[1].close()

    def _publisher(self) -> Publishes:
        """What publishes for this trial: one, as long as the project is called the same."""
        target = self._target()
        if self._shown is None or self._shown[0] != target:
            self.close()
            self._shown = (target, self._tools.publisher(target, self._trial.id))
        return self._shown[1]

    def _target(self) -> PublishTarget:
        target = target_of(self._trial, self._tools.spec, self._tools.book)
        page = f"{target.run_url}/report" if target.run_url else ""
        return replace(target, project=target.project or self._folder(), report_url=page)

    def _folder(self) -> str:
        """What the project is called where nothing tells: as its folder."""
        return (
            self._trial.project.rstrip("/").rpartition("/")[2].strip(".") or self._trial.repository.rpartition("/")[2]
        )

    def _change(self, **fields: Any) -> BotTrial:  # noqa: ANN401 - whatever fields a trial has
        return self._tools.book.change(self._trial.id, **fields)


class _Watch:
    """Hands what the parts tell the book on to the forge, until nobody wants the trial any more."""

    def __init__(self, publisher: Publishes, tools: BotTools, trial: str) -> None:
        self._publisher = publisher
        self._tools = tools
        self._trial = trial
        self._told: dict[str, CellProgress] = {}

    def look(self) -> bool:
        """Whether the trial is still wanted."""
        for each in self._tools.book.progress(self._trial):
            if self._told.get(each.cell) != each:
                self._told[each.cell] = each
                self._publisher.watch(_progress(each))
        now = self._tools.book.trial(self._trial)
        return now is not None and now.state.is_live and not now.cancelling


def _progress(cell: CellProgress) -> Progress:
    return Progress(
        cell=cell.cell,
        stage=Stage(cell.stage),
        detail=cell.detail,
        done=cell.done,
        total=cell.total,
        failed=cell.failed,
    )


def _mistake(ends: Sequence[PartEnd]) -> SeatrialError:
    """Why there is no report at all: the first that the configuration is to blame for, or the first death."""
    failures = [(end.mistaken, end.failure) for end in ends if end.failure is not None]
    mistaken, failure = next((found for found in failures if found[0]), failures[0] if failures else (False, None))
    if failure is None:
        return PermanentError("no deployment came to a report")
    if mistaken:
        return UsageError(failure.message, where="seatrial.yaml")
    return PermanentError("\n".join(filter(None, [failure.message, failure.log_tail])))

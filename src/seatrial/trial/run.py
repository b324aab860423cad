"""The story of one trial: change, plan, build, deploy, drive, test, compare, report.

Whatever happens on the way (a cell that fails, Ctrl-C, an error of our own) every process that was started is stopped,
and everything that was measured is in the report.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.config import CONFIG_NAME, load_with_notes, read_project
from seatrial.config.foreign import ConfigText, find_config
from seatrial.records import Axis, Change, Project, Report, Run, RunKind, RunState, SeatrialError, UsageError, Verdict
from seatrial.trial.build.commands import StoppedError
from seatrial.trial.change.checkout import prune
from seatrial.trial.change.find import find_change, mixed_version
from seatrial.trial.change.git import Repository, TreeFiles, open_repository
from seatrial.trial.change.versions import WORKTREE
from seatrial.trial.plan import make_plan
from seatrial.trial.planned import Planned
from seatrial.trial.progress import Watcher
from seatrial.trial.report import ReportPaths, write_reports
from seatrial.trial.stages import Stages
from seatrial.trial.tools import Tools
from seatrial.trial.workspace import RunFolder, new_run

LISTENING = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRequest:
    """What was asked for on the command line.

    Attributes:
        project: folder with `seatrial.yaml`.
        base: revision or URL; None for the configuration's, or the merge-base.
        head: revision, or `WORKTREE`.
        only: names of deployments; all if empty.
        attribute: whether mixed versions run as well.
        out: a further folder for the reports.
    """

    project: Path
    base: str | None = None
    head: str = WORKTREE
    only: tuple[str, ...] = ()
    attribute: bool = False
    out: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a trial."""

    report: Report
    paths: ReportPaths
    interrupted: bool = False


def run_trial(request: TrialRequest, tools: Tools, watch: Watcher) -> Outcome:
    """Run a whole trial.

    Raises:
        UsageError: what the user can mend, found before anything was driven.
        PermanentError: the reports can't be written.
    """
    clean_up_after_the_dead(tools)
    return carry_out(plan_trial(request, tools), tools, watch, out=request.out)


def carry_out(
    planned: Planned, tools: Tools, watch: Watcher, *, out: Path | None = None, stop: threading.Event | None = None
) -> Outcome:
    """Run what was planned, from the checkouts to the reports; from any thread.

    Args:
        planned: what is to be run.
        tools: the surroundings.
        watch: told of the progress.
        out: a further folder for the reports.
        stop: once set, the trial ends as after Ctrl-C, which reaches the main thread only.

    Raises:
        UsageError: what the user can mend, found before anything was driven.
        PermanentError: the reports can't be written.
    """
    with new_run(tools.workspace, tools.clock) as folder, _entered(planned, folder, tools) as run:
        stages = Stages(planned, folder, tools, watch)
        with _cancelled_by(stop, stages):
            interrupted = _run_stages(stages)
        report = stages.report(complete=not interrupted)
        paths = write_reports(report, folder.root)
        run.finish(report, paths, interrupted=interrupted)
        if out is not None:
            paths = _write_copies(report, out)
    return Outcome(report=report, paths=paths, interrupted=interrupted)


@contextmanager
def _cancelled_by(stop: threading.Event | None, stages: Stages) -> Iterator[None]:
    """Cancel the stages once `stop` is set, until the block ends."""
    if stop is None:
        yield
        return
    ended = threading.Event()

    def listen() -> None:
        while not ended.is_set():
            if stop.wait(LISTENING):
                stages.cancel()
                return

    listener = threading.Thread(target=listen, name="stop", daemon=True)
    listener.start()
    try:
        yield
    finally:
        ended.set()
        listener.join()


def _write_copies(report: Report, folder: Path) -> ReportPaths:
    """The reports in a further folder; git ignores one that is made here, so that it is in no later candidate."""
    fresh = not folder.exists()
    paths = write_reports(report, folder)
    if fresh:
        (folder / ".gitignore").write_text("*\n")
    return paths


def _run_stages(stages: Stages) -> bool:
    """Build, deploy, drive and test; whether it was interrupted. Everything is stopped afterwards."""
    with stages.stopping_everything():
        try:
            for stage in (stages.prepare, stages.deploy, stages.drive, stages.test):
                stage()
                stages.check()
        except (KeyboardInterrupt, StoppedError):
            stages.cancel()
            return True
    return False


def plan_trial(request: TrialRequest, tools: Tools) -> Planned:
    """Find the change and plan the cells; nothing is started. Raises UsageError."""
    repository = open_repository(tools.project)
    working, left = load_with_notes(tools.project)
    axes = axis_patterns(working)
    change = find_change(
        repository,
        base=request.base,
        head=request.head,
        overlay=working.overlay,
        axes=axes,
        config_base=working.base,
    )
    project = working
    if request.head != WORKTREE:
        project, left = _project_of(repository, change.candidate.tree, working)
    baseline, note = _baseline_project(repository, change, project)
    mixed = {}
    if request.attribute and len(change.changed_axes) > 1:
        mixed = {axis: mixed_version(repository, change, {axis}, axes) for axis in change.changed_axes}
    plan = make_plan(change, project, baseline, only=request.only, mixed=mixed)
    notes = (*((note,) if note else ()), *left, *_attribution_notes(request, change))
    return Planned(project=project, repository=repository, change=change, plan=replace(plan, notes=notes))


def axis_patterns(project: Project) -> Mapping[Axis, tuple[str, ...]]:
    """The configured patterns; the requests and labels of the trial itself are no training data."""
    specs = [deployment.requests for deployment in project.deployments if deployment.requests is not None]
    own = tuple(dict.fromkeys(f"/{file}" for spec in specs for file in (spec.file, spec.labels) if file))
    others = project.axes.get(Axis.OTHER, ())
    return {
        Axis.OTHER: (*own, *others),
        **{axis: paths for axis, paths in project.axes.items() if axis is not Axis.OTHER},
    }


def _project_of(repository: Repository, tree: str | None, otherwise: Project) -> tuple[Project, tuple[str, ...]]:
    """The configuration in a version's own files, and what was left out of it. Raises UsageError if it has none or a wrong one."""
    found = _config_of(repository, tree)
    if found is None:
        raise UsageError(f"this revision has no {CONFIG_NAME}", where="--head", remedy="name a revision that has one")
    project = read_project(found.text, where=f"{found.name} of the candidate", default_name=otherwise.name)
    return project, found.notes


def _baseline_project(repository: Repository, change: Change, candidate: Project) -> tuple[Project, str]:
    """How the baseline starts, and the note on it."""
    if change.baseline.url:
        return candidate, ""
    return own_project(
        repository, change.baseline.tree, whose="the baseline", otherwise=candidate, as_in="the candidate's"
    )


def own_project(
    repository: Repository, tree: str | None, *, whose: str, otherwise: Project, as_in: str
) -> tuple[Project, str]:
    """The configuration by which a version starts: its own, or another where it has none that can be read.

    Args:
        repository: of the project.
        tree: of the version.
        whose: the version, for the note.
        otherwise: the configuration that stands in.
        as_in: whose that is, for the note.

    Returns:
        The configuration, and the note that says why it isn't the version's own; empty where it is.
    """
    found = None
    try:
        found = _config_of(repository, tree)
        if found is None:
            return otherwise, f"{whose} has no {CONFIG_NAME}: it is started as {as_in} says"
        own = read_project(found.text, where=f"{found.name} of {whose}", default_name=otherwise.name)
    except UsageError as error:
        name = error.where.partition(":")[0] if found is None else found.name
        return otherwise, f"{whose}'s {name} can't be read ({error.what}): it is started as {as_in} says"
    if found.name != CONFIG_NAME and not _names(own) & _names(otherwise):
        return otherwise, f"{whose}'s {found.name} starts none of these deployments: it is started as {as_in} says"
    return own, ""


def _names(project: Project) -> set[str]:
    return {deployment.name for deployment in project.deployments}


def _config_of(repository: Repository, tree: str | None) -> ConfigText | None:
    return None if tree is None else find_config(TreeFiles(repository, tree))


def _attribution_notes(request: TrialRequest, change: Change) -> tuple[str, ...]:
    if not request.attribute:
        return ()
    axes = [axis.value for axis in change.changed_axes]
    if len(axes) > 1:
        return (f"attribution: {', '.join(axes)} changed; each was also tried alone on the baseline",)
    only = (
        f"only {axes[0]} changed, so every difference is its"
        if axes
        else "no axis changed, so there is nothing to attribute"
    )
    return (f"attribution: {only}",)


def clean_up_after_the_dead(tools: Tools) -> None:
    """Stop and remove what killed trials left behind: processes, checkouts, and their open entries in the journal.

    A promotion is not dead with its process: it goes on in the next one, and only the trial in it begins anew.
    """
    for run in tools.journal.running():
        folder = RunFolder(Path(run.folder))
        if run.kind is not RunKind.TRIAL or not folder.is_abandoned():
            continue
        tools.runtime.sweep(folder.mark)
        try:
            prune(open_repository(tools.project), folder.root)
        except SeatrialError:
            continue
        tools.journal.end(run, RunState.ABANDONED)


class _Entry:
    """A run's line in the journal while it goes on."""

    def __init__(self, run: Run, tools: Tools) -> None:
        self.run = run
        self._tools = tools
        self.ended = False

    def finish(self, report: Report, paths: ReportPaths, *, interrupted: bool) -> None:
        """Write the verdict and the report's digest."""
        digest = self._tools.store.put_file(paths.json)
        ended = replace(self.run, verdict=report.verdict, headline=report.headline, report=digest)
        self._tools.journal.end(ended, RunState.INTERRUPTED if interrupted else RunState.FINISHED)
        self.ended = True


@contextmanager
def _entered(planned: Planned, folder: RunFolder, tools: Tools) -> Iterator[_Entry]:
    """The run in the journal; one that an error ends is marked as such."""
    run = Run(
        id=folder.id,
        project=planned.project.name,
        folder=str(folder.root),
        started=tools.clock.now(),
        baseline=planned.change.baseline.described,
        candidate=planned.change.candidate.described,
    )
    tools.journal.begin(run)
    entry = _Entry(run, tools)
    tools.journal.append(run.id, planned.project)
    tools.journal.append(run.id, planned.change)
    tools.journal.append(run.id, planned.plan)
    try:
        yield entry
    except BaseException as error:
        if not entry.ended:
            failed = replace(
                run, verdict=Verdict.ERROR, headline=str(error).splitlines()[0] if str(error) else type(error).__name__
            )
            tools.journal.end(
                failed, RunState.INTERRUPTED if isinstance(error, KeyboardInterrupt) else RunState.FINISHED
            )
        raise

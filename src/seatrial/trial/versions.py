"""A trial of registered versions: what would be promoted beside what holds the stage now.

The story is `run_trial`'s; only the beginning differs. What is compared is not what git says is new but two versions of
the registry: each runs in the code and the software stack that it was registered with, with the files that it was
registered with laid where its deployment expects them, and both are judged as the project judges today.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import Literal

from seatrial.config import CONFIG_NAME, load_project
from seatrial.config.registering import promotion_of
from seatrial.records import DeploymentSpec, ModelVersion, Project, PromotionSpec, TestSpec, UsageError, Version
from seatrial.trial.build.lay import Layer, plain_place
from seatrial.trial.change.find import Laid, change_between
from seatrial.trial.change.git import Repository, open_repository
from seatrial.trial.change.registered import find_code
from seatrial.trial.change.versions import BASELINE, CANDIDATE, working_tree
from seatrial.trial.plan import as_judged, deployment_of, make_plan
from seatrial.trial.planned import Planned
from seatrial.trial.progress import Watcher
from seatrial.trial.run import Outcome, axis_patterns, carry_out, clean_up_after_the_dead, own_project
from seatrial.trial.tools import Tools

NOTHING = Version(name=BASELINE, described="no version yet")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidVersion:
    """A registered version whose files are on disk.

    Attributes:
        path: the file or folder. It is only read, and nothing may change it while the trial runs; the trial hashes its
            own copy of it and refuses one that isn't `version.artifact`.
    """

    version: ModelVersion
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionTrialRequest:
    """What is to be tried.

    Attributes:
        project: folder with `seatrial.yaml`.
        deployment: name of the deployment that serves the model.
        place: where the version's files belong in the project, relative to it.
        candidate: the version that may be promoted.
        baseline: the version that holds the stage; None where nobody does.
        tests: kind (`pytest`, `behave`) and target of tests beside the deployment's own.
        out: a further folder for the reports.
    """

    project: Path
    deployment: str
    place: str
    candidate: LaidVersion
    baseline: LaidVersion | None = None
    tests: tuple[tuple[str, str], ...] = ()
    out: Path | None = None


def run_version_trial(
    request: VersionTrialRequest, tools: Tools, watch: Watcher, *, stop: threading.Event | None = None
) -> Outcome:
    """Run a whole trial of registered versions; may be called from any thread.

    What is wrong with a version (its commit's stack can't be built, its files are no model, it doesn't start) is a row
    of the report and no error.

    Args:
        request: what is to be tried.
        tools: the surroundings; `tools.project` is the same folder as `request.project`.
        watch: told of the progress.
        stop: once set, the trial ends as after Ctrl-C: everything is stopped, what was measured is in the report, and
            the outcome is `interrupted`.

    Raises:
        UsageError: what the user can mend, found before anything was driven.
        PermanentError: the reports can't be written.
    """
    clean_up_after_the_dead(tools)
    return carry_out(plan_versions(request, tools), tools, watch, out=request.out, stop=stop)


def plan_versions(request: VersionTrialRequest, tools: Tools) -> Planned:
    """Find what each version runs in and plan the cells; nothing is started. Raises UsageError."""
    setting = _open_setting(request, tools)
    candidate = _take(request.candidate, CANDIDATE, setting)
    baseline = _take(request.baseline, BASELINE, setting) if request.baseline is not None else None
    taken = [candidate] if baseline is None else [baseline, candidate]
    change = change_between(
        setting.repository,
        NOTHING if baseline is None else baseline.version,
        candidate.version,
        laid=(None if baseline is None else baseline.laid, candidate.laid),
        axes=axis_patterns(setting.project),
        notes=tuple(dict.fromkeys((*(note for one in taken for note in one.notes), *setting.notes))),
    )
    plan = make_plan(
        change,
        replace(setting.project, deployments=(candidate.deployment,)),
        replace(setting.project, deployments=() if baseline is None else (baseline.deployment,)),
    )
    return Planned(
        project=setting.project,
        repository=setting.repository,
        change=change,
        plan=replace(plan, added=(), notes=_notes_on_judging(request)),
        inputs=setting.today.tree,
        layers={one.version.name: one.layer for one in taken},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """What both versions have in common.

    Attributes:
        project: today's configuration.
        judged: today's deployment, whose requests, tests and metrics both versions get.
        today: the project as it is now.
        place: where the files belong today.
    """

    repository: Repository
    project: Project
    judged: DeploymentSpec
    today: Version
    place: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """One version on its way into the plan."""

    version: Version
    deployment: DeploymentSpec
    layer: Layer
    notes: tuple[str, ...]

    @property
    def laid(self) -> Laid:
        return Laid(self.layer.place, self.layer.version.artifact.digest)


def _open_setting(request: VersionTrialRequest, tools: Tools) -> _Setting:
    repository = open_repository(tools.project)
    project = load_project(tools.project)
    where = f"models.{request.candidate.version.model}"
    deployment = deployment_of(project, request.deployment, where=where)
    if deployment.url is not None:
        raise UsageError(
            f"the deployment {deployment.name!r} already runs at {deployment.url}, so no registered version can be tried in it",
            where=where,
            remedy="name a deployment with `serve:` or `run:`",
        )
    place = plain_place(request.place, where=f"{where}.path")
    # A model that was trained there may be large, and what is tried is another one.
    today = working_tree(repository, "today", without=(place,))
    return _Setting(
        repository=repository,
        project=project,
        judged=replace(deployment, tests=(*deployment.tests, *_further_tests(request.tests, deployment.tests))),
        today=today.version,
        place=place,
        notes=(*today.notes, *_notes_on_today(today.version)),
    )


def _further_tests(wanted: Sequence[tuple[str, str]], own: Sequence[TestSpec]) -> Iterator[TestSpec]:
    """The tests of a promotion that the deployment doesn't have anyway, in the stack that can open the model."""
    known = {(test.kind, test.target) for test in own}
    names = {test.name for test in own}
    for kind, target in dict.fromkeys(wanted):
        if (kind, target) in known:
            continue
        yield TestSpec(kind=_runner(kind, target), target=target, name=_free_name(target, names), stack="cell")


def _runner(kind: str, target: str) -> Literal["pytest", "behave"]:
    if kind == "pytest":
        return "pytest"
    if kind == "behave":
        return "behave"
    raise UsageError(
        f"a model can't be tested by {kind!r}", where=target, remedy="`pytest: PATH` and `behave: FEATURE` are known"
    )


def _free_name(target: str, taken: set[str]) -> str:
    """The target itself, numbered where a test of that name is there already; taken from now on."""
    name = next(name for name in chain([target], (f"{target}-{n}" for n in count(2))) if name not in taken)
    taken.add(name)
    return name


def _take(laid: LaidVersion, name: str, setting: _Setting) -> _Taken:
    """What a registered version runs in, how it starts there, and where its files go."""
    registered = laid.version
    found = find_code(setting.repository, registered, name=name, today=setting.today)
    start = _without_build(_own_start(registered, found.version, setting))
    return _Taken(
        version=found.version,
        deployment=as_judged(replace(start.deployment, name=setting.judged.name), setting.judged),
        layer=Layer(version=registered, path=laid.path, place=start.place),
        notes=(*found.notes, *start.notes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """How one version starts, and where it expects its files."""

    deployment: DeploymentSpec
    place: str
    notes: tuple[str, ...] = ()


def _own_start(registered: ModelVersion, version: Version, setting: _Setting) -> _Start:
    """By the configuration of its own commit, where that has one which still knows the model."""
    if version.tree == setting.today.tree:
        return _Start(deployment=setting.judged, place=setting.place)
    own, note = own_project(
        setting.repository, version.tree, whose=registered.id, otherwise=setting.project, as_in="today's"
    )
    if note:
        return _Start(deployment=setting.judged, place=setting.place, notes=(note,))
    promotion = _own_promotion(registered.model, own)
    wanted = setting.judged.name if promotion is None else promotion.deployment
    deployment = next((each for each in own.deployments if each.name == wanted and each.url is None), None)
    if deployment is None:
        why = f"{registered.id}'s {CONFIG_NAME} starts no deployment {wanted!r}: it is started as today's says"
        return _Start(deployment=setting.judged, place=setting.place, notes=(why,))
    if promotion is None or _is_part_of_todays(promotion, own, setting):
        return _Start(deployment=deployment, place=setting.place)
    where = f"models.{registered.model}.path in the {CONFIG_NAME} of {registered.id}"
    return _Start(deployment=deployment, place=plain_place(promotion.path, where=where))


def _own_promotion(model: str, own: Project) -> PromotionSpec | None:
    """What a version's own configuration says of the model; None where that isn't clear."""
    try:
        return promotion_of(model, own)
    except UsageError:
        return None


def _is_part_of_todays(promotion: PromotionSpec, own: Project, setting: _Setting) -> bool:
    """Whether its `serve:` alone names the path, and that is a part of what is registered today: one file of the folder."""
    return promotion not in own.promotions and PurePosixPath(promotion.path).is_relative_to(setting.place)


def _without_build(start: _Start) -> _Start:
    """The registered files are what would be deployed; a build would make others, or make them again."""
    build = start.deployment.build
    if build is None:
        return start
    note = f"the build ({build.run}) is not run: the registered files are tried as they would be deployed"
    return replace(start, deployment=replace(start.deployment, build=None), notes=(*start.notes, note))


def _notes_on_today(today: Version) -> tuple[str, ...]:
    if not today.dirty:
        return ()
    return (f"requests, tests and metrics are those of the {today.described}",)


def _notes_on_judging(request: VersionTrialRequest) -> tuple[str, ...]:
    if request.baseline is not None:
        return ()
    candidate = request.candidate.version.id
    note = f"no version holds the stage yet, so there was nothing to compare {candidate} with: "
    return (f"{note}it is judged by its tests, its limits and the requests that it fails",)

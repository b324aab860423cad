"""Which cells will run: a pure function of the change and the two configurations."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from seatrial.records import Axis, Cell, Change, DeploymentSpec, Plan, Project, Role, UsageError, Version


def make_plan(
    change: Change,
    candidate: Project,
    baseline: Project,
    *,
    only: Sequence[str] = (),
    mixed: Mapping[Axis, Version] | None = None,
) -> Plan:
    """The plan of a trial.

    Args:
        change: what is under trial.
        candidate: the candidate's configuration; requests, tests and metrics of both versions come from it.
        baseline: the baseline's configuration, which says how the baseline starts.
        only: names of the deployments to keep; all if empty.
        mixed: with attribution, one version per changed axis: the baseline with that axis's files from the candidate.

    Raises:
        UsageError: no deployment at all, an unknown name in `only`, more cells than `max_cells`, or a baseline URL for several deployments.
    """
    chosen = _chosen(candidate, only)
    if not chosen:
        raise UsageError(
            "there is nothing to try",
            where="seatrial.yaml",
            remedy="name what is tried under deployments; see docs/reference/configuration.md",
        )
    _check_url(change.baseline, chosen)
    before = {deployment.name: deployment for deployment in baseline.deployments}
    cells: list[Cell] = []
    for deployment in chosen:
        was = deployment if change.baseline.url else before.get(deployment.name)
        if was is not None:
            cells.append(_cell(as_judged(was, deployment), change.baseline, Role.BASELINE))
        cells.append(_cell(deployment, change.candidate, Role.CANDIDATE, change.changed_axes))
        if was is not None and deployment.url is None:
            cells.extend(
                _cell(as_judged(deployment if axis is Axis.CODE else was, deployment), version, Role.MIXED, (axis,))
                for axis, version in (mixed or {}).items()
            )
    _check_size(cells, candidate, attributed=bool(mixed))
    names = {deployment.name for deployment in candidate.deployments}
    return Plan(
        cells=tuple(cells),
        added=tuple(d.name for d in chosen if d.name not in before and not change.baseline.url),
        removed=() if only else tuple(name for name in before if name not in names),
    )


def deployment_of(project: Project, name: str, *, where: str) -> DeploymentSpec:
    """The deployment of this name. Raises UsageError that suggests the nearest; `where` says who asked for it."""
    found = next((deployment for deployment in project.deployments if deployment.name == name), None)
    if found is not None:
        return found
    names = [deployment.name for deployment in project.deployments]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
    raise UsageError(f"there is no deployment {name!r}", where=where, remedy=hint)


def _chosen(project: Project, only: Collection[str]) -> list[DeploymentSpec]:
    wanted = {deployment_of(project, name, where="--only").name for name in only}
    return [deployment for deployment in project.deployments if not wanted or deployment.name in wanted]


def _check_url(baseline: Version, chosen: Sequence[DeploymentSpec]) -> None:
    if baseline.url and len(chosen) > 1:
        raise UsageError(
            f"the baseline {baseline.url} is one service, but {len(chosen)} deployments would be compared with it",
            where="--base",
            remedy="choose one deployment with --only",
        )


def as_judged(starts: DeploymentSpec, judged: DeploymentSpec) -> DeploymentSpec:
    """How `starts` starts, with the requests, tests and metrics of `judged`, which both versions get."""
    return replace(starts, requests=judged.requests, tests=judged.tests, metrics=judged.metrics)


def _cell(deployment: DeploymentSpec, version: Version, role: Role, axes: tuple[Axis, ...] = ()) -> Cell:
    if version.url:
        deployment = replace(deployment, run=None, served=False, url=version.url, build=None)
    return Cell(deployment=deployment, version=version, role=role, axes=axes)


def _check_size(cells: Sequence[Cell], project: Project, *, attributed: bool) -> None:
    if len(cells) <= project.max_cells:
        return
    extra = " (attribution adds one per deployment and changed axis)" if attributed else ""
    raise UsageError(
        f"the plan has {len(cells)} cells, more than max_cells: {project.max_cells}{extra}",
        remedy="choose deployments with --only, leave out --attribute, or raise max_cells",
    )

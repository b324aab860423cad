"""Releases: the desk, the runner, reports."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.wiring.deployments import open_deployments
from seatrial.wiring.registries import open_registry
from seatrial.wiring.sources import open_metrics, open_query

if TYPE_CHECKING:
    from seatrial.gateway.log.book import Book as LogBook
    from seatrial.gateway.routes import Routes
    from seatrial.ports import (
        Clock,
        Metrics,
    )
    from seatrial.records import (
        MirrorReport,
        Notice,
        Release,
    )
    from seatrial.release.desk import ReleaseDesk
    from seatrial.release.report.reporter import ReportMeans
    from seatrial.release.runner import ReleaseRunner


@contextmanager
def open_releases(project: Path) -> "Iterator[ReleaseDesk]":
    """What commands on the releases of a project work with. Raises UsageError if its configuration can't be read."""
    import secrets

    from seatrial.config import load_project
    from seatrial.release.book import open_release_book
    from seatrial.release.desk import ReleaseDesk
    from seatrial.release.fleet import DeployFleet
    from seatrial.trial.workspace import open_workspace

    found = load_project(project)
    services = {service.name: service for service in found.services}
    root = open_workspace(project).root
    book = open_release_book(root)
    try:
        with open_deployments(project) as tools:
            yield ReleaseDesk(
                folder=root / "releases",
                book=book,
                fleet=DeployFleet(tools, lambda: services),
                clock=tools.clock,
                services=services,
                specs=found.releases,
                rules=found.registry.rules,
                ensure_server=tools.ensure_server,
                server=tools.server,
                mark=lambda: secrets.token_hex(4),
            )
    finally:
        book.close()


@contextmanager
def open_release_runner(
    project: Path,
    *,
    routes: "Routes",
    log: "LogBook",
    clock: "Clock",
    tell: "Callable[[Notice], None]",
    pictures: "Callable[[Release], Sequence[str]]" = lambda _: (),
    report: "Callable[[Release], str | None]" = lambda _: None,
    link: "Callable[[Release], str | None]" = lambda _: None,
) -> "Iterator[ReleaseRunner]":
    """What turns the releases of a project: a duty of its server, which alone may have it.

    Args:
        project: its folder.
        routes: the gateway's, as its keeper has them.
        log: the windows of its access log.
        clock: by which these windows are told.
        tell: sees to it that people get a notice.
        pictures: paths of pictures for the notice of a release.
        report: digest of a release's report, kept in the registry's store.
        link: where people find it.
    """
    from functools import cache

    from seatrial.adapters.threads import DaemonThreads
    from seatrial.config import find_project
    from seatrial.judge import release as judge
    from seatrial.records import Arm
    from seatrial.release.book import open_release_book
    from seatrial.release.fleet import DeployFleet
    from seatrial.release.runner import ReleaseRunner
    from seatrial.release.tools import ReleaseTools
    from seatrial.trial.workspace import open_workspace

    root = open_workspace(project).root
    found = find_project(project)
    query = cache(open_query)
    known: dict[str, Metrics] = {}

    def metrics(release: "Release") -> "Metrics":
        if release.id not in known:
            known[release.id] = open_metrics(
                project,
                release.service,
                release.spec.source,
                model=release.model,
                log=log,
                arms=routes.backends,
            )
        return known[release.id]

    book = open_release_book(root)
    try:
        with open_deployments(project) as tools:
            yield ReleaseRunner(
                ReleaseTools(
                    project=project.resolve().name if found is None else found.name,
                    folder=root / "releases",
                    book=book,
                    clock=clock,
                    steering=routes,
                    fleet=DeployFleet(tools, lambda: routes.services),
                    metrics=metrics,
                    query=query,
                    registry=lambda: open_registry(project),
                    judge=judge,
                    threads=DaemonThreads(),
                    tell=tell,
                    failing=lambda release: log.failing(
                        release.service, Arm.CANARY, release.begun or release.started, clock.now()
                    ),
                    pictures=pictures,
                    report=report,
                    link=link,
                )
            )
    finally:
        book.close()


@contextmanager
def open_reports(project: Path) -> "Iterator[ReportMeans]":
    """What the reports of a project's releases are made from. Raises UsageError if its configuration can't be read."""
    from functools import partial

    from seatrial.adapters.clock import SystemClock
    from seatrial.config import find_project
    from seatrial.gateway.log.book import Book
    from seatrial.records import Arm
    from seatrial.release.book import open_release_book
    from seatrial.release.report.reporter import ReportMeans
    from seatrial.trial.workspace import open_workspace

    found = find_project(project)
    root, clock = open_workspace(project).root, SystemClock()
    log, book = Book(root / "gateway"), open_release_book(root)

    def failing(release: "Release") -> "Sequence[str]":
        until = release.ended or clock.now()
        return log.failing(release.service, Arm.CANARY, release.begun or release.started, until)

    try:
        yield ReportMeans(
            project=project.resolve().name if found is None else found.name,
            folder=root / "releases",
            book=book,
            clock=clock,
            failing=failing,
            mirrored=partial(_mirrored, root=root, clock=clock),
        )
    finally:
        book.close()
        log.close()


def _mirrored(release: "Release", *, root: Path, clock: "Clock") -> "MirrorReport | None":
    """What a release's canary answered to copies, from the predictions that both arms have logged."""
    from seatrial.deployments.logged import log_folder
    from seatrial.gateway.log.mirrored import Logged, compare_mirrored
    from seatrial.records import UsageError

    target = str(log_folder(root, release.model))
    since, until = release.begun or release.started, release.ended or clock.now()
    try:
        return compare_mirrored(
            Logged(target=target, version=str(release.baseline)),
            Logged(target=target, version=str(release.number)),
            since=since,
            until=until,
        )
    except UsageError:  # nothing was logged
        return None

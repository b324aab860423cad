"""Everything that `seatrial server` does beside promotions, notices and the bot."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.wiring.deployments import open_supervisor
from seatrial.wiring.gateways import open_access_log, open_gateway
from seatrial.wiring.registries import open_registry
from seatrial.wiring.releases import open_release_runner, open_reports

if TYPE_CHECKING:
    from seatrial.deployments.server import Duty
    from seatrial.deployments.supervisor import Supervisor
    from seatrial.gateway.tools import GatewayTools
    from seatrial.records import (
        DeployState,
        DeployStatus,
        Notice,
        Release,
    )
    from seatrial.release.report.reporter import ReportMeans


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParts:
    """What `seatrial server` does beside promotions and notices: supervise, keep the gateway, turn releases."""

    supervisor: "Supervisor"
    gateway: "GatewayTools"
    duties: "tuple[Duty, ...]"


@contextmanager
def open_server(
    project: Path,
    tell: "Callable[[DeployStatus, DeployState | None], None]",
    announce: "Callable[[Notice], None]",
) -> "Iterator[ServerParts]":
    """The parts of a project's only server.

    Args:
        project: its folder, which may have no `seatrial.yaml`.
        tell: is told of each change of a deployment's state.
        announce: sees to it that people get a notice.
    """
    from functools import partial

    from seatrial.release.book import open_release_book
    from seatrial.release.report import reporter
    from seatrial.trial.workspace import open_workspace

    book = open_release_book(open_workspace(project).root)
    with ExitStack() as stack:
        stack.callback(book.close)
        gateway = stack.enter_context(open_gateway(project, busy=book.busy, phases=book.phases))
        keeper = gateway.keeper
        supervisor = stack.enter_context(open_supervisor(project, tell, let_go=keeper.let_go))
        # A release that went on before the services are known would take them for gone.
        keeper.begin()
        access = stack.enter_context(
            open_access_log(
                project,
                lambda: keeper.traffic,
                observe=gateway.meters.observe,
                seconds=lambda: keeper.setup.windows,
            )
        )
        reports = stack.enter_context(open_reports(project))
        runner = stack.enter_context(
            open_release_runner(
                project,
                routes=keeper.routes,
                log=access.book,
                clock=access.clock,
                tell=announce,
                pictures=partial(_drawn, project=project, means=reports),
                report=partial(_kept_report, project=project, means=reports),
                link=lambda release: str(reporter.write_for(release, reports).html),
            )
        )
        yield ServerParts(
            supervisor=supervisor,
            gateway=gateway,
            duties=(*gateway.duties, access, runner, reporter.Reporter(reports, gateway.facts.platform)),
        )


def _drawn(release: "Release", *, project: Path, means: "ReportMeans") -> "Sequence[str]":
    """Pictures for the notice of a release, where there is anybody who gets one."""
    from seatrial.config import find_project
    from seatrial.release.report.reporter import draw

    found = find_project(project)
    return draw(release, means) if found is not None and found.notify else ()


def _kept_report(release: "Release", *, project: Path, means: "ReportMeans") -> str:
    """The digest of a release's report, which is evidence from then on."""
    from seatrial.release.report.reporter import keep_digest

    with open_registry(project) as registry:
        return keep_digest(release, means, registry.store)

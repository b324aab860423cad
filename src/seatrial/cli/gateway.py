"""`seatrial gateway`: the proxy before the services, and where their requests go."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format, print_grid, print_json, print_sentences

if TYPE_CHECKING:
    from seatrial.gateway.tools import GatewayTools

app = typer.Typer(
    help="The proxy before the services: run it, look where requests go, give a canary its share by hand.",
    rich_markup_mode=None,
)

Service = Annotated[str, typer.Argument(help="Of `services` in seatrial.yaml.", show_default=False)]


@app.callback(invoke_without_command=True)
def gateway(context: typer.Context, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Run the gateway until Ctrl-C, and all that `seatrial server` does; at the end the proxy is ended, and models run on.

    Where a server of the project runs already, it keeps the gateway; then this starts a proxy that was stopped, and says so.
    Exit code: 0, 2 usage, 4 the proxy does not start.
    """
    if context.invoked_subcommand is not None:
        return
    from seatrial.cli.server import server
    from seatrial.gateway.command import start_proxy

    with _opened(project) as tools:
        process = start_proxy(tools)
        if process is not None:
            status = tools.keeper.status()
            address = "" if status is None else status.address
            if form is Format.JSON:
                print_json({"server": process, "address": address})
            else:
                print_sentences([f"the server, process {process}, keeps the gateway at {address}"])
            return
        server(systemd=False, stop_models=False, project=project, form=form)
        tools.keeper.end()


@app.command()
def status(project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Show the proxy, and for each service the versions, shares and replicas that its requests go to.

    Exit code: 0 the proxy runs, 2 usage, 4 it does not.
    """
    from seatrial.gateway.status import gateway_status, status_grid
    from seatrial.gateway.tools import metrics_address

    with _opened(project) as tools:
        found = gateway_status(
            tools.keeper,
            server=tools.server(),
            stopped=tools.orders.stopped,
            metrics=metrics_address(tools.keeper.setup),
        )
    if form is Format.JSON:
        print_json(found)
    elif found is not None:
        print_grid(status_grid(found))
    if found is None or not found.proxy.running:
        raise typer.Exit(4)


@app.command()
def weight(
    service: Service,
    share: Annotated[str, typer.Argument(help="Of the requests: 20%, 0.5%.", show_default=False)],
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Give the canary of a service this share of the requests, by hand; in force when the command ends.

    Refused while a release of the service runs, which has the say.
    """
    from seatrial.gateway.command import read_share, set_weight
    from seatrial.gateway.status import percent

    thousandths = read_share(share)
    with _opened(project) as tools:
        set_weight(tools, service, thousandths, partial(_alone, project))
    if form is Format.JSON:
        print_json({"service": service, "weight": thousandths / 1000})
    else:
        print_sentences([f"{percent(thousandths)} of the requests of {service} go to the canary"])


@app.command()
def config(project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Print what the proxy is told: each service with its replicas, shares and settings."""
    from seatrial.gateway.status import routing_lines

    with _opened(project) as tools:
        wanted = [] if tools.keeper.traffic is None else list(tools.keeper.traffic.wanted())
    if form is Format.JSON:
        print_json(wanted)
    else:
        print_sentences(line for routing in wanted for line in routing_lines(routing))


@app.command()
def stop(project: Project = Path(), form: Form = Format.TEXT) -> None:
    """End the proxy after the requests that it holds; `seatrial gateway` starts it again."""
    from seatrial.gateway.command import end_proxy

    with _opened(project) as tools:
        ran = end_proxy(tools, partial(_alone, project))
    if form is Format.JSON:
        print_json({"stopped": ran})
    else:
        print_sentences(["the proxy was stopped" if ran else "no proxy ran"])


@contextmanager
def _opened(project: Path) -> "Iterator[GatewayTools]":
    """The gateway by the project's configuration. Raises UsageError for a project without services."""
    from seatrial.records import UsageError
    from seatrial.wiring import open_gateway, open_releases

    with open_releases(project) as releases, open_gateway(project, busy=releases.book.busy) as tools:
        tools.keeper.configure()
        if not tools.keeper.setup.services:
            raise UsageError(
                "the project has no services",
                where=str(project.resolve()),
                remedy="name one in seatrial.yaml: `services: {wine: {model: wine}}`",
            )
        yield tools


@contextmanager
def _alone(project: Path) -> Iterator[None]:
    from seatrial.deployments.server import only_server
    from seatrial.trial.workspace import open_workspace

    with only_server(open_workspace(project).root):
        yield

"""`seatrial deploy` and `seatrial deployments`: versions of models that run for users."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format, print_grid, print_json, print_sentences, print_warnings

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.deployments.book import Wanted
    from seatrial.deployments.deploy import DeployTools
    from seatrial.deployments.example import Example
    from seatrial.deployments.follow import LogFollower
    from seatrial.records import DeployStatus, ModelVersion
    from seatrial.registry.tools import RegistryTools

BROKEN = 4
FOLLOW_SECONDS = 0.2

app = typer.Typer(
    help="Versions that run for users: look at them, scale, stop, start and remove them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="Of the deployment.", show_default=False)]


def deploy(
    version: Annotated[str, typer.Argument(help="NAME@3, NAME@Staging or NAME@latest.", show_default=False)],
    name: Annotated[str | None, typer.Option(help="Of the deployment. [default: MODEL-vNUMBER]")] = None,
    cpu: Annotated[
        str | None, typer.Option(help="Cores of each replica: 1, 0.5, 500m. [default: the project's]")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="Memory of each replica: 512Mi, 2Gi. [default: the project's]")
    ] = None,
    replicas: Annotated[int | None, typer.Option(min=1, help="How many share the address. [default: 1]")] = None,
    runtime: Annotated[str | None, typer.Option(help="Where replicas run. [default: process]")] = None,
    port: Annotated[int | None, typer.Option(help="Where it answers. [default: a free one]")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", help="NAME=VALUE for its processes; may be repeated.")
    ] = None,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Run a version of a model, wait until it is ready, and print how to ask it.

    The same again changes nothing; with other options it is scaled or replaced without a lost request.
    Exit code: 0 ready, 2 usage or configuration, 4 it did not become ready; it is tried again all the same.
    """
    from seatrial.deployments.deploy import ask_for, mark_version, unmark_version
    from seatrial.deployments.prepare import check_replicas, serving_of
    from seatrial.deployments.wishes import Asked, address, deployment_name, read_variables
    from seatrial.records import DeployState, Resources
    from seatrial.registry.names import find_version, read_name
    from seatrial.wiring import open_deployments, open_registry

    asked = Asked(
        name=name,
        cpu=_cpu(cpu),
        memory=_memory(memory),
        replicas=replicas,
        runtime=runtime,
        host=host,
        port=port,
        env=read_variables(tuple(env or ())),
    )
    serving = serving_of(project, read_name(version).model)
    check_replicas(serving, replicas or 1, where="--replicas")
    with open_registry(project) as registry, open_deployments(project) as tools:
        found = find_version(version, registry.registry, registry.rules, bare=False)
        before = tools.book.find(deployment_name(asked, found))
        wanted = ask_for(tools, found, asked, serving.resources if serving else Resources())
        status = _settle(tools, wanted)
        if status.state is not DeployState.READY:
            _print_failure(tools, wanted, status, form)
            raise typer.Exit(BROKEN)
        example = _example(status, found, project)
        if before is not None and (before.wish.model, before.wish.number) != (found.model, found.number):
            unmark_version(registry.registry, before.wish.model, before.wish.number, address(before.wish))
        mark_version(registry.registry, wanted.wish, example.uri)
    if form is Format.JSON:
        print_json({"deployment": status, "scoring_uri": example.uri, "curl": example.curl})
    else:
        print_sentences([f"{status.wish.name} runs {found.id} at {status.url}", example.curl])


@app.command("list")
def list_deployments(project: Project = Path(), form: Form = Format.TEXT) -> None:
    """List all deployments of the project, with how they fared when they were last seen."""
    from seatrial.deployments.text import list_grid, status_of
    from seatrial.wiring import open_deployments

    with open_deployments(project) as tools:
        statuses = [
            status_of(tools.book.status(wanted.wish.name), wanted.now)
            for wanted in tools.book.wishes()
            if not wanted.removed
        ]
        supervised, now = tools.server() is not None, tools.clock.now()
    if form is Format.JSON:
        print_json({"server": supervised, "deployments": statuses})
        return
    print_grid(list_grid(statuses, now=now, supervised=supervised), "nothing is deployed; begin with: seatrial deploy")


@app.command()
def usage(name: Name, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Say what the replicas of a deployment use, and which limits are enforced."""
    from seatrial.deployments.text import status_of, usage_grid
    from seatrial.wiring import open_deployments

    with open_deployments(project) as tools:
        wanted = tools.book.get(name)
        status = status_of(tools.book.status(name), wanted.now)
    if form is Format.JSON:
        print_json(status)
    else:
        print_grid(usage_grid(status), f"no replica of {name} runs")


@app.command()
def logs(
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    replica: Annotated[int | None, typer.Option(min=0, help="Only of this one. [default: all]")] = None,
    lines: Annotated[int, typer.Option(min=0, help="Of each replica, the last.")] = 20,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Print the logs of a deployment's replicas; secrets are masked."""
    import os

    from seatrial.deployments.follow import LogFollower
    from seatrial.deployments.watch import replica_log
    from seatrial.wiring import open_deployments

    with open_deployments(project) as tools:
        wanted = tools.book.get(name)
        indices = range(wanted.wish.replicas) if replica is None else [replica]
        follower = LogFollower(
            {index: replica_log(tools.folder / name, index) for index in indices},
            {**os.environ, **wanted.wish.env},
            lines,
        )
        _print_new(follower, several=len(indices) > 1, form=form)
        while follow:
            tools.clock.sleep(FOLLOW_SECONDS)
            _print_new(follower, several=len(indices) > 1, form=form)


@app.command()
def scale(
    name: Name,
    replicas: Annotated[int, typer.Argument(min=1, help="How many.", show_default=False)],
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Run so many replicas of a deployment; no request is lost.

    Exit code: 0 they are ready, 2 usage, 4 they did not become ready.
    """
    from seatrial.deployments import deploy as deploying
    from seatrial.deployments.prepare import check_replicas, serving_of
    from seatrial.wiring import open_deployments

    with open_deployments(project) as tools:
        check_replicas(serving_of(project, tools.book.get(name).wish.model), replicas, where=name)
        _change(tools, deploying.scale(tools, name, replicas), form)


@app.command()
def stop(name: Name, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Stop a deployment: requests under way are answered, its address is given up, it stays in the list."""
    from seatrial.deployments import deploy as deploying
    from seatrial.wiring import open_deployments, open_registry

    with open_deployments(project) as tools:
        wanted = deploying.stop(tools, name)
        with open_registry(project) as registry:
            _unmark(registry, wanted)
        _change(tools, wanted, form)


@app.command()
def start(name: Name, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Start a deployment that was stopped, as it was.

    Exit code: 0 it is ready, 2 usage, 4 it did not become ready; it is tried again all the same.
    """
    from seatrial.deployments import deploy as deploying
    from seatrial.wiring import open_deployments, open_registry

    with open_deployments(project) as tools:
        wanted = deploying.start(tools, name)
        status = _change(tools, wanted, form)
        with open_registry(project) as registry:
            version = registry.registry.version(wanted.wish.model, wanted.wish.number)
            deploying.mark_version(registry.registry, wanted.wish, _example(status, version, project).uri)


@app.command()
def remove(name: Name, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Stop a deployment and forget it, its files and logs."""
    from seatrial.deployments import deploy as deploying
    from seatrial.wiring import open_deployments, open_registry

    with open_deployments(project) as tools:
        wanted = deploying.remove(tools, name)
        with open_registry(project) as registry:
            _unmark(registry, wanted)
        tools.ensure_server()
        deploying.wait_until_gone(tools, name)
    if form is Format.JSON:
        print_json({"removed": name})
    else:
        print_sentences([f"{name} was removed"])


def _change(tools: "DeployTools", wanted: "Wanted", form: Format) -> "DeployStatus":
    """Wait until a wish is fulfilled, and show how it is; exit where it is not."""
    from seatrial.deployments.text import progress_line
    from seatrial.records import DeployState

    status = _settle(tools, wanted)
    if status.state not in {DeployState.READY, DeployState.STOPPED}:
        _print_failure(tools, wanted, status, form)
        raise typer.Exit(BROKEN)
    if form is Format.JSON:
        print_json(status)
    else:
        print_sentences([progress_line(status)])
    return status


def _settle(tools: "DeployTools", wanted: "Wanted") -> "DeployStatus":
    """See to it that a server runs, and wait for what it makes of a wish; progress goes to standard error."""
    from seatrial.deployments.deploy import wait_until_settled
    from seatrial.deployments.text import progress_line

    tools.ensure_server()
    return wait_until_settled(tools, wanted, lambda status: typer.echo(progress_line(status), err=True))


def _print_failure(tools: "DeployTools", wanted: "Wanted", status: "DeployStatus", form: Format) -> None:
    from seatrial.deployments.deploy import end_of_log

    tail = end_of_log(tools.folder / wanted.wish.name, wanted.wish)
    if form is Format.JSON:
        print_json({"deployment": status, "log": tail})
    typer.echo(f"error: {status.wish.name} is {status.state.value}: {status.reason}", err=True)
    if tail:
        typer.echo(tail, err=True)
    print_warnings([f"it is tried again; seatrial deployments remove {status.wish.name} gives it up"])


def _example(status: "DeployStatus", version: "ModelVersion", project: Path) -> "Example":
    """A request that the deployment answers."""
    import httpx

    from seatrial.deployments.example import configured_example, served_example
    from seatrial.deployments.prepare import serving_of

    serving = serving_of(project, version.model)
    if serving is not None and not serving.served:
        return configured_example(status.url, serving, project)
    with httpx.Client(trust_env=False) as http:
        return served_example(status.url, http)


def _unmark(registry: "RegistryTools", wanted: "Wanted") -> None:
    """The version no longer answers there. One that is gone needs no tag."""
    from seatrial.deployments.deploy import unmark_version
    from seatrial.deployments.wishes import address
    from seatrial.records import UsageError

    try:
        unmark_version(registry.registry, wanted.wish.model, wanted.wish.number, address(wanted.wish))
    except UsageError as error:
        print_warnings([error.what])


def _print_new(follower: "LogFollower", *, several: bool, form: Format) -> None:
    """What was written since the last time; as JSON one object a line, since a log has no end."""
    import msgspec

    for line in follower.new():
        if form is Format.JSON:
            typer.echo(msgspec.json.encode(line).decode())
        else:
            typer.echo(f"{line.replica} │ {line.text}" if several else line.text)


def _cpu(text: str | None) -> float | None:
    from seatrial.config.quantities import parse_cpu

    return None if text is None else _parsed(parse_cpu, text, "--cpu")


def _memory(text: str | None) -> int | None:
    from seatrial.config.quantities import parse_size

    return None if text is None else int(_parsed(parse_size, text, "--memory"))


def _parsed(parse: "Callable[[str], float]", text: str, option: str) -> float:
    from seatrial.records import UsageError

    try:
        value = parse(text)
    except ValueError as error:
        raise UsageError(str(error), where=option) from None
    if value <= 0:
        raise UsageError(f"{text} is not more than nothing", where=option, remedy="leave it out for no limit")
    return value

"""Models that run for users, and the server that keeps them running."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.wiring.registries import open_registry
from seatrial.wiring.trials import cache_folder, open_trial

if TYPE_CHECKING:
    from seatrial.deployments.book import Started
    from seatrial.deployments.deploy import DeployTools
    from seatrial.deployments.means import Prepared
    from seatrial.deployments.supervisor import Supervisor
    from seatrial.ports import (
        Runtime,
    )
    from seatrial.records import (
        DeployState,
        DeployStatus,
        DeployWish,
    )


@contextmanager
def open_deployments(project: Path) -> "Iterator[DeployTools]":
    """What commands on the deployments of a project work with; it may have no `seatrial.yaml`."""
    from seatrial.adapters.clock import SystemClock
    from seatrial.adapters.runtime.loopback import is_free
    from seatrial.deployments.book import open_book
    from seatrial.deployments.deploy import DeployTools
    from seatrial.deployments.server import server_pid
    from seatrial.trial.workspace import open_workspace

    root = open_workspace(project).root
    book = open_book(root)
    try:
        yield DeployTools(
            project=project.resolve(),
            folder=root / "deployments",
            book=book,
            clock=SystemClock(),
            runtimes=tuple(_RUNTIMES),
            is_free=is_free,
            ensure_server=lambda: _ensure_server(project.resolve(), root),
            server=lambda: server_pid(root),
        )
    finally:
        book.close()


@contextmanager
def open_supervisor(
    project: Path,
    tell: "Callable[[DeployStatus, DeployState | None], None]",
    *,
    let_go: "Callable[[Started], None] | None" = None,
) -> "Iterator[Supervisor]":
    """The supervisor of a project's deployments; whoever opens it is the project's only server.

    Args:
        project: its folder, which may have no `seatrial.yaml`.
        tell: is told of each change of a deployment's state.
        let_go: called before a replica is stopped, in a thread of its own; see `deployments.means`.

    Raises:
        UsageError: a server runs already.
    """
    import hashlib
    from random import Random

    import httpx

    from seatrial.adapters.clock import SystemClock
    from seatrial.adapters.keys import DoorKeys
    from seatrial.adapters.threads import DaemonThreads
    from seatrial.deployments.book import open_book
    from seatrial.deployments.means import Means, nobody_sends
    from seatrial.deployments.server import only_server
    from seatrial.deployments.supervisor import Supervisor
    from seatrial.trial.build.commands import Commands
    from seatrial.trial.deploy import ask_health
    from seatrial.trial.workspace import open_workspace

    root = open_workspace(project).root
    mark = f"deployments-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}"
    clock = SystemClock()
    commands = Commands(clock, run=f"{mark}-prepare")
    runtimes = {name: make() for name, make in _RUNTIMES.items()}
    # A connection that is kept open would keep a replica from ending.
    lonely = httpx.Limits(max_keepalive_connections=0)
    with only_server(root), httpx.Client(trust_env=False, limits=lonely) as http:
        runtimes["process"].sweep(f"{mark}-prepare")
        book = open_book(root)

        def prepare(wish: "DeployWish", folder: Path) -> "Prepared":
            # Imported when it is needed: a server that only watches what runs stays small.
            from seatrial.deployments.prepare import Preparer

            return Preparer(
                project=project.resolve(),
                root=root,
                registry=lambda: open_registry(project),
                trial=lambda: open_trial(project),
                commands=commands,
                stacks=cache_folder() / "stacks",
                http=http,
                environ=dict(os.environ),
            ).prepare(wish, folder)

        def tidy(folder: Path, keep: frozenset[str]) -> None:
            from seatrial.deployments.prepare import remove_code

            remove_code(project.resolve(), folder, keep)

        try:
            yield Supervisor(
                Means(
                    book=book,
                    folder=root / "deployments",
                    mark=mark,
                    runtimes=runtimes,
                    local=runtimes["process"],
                    clock=clock,
                    chance=Random(mark),  # noqa: S311 - pauses are no secret
                    threads=DaemonThreads(),
                    prepare=prepare,
                    tidy=tidy,
                    ask=lambda url: ask_health(http, url, _HEALTH_SECONDS) or "",
                    keys=DoorKeys(),
                    tell=tell,
                    machine=platform.node() or "localhost",
                    python=sys.executable,
                    let_go=let_go or nobody_sends,
                )
            )
        finally:
            commands.stop()
            book.close()


_HEALTH_SECONDS = 5.0


_SERVER_SECONDS = 60.0


def process_runtime() -> "Runtime":
    """Processes on this machine."""
    from seatrial.adapters.runtime.detect import detect
    from seatrial.adapters.runtime.process import ProcessRuntime

    return ProcessRuntime(cgroups=detect(outliving=True))


_RUNTIMES = {"process": process_runtime}


def _ensure_server(project: Path, root: Path) -> None:
    """Start the project's server unless it runs. Raises PermanentError if it doesn't get up."""
    from seatrial.adapters.clock import SystemClock
    from seatrial.adapters.detach import start_detached
    from seatrial.deployments.server import LOG, server_pid
    from seatrial.logs import tail
    from seatrial.records import PermanentError

    if server_pid(root) is not None:
        return
    command = (sys.executable, "-P", "-m", "seatrial", "server", "--project", str(project))
    process = start_detached(command, cwd=project, env=os.environ, log=root / LOG)
    clock = SystemClock()
    deadline = clock.monotonic() + _SERVER_SECONDS
    while server_pid(root) is None:
        # One that another command started a moment earlier is as good.
        if process.poll() is not None or clock.monotonic() > deadline:
            raise PermanentError(f"the server did not start: {tail(root / LOG, 5)}", where=str(root / LOG))
        clock.sleep(0.05)

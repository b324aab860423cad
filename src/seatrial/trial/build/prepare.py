"""Make what a cell needs before it can start: its files, its software stack, its build.

Cells of one version share a checkout unless they have a build, whose products would get in each other's way; cells of
one stack share its environment; a build whose inputs are unchanged is restored instead of run. A registered version's
files are laid over a checkout of its own.
"""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.logs import tail
from seatrial.records import Cell, RequestsSpec, SeatrialError, Stage, TestResult, TestSpec
from seatrial.trial.build.builds import Builds
from seatrial.trial.build.commands import Commands, StoppedError
from seatrial.trial.build.environment import cell_environment, fill_in
from seatrial.trial.build.lay import Layer, lay
from seatrial.trial.build.served import server_folder, server_requirements, with_server
from seatrial.trial.build.stack import Stack, Stacks
from seatrial.trial.cells import CellRun
from seatrial.trial.change.checkout import Checkout, checkout, remove_checkout
from seatrial.trial.external.suite import ExternalTests, OwnStack, Subject
from seatrial.trial.planned import Planned
from seatrial.trial.tools import Tools
from seatrial.trial.workspace import RunFolder


@dataclass(frozen=True, slots=True)
class Prepared:
    """A cell that can be started: its project folder, its stack, and the environment of its processes."""

    project: Path
    own: OwnStack
    env: Mapping[str, str]


class Preparation:
    """Prepares the cells of one trial; safe to use from many threads."""

    def __init__(self, planned: Planned, folder: RunFolder, tools: Tools) -> None:
        self._planned = planned
        self._repository = planned.repository
        self._folder = folder
        self._tools = tools
        self._commands = Commands(tools.clock, run=folder.mark)
        self._environ = dict(os.environ)
        self._stacks = Stacks(tools.stacks, self._commands, self._environ)
        self._builds = Builds(tools.workspace.builds, tools.store, self._commands)
        self._tests = ExternalTests(folder.root, self._stacks, self._commands, self._environ)
        self._checkouts: dict[str, Checkout] = {}
        self._inputs_tree = ""
        self._prepared: dict[str, Prepared] = {}
        self._lock = threading.Lock()
        self.notes: list[str] = []

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._commands.stopped

    def cancel(self) -> None:
        """End every command that runs, and refuse to start more."""
        self._commands.stop()

    def check(self) -> None:
        """Raise StoppedError once `cancel` was called."""
        self._commands.check()

    def check_out(self, cells: Mapping[str, CellRun]) -> None:
        """Put the files of every cell's version in place; a version that can't be checked out fails its cells."""
        for cell in self._planned.plan.cells:
            run = cells[cell.id]
            if cell.version.tree is None or cell.deployment.url is not None:
                continue
            run.enter(Stage.CHECKOUT, cell.version.described)
            try:
                self._check_out(cell, cell.version.tree)
            except StoppedError:
                raise
            except SeatrialError as error:
                run.fail(error)
        self._check_out_inputs()

    def inputs_folder(self, file: str | None) -> Path:
        """Where requests, tests and metric functions are read: a version's files without any build, or the project itself.

        The project itself holds what git ignores (data that must not be committed), which no checkout has.
        """
        inputs = self._checkouts.get(_INPUTS)
        if inputs is not None and (file is None or (inputs.project / file).exists()):
            return inputs.project
        return self._tools.project

    def of(self, cell: CellRun) -> Prepared | None:
        """What was prepared of a cell; None for one that already runs elsewhere."""
        return self._prepared.get(cell.id)

    def prepare(self, cell: CellRun) -> None:
        """Make one cell's stack and build; on failure it is marked as failed."""
        deployment = cell.cell.deployment
        if deployment.url is not None:
            return
        log = self._folder.log(cell.id, "build.log")
        try:
            project = self._checkouts[self._place(cell.cell)].project
            own = self._own_stack(cell, project, log)
            env = cell_environment(own.stack, deployment.env, caller=self._environ, where=cell.id)
            if deployment.served:
                env = with_server(env, server_folder(self._folder.root))
            self._build(cell, project, own.stack, env, log)
        except StoppedError:
            return
        except SeatrialError as error:
            cell.fail(error, exit_status=getattr(error, "exit_status", None), log_tail=tail(log))
            return
        with self._lock:
            self._prepared[cell.id] = Prepared(project, own, env)

    def with_secrets(self, spec: RequestsSpec, where: str) -> RequestsSpec:
        """The requests with `${NAME}` in their headers filled in; only the driver sees it, no journal and no report.

        Raises UsageError for a variable that isn't set.
        """
        return replace(spec, headers=fill_in(spec.headers, self._environ, where=f"{where}: requests.headers"))

    def run_test(self, cell: CellRun, spec: TestSpec) -> TestResult:
        """Run one external test against a living cell, with the same test files for all cells."""
        prepared = self.of(cell)
        inputs = self._checkouts.get(_INPUTS)
        return self._tests.run(
            spec,
            Subject(
                cell=cell.id,
                url=cell.url or "",
                project=inputs.project if inputs is not None else self._tools.project,
                own=prepared.own if prepared is not None else None,
                declared=cell.cell.deployment.env,
                extra=self._told(cell),
                salt=self._inputs_tree,
            ),
        )

    def layer(self, cell: CellRun) -> Layer | None:
        """The registered files that the cell runs with; None for a version as git has it."""
        return self._planned.layers.get(cell.cell.version.name)

    def remove_checkouts(self) -> None:
        """Take all checkouts away again; one that can't be removed is noted and left to the next trial."""
        for place in {checked.folder for checked in self._checkouts.values()}:
            try:
                remove_checkout(self._repository, place)
            except SeatrialError as error:
                self.notes.append(f"a checkout stays: {error.what}")

    def _own_stack(self, cell: CellRun, project: Path, log: Path) -> OwnStack:
        cell.enter(Stage.STACK, "software stack")
        spec, salt = cell.cell.deployment.stack, cell.cell.version.tree or ""
        extra = server_requirements() if cell.cell.deployment.served else ()
        stack = self._stacks.provide(spec, project, salt=salt, log=log, where=cell.id, extra=extra)
        cell.stack_digest, cell.stack_bytes, cell.packages = stack.digest, stack.bytes, stack.packages
        return OwnStack(stack=stack, spec=spec, project=project, salt=salt, extra=extra)

    def _told(self, cell: CellRun) -> dict[str, str]:
        """What a test is told of the version that it runs against, beside where it answers."""
        commit = cell.cell.version.commit
        url = self._repository.url
        told = ({"COMMIT_SHA": commit} if commit else {}) | ({"REPO_URL": url} if url else {})
        layer, prepared = self.layer(cell), self.of(cell)
        if layer is None or prepared is None:
            return told
        return told | {
            "SEATRIAL_MODEL_NAME": layer.version.model,
            "SEATRIAL_MODEL_VERSION": str(layer.version.number),
            "SEATRIAL_MODEL_PATH": str(layer.laid(prepared.project)),
            "SEATRIAL_MODEL_URL": cell.url or "",
        }

    def _check_out(self, cell: Cell, tree: str) -> None:
        place = self._place(cell)
        if place in self._checkouts:
            return
        into = self._folder.trees / str(len(self._checkouts))
        self._checkouts[place] = found = checkout(self._repository, tree, into)
        self.notes.extend(note for note in found.notes if note not in self.notes)
        layer = self._planned.layers.get(cell.version.name)
        if layer is not None:
            lay(layer, found, self.check)

    def _check_out_inputs(self) -> None:
        """A version's files without any build or registered model, for requests, metric functions and tests."""
        tree = self._planned.inputs_tree
        if tree is None:
            return
        self._inputs_tree = tree
        self._checkouts[_INPUTS] = self._checkouts.get(tree) or checkout(
            self._repository, tree, self._folder.trees / "inputs"
        )

    def _place(self, cell: Cell) -> str:
        """Which checkout a cell uses: one per version, and one per build or registered model where there is one."""
        build, layer = cell.deployment.build, self._planned.layers.get(cell.version.name)
        parts = [str(cell.version.tree)]
        if build is not None:
            parts += [build.run, str(sorted(cell.deployment.env.items()))]
        if layer is not None:
            parts.append(cell.version.name)
        return " ".join(parts)

    def _build(self, cell: CellRun, source: Path, stack: Stack, env: Mapping[str, str], log: Path) -> None:
        spec = cell.cell.deployment.build
        if spec is None:
            return
        cell.enter(Stage.BUILD, spec.run)
        outcome = self._builds.run(
            spec,
            source,
            stack=stack,
            declared=fill_in(cell.cell.deployment.env, self._environ, where=cell.id),
            env=env,
            log=log,
            where=cell.id,
        )
        cell.build_seconds, cell.build_cached = outcome.seconds, outcome.cached
        if outcome.note:
            self.notes.append(f"{cell.id}: {outcome.note}")


_INPUTS = ""

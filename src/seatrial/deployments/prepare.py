"""Lays what a deployment runs from: the version's files, the code and the software stack that it was registered with.

Where the project's configuration says how the model is served (`models.NAME.deployment`), it is deployed as a promotion
tries it: the code of the version's commit, its files where that code expects them, that deployment's command and stack.
A model that the configuration doesn't know is served by `seatrial serve` in the Python that runs seatrial.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx

from seatrial.config import find_project
from seatrial.deployments.logged import log_folder, log_words, wants_log
from seatrial.deployments.means import Prepared
from seatrial.deployments.wishes import fingerprint
from seatrial.ports import Registry
from seatrial.records import (
    Cell,
    DeploymentSpec,
    DeployWish,
    HealthSpec,
    ModelVersion,
    PermanentError,
    Project,
    PromotionSpec,
    Role,
    UsageError,
)
from seatrial.registry.tools import RegistryTools
from seatrial.trial.build.commands import Commands
from seatrial.trial.build.environment import cell_environment
from seatrial.trial.build.lay import Layer, lay
from seatrial.trial.build.served import EXTRAS, LOG_EXTRA, server_folder, server_requirements, with_server
from seatrial.trial.build.stack import Stack, Stacks
from seatrial.trial.change.checkout import checkout, remove_checkout
from seatrial.trial.change.git import open_repository
from seatrial.trial.deploy import command_line
from seatrial.trial.planned import Planned
from seatrial.trial.served import check_served
from seatrial.trial.tools import Tools

READY_PATH = "/readyz"
LOG = "prepare.log"
_CODE = "code-"
_SERVE = ("python", "-P", "-m", "seatrial", "serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparer:
    """Prepares the deployments of one project; safe to use from many threads.

    Attributes:
        project: its folder, which may have no `seatrial.yaml`.
        root: its workspace.
        registry, trial: open the registry, and the tools of a trial.
        commands: run the installer of stacks.
        stacks: where environments are cached.
        http: asks a replica what it serves.
        environ: the supervisor's environment.
    """

    project: Path
    root: Path
    registry: Callable[[], AbstractContextManager[RegistryTools]]
    trial: Callable[[], AbstractContextManager[Tools]]
    commands: Commands
    stacks: Path
    http: httpx.Client
    environ: Mapping[str, str]

    def prepare(self, wish: DeployWish, folder: Path) -> Prepared:
        """Lay everything for a wish below `folder`.

        Raises:
            UsageError: the user can mend it: the configuration, a stack, a variable that isn't set.
            TemporaryError, PermanentError: as the registry, git and the installer say.
        """
        (folder / LOG).unlink(missing_ok=True)
        spec = promotion_of(self.project, wish.model)
        with self.registry() as tools:
            version = tools.registry.version(wish.model, wish.number)
            if version.artifact.digest != wish.artifact:
                raise PermanentError(
                    f"{version.id} is no longer what was to be deployed: {version.artifact.digest} instead of "
                    f"{wish.artifact}",
                    where=wish.name,
                    remedy="deploy it anew",
                )
            if spec is None:
                return self._plain(wish, version, tools.registry, folder)
            return self._as_tried(wish, version, tools.registry, folder, spec)

    def _plain(self, wish: DeployWish, version: ModelVersion, registry: Registry, folder: Path) -> Prepared:
        """Served by the seatrial that runs here."""
        path = registry.fetch(version, self.root / "versions" / version.artifact.digest.removeprefix("sha256:"))
        stack = self._stacks().host()
        env = cell_environment(stack, wish.env, caller=self.environ, where=wish.name)
        own = (*_identity(wish, folder), *self._logging(wish))

        def command(port: int) -> tuple[str, ...]:
            serve = (str(stack.python), *_SERVE[1:], str(path), *own)
            return (*serve, "--host", "127.0.0.1", "--port", str(port))

        return Prepared(
            fingerprint=fingerprint(wish),
            command=command,
            cwd=self.project,
            env=env,
            health=HealthSpec(path=READY_PATH),
            shared=True,
            check=lambda _: None,
        )

    def _as_tried(
        self, wish: DeployWish, version: ModelVersion, registry: Registry, folder: Path, spec: PromotionSpec
    ) -> Prepared:
        """Started as a promotion starts it."""
        from seatrial.trial.versions import (  # noqa: PLC0415 - the whole of a trial comes with it
            LaidVersion,
            VersionTrialRequest,
            plan_versions,
        )

        room = folder / f"{_CODE}{fingerprint(wish)}"
        with self.trial() as tools:
            laid = LaidVersion(version=version, path=folder / "files" / version.artifact.name)
            request = VersionTrialRequest(
                project=self.project, deployment=spec.deployment, place=spec.path, candidate=laid
            )
            planned = plan_versions(request, tools)
        cell = next(cell for cell in planned.plan.cells if cell.role is Role.CANDIDATE)
        deployment = cell.deployment
        check_replicas(deployment, wish.replicas, where=wish.name)
        layer = next(iter(planned.layers.values()))
        project = room / planned.repository.project
        if not _is_whole(room) or not layer.laid(project).exists():
            try:
                registry.fetch(version, laid.path.parent)
                self._check_out(planned, cell, layer, room)
            finally:
                shutil.rmtree(laid.path.parent, ignore_errors=True)
        logging = self._logging(wish) if deployment.served else ()
        stack = self._stack(deployment, project, cell, folder, logs=bool(logging))
        env = self._environment(wish, deployment, stack, folder)
        own = (*_identity(wish, folder), *logging)
        return Prepared(
            fingerprint=fingerprint(wish),
            command=lambda port: _command(wish, deployment, env, port, own),
            cwd=project,
            env=env,
            health=deployment.health,
            shared=deployment.served,
            check=(lambda url: check_served(url, layer, project, self.http)) if deployment.served else (lambda _: None),
        )

    def _check_out(self, planned: Planned, cell: Cell, layer: Layer, room: Path) -> None:
        """The version's code with its files in place; from scratch, whatever a killed supervisor left there."""
        remove_checkout(planned.repository, room)
        shutil.rmtree(room, ignore_errors=True)
        found = checkout(planned.repository, cell.version.tree or "", room)
        lay(layer, found, self.commands.check)
        _whole(room).touch()

    def _logging(self, wish: DeployWish) -> tuple[str, ...]:
        """Words for a model server whose predictions are to be held against labels."""
        if not wants_log(self.project, wish.model):
            return ()
        return log_words(log_folder(self.root.absolute(), wish.model))

    def _stack(self, deployment: DeploymentSpec, project: Path, cell: Cell, folder: Path, *, logs: bool) -> Stack:
        extras = (*EXTRAS, LOG_EXTRA) if logs else EXTRAS
        return self._stacks().provide(
            deployment.stack,
            project,
            salt=cell.version.tree or "",
            log=folder / LOG,
            where=cell.id,
            extra=server_requirements(extras=extras) if deployment.served else (),
        )

    def _environment(
        self, wish: DeployWish, deployment: DeploymentSpec, stack: Stack, folder: Path
    ) -> Mapping[str, str]:
        declared = {**deployment.env, **wish.env}
        env = cell_environment(stack, declared, caller=self.environ, where=wish.name)
        return with_server(env, server_folder(folder)) if deployment.served else env

    def _stacks(self) -> Stacks:
        return Stacks(self.stacks, self.commands, self.environ)


def promotion_of(project: Path, model: str) -> PromotionSpec | None:
    """How the project serves this model; None where it doesn't say. Raises UsageError for a wrong configuration."""
    found = find_project(project)
    return None if found is None else _promotion_in(found, model)


def _promotion_in(project: Project, model: str) -> PromotionSpec | None:
    return next((spec for spec in project.promotions if spec.model == model), None)


def _whole(room: Path) -> Path:
    """The file that says that a checkout is complete. Replicas may run in it: it is not made anew."""
    return room.with_suffix(".whole")


def _is_whole(room: Path) -> bool:
    return room.is_dir() and _whole(room).exists()


def serving_of(project: Path, model: str) -> DeploymentSpec | None:
    """The project's deployment that serves this model; None where it doesn't say. Raises UsageError."""
    found = find_project(project)
    spec = None if found is None else _promotion_in(found, model)
    if found is None or spec is None:
        return None
    return next(one for one in found.deployments if one.name == spec.deployment)


def remove_code(project: Path, folder: Path, keep: frozenset[str]) -> None:
    """Remove the checkouts in a deployment's folder but those for the wishes with these fingerprints."""
    rooms = (room for room in folder.glob(f"{_CODE}*") if room.is_dir())
    stale = [room for room in rooms if room.name.removeprefix(_CODE) not in keep]
    if not stale:
        return
    repository = open_repository(project)
    for room in stale:
        _whole(room).unlink(missing_ok=True)
        remove_checkout(repository, room)
        shutil.rmtree(room, ignore_errors=True)


def _identity(wish: DeployWish, folder: Path) -> tuple[str, ...]:
    return ("--name", wish.model, "--version", str(wish.number), "--door", os.fspath(folder))


def _command(
    wish: DeployWish, deployment: DeploymentSpec, env: Mapping[str, str], port: int, own: tuple[str, ...]
) -> tuple[str, ...]:
    words = command_line(deployment.run or "", {**env, "PORT": str(port)}, where=wish.name)
    if not deployment.served:
        return tuple(words)
    # What the configuration says after them wins.
    head = len(_SERVE)
    return (*words[:head], *own, *words[head:])


def check_replicas(deployment: DeploymentSpec | None, replicas: int, *, where: str) -> None:
    """Raise UsageError for several replicas of what has an address for itself."""
    if replicas > 1 and deployment is not None and not deployment.served:
        raise UsageError(
            f"{deployment.name} is started by `run:`, and only servers of `serve:` can share an address",
            where=where,
            remedy="deploy it with --replicas 1, or let seatrial serve it: `serve:` in place of `run:`",
        )

"""Which adapter stands behind which port: the only room that knows them."""

import getpass
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import __version__

if TYPE_CHECKING:
    from seatrial.adapters.prometheus import PrometheusServer
    from seatrial.adapters.registry.mlflow_models import MlflowModels
    from seatrial.aicoe.gathered import Facts
    from seatrial.aicoe.results import ResultTools
    from seatrial.bot.book import BotBook
    from seatrial.bot.pump import Pump
    from seatrial.bot.tools import BotTools, Mailbox
    from seatrial.deployments.book import Started
    from seatrial.deployments.deploy import DeployTools
    from seatrial.deployments.means import Prepared
    from seatrial.deployments.server import Duty
    from seatrial.deployments.supervisor import Supervisor
    from seatrial.forge.publication import Publication
    from seatrial.gateway.endpoints import Arms
    from seatrial.gateway.log.book import Book as LogBook
    from seatrial.gateway.log.keeper import LogKeeper
    from seatrial.gateway.routes import Routes
    from seatrial.gateway.tools import GatewayTools
    from seatrial.notices.deliver import NoticeTools
    from seatrial.ports import (
        Clock,
        CodeTarget,
        Forge,
        Metrics,
        Notify,
        Objects,
        Query,
        Registry,
        Runtime,
        Store,
        Traffic,
    )
    from seatrial.records import (
        AccessLine,
        Actor,
        DeployState,
        DeployStatus,
        DeployWish,
        ForgeSpec,
        GatewaySpec,
        MirrorReport,
        Notice,
        NotifySpec,
        PublishTarget,
        RegistrySpec,
        Release,
        SourceSpec,
        SyncSpec,
    )
    from seatrial.registry.tools import RegistryTools
    from seatrial.release.desk import ReleaseDesk
    from seatrial.release.report.reporter import ReportMeans
    from seatrial.release.runner import ReleaseRunner
    from seatrial.sync.tools import SyncTools
    from seatrial.trial.tools import Tools


_SERVERS = 64  # Prometheus servers that are kept open


def cache_folder() -> Path:
    """Where environments are kept between trials: `$XDG_CACHE_HOME/seatrial`, or `~/.cache/seatrial`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "seatrial"


@contextmanager
def open_trial(project: Path) -> "Iterator[Tools]":
    """The tools for trials of one project, on this machine. Raises UsageError if there is no project."""
    from seatrial.adapters.clock import SystemClock
    from seatrial.adapters.runtime.process import ProcessRuntime
    from seatrial.adapters.store.directory import DirectoryStore
    from seatrial.config.foreign import NAMES
    from seatrial.config.load import no_config
    from seatrial.journal import open_journal
    from seatrial.trial.tools import Tools
    from seatrial.trial.workspace import open_workspace

    if not any((project / name).is_file() for name in NAMES):
        raise no_config(project.resolve())
    clock = SystemClock()
    workspace = open_workspace(project)
    runtime = ProcessRuntime()
    journal = open_journal(workspace.root, clock)
    try:
        yield Tools(
            project=project.resolve(),
            workspace=workspace,
            clock=clock,
            runtime=runtime,
            store=DirectoryStore(workspace.store),
            journal=journal,
            stacks=cache_folder() / "stacks",
            machine=machine_facts() | dict(runtime.describe()),
        )
    finally:
        journal.close()


@contextmanager
def open_registry(project: Path) -> "Iterator[RegistryTools]":
    """The registry of the project in a folder, or that folder's own with all defaults where no project is.

    Raises:
        UsageError: the configuration is wrong, `${NAME}` in the URL isn't set, or the database is newer than seatrial.
        PermanentError: the database does not answer.
    """
    from seatrial.adapters.clock import SystemClock
    from seatrial.registry.tools import RegistryTools
    from seatrial.trial.workspace import open_workspace

    spec = _registry_spec(project)
    workspace = open_workspace(project)
    store = open_store(spec.artifacts, project.resolve(), workspace.root)
    registry = _registry(spec, project.resolve(), workspace.root, store)
    try:
        yield RegistryTools(
            registry=registry,
            rules=spec.rules,
            clock=SystemClock(),
            store=store,
            project=project.resolve(),
            root=workspace.root,
            spec=spec,
        )
    finally:
        registry.close()


def _registry_spec(project: Path) -> "RegistrySpec":
    from seatrial.config import find_project
    from seatrial.records import RegistrySpec

    found = find_project(project)
    return RegistrySpec() if found is None else found.registry


def _registry(spec: "RegistrySpec", project: Path, root: Path, store: "Store") -> "Registry":
    from seatrial.adapters.registry.sql import SqlRegistry
    from seatrial.adapters.registry.sql_ledger import SqlLedger, open_ledger_database

    own = f"sqlite:///{root / 'registry.db'}"
    url = registry_url(spec, os.environ) or own
    if url.startswith(("http://", "https://")):
        from seatrial.adapters.registry.mlflow import open_mlflow

        ledger = _ledger_url(spec, os.environ) or own
        return open_mlflow(url, SqlLedger(open_ledger_database(_in_project(ledger, project)), spec.rules), spec.rules)
    return SqlRegistry(open_ledger_database(_in_project(url, project)), store, spec.rules)


def open_mlflow_models(url: str) -> "MlflowModels":
    """The models of an MLflow server, to copy from or to. Raises UsageError if MLflow's client is not installed."""
    from seatrial.adapters.registry.mlflow_models import open_models

    return open_models(url)


def _ledger_url(spec: "RegistrySpec", environ: Mapping[str, str]) -> str | None:
    from seatrial.trial.build.environment import filled

    return spec.ledger and filled(spec.ledger, environ, what="the url", where="seatrial.yaml: registry.ledger")


def registry_url(spec: "RegistrySpec", environ: Mapping[str, str]) -> str | None:
    """The registry's complete URL; None where it is in the workspace. Raises UsageError if a `${NAME}` isn't set."""
    from seatrial.trial.build.environment import filled

    return spec.url and filled(spec.url, environ, what="the url", where="seatrial.yaml: registry.url")


def _in_project(url: str, project: Path) -> str:
    """The URL of a database; a relative path of SQLite's counts from the project, and its folder is made."""
    path = url.removeprefix("sqlite:///")
    if path in {url, "", ":memory:"}:
        return url
    file = project / path
    file.parent.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{file}"


def who_acts(project: Path) -> "Actor":
    """The person who runs this command. Raises UsageError if nothing says who that is."""
    from seatrial.registry.actor import find_actor

    return find_actor(os.environ, {"git config user.email": lambda: _git_email(project), "login": _login})


def _git_email(project: Path) -> str:
    from seatrial.records import UsageError
    from seatrial.trial.change.git import Git

    try:
        return Git(project.resolve()).attempt("config", "--get", "user.email").text
    except UsageError:
        return ""


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number and no name
        return ""


def open_store(artifacts: str | None, project: Path, root: Path) -> "Store":
    """Where the files of model versions are kept.

    Args:
        artifacts: `registry.artifacts` of the configuration: a folder, `s3://bucket/prefix`, or None.
        project: the project's folder; a relative folder counts from there.
        root: the project's workspace; its own store is taken where nothing is configured.

    Raises:
        UsageError: no such kind of place is known, or what it needs is not installed.
    """
    from seatrial.adapters.store.directory import DirectoryStore
    from seatrial.adapters.store.objects import ObjectStore
    from seatrial.records import UsageError

    if artifacts is None:
        return DirectoryStore(root / "store")
    scheme, found, _ = artifacts.partition("://")
    if not found:
        return DirectoryStore(project / artifacts)
    if scheme == "s3":
        return ObjectStore(artifacts)
    raise UsageError(
        f"artifacts can't be kept in {scheme}://",
        where="seatrial.yaml: registry.artifacts",
        remedy="name a folder, or a bucket as s3://bucket/prefix",
    )


def open_notices(project: Path) -> "NoticeTools":
    """What is needed to tell people of a project. Raises UsageError if it has no configuration that can be read."""
    from functools import partial

    from seatrial.adapters.clock import SystemClock
    from seatrial.config import load_project
    from seatrial.notices.deliver import NoticeTools

    found = load_project(project)
    return NoticeTools(
        project=found.name,
        receivers=found.notify,
        clock=SystemClock(),
        open=partial(open_notifier, environ=os.environ),
    )


def open_notifier(spec: "NotifySpec", environ: Mapping[str, str]) -> "Notify":
    """What brings notices to one receiver; needs no closing.

    Args:
        spec: the receiver; `log://` is a line on standard error, anything else goes through apprise.
        environ: what `${NAME}` in its URL refers to.

    Raises:
        UsageError: a variable isn't set, the URL is none that apprise knows, or apprise isn't installed.
    """
    from seatrial.records import UsageError
    from seatrial.trial.build.environment import filled

    url = filled(spec.url, environ, what=f"the url of {spec.name!r}", where="notify")
    if url.casefold().startswith("log://"):
        from seatrial.adapters.notify.log import LogNotify

        return LogNotify(spec.name)
    try:
        from seatrial.adapters.notify.apprise import AppriseNotify
    except ModuleNotFoundError as error:
        raise UsageError(
            f"receiver {spec.name!r} needs a package that is not installed: {error.name}",
            where="notify",
            remedy="pip install 'seatrial[models]'",
        ) from error
    return AppriseNotify(spec, url)


def open_forge(spec: "ForgeSpec", environ: Mapping[str, str], project: Path = Path()) -> "Forge":
    """What speaks to one forge; needs no closing, and asks nothing yet.

    Args:
        spec: which forge; `${NAME}` in its token and key refers to `environ`.
        environ: the environment.
        project: its folder, for the kind `local` that of the repository or one in it.

    Raises:
        UsageError: there is no token or key, a variable isn't set, or the package for it isn't installed.
    """
    from seatrial.records import ForgeKind, UsageError

    if spec.kind is ForgeKind.LOCAL:
        from seatrial.adapters.forge.local import LocalForge

        return LocalForge(project, name=spec.repository)
    try:
        return _as_app(spec, environ, project) if spec.app else _forge(spec, _token(spec, environ))
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the forge needs a package that is not installed: {error.name}",
            where="forge",
            remedy="pip install 'seatrial[forge]'",
        ) from error


def open_publisher(project: Path, environ: Mapping[str, str], pull: int | None = None) -> "Publication":
    """What brings the result of a trial of a project to its pull request, while it runs.

    Args:
        project: its folder.
        environ: the environment, in which CI systems tell where this runs.
        pull: number of the pull request, if the caller knows it.

    Raises:
        UsageError: nothing tells which forge, repository or commit it is, or there is no token.
    """
    from dataclasses import replace

    from seatrial.forge.target import pushed_commit
    from seatrial.records import SeatrialError
    from seatrial.trial.change.git import open_repository

    found = _on_forge(project, environ, pull=pull)
    target = found.target
    with suppress(SeatrialError):  # the publisher meets the same trouble, and tells
        git = open_repository(project, environ=environ).git
        target = replace(target, commit=pushed_commit(target, found.forge, git))
    return _publication(replace(found, target=target), project)


def open_publication(
    project: Path, environ: Mapping[str, str], *, name: str, pull: int | None, commit: str | None
) -> "Publication":
    """What brings a report that another job made to its pull request.

    Args:
        project: folder of the repository; need not be one where the CI system tells the rest.
        environ: the environment.
        name: of the report's project.
        pull: number of the pull request, as somebody claims.
        commit: that was tried; None for the one that the environment names.

    Raises:
        UsageError: as `open_publisher`; or the commit is not the pull request's newest.
        TemporaryError, PermanentError: the forge does not say.
    """
    from seatrial.forge.claim import check_claim

    found = _on_forge(project, environ, pull=pull, commit=commit, name=name)
    check_claim(found.target, found.forge)
    return _publication(found, project)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnForge:
    """A forge, and what belongs where on it."""

    spec: "ForgeSpec"
    forge: "Forge"
    target: "PublishTarget"


def _publication(found: _OnForge, project: Path) -> "Publication":
    from dataclasses import replace

    from seatrial.adapters.clock import SystemClock
    from seatrial.forge.publication import Publication
    from seatrial.forge.publish import Publisher
    from seatrial.forge.shelf import link_to
    from seatrial.forge.target import lines_of

    spec, target = found.spec, found.target
    if spec.reports_url:
        target = replace(target, report_url=link_to(target, spec.reports_url))
    key = f"{target.run_url or 'by hand'} {target.commit}"
    return Publication(
        publisher=Publisher(found.forge, target, clock=SystemClock(), key=key, lines=lines_of(project)),
        target=target,
        shelf=open_objects(spec.reports, project) if spec.reports else None,
    )


def open_objects(place: str, project: Path) -> "Objects":
    """Objects by key in a folder, relative to the project's, or in `s3://bucket/prefix`.

    Raises:
        UsageError: no such kind of place is known, or what it needs is not installed.
    """
    from seatrial.adapters.objects.directory import DirectoryObjects
    from seatrial.records import UsageError

    scheme, found, _ = place.partition("://")
    if not found:
        return DirectoryObjects(project / place)
    if scheme == "s3":
        from seatrial.adapters.objects.bucket import BucketObjects

        return BucketObjects(place)
    raise UsageError(
        f"reports can't be kept in {scheme}://",
        where="seatrial.yaml: forge.reports",
        remedy="name a folder, or a bucket as s3://bucket/prefix",
    )


def _on_forge(
    project: Path,
    environ: Mapping[str, str],
    *,
    pull: int | None,
    commit: str | None = None,
    name: str | None = None,
) -> _OnForge:
    from dataclasses import replace

    from seatrial.config import find_project
    from seatrial.forge.choose import choose_forge
    from seatrial.forge.place import find_place
    from seatrial.forge.target import find_repository, find_target, hint, origin
    from seatrial.records import ForgeKind, UsageError

    try:
        configured = find_project(project)
    except UsageError:
        configured = None  # what is wrong with it is the trial's to say, on the pull request
    repository = find_repository(project, environ)
    remote = "" if repository is None else origin(repository.git)
    place = find_place(environ, lambda path: Path(path).read_bytes())
    spec = choose_forge(None if configured is None else configured.forge, place, remote)
    if spec is None:
        raise UsageError("nothing tells which forge the repository is on", where=str(project), remedy=hint(remote))
    if spec.kind is ForgeKind.LOCAL:
        from seatrial.adapters.forge.local import LocalForge

        local = LocalForge(project, name=spec.repository)
        spec, pull = replace(spec, repository=local.repository), pull or local.number_of()
    own = project.resolve().name if configured is None else configured.name
    target = find_target(spec, place, repository, project=name or own, pull=pull, commit=commit)
    return _OnForge(spec=spec, forge=open_forge(spec, environ, project), target=target)


def _as_app(spec: "ForgeSpec", environ: Mapping[str, str], project: Path) -> "Forge":
    from seatrial.adapters.forge.github import GithubForge
    from seatrial.adapters.forge.github_key import read_key

    return GithubForge(spec.url, spec.api, read_key(spec, environ, project))


def _token(spec: "ForgeSpec", environ: Mapping[str, str]) -> str:
    from seatrial.forge.choose import TOKENS, token_of
    from seatrial.records import UsageError
    from seatrial.trial.build.environment import filled

    token = filled(spec.token, environ, what="token", where="forge") if spec.token else token_of(spec, environ)
    if not token:
        name = TOKENS[spec.kind][0]
        raise UsageError(
            f"there is no token for {spec.url}",
            where="forge",
            remedy=f"set {name} in the environment; docs/how-to/{spec.kind.value}.md tells which rights it needs",
        )
    return token


def _forge(spec: "ForgeSpec", token: str) -> "Forge":
    from seatrial.records import ForgeKind

    if spec.kind is ForgeKind.GITHUB:
        from seatrial.adapters.forge.github import GithubForge

        return GithubForge(spec.url, spec.api, token)
    if spec.kind is ForgeKind.GITLAB:
        from seatrial.adapters.forge.gitlab import GitlabForge

        return GitlabForge(spec.url, spec.api, token)
    from seatrial.adapters.forge.gitea import GiteaForge

    return GiteaForge(spec.url, spec.api, token)


@dataclass(frozen=True, slots=True, kw_only=True)
class BotParts:
    """The bot in this process.

    Attributes:
        tools: what its trials work with; `Attendant(project, say, bot=…)` runs them.
        queue: where trials wait; it works from any thread, also while the workflows are not open.
        pump: deals with what the forge told.
    """

    tools: "BotTools"
    queue: "Mailbox"
    pump: "Pump"

    @property
    def book(self) -> "BotBook":
        """What the bot knows."""
        return self.tools.book

    @property
    def duties(self) -> "tuple[Duty, ...]":
        """What a server does for the bot beside receiving webhooks; a worker leaves it alone."""
        return (self.pump,)


@contextmanager
def open_bot(project: Path, say: "Callable[[str], None]", tell: "Callable[[Notice], None]") -> "Iterator[BotParts]":
    """The bot of a project.

    Args:
        project: folder with a `seatrial.yaml` that has `forge` and `bot`.
        say: gets a line for everything that happens.
        tell: sees to it that those who want a notice get it.

    Raises:
        UsageError: the configuration has no bot, or the forge's token is missing.
        PermanentError: the database does not answer.
    """
    from seatrial.adapters.clock import SystemClock
    from seatrial.adapters.runtime.process import ProcessRuntime
    from seatrial.bot.book import open_bot_book
    from seatrial.bot.checkouts import Checkouts
    from seatrial.bot.confine import Confinement
    from seatrial.bot.hiding import without_secrets
    from seatrial.bot.pump import Pump
    from seatrial.bot.runner import Runner
    from seatrial.bot.tools import BotTools, Mailbox, bot_key
    from seatrial.config import load_project
    from seatrial.forge.publish import Publisher
    from seatrial.records import UsageError
    from seatrial.trial.workspace import open_workspace

    config = load_project(project)
    if config.bot is None or config.forge is None:
        raise UsageError(
            "the configuration has no bot",
            where=str(project / "seatrial.yaml"),
            remedy="add bot: and forge:; see docs/how-to/bot.md",
        )
    root = open_workspace(project).root
    clock = SystemClock()
    runtime = ProcessRuntime()
    forge = open_forge(config.forge, os.environ, project)
    book = open_bot_book(root, registry_url(config.registry, os.environ))
    queue = Mailbox()
    tools = BotTools(
        key=bot_key(config),
        worker=f"{platform.node() or 'localhost'}/{os.getpid()}",
        spec=config.bot,
        book=book,
        forge=forge,
        store=open_store(config.registry.artifacts, project, root),
        clock=clock,
        checkouts=Checkouts(root / "bot", clock, runtime, os.environ),
        runner=Runner(clock, runtime),
        confinement=Confinement(cache_folder() / "stacks", os.environ),
        environ=without_secrets(os.environ, config),
        publisher=lambda target, key: Publisher(forge, target, clock=clock, key=key),
        say=say,
        tell=tell,
    )
    try:
        yield BotParts(
            tools=tools,
            queue=queue,
            pump=Pump(book, forge, config.bot, queue, clock, say, reports=tools.kept_report),
        )
    finally:
        book.close()


def open_sync(project: Path) -> "SyncTools":
    """The tools for copying a project's code. Raises UsageError if the project does not say where to."""
    from seatrial.adapters.clock import SystemClock
    from seatrial.config import CONFIG_NAME, load_project
    from seatrial.records import UsageError
    from seatrial.sync.tools import SyncTools
    from seatrial.trial.change.git import open_repository

    found = load_project(project)
    if found.sync is None:
        raise UsageError(
            "where the code goes is not said", where=CONFIG_NAME, remedy="add `sync: FOLDER`, or the URL of a workspace"
        )
    return SyncTools(
        project=found.name,
        spec=found.sync,
        repository=open_repository(project),
        target=open_code_target(found.sync, project, os.environ),
        clock=SystemClock(),
        environ=os.environ,
    )


def open_code_target(spec: "SyncSpec", project: Path, environ: Mapping[str, str]) -> "CodeTarget":
    """Where the project's code is copied to: a folder, a bucket or a Databricks workspace, by the target's scheme.

    Raises UsageError for a scheme that nobody knows, and for a target that takes a package which is not installed.
    """
    from seatrial.adapters.code.target import PlacedTarget
    from seatrial.records import UsageError
    from seatrial.trial.build.environment import filled

    target = filled(spec.target, environ, what="sync.target")
    scheme, separator, _ = target.partition("://")
    if not separator:
        from seatrial.adapters.code.directory import DirectoryPlace

        return PlacedTarget(DirectoryPlace(project / Path(target).expanduser()))
    if scheme == "s3":
        from seatrial.adapters.code.objects import ObjectPlace

        return PlacedTarget(ObjectPlace(target))
    if scheme == "databricks":
        from seatrial.adapters.code.databricks import DatabricksPlace

        return PlacedTarget(DatabricksPlace(target, environ))
    raise UsageError(
        f"code can't be copied to {scheme}://",
        where="sync.target",
        remedy="name a folder, s3://bucket/prefix or databricks://HOST/PATH",
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
    import sys
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


@contextmanager
def open_gateway(
    project: Path,
    *,
    busy: "Callable[[str], str]" = lambda _: "",
    phases: "Callable[[], Mapping[str, str]]" = dict,
) -> "Iterator[GatewayTools]":
    """The gateway of a project, which may have no services yet; nothing is started by this.

    Args:
        project: its folder.
        busy: why a service's share must not be changed by hand, in words; empty if it may.
        phases: the phase of the release of each service that is being released, for `/metrics`.
    """
    import logging
    from functools import partial

    from seatrial.adapters.clock import SystemClock
    from seatrial.adapters.page import Page
    from seatrial.deployments.book import open_book
    from seatrial.deployments.server import server_pid
    from seatrial.gateway.facts import KeeperFacts
    from seatrial.gateway.keep import Keeper, KeeperMeans
    from seatrial.gateway.metrics import Exposition, Meters, answer
    from seatrial.gateway.orders import Orders
    from seatrial.gateway.setup import SetupReader
    from seatrial.gateway.sight import Sight
    from seatrial.gateway.tools import GatewayTools, metrics_port
    from seatrial.trial.workspace import open_workspace

    root = open_workspace(project).root
    clock = SystemClock()
    orders, meters = Orders(root / "gateway" / "orders"), Meters()
    book = open_book(root)
    try:
        keeper = Keeper(
            KeeperMeans(
                read=SetupReader(project, clock),
                open=partial(open_traffic, folder=root / "gateway"),
                look=Sight(book, clock),
                orders=orders,
                clock=clock,
                busy=busy,
            )
        )
        facts = KeeperFacts(keeper=keeper, book=book, clock=clock, released=phases)
        page = Page(
            lambda: metrics_port(keeper.setup),
            partial(answer, Exposition(meters, facts)),
            logging.getLogger("seatrial.server").warning,
        )
        yield GatewayTools(
            keeper=keeper,
            orders=orders,
            meters=meters,
            facts=facts,
            clock=clock,
            duties=(keeper, page),
            busy=busy,
            server=lambda: server_pid(root),
        )
    finally:
        book.close()


@contextmanager
def open_access_log(
    project: Path,
    traffic: "Callable[[], Traffic | None]",
    *,
    seconds: "Callable[[], Mapping[str, float]]" = dict,
    observe: "Callable[[AccessLine], None]" = lambda _: None,
) -> "Iterator[LogKeeper]":
    """The keeper of the gateway's access log, a duty of the server; its book has the windows of all services.

    Args:
        project: its folder.
        traffic: the proxy; None while there is none.
        seconds: length of the windows of each service that has another than ten seconds.
        observe: is told of each request, once.
    """
    from seatrial.adapters.clock import SystemClock
    from seatrial.gateway.log.book import Book
    from seatrial.gateway.log.keeper import LogKeeper, LogMeans
    from seatrial.trial.workspace import open_workspace

    root = open_workspace(project).root
    book = Book(root / "gateway")
    try:
        means = LogMeans(
            traffic=traffic,
            seconds=seconds,
            clock=SystemClock(),
            telemetry=root / "telemetry",
            observe=observe,
        )
        yield LogKeeper(book, means)
    finally:
        book.close()


def open_traffic(spec: "GatewaySpec", folder: Path) -> "Traffic":
    """The proxy before the services; nothing is started by this.

    Args:
        spec: which, and where it listens.
        folder: where it keeps its files.

    Raises:
        UsageError: no such proxy is known.
    """
    from seatrial.records import UsageError

    try:
        make = _PROXIES[spec.proxy]
    except KeyError:
        known = ", ".join(sorted(_PROXIES))
        raise UsageError(
            f"there is no proxy {spec.proxy!r}", where="seatrial.yaml: gateway.proxy", remedy=f"known: {known}"
        ) from None
    return make(spec, folder)


def _envoy(spec: "GatewaySpec", folder: Path) -> "Traffic":
    from seatrial.adapters.traffic.envoy.traffic import EnvoyTraffic

    return _proxy(EnvoyTraffic, spec, folder)


def _nginx(spec: "GatewaySpec", folder: Path) -> "Traffic":
    from seatrial.adapters.traffic.nginx.traffic import NginxTraffic

    return _proxy(NginxTraffic, spec, folder)


def _haproxy(spec: "GatewaySpec", folder: Path) -> "Traffic":
    from seatrial.adapters.traffic.haproxy.traffic import HaproxyTraffic

    return _proxy(HaproxyTraffic, spec, folder)


def _proxy(make: "Callable[..., Traffic]", spec: "GatewaySpec", folder: Path) -> "Traffic":
    import hashlib

    from seatrial.adapters.clock import SystemClock

    mark = f"gateway-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"
    return make(spec=spec, folder=folder, runtime=_process_runtime(), clock=SystemClock(), mark=mark)


_PROXIES = {"envoy": _envoy, "nginx": _nginx, "haproxy": _haproxy}

_HEALTH_SECONDS = 5.0
_SERVER_SECONDS = 60.0


def _process_runtime() -> "Runtime":
    from seatrial.adapters.runtime.detect import detect
    from seatrial.adapters.runtime.process import ProcessRuntime

    return ProcessRuntime(cgroups=detect(outliving=True))


_RUNTIMES = {"process": _process_runtime}


def _ensure_server(project: Path, root: Path) -> None:
    """Start the project's server unless it runs. Raises PermanentError if it doesn't get up."""
    import sys

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


def open_sources() -> "tuple[Callable[[SourceSpec], Metrics], Callable[[str], Query]]":
    """Readers of Prometheus servers, by source and by URL, for whoever names one in a request; the latest are kept."""
    from functools import lru_cache

    from seatrial.adapters.metrics.prometheus import PrometheusMetrics
    from seatrial.adapters.prometheus import PrometheusServer
    from seatrial.adapters.query.prometheus import PrometheusQuery

    server = lru_cache(maxsize=_SERVERS)(PrometheusServer)

    @lru_cache(maxsize=_SERVERS)
    def metrics(spec: "SourceSpec") -> "Metrics":
        return PrometheusMetrics(server(spec.url), spec)

    return metrics, lambda url: PrometheusQuery(server(url))


def open_metrics(
    project: Path,
    service: str,
    source: "SourceSpec",
    *,
    model: str,
    log: "LogBook",
    arms: "Callable[[str], Arms]",
) -> "Metrics":
    """Where the windows of a service's releases come from, with the labels that came in; needs no closing.

    Args:
        project: its folder.
        service: its name.
        source: as configured; `${NAME}` in its URL refers to the environment.
        model: name of its model, whose predictions labels are for.
        log: the windows of the gateway's access log.
        arms: both sides of a service as they are now.

    Raises:
        UsageError: windows can't be counted from the source's queries, or a variable isn't set.
    """
    from seatrial.adapters.metrics.access_log import AccessLogMetrics
    from seatrial.adapters.metrics.labels import with_labels
    from seatrial.adapters.metrics.prometheus import PrometheusMetrics
    from seatrial.adapters.metrics.serve import ServeMetrics
    from seatrial.adapters.metrics.serve_replicas import replicas_of
    from seatrial.deployments.logged import log_folder
    from seatrial.trial.workspace import open_workspace

    root = open_workspace(project).root
    metrics: Metrics
    if source.kind == "prometheus":
        metrics = PrometheusMetrics(_prometheus(source.url, f"services.{service}.release.source.url"), source)
    elif source.kind == "serve":
        metrics = ServeMetrics(lambda watched: replicas_of(arms(watched.service), watched), root / "gateway" / "looks")
    else:
        metrics = AccessLogMetrics(log)
    return with_labels(metrics, str(log_folder(root, model)))


def open_query(url: str) -> "Query":
    """What answers the PromQL of thresholds; needs no closing.

    Args:
        url: of a Prometheus, as configured; `${NAME}` in it refers to the environment.

    Raises:
        UsageError: it is no such URL, or a variable isn't set.
    """
    from seatrial.adapters.query.prometheus import PrometheusQuery

    return PrometheusQuery(_prometheus(url, "services"))


def _prometheus(url: str, where: str) -> "PrometheusServer":
    from seatrial.adapters.prometheus import PrometheusServer
    from seatrial.trial.build.environment import filled

    return PrometheusServer(filled(url, os.environ, what="the url of a Prometheus", where=where))


def open_results(project: Path, environ: Mapping[str, str], known: "Facts | None" = None) -> "ResultTools":
    """What the results of trials in a repository of the AICoE ecosystem are gathered with and kept in; needs no closing.

    Nothing is asked yet, and nothing raises: what the environment says wrongly is a sentence in it.

    Args:
        project: the repository's folder.
        environ: the environment: `THOTH_S3_ENDPOINT_URL`, `THANOS_ENDPOINT` and the others of that pipeline.
        known: which repository and pull request it is; None: as the CI system's environment and git say.
    """
    from seatrial.adapters.objects.directory import DirectoryObjects
    from seatrial.aicoe.results import ResultTools
    from seatrial.records import SeatrialError
    from seatrial.trial.workspace import open_workspace

    problems: list[str] = []
    folder = open_workspace(project).root / "aicoe"
    where, objects, prometheus = str(folder), None, None
    try:
        bucket = _thoth_bucket(environ)
        where, objects = bucket or (where, DirectoryObjects(folder))
    except SeatrialError as error:
        problems.append(f"the results are not stored: {error}")
    try:
        prometheus = _thanos(environ)
    except SeatrialError as error:
        problems.append(f"the platform metrics are those that seatrial measured: {error}")
    return ResultTools(
        folder=project.resolve(),
        environ=environ,
        where=where,
        objects=objects,
        prometheus=prometheus,
        known=_known_facts(project, environ) if known is None else known,
        problems=tuple(problems),
    )


def _known_facts(project: Path, environ: Mapping[str, str]) -> "Facts":
    from seatrial.aicoe.gathered import Facts
    from seatrial.forge.place import find_place
    from seatrial.forge.remote import parse_remote
    from seatrial.forge.target import origin
    from seatrial.records import SeatrialError
    from seatrial.trial.change.git import open_repository

    place = find_place(environ, lambda path: Path(path).read_bytes())
    number = None if place is None else place.number
    if place is not None and place.forge is not None and place.repository:
        return Facts(repository=place.repository, url=f"{place.forge.url}/{place.repository}", number=number)
    try:
        remote = parse_remote(origin(open_repository(project, environ=environ).git))
    except SeatrialError:
        remote = None
    if remote is None:
        return Facts(number=number)
    return Facts(repository=remote.repository, url=f"{remote.site}/{remote.repository}", number=number)


def _thoth_bucket(environ: Mapping[str, str]) -> "tuple[str, Objects] | None":
    """The bucket that the environment names; None where it names none."""
    from seatrial.adapters.buckets import Access
    from seatrial.adapters.objects.bucket import BucketObjects
    from seatrial.records import UsageError

    names = ("THOTH_S3_ENDPOINT_URL", "THOTH_CEPH_BUCKET", "THOTH_CEPH_KEY_ID", "THOTH_CEPH_SECRET_KEY")
    endpoint, bucket, key, secret = (environ.get(name, "").strip() for name in names)
    missing = [name for name in names if not environ.get(name, "").strip()]
    if len(missing) == len(names):
        return None
    if missing:
        raise UsageError(
            "the environment says only half where the results go",
            where="THOTH_…",
            remedy=f"set {', '.join(missing)} as well, or none of {', '.join(names)}",
        )
    if not endpoint.startswith(("http://", "https://")):
        raise UsageError("this is no address of an object store", where=names[0], remedy="write https://HOST")
    url = f"s3://{bucket}"
    variables = f"{', '.join(names[:-1])} and {names[-1]}"
    return url, BucketObjects(url, Access(endpoint=endpoint, key=key, secret=secret, variables=variables))


def _thanos(environ: Mapping[str, str]) -> "Query | None":
    """The Prometheus or Thanos that the environment names; None where it names none."""
    from urllib.parse import quote, urlsplit, urlunsplit

    from seatrial.adapters.prometheus import PrometheusServer
    from seatrial.adapters.query.prometheus import PrometheusQuery
    from seatrial.records import UsageError

    endpoint, token = (environ.get(name, "").strip() for name in ("THANOS_ENDPOINT", "THANOS_ACCESS_TOKEN"))
    if not endpoint:
        return None
    if not (token.isascii() and token.isprintable()):
        raise UsageError(
            "this is no token", where="THANOS_ACCESS_TOKEN", remedy="set it to the token alone, on one line"
        )
    server = PrometheusServer(endpoint)  # says what is wrong with the address
    if token:
        parts = urlsplit(endpoint)
        login = f"bearer:{quote(token, safe='')}@{parts.netloc.rpartition('@')[2]}"
        server = PrometheusServer(urlunsplit((parts.scheme, login, parts.path, "", "")))
    return PrometheusQuery(server)


def open_clock() -> "Clock":
    """The system's time."""
    from seatrial.adapters.clock import SystemClock

    return SystemClock()


def machine_facts() -> dict[str, str]:
    """What the report says of the machine."""
    return {
        "seatrial": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def examine() -> dict[str, dict[str, str]]:
    """What this machine can do, by topic, for `seatrial doctor`."""
    from seatrial.adapters.runtime.process import ProcessRuntime

    return {
        "machine": machine_facts(),
        "runtime": dict(ProcessRuntime().describe()),
        "engines": {name: _version_of(name, how) for name, how in _ENGINES.items()},
        "folders": {"environments": str(cache_folder() / "stacks")},
    }


_ENGINES = {
    "git": ("git", "--version"),
    "uv": ("uv", "--version"),
    "docker": ("docker", "--version"),
    "podman": ("podman", "--version"),
    "dvc": ("dvc", "--version"),
    "chromium": ("chromium", "--version"),
    "envoy": ("envoy", "--version"),
    "nginx": ("nginx", "-v"),
    "haproxy": ("haproxy", "-v"),
}


def _version_of(name: str, command: tuple[str, ...]) -> str:
    beside = Path(sys.executable).with_name(command[0])
    path = _uv() if name == "uv" else str(beside) if beside.is_file() else shutil.which(command[0])
    if path is None:
        return "not found"
    try:
        answer = subprocess.run([path, *command[1:]], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return f"{path} does not answer"
    lines = (answer.stdout or answer.stderr).strip().splitlines()
    return lines[0] if lines else f"{path} answers nothing"


def _uv() -> str | None:
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")

"""The registry, the ledger, who acts, and where the files of models are kept."""

import getpass
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.adapters.registry.mlflow_models import MlflowModels
    from seatrial.ports import (
        Registry,
        Store,
    )
    from seatrial.records import (
        Actor,
        RegistrySpec,
    )
    from seatrial.registry.tools import RegistryTools


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

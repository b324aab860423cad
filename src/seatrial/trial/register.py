"""Registers a model with everything that can be known of it: the story of `seatrial models register`.

What only its maker knows (metrics, tags, a description) is given; what can be found out (commit, data, stack, flavour and
signature) is found out. What can't is left open with a note: a model without a commit is still a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from seatrial.config import find_project
from seatrial.records import Actor, Lineage, ModelVersion, VersionDraft
from seatrial.registry.artifacts import check_model
from seatrial.registry.examine import Examined, examine
from seatrial.registry.names import find_version
from seatrial.registry.tools import RegistryTools
from seatrial.trial.change.registered import DIRTY_TAG
from seatrial.trial.origin import find_code, find_data, find_stack

_UNOPENED: Final = Examined(note="its signature is not known: it was not opened")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRequest:
    """What is to be registered.

    Attributes:
        path: of the model.
        name: under which it is registered.
        data: file, folder or `.dvc` pointer that it was trained on; None where it isn't told.
        data_version: version of the data in the maker's own words, in place of `data`.
        run: of the training.
        parent: number, stage or `latest` of the version that it came from; None for none.
        trusted: digests of pickles that may be opened; empty trusts the file that is registered.
        opened: whether the model is opened to read its signature.
    """

    path: Path
    name: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    data: Path | None = None
    data_version: str | None = None
    run: str | None = None
    parent: str | None = None
    trusted: tuple[str, ...] = ()
    opened: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The new version, and what could not be found out about it."""

    version: ModelVersion
    notes: tuple[str, ...]


def register_model(
    request: RegisterRequest, tools: RegistryTools, actor: Actor, environ: Mapping[str, str]
) -> Registered:
    """Register a model.

    Args:
        request: what, and what its maker knows of it.
        tools: the registry, and the project that it was made in.
        actor: who registers it.
        environ: of the command.

    Raises:
        UsageError: there is no such model, data or parent, or the name can't be one.
        PermanentError: the files can't be read or stored.
        TemporaryError: they changed meanwhile.
    """
    check_model(request.path)
    lineage, tags, notes = _origin(request, tools, environ)
    examined = _examined(request, tools)
    draft = VersionDraft(
        model=request.name,
        creator=actor,
        created=tools.clock.now(),
        lineage=lineage,
        flavour=examined.flavour,
        signature=examined.signature,
        metrics=request.metrics,
        tags={**tags, **request.tags},
        description=request.description,
    )
    version = tools.registry.register(draft, request.path)
    return Registered(version=version, notes=tuple(filter(None, (*notes, examined.note, _changed(examined, version)))))


def _changed(examined: Examined, version: ModelVersion) -> str:
    if examined.digest in {"", version.artifact.digest}:
        return ""
    return "its files changed after its signature was read: register it again once nothing writes there any more"


def _origin(
    request: RegisterRequest, tools: RegistryTools, environ: Mapping[str, str]
) -> tuple[Lineage, dict[str, str], tuple[str, ...]]:
    """Where it comes from, the tags that say more of it, and notes."""
    apart = [path for path in (request.path, request.data) if path is not None]
    code = find_code(tools.project, environ=environ, apart_from=apart)
    stack, stack_note = find_stack(tools.project, find_project(tools.project), request.name, code)
    lineage = Lineage(
        commit=code.commit,
        branch=code.branch,
        data=find_data(request.data) if request.data is not None else request.data_version,
        stack=stack,
        run=request.run,
        parent=_parent(request, tools),
    )
    return lineage, {DIRTY_TAG: "true"} if code.dirty else {}, (code.note, stack_note)


def _parent(request: RegisterRequest, tools: RegistryTools) -> int | None:
    if request.parent is None:
        return None
    return find_version(f"{request.name}@{request.parent}", tools.registry, tools.rules).number


def _examined(request: RegisterRequest, tools: RegistryTools) -> Examined:
    if not request.opened:
        return _UNOPENED
    return examine(request.path, trusted=request.trusted, cwd=tools.project)

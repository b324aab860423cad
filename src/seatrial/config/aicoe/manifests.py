"""What the manifests of an overlay say of how it is deployed: environment, port, probe, limits.

Taken are the first container of a DeploymentConfig or Deployment, of the folder's own files over those of the folders that
its kustomization builds upon (kustomize's strategic merge, for these fields).
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from seatrial.config.aicoe.files import Files, has, inside, joined
from seatrial.config.aicoe.nodes import documents, plain
from seatrial.config.quantities import parse_cpu, parse_size
from seatrial.records import UsageError

_KINDS: Final = frozenset({"DeploymentConfig", "Deployment", "StatefulSet"})
_NAMES: Final = ("deploymentconfig.yaml", "deployment.yaml")
_KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml")
_LISTED: Final = ("resources", "bases", "patchesStrategicMerge", "patches")
_DEEPEST: Final = 4
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is taken of the manifests.

    Attributes:
        name: of the DeploymentConfig or Deployment; empty without.
        asked: variables whose value is in a secret or elsewhere in the cluster, and where.
        port: that the container listens on.
        health: path of its readiness probe.
        cpu, memory: limits, as written.
        command, args: words; empty where the image says.
        files: which were read.
        notes: on what was not understood.
    """

    name: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    health: str = ""
    cpu: str = ""
    memory: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_manifests(files: Files, folders: Sequence[str]) -> Manifest:
    """What the first of these folders that has manifests says; nothing where none has."""
    found = Manifest()
    for folder in dict.fromkeys(folders):
        found = _read_folder(files, folder, Manifest(notes=found.notes), 0)
        if found.files:
            break
    return replace(found, notes=tuple(dict.fromkeys(found.notes)))


def _read_folder(files: Files, folder: str, below: Manifest, depth: int) -> Manifest:
    """A folder's manifests over `below`."""
    try:
        listed = list(_listed(files, folder))
    except UsageError as error:
        listed, below = [], replace(below, notes=(*below.notes, f"{error.where}: {error.what}; it was passed over"))
    manifest = below
    for path in listed:
        if depth < _DEEPEST and not path.endswith((".yaml", ".yml")):
            manifest = _read_folder(files, path, manifest, depth + 1)
    own = [path for path in listed if path.endswith((".yaml", ".yml"))]
    for path in dict.fromkeys((*own, *(joined(folder, name) for name in _NAMES))):
        manifest = _read_file(files, path, manifest)
    return manifest


def _listed(files: Files, folder: str) -> Iterator[str]:
    """Files and folders that the kustomization of a folder builds upon."""
    for name in _KUSTOMIZATIONS:
        for document in _documents(files, joined(folder, name)):
            for key in _LISTED:
                for entry in _sequence(document.get(key)):
                    named = entry if isinstance(entry, str) else _mapping(entry).get("path")
                    path = (
                        inside(posixpath.join(folder, named)) if isinstance(named, str) and "://" not in named else ""
                    )
                    if path:
                        yield path


def _read_file(files: Files, path: str, below: Manifest) -> Manifest:
    if not has(files, path):
        return below
    try:
        found = list(_documents(files, path))
    except UsageError as error:
        return replace(below, notes=(*below.notes, f"{error.where}: {error.what}; nothing was taken from it"))
    manifest = below
    for document in found:
        if document.get("kind") in _KINDS:
            manifest = _over(manifest, document, path)
    return manifest


def _documents(files: Files, path: str) -> Iterator[Mapping[str, object]]:
    data = files.read(path) if path else None
    for node in [] if data is None else documents(data, path):
        document = plain(node)
        if isinstance(document, dict):
            yield document


def _over(below: Manifest, document: Mapping[str, object], path: str) -> Manifest:
    """One deployment's first container over what is known."""
    pod = _mapping(_mapping(_mapping(document.get("spec")).get("template")).get("spec"))
    containers = _sequence(pod.get("containers"))
    container = _mapping(containers[0]) if containers else {}
    env, asked, notes = _environment(container, path)
    limits = _mapping(_mapping(container.get("resources")).get("limits"))
    probe = _mapping(_mapping(container.get("readinessProbe")).get("httpGet"))
    name = _mapping(document.get("metadata")).get("name")
    return Manifest(
        name=name if isinstance(name, str) else below.name,
        env={**{key: value for key, value in below.env.items() if key not in asked}, **env},
        asked={**{key: value for key, value in below.asked.items() if key not in env}, **asked},
        port=_port(container) or below.port,
        health=_path(probe.get("path")) or below.health,
        cpu=_quantity(limits.get("cpu"), parse_cpu) or below.cpu,
        memory=_quantity(limits.get("memory"), parse_size) or below.memory,
        command=_words(container.get("command")) or below.command,
        args=_words(container.get("args")) or below.args,
        files=(*below.files, path),
        notes=(*below.notes, *notes),
    )


def _environment(container: Mapping[str, object], path: str) -> tuple[dict[str, str], dict[str, str], list[str]]:
    env: dict[str, str] = {}
    asked: dict[str, str] = {}
    notes = []
    for entry in map(_mapping, _sequence(container.get("env"))):
        name, value = entry.get("name"), entry.get("value")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            notes.append(f"{path}: a variable without a proper name was left out")
        elif "valueFrom" in entry:
            asked[name] = _source(_mapping(entry["valueFrom"]))
        else:
            env[name] = value.replace("\0", "") if isinstance(value, str) else ""
    if container.get("envFrom"):
        notes.append(f"{path}: envFrom (variables that are kept in the cluster) was left out")
    return env, asked, notes


def _source(given: Mapping[str, object]) -> str:
    """`secret NAME, key KEY`."""
    for kind, called in (("secretKeyRef", "secret"), ("configMapKeyRef", "config map")):
        reference = _mapping(given.get(kind))
        if reference:
            return f"{called} {reference.get('name') or '?'}, key {reference.get('key') or '?'}"
    return "the cluster"


def _port(container: Mapping[str, object]) -> int | None:
    ports = [_mapping(port).get("containerPort") for port in _sequence(container.get("ports"))]
    numbers = [int(port) for port in ports if isinstance(port, str) and re.fullmatch(r"[1-9]\d{0,4}", port)]
    return numbers[0] if numbers else None


def _path(given: object) -> str:
    return given if isinstance(given, str) and re.fullmatch(r"/[^\s\0]*", given) else ""


def _quantity(given: object, parse: Callable[[str], float]) -> str:
    try:
        return str(given) if given and parse(str(given)) > 0 else ""
    except ValueError:
        return ""


def _words(given: object) -> tuple[str, ...]:
    return tuple(str(word).replace("\0", "") for word in _sequence(given) if word is not None)


def _mapping(given: object) -> Mapping[str, object]:
    return given if isinstance(given, dict) else {}


def _sequence(given: object) -> Sequence[object]:
    return given if isinstance(given, list) else []

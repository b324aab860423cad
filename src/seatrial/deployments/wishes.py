"""From what somebody asks for to the wish that the supervisor fulfils: names, defaults, and what may change.

Asking for the same again changes nothing; asking for a part of it (`--replicas 3`) changes that part alone.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from seatrial.records import DeployWish, ModelVersion, PermanentError, Resources, UsageError

LOOPBACK: Final = "127.0.0.1"
MOST_REPLICAS: Final = 256
FIRST_PORT, PORTS = 20_000, 10_000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WILD: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - told from others, not listened on


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asked for; None and empty: as it is, or the default."""

    name: str | None = None
    cpu: float | None = None
    memory: int | None = None
    replicas: int | None = None
    runtime: str | None = None
    host: str | None = None
    port: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)


def deployment_name(asked: Asked, version: ModelVersion) -> str:
    """The name of the deployment: the one that was asked for, or `MODEL-vNUMBER`. Raises UsageError."""
    if asked.name is None:
        plain = re.sub(r"[^A-Za-z0-9_.-]", "-", version.model).lstrip("_.-") or "model"
        return f"{plain[:80]}-v{version.number}"
    if not _NAME.fullmatch(asked.name):
        raise UsageError(
            f"{asked.name!r} can't be the name of a deployment",
            where="--name",
            remedy="take letters, digits and `_.-`, at most 100, a letter or digit first",
        )
    return asked.name


def new_wish(asked: Asked, version: ModelVersion, *, defaults: Resources, port: int, now: datetime) -> DeployWish:
    """The wish of a deployment that is not there yet.

    Args:
        asked: what was asked for.
        version: what is to be deployed.
        defaults: resources where none were asked for: the project's.
        port: that was found free, where none was asked for.
        now: the time.

    Raises:
        UsageError: something of it can't be.
    """
    return _checked(
        DeployWish(
            name=deployment_name(asked, version),
            model=version.model,
            number=version.number,
            artifact=version.artifact.digest,
            created=now,
            resources=_resources(asked, defaults),
            replicas=1 if asked.replicas is None else asked.replicas,
            runtime=asked.runtime or "process",
            host=asked.host or LOOPBACK,
            port=asked.port or port,
            env=dict(asked.env),
        )
    )


def changed_wish(wish: DeployWish, asked: Asked, version: ModelVersion) -> DeployWish:
    """The wish with what was asked for in place of what it said. Raises UsageError for what can't change."""
    for option, before, now in (("--host", wish.host, asked.host), ("--port", wish.port, asked.port)):
        if now not in {None, 0, before}:
            raise UsageError(
                f"{wish.name} answers at {address(wish)}, and a deployment keeps its address",
                where=option,
                remedy=f"seatrial deployments remove {wish.name}, or deploy under another --name",
            )
    return _checked(
        replace(
            wish,
            model=version.model,
            number=version.number,
            artifact=version.artifact.digest,
            resources=_resources(asked, wish.resources),
            replicas=wish.replicas if asked.replicas is None else asked.replicas,
            runtime=asked.runtime or wish.runtime,
            env={**wish.env, **asked.env},
        )
    )


def scaled(wish: DeployWish, replicas: int) -> DeployWish:
    """The wish with so many replicas. Raises UsageError."""
    return _checked(replace(wish, replicas=replicas))


def fingerprint(wish: DeployWish) -> str:
    """Of everything that an instance is started with; instances of another one are replaced."""
    told = {
        "model": wish.model,
        "number": wish.number,
        "artifact": wish.artifact,
        "cpu": wish.resources.cpu,
        "memory": wish.resources.memory,
        "runtime": wish.runtime,
        "address": [wish.host, wish.port],
        "env": dict(sorted(wish.env.items())),
    }
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def address(wish: DeployWish, machine: str = "localhost") -> str:
    """Where it answers: `http://127.0.0.1:8001`. One that listens everywhere is shown at this machine's name."""
    host = machine if wish.host in _WILD else wish.host
    return f"http://[{host}]:{wish.port}" if ":" in host else f"http://{host}:{wish.port}"


def choose_port(project: str, name: str, is_free: Callable[[int], bool]) -> int:
    """A port from 20000 to 29999; the same deployment gets the same again wherever that is possible.

    They are below those that the system gives to outgoing connections: one of these might be taken when a deployment comes
    back. Raises PermanentError if none is free.
    """
    digest = hashlib.sha256(f"{project}\0{name}".encode("utf-8", "surrogateescape")).digest()
    first = int.from_bytes(digest[:4], "big")
    for offset in range(PORTS):
        port = FIRST_PORT + (first + offset) % PORTS
        if is_free(port):
            return port
    raise PermanentError("none of ten thousand ports is free", remedy="name one with --port")


def read_variables(words: tuple[str, ...]) -> dict[str, str]:
    """`K=V` pairs by name. Raises UsageError."""
    found = {}
    for word in words:
        name, given, value = word.partition("=")
        if not given or not _VARIABLE.fullmatch(name):
            # The value may be a secret.
            raise UsageError(
                f"{name[:40]!r} is no variable with a value", where="--env", remedy="write --env NAME=VALUE"
            )
        found[name] = value
    return found


def _resources(asked: Asked, otherwise: Resources) -> Resources:
    return Resources(
        cpu=otherwise.cpu if asked.cpu is None else asked.cpu,
        memory=otherwise.memory if asked.memory is None else asked.memory,
    )


def _checked(wish: DeployWish) -> DeployWish:
    if not 1 <= wish.replicas <= MOST_REPLICAS:
        raise UsageError(
            f"{wish.replicas} replicas can't be had", where="--replicas", remedy=f"take 1 to {MOST_REPLICAS}"
        )
    if not 0 < wish.port < 65_536:  # noqa: PLR2004 - of TCP
        raise UsageError(f"{wish.port} is no port", where="--port", remedy="take one from 1 to 65535")
    return wish

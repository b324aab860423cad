"""A model that runs for users: which version, with what resources, where it answers, and how it fares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from seatrial.records.deployment import Resources


class DeployState(StrEnum):
    """Where a deployment stands.

    STARTING: not all replicas answer yet. READY: all do. DEGRADED: some do. FAILED: none does and the last tries failed;
    it is still tried again, with longer and longer pauses. STOPPED: by a person.
    """

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployWish:
    """What shall run; the supervisor makes it so and keeps it so.

    Attributes:
        name: of the deployment, unique in the project; by default `MODEL-vNUMBER`.
        model, number, artifact: the version and the digest of its files.
        resources: of each replica.
        replicas: how many; 0 while it is stopped.
        runtime: `process`, or another that `wiring` knows.
        port: where it answers.
    """

    name: str
    model: str
    number: int
    artifact: str
    created: datetime
    resources: Resources = field(default_factory=Resources)
    replicas: int = 1
    runtime: str = "process"
    host: str = "127.0.0.1"
    port: int = 0
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaStatus:
    """One replica as last seen.

    Attributes:
        restarts: how often it failed and was to be started again.
        cpu_seconds, memory: of its process tree; None while it does not run.
        cores: CPU that it used lately, in cores; None where that is not known yet.
        enforced: whether its limits are, and by what (`cgroup v1`), else why not.
        reason: why it does not run; empty while it does.
    """

    index: int
    ready: bool
    restarts: int = 0
    cpu_seconds: float | None = None
    cores: float | None = None
    memory: int | None = None
    enforced: str = ""
    reason: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployStatus:
    """A deployment as last seen by its supervisor.

    Attributes:
        url: where it answers, without a path.
        seen: when.
        reason: why not all of it is as wanted; while it starts, what is being done.
        generation: of the wish that this is about; each time that one is asked for makes the next.
    """

    wish: DeployWish
    state: DeployState
    replicas: tuple[ReplicaStatus, ...] = ()
    url: str = ""
    seen: datetime | None = None
    reason: str = ""
    generation: int = 0

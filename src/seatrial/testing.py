"""Fakes of the ports, shipped so that users' tests, like ours, need no processes, disks or waiting.

They pass the same contract suites as the real adapters (`tests/contract/`). Nothing here draws random numbers or reads
the system's clock, so a test that uses them does the same thing every time.

    clock = FakeClock()
    runtime = FakeRuntime(clock, {"forest@candidate": Script(dies_after=3.0, exit_status=1, log="no such model")})
    instance = runtime.start(launch)
    clock.sleep(3.0)
    assert Status(running=False, exit_status=1) == instance.status()
"""

import hashlib
import math
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import NormalDist

from seatrial.adapters.code.target import PlacedTarget
from seatrial.adapters.forge.memory import ForgeFault, MemoryForge
from seatrial.adapters.objects.keys import checked
from seatrial.adapters.runtime.loopback import PortReserve
from seatrial.adapters.store.copying import new_file, write_all
from seatrial.adapters.stream.memory import MemoryStream
from seatrial.adapters.traffic.memory import Answered, Asked, MemoryTraffic
from seatrial.gateway.endpoints import Deployed, Replica, canary_of
from seatrial.ports import Clock, Launch, Status, Store, StoredObject, Watched
from seatrial.records import (
    ArmWindow,
    Books,
    DeployState,
    Evidence,
    LedgerEntry,
    LedgerHead,
    Limits,
    ModelSummary,
    ModelVersion,
    Move,
    Notice,
    PermanentError,
    SeatrialError,
    StageRules,
    TemporaryError,
    UsagePoint,
    VersionDraft,
    Window,
)
from seatrial.records.window import latency_bin
from seatrial.registry.artifacts import keep_artifact, lay_artifact
from seatrial.registry.inputs import check_draft, check_evidence, check_move, check_texts
from seatrial.registry.ledger import head_after, sealed
from seatrial.registry.lines import movement, registration
from seatrial.registry.moves import Standing, decide, first_lines
from seatrial.registry.numbers import check_parent, no_model, no_version, numbered, other_findings
from seatrial.release.state import Side

__all__ = [
    "Answered",
    "Asked",
    "FakeClock",
    "FakeInstance",
    "FakeRuntime",
    "ForgeFault",
    "MemoryCodeTarget",
    "MemoryFleet",
    "MemoryForge",
    "MemoryNotify",
    "MemoryObjects",
    "MemoryRegistry",
    "MemoryStore",
    "MemoryStream",
    "MemoryTraffic",
    "Script",
    "ScriptedMetrics",
    "made_up",
]
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)


class FakeClock:
    """Time that passes only when someone sleeps. Safe to use from many threads.

    Args:
        start: the wall clock at the beginning, timezone-aware.
    """

    def __init__(self, start: datetime = _EPOCH) -> None:
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The wall clock, timezone-aware UTC."""
        return self._start.astimezone(UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        with self._lock:
            return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass, at once."""
        with self._lock:
            self._elapsed += max(0.0, seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What one fake deployment does. The default runs quietly until it is stopped.

    Attributes:
        start_error: raised instead of starting.
        dies_after: seconds until it ends by itself; None if it doesn't.
        exit_status: with which it then ends (negative: by that signal).
        note: what its status then says, as `out of memory (limit 256 MiB)`.
        ignores_sigterm: it takes the whole grace to stop and is killed.
        cores: CPU that it uses while it runs, in cores.
        memory: bytes that it holds, or a function from seconds since its start to bytes.
        log: what it wrote.
        limits: what is said of its limits.
        serve: called at the start, for what should really listen on `launch.port`; returns what ends it.
    """

    start_error: SeatrialError | None = None
    dies_after: float | None = None
    exit_status: int = 0
    note: str = ""
    ignores_sigterm: bool = False
    cores: float = 0.1
    memory: int | Callable[[float], int] = 50 << 20
    log: str = ""
    limits: Limits = field(default_factory=lambda: Limits(kind="none"))
    serve: Callable[[Launch], Callable[[], None]] | None = None


class FakeInstance:
    """A deployment that follows a script; made by `FakeRuntime.start`.

    Attributes:
        launch: with what it was started.
        stops: how often it was told to stop.
    """

    def __init__(self, launch: Launch, script: Script, clock: FakeClock) -> None:
        self.launch = launch
        self.stops = 0
        self._script = script
        self._clock = clock
        self._started = clock.monotonic()
        self._final: Status | None = None
        self._adopted = False
        self._end_serving = script.serve(launch) if script.serve else None

    @property
    def limits(self) -> Limits:
        """As scripted."""
        return self._script.limits

    @property
    def usage_source(self) -> str:
        """`psutil`, or the kind of the scripted limits."""
        return "psutil" if self.limits.kind == "none" else self.limits.kind

    def status(self) -> Status:
        """Running until the script or a stop ends it."""
        dies_after = self._script.dies_after
        if self._final is None and dies_after is not None and self._age() >= dies_after:
            self._finish(self._script.exit_status, self._script.note)
        return self._final or Status(running=True)

    def usage(self) -> UsagePoint | None:
        """As scripted, while it runs."""
        if not self.status().running:
            return None
        age, memory = self._age(), self._script.memory
        held = memory(age) if callable(memory) else memory
        return UsagePoint(at=age, cpu_seconds=self._script.cores * age, memory=held)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the scripted log."""
        return "\n".join(self._script.log.splitlines()[-lines:]) if lines > 0 else ""

    def stop(self, grace: float = 5.0) -> None:
        """End it by SIGTERM, or after `grace` seconds by SIGKILL if it ignores that."""
        self.stops += 1
        if not self.status().running:
            return
        if self._script.ignores_sigterm:
            self._clock.sleep(grace)
        self._finish(-9 if self._script.ignores_sigterm else -15)

    def _age(self) -> float:
        return self._clock.monotonic() - self._started

    def adopt(self) -> None:
        """Whoever started it is gone: how it ends is told to nobody."""
        self._adopted = True

    def _finish(self, exit_status: int, note: str = "") -> None:
        self._final = Status(running=False, exit_status=None if self._adopted else exit_status, note=note)
        if self._end_serving is not None:
            self._end_serving()


class FakeRuntime:
    """A Runtime that starts nothing but follows scripts.

    Args:
        clock: by which the scripts run.
        scripts: per cell; a cell without one follows `default`.
        default: the script of all other cells.

    Attributes:
        instances: everything that was started, in order.
    """

    def __init__(
        self, clock: FakeClock, scripts: Mapping[str, Script] | None = None, *, default: Script | None = None
    ) -> None:
        self.instances: list[FakeInstance] = []
        self._clock = clock
        self._ports = PortReserve()
        self._scripts = scripts or {}
        self._default = default or Script()

    def start(self, launch: Launch) -> FakeInstance:
        """Start one; raises what its script says."""
        script = self._scripts.get(launch.cell, self._default)
        if script.start_error is not None:
            raise script.start_error
        instance = FakeInstance(launch, script, self._clock)
        self.instances.append(instance)
        return instance

    def adopt(self, launch: Launch) -> FakeInstance | None:
        """What was started with the same run and cell, if it still runs."""
        same = [found for found in self.instances if (found.launch.run, found.launch.cell) == (launch.run, launch.cell)]
        found = next((found for found in same if found.status().running), None)
        if found is not None:
            found.adopt()
        return found

    def free_port(self) -> int:
        """A port that is really free, so that `Script.serve` can listen on it."""
        return self._ports.free_port()

    def sweep(self, run: str) -> int:
        """Stop what still runs of `run`; how many that were."""
        left = [instance for instance in self.instances if instance.launch.run == run and instance.status().running]
        for instance in left:
            instance.stop(grace=0.0)
        return len(left)

    def describe(self) -> Mapping[str, str]:
        """That it is a fake."""
        return {"runtime": "fake", "cgroup": "none"}


class MemoryStore:
    """A Store in memory."""

    def __init__(self) -> None:
        self._artifacts: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Store bytes, return their digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self._artifacts[digest] = bytes(data)
        return digest

    def put_file(self, path: Path) -> str:
        """Store a file's bytes, return their digest. Raises PermanentError if it can't be read."""
        try:
            return self.put(path.read_bytes())
        except OSError as error:
            raise PermanentError(f"can't be read: {error.strerror}", where=str(path)) from error

    def get(self, digest: str) -> bytes:
        """The bytes. Raises PermanentError if there are none."""
        if digest not in self._artifacts:
            raise PermanentError(f"there is no artifact {digest}", where="memory")
        return self._artifacts[digest]

    def get_file(self, digest: str, path: Path) -> None:
        """Write the bytes to `path`, which must not exist. Raises PermanentError if it does, or if there are none."""
        data = self.get(digest)
        with new_file(path) as file:
            write_all(file, data)

    def has(self, digest: str) -> bool:
        """Whether it is there."""
        return digest in self._artifacts


class MemoryObjects:
    """Objects in memory. Safe to use from many threads.

    Args:
        conditional: whether it looks at conditions; False as servers that write always.
    """

    def __init__(self, *, conditional: bool = True) -> None:
        self._conditional = conditional
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> StoredObject | None:
        """The object; None if there is none."""
        data = self._objects.get(checked(key))
        return None if data is None else StoredObject(data=data, stamp=hashlib.sha256(data).hexdigest())

    def keys(self, below: str) -> Sequence[str]:
        """The keys that begin with `below/`, sorted."""
        prefix = f"{checked(below)}/"
        with self._lock:
            return sorted(key for key in self._objects if key.startswith(prefix))

    def put(self, key: str, data: bytes, *, content_type: str = "") -> None:  # noqa: ARG002 - nobody browses it
        """Write it, whatever is there."""
        with self._lock:
            self._objects[checked(key)] = bytes(data)

    def replace(self, key: str, data: bytes, *, instead: str | None) -> bool:
        """Write it if what is there has the stamp `instead`, or always; whether it was written."""
        with self._lock:
            there = self.get(key)
            if self._conditional and (there.stamp if there else None) != instead:
                return False
            self._objects[checked(key)] = bytes(data)
        return True


class MemoryNotify:
    """A Notify that keeps what it is sent.

    Args:
        errors: the first sends raise these, one each, and keep nothing: `[TemporaryError("down")] * 3`.

    Attributes:
        notices: what arrived, in order.
        tries: how often something was sent, arrived or not.
    """

    def __init__(self, errors: Sequence[SeatrialError] = ()) -> None:
        self.notices: list[Notice] = []
        self.tries = 0
        self._errors = list(errors)

    def send(self, notice: Notice) -> None:
        """Keep it, or raise the next of `errors`."""
        self.tries += 1
        if self._errors:
            raise self._errors.pop(0)
        self.notices.append(notice)


class MemoryRegistry:
    """A Registry in memory, with the rules, the ledger and the messages of the real one. Safe to use from many threads.

    Args:
        rules: the stages.
        store: where the files of versions go; a `MemoryStore` of its own unless one is given.
    """

    def __init__(self, rules: StageRules | None = None, store: Store | None = None) -> None:
        self._rules = rules or StageRules()
        self._store = store or MemoryStore()
        self._versions: dict[str, list[ModelVersion]] = {}
        self._evidence: dict[str, Evidence] = {}
        self._entries: list[LedgerEntry] = []
        self._lock = threading.RLock()

    def register(self, draft: VersionDraft, path: Path) -> ModelVersion:
        """Keep the file or folder at `path` as the model's next version."""
        check_draft(draft)
        artifact = keep_artifact(path, self._store)
        with self._lock:
            kept = self._versions.get(draft.model, [])
            check_parent(draft, len(kept))
            version = numbered(draft, len(kept) + 1, artifact, self._rules)
            self._versions[draft.model] = [*kept, version]
            self._append(registration(version, self._rules))
            return version

    def models(self) -> Sequence[ModelSummary]:
        """All models, by name."""
        with self._lock:
            return [self._summary(model) for model in sorted(self._versions)]

    def versions(self, model: str, *, limit: int | None = None) -> Sequence[ModelVersion]:
        """A model's versions, newest first."""
        with self._lock:
            return self._of(model)[::-1][:limit]

    def version(self, model: str, number: int) -> ModelVersion:
        """One version."""
        with self._lock:
            kept = self._of(model)
            if not 1 <= number <= len(kept):
                raise no_version(model, number, len(kept))
            return kept[number - 1]

    def holders(self, model: str, stage: str) -> Sequence[ModelVersion]:
        """The versions that hold a stage, oldest first."""
        name = self._rules.get(stage).name
        with self._lock:
            return [version for version in self._of(model) if version.stage == name]

    def tag(self, model: str, number: int, tags: Mapping[str, str | None]) -> ModelVersion:
        """Set tags, remove those whose value is None; the version as it is then."""
        check_texts(dict(tags), where=f"{model}@{number}")
        with self._lock:
            version = self.version(model, number)
            merged = {**version.tags, **tags}
            kept = {name: value for name, value in sorted(merged.items()) if value is not None}
            return self._put(replace(version, tags=kept))

    def keep(self, evidence: Evidence) -> None:
        """Keep what a promotion run found."""
        check_evidence(evidence)
        with self._lock:
            if self._evidence.setdefault(evidence.run, evidence) != evidence:
                raise other_findings(evidence)

    def evidence(self, run: str) -> Evidence | None:
        """What a promotion run found."""
        return self._evidence.get(run)

    def move(self, move: Move) -> Sequence[LedgerEntry]:
        """Carry out a move whole or refuse it."""
        check_move(move)
        with self._lock:
            version = self.version(move.model, move.number)
            done = first_lines(move, [line for line in self._entries if move.run and line.run == move.run], self._rules)
            return done or self._carry_out(move, self._standing(move, version))

    def ledger(
        self, model: str | None = None, *, number: int | None = None, before: datetime | None = None
    ) -> Sequence[LedgerEntry]:
        """The ledger's lines in their order."""
        with self._lock:
            return [
                line
                for line in self._entries
                if model in {None, line.model}
                and number in {None, line.number}
                and (before is None or line.at <= before)
            ]

    def books(self) -> Books:
        """Everything that the ledger is verified against."""
        with self._lock:
            versions = tuple(version for kept in self._versions.values() for version in kept)
            return Books(
                entries=tuple(self._entries),
                head=self._head(),
                stages={(version.model, version.number): version.stage for version in versions},
                evidence=dict(self._evidence),
                versions=versions,
            )

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """Lay the version's files below `folder`."""
        return lay_artifact(version.artifact, self._store, folder)

    def close(self) -> None:
        """Nothing is open."""

    def _of(self, model: str) -> list[ModelVersion]:
        if model not in self._versions:
            raise no_model(model, self._versions)
        return self._versions[model]

    def _summary(self, model: str) -> ModelSummary:
        held: dict[str, tuple[int, ...]] = {}
        for version in self._versions[model]:
            if version.stage != self._rules.initial:
                held[version.stage] = (*held.get(version.stage, ()), version.number)
        lines = [line for line in self._entries if line.model == model]
        count = len(self._versions[model])
        return ModelSummary(name=model, versions=count, latest=count, updated=lines[-1].at, holders=held)

    def _standing(self, move: Move, version: ModelVersion) -> Standing:
        holders = tuple(holder.number for holder in self.holders(move.model, move.to))
        about = {*holders, *(move.expected or ())}
        lines = [line for line in self._entries if line.model == move.model and line.number in about]
        return Standing(
            version=version,
            holders=holders,
            evidence=self._evidence.get(move.run or ""),
            latest=lines[-1] if lines else None,
        )

    def _carry_out(self, move: Move, standing: Standing) -> Sequence[LedgerEntry]:
        lines = []
        for shift in decide(move, standing, self._rules):
            origin = self.ledger(move.model, number=shift.number)[-1]
            lines.append(self._append(movement(shift, move, standing.evidence, origin)))
            self._put(replace(self.version(move.model, shift.number), stage=shift.to))
        return lines

    def _append(self, entry: LedgerEntry) -> LedgerEntry:
        self._entries.append(sealed(entry, self._head()))
        return self._entries[-1]

    def _head(self) -> LedgerHead:
        return head_after(self._entries[-1]) if self._entries else LedgerHead()

    def _put(self, version: ModelVersion) -> ModelVersion:
        self._versions[version.model][version.number - 1] = version
        return version


class MemoryCodeTarget(PlacedTarget):
    """A CodeTarget in memory.

    Args:
        files: what it holds at the beginning; two targets on the same dictionary are two processes on one place.
        mark: another one for each of these.
        largest: bytes of the largest file that it takes.

    Attributes:
        files: everything in it, by name below the target, seatrial's notes among it.
    """

    def __init__(
        self, files: dict[str, bytes] | None = None, *, mark: str = "memory", largest: int | None = None
    ) -> None:
        self.files = {} if files is None else files
        super().__init__(_MemoryPlace(self.files, largest), mark)


class _MemoryPlace:
    """A dictionary as a place for code. Permissions are forgotten, as in a bucket."""

    def __init__(self, files: dict[str, bytes], largest: int | None) -> None:
        self.largest = largest
        self._files = files

    def stored_as(self, path: str, data: bytes) -> str:  # noqa: ARG002 - a file is a file here
        return path

    def files(self, folder: str, known: Collection[str] = ()) -> Mapping[str, str]:  # noqa: ARG002 - hashing is quick
        below = {name: data for name, data in self._files.items() if name.startswith(f"{folder}/")}
        return {name.removeprefix(f"{folder}/"): hashlib.sha256(data).hexdigest() for name, data in below.items()}

    def read(self, name: str) -> bytes | None:
        return self._files.get(name)

    def put(self, folder: str, files: Mapping[str, bytes], executable: Collection[str] = ()) -> Mapping[str, str]:  # noqa: ARG002 - no permissions
        self._files.update({f"{folder}/{path}": bytes(data) for path, data in files.items()})
        return {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}

    def delete(self, folder: str, names: Sequence[str]) -> None:
        for name in names:
            self._files.pop(f"{folder}/{name}", None)

    def folders(self, above: str) -> Sequence[str]:
        below = (name.removeprefix(f"{above}/") for name in self._files if name.startswith(f"{above}/"))
        return sorted({name.partition("/")[0] for name in below if "/" in name})

    def clear(self, folder: str, last: str) -> None:  # noqa: ARG002 - all of it goes at once
        for name in [name for name in self._files if name.startswith(f"{folder}/")]:
            del self._files[name]


class ScriptedMetrics:
    """Metrics that say what a test wrote.

    Args:
        script: what both arms did in the window that begins at a moment; start and length of what it returns are replaced
            by the right ones. It is asked once for each window, when that is complete.
        settle: seconds after the end of a window until it is complete.

    Attributes:
        down: why it does not answer; empty while it does.
    """

    def __init__(self, script: Callable[[datetime], Window], *, settle: float = 0.0) -> None:
        self.down = ""
        self._script = script
        self._settle = timedelta(seconds=settle)
        self._said: dict[tuple[str, datetime, float], Window] = {}
        self._lock = threading.Lock()

    def windows(self, watched: Watched, since: datetime, until: datetime) -> Sequence[Window]:
        """See `seatrial.ports.Metrics`."""
        if self.down:
            raise TemporaryError(self.down, where=watched.service)
        length = timedelta(seconds=watched.seconds)
        start = _UNIX + -((_UNIX - since) // length) * length
        found = []
        with self._lock:
            while start + length + self._settle <= until:
                found.append(self._window(watched, start))
                start += length
        return tuple(found)

    def _window(self, watched: Watched, start: datetime) -> Window:
        key = (watched.service, start, watched.seconds)
        if key not in self._said:
            self._said[key] = replace(self._script(start), start=start, seconds=watched.seconds)
        return self._said[key]


def made_up(requests: int, *, errors: int = 0, median: float = 0.125, sigma: float = 0.45) -> ArmWindow:
    """What an arm did in a window: latencies are lognormal without chance, and errors are `5xx`.

    Args:
        requests: all of them.
        errors: how many of them went wrong.
        median: of the latency, in seconds.
        sigma: of its logarithm.
    """
    normal = NormalDist()
    latency: dict[int, int] = {}
    total = 0.0
    for place in range(requests):
        seconds = median * math.exp(sigma * normal.inv_cdf((place + 0.5) / requests))
        index = latency_bin(seconds)
        latency[index] = latency.get(index, 0) + 1
        total += seconds
    return ArmWindow(requests=requests, errors={"5xx": errors} if errors else {}, latency=latency, seconds=total)


@dataclass(slots=True)
class _Arm:
    """What runs under one name in a `MemoryFleet`; `since`: monotonic seconds at which it was asked for."""

    number: int
    replicas: int
    since: float
    before: int | None = None
    generation: int = 1


class MemoryFleet:
    """The deployments behind services, without any: a `seatrial.release.tools.Fleet` for tests.

    Args:
        clock: by which replicas become ready.
        stable: number of the version in each service's stable place.
        replicas: of stable; the canary has one.
        takes: seconds until a version that was asked for is ready; the one before it answers until then.

    Attributes:
        broken: numbers of versions that fall over again and again.
        dead: names of deployments (`wine`, `wine-canary`) none of whose replicas answers.
        asked: what was asked for, in order: `wine-canary: 4`, `wine: 4`, `wine-canary: gone`.
    """

    def __init__(self, clock: Clock, stable: Mapping[str, int], *, replicas: int = 2, takes: float = 5.0) -> None:
        self.broken: set[int] = set()
        self.dead: set[str] = set()
        self.asked: list[str] = []
        self._clock = clock
        self._replicas = replicas
        self._takes = takes
        self._arms = {
            service: _Arm(number=number, replicas=replicas, since=float("-inf")) for service, number in stable.items()
        }

    def look(self) -> None:
        """All is seen at once here."""

    def stable(self, service: str) -> Side:
        """What runs in stable's place."""
        return self._side(service)

    def canary(self, service: str) -> Side:
        """What runs in the canary's place."""
        return self._side(canary_of(service))

    def deploy_canary(self, service: str, number: int, digest: str, *, spare: bool = False) -> None:  # noqa: ARG002
        """Let a version run in the canary's place."""
        self.put(canary_of(service), number, self._replicas if spare else 1)

    def replace_stable(self, service: str, number: int, digest: str) -> None:  # noqa: ARG002 - as the port has it
        """Let a version run in stable's place."""
        self.put(service, number, self._replicas)

    def remove_canary(self, service: str) -> None:
        """Let nothing run in the canary's place."""
        self.take_away(canary_of(service))

    def put(self, name: str, number: int, replicas: int) -> None:
        """Let a version run under a name, whoever asks for it."""
        before = self._arms.get(name)
        if before is not None and (before.number, before.replicas) == (number, replicas):
            return
        self.asked.append(f"{name}: {number}")
        answers = before.number if before is not None and before.number not in self.broken else None
        generation = before.generation + 1 if before is not None else 1
        now = self._clock.monotonic()
        self._arms[name] = _Arm(number=number, replicas=replicas, since=now, before=answers, generation=generation)

    def take_away(self, name: str) -> None:
        """Let nothing run under a name, whoever asks for it."""
        if self._arms.pop(name, None) is not None:
            self.asked.append(f"{name}: gone")

    def deployed(self) -> dict[str, Deployed]:
        """The same as the gateway sees it."""
        return {
            name: Deployed(name=name, version=str(arm.number), replicas=self._seen(name, arm))
            for name, arm in self._arms.items()
        }

    def _seen(self, name: str, arm: _Arm) -> tuple[Replica, ...]:
        number = self._answering(name, arm)
        if number is None:
            return ()
        cells = (f"{name}.{index}.{number}" for index in range(arm.replicas))
        return tuple(Replica(cell=cell, port=9000, version=str(number), ready=True) for cell in cells)

    def _answering(self, name: str, arm: _Arm) -> int | None:
        """The version that answers there; None if nothing does."""
        if name in self.dead:
            return None
        return arm.number if self._is_ready(arm) else arm.before

    def _is_ready(self, arm: _Arm) -> bool:
        return arm.number not in self.broken and self._clock.monotonic() - arm.since >= self._takes

    def _side(self, name: str) -> Side:
        arm = self._arms.get(name)
        if arm is None:
            return Side()
        seen = self._seen(name, arm)
        ready = bool(seen) and self._is_ready(arm)
        age = self._clock.monotonic() - arm.since
        fails = (arm.number in self.broken or name in self.dead) and age >= self._takes
        return Side(
            there=True,
            number=arm.number,
            ready=ready,
            answers=len(seen),
            wanted=arm.replicas,
            restarts=int(age // self._takes) if arm.number in self.broken else 0,
            state=DeployState.READY if ready else DeployState.FAILED if fails else DeployState.STARTING,
            why="it ended with exit status 1" if fails else "",
            replicas=tuple(replica.cell for replica in seen),
        )

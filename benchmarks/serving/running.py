"""One server at a time: started on its own core, asked, measured and stopped, with everything that it started.

Processes are started, counted and ended by seatrial's own runtime, so CPU time comes from a control group where this
machine has them: that of ended children and of daemons is in it.
"""

import http.client
import os
import shlex
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil

from benchmarks.serving import client
from benchmarks.serving.environments import Environment, Models, UnusableError, said
from benchmarks.serving.results import Load, Start, Visit
from benchmarks.serving.server import PEERS, Server
from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.instance import ProcessInstance
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.adapters.runtime.processes import ProcessTable, marked
from seatrial.ports import Launch
from seatrial.records import PermanentError, Resources

_START_SECONDS = 180.0
_ANSWER_SECONDS = 30.0
_STOP_SECONDS = 5.0
_SETTLE_SECONDS = 10.0
_SETTLED = 0.03
_NOT_PASSED_ON = ("PYTHON", "VIRTUAL_ENV", "SEATRIAL")
_NO_ANSWER = (OSError, http.client.HTTPException, ValueError, KeyError, IndexError, TypeError)
_LOAD_SKLEARN = "import sklearn, joblib; joblib.load({model!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server is installed, and the models that it serves, made by `trainer`."""

    environment: Environment
    trainer: Environment
    models: Models


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The two cores, and how long each run of the client takes."""

    server_core: int
    client_core: int
    connections: tuple[int, ...]
    seconds: float
    warmup: float
    runtime: ProcessRuntime = field(default_factory=ProcessRuntime)
    numbers: Iterator[int] = field(default_factory=count)

    def visit(self, server: Server, place: Place, model: str, repeat: int) -> Visit:
        """Start, check, load and stop a server. Raises UnusableError with the end of its log."""
        with self._running(server, place, model, place.environment.folder / "cache") as running:
            start = running.wait_for_answer()
            difference = running.check()
            idle = running.settle()
            loads = tuple(running.measure(connections, idle) for connections in self.connections)
            memory, kind = running.memory()
            metrics = running.has_metrics()
        return Visit(
            server=server.name,
            model=model,
            repeat=repeat,
            start=start,
            difference=difference,
            idle=idle,
            memory=memory,
            memory_kind=kind,
            metrics=metrics,
            loads=loads,
        )

    def rehearse(self, server: Server, place: Place, model: str) -> None:
        """Start and check once, unmeasured: bytecode and compiled models are then there, and what fails fails early."""
        with self._running(server, place, model, place.environment.folder / "cache") as running:
            running.wait_for_answer()
            running.check()

    def cold_start(self, server: Server, place: Place, model: str, repeat: int) -> Start:
        """The start with nothing compiled before."""
        with tempfile.TemporaryDirectory() as cache, self._running(server, place, model, Path(cache)) as running:
            seconds = running.wait_for_answer()
        return Start(kind="cold", server=server.name, model=model, repeat=repeat, seconds=seconds)

    def python_start(self, server: Server, place: Place, model: str, repeat: int) -> Start:
        """What a start is compared with: a Python that imports scikit-learn and loads the model."""
        code = _LOAD_SKLEARN.format(model=str(place.models.file(model)))
        command = ["taskset", "--cpu-list", self.server_core, place.trainer.python, "-c", code]
        began = time.perf_counter()
        said(command, env=_clean_environment(place.trainer))
        seconds = time.perf_counter() - began
        return Start(kind="python", server=server.name, model=model, repeat=repeat, seconds=seconds)

    @contextmanager
    def _running(self, server: Server, place: Place, model: str, cache: Path) -> Iterator["Running"]:
        """A started server, stopped for good at the end."""
        with tempfile.TemporaryDirectory(prefix="serving-", ignore_cleanup_errors=True) as folder:
            names = self._names(server, place, model)
            env = self._environment(server, place, names, cache)
            work = Path(folder, "work")
            work.mkdir()
            if server.prepare:
                said(_filled(server.prepare, names), cwd=work, env=env)
            run = f"serving-{os.getpid()}-{next(self.numbers)}"
            launch = Launch(
                run=run,
                cell=server.name,
                command=["taskset", "--cpu-list", str(self.server_core), *_filled(server.command, names)],
                cwd=work,
                env=env,
                port=int(names["port"]),
                log=Path(folder, "log"),
                resources=Resources(),
            )
            bodies = Path(folder, "bodies")
            bodies.write_text("\n".join(server.bodies(place.models.rows)) + "\n")
            try:
                instance = self.runtime.start(launch)
                began = time.perf_counter()
            except PermanentError as error:
                raise UnusableError(str(error)) from error
            try:
                yield Running(
                    bench=self,
                    server=server,
                    models=place.models,
                    model=model,
                    instance=instance,
                    run=run,
                    url=f"http://127.0.0.1:{launch.port}{server.path}",
                    metrics=server.metrics.format(**names),
                    bodies=bodies,
                    began=began,
                )
            finally:
                instance.stop(_STOP_SECONDS)

    def _names(self, server: Server, place: Place, model: str) -> dict[str, str]:
        """What may stand in braces."""
        ports = {f"port{number}": str(self.runtime.free_port()) for number in ("", 2, 3)}
        return {
            "python": str(place.environment.python),
            "bin": str(place.environment.python.parent),
            "trainer": str(place.trainer.python),
            "app": str(server.app),
            "model": str(place.models.file(model)),
            **ports,
        }

    def _environment(self, server: Server, place: Place, names: Mapping[str, str], cache: Path) -> dict[str, str]:
        ports = {name.upper(): value for name, value in names.items() if name.startswith("port")}
        own = {name: value.format(**names) for name, value in server.env.items()}
        where = {"XDG_CACHE_HOME": str(cache)} if server.ours else {}
        base = {**_clean_environment(place.environment), "PYTHONPATH": str(PEERS), "MODEL": names["model"]}
        return {**base, **ports, **where, **own}


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that has been started at `began`."""

    bench: Bench
    server: Server
    models: Models
    model: str
    instance: ProcessInstance
    run: str
    url: str
    metrics: str
    bodies: Path
    began: float

    def wait_for_answer(self) -> float:
        """Seconds from its start to its first good answer."""
        body = self.server.bodies(self.models.rows[:1])[0].encode()
        while (waited := time.perf_counter() - self.began) < _START_SECONDS:
            with suppress(*_NO_ANSWER):
                self.server.prediction(self._ask(body))
                return time.perf_counter() - self.began
            if not self.instance.status().running:
                raise UnusableError(f"ended before its first answer: {self._log()}")
            # An error of 1 % and 2 ms at most, and no server is kept busy by questions while it starts.
            time.sleep(min(0.05, 0.002 + waited / 100))
        raise UnusableError(f"no good answer within {_START_SECONDS:g} s: {self._log()}")

    def check(self) -> float | None:
        """The largest relative difference of its answers to the model's own; None for a constant server."""
        if self.server.constant:
            return None
        bodies = self.server.bodies(self.models.rows)
        try:
            answers = [self.server.prediction(self._ask(body.encode())) for body in bodies]
        except _NO_ANSWER as error:
            raise UnusableError(f"a row was not answered: {error!r}: {self._log()}") from error
        expected = self.models.predictions[self.model]
        return max(abs(said - right) / abs(right) for said, right in zip(answers, expected, strict=True))

    def settle(self) -> float:
        """Wait until what it starts beside its first answer is done (Ray's workers take seconds); its idle share of the core."""
        return self._calm(_SETTLED, 0.5)

    def measure(self, connections: int, idle: float) -> Load:
        """Warm up, then one run of the client.

        In between the server works off what the client gave up on: a full queue of a slow model takes half a second,
        which would be counted as CPU of the requests that follow.
        """
        self._post(connections, self.bench.warmup)
        self._calm(2 * idle + _SETTLED, 0.1)
        before, core_before = self._cpu_seconds(), _core_seconds(self.bench.server_core)
        answered = self._post(connections, self.bench.seconds)
        used, core = self._cpu_seconds() - before, _core_seconds(self.bench.server_core) - core_before
        return Load(
            connections=connections,
            requests=answered.requests,
            seconds=answered.seconds,
            p50=answered.p50,
            p99=answered.p99,
            cpu=used / answered.requests * 1e3,
            failed=answered.failed,
            busy=used / answered.seconds,
            foreign=max(0.0, core - used) / answered.seconds,
        )

    def memory(self) -> tuple[int, str]:
        """Bytes of all its processes: shared pages divided among them (PSS), or counted for each (RSS)."""
        found = [seen.process for seen in marked(ProcessTable(SystemClock()).look(), self.run)]
        try:
            return sum(int(process.memory_full_info().pss) for process in found), "PSS"
        except (psutil.Error, AttributeError):
            return sum(int(process.memory_info().rss) for process in found if process.is_running()), "RSS"

    def has_metrics(self) -> bool:
        """Whether its metrics can be read."""
        if not self.metrics:
            return False
        with suppress(OSError), urllib.request.urlopen(self.metrics, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
            return b"# TYPE" in answer.read()
        return False

    def _calm(self, share: float, window: float) -> float:
        """Wait until it uses less than a share of its core for `window` seconds, but not for ever; what it uses then."""
        deadline = time.perf_counter() + _SETTLE_SECONDS
        while True:
            before, began = self._cpu_seconds(), time.perf_counter()
            time.sleep(window)
            used = (self._cpu_seconds() - before) / (time.perf_counter() - began)
            if used < share or time.perf_counter() > deadline:
                return used

    def _post(self, connections: int, seconds: float) -> client.Answered:
        return client.post(self.url, self.bodies, connections=connections, seconds=seconds, core=self.bench.client_core)

    def _ask(self, body: bytes) -> bytes:
        """The body of a good answer. Raises OSError for any other."""
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
            return bytes(answer.read())

    def _cpu_seconds(self) -> float:
        usage = self.instance.usage()
        if usage is None:
            raise UnusableError(f"ended under load: {self._log()}")
        return usage.cpu_seconds

    def _log(self) -> str:
        return " ".join(self.instance.log_tail(8).split())[-400:] or "it said nothing"


def _filled(command: str, names: Mapping[str, str]) -> list[str]:
    return [part.format(**names) for part in shlex.split(command)]


def _clean_environment(environment: Environment) -> dict[str, str]:
    """This process's environment without what would lead another Python astray."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
    return {**kept, "PATH": f"{environment.python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def _core_seconds(core: int) -> float:
    """Seconds that a core has worked for anybody, or was taken away from this machine."""
    times = psutil.cpu_times(percpu=True)[core]
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)

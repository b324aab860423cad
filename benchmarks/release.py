"""What a release costs and how quick it is, with everything real: Envoy, the server, its replicas, users.

Run as `python -m benchmarks.release PART` in the project's folder with the extra `gateway` and the dependency group `dev`:

- `verdict`: time from the judge's word to the last request that the canary got, over ten aborts;
- `many`: a hundred services that are released at once on one machine, 500 requests a second between them;
- `whole`: requests that fail in a promotion, an abort and a roll-back, at a constant 500 a second.

Each prints a table in Markdown.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from seatrial.adapters.runtime.loopback import PortReserve
from seatrial.cli.server import server
from seatrial.gateway.keep import Keeper
from seatrial.gateway.log.keeper import LogKeeper
from seatrial.records import Release, ReleaseEvent, ReleaseEventKind, ReleaseOutcome, ReleasePhase
from seatrial.release.begin import Asked, begin
from seatrial.release.book import ReleaseBook, open_release_book
from seatrial.release.kept import Kept, Observed
from seatrial.release.runner import ReleaseRunner
from seatrial.wiring import open_registry, open_releases
from tests.deployments.projects import Deployed, deployed, model
from tests.end_to_end.load import Load, load
from tests.end_to_end.test_release import CONFIG, Cellar
from tests.end_to_end.upstream import Behaviour, upstreams
from tests.waiting import wait_until

PATIENCE = 480.0
ABORTS, SERVICES, RATE = 10, 100, 500
HARMLESS, BROKEN, SLOW = "harmless", "errors", "slow"
SERVICE = """\
  {name}:
    model: wine
    prefix: /{name}/
    stable: http://127.0.0.1:{stable}
    canary: http://127.0.0.1:{canary}
    release:
      window: {window}s
      warmup: {warmup}s
      tolerance: 20%
      split_margin: 50%
      margins: {{latency_p50: 300%, latency_p90: off, latency_p99: off, errors: 20pp}}
      steps: [{{weight: 50%, until: decided}}]
"""


@dataclass(frozen=True)
class World:
    """A project whose services are being released."""

    project: Deployed
    url: str

    @property
    def root(self) -> Path:
        """Its state."""
        return self.project.folder / ".seatrial"

    def begin(self, *services: str) -> list[Release]:
        """Begin a release of each, as `seatrial release start` does, without a process for each."""
        begun = []
        with open_releases(self.project.folder) as desk, open_registry(self.project.folder) as tools:
            version = tools.registry.version("wine", 1)
            for number, name in enumerate(services):
                asked = Asked(service=desk.services[name], spec=desk.specs[name], version=version, who="bench")
                begun.append(begin(asked, book=desk.book, fleet=desk.fleet, clock=desk.clock, mark=f"{number:04x}"))
            desk.ensure_server()
        return begun

    @contextmanager
    def book(self) -> Iterator[ReleaseBook]:
        """Of its releases."""
        book = open_release_book(self.root)
        try:
            yield book
        finally:
            book.close()

    def lines(self) -> Iterator[dict[str, Any]]:
        """The access log."""
        for path in sorted((self.root / "gateway").glob("access*log*")):
            for line in path.read_bytes().splitlines():
                yield json.loads(line)


@contextmanager
def world(folder: Path, services: Sequence[tuple[str, int, int]], window: float, warmup: float) -> Iterator[World]:
    """A project with these services (name, ports of stable and canary), and its version; measured by `serve`."""
    with deployed(folder / "cellar") as project, ExitStack() as stack:
        port = PortReserve().free_port()
        config = [f"name: cellar\ngateway: {{port: {port}}}\nservices:\n"]
        config += [
            SERVICE.format(name=name, stable=one, canary=two, window=window, warmup=warmup)
            for name, one, two in services
        ]
        (project.folder / "seatrial.yaml").write_text("".join(config))
        project.ok("models", "register", str(model(folder / "wine.joblib", 1.0)), "--name", "wine")
        command = [sys.executable, "-m", "benchmarks.release", "serve", str(project.folder)]
        with (folder / "server.log").open("wb") as said:
            server = stack.enter_context(subprocess.Popen(command, stderr=said, env=project.environment))
        stack.callback(server.terminate)
        wait_until(lambda: project.server, PATIENCE, poll=0.1)
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: all(_answers(f"{url}/{name}/") for name, _, _ in services), PATIENCE, poll=0.5)
        yield World(project, url)


def verdict(aborts: int) -> None:
    """From the verdict to the last request of the canary."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder, (stable, canary) = Path(name), _ports(2)
        told = {canary: Behaviour(errors=0.15)}
        with upstreams(stable, canary, told=told), world(folder, [("wine", stable, canary)], 1.0, 10.0) as made:
            with load(f"{made.url}/wine/", 200, folder), made.book() as book:
                for _ in range(aborts):
                    (release,) = made.begin("wine")
                    ended = _ended(book, release.id)
                    assert ended.outcome is ReleaseOutcome.ABORTED, ended.why
                    found.append(_Abort.of(ended, made, book))
                # Users go on for longer than the proxy keeps lines of its log back.
                quiet = time.time() + 2.0
                wait_until(lambda: time.time() > quiet, PATIENCE, poll=0.1)
            served = [float(line["at"]) for line in made.lines() if line.get("se") == "canary"]
    begins = [abort.began for abort in found[1:]]
    lasts = [
        max(at for at in served if at < until) - abort.said
        for abort, until in zip(found, [*begins, float("inf")], strict=True)
    ]
    windows = [abort.said - abort.window for abort in found]
    weights = [abort.back - abort.said for abort in found]
    _table(
        f"{aborts} aborts for errors, 200 requests a second, windows of 1 s",
        ("", "median", "max"),
        [
            ("window's end to verdict, s", *_middle(windows)),
            ("verdict to the last request that the canary got, s", *_middle(lasts)),
            ("verdict to 0 % confirmed by the gateway, s", *_middle(weights)),
        ],
    )


def many(services: int, rate: float, window: float) -> None:
    """A hundred services at once: half harmless, the others broken or slow."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stable, harmless, broken, slow = ports = _ports(4)
        kinds = {HARMLESS: harmless, BROKEN: broken, SLOW: slow}
        of = {f"s{n}": (HARMLESS if n % 2 else BROKEN if n % 4 else SLOW) for n in range(services)}
        told = {broken: Behaviour(errors=0.5), slow: Behaviour(median=0.02)}
        listed = [(each, stable, kinds[kind]) for each, kind in of.items()]
        with upstreams(*ports, told=told), world(folder, listed, window, window) as made:
            with load(f"{made.url}/s{{number}}/", rate, folder) as users, made.book() as book:
                usage = _Usage(made)
                began = time.monotonic()
                begun = made.begin(*of)
                wait_until(lambda: usage.look() and not book.running(), PATIENCE, poll=1.0)
                took = time.monotonic() - began
                found = [book.get(release.id) for release in begun]
                behind = [
                    _back_at([event for _, event in book.events(one.id)]).timestamp() - _kept(one.verdict_at)
                    for one in found
                    if one.outcome is ReleaseOutcome.ABORTED
                ]
                users.end()
                used = usage.rows()
            answers = Counter(int(line.get("co", 0)) for line in made.lines() if "sv" in line)
            measured = json.loads((made.root / "measured.json").read_bytes())
    outcomes = Counter((of[one.service], one.outcome.value if one.outcome else "") for one in found)
    rows = [
        ("all decided after, s", f"{took:.0f}"),
        *((f"{kind}: {outcome}", str(number)) for (kind, outcome), number in sorted(outcomes.items())),
        ("requests; answered with 500, as broken canaries do; not answered well otherwise", _answered(answers)),
        *used,
        *((f"{what}: median, p99, max, s", _spread(values)) for what, values in measured.items()),
        ("verdict to 0 % confirmed by the gateway: median, p99, max, s", _spread(behind)),
    ]
    _table(f"{services} services released at once, {rate:g} requests a second, windows of {window:g} s", ("", ""), rows)


def whole(rate: float) -> None:
    """A promotion, an abort and a roll-back with model servers in two replicas."""
    rows = []
    with tempfile.TemporaryDirectory() as name, deployed(Path(name) / "cellar") as project:
        folder, (port,) = Path(name), _ports(1)
        (project.folder / "seatrial.yaml").write_text(CONFIG.format(port=port))
        for factor in (1.0, 2.0, 3.0):
            path = model(folder / f"wine-{factor:g}.joblib", factor)
            project.ok("models", "register", str(path), "--name", "wine")
        project.ok("deploy", "wine@1", "--name", "wine", "--replicas", "2")
        cellar = Cellar(project, port)
        wait_until(lambda: _answers(f"{cellar.url}/predict"), PATIENCE, poll=0.2)
        with load(f"{cellar.url}/predict", rate, folder) as users:

            def part(what: str, do: Callable[[], object]) -> None:
                before, began = users.counted, time.monotonic()
                do()
                after = users.counted
                sent, failed = (after[key] - before[key] for key in ("sent", "failed"))
                rows.append((what, f"{time.monotonic() - began:.0f}", str(sent), str(failed)))

            part("release, promoted by the judge", lambda: _promote(cellar, users))
            part("release, aborted", lambda: _abort(cellar, users))
            part("roll-back", lambda: _roll_back(cellar, users))
            counted = users.end()
    rows.append(("all", "", str(counted["sent"]), str(counted["failed"])))
    _table(f"{rate:g} requests a second, two replicas and a canary", ("", "s", "requests", "failed"), rows)
    for line in counted["failures"]:
        sys.stdout.write(f"{line}\n")


def _promote(cellar: Cellar, users: Load) -> None:
    cellar.release("start", "wine@2")
    cellar.wait_for("ended", "promoted")
    cellar.all_on(users, "2")


def _abort(cellar: Cellar, users: Load) -> None:
    cellar.release("start", "wine@3")
    wait_until(lambda: users.counted["versions"].get("3", 0) > 100, PATIENCE, poll=0.2)
    cellar.release("abort", "wine")
    cellar.wait_for("ended", "aborted")
    cellar.all_on(users, "2")


def _roll_back(cellar: Cellar, users: Load) -> None:
    cellar.release("rollback", "wine")
    cellar.all_on(users, "1")


def serve(folder: Path) -> None:
    """The project's server as it is, with a watch on its turns and on how old a window is when it is judged."""
    taken: dict[str, list[float]] = {"turn of all releases": [], "turn of the gateway": [], "turn of the log": []}
    lags = taken["window's end until it is judged"] = []

    def timed(kind: type, method: str, into: list[float]) -> None:
        plain = getattr(kind, method)

        def run(self: object) -> object:
            began = time.perf_counter()
            try:
                return plain(self)
            finally:
                into.append(time.perf_counter() - began)

        setattr(kind, method, run)

    timed(ReleaseRunner, "round", taken["turn of all releases"])
    timed(Keeper, "turn", taken["turn of the gateway"])
    timed(LogKeeper, "turn", taken["turn of the log"])
    add, path = Kept.add_window, folder / ".seatrial" / "measured.json"

    def add_window(self: Kept, observed: Observed) -> None:
        if not observed.warm:
            lags.append(time.time() - observed.window.end.timestamp())
            if not len(lags) % 50:
                path.write_text(json.dumps(taken))
        add(self, observed)

    Kept.add_window = add_window  # type: ignore[method-assign]
    server(project=folder)


@dataclass(frozen=True)
class _Abort:
    """Moments of an abort, in seconds since 1970.

    Attributes:
        began: before the canary's first request.
        window: the end of the one that decided.
        said: the judge's word.
        back: the gateway's, that the canary gets nothing.
    """

    began: float
    window: float
    said: float
    back: float

    @classmethod
    def of(cls, release: Release, made: World, book: ReleaseBook) -> "_Abort":
        events = [event for _, event in book.events(release.id)]
        moments = [event.at for event in events if event.kind is ReleaseEventKind.VERDICT]
        given = [event.at for event in events if event.kind is ReleaseEventKind.WEIGHT]
        judged = Kept(made.root / "releases" / release.id).judgements()[-1]
        return cls(given[0].timestamp() - 1.0, judged.at.timestamp(), moments[0].timestamp(), given[-1].timestamp())


class _Usage:
    """What the server's and the proxy's processes use, since this was made."""

    def __init__(self, made: World) -> None:
        status = made.project.ok("gateway", "status", "--format", "json").document
        self._processes = {
            "server": psutil.Process(made.project.server or 0),
            "Envoy": psutil.Process(status["proxy"]["pid"]),
        }
        self._before = {name: sum(process.cpu_times()[:2]) for name, process in self._processes.items()}
        self._began = time.monotonic()
        self._memory: dict[str, list[float]] = {name: [] for name in self._processes}

    def look(self) -> bool:
        """Note the memory of now; whether both run."""
        for name, process in self._processes.items():
            self._memory[name].append(process.memory_info().rss / 2**20)
        return True

    def rows(self) -> list[tuple[str, str]]:
        """CPU as cores, memory as MiB."""
        took, rows = time.monotonic() - self._began, []
        for name, process in self._processes.items():
            used = (sum(process.cpu_times()[:2]) - self._before[name]) / took if process.is_running() else float("nan")
            memory = self._memory[name]
            rows.append((f"{name}: cores; MiB at first, at most", f"{used:.2f}; {memory[0]:.0f}, {max(memory):.0f}"))
        return rows


def _ports(number: int) -> list[int]:
    reserve = PortReserve()
    return [reserve.free_port() for _ in range(number)]


def _answers(url: str) -> bool:
    try:
        return httpx.post(url, json={"x0": 1.0, "x1": 2.0}, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _ended(book: ReleaseBook, release: str) -> Release:
    wait_until(lambda: book.get(release).phase is ReleasePhase.ENDED, PATIENCE, poll=0.2)
    return book.get(release)


def _back_at(events: Sequence[ReleaseEvent]) -> datetime:
    """When the gateway said that the canary gets nothing any more."""
    return [event.at for event in events if event.kind is ReleaseEventKind.WEIGHT and event.weight == 0][-1]


def _kept(moment: datetime | None) -> float:
    assert moment is not None
    return moment.timestamp()


def _middle(values: Sequence[float]) -> tuple[str, str]:
    return f"{statistics.median(values):.3f}", f"{max(values):.3f}"


def _answered(answers: Mapping[int, int]) -> str:
    other = sum(number for status, number in answers.items() if status not in {200, 500})
    return f"{sum(answers.values())}; {answers.get(500, 0)}; {other}"


def _spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return "–"
    return f"{statistics.median(values):.3f}, {statistics.quantiles(values, n=100, method='inclusive')[-1]:.3f}, {max(values):.3f}"


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [f"\n{title}\n", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    sys.stdout.write("\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n")


def main() -> None:
    """One part."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("part", choices=("verdict", "many", "whole", "serve"))
    options.add_argument("folder", nargs="?", type=Path)
    options.add_argument("--aborts", type=int, default=ABORTS)
    options.add_argument("--services", type=int, default=SERVICES)
    options.add_argument("--rate", type=float, default=RATE)
    options.add_argument("--window", type=float, default=5.0)
    given = options.parse_args()
    match given.part:
        case "verdict":
            verdict(given.aborts)
        case "many":
            many(given.services, given.rate, given.window)
        case "whole":
            whole(given.rate)
        case _:
            serve(given.folder)


if __name__ == "__main__":
    main()

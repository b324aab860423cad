"""What 1 % more rows cost: a new version of ours, beside rewriting the CSV and `dvc add`.

Target: time and bytes in proportion to the 1 %, at least 20 times less of both. A dataset of ratings (time, user, movie,
rating) with 10,000,000 rows is there already, as a version of ours and as a CSV file that a real DVC tracks in a repository of
its own on the same disk (analytics off). Then the same new rows, as a collection leaves them, go to each in turn:

version    `write_segment` and `DatasetBook.append`, in a process that has imported what it needs, as a worker has
process    the same as a process of its own, with everything that it imports
rewritten  the CSV written anew with the new lines (its old bytes copied, not parsed), and `dvc add`
appended   the new lines put at the end of the same file, and `dvc add`: the kindest case, which leaves no whole file if it dies

Processor time and bytes (what was handed to the disk, from /proc/PID/io, children included) are of all processes of a side. The
first round of each is not counted. After the last one the newest version is rebuilt, and its rows are counted.

Usage: python -m benchmarks.retrain.append [--rows 10000000] [--share 0.01] [--rounds 5] [--folder DIR]
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from seatrial.adapters.store.directory import DirectoryStore
from seatrial.datasets.book import open_dataset_book
from seatrial.datasets.build import build
from seatrial.datasets.cache import SegmentCache
from seatrial.datasets.segments import write_segment
from seatrial.records import ColumnKind, ColumnSpec, DatasetDraft, Span

COLUMNS = (
    ColumnSpec(name="time", kind=ColumnKind.TIME),
    ColumnSpec(name="user", kind=ColumnKind.INTEGER),
    ColumnSpec(name="movie", kind=ColumnKind.TEXT),
    ColumnSpec(name="rating", kind=ColumnKind.NUMBER),
)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TARGET = 20.0
SIDES = ("version", "process", "rewritten", "appended")


@dataclass(frozen=True)
class Cost:
    """Of one round: seconds on the clock, seconds of processors, bytes handed to the disk."""

    wall: float
    cpu: float
    written: int


def rows(first: int, count: int) -> str:
    """The query for ratings as they come: times grow, users and movies have a few that are very frequent."""
    return (
        "SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_microseconds(i * 1370021 + CAST(hash(i) % 1000003 AS BIGINT)) AS time, "  # noqa: S608
        "CAST(floor(power((hash(i * 7) % 1000003) / 1000003.0, 3) * 200000) AS BIGINT) AS user, "
        "'the+movie+' || CAST(floor(power((hash(i * 13) % 1000003) / 1000003.0, 2) * 27000) AS BIGINT) AS movie, "
        "CAST(hash(i * 17) % 5 + 1 AS DOUBLE) AS rating "
        f"FROM range({first}, {first + count}) AS t(i)"
    )


def write(query: str, file: Path, *, header: bool = True) -> None:
    """The rows of a query in a file, by its ending."""
    form = "FORMAT parquet" if file.suffix == ".parquet" else f"FORMAT csv, HEADER {str(header).lower()}"
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = 'UTC'; COPY ({query}) TO '{file}' ({form})")


def append_version(folder: Path, new: Path) -> None:
    """Ours: the new rows as a segment in the store, and a version that has it."""
    book = open_dataset_book(folder, None)
    head = book.head("ratings")
    start = head.offsets["t/0"] if head else 0
    added = write_segment(new, COLUMNS, "time", DirectoryStore(folder / "store"))
    book.append(
        DatasetDraft(
            dataset="ratings",
            parent=head.number if head else None,
            run=f"run-{time.time_ns()}",
            created=BEGAN,
            columns=COLUMNS,
            added=added,
            spans={"t/0": Span(start=start, end=start + added.rows)},
            counts={"lines": added.rows},
        )
    )
    book.close()


def append_in_a_process(folder: Path, new: Path) -> None:
    """The same from the shell."""
    code = "import sys, pathlib; from benchmarks.retrain.append import append_version as a; a(*map(pathlib.Path, sys.argv[1:]))"
    subprocess.run([sys.executable, "-c", code, str(folder), str(new)], check=True)


def rewrite_and_add(repository: Path, new: Path) -> None:
    """The CSV written anew, and `dvc add`."""
    file, fresh = repository / "ratings.csv", repository / "ratings.csv.new"
    with file.open("rb") as old, fresh.open("wb") as target, new.open("rb") as lines:
        shutil.copyfileobj(old, target, 1 << 20)
        shutil.copyfileobj(lines, target, 1 << 20)
    fresh.replace(file)
    dvc(repository, "add", "ratings.csv")


def extend_and_add(repository: Path, new: Path) -> None:
    """The lines at the end of the same file, and `dvc add`."""
    with (repository / "ratings.csv").open("ab") as target, new.open("rb") as lines:
        shutil.copyfileobj(lines, target, 1 << 20)
    dvc(repository, "add", "ratings.csv")


def dvc(repository: Path, *words: str) -> None:
    """Run the real one."""
    program = shutil.which("dvc", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or sys.exit("no dvc here")
    environ = {**os.environ, "DVC_NO_ANALYTICS": "1", "CI": "true"}
    subprocess.run([program, *words, "--quiet"], cwd=repository, check=True, env=environ)


def repository_in(folder: Path) -> Path:
    """A repository with DVC and the old rows in it."""
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    dvc(folder, "init")
    dvc(folder, "config", "core.analytics", "false")
    return folder


def measured(work: Callable[[], None]) -> Cost:
    """What work costs in a process that has imported everything, children included."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(work, theirs))
    process.start()
    theirs.close()
    cost: Cost = ours.recv()
    process.join()
    return cost


def _measure(work: Callable[[], None], answer: Any) -> None:  # noqa: ANN401 - a connection
    written, cpu, began = _written(), _cpu(), time.perf_counter()
    work()
    wall = time.perf_counter() - began
    answer.send(Cost(wall=wall, cpu=_cpu() - cpu, written=_written() - written))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _written() -> int:
    """Of this process and the children that it waited for."""
    told = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(told["write_bytes"])


def run(folder: Path, count: int, share: float, rounds: int) -> dict[str, list[Cost]]:
    """All sides, round by round in turn; the first round is a warm-up."""
    ours, theirs = folder / "ours", {side: folder / side for side in SIDES[2:]}
    ours.mkdir()
    write(rows(0, count), folder / "old.parquet")
    append_version(ours, folder / "old.parquet")
    for place in theirs.values():
        write(rows(0, count), repository_in(place) / "ratings.csv")
        dvc(place, "add", "ratings.csv")
    (folder / "old.parquet").unlink()
    fresh = round(count * share)
    costs: dict[str, list[Cost]] = {side: [] for side in SIDES}
    for number in range(rounds + 1):
        new = rows(count + number * fresh, fresh)
        write(
            f"SELECT *, 't/0' AS _partition, range AS _offset FROM ({new}) POSITIONAL JOIN range({fresh})",  # noqa: S608
            folder / "new.parquet",
        )
        write(new, folder / "new.csv", header=False)
        works: dict[str, Callable[[], None]] = {
            "version": lambda: append_version(ours, folder / "new.parquet"),
            "process": lambda: append_in_a_process(ours, folder / "new.parquet"),
            "rewritten": lambda: rewrite_and_add(theirs["rewritten"], folder / "new.csv"),
            "appended": lambda: extend_and_add(theirs["appended"], folder / "new.csv"),
        }
        for side, work in works.items():
            costs[side].append(measured(work))
            subprocess.run(["sync", "-f", str(folder)], check=True)
        for place in theirs.values():
            # Only the newest copy has to be there; DVC's cache would fill the disk.
            _leave_newest(place / ".dvc" / "cache")
    _check(ours, count + 2 * (rounds + 1) * fresh, folder)
    return {side: found[1:] for side, found in costs.items()}


def _leave_newest(cache: Path) -> None:
    files = sorted((each for each in cache.rglob("*") if each.is_file()), key=lambda each: each.stat().st_mtime)
    for old in files[:-1]:
        old.unlink()


def _check(ours: Path, expected: int, folder: Path) -> None:
    book, files = open_dataset_book(ours, None), SegmentCache(DirectoryStore(ours / "store"), ours / "segments")
    head = book.head("ratings")
    assert head is not None
    segments = book.segments("ratings", head.number)
    began = time.perf_counter()
    built = build(segments, files, folder / "built.parquet", columns=COLUMNS)
    if built != expected:
        sys.exit(f"{built} rows were rebuilt, and {expected} are right")
    print(f"all {built:,} rows of version {head.number} rebuilt in {time.perf_counter() - began:.1f} s")
    print(f"version {head.number} holds {head.size / 1e6:,.1f} MB in the store")


def show(costs: dict[str, list[Cost]], count: int, share: float) -> None:
    """The table, and whether the target is met."""
    print(f"\n{round(count * share):,} rows appended to {count:,}; medians of {len(costs['version'])} rounds\n")
    print(f"{'':<10} {'wall s':>8} {'cpu s':>8} {'MB written':>11}   {'× wall':>7} {'× cpu':>7} {'× bytes':>8}")
    medians = {side: _median(found) for side, found in costs.items()}
    base = medians["version"]
    for side, cost in medians.items():
        ratios = (cost.wall / base.wall, cost.cpu / base.cpu, cost.written / base.written)
        print(
            f"{side:<10} {cost.wall:>8.3f} {cost.cpu:>8.3f} {cost.written / 1e6:>11.2f}   "
            f"{ratios[0]:>7.1f} {ratios[1]:>7.1f} {ratios[2]:>8.1f}"
        )
    them = medians["rewritten"]
    least = min(them.wall / base.wall, them.cpu / base.cpu, them.written / base.written)
    print(
        f"\ntarget: {TARGET:g} times less of time and bytes than rewriting: {'reached' if least >= TARGET else 'MISSED'}"
    )


def _median(found: list[Cost]) -> Cost:
    return Cost(
        wall=statistics.median(each.wall for each in found),
        cpu=statistics.median(each.cpu for each in found),
        written=round(statistics.median(each.written for each in found)),
    )


def main() -> None:
    """Make the datasets, append in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; a new folder in it is used and removed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="seatrial-append-") as folder:
        show(run(Path(folder), given.rows, given.share, given.rounds), given.rows, given.share)


if __name__ == "__main__":
    main()

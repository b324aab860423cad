"""How long a lineage of 10,000 versions takes.

Target: each query under 50 ms in the median. The versions are as retrainings leave them: a segment each, four columns, two partitions,
six counts. They are appended through the book itself; then the same questions are asked, round by round, of a book that is open.

lineage    `lineage(dataset, n)`: all ancestors, newest first, each with what a line of the command shows
first page `lineage(dataset, n, limit=20)`: what `seatrial data lineage` asks for
segments   `segments(dataset, n)`: of all ancestors, oldest first, as a build asks for them
head       `head(dataset)`: the newest version with all that it says
whole      `versions(dataset)`: all that all versions say; no command does this but `verify`

Usage: python -m benchmarks.retrain.lineage [--versions 10000] [--rounds 20] [--postgres URL]
URL is an empty database, `postgresql://USER@HOST/NAME`; `own` starts a server for the time of the benchmark.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from seatrial.datasets.book import DatasetBook, open_dataset_book
from seatrial.records import ColumnKind, ColumnSpec, DatasetDraft, Segment, Span
from tests.registry.postgres import running_postgres

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = (
    ColumnSpec(name="time", kind=ColumnKind.TIME),
    ColumnSpec(name="user", kind=ColumnKind.INTEGER, low=0),
    ColumnSpec(name="movie", kind=ColumnKind.TEXT),
    ColumnSpec(name="rating", kind=ColumnKind.NUMBER, low=1, high=5),
)
TARGET_MS = 50.0
JUDGED = ("lineage", "first page", "segments", "head")


def fill(book: DatasetBook, versions: int) -> float:
    """Append so many versions; seconds for each."""
    began = time.perf_counter()
    for number in range(versions):
        at = BEGAN + timedelta(hours=number)
        added = Segment(
            digest=f"sha256:{number:064x}", rows=1000, size=9000, earliest=at, latest=at + timedelta(hours=1)
        )
        book.append(
            DatasetDraft(
                dataset="ratings",
                parent=number or None,
                run=f"{at:%Y%m%d-%H%M%S}-ab12",
                created=at,
                columns=COLUMNS,
                added=added,
                spans={f"ratings/{part}": Span(start=number * 600, end=number * 600 + 600) for part in range(2)},
                counts={"lines": 1200, "parsed": 1000, "ignored": 190, "dead": 10, "quarantined": 0, "lost": 0},
            )
        )
    return (time.perf_counter() - began) / versions


def ask(book: DatasetBook, versions: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds of processor and of the clock of each question, in turn."""
    questions: dict[str, Callable[[], object]] = {
        "lineage": lambda: book.lineage("ratings", versions),
        "first page": lambda: book.lineage("ratings", versions, limit=20),
        "segments": lambda: book.segments("ratings", versions),
        "head": lambda: book.head("ratings"),
        "whole": lambda: book.versions("ratings"),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in questions}
    for _ in range(rounds):
        for name, question in questions.items():
            began, used = time.perf_counter(), time.process_time()
            question()
            found[name].append(((time.process_time() - used) * 1000, (time.perf_counter() - began) * 1000))
    if len(book.lineage("ratings", versions)) != versions or len(book.segments("ratings", versions)) != versions:
        sys.exit("versions are missing")
    return found


@contextmanager
def places(postgres: str | None) -> Iterator[dict[str, str | None]]:
    """URLs of the books to ask."""
    with ExitStack() as stack:
        urls: dict[str, str | None] = {"SQLite": None}
        if postgres == "own":
            postgres = stack.enter_context(running_postgres())
        if postgres:
            urls["PostgreSQL"] = postgres
        yield urls


def main() -> None:
    """Fill each book, ask it, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--postgres", metavar="URL")
    given = parser.parse_args()
    with places(given.postgres) as urls, tempfile.TemporaryDirectory() as folder:
        for name, url in urls.items():
            book = open_dataset_book(Path(folder), url)
            each = fill(book, given.versions)
            found = ask(book, given.versions, given.rounds)
            book.close()
            print(f"{name}: {given.versions:,} versions, appended in {each * 1000:.2f} ms each")
            for question, times in found.items():
                cpu, wall = (statistics.median(column) for column in zip(*times, strict=True))
                worst = max(wall for _, wall in times)
                judged = ("reached" if wall < TARGET_MS else "MISSED") if question in JUDGED else ""
                print(f"  {question:<11} median {wall:7.2f} ms   cpu {cpu:7.2f} ms   worst {worst:7.2f} ms   {judged}")


if __name__ == "__main__":
    main()

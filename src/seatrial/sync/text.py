"""What one sync did, for people; the JSON has everything."""

from collections.abc import Iterable

from seatrial.records import SyncResult
from seatrial.sync.listed import printable
from seatrial.wording.grid import Grid

_MOST_ROWS = 40
_SHORT = 12


def sync_grid(result: SyncResult) -> Grid:
    """A row for each file and folder that was touched; below, the sum of them and what was left out."""
    rows = tuple(_rows(result))
    more = (f"and {len(rows) - _MOST_ROWS} more; --format json has all of them",) if len(rows) > _MOST_ROWS else ()
    return Grid(
        headings=("change", "file"),
        rows=rows[:_MOST_ROWS],
        unwrapped=frozenset({"change"}),
        below=(*more, *((sync_sentence(result),) if rows else ()), *result.notes),
    )


def sync_sentence(result: SyncResult) -> str:
    """Where the code is, of which commit, and how much was done for it."""
    what = f"commit {result.commit[:_SHORT]} of {printable(result.branch)}"
    if result.unchanged:
        return f"{result.folder} has the files of {what} already, nothing was written"
    counts = (("written", len(result.written)), ("removed", len(result.removed)))
    done = ", ".join(f"{count} {name}" for name, count in counts if count)
    return f"{result.folder} {'would have' if result.dry_run else 'has'} the files of {what}: {done}"


def _rows(result: SyncResult) -> Iterable[tuple[str, str]]:
    would = "would be " if result.dry_run else ""
    yield from ((f"{would}written", printable(path)) for path in result.written)
    yield from ((f"{would}removed", printable(path)) for path in result.removed)
    yield from ((f"{would}removed", f"{folder}/ (its branch is gone)") for folder in result.pruned)

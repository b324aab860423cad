"""Live progress on standard error: a row per cell on a terminal, plain lines elsewhere, nothing on standard output."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import msgspec
from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from seatrial.trial.progress import Progress, Watcher

MOST_ROWS = 40


@contextmanager
def watching(console: Console) -> "Iterator[Watcher]":
    """A watcher for the length of a trial: live rows if `console` is a terminal, a line per step otherwise."""
    if not console.is_terminal:
        yield PlainLines(console)
        return
    rows = LiveRows()
    with Live(rows, console=console, refresh_per_second=8, transient=True):
        yield rows


class JsonLines:
    """Every step as a JSON object on a line of its own, for programs that follow a trial."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, progress: "Progress") -> None:
        """Write it, whole, before anything else is written."""
        line = msgspec.json.encode(progress).decode() + "\n"
        with self._lock:
            self._stream.write(line)
            self._stream.flush()


class PlainLines:
    """One line when a cell enters a stage or fails; progress within a stage is not repeated."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def __call__(self, progress: "Progress") -> None:
        """Print what is new."""
        detail = progress.detail if not progress.total else f"{progress.total} requests"
        line = (progress.cell, progress.stage.value, "failed" if progress.failed else detail)
        with self._lock:
            if line in self._said:
                return
            self._said.add(line)
        mark = "✘ " if progress.failed else ""
        head = f"{progress.cell}: " if progress.cell else ""
        self._console.print(
            f"{head}{mark}{progress.stage.value} {progress.detail if progress.failed else detail}".rstrip(),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


class LiveRows:
    """The latest step of every cell, as a table that rich draws again several times a second."""

    def __init__(self) -> None:
        self._latest: dict[str, Progress] = {}
        self._spinner = Spinner("dots")
        self._lock = threading.Lock()

    def __call__(self, progress: "Progress") -> None:
        """Remember the step."""
        with self._lock:
            self._latest[progress.cell] = progress

    def __rich__(self) -> RenderableType:
        """Draw."""
        with self._lock:
            latest = dict(self._latest)
        table = Table.grid(padding=(0, 2))
        overall = latest.pop("", None)
        if overall is not None:
            table.add_row(self._spinner, Text(overall.stage.value, style="bold"), _bar(overall), escape(overall.detail))
        for cell, progress in list(latest.items())[:MOST_ROWS]:
            mark = Text("✘", style="red") if progress.failed else Text("•", style="cyan")
            table.add_row(mark, escape(cell), _bar(progress), _detail(progress))
        if len(latest) > MOST_ROWS:
            table.add_row("", f"… and {len(latest) - MOST_ROWS} more cells", "", "")
        return table


def _bar(progress: "Progress") -> RenderableType:
    if not progress.total:
        return Text(progress.stage.value, style="dim")
    return ProgressBar(total=progress.total, completed=progress.done, width=24)


def _detail(progress: "Progress") -> Text:
    text = f"{progress.done}/{progress.total} requests" if progress.total else progress.detail
    return Text(text[:100], style="red" if progress.failed else "")

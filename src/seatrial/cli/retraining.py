"""How `seatrial retrain` shows a retraining: as it goes on, and what became of it."""

import threading
from typing import TYPE_CHECKING

from seatrial.cli.output import print_grid, print_sentences, print_verdict

if TYPE_CHECKING:
    from rich.console import Console

    from seatrial.records import RetrainResult
    from seatrial.retrain.progress import RetrainProgress, RetrainWatcher


def retrain_progress() -> "RetrainWatcher":
    """A watcher that prints a line on standard error for each phase, and what is new in it now and then."""
    from rich.console import Console

    return _Lines(Console(stderr=True))


def print_retraining(result: "RetrainResult") -> None:
    """What became of a retraining: the gate's table, the verdict, and where its report is."""
    from seatrial.records import Verdict
    from seatrial.retrain.text import findings_grid, gate_grid, result_lines

    if result.checked is not None and result.checked.verdict in {Verdict.FAIL, Verdict.ERROR}:
        print_grid(findings_grid(result.checked), "")
    if result.gated is not None:
        print_grid(gate_grid(result.gated), "")
    print_sentences(result_lines(result))
    print_verdict(result.verdict or Verdict.INCONCLUSIVE, f"{result.outcome}: {result.headline}")
    print_sentences([result.page] if result.page else [])


class _Lines:
    """A line when a phase begins; within one, what is new in it at most once a second."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._lock = threading.Lock()
        self._phase = self._text = ""
        self._spoken = float("-inf")

    def __call__(self, progress: "RetrainProgress") -> None:
        """Print what is new."""
        import time

        now = time.monotonic()
        with self._lock:
            known = progress.phase == self._phase
            if known and (progress.text in {"", self._text} or now - self._spoken < 1.0):
                return
            self._phase, self._text = progress.phase, progress.text
            if progress.text:
                self._spoken = now
        text = f"{progress.name}: {progress.phase.value} {progress.text}".rstrip()
        self._console.print(text[:200], markup=False, highlight=False, soft_wrap=True)

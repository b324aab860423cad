"""A retraining's line in the journal of runs while it goes on."""

from dataclasses import replace

from seatrial.records import RetrainOutcome, RetrainResult, Run, RunKind, RunState, Verdict
from seatrial.retrain.tools import RetrainTools


class Entry:
    """The line of one run."""

    def __init__(self, result: RetrainResult, tools: RetrainTools) -> None:
        self._journal = tools.trial.journal
        self._run = Run(
            id=result.run,
            project=result.project,
            folder=result.folder,
            started=result.started,
            kind=RunKind.RETRAINING,
            candidate=result.name,
        )
        self._journal.enter(self._run)

    def end(self, result: RetrainResult) -> None:
        """Write what became of it."""
        if not any(kind == RetrainResult.__name__ for _, kind, _ in self._journal.events(self._run.id)):
            self._journal.append(self._run.id, result)
        cut = result.outcome is RetrainOutcome.INTERRUPTED
        self._journal.end(
            replace(
                self._run,
                baseline="" if result.baseline is None else f"{result.model}@{result.baseline}",
                candidate=result.name if result.number is None else f"{result.model}@{result.number}",
                verdict=result.verdict,
                headline=f"{result.outcome}. {result.headline}" if result.outcome else result.headline,
            ),
            RunState.INTERRUPTED if cut else RunState.FINISHED,
        )

    def fail(self, error: Exception) -> None:
        """Write that it broke."""
        headline = str(error).splitlines()[0] if str(error) else type(error).__name__
        self._journal.end(replace(self._run, verdict=Verdict.ERROR, headline=headline), RunState.FINISHED)

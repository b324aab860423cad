"""How retrainings read: grids and sentences that the terminal prints, and from which the report's tables are made."""

from collections.abc import Sequence
from typing import Final

from seatrial.records import (
    Checked,
    Collected,
    Comparison,
    DataFinding,
    Gated,
    RetrainOutcome,
    RetrainResult,
    SplitResult,
    Trained,
    Verdict,
)
from seatrial.wording import retraining
from seatrial.wording.grid import Grid
from seatrial.wording.rows import judged_rows
from seatrial.wording.text import MISSING, clip, count, duration, quantity, symbol

_SENTENCE: Final = 120
_LONG: Final = 1000
_CODES: Final = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3, Verdict.ERROR: 4}


def outcome_exit_code(result: RetrainResult) -> int:
    """What a command exits with: 0 as asked for, 1 refused, 3 nothing new, skipped or inconclusive, 4 something broke.

    A run that has not ended is inconclusive; one that somebody interrupted is 130, as after Ctrl-C.
    """
    if result.outcome is RetrainOutcome.INTERRUPTED:
        return 130
    return _CODES[retraining.verdict_of(result) or Verdict.INCONCLUSIVE]


def result_lines(result: RetrainResult) -> tuple[str, ...]:
    """What there is to say of a run beside its headline, a sentence a line."""
    told = (
        f"Run {result.run} of {result.name}, begun by {retraining.begun_by(result)}.",
        *(f"{each}." for each in retraining.facts(result)),
        *(f"{each}." for each in trained_words(result.trained)),
        _sentence(retraining.became(result)),
        f"{retraining.consequence(result)}." if retraining.consequence(result) else "",
        f"Trial and promotion: run {result.promotion}." if result.promotion else "",
        f"Release: {result.release}." if result.release else "",
        *(_notes(result)),
    )
    return tuple(each for each in told if each)


def _sentence(words: str) -> str:
    """With the first letter as sentences have it, unless that is a model's name."""
    begins = words.startswith(("a ", "nothing "))
    return f"{words[:1].upper()}{words[1:]}." if begins else f"{words}."


def _notes(result: RetrainResult) -> tuple[str, ...]:
    collected = result.collected.notes if result.collected is not None else ()
    return tuple(f"Note: {note}" for note in (*collected, *result.notes))


def trained_words(trained: Trained | None) -> tuple[str, ...]:
    """What training took; nothing before it."""
    if trained is None:
        return ()
    cpu = f", {duration(trained.cpu_seconds)} of CPU" if trained.cpu_seconds is not None else ""
    memory = f", {quantity(trained.memory_peak, 'B')} of memory at most" if trained.memory_peak is not None else ""
    return (f"Trained in {duration(trained.seconds)}{cpu}{memory}",)


def split_lines(split: SplitResult) -> tuple[str, ...]:
    """How the rows were parted, and what was made sure of."""
    told = (
        f"{count(split.train_rows, 'row')} to train on, {count(split.test_rows, 'row')} held out",
        f"held out from {split.boundary:%Y-%m-%d %H:%M:%S} UTC on" if split.boundary is not None else "",
        f"the model in the stage may have seen rows up to {split.sealed_from:%Y-%m-%d %H:%M:%S} UTC, which are not held out"
        if split.sealed_from is not None
        else "",
        split.too_few,
        *split.checks,
    )
    return tuple(filter(None, told))


def gate_grid(gated: Gated) -> Grid:
    """Each judged metric, the worst first."""
    rows = tuple(
        (
            f"{row.symbol} {row.verdict.value}" if row.verdict is not None else MISSING,
            row.metric,
            row.change or MISSING,
            " ".join(filter(None, (row.difference, row.interval))) or MISSING,
            row.held or MISSING,
            row.note,
        )
        for row in judged_rows(gated.comparisons)
    )
    return Grid(
        headings=("verdict", "metric", "before → now", "difference", "allowed", "why"),
        rows=rows,
        unwrapped=frozenset({"verdict", "metric", "before → now"}),
    )


def worst_first(gated: Gated) -> tuple[Comparison, ...]:
    """What was compared: the worst verdict first, what is only shown last."""
    return tuple(sorted(gated.comparisons, key=lambda each: -each.verdict.severity if each.verdict is not None else 1))


def findings_grid(checked: Checked) -> Grid:
    """Each check of the data, those that refuse the batch first, those that are only shown last."""
    return Grid(
        headings=("verdict", "check", "rows", "found", "allowed", "why"),
        rows=tuple(map(_finding_row, ordered(checked.findings))),
        right=frozenset({"rows", "found", "allowed"}),
        unwrapped=frozenset({"verdict", "check"}),
    )


def ordered(findings: Sequence[DataFinding]) -> tuple[DataFinding, ...]:
    """The worst first."""
    return tuple(sorted(findings, key=lambda each: -each.verdict.severity if each.verdict is not None else 1))


def _finding_row(found: DataFinding) -> tuple[str, ...]:
    verdict = f"{symbol(found.verdict)} {found.verdict.value if found.verdict is not None else unjudged(found)}"
    examples = f" (as {', '.join(found.examples)})" if found.examples else ""
    return (
        verdict,
        check_name(found),
        f"{found.rows:,}" if found.rows else MISSING,
        figure(found.value),
        figure(found.limit),
        f"{found.reason}{examples}",
    )


def unjudged(found: DataFinding) -> str:
    """What a check did that has no verdict of its own."""
    return "quarantined" if found.rows else "shown"


def check_name(found: DataFinding) -> str:
    """`drift of genre`."""
    return f"{found.check} of {found.column}" if found.column else found.check


def figure(value: float | None) -> str:
    """A figure without a unit: `0.0052`, `32,644`."""
    return quantity(value) if value is None or abs(value) >= _LONG else f"{value:.3g}"


def runs_grid(results: Sequence[RetrainResult]) -> Grid:
    """Retrainings, one a row."""
    return Grid(
        headings=("run", "loop", "state", "data", "version", "took", "what"),
        rows=tuple(map(_run_row, results)),
        right=frozenset({"took"}),
        unwrapped=frozenset({"run", "data", "version"}),
    )


def _run_row(result: RetrainResult) -> tuple[str, ...]:
    state = result.outcome.value if result.outcome is not None else result.phase.value
    return (
        result.run,
        result.name,
        f"{symbol(retraining.verdict_of(result))} {state}",
        MISSING if result.dataset is None else f"{result.name}@{result.dataset}",
        MISSING if result.number is None else f"{result.model}@{result.number}",
        took(result),
        clip(result.headline or result.why, _SENTENCE),
    )


def took(result: RetrainResult) -> str:
    """How long it took; `–` while it goes on."""
    if result.ended is None:
        return MISSING
    return duration(max(0.0, (result.ended - result.started).total_seconds()))


def spans_grid(collected: Collected) -> Grid:
    """What was taken from each partition."""
    rows = tuple(
        (partition, f"{span.start:,}", f"{span.end:,}", f"{span.end - span.start:,}")
        for partition, span in sorted(collected.spans.items())
    )
    return Grid(
        headings=("partition", "from", "up to", "taken"), rows=rows, right=frozenset({"from", "up to", "taken"})
    )


def reasons_grid(collected: Collected) -> Grid:
    """Why lines did not parse."""
    rows = tuple((reason, f"{number:,}") for reason, number in collected.reasons)
    return Grid(headings=("reason", "lines"), rows=rows, right=frozenset({"lines"}))

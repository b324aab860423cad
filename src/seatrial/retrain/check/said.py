"""What the checks found, in sentences: a finding for each check, the worst first, and one sentence for all."""

from collections.abc import Iterable, Sequence
from typing import Final

from seatrial.records import Collected, DataCheckSpec, DataFinding, Verdict
from seatrial.retrain.check.batch import Batch, Problem, Refused
from seatrial.retrain.check.drift import DRIFT
from seatrial.retrain.check.duplicates import DUPLICATES, IN_EARLIER, examples
from seatrial.retrain.check.values import FUTURE, LATE, SCHEMA
from seatrial.wording.text import count, one_line

BAD_ROWS: Final = "bad rows"
DEAD_LINES: Final = "dead lines"
ROWS: Final = "rows"
_REASONS: Final = 5
_SHORT: Final = 80
_SOUND: Final = {
    SCHEMA: "every value is as its column says",
    LATE: "no row is too late",
    FUTURE: "no row is ahead of the clock",
    DUPLICATES: "no row was there before",
}


def refused_findings(batch: Batch, spec: DataCheckSpec) -> list[DataFinding]:
    """A finding for each problem of single rows, and one for each check of them that found none.

    A problem is no verdict: what counts is how many rows are bad altogether.
    """
    found = batch.refused()
    checked = [SCHEMA, *([LATE] if spec.time and spec.late is not None else []), *([FUTURE] if spec.time else [])]
    checked += [DUPLICATES] if spec.key else []
    sound = [
        DataFinding(check=check, verdict=Verdict.PASS, reason=_SOUND[check])
        for check in checked
        if check not in {refused.problem.check for refused in found}
    ]
    return [*(_refused(batch, refused, spec) for refused in found), *sound]


def _refused(batch: Batch, refused: Refused, spec: DataCheckSpec) -> DataFinding:
    problem = refused.problem
    keys = examples(batch, problem, spec.key) if problem.check == DUPLICATES else ()
    return DataFinding(
        check=problem.check,
        column=problem.column,
        rows=refused.rows,
        limit=problem.limit,
        reason=_sentence(refused),
        examples=keys or refused.examples,
    )


def _sentence(refused: Refused) -> str:
    problem = refused.problem
    rows = count(refused.rows, "row")
    return f"{rows} whose {problem.column} {problem.words}" if problem.column else f"{rows}: {problem.words}"


def together_finding(problem: Problem) -> DataFinding:
    """What the project's schema has against all rows together."""
    about = f"{problem.column} " if problem.column else "the batch "
    return DataFinding(
        check=problem.check,
        column=problem.column,
        verdict=Verdict.FAIL,
        reason=f"{about}{problem.words}, all rows together",
    )


def replay_finding(rows: int) -> DataFinding:
    """Of a batch that is an earlier version again."""
    return DataFinding(
        check=DUPLICATES, rows=rows, verdict=Verdict.FAIL, reason="the batch is exactly the rows of an earlier version"
    )


def bad_rows_finding(batch: Batch, bad: int, most: float) -> DataFinding:
    """Whether more rows are bad than may be."""
    if not batch.rows:
        return DataFinding(check=BAD_ROWS, limit=most, reason="no row came")
    share = bad / batch.rows
    verdict = Verdict.FAIL if share > most else Verdict.PASS
    said = f"{bad:,} of {count(batch.rows, 'row')} ({_percent(share)}) are bad, at most {_percent(most)} may be"
    if verdict is Verdict.FAIL:
        said = f"{said}; most often: {_main(batch)}"
    return DataFinding(check=BAD_ROWS, rows=bad, value=share, limit=most, verdict=verdict, reason=said)


def _main(batch: Batch) -> str:
    main = max(batch.refused(), key=lambda refused: refused.rows)
    if main.rows == batch.rows and main.problem.words.endswith(IN_EARLIER):
        return "every row is in an earlier version, so that this is a replay"
    return _sentence(main)


def rows_finding(good: int, fewest: int) -> DataFinding:
    """Whether there are enough good rows to train on."""
    verdict = Verdict.PASS if good >= fewest else Verdict.INCONCLUSIVE
    reason = f"{count(good, 'good row')}, at least {fewest:,} wanted"
    return DataFinding(check=ROWS, value=float(good), limit=float(fewest), verdict=verdict, reason=reason)


def dead_lines_finding(collected: Collected) -> DataFinding:
    """How many lines were no rows at all; collecting has judged them already."""
    lines, dead = collected.counts.get("lines", 0), collected.counts.get("dead", 0)
    if not dead:
        return DataFinding(check=DEAD_LINES, reason="every line could be parsed" if lines else "there was no line")
    return DataFinding(
        check=DEAD_LINES,
        rows=dead,
        value=dead / lines if lines else None,
        reason=f"{count(dead, 'line')} of {lines:,} could not be parsed",
        examples=tuple(f"{one_line(why, _SHORT)} ({number:,})" for why, number in collected.reasons[:_REASONS]),
    )


def worst_first(findings: Iterable[DataFinding]) -> tuple[DataFinding, ...]:
    """Refusing the batch, then what is not settled, then what refused rows (the most first), then the rest."""
    return tuple(sorted(findings, key=_rank))


def _rank(finding: DataFinding) -> tuple[int, int]:
    if finding.verdict in {None, Verdict.PASS}:
        shown = finding.verdict is None and finding.rows > 0
        return (0, -finding.rows) if shown else (1, 0)
    return (-finding.verdict.severity, -finding.rows) if finding.verdict else (1, 0)


def headline(verdict: Verdict, rows: int, bad: int, findings: Sequence[DataFinding]) -> str:
    """What a person needs to know, in one sentence; `findings` are the worst first."""
    if not rows:
        return "no row came"
    if verdict is Verdict.FAIL:
        return f"the whole batch of {count(rows, 'row')} is quarantined: {reasons(verdict, findings)}"
    if verdict is Verdict.INCONCLUSIVE:
        return f"too few rows to train on: {reasons(verdict, findings)}"
    if not bad:
        return f"all {count(rows, 'row')} are good" if rows > 1 else "the only row is good"
    main = next(finding.reason for finding in findings if finding.rows and finding.verdict is None)
    return f"{rows - bad:,} of {count(rows, 'row')} are good, {bad:,} quarantined; most often: {main}"


def reasons(verdict: Verdict, findings: Iterable[DataFinding]) -> str:
    """Why a verdict is what it is."""
    return "; ".join(
        f"{finding.column}: {finding.reason}" if finding.check == DRIFT else finding.reason
        for finding in findings
        if finding.verdict is verdict
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"

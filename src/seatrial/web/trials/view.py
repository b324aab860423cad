"""What the pages say of a trial, in words: made from the records alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from seatrial.records import BotTrial, CellProgress, Stage, TrialState, Verdict
from seatrial.wording import text
from seatrial.wording.inert import SIGNS

_SHORT: Final = 10
_WORDS: Final = {
    TrialState.QUEUED: "waits for its turn",
    TrialState.RUNNING: "runs",
    TrialState.CANCELLED: "cancelled",
    TrialState.BROKEN: "broken",
}
_STAGES: Final = tuple(Stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """One cell of a live trial: `share` is how far it is on the whole way, from 0 to 1."""

    name: str
    stage: str
    detail: str
    share: float
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """One trial as the pages show it.

    Attributes:
        tone: class of style: a verdict's, or `live` or `plain`.
        sign, word: how it stands, as a sign and in a word or two.
        said: the sentence that matters most now.
        whole: what the whole of it is at, while it runs.
    """

    id: str
    title: str
    commit: str
    tone: str
    sign: str
    word: str
    said: str
    when: str
    took: str
    facts: tuple[str, ...]
    live: bool
    report: bool
    whole: str = ""
    cells: tuple[CellView, ...] = ()


def view(trial: BotTrial, progress: Sequence[CellProgress], now: datetime) -> TrialView:
    """What is shown of a trial at a moment."""
    overall = next((each for each in progress if not each.cell), None)
    return TrialView(
        id=trial.id,
        title=_title(trial),
        commit=trial.commit[:_SHORT],
        tone=_tone(trial),
        sign=_sign(trial),
        word=trial.verdict.value if _judged(trial) and trial.verdict else _WORDS.get(trial.state, trial.state.value),
        said=_said(trial),
        when=trial.queued.strftime("%Y-%m-%d %H:%M UTC"),
        took=_took(trial, now),
        facts=tuple(_facts(trial)),
        live=trial.state.is_live,
        report=bool(trial.page) and not trial.state.is_live,
        whole=_whole(overall),
        cells=tuple(_cell(each) for each in progress if each.cell),
    )


def _title(trial: BotTrial) -> str:
    where = "" if trial.project == "." else f" · {trial.name or trial.project}"
    return f"{trial.repository} #{trial.number}{where}"


def _judged(trial: BotTrial) -> bool:
    return trial.state is TrialState.FINISHED and trial.verdict is not None


def _tone(trial: BotTrial) -> str:
    if _judged(trial) and trial.verdict is not None:
        return trial.verdict.value
    if trial.state is TrialState.BROKEN:
        return Verdict.ERROR.value
    return "live" if trial.state is TrialState.RUNNING else "plain"


def _sign(trial: BotTrial) -> str:
    if _judged(trial) and trial.verdict is not None:
        return SIGNS[trial.verdict]
    if trial.state is TrialState.BROKEN:
        return SIGNS[Verdict.ERROR]
    return {TrialState.QUEUED: "…", TrialState.RUNNING: "▶", TrialState.CANCELLED: "–"}.get(trial.state, "·")


def _said(trial: BotTrial) -> str:
    if trial.state.is_live and trial.cancelling:
        return f"It is being cancelled: {trial.cancelling}"
    if trial.state is TrialState.FINISHED:
        return trial.headline
    return trial.why


def _took(trial: BotTrial, now: datetime) -> str:
    if trial.started is None:
        return ""
    return text.duration(((trial.ended or now) - trial.started).total_seconds())


def _facts(trial: BotTrial) -> list[str]:
    facts = []
    if trial.asked_by:
        facts.append(f"asked for by {trial.asked_by}")
    if trial.attribute:
        facts.append("with attribution")
    if trial.confined:
        facts.append("from a fork: without secrets and network")
    return facts


def _whole(overall: CellProgress | None) -> str:
    if overall is None:
        return ""
    return overall.detail or overall.stage


def _cell(progress: CellProgress) -> CellView:
    counted = f"{progress.done} of {progress.total} requests" if progress.total else ""
    return CellView(
        name=progress.cell,
        stage=progress.stage,
        detail=progress.detail if progress.failed or not counted else counted,
        share=_share(progress),
        failed=progress.failed,
    )


def _share(progress: CellProgress) -> float:
    """The stages count alike, except that driving has its own count."""
    names = [stage.value for stage in _STAGES]
    if progress.stage not in names:
        return 0.0
    within = min(1.0, progress.done / progress.total) if progress.total else 0.0
    return (names.index(progress.stage) + within) / (len(names) - 1) if progress.stage != Stage.DONE.value else 1.0

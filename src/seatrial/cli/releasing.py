"""How `seatrial release` shows a release: as it is, as it goes on, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from seatrial.cli.output import STYLES, Format, print_grid, print_json, print_sentences, print_verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

    from seatrial.records import Judgement, Release, ReleaseEvent
    from seatrial.release.desk import ReleaseDesk
    from seatrial.wording.grid import Grid

MOST_EVENTS = 8


def show_status(desk: "ReleaseDesk", release: "Release", form: Format) -> None:
    """One release with what the judge knows."""
    from seatrial.release.text import metric_grid, status_lines

    judgement = _judgement(desk, release)
    if form is Format.JSON:
        print_json({"release": release, "judgement": judgement})
        return
    print_sentences(status_lines(release, judgement, now=desk.clock.now()))
    if judgement is not None and judgement.metrics:
        print_grid(metric_grid(judgement))


def show_explanation(desk: "ReleaseDesk", release: "Release", form: Format) -> None:
    """Why it stands where it stands, and what happened."""
    from seatrial.release.text import event_line, explained

    judgement = _judgement(desk, release)
    events = [event for _, event in desk.book.events(release.id)]
    if form is Format.JSON:
        print_json({"release": release, "judgement": judgement, "events": events})
        return
    print_sentences([*explained(release, judgement), "", *(event_line(event) for event in events)])


def show_live(desk: "ReleaseDesk", release: str, form: Format) -> NoReturn:
    """A release as it goes on, until it has ended; then the command exits with what it is worth."""
    from rich.console import Console

    if form is Format.TEXT and Console().is_terminal:
        _draw(desk, release)
    else:
        _print_events(desk, release, form)
    _leave(desk.book.get(release), form)


def show_end(desk: "ReleaseDesk", release: str, form: Format) -> NoReturn:
    """The end of a release, once it is there."""
    from seatrial.release.desk import follow

    for _ in follow(desk, release):
        pass
    found = desk.book.get(release)
    if form is Format.JSON:
        print_json(found)
    _leave(found, form)


def check_may_promote(desk: "ReleaseDesk", project: Path, release: "Release") -> None:
    """Refuse what could not have its stage afterwards. Raises UsageError."""
    from seatrial.records import Decision, ReleasePhase
    from seatrial.release.desk import check_promotion
    from seatrial.wiring import open_registry

    judgement = _judgement(desk, release)
    if release.phase is ReleasePhase.BAKING or (judgement is not None and judgement.decision is Decision.PROMOTE):
        return
    with open_registry(project) as registry:
        stage = registry.registry.version(release.model, release.number).stage
    check_promotion(desk, release, stage)


def _leave(release: "Release", form: Format) -> NoReturn:
    from seatrial.records import Verdict
    from seatrial.release.outcome import exit_code
    from seatrial.release.text import stands

    if form is Format.TEXT:
        sentence = f"{release.model}@{release.number} {stands(release)}: {release.why}"
        print_verdict(release.verdict or Verdict.INCONCLUSIVE, sentence)
    raise typer.Exit(exit_code(release))


def _print_events(desk: "ReleaseDesk", release: str, form: Format) -> None:
    """A line for each thing that happens; as JSON one object a line, since nobody knows how many there will be."""
    import msgspec

    from seatrial.release.desk import follow
    from seatrial.release.text import event_line

    for _, events in follow(desk, release):
        for event in events:
            if form is Format.JSON:
                typer.echo(msgspec.json.encode(event).decode())
            else:
                print_sentences([event_line(event)])


def _draw(desk: "ReleaseDesk", release: str) -> None:
    from rich.live import Live

    from seatrial.release.desk import follow

    told: list[ReleaseEvent] = []
    with Live(refresh_per_second=4) as live:
        for found, events in follow(desk, release):
            told = [*told, *events][-MOST_EVENTS:]
            live.update(_picture(desk, found, told))


def _picture(desk: "ReleaseDesk", release: "Release", events: "list[ReleaseEvent]") -> "RenderableType":
    from rich.console import Group
    from rich.text import Text

    from seatrial.release.text import event_line, metric_grid, status_lines

    judgement = _judgement(desk, release)
    lines = [Text(line) for line in status_lines(release, judgement, now=desk.clock.now())]
    table = [_table(metric_grid(judgement))] if judgement is not None and judgement.metrics else []
    return Group(*lines, Text(), *table, Text(), *(Text(event_line(event), style="dim") for event in events))


def _table(grid: "Grid") -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in grid.headings:
        table.add_column(Text(heading), overflow="fold", no_wrap=heading in grid.unwrapped)
    for row in grid.rows:
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    return table


def _judgement(desk: "ReleaseDesk", release: "Release") -> "Judgement | None":
    """The last judgement of a release."""
    from seatrial.release.desk import kept_of

    return kept_of(desk, release).last_judgement()

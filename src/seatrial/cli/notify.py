"""`seatrial notify`: whether those who shall be told can be reached."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.output import Format, print_grid, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.notices.deliver import Delivery
    from seatrial.records import NotifySpec

app = typer.Typer(help="Tell people: Slack, e-mail, webhooks and others.", no_args_is_help=True)


@app.callback()
def notify() -> None:
    """Tell people: Slack, e-mail, webhooks and others."""


@app.command("test")
def send_test(
    project: Annotated[Path, typer.Option("--project", help="Folder with seatrial.yaml.", show_default=False)] = Path(),
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this receiver. May be repeated.")] = None,
    form: Annotated[Format, typer.Option("--format", help="Of what is printed on standard output.")] = Format.TEXT,
) -> None:
    """Send a test notice to every configured receiver, whatever events it wants, and say whether it arrived.

    Exit code: 0 it arrived everywhere, 2 usage, 4 somewhere it did not.
    """
    from seatrial.notices.compose import sample_notice
    from seatrial.notices.deliver import deliver
    from seatrial.records import Verdict
    from seatrial.wiring import open_notices

    tools = open_notices(project)
    chosen = _chosen(tools.receivers, only or [])
    deliveries = deliver(sample_notice(tools.project, now=tools.clock.now()), chosen, tools.open)
    if form is Format.JSON:
        print_json(deliveries)
    else:
        _print(deliveries)
    if not all(delivery.arrived for delivery in deliveries):
        raise typer.Exit(Verdict.ERROR.exit_code)


def _chosen(receivers: "Sequence[NotifySpec]", only: "Sequence[str]") -> "list[NotifySpec]":
    """The receivers that are meant. Raises UsageError if there are none, or not all of those named."""
    from seatrial.records import UsageError

    if not receivers:
        raise UsageError(
            "nobody is to be told: no receiver is configured",
            where="notify",
            remedy="add one to seatrial.yaml, as: notify: [{url: 'slack://${SLACK_TOKENS}', events: [promotion]}]",
        )
    names = [spec.name for spec in receivers]
    for name in only:
        if name not in names:
            raise UsageError(
                f"there is no receiver {name!r}", where="--only", remedy=f"there are {', '.join(map(repr, names))}"
            )
    return [spec for spec in receivers if not only or spec.name in only]


def _print(deliveries: "Sequence[Delivery]") -> None:
    from seatrial.telemetry.text import Grid

    rows = tuple((each.receiver, "yes" if each.arrived else "no", each.why) for each in deliveries)
    below = tuple(f"{each.receiver}: {each.remedy}" for each in deliveries if each.remedy)
    print_grid(Grid(headings=("receiver", "arrived", "why"), rows=rows, below=below))

"""`seatrial doctor`: what this machine can do."""

from typing import Annotated

import typer

from seatrial.cli.output import Format, print_facts, print_json


def doctor(
    form: Annotated[Format, typer.Option("--format", help="Of what is printed on standard output.")] = Format.TEXT,
) -> None:
    """Say what this machine can do: cgroup kind, engines found, versions."""
    from seatrial.wiring import examine

    facts = examine()
    if form is Format.JSON:
        print_json(facts)
    else:
        print_facts(facts)

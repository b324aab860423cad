"""Schedules in `seatrial server`: what is due is entered into the book, webhooks come in."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.deployments.server import Duty
    from seatrial.records import Project
    from seatrial.wiring import Scheduling


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulingParts:
    """What begins retrainings in a server; the wishes are in `scheduling.book`."""

    scheduling: "Scheduling"
    duties: "tuple[Duty, ...]"


@contextmanager
def opened_scheduling(
    project: Path, configured: "Project | None", say: Callable[[str], None], arrived: Callable[[], None]
) -> "Iterator[SchedulingParts | None]":
    """What begins the retrainings of a project, with the webhooks' address open until the block ends; None without loops.

    Args:
        project: its folder.
        configured: its configuration.
        say: gets a line for everything that happens.
        arrived: told, from any thread, that a wish is in the book; returns at once.

    Raises:
        UsageError: the address is taken, or a token is missing.
        PermanentError: the database does not answer.
    """
    if configured is None or not configured.retrainings:
        yield None
        return
    from seatrial.wiring import open_scheduling

    with open_scheduling(project) as scheduling, ExitStack() as stack:
        if tokens := scheduling.tokens():
            stack.enter_context(_listening(scheduling, tokens, configured.hooks, say, arrived))
        yield SchedulingParts(scheduling=scheduling, duties=(scheduling.scheduler(say, arrived),))


@contextmanager
def _listening(
    scheduling: "Scheduling",
    tokens: Mapping[str, str],
    address: tuple[str, int],
    say: Callable[[str], None],
    arrived: Callable[[], None],
) -> Iterator[None]:
    from seatrial.records import UsageError
    from seatrial.web.background import listening
    from seatrial.web.hooks.retrain import RetrainDoor, retrain_app

    door = RetrainDoor(
        tokens=tokens,
        book=scheduling.book,
        clock=scheduling.clock,
        actor=scheduling.actor,
        mark=lambda: secrets.token_hex(8),
        arrived=arrived,
    )
    with ExitStack() as stack:
        try:
            url = stack.enter_context(listening(retrain_app(door), *address))
        except UsageError as error:
            raise UsageError(
                error.what, where=error.where, remedy="set another hooks.port or hooks.host in seatrial.yaml"
            ) from None
        say(f"webhooks that begin {', '.join(tokens)} are taken at {url}/hooks/retrain/NAME")
        yield

"""A trial's way to its pull request: the publisher, and the place where people find the whole report."""

from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.forge.publish import Publisher
from seatrial.forge.shelf import keep
from seatrial.ports import Objects
from seatrial.records import Published, PublishTarget, Report, SeatrialError


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a command publishes with.

    Attributes:
        shelf: where full reports are copied to; None: nowhere.
    """

    publisher: Publisher
    target: PublishTarget
    shelf: Objects | None = None

    def ended(self, report: Report, folder: Path) -> Published:
        """The trial came to a report, whose files are in `folder`. Raises nothing: what went wrong is in the answer."""
        problems: tuple[str, ...] = ()
        if self.shelf is not None:
            try:
                keep(folder, self.target, self.shelf)
            except SeatrialError as error:
                problems = (f"the full report could not be copied: {error}",)
        published = self.publisher.ended(report)
        return replace(published, problems=(*problems, *published.problems))

"""Bringing a trial to its pull request while it runs. Whatever goes wrong in that is a warning: the verdict stands."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import typer

from seatrial.cli.output import print_warnings

if TYPE_CHECKING:
    from seatrial.forge.publication import Publication
    from seatrial.records import Published
    from seatrial.trial.progress import Progress, Watcher
    from seatrial.trial.run import Outcome


class Onlooker(Protocol):
    """What becomes of a trial that somebody may be looking at."""

    def beside(self, watch: "Watcher") -> "Watcher":
        """A watcher that tells `watch`, and the pull request too."""
        ...

    def ended(self, outcome: "Outcome") -> None:
        """The trial came to a report."""
        ...


class _Unpublished:
    """Nobody else is told."""

    def beside(self, watch: "Watcher") -> "Watcher":
        return watch

    def ended(self, outcome: "Outcome") -> None:
        del outcome


class _OnForge:
    """The pull request is told."""

    def __init__(self, publication: "Publication") -> None:
        self._publication = publication

    def beside(self, watch: "Watcher") -> "Watcher":
        def both(progress: "Progress") -> None:
            watch(progress)
            self._publication.publisher.watch(progress)

        return both

    def ended(self, outcome: "Outcome") -> None:
        publication = self._publication
        if outcome.interrupted:
            _warn(publication.publisher.cancelled("it was interrupted"))
        else:
            _warn(publication.ended(outcome.report, outcome.paths.json.parent))


@contextmanager
def publishing(project: Path, pull: int | None, *, wanted: bool) -> Iterator[Onlooker]:
    """Publish what happens in the block, errors included.

    Args:
        project: folder of the project.
        pull: number of the pull request, where CI's environment doesn't tell.
        wanted: whether anybody asked for it.
    """
    publication = _open(project, pull) if wanted else None
    if publication is None:
        yield _Unpublished()
        return
    from seatrial.records import SeatrialError

    publisher = publication.publisher
    publisher.running()
    try:
        yield _OnForge(publication)
    except KeyboardInterrupt:
        _warn(publisher.cancelled("it was interrupted"))
        raise
    except SeatrialError as error:
        _warn(publisher.broken(error))
        raise


def leave_claim(out: Path | None) -> None:
    """Beside reports that another job may publish: which pull request they are of, where CI tells."""
    from seatrial.forge.claim import write_claim
    from seatrial.forge.place import find_place

    if out is not None:
        write_claim(out, find_place(os.environ, lambda path: Path(path).read_bytes()))


def _open(project: Path, pull: int | None) -> "Publication | None":
    """None where nothing can be published, which is said on standard error."""
    from seatrial.records import SeatrialError
    from seatrial.wiring import open_publisher

    try:
        return open_publisher(project, os.environ, pull)
    except SeatrialError as error:
        print_warnings([f"nothing is published: {error}"])
        return None


def _warn(published: "Published") -> None:
    print_warnings(published.problems)
    if published.comment:
        typer.echo(f"published: {published.comment}", err=True)

"""What releases are carried out with: everything that they do to the world goes through one of these."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from seatrial.ports import Clock, Metrics, Query
from seatrial.records import InForce, Judgement, JudgePolicy, Notice, Release, Threshold, Window
from seatrial.registry.tools import RegistryTools
from seatrial.release.book import ReleaseBook
from seatrial.release.state import Side


class Steering(Protocol):
    """The gateway, as far as a release steers it (`seatrial.gateway.routes.Routes`)."""

    def steer(self, service: str, *, weight: int | None = None, mirror: int | None = None) -> object:
        """Give the canary these thousandths; in force when it returns.

        Raises TemporaryError if that is not confirmed (it is kept, and comes into force later), UsageError for what can't be.
        """
        ...

    def in_force(self, service: str) -> InForce | None:
        """What the gateway itself says that it does; None if it knows no such service. Raises TemporaryError."""
        ...


class Fleet(Protocol):
    """The deployments behind the services. What it changes is seen by its next answers."""

    def look(self) -> None:
        """See how all of them are now; the answers until the next look are of this moment."""
        ...

    def stable(self, service: str) -> Side:
        """What runs in stable's place."""
        ...

    def canary(self, service: str) -> Side:
        """What runs in the canary's place."""
        ...

    def deploy_canary(self, service: str, number: int, digest: str, *, spare: bool = False) -> None:
        """Let a version run in the canary's place; `spare`: with as many replicas as stable. The same again changes nothing."""
        ...

    def replace_stable(self, service: str, number: int, digest: str) -> None:
        """Let a version run in stable's place, replica by replica. The same again changes nothing."""
        ...

    def remove_canary(self, service: str) -> None:
        """Let nothing run in the canary's place."""
        ...


class Judge(Protocol):
    """The judge of releases (`seatrial.judge.release`); its state is its own business."""

    def begin(self, policy: JudgePolicy, thresholds: Sequence[Threshold] = ()) -> Any:  # noqa: ANN401
        """The state before the first window."""
        ...

    def warm(self, state: Any, window: Window) -> None:  # noqa: ANN401
        """Take in a window of stable alone."""
        ...

    def update(self, state: Any, window: Window, values: Mapping[str, float | None] = ...) -> Judgement:  # noqa: ANN401
        """Take in a window, and say what there is to say."""
        ...

    def resume(self, state: Any) -> None:  # noqa: ANN401
        """Forget what was seen of the split: a person has looked after it."""
        ...

    def dump(self, state: Any) -> bytes:  # noqa: ANN401
        """The state as JSON."""
        ...

    def load(self, data: bytes) -> Any:  # noqa: ANN401
        """The state that was dumped."""
        ...


def _nothing(_: Release) -> Sequence[str]:
    return ()


def _none(_: Release) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseTools:
    """The surroundings of all releases of a project.

    Attributes:
        project: its name, for notices.
        folder: where each release has a folder of its own.
        metrics: where the windows of a release come from.
        query: opens what answers the queries of a Prometheus at this URL.
        registry: opens the registry.
        threads: where is done what may take long: asking for figures, the registry, notices.
        tell: sees to it that those who want a notice get it, also if this process dies just then.
        failing: the end of the log of the canary's failing requests, as lines.
        pictures: paths of pictures for the notice.
        report: digest of the release's report in the registry's store, kept there; None where there is none.
        link: where people find the report; empty where nowhere.
    """

    project: str
    folder: Path
    book: ReleaseBook
    clock: Clock
    steering: Steering
    fleet: Fleet
    metrics: Callable[[Release], Metrics]
    query: Callable[[str], Query]
    registry: Callable[[], AbstractContextManager[RegistryTools]]
    judge: Judge
    threads: Executor
    tell: Callable[[Notice], None]
    failing: Callable[[Release], Sequence[str]] = _nothing
    pictures: Callable[[Release], Sequence[str]] = _nothing
    report: Callable[[Release], str | None] = _none
    link: Callable[[Release], str | None] = _none

"""What is known of the gateway at a moment, beside its requests: for `/metrics` and for whoever asks how it is."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from seatrial.deployments.book import Book
from seatrial.gateway.keep import Keeper
from seatrial.gateway.platform import platform_points
from seatrial.ports import Clock
from seatrial.records import InForce, PlatformPoint, ProxyStatus, SeatrialError


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperFacts:
    """What a keeper knows.

    Attributes:
        book: the list of deployments.
        released: the phase of the release of each service that is being released.
    """

    keeper: Keeper
    book: Book
    clock: Clock
    released: Callable[[], Mapping[str, str]]

    def proxy(self) -> ProxyStatus | None:
        """The proxy; None where the project has no services."""
        return self.keeper.status()

    def in_force(self) -> Sequence[InForce]:
        """What it does with each service's requests; without those that it does not tell."""
        found = []
        for name in self.keeper.routes.services:
            with suppress(SeatrialError):
                found.append(self.keeper.routes.in_force(name))
        return [one for one in found if one is not None]

    def phases(self) -> Mapping[str, str]:
        """The phase of each release that runs, by service."""
        return self.released()

    def platform(self) -> Sequence[PlatformPoint]:
        """What the replicas of all services use now."""
        return platform_points(
            self.keeper.setup.services, self.book.statuses(), self.book.everything_started(), self.clock.now()
        )

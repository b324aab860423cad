"""The order of things: everything is installed and rehearsed once, then every server is visited in turn, repeat after repeat.

Servers are never up together: one that only waits would still use the core (Ray's do).
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.environments import Environment, UnusableError, install, train
from benchmarks.serving.ours import PLAIN, SLIM
from benchmarks.serving.results import Failure, Installed, Results
from benchmarks.serving.running import Bench, Place
from benchmarks.serving.server import Needs, Server

_STARTS_COMPARED = (PLAIN, SLIM)


@dataclass(slots=True, kw_only=True)
class Rounds:
    """What is under way.

    Attributes:
        save: file that gets all results after each visit.
        places: the servers that were installed, and where.
        environments: those that were installed; servers may share one.
    """

    bench: Bench
    results: Results
    models: tuple[str, ...]
    save: Path | None
    places: list[tuple[Server, Place]] = field(default_factory=list)
    environments: dict[Needs, Environment] = field(default_factory=dict)

    def install(self, servers: Sequence[Server]) -> None:
        """Install each and train its models; what doesn't install is a failure."""
        for server in servers:
            _say(f"install {server.name}")
            with self._recorded(server, ""):
                place = self._place(server.needs)
                self.places.append((server, place))
                self.results.installed.append(self._installed(server, place))

    def rehearse(self) -> None:
        """Start each server once with each model, so that caches are filled and what doesn't work is known."""
        for model in self.models:
            for server, place in self._standing(model):
                _say(f"rehearse {server.name}, {model}")
                with self._recorded(server, model):
                    self.bench.rehearse(server, place, model)

    def repeat(self, number: int) -> None:
        """Visit all that work; every second time backwards, so that no server always follows the same one."""
        for model in self.models:
            for server, place in self._standing(model)[:: -1 if number % 2 else 1]:
                _say(f"repeat {number + 1}: {server.name}, {model}")
                with self._recorded(server, model):
                    self._visit(server, place, model, number)

    def _visit(self, server: Server, place: Place, model: str, number: int) -> None:
        if server.name in _STARTS_COMPARED:
            self.results.starts.append(self.bench.python_start(server, place, model, number))
            self.results.starts.append(self.bench.cold_start(server, place, model, number))
        self.results.visits.append(self.bench.visit(server, place, model, number))

    def _standing(self, model: str) -> list[tuple[Server, Place]]:
        """The servers that have not failed with this model."""
        failed = {failure.server for failure in self.results.failures if failure.model == model}
        return [(server, place) for server, place in self.places if server.name not in failed]

    def _place(self, needs: Needs) -> Place:
        environment = self._environment(needs)
        trainer = self._environment(needs.trained_in) if needs.trained_in else environment
        return Place(environment=environment, trainer=trainer, models=train(trainer))

    def _environment(self, needs: Needs) -> Environment:
        if needs not in self.environments:
            self.environments[needs] = install(needs)
        return self.environments[needs]

    def _installed(self, server: Server, place: Place) -> Installed:
        return Installed(
            server=server.name,
            title=server.title,
            ours=server.ours,
            size=place.environment.size,
            packages=place.environment.packages,
            stack=place.models.stack,
            model_difference=self._difference(place),
        )

    def _difference(self, place: Place) -> float:
        """How far this place's models are from the first one's, at most and relatively."""
        first, this = self.places[0][1].models.predictions, place.models.predictions
        pairs = [pair for name, values in this.items() for pair in zip(values, first[name], strict=True)]
        return max(abs(one - other) / abs(other) for one, other in pairs)

    @contextmanager
    def _recorded(self, server: Server, model: str) -> Iterator[None]:
        """A server that turns out to be unusable becomes a row with the reason."""
        try:
            yield
        except UnusableError as error:
            _say(f"{server.name}: {error}")
            failure = Failure(server=server.name, title=server.title, model=model, reason=str(error))
            self.results.failures.append(failure)
        if self.save:
            self.results.save(self.save)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)

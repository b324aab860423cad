"""What issue 3 asks of the server's speed, each with the figures that it is judged by.

A ratio is of medians; its range is of the ratios of the single repeats, each of which measured both servers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.serving.ours import CONSTANT, LOG, PLAIN, SLIM
from benchmarks.serving.results import Load, Results, Spread, figures, spread

_FULL = 64
_ALONE = 1
Figure = Callable[[Load], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One promise: `found` has to be at most `bound`, or at least, where `at_least` says so; None was not measured."""

    name: str
    found: Spread | None
    bound: float
    at_least: bool = False
    beside: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median keeps it."""
        if self.found is None:
            return None
        return self.found.median >= self.bound if self.at_least else self.found.median <= self.bound


def targets(results: Results) -> list[Target]:
    """All that the models and connections of this run can say something about."""
    return [*_cost(results), *_alone(results), *_forest(results), *_log(results), *_starts(results), *_weights(results)]


def cpu(load: Load) -> float:
    """Milliseconds of CPU a request."""
    return load.cpu


def p50(load: Load) -> float:
    """Milliseconds."""
    return load.p50


def p99(load: Load) -> float:
    """Milliseconds."""
    return load.p99


def rate(load: Load) -> float:
    """Requests a second."""
    return load.rate


def _cost(results: Results) -> Iterator[Target]:
    best = _best_peer(results, "ridge", _FULL, cpu)
    for whom, bound in (("fastapi", 1 / 20), (best, 1 / 4), (CONSTANT, 1.0)):
        title = "the best peer's" if whom == best and bound == 1 / 4 else f"{whom}'s"
        yield Target(
            name=f"CPU a request, ridge, {_FULL} connections ÷ {title}",
            found=_ratio(results, PLAIN, whom, "ridge", _FULL, cpu),
            bound=bound,
            beside=whom,
        )


def _alone(results: Results) -> Iterator[Target]:
    yield Target(
        name=f"p50, ridge, {_ALONE} connection ÷ {CONSTANT}'s",
        found=_ratio(results, PLAIN, CONSTANT, "ridge", _ALONE, p50),
        bound=1.3,
        beside=CONSTANT,
    )


def _forest(results: Results) -> Iterator[Target]:
    for connections in sorted({load.connections for visit in results.visits for load in visit.loads}):
        best = _best_peer(results, "forest", connections, lambda load: -load.rate)
        yield Target(
            name=f"throughput, forest, {connections} connection{'s' * (connections > 1)} ÷ the best peer's",
            found=_ratio(results, PLAIN, best, "forest", connections, rate),
            bound=10,
            at_least=True,
            beside=best,
        )
    best = _best_peer(results, "forest", _ALONE, p99)
    yield Target(
        name=f"p99, forest, {_ALONE} connection ÷ the best peer's",
        found=_ratio(results, PLAIN, best, "forest", _ALONE, p99),
        bound=1.0,
        beside=best,
    )


def _log(results: Results) -> Iterator[Target]:
    for model in sorted({visit.model for visit in results.visits}):
        yield Target(
            name=f"CPU a request with the prediction log on, {model}, {_FULL} connections ÷ without",
            found=_ratio(results, LOG, PLAIN, model, _FULL, cpu),
            bound=1.1,
            beside=PLAIN,
        )


def _starts(results: Results) -> Iterator[Target]:
    for server in (PLAIN, SLIM):
        for model in sorted({visit.model for visit in results.visits}):
            reference = results.start_seconds("python", server, model)
            warm = [visit.start for visit in results.of(server, model)]
            cold = results.start_seconds("cold", server, model)
            for kind, seconds in (("warm", warm), ("cold", cold)):
                yield Target(
                    name=f"start of {server}, {model}, {kind} ÷ python importing sklearn and loading",
                    found=_pairwise(seconds, reference),
                    bound=1.5,
                )


def _weights(results: Results) -> Iterator[Target]:
    peers = list(results.peers())
    ours = {installed.server: installed for installed in results.installed if installed.server in (PLAIN, SLIM)}
    if not peers:
        return
    smallest, fewest = min(peers, key=lambda peer: peer.size), min(peers, key=lambda peer: peer.packages)
    for server, installed in ours.items():
        size, packages = installed.size / smallest.size, installed.packages / fewest.packages
        yield _exact(f"installed size of {server} ÷ the smallest peer's", size, smallest.server)
        yield _exact(f"packages of {server} ÷ the fewest of a peer", packages, fewest.server)


def _exact(name: str, ratio: float, beside: str) -> Target:
    return Target(name=name, found=Spread(ratio, ratio, ratio), bound=1.0, beside=beside)


def _best_peer(results: Results, model: str, connections: int, cost: Figure) -> str:
    """The peer whose median is lowest; the empty name where none was measured."""
    medians = {
        peer.server: found.median
        for peer in results.peers()
        if (found := figures(results.loads(peer.server, model, connections), cost))
    }
    return min(medians, key=medians.__getitem__, default="")


def _ratio(results: Results, server: str, other: str, model: str, connections: int, figure: Figure) -> Spread | None:
    ours, theirs = (
        {visit.repeat: figure(load) for visit in results.of(name, model) if (load := visit.load(connections))}
        for name in (server, other)
    )
    both = sorted(ours.keys() & theirs.keys())
    return _pairwise([ours[repeat] for repeat in both], [theirs[repeat] for repeat in both])


def _pairwise(ours: Sequence[float], theirs: Sequence[float]) -> Spread | None:
    """The ratio of the medians, with the range of the ratios of the pairs."""
    ratios = spread([our / their for our, their in zip(ours, theirs, strict=False)])
    above, below = spread(ours), spread(theirs)
    if ratios is None or above is None or below is None:
        return None
    return Spread(above.median / below.median, ratios.low, ratios.high)

"""The tables: Markdown that can go into RESULTS.md as it is."""

from collections.abc import Callable, Iterator, Sequence

from benchmarks.serving.results import Installed, Load, Results, Spread, figures, spread
from benchmarks.serving.targets import Target, cpu, p50, p99, rate, targets

_DASH = "–"
_MEGABYTE = 1e6
_WORDS = {None: "not measured", True: "**met**", False: "**missed**"}


def markdown(results: Results) -> str:
    """All tables."""
    return "\n".join(
        [
            *_head(results),
            *_speed(results),
            *_weights(results),
            *_failures(results),
            *_targets(targets(results)),
        ]
    )


def _head(results: Results) -> Iterator[str]:
    facts = ", ".join(f"{name}: {value}" for name, value in results.machine.items())
    options = ", ".join(f"{name}: {value}" for name, value in results.options.items())
    yield f"{facts}.\n\n{options}. Figures are medians (lowest … highest).\n"


def _speed(results: Results) -> Iterator[str]:
    for model in dict.fromkeys(visit.model for visit in results.visits):
        loads = [load for visit in results.visits if visit.model == model for load in visit.loads]
        for connections in dict.fromkeys(load.connections for load in loads):
            yield f"### {model}, {connections} connection{'s' * (connections > 1)}\n"
            yield from _table(
                ["server", "requests/s", "p50 ms", "p99 ms", "CPU ms a request", "failed", "its core busy %"],
                [
                    _speed_row(server.server, found)
                    for server in results.installed
                    if (found := results.loads(server.server, model, connections))
                ],
            )
    if foreign := spread([load.foreign for visit in results.visits for load in visit.loads]):
        yield f"Others used {_percent(foreign)} % of the server's core.\n"


def _speed_row(server: str, loads: Sequence[Load]) -> list[str]:
    columns: list[tuple[Callable[[Load], float], Callable[[Spread], str]]] = [
        (rate, _whole),
        (p50, _significant),
        (p99, _significant),
        (cpu, _significant),
    ]
    shown = [_DASH if (found := figures(loads, figure)) is None else show(found) for figure, show in columns]
    busy = figures(loads, lambda load: load.busy)
    return [server, *shown, str(sum(load.failed for load in loads)), _percent(busy) if busy else _DASH]


def _weights(results: Results) -> Iterator[str]:
    yield "### Start, memory, installation\n"
    models = list(dict.fromkeys(visit.model for visit in results.visits))
    names = [f"{what} {model}" for model in models for what in ("start s", "memory MB", "answers differ by")]
    rows = [_weight_row(results, installed, models) for installed in results.installed]
    yield from _table(["server", "what", "installed MB", "packages", "metrics", "scikit-learn", *names], rows)
    yield from _references(results, models)


def _weight_row(results: Results, installed: Installed, models: Sequence[str]) -> list[str]:
    visits = [visit for visit in results.visits if visit.server == installed.server]
    shows = "yes" if any(visit.metrics for visit in visits) else "none"
    cells = [cell for model in models for cell in _visit_cells(results, installed.server, model)]
    sizes = [f"{installed.size / _MEGABYTE:.0f}", str(installed.packages)]
    return [installed.server, installed.title, *sizes, shows if visits else _DASH, installed.stack["sklearn"], *cells]


def _visit_cells(results: Results, server: str, model: str) -> list[str]:
    visits = results.of(server, model)
    start, memory = spread([visit.start for visit in visits]), spread([visit.memory / _MEGABYTE for visit in visits])
    if start is None or memory is None:
        return [_DASH] * 3
    differences = [visit.difference for visit in visits if visit.difference is not None]
    differ = f"{max(differences):.1e}" if differences else _DASH
    return [_significant(start), f"{_whole(memory)} {visits[0].memory_kind}", differ]


def _references(results: Results, models: Sequence[str]) -> Iterator[str]:
    """What starts are compared with."""
    words = {"python": "python importing sklearn and loading the model", "cold": "start with nothing compiled before"}
    rows = [
        [installed.server, word, *(_significant(found) if found else _DASH for found in seconds)]
        for installed in results.installed
        for kind, word in words.items()
        if any(seconds := [spread(results.start_seconds(kind, installed.server, model)) for model in models])
    ]
    if rows:
        yield from _table(["server", "seconds", *models], rows)


def _failures(results: Results) -> Iterator[str]:
    if not results.failures:
        return
    yield "### Not measured\n"
    models: dict[tuple[str, str], list[str]] = {}
    for failure in results.failures:
        models.setdefault((failure.server, failure.reason), []).append(failure.model or "all")
    rows = [[server, ", ".join(failed), _plain(reason)] for (server, reason), failed in models.items()]
    yield from _table(["server", "model", "why"], rows)


def _targets(found: Sequence[Target]) -> Iterator[str]:
    yield "### Targets\n"
    rows = [
        [
            target.name + (f" ({target.beside})" if target.beside and target.beside not in target.name else ""),
            f"{'≥' if target.at_least else '≤'} {target.bound:.3g}",
            _ratio(target.found) if target.found else _DASH,
            _WORDS[target.met],
        ]
        for target in found
    ]
    yield from _table(["ratio", "target", "found", ""], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _whole(found: Spread) -> str:
    return _shown(found, lambda value: f"{value:,.0f}")


def _significant(found: Spread) -> str:
    return _shown(found, lambda value: f"{value:.3g}" if value < 1000 else f"{value:,.0f}")


def _percent(found: Spread) -> str:
    return _shown(found, lambda value: f"{100 * value:.0f}")


def _ratio(found: Spread) -> str:
    return _shown(found, lambda value: f"{value:.3g}")


def _shown(found: Spread, show: Callable[[float], str]) -> str:
    median, low, high = (show(value) for value in (found.median, found.low, found.high))
    return median if low == high else f"{median} ({low} … {high})"


def _plain(text: str) -> str:
    """Text of others, made harmless in a table."""
    return text.replace("|", "/").replace("`", "'")

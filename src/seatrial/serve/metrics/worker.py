"""The metrics of one worker process: which series there are, and the meters that the hot path holds on to.

Series come from routes that were registered and models that were loaded, never from what a client sent.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from seatrial.records.serving import ModelInfo, Signature
from seatrial.serve.metrics.dialects import check
from seatrial.serve.metrics.edges import DURATION, ROWS, WORK, output_edges
from seatrial.serve.metrics.folder import open_file
from seatrial.serve.metrics.meters import (
    CLASSES,
    KINDS,
    OTHER,
    Classes,
    Gauge,
    ModelMeter,
    Nothing,
    Numbers,
    Observer,
    RouteMeter,
    plain,
)
from seatrial.serve.metrics.slots import Block, Slots, private
from seatrial.serve.options import MetricOptions

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods with series of their own; the rest are `OTHER`."""

UNSEEN = frozenset({"/metrics"})
"""Handlers that are measured nowhere, so that scraping does not show up in what is scraped."""

_ANSWERS = ("seconds", "received", "sent")
_LOG = ("rows", "dropped", "failures")
_SIGNED = ("positive", "negative")


class WorkerMetrics:
    """What this process counts; made once, in the worker itself (after a fork), before it listens.

    Args:
        folder: from `make_folder`, the same for all workers of a server.
        worker: name of this worker; differs from all others that live or were not folded yet.
        options: names and buckets.
        now: Unix time.

    Raises:
        UsageError: options that fit no metric, or a name that is taken.
        PermanentError: no room in the folder.
    """

    def __init__(
        self, folder: Path, worker: str, options: MetricOptions, *, now: Callable[[], float] = time.time
    ) -> None:
        check(options)
        self._options = options
        self._now = now
        self._file = open_file(folder, worker)
        self._routes: dict[tuple[str, str], RouteMeter] = {}
        self._models: dict[tuple[object, ...], ModelMeter] = {}
        self._infos: dict[tuple[str, ...], Slots] = {}
        self._shown: dict[str, Slots] = {}
        self.connections = Gauge(self._add("open", {}, names=("connections",)))

    def route(self, handler: str, method: str) -> RouteMeter:
        """The meter of one route; the same one for the same names.

        Args:
            handler: the path's template, or `OTHER` for whatever has no route.
            method: as HTTP has it.
        """
        key = (handler, method if method in METHODS else OTHER)
        if key not in self._routes:
            self._routes[key] = self._new_route(*key)
        return self._routes[key]

    def model(self, info: ModelInfo, signature: Signature) -> ModelMeter:
        """The meter of a model that was loaded, which from now on is shown as the one of its name that answers.

        A version that comes back goes on with its own counts.

        Raises:
            UsageError: `output_buckets` are not ascending numbers.
        """
        edges = output_edges(self._options, signature)
        names = _class_names(signature.classes)
        self._show(info)
        key = (info.name, info.version, edges, names)
        if key not in self._models:
            self._models[key] = self._new_model(_labels(info), signature, edges, names)
        return self._models[key]

    def _new_route(self, handler: str, method: str) -> RouteMeter:
        labels = {"handler": handler, "method": method}
        if handler in UNSEEN:
            one = Block(kind="unseen", names=("one",))
            return RouteMeter(private(one), private(one), _unseen_answers)
        return RouteMeter(
            self._add("started", labels, names=("started",)),
            self._add("abandoned", labels, names=("abandoned",)),
            lambda status: self._add("answers", {**labels, "status": str(status)}, _ANSWERS, DURATION),
        )

    def _new_model(
        self, labels: dict[str, str], signature: Signature, edges: tuple[float, ...], names: tuple[str, ...]
    ) -> ModelMeter:
        return ModelMeter(
            {
                "batch": self._add("batch", labels, ("sum",), ROWS),
                "seconds": self._add("seconds", labels, ("sum",), WORK),
                "queue": self._add("queue", labels, ("sum",), WORK),
                "errors": self._add("errors", labels, KINDS),
                "log": self._add("log", labels, _LOG),
                "waiting": self._add("waiting", labels, ("rows",)),
            },
            self._observer(labels, signature, edges, names),
        )

    def _observer(
        self, labels: dict[str, str], signature: Signature, edges: tuple[float, ...], names: tuple[str, ...]
    ) -> Observer:
        if names:
            return Classes(signature.classes, names, self._add("classes", labels, names))
        if edges:
            sums = _SIGNED if edges[0] < 0 else ("sum",)
            return Numbers(edges, self._add("output", labels, sums, edges))
        return Nothing()

    def _show(self, info: ModelInfo) -> None:
        stack = ", ".join(f"{package} {version}" for package, version in sorted(info.stack.items()))
        what = {"digest": info.digest, "flavour": info.flavour, "engine": info.choice.engine.value, "stack": stack}
        labels = {**_labels(info), **what}
        key = tuple(labels.values())
        if key not in self._infos:
            self._infos[key] = self._add("info", labels, names=("shown",))
        if info.name in self._shown:
            self._shown[info.name][0] = 0.0
        self._shown[info.name] = self._infos[key]
        self._shown[info.name][0] = 1.0

    def _add(
        self, kind: str, labels: dict[str, str], names: tuple[str, ...] = (), edges: tuple[float, ...] = ()
    ) -> Slots:
        return self._file.add(Block(kind=kind, labels=labels, names=names, edges=edges, born=self._now()))


def _labels(info: ModelInfo) -> dict[str, str]:
    return {"model": info.name, "version": info.version}


def _class_names(classes: Iterable[object]) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(str(plain(one)) for one in classes))
    return (*(name for name in named[:CLASSES] if name != OTHER), OTHER) if named else ()


def _unseen_answers(status: int) -> Slots:
    return private(Block(kind=str(status), names=_ANSWERS, edges=DURATION))

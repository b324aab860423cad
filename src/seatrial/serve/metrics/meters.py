"""What the event loop calls: each method adds to a few slots of shared memory and never fails.

Every slot has one writer. Different methods may be called by different threads (the prediction log has its own), one
method by one thread at a time.
"""

import math
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seatrial.serve.metrics.edges import DURATION, ROWS, WORK
from seatrial.serve.metrics.slots import Slots
from seatrial.serve.validation.kinds import Reason

CLASSES = 50
"""Classes that are counted by name; the rest are `OTHER`."""

OTHER = "other"

KINDS = (*sorted(map(str, Reason)), "overloaded", "model_failed", "refused_by_model", "broken", "not_recorded", OTHER)
"""Kinds of prediction errors; one that is not among them is counted as `other`."""

_FEW = 8
"""Up to here a loop over the values is quicker than numpy (benchmarks/serve_metrics.py)."""


class Gauge:
    """Something that goes up and down, one at a time."""

    __slots__ = ("_slots",)

    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    def inc(self) -> None:
        """One more."""
        self._slots[0] += 1.0

    def dec(self) -> None:
        """One less."""
        self._slots[0] -= 1.0


class RouteMeter:
    """The requests of one handler and method.

    Each request calls `started` once, and then `answered` or `abandoned` once.

    Args:
        started: one slot.
        abandoned: one slot.
        of_status: makes the slots `seconds, received, sent` and buckets of `DURATION` for an exact status.
    """

    __slots__ = ("_abandoned", "_of_status", "_started", "_statuses")

    def __init__(
        self,
        started: Slots,
        abandoned: Slots,
        of_status: Callable[[int], Slots],
    ) -> None:
        self._started = started
        self._abandoned = abandoned
        self._of_status = of_status
        self._statuses: dict[int, Slots] = {}

    def started(self) -> None:
        """A request came in: one more in progress."""
        self._started[0] += 1.0

    def answered(self, status: int, seconds: float, received: int, sent: int) -> None:
        """It was answered: one less in progress.

        Args:
            status: HTTP status.
            seconds: from its first byte to its answer.
            received: bytes of its body.
            sent: bytes of the answer's body.
        """
        slots = self._statuses.get(status)
        if slots is None:
            slots = self._statuses[status] = self._of_status(status)
        slots[0] += seconds
        slots[1] += received
        slots[2] += sent
        slots[3 + bisect_left(DURATION, seconds)] += 1.0

    def abandoned(self) -> None:
        """The client went away before the answer: one less in progress."""
        self._abandoned[0] += 1.0


class Observer(Protocol):
    """Counts the predictions of a batch."""

    def observe(self, values: Sequence[Any] | NDArray[Any]) -> None:
        """Count each of them."""
        ...


class Numbers:
    """Counts predictions by size.

    Values that are not finite numbers are left out: one NaN would spoil the sum for ever. With edges below zero, what is
    above and what is below zero are summed apart, because a sum that may fall is no counter.

    Args:
        edges: ascending.
        slots: `sum` (or `positive`, `negative` if the first edge is below zero) and the buckets.
    """

    __slots__ = ("_buckets", "_edges", "_edges_array", "_ones", "_signed", "_slots")

    def __init__(self, edges: Sequence[float], slots: Slots) -> None:
        self._edges = tuple(edges)
        self._edges_array = np.array(edges)
        self._ones = np.ones(256)
        self._slots = slots
        self._signed = edges[0] < 0
        self._buckets: NDArray[np.float64] = np.asarray(slots[2 if self._signed else 1 :])

    def observe(self, values: Sequence[Any] | NDArray[Any]) -> None:
        """Count each; what is no number is left out."""
        try:
            if len(values) > _FEW:
                self._many(np.asarray(values, dtype=np.float64).reshape(-1))
            else:
                for value in values.reshape(-1).tolist() if isinstance(values, np.ndarray) else values:
                    self._one(value)
        except (TypeError, ValueError):
            return

    def _one(self, value: float) -> None:
        if not math.isfinite(value):
            return
        below = 1 if self._signed else 0
        self._slots[1 + below + bisect_left(self._edges, value)] += 1.0
        if below and value < 0:
            self._slots[1] -= value
        else:
            self._slots[0] += value

    def _many(self, values: NDArray[np.float64]) -> None:
        found = self._find(values)
        # NaN and the infinities fall into the outermost buckets; nobody pays for looking where these are empty.
        if found[0] or found[-1]:
            values = values[np.isfinite(values)]
            found = self._find(values)
        np.add(self._buckets, found, out=self._buckets)
        total = self._sum(values)
        if self._signed:
            above = self._sum(np.maximum(values, 0.0))
            self._slots[0] += above
            self._slots[1] += max(0.0, above - total)
        else:
            self._slots[0] += total

    def _find(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        return np.bincount(self._edges_array.searchsorted(values), minlength=len(self._buckets))

    def _sum(self, values: NDArray[np.float64]) -> float:
        # Half the time of numpy's `sum`.
        if len(values) > len(self._ones):
            self._ones = np.ones(2 * len(values))
        return float(values.dot(self._ones[: len(values)]))


class Classes:
    """Counts predictions by class.

    Args:
        classes: as the model gives them; those after the first 50, and unknown ones, are counted together.
        names: of the slots: the first classes as text, and `other` as the last.
        slots: one for each name.
    """

    __slots__ = ("_by_name", "_indices", "_other", "_slots")

    def __init__(self, classes: Sequence[Any], names: Sequence[str], slots: Slots) -> None:
        self._slots = slots
        self._other = len(names) - 1
        self._by_name = {name: index for index, name in enumerate(names[:-1])}
        self._indices: dict[Hashable, int] = {
            plain(one): self._by_name[str(plain(one))] for one in classes if str(plain(one)) in self._by_name
        }

    def observe(self, values: Sequence[Any] | NDArray[Any]) -> None:
        """Count each; what cannot be a class (a list) is `other`."""
        listed = values.tolist() if isinstance(values, np.ndarray) else values
        try:
            counts = Counter(listed)
        except TypeError:
            self._slots[self._other] += len(listed)
            return
        for label, count in counts.items():
            index = self._indices.get(label)
            self._slots[self._unusual(label) if index is None else index] += count

    def _unusual(self, label: Hashable) -> int:
        # 1.0 or np.str_("a") where the signature says 1 or "a".
        return self._by_name.get(str(plain(label)), self._other)


class Nothing:
    """For outputs that are neither numbers nor classes."""

    __slots__ = ()

    def observe(self, values: Sequence[Any] | NDArray[Any]) -> None:
        """Leave them alone."""


def plain(value: Any) -> Any:  # noqa: ANN401 - a class can be anything
    """A numpy scalar as Python's own, so that it reads `1` and not `np.int64(1)`."""
    return value.item() if isinstance(value, np.generic) else value


class ModelMeter:
    """What one version of a model does in this process.

    Args:
        work: of each part, its slots: `batch` (rows, buckets of `ROWS`), `seconds` and `queue` (sum, buckets of `WORK`),
            `errors` (one for each of `KINDS`), `log` (rows, dropped, failures), `waiting` (rows).
        observer: of the predictions.
    """

    __slots__ = ("_batch", "_errors", "_lock", "_log", "_observer", "_queue", "_seconds", "_waiting")

    def __init__(self, work: Mapping[str, Slots], observer: Observer) -> None:
        self._batch = work["batch"]
        self._seconds = work["seconds"]
        self._queue = work["queue"]
        self._errors = work["errors"]
        self._log = work["log"]
        self._waiting = work["waiting"]
        self._observer = observer
        self._lock = threading.Lock()

    def batch(self, rows: int, seconds: float) -> None:
        """One call of the model, with so many rows, took so long."""
        batch, work = self._batch, self._seconds
        batch[0] += rows
        batch[1 + bisect_left(ROWS, rows)] += 1.0
        work[0] += seconds
        work[1 + bisect_left(WORK, seconds)] += 1.0

    def queued(self, seconds: float) -> None:
        """One request waited so long before its batch began."""
        queue = self._queue
        queue[0] += seconds
        queue[1 + bisect_left(WORK, seconds)] += 1.0

    def outputs(self, values: Sequence[Any] | NDArray[Any]) -> None:
        """The predictions of a whole batch, one-dimensional: numbers, or labels of classes."""
        self._observer.observe(values)

    def error(self, kind: str, count: int = 1) -> None:
        """So many predictions were refused or failed; `kind` is one of `KINDS`, anything else is counted as `other`."""
        self._errors[_KIND_INDEX.get(kind, _OTHER_INDEX)] += count

    def logged(self, rows: int) -> None:
        """The prediction log wrote so many rows."""
        self._log[0] += rows
        self._waiting[0] = 0.0

    def dropped(self, rows: int) -> None:
        """So many rows are lost to the prediction log; the only method that several threads may call."""
        with self._lock:
            self._log[1] += rows

    def log_failed(self, rows: int = 0) -> None:
        """The prediction log could not write; so many rows wait until it tries again."""
        self._log[2] += 1.0
        self._waiting[0] = float(rows)


_KIND_INDEX = {kind: index for index, kind in enumerate(KINDS)}
_OTHER_INDEX = _KIND_INDEX[OTHER]

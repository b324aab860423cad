"""Windows as JSON: one a line in a file, or a list in a request. What is wrong is said here, so that the judge sees none of it.

The judge trusts its windows. A misspelt key that was passed over would be an arm without data, and an impossible count a
wrong verdict; therefore names, ranges and sums are checked before anything becomes a record.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from seatrial.config.metrics import nearest
from seatrial.records import ArmWindow, Labels, Sums, UsageError, Window
from seatrial.records.window import HIGHEST_BIN

LONGEST_LINE: Final = 4 << 20
_MOST = 10**9
_PAGE = "see docs/reference/judge.md for the keys of a window"

Count = Annotated[int, Meta(ge=0, le=_MOST)]
Amount = Annotated[float, Meta(ge=0, le=1e15)]
Moment = Annotated[datetime, Meta(tz=True)]
Name = Annotated[str, Meta(max_length=200)]


class PartJson(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The counts of some of an arm's requests."""

    requests: Count = 0
    errors: Count = 0
    latency: dict[Annotated[int, Meta(ge=0, le=HIGHEST_BIN)], Count] = {}


class ArmJson(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One arm in one window; `latency` is requests by bin."""

    requests: Count = 0
    errors: dict[Name, Count] = {}
    latency: dict[Annotated[int, Meta(ge=0, le=HIGHEST_BIN)], Count] = {}
    seconds: Amount | None = None
    replicas: Annotated[dict[Name, PartJson], Meta(max_length=1000)] = {}
    groups: dict[Annotated[int, Meta(ge=0, le=63)], PartJson] = {}
    units: Count | None = None


class SumsJson(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Losses of rows with a label, added up: how many, Σ, Σ of squares."""

    count: Count = 0
    total: Annotated[float, Meta(ge=-1e15, le=1e15)] = 0.0
    squares: Annotated[float, Meta(ge=0, le=1e30)] = 0.0


class LabelsJson(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Labels that came in within a window, for requests of the window that began at `served`."""

    served: Moment
    metric: Name
    stable: SumsJson = SumsJson()
    canary: SumsJson = SumsJson()


class WindowJson(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Both arms in one window.

    `values` are results of thresholds with a query, by the threshold's name. `warm` says that the window is of stable's past.
    """

    start: Moment
    seconds: Annotated[float, Meta(gt=0, le=86400)] = 10.0
    weight: Annotated[float, Meta(ge=0, le=1)]
    stable: ArmJson = ArmJson()
    canary: ArmJson = ArmJson()
    steady: bool = True
    edges: Annotated[tuple[Annotated[float, Meta(gt=0, le=1e15)], ...], Meta(max_length=HIGHEST_BIN)] | None = None
    labels: Annotated[tuple[LabelsJson, ...], Meta(max_length=10_000)] = ()
    slices: Annotated[dict[Name, tuple[ArmJson, ArmJson]], Meta(max_length=1000)] = {}
    values: dict[str, float | None] = {}
    warm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A window that was handed in.

    Attributes:
        values: results of the thresholds that have a query, by threshold.
        warm: it is of stable's past, to be learned from and not judged.
    """

    window: Window
    values: Mapping[str, float | None] = field(default_factory=dict)
    warm: bool = False


def read_windows(lines: Iterable[bytes], where: str) -> Iterator[Given]:
    """The windows of JSON lines, in order; empty lines are passed over. Raises UsageError with the number of the line."""
    previous: Window | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{where}:{number}"
        if len(line) > LONGEST_LINE:
            raise UsageError("this line is longer than 4 MiB", where=place, remedy="one window a line; shorten them")
        given = read_window(line, place)
        _check_order(previous, given.window, place)
        previous = given.window
        yield given


def read_list(windows: Iterable[msgspec.Raw], where: str) -> tuple[Given, ...]:
    """The windows of a list in a request. Raises UsageError with the index of the one that is wrong."""
    given = tuple(read_window(bytes(raw), f"{where}[{index}]") for index, raw in enumerate(windows))
    for index in range(1, len(given)):
        _check_order(given[index - 1].window, given[index].window, f"{where}[{index}]")
    return given


def read_window(text: bytes, where: str) -> Given:
    """One window. Raises UsageError that says which key is wrong."""
    try:
        shape = msgspec.json.decode(text, type=WindowJson)
        window = msgspec.json.decode(text, type=Window)
    except msgspec.ValidationError as error:
        raise UsageError(_explained(str(error)), where=where, remedy=_PAGE) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"this is not JSON: {error}", where=where, remedy=_PAGE) from None
    problem = _problem(window)
    if problem:
        raise UsageError(problem, where=where, remedy=_PAGE)
    return Given(window=window, values=shape.values, warm=shape.warm)


def _explained(message: str) -> str:
    """What msgspec says, with the nearest known key where one is unknown."""
    unknown = message.partition("unknown field `")[2].partition("`")[0]
    near = nearest(unknown, _keys_in(message)) if unknown else None
    return f"{message[:1].lower()}{message[1:]}" + (f"; did you mean `{near}`?" if near else "")


def _keys_in(message: str) -> tuple[str, ...]:
    path = message.partition(" - at `$")[2]
    shape: type[Struct] = WindowJson
    if any(part in path for part in (".stable", ".canary")):
        shape = SumsJson if ".labels" in path else ArmJson
    elif ".labels" in path:
        shape = LabelsJson
    if any(part in path for part in (".replicas", ".groups")):
        shape = PartJson
    return shape.__struct_fields__


def _check_order(previous: Window | None, window: Window, where: str) -> None:
    if previous is not None and window.start < previous.end:
        raise UsageError(
            f"this window begins at {window.start.isoformat()}, before the one above it ends",
            where=where,
            remedy="hand the windows in by time, each once",
        )


def _problem(window: Window) -> str:
    """What can't be of a window; empty if nothing is wrong."""
    edges = window.edges
    if edges is not None and (not edges or any(a >= b for a, b in pairwise(edges))):
        return "edges have to ascend"
    highest = HIGHEST_BIN if edges is None else len(edges)
    arms = {"stable": window.stable, "canary": window.canary}
    for name, (stable, canary) in window.slices.items():
        arms |= {f"slices.{name}[0]": stable, f"slices.{name}[1]": canary}
    for name, arm in arms.items():
        if problem := _problem_of(arm, highest):
            return f"{name}: {problem}"
    return next(filter(None, (_problem_of_labels(labels) for labels in window.labels)), "")


def _problem_of(arm: ArmWindow, highest: int) -> str:
    counted = {"": (arm.requests, arm.failed, arm.latency)}
    counted |= {f"replicas.{name}: ": (part.requests, part.errors, part.latency) for name, part in arm.replicas.items()}
    counted |= {f"groups.{name}: ": (part.requests, part.errors, part.latency) for name, part in arm.groups.items()}
    for name, (requests, errors, latency) in counted.items():
        if errors > requests:
            return f"{name}{errors} of {requests} requests can't have failed"
        if sum(latency.values()) > requests:
            return f"{name}latency counts more than the {requests} requests"
        if max(latency, default=0) > highest:
            return f"{name}latency has no bin {max(latency)}; the last is {highest}"
    return ""


def _problem_of_labels(labels: Labels) -> str:
    sums: dict[str, Sums] = {"stable": labels.stable, "canary": labels.canary}
    for name, each in sums.items():
        # Cauchy and Schwarz: no numbers have a smaller sum of squares. Some rounding is forgiven.
        if each.total**2 > each.count * each.squares * (1 + 1e-9) + math.ulp(1.0):
            return f"labels of {labels.metric}: {name}: no {each.count} losses have this total and these squares"
    return ""

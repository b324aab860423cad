"""The story of one compilation: convert, check against the original, time both, and say what came of it."""

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from seatrial.records.serving import Field, Signature
from seatrial.serve.compile.convert import (
    Estimator,
    NotConvertibleError,
    Precision,
    convert,
    precisions,
    refusal,
)
from seatrial.serve.compile.equality import Evidence, ask, compare, rows_are_independent
from seatrial.serve.compile.landmarks import Landmarks, landmarks_of
from seatrial.serve.compile.sample import of_kind, sample_rows, stranger
from seatrial.serve.compile.speed import BATCH, Timing, time_both
from seatrial.serve.compile.verdict import Compiled, Verdict
from seatrial.serve.compile.versions import versions
from seatrial.serve.model import Outputs, Predictor, Rows

SMOOTH_ROWS: Final = 1000
TREE_ROWS: Final = 2000
_ALONE: Final = 200

OpenOnnx = Callable[[bytes, Signature], Predictor]
"""Opens the bytes of an ONNX file as a model of this signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The model under compilation.

    Attributes:
        estimator: fitted.
        signature: what it takes.
        native: answers with the estimator.
        rows: the sample.
        tolerance: largest difference that counts as equal.
    """

    estimator: Estimator
    signature: Signature
    native: Predictor
    rows: Rows
    tolerance: float


def compile_model(
    estimator: Estimator,
    signature: Signature,
    tolerance: float,
    seed: int,
    *,
    native: Predictor,
    open_onnx: OpenOnnx,
    sample: Rows | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Compiled:
    """Convert a scikit-learn estimator to ONNX, and check that it answers alike and faster.

    Args:
        estimator: fitted.
        signature: of the form COLUMNS, else nothing is tried.
        tolerance: largest difference that counts as equal (see `equality`).
        seed: of the random sample.
        native: answers with the estimator.
        open_onnx: opens the result.
        sample: rows of the user's, checked as well.
        clock: seconds.
    """
    impossible = refusal(estimator, signature)
    if impossible is not None:
        return _failed(signature, f"It can't be compiled: {impossible}.", {})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sampled rows are outlandish on purpose
            subject = _subject(estimator, signature, tolerance, seed, native, sample)
            return _best(subject, open_onnx, clock)
    except Exception as error:  # noqa: BLE001 - the user's model may raise anything; it can still be tried natively
        return _failed(signature, f"It can't be compiled: it fails on sampled rows ({_short(error)}).", {})


def _subject(
    estimator: Estimator, signature: Signature, tolerance: float, seed: int, native: Predictor, sample: Rows | None
) -> Subject:
    """The model with the rows that exercise it."""
    marks = landmarks_of(estimator, [each.name for each in signature.fields])
    narrowed, open_fields = _narrowed(signature, marks, native)
    count = TREE_ROWS if any(each.edges for each in marks) else SMOOTH_ROWS
    rows = sample_rows(narrowed, count, np.random.default_rng(seed), marks, open_fields) + list(sample or ())
    return Subject(estimator=estimator, signature=narrowed, native=native, rows=rows, tolerance=tolerance)


def _best(subject: Subject, open_onnx: OpenOnnx, clock: Callable[[], float]) -> Compiled:
    """The first precision that agrees, timed; else why none does."""
    expected = ask(subject.native, subject.rows)
    figures = {"versions": versions(), "tolerance": subject.tolerance, "rows": len(subject.rows)}
    failed: list[_Attempt] = []
    for precision in precisions(subject.estimator):
        attempt = _attempt(subject, precision, expected, open_onnx, clock)
        if attempt.compiled is not None:
            timing = time_both(subject.native, attempt.compiled, subject.rows, clock=clock)
            return _equal(subject.signature, attempt.onnx, {**figures, **attempt.evidence}, timing)
        failed.append(attempt)
    # A measured difference tells more than a conversion that failed.
    clearest = max(failed, key=lambda each: len(each.evidence))
    return _failed(subject.signature, clearest.problem, {**figures, **clearest.evidence})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One precision: an equal model that is open, or a problem."""

    onnx: bytes = b""
    compiled: Predictor | None = None
    problem: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


def _attempt(
    subject: Subject, precision: Precision, expected: Outputs, open_onnx: OpenOnnx, clock: Callable[[], float]
) -> _Attempt:
    try:
        onnx = convert(subject.estimator, subject.signature, precision)
    except NotConvertibleError as error:
        return _Attempt(problem=f"It can't be compiled: {error}.", evidence={"precision": precision.value})
    try:
        compiled = open_onnx(onnx, subject.signature)
        actual = ask(compiled, subject.rows)
    except Exception as error:  # noqa: BLE001 - onnxruntime has classes of its own for a graph that it can't run
        problem = f"onnxruntime can't run the compiled model: {_short(error)}."
        return _Attempt(problem=problem, evidence={"precision": precision.value})
    found = compare(expected, actual, subject.tolerance, classes=subject.signature.classes)
    alone = rows_are_independent(compiled, subject.rows[:_ALONE], subject.tolerance, clock=clock)
    evidence = _equality_figures(precision, found, alone)
    if found.equal and alone.equal:
        return _Attempt(onnx=onnx, compiled=compiled, evidence=evidence)
    return _Attempt(problem=_difference(found, alone), evidence=evidence)


def _narrowed(signature: Signature, marks: Sequence[Landmarks], native: Predictor) -> tuple[Signature, list[str]]:
    """The signature with choices where the model refuses unknown categories; and the fields where it takes them.

    A compiled encoder answers for a category that the original refuses; as choices, they are refused beforehand.

    Raises:
        Exception: what the model raises for a row that should be fine.
    """
    row = sample_rows(signature, 1, np.random.default_rng(0), marks)[0]
    ask(native, [row])
    fields: list[Field] = []
    taken: list[str] = []
    for index, (each, known) in enumerate(zip(signature.fields, marks, strict=True)):
        strange = stranger(each, known)
        if strange is None:
            fields.append(each)
        elif _answers(native, [*row[:index], strange, *row[index + 1 :]]):
            fields.append(each)
            taken.append(each.name)
        else:
            fields.append(replace(each, choices=tuple(dict.fromkeys(of_kind(known.categories, each.kind)))))
    return replace(signature, fields=tuple(fields)), taken


def _answers(native: Predictor, row: list[Any]) -> bool:
    try:
        ask(native, [row])
    except Exception:  # noqa: BLE001 - whatever the encoder says: it does not take this value
        return False
    return True


def _equality_figures(precision: Precision, found: Evidence, alone: Evidence) -> dict[str, Any]:
    return {
        "precision": precision.value,
        "largest_difference": _finite(found.largest_difference),
        "row": found.row,
        "exact": found.exact,
        "ties": found.ties,
        "batch_exact": alone.exact,
        "batch_largest_difference": _finite(alone.largest_difference),
    }


def _finite(difference: float) -> float | None:
    """JSON has no infinity: None is a difference that can't be measured."""
    return difference if math.isfinite(difference) else None


def _equal(signature: Signature, onnx: bytes, evidence: Mapping[str, Any], timing: Timing) -> Compiled:
    one = f"{_milliseconds(timing.compiled_one)} for one row instead of {_milliseconds(timing.native_one)}"
    batch = f"{_milliseconds(timing.compiled_batch)} for {BATCH} instead of {_milliseconds(timing.native_batch)}"
    within = f"equal to scikit-learn within {evidence['tolerance']:g} on {evidence['rows']} rows"
    reason = (
        f"The compiled model is {within} and takes {one}, {batch}."
        if timing.faster
        else f"The compiled model is {within}, but not faster: it takes {one}, {batch}."
    )
    figures = {
        "native_seconds_one_row": timing.native_one,
        "compiled_seconds_one_row": timing.compiled_one,
        "batch_rows": BATCH,
        "native_seconds_batch": timing.native_batch,
        "compiled_seconds_batch": timing.compiled_batch,
    }
    verdict = Verdict(equal=True, faster=timing.faster, reason=reason, evidence={**evidence, **figures})
    return Compiled(onnx=onnx, signature=signature, verdict=verdict)


def _failed(signature: Signature, reason: str, evidence: Mapping[str, Any]) -> Compiled:
    verdict = Verdict(equal=False, faster=False, reason=reason, evidence=evidence)
    return Compiled(onnx=None, signature=signature, verdict=verdict)


def _difference(found: Evidence, alone: Evidence) -> str:
    if not found.equal:
        size = f"{found.largest_difference:.2g}" if math.isfinite(found.largest_difference) else "beyond measure"
        return f"The compiled model is not equal: {found.problem} (difference {size}, tolerance {found.tolerance:g})."
    return f"The compiled model answers a row otherwise in a batch than alone: {alone.problem}."


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"


def _short(error: Exception) -> str:
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first[:200]}" if first else type(error).__name__

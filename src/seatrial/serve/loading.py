"""From a model's file to a model that may answer: which engine, opened, given a name, and tried before anybody asks.

The trial run here finds what would hurt later: a model whose answers depend on what else is in its batch is served row
by row, and one that takes long works in a thread from its first request on.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seatrial.records import PermanentError
from seatrial.records.serving import Form, ModelInfo, Signature
from seatrial.serve import signature as signatures
from seatrial.serve.compile.equality import rows_are_independent
from seatrial.serve.compile.prepare import Prepared, discard, prepare
from seatrial.serve.compile.sample import sample_rows
from seatrial.serve.loaders import Opened, Route, identify, open_model, open_onnx
from seatrial.serve.model import Batch, Predictor, is_async
from seatrial.serve.options import ServeOptions

TRIED_ROWS = 8
TRIES = 5
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

log = logging.getLogger("seatrial.serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model that was opened and tried.

    Attributes:
        predictor: answers.
        info: who it is.
        rows: largest batch that it may be given.
        expected: seconds of one call with one row.
        routes: further routes of a Python class.
    """

    predictor: Predictor
    info: ModelInfo
    rows: int
    expected: float
    routes: tuple[Route, ...] = ()


def load(options: ServeOptions, *, now: Callable[[], float] = time.perf_counter) -> Loaded:
    """Open a model with the engine that answers best.

    Raises:
        UsageError: there is no such model, it may not be opened, or an extra is missing.
        PermanentError: it fails on the example that came with it.
    """
    prepared = prepare(options)
    opened = _open(options, prepared)
    for warning in (*prepared.warnings, *opened.warnings):
        log.warning("%s", warning)
    info = _info(options, prepared, opened)
    log.info("%s", _described(info))
    expected = _try(opened.predictor, options.model, now)
    rows = _largest_batch(opened.predictor, options)
    return Loaded(predictor=opened.predictor, info=info, rows=rows, expected=expected, routes=opened.endpoints)


def _open(options: ServeOptions, prepared: Prepared) -> Opened:
    if prepared.onnx is None:
        return open_model(options)
    try:
        predictor = open_onnx(prepared.onnx, prepared.signature)
    finally:
        discard(prepared)
    return Opened(
        predictor=predictor,
        flavour=identify(options.model),
        digest=prepared.digest or "",
        stack=prepared.stack,
        name=prepared.name,
        version=prepared.version,
    )


def _info(options: ServeOptions, prepared: Prepared, opened: Opened) -> ModelInfo:
    return ModelInfo(
        name=options.name or opened.name or _name_of(options.model),
        version=options.version or opened.version or opened.digest.removeprefix("sha256:")[:12],
        digest=opened.digest,
        flavour=opened.flavour,
        source=options.model,
        stack=opened.stack,
        choice=prepared.choice,
    )


def _name_of(model: str) -> str:
    """`forest` of `models/forest.joblib`, `recommender` of `service:Recommender`."""
    last = model.rpartition(":")[2].lower() if not Path(model).exists() else Path(model).resolve().name
    return UNSAFE.sub("-", Path(last).stem if Path(model).is_file() else last).strip("-.") or "model"


def _try(predictor: Predictor, model: str, now: Callable[[], float]) -> float:
    """Answer an example a few times; the seconds of the quickest, 0 where there is none to try."""
    batch = one_row(predictor.signature)
    if batch is None or is_async(predictor):
        return 0.0
    taken = []
    try:
        for _ in range(TRIES):
            begun = now()
            predictor.predict(batch)
            taken.append(now() - begun)
    except Exception as error:
        if not predictor.signature.trusted_example:
            log.warning("the model failed on a made-up row, so it was not tried (%s: %s)", type(error).__name__, error)
            return 0.0
        raise PermanentError(
            f"the model fails on its own example: {type(error).__name__}: {error}",
            where=model,
            remedy="correct `example` in the signature file, or the model",
        ) from error
    return min(taken)


def _described(info: ModelInfo) -> str:
    """One line for the log: who answers, and why by this engine."""
    return f"{info.name} {info.version} ({info.flavour}, {info.digest[:19]}…) by {info.choice.engine}: {info.choice.reason}"


def one_row(signature: Signature) -> Batch | None:
    """The example as a batch of one row; None for a model that takes any JSON and has none."""
    example = signature.example if signature.example is not None else signatures.write_example(signature)
    if signature.form is Form.JSON:
        return [example] if signature.trusted_example else None
    if signature.form is Form.TENSORS:
        return {tensor.name: np.asarray([example[tensor.name]], dtype=tensor.dtype) for tensor in signature.tensors}
    return [list(example)]


def _largest_batch(predictor: Predictor, options: ServeOptions) -> int:
    """The bound of a batch: one request a call where a row's answer depends on its neighbours."""
    problem = _dependence(predictor, options.tolerance)
    if problem:
        log.warning("requests are not batched: a row is answered otherwise alone than among others (%s)", problem)
        return 1
    return options.max_batch


def _dependence(predictor: Predictor, tolerance: float) -> str:
    """What is wrong when rows are answered together; empty where nothing is, or where it can't be tried."""
    signature = predictor.signature
    if signature.form is not Form.COLUMNS or is_async(predictor):
        return ""
    rows = sample_rows(signature, TRIED_ROWS, np.random.default_rng(0))
    try:
        evidence = rows_are_independent(predictor, rows, tolerance)
    except Exception as error:  # noqa: BLE001 - made-up rows may be wrong in ways that no signature tells
        log.info("batching was not tried on made-up rows (%s: %s)", type(error).__name__, error)
        return ""
    return "" if evidence.equal else evidence.problem

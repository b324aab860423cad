"""The child process of `job`: python -m seatrial.serve.compile."""

import json
import math
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from seatrial.records.errors import TemporaryError, UsageError
from seatrial.records.serving import Signature
from seatrial.serve.compile.build import compile_model
from seatrial.serve.compile.cache import Entry, write_entry
from seatrial.serve.compile.job import Job, do, read_job
from seatrial.serve.compile.verdict import Compiled, Verdict
from seatrial.serve.compile.versions import versions
from seatrial.serve.loaders import Opened, open_model, open_onnx
from seatrial.serve.model import Rows

SEED: Final = 0
"""Of the sampled rows: the same model is checked on the same rows everywhere."""


def main() -> int:
    """Do the job on stdin; the exit code is 0 unless something breaks."""
    job = read_job(sys.stdin.buffer.read())
    signal.alarm(math.ceil(job.seconds) + 1)  # an orphan ends itself
    return do(job, compile_to_folder)


def compile_to_folder(job: Job) -> None:
    """Opens the model, compiles it, and writes the entry.

    Raises:
        SeatrialError: the model or the sample can't be opened.
    """
    opened = open_model(job.options)
    if opened.digest != job.digest:
        raise TemporaryError("the model changed while it was read", where=job.options.model, remedy="start again")
    compiled = _compiled(job, opened)
    entry = Entry(
        verdict=compiled.verdict,
        signature=compiled.signature,
        stack={**opened.stack, **versions()},
        name=opened.name,
        version=opened.version,
        warnings=opened.warnings,
    )
    write_entry(job.folder, entry, compiled.onnx)


def _compiled(job: Job, opened: Opened) -> Compiled:
    signature = opened.predictor.signature
    if opened.estimator is None:
        reason = "It can't be compiled: it holds no scikit-learn estimator."
        return Compiled(onnx=None, signature=signature, verdict=Verdict(equal=False, faster=False, reason=reason))
    return compile_model(
        opened.estimator,
        signature,
        job.options.tolerance,
        SEED,
        native=opened.predictor,
        open_onnx=open_onnx,
        sample=None if job.sample is None else read_sample(job.sample, signature),
    )


def read_sample(path: Path, signature: Signature) -> Rows:
    """Rows of a file: `.npy` holds a matrix (rows, fields), `.json` a list of rows by position or by name.

    Raises:
        UsageError: it is neither, or a row has another number of values than the model has fields.
    """
    rows = _read_rows(path)
    names = [field.name for field in signature.fields]
    listed = [[row.get(name) for name in names] if isinstance(row, Mapping) else row for row in rows]
    for index, row in enumerate(listed):
        if not isinstance(row, list) or len(row) != len(names):
            raise UsageError(f"row {index} of the sample doesn't have {len(names)} values", where=str(path))
    return listed


def _read_rows(path: Path) -> list[Any]:
    import numpy as np  # noqa: PLC0415 - beside its only use

    try:
        rows = np.load(path, allow_pickle=False).tolist() if path.suffix == ".npy" else json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the sample can't be read: {error}", where=str(path), remedy="a .npy or .json file"
        ) from error
    if not isinstance(rows, list) or not rows:
        raise UsageError("the sample holds no rows", where=str(path))
    return rows


if __name__ == "__main__":
    sys.exit(main())

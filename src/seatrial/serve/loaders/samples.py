"""A few valid rows, made up: enough to see whether two ways of asking a model agree."""

import numpy as np

from seatrial.records.serving import Form, Signature
from seatrial.serve.compile.sample import sample_rows
from seatrial.serve.model import Rows

_ROWS = 8


def few_rows(signature: Signature) -> Rows | None:
    """The example and seven rows inside all ranges and choices, the same ones each time; None without columns."""
    if signature.form is not Form.COLUMNS:
        return None
    return sample_rows(signature, _ROWS, np.random.default_rng(0))

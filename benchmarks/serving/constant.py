"""A model that costs nothing, so that what is left is the server: `seatrial serve constant:Constant --max-batch 1`."""

import numpy as np

from seatrial.records.serving import Field, Form, Signature
from seatrial.serve.model import Array, Batch

FEATURES = 11
ANSWER = 5.6


class Constant:
    """Takes what the ridge takes, so that the same is read and validated, and always says the same."""

    signature = Signature(
        form=Form.COLUMNS, fields=tuple(Field(name=f"x{index}") for index in range(FEATURES)), named=False
    )

    def load(self) -> None:
        """Make the answer for one row."""
        self._one = np.full(1, ANSWER)

    def predict(self, batch: Batch) -> Array:
        """The same answer for each row."""
        return self._one if len(batch) == 1 else np.full(len(batch), ANSWER)

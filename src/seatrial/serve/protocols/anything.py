"""`POST /predict` for models that take any JSON: the body is the row, unless it says that it is many.

`{"inputs": […]}` or `{"instances": […]}`, with nothing beside, are many rows; everything else is one, as it is.
"""

from collections.abc import Mapping

from seatrial.records.serving import Signature
from seatrial.serve.codec import JSON, Asked, Limits
from seatrial.serve.protocols import schemas
from seatrial.serve.protocols.example import example_row
from seatrial.serve.protocols.operation import Operation
from seatrial.serve.protocols.predict import PredictAnswers
from seatrial.serve.validation import GOOD_TYPES, Json, parse, require_json, require_rows

_MANY = ("inputs", "instances")


def parse_strictly(body: bytes, limits: Limits) -> Json:
    """The JSON value of a body; NaN and its like refused.

    Raises:
        Refused: it is no JSON, or too deep.
    """
    parsed = parse(body, limits)
    parsed.require_strict()
    return parsed.value


class AnythingPredict(PredictAnswers):
    """The codec of `POST /predict` for `Form.JSON`."""

    __slots__ = ("_limits", "_signature")

    def __init__(self, signature: Signature, limits: Limits) -> None:
        super().__init__(signature)
        self._signature = signature
        self._limits = limits

    def decode(self, body: bytes, headers: Mapping[bytes, bytes]) -> Asked:
        """One JSON value or many; see `serve.codec.Codec`."""
        if headers.get(b"content-type", JSON) not in GOOD_TYPES or b"content-encoding" in headers:
            require_json(headers)
        value = parse_strictly(body, self._limits)
        if type(value) is dict and len(value) == 1:
            for name in _MANY:
                if type(value.get(name)) is list:
                    require_rows(len(value[name]), self._limits)
                    return Asked(value[name], len(value[name]), style=True)
        return Asked([value], 1, style=False)

    def operation(self) -> Operation:
        """For the OpenAPI document."""
        example = example_row(self._signature)
        return Operation(
            summary="Predict one value or many",
            description='The body is given to the model as it is. `{"inputs": […]}` is many rows, answered together.',
            request={"description": "Any JSON value."},
            examples={"one row": example, "many rows": {"inputs": [example, example]}},
            answer=schemas.predict_answer(self._signature),
        )

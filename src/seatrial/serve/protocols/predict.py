"""`POST /predict` for models of named columns: the shapes of body that the field's tutorials have, and their answers.

One row gives `{"prediction": v, "probability": p, "latency": seconds}`, many rows the same keys with lists. `probability`
is that of the predicted class and there for classifiers that have it; `latency`, the seconds since the request was
received, is always there, as a single number.
"""

from collections.abc import Mapping

from seatrial.records.serving import Signature
from seatrial.serve.codec import JSON, Answer, Asked, Limits, Refused
from seatrial.serve.model import Outputs
from seatrial.serve.protocols import rows, schemas
from seatrial.serve.protocols.errors import error_answer
from seatrial.serve.protocols.example import example_row
from seatrial.serve.protocols.operation import Operation
from seatrial.serve.protocols.values import Probabilities, encode, prediction, predictions
from seatrial.serve.validation import GOOD_TYPES, require_json

ENVELOPES = {
    "inputs": rows.Envelope(unwrap=rows.rows_or_columns_of, shapes=rows.ANY_SHAPE),
    "instances": rows.Envelope(unwrap=rows.many_rows_of, shapes=("records", "positions")),
    "dataframe_records": rows.Envelope(unwrap=rows.many_rows_of, shapes=("records",)),
    "dataframe_split": rows.Envelope(unwrap=rows.split_of),
}
BARE = rows.Envelope(unwrap=rows.rows_of, shapes=rows.ANY_SHAPE)


class PredictAnswers:
    """The answers of `POST /predict`, whatever the model's form; `Asked.style` is whether many rows were asked for."""

    __slots__ = ("_output", "_probabilities")

    def __init__(self, signature: Signature) -> None:
        self._output = signature.output
        self._probabilities = Probabilities(signature.classes)

    def encode(self, asked: Asked, outputs: Outputs, start: int, seconds: float) -> Answer:
        """One answer or lists of them; see `serve.codec.Codec`."""
        value = predictions(outputs, start, asked.count) if asked.style else prediction(outputs, start)
        document = {self._output: value}
        if outputs.probabilities is not None:
            of = self._probabilities.of_rows if asked.style else self._probabilities.of
            document.setdefault("probability", of(outputs.probabilities, start, value))
        document.setdefault("latency", seconds * 1e6 // 1 / 1e6)
        return Answer(200, encode(document))

    def refuse(self, refused: Refused) -> Answer:
        """The error document."""
        return error_answer(refused)


class ColumnsPredict(PredictAnswers):
    """The codec of `POST /predict` for `Form.COLUMNS`."""

    __slots__ = ("_limits", "_read", "_signature")

    def __init__(self, signature: Signature, limits: Limits) -> None:
        super().__init__(signature)
        self._signature = signature
        self._limits = limits
        self._read = rows.RowsReader(signature.fields, limits, envelopes=ENVELOPES, bare=BARE).read

    def decode(self, body: bytes, headers: Mapping[bytes, bytes]) -> Asked:
        """Rows of any of the shapes; see `serve.codec.Codec`."""
        if headers.get(b"content-type", JSON) not in GOOD_TYPES or b"content-encoding" in headers:
            require_json(headers)
        batch, many = self._read(body)
        return Asked(batch, len(batch), many)

    def operation(self) -> Operation:
        """For the OpenAPI document."""
        row, by_position = schemas.ref("Row"), schemas.ref("RowByPosition")
        several, several_by_position = schemas.many(row, self._limits), schemas.many(by_position, self._limits)
        names = [field.name for field in self._signature.fields]
        split = schemas.envelope(columns={"const": names}, data=several_by_position)
        shapes = [row, by_position, several, several_by_position]
        example = example_row(self._signature)
        return Operation(
            summary="Predict one row or many",
            description=(
                "A row is an object by the fields' names or an array in their order, and many rows are an array of them. "
                'All of these may be wrapped as `{"inputs": …}`, which also takes an object of equally long arrays, '
                "column by column."
            ),
            request={
                "anyOf": [
                    *shapes,
                    schemas.envelope(inputs={"anyOf": shapes}),
                    schemas.envelope(instances={"anyOf": [several, several_by_position]}),
                    schemas.envelope(dataframe_records=several),
                    schemas.envelope(dataframe_split=split),
                ]
            },
            examples={
                "one row by name": example,
                "one row by position": [*example.values()],
                "many rows": [example, example],
                "as tutorials have it": {"inputs": example},
            },
            answer=schemas.predict_answer(self._signature),
        )

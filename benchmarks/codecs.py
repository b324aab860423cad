"""What the codecs of the model server cost: `python benchmarks/codecs.py`.

One row of 11 numbers unless said otherwise, as the wine-quality example has them; microseconds of one call, the best of
several rounds, in one process on one core. The whole server has about 20 µs of CPU a request, so that 2 µs to decode and
1 µs to encode are what these may take.
"""

import json
import timeit
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seatrial.records.serving import Engine, EngineChoice, Field, Form, ModelInfo, Signature
from seatrial.serve.codec import Codec, Limits, Refused
from seatrial.serve.model import Outputs
from seatrial.serve.protocols import endpoints

NAMES = (
    "fixed acidity", "volatile acidity", "citric acid", "residual sugar", "chlorides", "free sulfur dioxide",
    "total sulfur dioxide", "density", "pH", "sulphates", "alcohol",
)  # fmt: skip
ROW = [7.4, 0.7, 0.0, 1.9, 0.076, 11.0, 34.0, 0.9978, 3.51, 0.56, 9.4]
RECORD = dict(zip(NAMES, ROW, strict=True))
HEADERS = {b"content-type": b"application/json", b"host": b"localhost", b"content-length": b"200"}
SECONDS = 0.00012345678
ROUNDS, ROUND_SECONDS = 7, 0.05

INFO = ModelInfo(
    name="wine", version="1", digest="sha256:0", flavour="sklearn", source="wine.joblib", stack={},
    choice=EngineChoice(engine=Engine.NATIVE, reason="measured"),
)  # fmt: skip


def microseconds(call: Callable[[], object]) -> float:
    """Of one call."""
    timer = timeit.Timer(call)
    calls = max(1, int(ROUND_SECONDS / (timer.timeit(20) / 20)))
    return min(timer.repeat(ROUNDS, calls)) / calls * 1e6


def decoding(codec: Codec, document: object) -> float:
    """Of one body, right or wrong."""
    body = json.dumps(document).encode()

    def decode() -> None:
        try:
            codec.decode(body, HEADERS)
        except Refused as refused:
            codec.refuse(refused)

    return microseconds(decode)


def decoding_bytes(codec: Codec, document: object, tensor: NDArray[np.float64]) -> float:
    """Of a binary tensor behind its JSON."""
    head = json.dumps(document).encode()
    headers = {**HEADERS, b"inference-header-content-length": b"%d" % len(head)}
    body = head + tensor.tobytes()
    return microseconds(lambda: codec.decode(body, headers))


def encoding(codec: Codec, document: object, outputs: Outputs) -> float:
    """Of one answer to `document`."""
    asked = codec.decode(json.dumps(document).encode(), HEADERS)
    return microseconds(lambda: codec.encode(asked, outputs, 0, SECONDS))


def tensor(shape: list[int], data: object, **more: object) -> dict[str, object]:
    """A request of one tensor."""
    return {"inputs": [{"name": "x", "shape": shape, "datatype": "FP64", "data": data}], **more}


def measured() -> dict[str, float]:
    """All figures."""
    fields = tuple(Field(name=name, minimum=0.0, maximum=500.0) for name in NAMES)
    signature = Signature(form=Form.COLUMNS, fields=fields, classes=(0, 1))
    predict, v1, v2 = (endpoint.codec for endpoint in endpoints(signature, INFO, Limits()))
    numbers, hundred = Outputs(np.linspace(5.1, 6.7, 100)), Outputs(np.linspace(5.1, 6.7, 100))
    chances = Outputs(np.array([1]), np.array([[0.25, 0.75]]))
    columns = [{"name": n, "shape": [1], "datatype": "FP64", "data": [v]} for n, v in RECORD.items()]
    by_bytes = {"inputs": [{"name": "x", "shape": [1, 11], "datatype": "FP64", "parameters": {"binary_data_size": 88}}]}
    return {
        "decode /predict, by name": decoding(predict, RECORD),
        "decode /predict, by position": decoding(predict, ROW),
        "decode /predict, inputs by name": decoding(predict, {"inputs": RECORD}),
        "decode /predict, inputs by position": decoding(predict, {"inputs": [ROW]}),
        "decode /predict, 100 rows by name": decoding(predict, [RECORD] * 100),
        "decode /predict, 100 rows by position": decoding(predict, [ROW] * 100),
        "decode V1, by position": decoding(v1, {"instances": [ROW]}),
        "decode V2, one FP64 tensor": decoding(v2, tensor([1, 11], [ROW])),
        "decode V2, one FP32 tensor": decoding(
            v2, json.loads(json.dumps(tensor([1, 11], [ROW])).replace("FP64", "FP32"))
        ),
        "decode V2, binary tensor": decoding_bytes(v2, by_bytes, np.array([ROW])),
        "decode V2, a tensor for each column": decoding(v2, {"inputs": columns}),
        "refuse /predict, one value": decoding(predict, {**RECORD, "pH": -1}),
        "refuse /predict, 100 rows, all wrong": decoding(predict, [{**RECORD, "pH": -1}] * 100),
        "encode /predict, a number": encoding(predict, RECORD, numbers),
        "encode /predict, class and probability": encoding(predict, RECORD, chances),
        "encode /predict, 100 rows": encoding(predict, [RECORD] * 100, hundred),
        "encode V1, a number": encoding(v1, {"instances": [ROW]}, numbers),
        "encode V2, a number": encoding(v2, tensor([1, 11], [ROW]), numbers),
        "encode V2, a number, as bytes": encoding(
            v2, tensor([1, 11], [ROW], parameters={"binary_data_output": True}), numbers
        ),
    }


if __name__ == "__main__":
    for label, figure in measured().items():
        print(f"{label:<44}{figure:9.2f} µs")

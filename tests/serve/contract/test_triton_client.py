"""Triton's client, which speaks the Open Inference Protocol with its binary extension, against the running server."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from tritonclient.http import (  # type: ignore[import-untyped]
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
)
from tritonclient.http.aio import InferenceServerClient as AsyncClient  # type: ignore[import-untyped]
from tritonclient.utils import InferenceServerException, np_to_triton_dtype  # type: ignore[import-untyped]

from tests.serve.contract import fitted
from tests.serve.running import Server

ROWS = np.array([[0.1, 0.2, 0.3], [1.5, -2.0, 3.0]])
VERSION = "v1"


@contextmanager
def client_of(server: Server) -> Iterator[Any]:
    """A client of its own, for the thread that asks."""
    with InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


def sent(name: str, array: Any, *, binary: bool = True) -> Any:
    """An input with the array's own datatype."""
    made = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def wanted(*names: str, binary: bool = True) -> list[Any]:
    """Outputs to be asked for."""
    return [InferRequestedOutput(name, binary_data=binary) for name in names]


def predicted(model: str, rows: Any = ROWS) -> Any:
    """What scikit-learn says, in the protocol's shape."""
    return fitted.models()[model].predict(rows).reshape(-1, 1)


def test_health_is_told(ridge: Server) -> None:
    """Of the server, of its model with and without a version, and of one that isn't there."""
    with client_of(ridge) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("ridge")
        assert client.is_model_ready("ridge", VERSION)
        assert not client.is_model_ready("ridge", "v9")
        assert not client.is_model_ready("nobody")


def test_the_server_says_what_it_is(ridge: Server) -> None:
    """With the extension that the client needs for bytes."""
    with client_of(ridge) as client:
        told = client.get_server_metadata()

    assert "seatrial" == told["name"]
    assert ["binary_tensor_data"] == told["extensions"]


def test_metadata_are_enough_to_ask(grade: Server) -> None:
    """Inputs made from nothing but the announced names, datatypes and shapes are answered as announced."""
    with client_of(grade) as client:
        told = client.get_model_metadata("grade", VERSION)
        inputs = [InferInput(one["name"], [2, *one["shape"][1:]], one["datatype"]) for one in told["inputs"]]
        for column, one in zip(ROWS.T, inputs, strict=True):
            one.set_data_from_numpy(column.reshape(2, 1))
        answer = client.infer("grade", inputs, outputs=wanted(*(one["name"] for one in told["outputs"])))

    assert ["predict", "predict_proba"] == [one["name"] for one in told["outputs"]]
    for one in told["outputs"]:
        array = answer.as_numpy(one["name"])
        assert (one["datatype"], one["shape"][1:]) == (np_to_triton_dtype(array.dtype), list(array.shape[1:]))


@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("binary_in", [True, False])
def test_a_regression_is_asked_in_json_and_bytes(ridge: Server, *, binary_in: bool, binary_out: bool) -> None:
    """In any mixture; the id comes back, and model and version are named."""
    with client_of(ridge) as client:
        answer = client.infer(
            "ridge",
            [sent("input", ROWS, binary=binary_in)],
            outputs=wanted("predict", binary=binary_out),
            request_id="order-7",
        )

    np.testing.assert_allclose(answer.as_numpy("predict"), predicted("ridge"), rtol=1e-12)
    told = answer.get_response()
    assert ("order-7", "ridge", VERSION) == (told["id"], told["model_name"], told["model_version"])
    assert binary_out is ("data" not in answer.get_output("predict"))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8, np.uint32])
def test_any_number_will_do(ridge: Server, dtype: Any) -> None:
    """The model gets the value; one that its type rounds, rounded."""
    rows = np.array([[1.5, 2.25, 3]]).astype(dtype)
    with client_of(ridge) as client:
        answer = client.infer("ridge", [sent("input", rows)], model_version=VERSION)

    np.testing.assert_allclose(answer.as_numpy("predict"), predicted("ridge", rows.astype(float)), rtol=1e-12)


def test_a_classifier_gives_labels_and_probabilities(grade: Server) -> None:
    """Those that are asked for, in that order; one may come as bytes and the other as JSON."""
    model = fitted.models()["grade"]
    with client_of(grade) as client:
        inputs = [sent("input", ROWS)]
        both = [*wanted("predict_proba", binary=False), *wanted("predict")]
        answer = client.infer("grade", inputs, outputs=both)
        default = client.infer("grade", inputs)

    np.testing.assert_allclose(answer.as_numpy("predict_proba"), model.predict_proba(frame()), rtol=1e-12)
    np.testing.assert_array_equal(answer.as_numpy("predict"), model.predict(frame()).reshape(-1, 1))
    assert ["predict_proba", "predict"] == [one["name"] for one in answer.get_response()["outputs"]]
    assert ["predict"] == [one["name"] for one in default.get_response()["outputs"]]


def frame() -> Any:
    """The rows as the classifier was fitted."""
    import pandas as pd  # type: ignore[import-untyped]

    return pd.DataFrame(ROWS, columns=list(fitted.NAMES))


@pytest.mark.parametrize("binary", [True, False])
def test_a_network_with_two_inputs_gives_both_outputs(two: Server, *, binary: bool) -> None:
    """By name, in either order; one as bytes beside one as JSON."""
    left, right = np.array([[1, 2], [3, 4]], dtype=np.float32), np.array([[2, 1], [0.5, 8]], dtype=np.float32)
    with client_of(two) as client:
        inputs = [sent("right", right, binary=binary), sent("left", left)]
        answer = client.infer("two", inputs, outputs=[*wanted("larger"), *wanted("total", binary=binary)])
        everything = client.infer("two", inputs)

    for found in (answer, everything):
        np.testing.assert_array_equal(left + right, found.as_numpy("total"))
        np.testing.assert_array_equal(left > right, found.as_numpy("larger"))
        assert np.float32 == found.as_numpy("total").dtype


@pytest.mark.parametrize("binary", [True, False])
def test_a_class_gets_json_in_strings(shop: Server, *, binary: bool) -> None:
    """Where their content type says so; its answers come as JSON in strings."""
    asked = np.array([['{"user": "Bøb"}'], ['{"user": "eve"}']], dtype=object)
    sent_json = sent("input", asked, binary=binary)
    sent_json._parameters["content_type"] = "pd_json"  # the client has no setter for it
    with client_of(shop) as client:
        answer = client.infer("shop", [sent_json], outputs=wanted("predict", binary=binary))

    texts = [text.decode() if binary else text for text in answer.as_numpy("predict").ravel().tolist()]
    assert ['{"user":"Bøb","items":[1,2]}', '{"user":"eve","items":[1,2]}'] == texts


@pytest.mark.parametrize(
    ("message", "inputs"),
    [
        (r"input has the shape \[1, 2\], expected \[n, 3\]", [sent("input", np.ones((1, 2)))]),
        (r"has the shape \[3\]", [sent("input", np.ones(3))]),
        ("is not a field", [sent("x0", np.ones(1)), sent("nonsense", np.ones(1))]),
        ("expected a number", [sent("input", np.array([["a", "b", "c"]], dtype=object))]),
        ("x1 is NaN, expected a number", [sent("input", np.array([[1, np.nan, 3]]))]),
    ],
)
def test_what_the_model_does_not_take_is_explained(ridge: Server, message: str, inputs: list[Any]) -> None:
    """The client raises our status and sentence."""
    with client_of(ridge) as client, pytest.raises(InferenceServerException, match=message) as raised:
        client.infer("ridge", inputs)

    assert "422" == raised.value.status()


def test_a_wrong_datatype_of_a_network_is_explained(two: Server) -> None:
    """Doubles are numbers as well; strings are not."""
    with client_of(two) as client:
        left = sent("left", np.ones((1, 2), dtype=np.float32))
        answer = client.infer("two", [left, sent("right", np.ones((1, 2)))])
        with pytest.raises(InferenceServerException, match="right is BYTES, which is no float32") as raised:
            client.infer("two", [left, sent("right", np.array([["a", "b"]], dtype=object))])

    assert [[2, 2]] == answer.as_numpy("total").tolist()
    assert "422" == raised.value.status()


def test_a_model_version_or_output_that_is_not_there_is_named(ridge: Server) -> None:
    """404 and 400 by the client's exception."""
    inputs = [sent("input", ROWS)]
    with client_of(ridge) as client:
        for arguments in ({"model_name": "nobody"}, {"model_name": "ridge", "model_version": "v9"}):
            with pytest.raises(InferenceServerException, match="nothing is served at /v2/models/") as raised:
                client.infer(inputs=inputs, **arguments)
            assert "404" == raised.value.status()
        with pytest.raises(InferenceServerException, match='"nonsense" is no output, expected one of "predict"'):
            client.infer("ridge", inputs, outputs=wanted("nonsense"))
        with pytest.raises(InferenceServerException, match="this model has no predict_proba"):
            client.infer("ridge", inputs, outputs=wanted("predict_proba"))


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda client: client.infer("ridge", [in_shared_memory()]), id="shared memory in"),
        pytest.param(
            lambda client: client.infer("ridge", [sent("input", ROWS)], outputs=ranked()), id="classification"
        ),
        pytest.param(lambda client: client.get_model_repository_index(), id="repository"),
        pytest.param(lambda client: client.get_model_config("ridge"), id="configuration"),
    ],
)
def test_extensions_that_are_not_spoken_are_refused(ridge: Server, ask: Callable[[Any], Any]) -> None:
    """With a sentence, never with a wrong answer."""
    with client_of(ridge) as client, pytest.raises(InferenceServerException) as raised:
        ask(client)

    assert raised.value.status() in {"400", "404"}
    assert raised.value.message()


def in_shared_memory() -> Any:
    """An input that Triton would find in a region of memory."""
    made = InferInput("input", [2, 3], "FP64")
    made.set_shared_memory("region", ROWS.nbytes)
    return made


def ranked() -> list[Any]:
    """An output for which Triton would give the two best classes."""
    return [InferRequestedOutput("predict", class_count=2)]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_requests_are_refused(ridge: Server, algorithm: str) -> None:
    """415, and the sentence says what to send."""
    with client_of(ridge) as client, pytest.raises(InferenceServerException, match="compressed bodies") as raised:
        client.infer("ridge", [sent("input", ROWS)], request_compression_algorithm=algorithm)

    assert str(httpx.codes.UNSUPPORTED_MEDIA_TYPE) == raised.value.status()


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_who_takes_compressed_answers_is_answered(ridge: Server, algorithm: str) -> None:
    """Uncompressed, as the protocol allows."""
    with client_of(ridge) as client:
        answer = client.infer("ridge", [sent("input", ROWS)], response_compression_algorithm=algorithm)

    np.testing.assert_allclose(answer.as_numpy("predict"), predicted("ridge"), rtol=1e-12)


def test_clients_in_several_threads_get_their_own_answers(ridge: Server) -> None:
    """While requests of different sizes are answered together."""
    generator = np.random.default_rng(3)
    asked = [generator.normal(size=(1 + index % 7, 3)) for index in range(160)]

    def ask(share: list[Any]) -> list[Any]:
        with client_of(ridge) as client:
            return [client.infer("ridge", [sent("input", rows)]).as_numpy("predict") for rows in share]

    with ThreadPoolExecutor(8) as threads:
        answers = [*threads.map(ask, [asked[start::8] for start in range(8)])]

    for start, share in enumerate(answers):
        for rows, found in zip(asked[start::8], share, strict=True):
            np.testing.assert_allclose(found, predicted("ridge", rows), rtol=1e-9)


def test_the_asynchronous_client_is_answered(ridge: Server) -> None:
    """The same protocol by aiohttp, many at once."""

    async def ask() -> list[Any]:
        async with AsyncClient(f"127.0.0.1:{ridge.port}") as client:
            asked = (client.infer("ridge", [sent("input", ROWS + shift)], request_id=str(shift)) for shift in range(20))
            return list(await asyncio.gather(*asked))

    for shift, answer in enumerate(asyncio.run(ask())):
        np.testing.assert_allclose(answer.as_numpy("predict"), predicted("ridge", ROWS + shift), rtol=1e-9)
        assert str(shift) == answer.get_response()["id"]

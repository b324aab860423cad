"""Answer by answer against MLServer: the same files, the same questions, and every difference listed with its reason.

Who moves a client of MLServer's scikit-learn runtime to `seatrial serve` changes the address and nothing else.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest
from tritonclient.http import (  # type: ignore[import-untyped]
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
)

from seatrial.records import SeatrialError
from tests.serve.contract import fitted, mlserver
from tests.serve.contract.asking import question, tensor
from tests.serve.running import serving

# The first run on a machine installs MLServer.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

NATIVE = ("ridge", "pair", "cluster", "grade")
COMPILED = ("forest", "sour", "wine")  # in single precision
MODELS = (*NATIVE, *COMPILED)
EXACT = 1e-9
TOLERANCE = 1e-5  # of a compiled model: relative for predictions, absolute for probabilities
PD = {"content_type": "pd"}
NAMES = fitted.NAMES

MATRIX = tensor("x", [2, 3], "FP64", [[0.1, 0.2, 0.3], [1.5, -2, 3]])
ONE = tensor("x", [1, 3], "FP64", [0.1, 0.2, 0.3])
VALUES = dict(zip(NAMES, ([0.1, 1.5], [0.2, -2], [0.3, 3]), strict=True))
COLUMNS = [tensor(name, [2], "FP64", values) for name, values in VALUES.items()]
SHORT = tensor("pH", [1], "FP64", [3])
GAP = [*COLUMNS[:2], COLUMNS[2] | {"data": [0.3, None]}]
COLOR = tensor("color", [2], "BYTES", ["red", "white"], content_type="str")
BARE_COLOR = tensor("color", [2], "BYTES", ["red", "white"])
BLUE = tensor("color", [2], "BYTES", ["red", "blue"])
INTEGERS = [tensor(name, [2], "INT64", [1, 2]) for name in NAMES]
YEAR = tensor("year", [2], "INT64", [1, 2])
BOTH = ("predict", "predict_proba")


def inputs_of(model: str) -> list[dict[str, Any]]:
    """Two rows for a model."""
    return [*COLUMNS, COLOR] if model == "wine" else [MATRIX]


def reshaped(*shape: int) -> list[dict[str, Any]]:
    """The columns, with another shape."""
    return [column | {"shape": list(shape)} for column in COLUMNS]


ALIKE = [
    ("ridge forest pair cluster grade sour", "a matrix, nested", question(MATRIX)),
    ("ridge forest pair grade", "a matrix, flat", question(MATRIX | {"data": [0.1, 0.2, 0.3, 1.5, -2, 3]})),
    ("ridge grade", "one row", question(ONE)),
    ("ridge sour", "single precision", question(ONE | {"datatype": "FP32"})),
    ("ridge grade", "integers", question(tensor("x", [1, 3], "INT64", [1, 2, 3]))),
    ("ridge", "content type of the tensor", question(ONE | {"parameters": {"content_type": "np"}})),
    ("ridge", "content type of the request", question(ONE, parameters={"content_type": "np"})),
    ("ridge", "the output by name", question(MATRIX, outputs=["predict"])),
    ("ridge", "an empty id", question(ONE, id="")),
    ("ridge", "members that nobody knows", question(ONE, parameters={"priority": 3}, trace="on")),
    ("grade sour", "probabilities", question(MATRIX, outputs=["predict_proba"])),
    ("grade sour", "both outputs", question(MATRIX, outputs=BOTH)),
    ("grade", "outputs in the asked order", question(MATRIX, outputs=BOTH[::-1])),
    ("grade sour", "columns", question(*COLUMNS, parameters=PD, outputs=BOTH)),
    ("grade", "columns of one axis more", question(*reshaped(2, 1), parameters=PD)),
    ("sour", "columns of integers", question(*INTEGERS, parameters=PD)),
    ("sour", "a gap", question(*GAP, parameters=PD, outputs=BOTH)),
    ("wine", "columns, one of strings", question(*COLUMNS, COLOR, parameters=PD)),
    ("wine", "strings without a content type", question(*COLUMNS, BARE_COLOR, parameters=PD)),
    ("wine", "both outputs", question(*COLUMNS, COLOR, parameters=PD, outputs=BOTH)),
    (
        "wine",
        "labels by another codec",
        question(*COLUMNS, COLOR, parameters=PD)
        | {"outputs": [{"name": "predict", "parameters": {"content_type": "str"}}]},
    ),
]


@dataclass(frozen=True, slots=True)
class Servers:
    """MLServer, and ours by the name of the model."""

    peer: str
    ours: dict[str, str]

    def post(self, model: str, body: Any, path: str = "") -> tuple[httpx.Response, httpx.Response]:
        """MLServer's answer and ours to the same question."""
        path = path or f"/v2/models/{model}/infer"
        peer, ours = (httpx.post(f"{url}{path}", json=body, timeout=30) for url in (self.peer, self.ours[model]))
        return peer, ours

    def get(self, path: str, model: str = "ridge") -> tuple[httpx.Response, httpx.Response]:
        """The same without a body."""
        peer, ours = (httpx.get(f"{url}{path}", timeout=30) for url in (self.peer, self.ours[model]))
        return peer, ours


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Both, with files that MLServer's scikit-learn wrote; ours by either engine."""
    folder = tmp_path_factory.mktemp("mlserver")
    try:
        stack = mlserver.environment(folder / "install.log")
    except SeatrialError as error:
        pytest.skip(f"MLServer can't be installed: {error}")
    mlserver.train(stack, folder)

    def ours(name: str) -> str:
        place, file = tmp_path_factory.mktemp(name), str(folder / f"{name}.joblib")
        options = ("--version", mlserver.VERSION, "--engine", "onnx" if name in COMPILED else "native")
        return running.enter_context(serving(place, file, *options)).url

    with ExitStack() as running, ThreadPoolExecutor(len(MODELS)) as at_once:
        found = dict(zip(MODELS, at_once.map(ours, MODELS), strict=True))
        yield Servers(running.enter_context(mlserver.running(stack, folder, MODELS)), found)


@pytest.mark.parametrize(
    ("model", "asked"),
    [pytest.param(model, asked, id=f"{model}: {name}") for names, name, asked in ALIKE for model in names.split()],
)
def test_the_answer_is_mlservers(servers: Servers, model: str, asked: dict[str, Any]) -> None:
    """Every member of the document; numbers within the engine's tolerance."""
    peer, ours = servers.post(model, asked)

    assert (httpx.codes.OK, httpx.codes.OK) == (peer.status_code, ours.status_code)
    assert peer.headers["content-type"] == ours.headers["content-type"]
    assert with_tolerance(peer.json(), TOLERANCE if model in COMPILED else EXACT) == ours.json()


def with_tolerance(document: dict[str, Any], tolerance: float) -> dict[str, Any]:
    """An answer, equal to those whose floats are about the same and whose other members are just the same."""
    outputs = [
        output | {"data": pytest.approx(output["data"], rel=tolerance, abs=tolerance)}
        if output["datatype"].startswith("FP")
        else output
        for output in document["outputs"]
    ]
    return document | {"outputs": outputs}


def test_an_id_is_made_up_by_mlserver_only(servers: Servers) -> None:
    """Where the caller sent none: the protocol's `id` is the caller's, and ours has `x-request-id` for that."""
    peer, ours = servers.post("ridge", {"inputs": [ONE]})

    assert {"id"} == peer.json().keys() - ours.json().keys()
    assert ours.headers["x-request-id"]


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(question(ONE, outputs=["predict_proba"]), id="a regression's probabilities"),
        pytest.param(question(ONE, outputs=["nonsense"]), id="no such output"),
        pytest.param(question(), id="no tensor"),
    ],
)
def test_what_mlserver_refuses_is_refused_alike(servers: Servers, asked: dict[str, Any]) -> None:
    """With the same status, and a sentence under `error`."""
    peer, ours = servers.post("ridge", asked)

    assert (httpx.codes.BAD_REQUEST, httpx.codes.BAD_REQUEST) == (peer.status_code, ours.status_code)
    assert {"error"} == peer.json().keys() == ours.json().keys()


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/nobody/infer",
        "/v2/models/ridge/versions/v9/infer",
    ],
)
def test_a_model_or_version_that_is_not_served_is_not_found(servers: Servers, path: str) -> None:
    """404 from both, with a sentence under `error`."""
    peer, ours = servers.post("ridge", question(ONE), path)

    assert (httpx.codes.NOT_FOUND, httpx.codes.NOT_FOUND) == (peer.status_code, ours.status_code)
    assert {"error"} == peer.json().keys() == ours.json().keys()


def test_the_version_may_be_named(servers: Servers) -> None:
    """In the path."""
    peer, ours = servers.post("ridge", question(ONE), f"/v2/models/ridge/versions/{mlserver.VERSION}/infer")

    assert mlserver.VERSION == peer.json()["model_version"] == ours.json()["model_version"]
    assert peer.json() == ours.json()


DIFFERENCES = [
    # MLServer breaks on the model's exception; we look before we ask.
    ("a field too few", "ridge", question(tensor("x", [1, 2], "FP64", [1, 2])), 500, 422),
    ("a row without its axis", "ridge", question(ONE | {"shape": [3]}), 500, 422),
    ("an axis too many", "ridge", question(ONE | {"shape": [1, 1, 3]}), 500, 422),
    ("data that don't fill the shape", "ridge", question(ONE | {"data": [1, 2]}), 500, 400),
    ("no rows", "ridge", question(tensor("x", [0, 3], "FP64", [])), 500, 422),
    ("words for numbers", "ridge", question(ONE | {"data": ["a", "b", "c"]}), 500, 422),
    ("a column too few", "wine", question(*COLUMNS, parameters=PD), 500, 422),
    ("columns of two lengths", "grade", question(*COLUMNS[:2], SHORT, parameters=PD), 500, 422),
    ("an unknown category", "wine", question(*COLUMNS, BLUE, parameters=PD), 500, 422),
    ("a regression's transform", "ridge", question(ONE, outputs=["transform"]), 500, 400),
    # No document of the protocol: FastAPI's 422 has `detail`; the protocol wants an `error`, typically with 400.
    ("no such datatype", "ridge", question(ONE | {"datatype": "FP65"}), 422, 400),
    ("no inputs", "ridge", {"id": "order-7"}, 422, 400),
    ("no data", "ridge", question({"name": "x", "shape": [1, 3], "datatype": "FP64"}), 422, 400),
    ("a number as id", "ridge", question(ONE, id=7), 422, 400),
    # We answer more, where the meaning is clear.
    ("columns in another order", "grade", question(*COLUMNS[::-1], parameters=PD), 500, 200),
    ("columns without the hint that they are a frame", "grade", question(*COLUMNS), 400, 200),
    ("a matrix with that hint", "ridge", question(MATRIX, parameters=PD), 500, 200),
    # We answer less, so that no mistake passes unseen.
    ("a column that the model doesn't know", "wine", question(*COLUMNS, COLOR, YEAR, parameters=PD), 200, 422),
    ("numbers in quotes", "ridge", question(ONE | {"data": ["1", "2", "3"]}), 200, 422),
    ("columns whose first axis is not the batch", "grade", question(*reshaped(1, 2), parameters=PD), 200, 422),
    # A model answers by `predict` here; distances to clusters are not its predictions.
    ("a clustering's transform", "cluster", question(MATRIX, outputs=["transform"]), 200, 400),
]


@pytest.mark.parametrize(
    ("model", "asked", "theirs", "mine"), [pytest.param(*rest, id=name) for name, *rest in DIFFERENCES]
)
def test_differences_are_known(servers: Servers, model: str, asked: Any, theirs: int, mine: int) -> None:
    """Where MLServer and we answer differently, for the reasons in the list; ours is never a 500, and always explained."""
    peer, ours = servers.post(model, asked)

    assert (theirs, mine) == (peer.status_code, ours.status_code)
    assert ours.json()["outputs"] if mine == httpx.codes.OK else ours.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/health/live",
        "/v2/health/ready",
        "/v2",
        *(
            f"/v2/models/{place}{ready}"
            for place in ("ridge", "ridge/versions/v1", "ridge/versions/v9", "nobody")
            for ready in ("", "/ready")
        ),
    ],
)
def test_health_and_metadata_have_mlservers_status(servers: Servers, path: str) -> None:
    """200 for what is there, 404 for what is not, with `error`."""
    peer, ours = servers.get(path)

    assert peer.status_code == ours.status_code
    if peer.is_error:
        assert {"error"} == peer.json().keys() == ours.json().keys()


def test_metadata_say_more_than_mlservers(servers: Servers) -> None:
    """All of its members but an empty `parameters`; tensors and versions are filled in without being configured."""
    peer, ours = (answer.json() for answer in servers.get("/v2/models/grade", "grade"))

    assert {"parameters"} == peer.keys() - ours.keys()
    assert peer["name"] == ours["name"] == "grade"
    assert ([], [], []) == (peer["versions"], peer["inputs"], peer["outputs"])
    assert [mlserver.VERSION] == ours["versions"]
    assert list(NAMES) == [column["name"] for column in ours["inputs"]]
    assert ["predict", "predict_proba"] == [output["name"] for output in ours["outputs"]]
    server, mine = (answer.json() for answer in servers.get("/v2"))
    assert server.keys() == mine.keys()


@pytest.mark.parametrize("model", ["ridge", "forest", "grade", "sour", "wine"])
def test_metadata_announce_what_is_answered(servers: Servers, model: str) -> None:
    """Names, datatypes and shapes of the outputs, whichever engine computes."""
    announced = {one["name"]: one for one in servers.get(f"/v2/models/{model}", model)[1].json()["outputs"]}
    _, answer = servers.post(model, question(*inputs_of(model), outputs=list(announced)))

    for output in answer.json()["outputs"]:
        expected = announced.pop(output["name"])
        assert expected["datatype"] == output["datatype"]
        assert [-1, *output["shape"][1:]] == expected["shape"]
    assert not announced


@pytest.mark.parametrize("model", ["grade", "sour"])
def test_one_client_reads_both(servers: Servers, model: str) -> None:
    """Triton's, in JSON, which is what MLServer speaks over HTTP."""
    array = np.array([[0.1, 0.2, 0.3], [1.5, -2.0, 3.0]])
    sent = InferInput("x", [2, 3], "FP64")
    sent.set_data_from_numpy(array, binary_data=False)
    wanted = [InferRequestedOutput(name, binary_data=False) for name in ("predict", "predict_proba")]

    answers = []
    for url in (servers.peer, servers.ours[model]):
        with InferenceServerClient(url.removeprefix("http://")) as client:
            answers.append(client.infer(model, [sent], outputs=wanted, request_id="7"))

    for name in ("predict", "predict_proba"):
        expected, found = (answer.as_numpy(name) for answer in answers)
        assert (expected.dtype, expected.shape) == (found.dtype, found.shape)
        np.testing.assert_allclose(found, expected, atol=TOLERANCE if model in COMPILED else EXACT)

"""Which protocols a model speaks, and where: the list that the server turns into routes."""

from collections.abc import Callable

from seatrial.records.serving import Form, ModelInfo, Signature
from seatrial.serve.codec import Codec, Endpoint, Limits
from seatrial.serve.protocols.anything import AnythingPredict
from seatrial.serve.protocols.kserve_v1 import KServeV1
from seatrial.serve.protocols.open_inference import OpenInference
from seatrial.serve.protocols.predict import ColumnsPredict
from seatrial.serve.protocols.templated import RouteLike, Templated
from seatrial.serve.protocols.tensors import TensorsPredict

_PREDICT: dict[Form, Callable[[Signature, Limits], Codec]] = {
    Form.COLUMNS: ColumnsPredict,
    Form.TENSORS: TensorsPredict,
    Form.JSON: AnythingPredict,
}


def endpoints(
    signature: Signature, info: ModelInfo, limits: Limits, routes: tuple[RouteLike, ...] = ()
) -> tuple[Endpoint, ...]:
    """Where the model is asked, in which protocol.

    Args:
        signature: of the model.
        info: its name and version, which are part of some paths.
        limits: of one request.
        routes: further ones that a Python class declares.

    Raises:
        UsageError: the signature can't be served (no fields, or two of the same name).
    """
    inference = f"/v2/models/{info.name}"
    return (
        _endpoint("POST", _PREDICT[signature.form](signature, limits), "/predict"),
        _endpoint("POST", KServeV1(signature, limits), f"/v1/models/{info.name}:predict"),
        _endpoint(
            "POST",
            OpenInference(signature, info, limits),
            f"{inference}/infer",
            f"{inference}/versions/{info.version}/infer",
        ),
        *(_endpoint(route.method, Templated(route, signature, limits), route.path) for route in routes),
    )


def _endpoint(method: str, codec: Codec, *paths: str) -> Endpoint:
    return Endpoint(method=method, paths=paths, handler=paths[0], codec=codec)

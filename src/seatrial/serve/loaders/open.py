"""From what the operator named to a model that answers: identify, load, lay the owner's signature over it, bind."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from seatrial.records import UsageError
from seatrial.records.serving import Form, Signature
from seatrial.serve.loaders import digests, directory, flavours, lightgbm, mlflow, onnx, python, sklearn, torch, xgboost
from seatrial.serve.loaders.opened import Loaded, Opened, Source
from seatrial.serve.loaders.warned import noted_warnings
from seatrial.serve.options import ServeOptions
from seatrial.serve.signature import SignatureFile, find, merge, read, write_example

_LOADERS: Mapping[str, Callable[[Source], Loaded]] = {
    flavours.SKLEARN: sklearn.load,
    flavours.ONNX: onnx.load,
    flavours.MLFLOW: mlflow.load,
    flavours.XGBOOST: xgboost.load,
    flavours.LIGHTGBM: lightgbm.load,
    flavours.PYTHON: python.load,
    flavours.TORCH: torch.load,
}


def open_model(options: ServeOptions) -> Opened:
    """Open the model of a server with its native engine.

    Args:
        options: `model`, `signature` and `trusted_digests` are read.

    Raises:
        UsageError: the model isn't there, isn't trusted, needs a package that is missing, can't be opened, can't
            predict, or contradicts the signature file.
    """
    flavour = flavours.identify(options.model)
    path = None if flavour == flavours.PYTHON else Path(options.model)
    file = _signature_file(options, path)
    source = Source(model=options.model, path=path, trusted=frozenset(options.trusted_digests), steps=file.steps)
    with noted_warnings(options.model) as warnings:
        loaded = _load(flavour, source)
        predictor = loaded.bind(_complete(merge(file, loaded.signature), options.model))
    return Opened(
        predictor=predictor,
        flavour=flavour,
        digest=loaded.digest,
        stack=loaded.stack,
        estimator=loaded.estimator,
        artifact=path,
        endpoints=loaded.routes,
        warnings=(*loaded.warnings, *warnings),
        name=file.name,
        version=file.version,
    )


def _signature_file(options: ServeOptions, path: Path | None) -> SignatureFile:
    where = options.signature or (find(path) if path is not None else None)
    return SignatureFile() if where is None else read(where)


def _load(flavour: str, source: Source) -> Loaded:
    """A directory of scikit-learn artifacts is chained; one with a single other artifact stands for that."""
    if source.path is None or not source.path.is_dir() or flavour == flavours.MLFLOW:
        return _LOADERS[flavour](source)
    if flavour == flavours.SKLEARN:
        return directory.load(source)
    only = flavours.artifacts(source.path)[0]
    return replace(_LOADERS[flavour](replace(source, path=only)), digest=digests.digest_of(source.path))


def _complete(signature: Signature, model: str) -> Signature:
    """With an example that can be sent; without inputs there is nothing to validate against."""
    if signature.form is Form.COLUMNS and not signature.fields:
        remedy = "name them in signature.yaml beside it: inputs: [alcohol, density]"
        raise UsageError("the model doesn't say which inputs it takes", where=model, remedy=remedy)
    if signature.example is not None:
        return signature
    return replace(signature, example=write_example(signature), trusted_example=False)

"""One scikit-learn artifact: joblib and pickle files, which run code, and skops files, which don't."""

from pathlib import Path
from typing import Any, NamedTuple

from seatrial.records import UsageError
from seatrial.serve.loaders import digests, lightgbm, xgboost
from seatrial.serve.loaders.copies import nested
from seatrial.serve.loaders.estimators import bind_estimator, signature_of
from seatrial.serve.loaders.opened import Loaded, Source
from seatrial.serve.loaders.packages import stack_of, top_modules
from seatrial.serve.loaders.pickles import unpickle
from seatrial.serve.loaders.skops import load_skops
from seatrial.serve.loaders.trust import check_trust
from seatrial.serve.signature.columns import Estimator


class Artifact(NamedTuple):
    """An object read from a file, and sentences for the log."""

    thing: Any
    warnings: tuple[str, ...]


def load(source: Source) -> Loaded:
    """Open a file with one estimator or pipeline.

    Raises:
        UsageError: it isn't trusted, can't be opened, or can't predict.
    """
    path = source.artifact
    content = digests.read(path)
    digest = digests.of_bytes(content)
    artifact = open_content(content, path, (digest,), source.trusted)
    return of_object(artifact.thing, str(path), digest, artifact.warnings)


def of_object(thing: Any, where: str, digest: str, warnings: tuple[str, ...]) -> Loaded:  # noqa: ANN401
    """An object that was read from somewhere: an estimator, or a booster of XGBoost or LightGBM.

    Raises:
        UsageError: it can't predict.
    """
    library = type(thing).__module__.partition(".")[0]
    if type(thing).__name__ == "Booster" and library == "xgboost":
        return xgboost.of_booster(thing, digest, warnings)
    if type(thing).__name__ == "Booster" and library == "lightgbm":
        return lightgbm.of_booster(thing, digest, warnings)
    if not hasattr(thing, "predict"):
        remedy = "save the fitted estimator or pipeline itself" if isinstance(thing, dict) else ""
        what = f"a {type(thing).__name__} can't predict"
        raise UsageError(what, where=where, remedy=remedy or "serve an estimator, or a directory with all its steps")
    return of_estimator(thing, digest, warnings)


def of_estimator(estimator: Estimator, digest: str, warnings: tuple[str, ...] = ()) -> Loaded:
    """A fitted estimator that was made or read elsewhere."""
    return Loaded(
        signature=signature_of(estimator),
        bind=lambda signature: bind_estimator(estimator, signature),
        digest=digest,
        stack=stack_of("sklearn", "scipy", *top_modules(nested(estimator))),
        estimator=estimator,
        warnings=warnings,
    )


def open_content(content: bytes, path: Path, known_as: tuple[str, ...], trusted: frozenset[str]) -> Artifact:
    """The object in an artifact's bytes.

    Args:
        content: of the file.
        path: for messages, and for its suffix.
        known_as: digests by which it may be trusted, its own first.
        trusted: what the operator trusts.

    Raises:
        UsageError: it isn't trusted, or can't be opened.
    """
    if path.suffix == ".skops":
        return Artifact(*load_skops(content, str(path), known_as, trusted))
    advice = check_trust(str(path), known_as, trusted)
    return Artifact(unpickle(content, str(path)), advice)

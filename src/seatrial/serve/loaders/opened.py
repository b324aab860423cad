"""What passes between the loaders: where a model comes from, what its loader found, and what the server gets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.records.serving import Signature
from seatrial.serve.model import Predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A further route of a Python class: `GET /recommend/{user}`.

    Attributes:
        method: in upper case.
        path: the template, with `{name}` for a whole segment.
        parameters: the names in the template, in its order.
    """

    method: str
    path: str
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a model comes from.

    Attributes:
        model: as the operator wrote it.
        path: the artifact; None for `module:Class`.
        trusted: the only digests of pickles that may be opened; empty trusts the artifact that was named.
        steps: the order of a directory's artifacts, where the signature file tells it.
    """

    model: str
    path: Path | None = None
    trusted: frozenset[str] = frozenset()
    steps: tuple[str, ...] = ()

    @property
    def artifact(self) -> Path:
        """The path, for loaders of flavours that always have one."""
        return self.path or Path(self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a loader found.

    Attributes:
        signature: what the model itself says; without fields where it says nothing.
        bind: the predictor for the final signature, in which the owner's file is merged. Raises `UsageError` where the
            model can't take what the signature says.
        digest: of what was loaded.
        stack: versions of the packages that compute.
        estimator: the scikit-learn object, where there is one.
        routes: of a Python class.
        warnings: sentences for the log.
    """

    signature: Signature
    bind: Callable[[Signature], Predictor]
    digest: str
    stack: Mapping[str, str]
    estimator: Any = None
    routes: tuple[Route, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A model that is ready to answer.

    Attributes:
        predictor: the native engine, with the final signature.
        flavour: see `identify`.
        digest: `sha256:…` of the artifact.
        stack: versions of the packages that compute.
        estimator: the fitted scikit-learn object as it was saved, where there is one: it can be compiled.
        artifact: the file or directory; None for `module:Class`.
        endpoints: further routes of a Python class.
        warnings: sentences for the log.
        name, version: from the signature file, where it has them.
    """

    predictor: Predictor
    flavour: str
    digest: str
    stack: Mapping[str, str]
    estimator: Any = None
    artifact: Path | None = None
    endpoints: tuple[Route, ...] = ()
    warnings: tuple[str, ...] = ()
    name: str | None = None
    version: str | None = None

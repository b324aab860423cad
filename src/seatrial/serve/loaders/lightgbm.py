"""LightGBM's own text files. Nothing in them runs code."""

import re
from collections.abc import Mapping

import numpy as np

from seatrial.records import UsageError
from seatrial.serve.loaders import digests
from seatrial.serve.loaders.boosters import Score, bind_booster, booster_signature
from seatrial.serve.loaders.categories import categories_of
from seatrial.serve.loaders.opened import Loaded, Source
from seatrial.serve.loaders.packages import require, stack_of
from seatrial.serve.signature.columns import Estimator

_MADE_UP = re.compile(r"Column_\d+")


def load(source: Source) -> Loaded:
    """Open a model that LightGBM saved.

    Raises:
        UsageError: LightGBM isn't installed, or can't read the file.
    """
    lightgbm = require("lightgbm", install="lightgbm")
    try:
        booster = lightgbm.Booster(model_file=str(source.artifact))
    except (lightgbm.basic.LightGBMError, ValueError, OSError) as error:
        raise UsageError(f"LightGBM can't read this: {error}", where=str(source.artifact)) from error
    return of_booster(booster, digests.digest_of(source.artifact))


def of_booster(booster: Estimator, digest: str, warnings: tuple[str, ...] = ()) -> Loaded:
    """A booster that was read from somewhere; a classifier answers with the number of the class."""
    names = booster.feature_name()
    named = None if all(_MADE_UP.fullmatch(name) for name in names) else names
    categories = categories_of(booster)
    score = _score(booster)
    return Loaded(
        signature=booster_signature(named, len(names), _classes(booster), categories),
        bind=lambda signature: bind_booster(signature, score, categories),
        digest=digest,
        stack=stack_of("lightgbm"),
        warnings=warnings,
    )


def _classes(booster: Estimator) -> int:
    """How many classes the objective tells apart; 0 if it gives numbers."""
    header = _header(booster)
    objective = header.get("objective", "").partition(" ")[0]
    if objective == "binary":
        return 2
    return int(header["num_class"]) if objective in {"multiclass", "multiclassova"} else 0


def _header(booster: Estimator) -> Mapping[str, str]:
    text = booster.model_to_string(num_iteration=1).partition("\n\n")[0]
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _score(booster: Estimator) -> Score:
    return lambda matrix: np.asarray(booster.predict(matrix, num_threads=1))

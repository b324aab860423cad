"""skops files: they name the types that they hold, so that only known ones are made and no code is run."""

from collections.abc import Collection, Sequence
from typing import Any

from seatrial.records import UsageError
from seatrial.serve.loaders.packages import require
from seatrial.serve.loaders.trust import is_trusted

# What common estimators hold inside, and skops leaves to its reader: content made by an enemy may crash the process or
# make it read wrong memory (a tree whose nodes point nowhere), but none of these types runs code or opens anything.
_INSIDE = frozenset(
    {
        "collections.OrderedDict",
        "lightgbm.basic.Booster",
        *(f"lightgbm.sklearn.LGBM{kind}" for kind in ("Classifier", "Ranker", "Regressor")),
        "numpy.dtype",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        *(f"sklearn.gaussian_process.kernels.{name}" for name in ("ConstantKernel", "Product", "RBF")),
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.tree._tree.Tree",
        "xgboost.core.Booster",
        *(
            f"xgboost.sklearn.XGB{kind}"
            for kind in ("Classifier", "RFClassifier", "RFRegressor", "Ranker", "Regressor")
        ),
    }
)


def load_skops(
    content: bytes, where: str, known_as: Sequence[str], trusted: frozenset[str]
) -> tuple[Any, tuple[str, ...]]:
    """The object in a skops file, and a sentence for the log where it holds types that skops doesn't vouch for.

    Args:
        content: of the file.
        where: the file, for messages.
        known_as: digests by which it may be trusted; all its types are then.
        trusted: what the operator trusts; once there is something, skops alone says which other types are harmless.

    Raises:
        UsageError: it holds types that nobody vouches for, or can't be opened.
    """
    skops = require("skops.io", install="skops")
    try:
        named = set(skops.get_untrusted_types(data=content))
        vouched = named if is_trusted(known_as, trusted) else named & (frozenset() if trusted else _INSIDE)
        if named == vouched:
            return skops.loads(content, trusted=sorted(named)), () if is_trusted(known_as, trusted) else _advice(
                where, known_as, named
            )
    except ModuleNotFoundError as error:
        raise UsageError(f"the model needs the package {error.name}", where=where) from error
    except Exception as error:
        raise UsageError(f"this skops file can't be opened: {error}", where=where) from error
    what = f"the file has types that nobody vouches for: {', '.join(sorted(named - vouched))}"
    raise UsageError(what, where=where, remedy=f"if you know them all: --trusted-digest {known_as[0]}")


def _advice(where: str, known_as: Sequence[str], named: Collection[str]) -> tuple[str, ...]:
    if not named:
        return ()
    risk = f"{where}: crafted content could crash the server by way of {', '.join(sorted(named))}"
    return (f"{risk}; pin it with --trusted-digest {known_as[0]}",)

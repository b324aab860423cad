"""Between which values a model's predictions lie, where its own state says so: histogram buckets come from it."""

import numpy as np

from seatrial.serve.signature.columns import Estimator, parts


def output_range(estimator: Estimator) -> tuple[float, float] | None:
    """The lowest and highest prediction of a regressor made of averaged trees; None for anything else.

    A leaf holds a mean of training targets, so no prediction of such a model leaves these bounds.
    """
    trees = _trees(estimator)
    if not trees:
        return None
    low = float(np.mean([tree.value.min() for tree in trees]))
    high = float(np.mean([tree.value.max() for tree in trees]))
    return (low, high) if low < high else None


def _trees(estimator: Estimator) -> list[Estimator]:
    steps = getattr(estimator, "steps", None)
    if steps:
        return _trees(steps[-1][1])
    if hasattr(estimator, "tree_"):
        return _of_one(estimator)
    if type(estimator).__name__ in {"RandomForestRegressor", "ExtraTreesRegressor", "BaggingRegressor"}:
        return [tree for each in estimator.estimators_ for tree in _trees(each)]
    if hasattr(estimator, "best_estimator_"):
        return [tree for part in parts(estimator)[:1] for tree in _trees(part)]
    return []


def _of_one(estimator: Estimator) -> list[Estimator]:
    is_regressor = not hasattr(estimator, "classes_") and estimator.tree_.n_outputs == 1
    return [estimator.tree_] if is_regressor else []

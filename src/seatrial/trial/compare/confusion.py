"""Classification metrics as smooth functions of the confusion matrix.

scikit-learn computes one value at a time; an interval needs thousands. As functions of the matrix of joint shares they
are vectorised over all leave-one-out matrices at once. Names, averages and the treatment of empty classes (0) are those
of scikit-learn, which the tests compare with.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_CLASSES = 24
SMOOTH = frozenset({"f1_score", "precision_score", "recall_score", "balanced_accuracy_score", "matthews_corrcoef"})


def matrix_function(
    name: str, classes: list[object], options: Mapping[str, object]
) -> Callable[[Floats], Floats] | None:
    """The metric as a function of joint shares (…, k·k), rows by label; None where only scikit-learn has this form of it.

    Args:
        name: scikit-learn's name of the metric.
        classes: the k classes in the order of the matrix.
        options: scikit-learn's keyword arguments; `average` and `pos_label` are known here.
    """
    if name not in SMOOTH or len(classes) > MOST_CLASSES or set(options) - {"average", "pos_label"}:
        return None
    if name == "balanced_accuracy_score":
        return _on_matrix(lambda m: _mean_over_present(_share(_hits(m), m.sum(-1)), m.sum(-1))) if not options else None
    if name == "matthews_corrcoef":
        return _on_matrix(_matthews) if not options else None
    return _averaged(name, classes, options)


def joint_rows(labels: NDArray[np.int64], predictions: NDArray[np.int64], classes: int) -> Floats:
    """Rows (n, k·k) with a 1 where label and prediction meet, from class codes (n,)."""
    rows = np.zeros((len(labels), classes * classes))
    rows[np.arange(len(labels)), labels * classes + predictions] = 1.0
    return rows


def _averaged(name: str, classes: list[object], options: Mapping[str, object]) -> Callable[[Floats], Floats] | None:
    average = options.get("average", "binary")
    score = {"precision_score": _precision, "recall_score": _recall, "f1_score": _f1}[name]
    if average == "binary":
        positive = options.get("pos_label", 1)
        if positive not in classes or len(classes) > 2:  # noqa: PLR2004 - binary
            return None
        index = classes.index(positive)
        return _on_matrix(lambda m: score(m)[..., index])
    if average == "micro":
        return _on_matrix(lambda m: _share(_hits(m).sum(-1), m.sum((-1, -2))))
    if average == "macro":
        return _on_matrix(lambda m: score(m).mean(-1))
    if average == "weighted":
        return _on_matrix(lambda m: _share((score(m) * m.sum(-1)).sum(-1), m.sum((-1, -2))))
    return None


def _on_matrix(function: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    def on_rows(shares: Floats) -> Floats:
        size = round(shares.shape[-1] ** 0.5)
        return function(shares.reshape(*shares.shape[:-1], size, size))

    return on_rows


def _hits(matrix: Floats) -> Floats:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _share(part: Floats, whole: Floats) -> Floats:
    """Part / whole, 0 where the whole is empty."""
    part, whole = np.asarray(part), np.asarray(whole)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _precision(matrix: Floats) -> Floats:
    return _share(_hits(matrix), matrix.sum(-2))


def _recall(matrix: Floats) -> Floats:
    return _share(_hits(matrix), matrix.sum(-1))


def _f1(matrix: Floats) -> Floats:
    return _share(2 * _hits(matrix), matrix.sum(-1) + matrix.sum(-2))


def _mean_over_present(values: Floats, weights: Floats) -> Floats:
    present = weights > 0
    return _share((values * present).sum(-1), present.sum(-1).astype(np.float64))


def _matthews(matrix: Floats) -> Floats:
    total = matrix.sum((-1, -2))
    actual, predicted = matrix.sum(-1), matrix.sum(-2)
    covariance = _hits(matrix).sum(-1) * total - (actual * predicted).sum(-1)
    spread = (total**2 - (actual**2).sum(-1)) * (total**2 - (predicted**2).sum(-1))
    return _share(covariance, np.sqrt(np.maximum(spread, 0.0)))

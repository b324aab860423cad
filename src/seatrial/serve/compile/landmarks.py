"""What a fitted estimator knows of its inputs: where its scalers, encoders and trees change their answer.

Random rows rarely come near a tree's thresholds or into an encoder's categories. Here they are read from the fitted
attributes, and carried back through the scalers before them to the values that callers send.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Estimator = Any
"""A fitted estimator or transformer, or the name of one that does nothing."""

Numbers = Any
"""A number or anything that is an array of numbers."""

Columns = Any
"""A ColumnTransformer's choice: a name, a position, a slice, or a list of names, positions or truth values."""

Value = Any
"""A category: text, a number, or what stands for a missing one."""


@dataclass(slots=True)
class Landmarks:
    """What is known of one input column.

    Attributes:
        edges: values at which the answer may jump (thresholds of trees, edges of bins).
        spreads: (centre, spread) of the training values, from scalers and imputers.
        ranges: (lowest, highest) training value.
        values: training values that the model kept (neighbours, support vectors).
        categories: what encoders know; empty where the column isn't encoded.
    """

    edges: list[Floats] = field(default_factory=list)
    spreads: list[tuple[float, float]] = field(default_factory=list)
    ranges: list[tuple[float, float]] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    categories: list[Value] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Lens:
    """How a column inside a pipeline looks from outside: input `column` = inside × `scale` + `offset`."""

    column: int
    scale: float = 1.0
    offset: float = 0.0

    def back(self, inside: Numbers) -> Floats:
        """The input values that become `inside`."""
        return np.asarray(inside, dtype=np.float64) * self.scale + self.offset

    def through(self, scale: float, offset: float) -> "Lens":
        """The lens after a step whose input is its output × `scale` + `offset`."""
        return Lens(self.column, self.scale * scale, self.scale * offset + self.offset)


Lenses = Sequence[Lens | None]
"""One a column; None where it no longer is one input column."""


def landmarks_of(estimator: Estimator, columns: Sequence[str]) -> list[Landmarks]:
    """What the estimator knows of each of its input columns.

    Args:
        estimator: fitted.
        columns: names of the inputs, in order.
    """
    found = [Landmarks() for _ in columns]
    _walk(estimator, [Lens(index) for index in range(len(columns))], found)
    return found


def _walk(estimator: Estimator, lenses: Lenses | None, found: list[Landmarks]) -> Lenses | None:
    """Notes what one estimator knows; gives the lenses of its outputs, None where even their number is unknown."""
    if lenses is None or estimator is None or estimator == "passthrough":
        return lenses
    steps = getattr(estimator, "steps", None)
    if steps is not None:
        for _, step in steps:
            lenses = _walk(step, lenses, found)
        return lenses
    if hasattr(estimator, "transformers_"):
        return _walk_columns(estimator, lenses, found)
    if hasattr(estimator, "transformer_list"):
        return _joined(_walk(each, lenses, found) for _, each in estimator.transformer_list)
    _note_trees(estimator, lenses, found)
    _note_kept_rows(estimator, lenses, found)
    for part, its_lenses in _members(estimator, lenses):
        _walk(part, its_lenses, found)
    if not hasattr(estimator, "transform"):
        return None
    return _transformed(estimator, lenses, found)


def _members(estimator: Estimator, lenses: Lenses) -> Iterable[tuple[Any, Lenses]]:
    """The fitted estimators inside an ensemble or a wrapper, with the columns that each of them sees."""
    chosen = getattr(estimator, "estimators_features_", None)
    for index, each in enumerate(np.ravel(np.asarray(getattr(estimator, "estimators_", ()), dtype=object))):
        yield each, lenses if chosen is None else [lenses[column] for column in chosen[index]]
    for name in ("best_estimator_", "estimator_", "regressor_"):
        if getattr(estimator, name, None) is not None:
            yield getattr(estimator, name), lenses
    for each in getattr(estimator, "calibrated_classifiers_", ()):
        yield each.estimator, lenses


def _walk_columns(estimator: Estimator, lenses: Lenses, found: list[Landmarks]) -> Lenses | None:
    names = list(getattr(estimator, "feature_names_in_", ()))
    outputs: list[Lenses | None] = []
    for _, transformer, wanted in estimator.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        outputs.append(_walk(transformer, [lenses[index] for index in _indices(wanted, names, len(lenses))], found))
    return _joined(outputs)


def _indices(wanted: Columns, names: Sequence[str], count: int) -> list[int]:
    """The positions that a ColumnTransformer's choice of columns means."""
    if isinstance(wanted, str):
        return [names.index(wanted)]
    if isinstance(wanted, slice):
        return list(range(count))[wanted]
    if isinstance(wanted, (int, np.integer)):
        return [int(wanted)]
    chosen = list(wanted)
    if chosen and isinstance(chosen[0], str):
        return [names.index(each) for each in chosen]
    return [int(index) for index in np.arange(count)[np.asarray(chosen, dtype=bool if _is_mask(chosen) else int)]]


def _is_mask(chosen: Sequence[Any]) -> bool:
    return bool(chosen) and isinstance(chosen[0], (bool, np.bool_))


def _joined(parts: Iterable[Lenses | None]) -> Lenses | None:
    """Outputs side by side; None as soon as the width of one is unknown."""
    joined: list[Lens | None] = []
    for part in parts:
        if part is None:
            return None
        joined.extend(part)
    return joined


def _transformed(estimator: Estimator, lenses: Lenses, found: list[Landmarks]) -> Lenses | None:
    kind = type(estimator).__name__
    if kind in _AFFINE:
        return _scaled(estimator, lenses, found)
    if kind in {"OneHotEncoder", "OrdinalEncoder", "TargetEncoder"}:
        _note_categories(estimator, lenses, found)
    if kind == "KBinsDiscretizer":
        for lens, edges in zip(lenses, estimator.bin_edges_, strict=True):
            _note_edges(lens, edges, found)
    if kind == "SimpleImputer":
        return _imputed(estimator, lenses, found)
    if kind == "FunctionTransformer" and estimator.func is None:
        return lenses
    if hasattr(estimator, "get_support"):
        return [lens for lens, kept in zip(lenses, estimator.get_support(), strict=True) if kept]
    width = _width(estimator)
    return None if width is None else [None] * width


def _scaled(estimator: Estimator, lenses: Lenses, found: list[Landmarks]) -> Lenses:
    centre_name, scale_name = _AFFINE[type(estimator).__name__]
    count = len(lenses)
    centres = _vector(getattr(estimator, centre_name, None), count, 0.0)
    scales = _vector(getattr(estimator, scale_name, None), count, 1.0)
    if type(estimator).__name__ == "MinMaxScaler":  # inside = input × scale_ + min_
        scales, centres = 1.0 / scales, -centres / scales
        lows, highs = _vector(estimator.data_min_, count, 0.0), _vector(estimator.data_max_, count, 1.0)
        for lens, low, high in zip(lenses, lows, highs, strict=True):
            if lens is not None:
                first, last = sorted(map(float, lens.back([low, high])))
                found[lens.column].ranges.append((first, last))
    else:
        for lens, centre, scale in zip(lenses, centres, scales, strict=True):
            if lens is not None:
                found[lens.column].spreads.append((float(lens.back(centre)), abs(float(scale) * lens.scale)))
    return [
        None if lens is None else lens.through(float(scale), float(centre))
        for lens, scale, centre in zip(lenses, scales, centres, strict=True)
    ]


def _vector(values: Numbers, count: int, missing: float) -> Floats:
    return np.full(count, missing) if values is None else np.asarray(values, dtype=np.float64)


def _imputed(estimator: Estimator, lenses: Lenses, found: list[Landmarks]) -> Lenses | None:
    for lens, value in zip(lenses, estimator.statistics_, strict=True):
        if lens is None:
            continue
        if isinstance(value, str):
            found[lens.column].categories.append(value)
        elif isinstance(value, (int, float, np.number)) and np.isfinite(value):
            centre = float(lens.back(value))
            found[lens.column].spreads.append((centre, abs(centre) or 1.0))
    return lenses if _width(estimator) == len(lenses) else None


def _note_categories(estimator: Estimator, lenses: Lenses, found: list[Landmarks]) -> None:
    for lens, categories in zip(lenses, estimator.categories_, strict=True):
        if lens is not None and (lens.scale, lens.offset) == (1.0, 0.0):
            found[lens.column].categories.extend(each for each in categories.tolist() if _is_value(each))


def _is_value(category: Value) -> bool:
    return category is not None and category == category  # noqa: PLR0124 - NaN is not itself


def _note_edges(lens: Lens | None, edges: Numbers, found: list[Landmarks]) -> None:
    if lens is not None and len(edges):
        found[lens.column].edges.append(np.unique(lens.back(edges)))


def _note_trees(estimator: Estimator, lenses: Lenses, found: list[Landmarks]) -> None:
    tree = getattr(estimator, "tree_", None)
    if tree is not None and hasattr(tree, "threshold"):
        inner = tree.children_left >= 0
        _note_thresholds(tree.feature[inner], tree.threshold[inner], lenses, found)
    for iteration in getattr(estimator, "_predictors", ()):  # histogram gradient boosting
        for predictor in iteration:
            nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            _note_thresholds(nodes["feature_idx"], nodes["num_threshold"], lenses, found)


def _note_thresholds(features: NDArray[Any], thresholds: Floats, lenses: Lenses, found: list[Landmarks]) -> None:
    for feature in np.unique(features):
        _note_edges(lenses[int(feature)], thresholds[(features == feature) & np.isfinite(thresholds)], found)


def _note_kept_rows(estimator: Estimator, lenses: Lenses, found: list[Landmarks]) -> None:
    for name in ("_fit_X", "X_train_", "support_vectors_"):
        rows = getattr(estimator, name, None)
        if isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.shape[1] == len(lenses):  # noqa: PLR2004 - a matrix
            for lens, column in zip(lenses, rows.T, strict=True):
                if lens is not None and column.dtype.kind in "fiub":
                    found[lens.column].values.append(lens.back(column))


def _width(estimator: Estimator) -> int | None:
    """How many columns a transformer gives; None where it does not tell."""
    try:
        return len(estimator.get_feature_names_out())
    except (AttributeError, ValueError, TypeError):
        return None


_AFFINE: Mapping[str, tuple[str, str]] = {
    "StandardScaler": ("mean_", "scale_"),
    "RobustScaler": ("center_", "scale_"),
    "MaxAbsScaler": ("", "scale_"),
    "MinMaxScaler": ("min_", "scale_"),
}
"""Scalers, with the attributes of their centre and scale."""

"""What the columns of a scikit-learn model hold, read off its encoders and imputers.

A fitted estimator remembers names and the number of its features, but not their types: only an encoder knows that a
column holds text and which values it saw, and only an imputer knows that values may be missing.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from seatrial.records.serving import Kind
from seatrial.serve.signature.values import DTYPES, kind_of_values

Estimator: TypeAlias = Any
"""A fitted scikit-learn estimator, or an object that behaves like one."""


@dataclass(slots=True)
class Column:
    """What is known of one column.

    Attributes:
        kind, dtype, choices, optional: as in `records.serving.Field`.
        missing: what stands for a missing text: NaN, or None where the encoder was fitted with None.
    """

    kind: Kind = Kind.NUMBER
    dtype: str = "float64"
    choices: tuple[Any, ...] = ()
    optional: bool = False
    missing: float | None = math.nan


def columns_of(estimator: Estimator, count: int) -> tuple[Column, ...]:
    """What each of the `count` columns of a fitted estimator holds; numbers where nothing says otherwise."""
    columns = tuple(Column() for _ in range(count))
    _visit(estimator, columns)
    return columns


def names_of(estimator: Estimator) -> list[str] | None:
    """The names that the estimator was fitted with; None where there were none."""
    names = _told(estimator, "feature_names_in_")
    return None if names is None else [str(name) for name in names]


def count_of(estimator: Estimator) -> int | None:
    """The number of its columns; None where it doesn't say."""
    count: int | None = _told(estimator, "n_features_in_")
    return count


def takes_text(estimator: Estimator) -> bool:
    """Whether the estimator takes texts themselves (a vectorizer comes first), not rows of columns."""
    return hasattr(first_step(estimator), "build_analyzer")


def takes_documents(estimator: Estimator) -> bool:
    """Whether the estimator takes mappings (a DictVectorizer comes first)."""
    return type(first_step(estimator)).__name__ in {"DictVectorizer", "FeatureHasher"}


def first_step(estimator: Estimator) -> Estimator:
    """What sees the rows first: inside searches and pipelines, the first step that isn't passed through."""
    inner = getattr(estimator, "best_estimator_", None)
    if inner is not None:
        return first_step(inner)
    steps = [step for _, step in getattr(estimator, "steps", ()) if _works(step)]
    return first_step(steps[0]) if steps else estimator


def parts(estimator: Estimator) -> list[Estimator]:
    """Fitted estimators directly inside a meta-estimator that see the same columns as it does."""
    inner = [getattr(estimator, name, None) for name in ("best_estimator_", "estimator_", "regressor_")]
    several = getattr(estimator, "estimators_", None)
    if isinstance(several, list) and several:
        inner.append(several[0])
    calibrated = getattr(estimator, "calibrated_classifiers_", None)
    if calibrated:
        inner.append(getattr(calibrated[0], "estimator", None))
    return [part for part in inner if part is not None]


def _told(estimator: Estimator, attribute: str) -> Any:  # noqa: ANN401 - any attribute
    """Of the estimator itself, or of its first step: a pipeline whose first step is passed through doesn't know."""
    own = getattr(estimator, attribute, None)
    return getattr(first_step(estimator), attribute, None) if own is None else own


def _works(step: Estimator) -> bool:
    return step is not None and not isinstance(step, str)


def _visit(estimator: Estimator, columns: Sequence[Column]) -> None:
    """Note what `estimator` tells of the columns that it is given."""
    for applies, note in _NOTES:
        if applies(estimator):
            note(estimator, columns)
            return
    for part in parts(estimator):
        _visit(part, columns)


def _visit_steps(pipeline: Estimator, columns: Sequence[Column]) -> None:
    """Only imputers leave the columns as they are, so that the step behind them tells of the same columns."""
    for step in (step for _, step in pipeline.steps if _works(step)):
        _visit(step, columns)
        if not _is_imputer(step) or len(getattr(step, "statistics_", columns)) != len(columns):
            return


def _visit_branches(union: Estimator, columns: Sequence[Column]) -> None:
    for _, branch in union.transformer_list:
        if _works(branch):
            _visit(branch, columns)


def _visit_selections(transformer: Estimator, columns: Sequence[Column]) -> None:
    indices = transformer._transformer_to_input_indices  # noqa: SLF001 - the public attribute holds names, masks and slices
    for name, branch, _ in transformer.transformers_:
        if _works(branch):
            _visit(branch, [columns[index] for index in indices[name]])


def _visit_preprocessor(trees: Estimator, columns: Sequence[Column]) -> None:
    """Histogram gradient boosting encodes categories itself, and takes them missing or unknown."""
    _visit(trees._preprocessor, columns)  # noqa: SLF001 - nothing public tells which categories it knows


def _note_categories(encoder: Estimator, columns: Sequence[Column]) -> None:
    strict = getattr(encoder, "handle_unknown", None) == "error"
    for column, categories in zip(columns, encoder.categories_, strict=False):
        values = categories.tolist()
        known = tuple(value for value in values if not _is_missing(value))
        column.kind = kind_of_values(known)
        column.choices = known if strict else ()
        column.optional = column.optional or len(known) < len(values)
        column.missing = None if None in values else math.nan
        column.dtype = DTYPES[column.kind]


def _note_missing(imputer: Estimator, columns: Sequence[Column]) -> None:
    statistics: Iterable[Any] = getattr(imputer, "statistics_", [None] * len(columns))
    for column, statistic in zip(columns, statistics, strict=False):
        column.optional = True
        column.missing = None if getattr(imputer, "missing_values", math.nan) is None else math.nan
        if isinstance(statistic, str):
            column.kind, column.dtype = Kind.STRING, "object"


def _note_text(_vectorizer: Estimator, columns: Sequence[Column]) -> None:
    for column in columns:
        column.kind, column.dtype = Kind.STRING, "object"


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_imputer(estimator: Estimator) -> bool:
    return type(estimator).__name__.endswith("Imputer")


_NOTES: tuple[tuple[Callable[[Estimator], bool], Callable[[Estimator, Sequence[Column]], None]], ...] = (
    (lambda thing: hasattr(thing, "_transformer_to_input_indices"), _visit_selections),
    (lambda thing: hasattr(thing, "transformer_list"), _visit_branches),
    (lambda thing: hasattr(thing, "steps"), _visit_steps),
    (lambda thing: hasattr(thing, "categories_"), _note_categories),
    (lambda thing: hasattr(thing, "build_analyzer"), _note_text),
    (lambda thing: getattr(thing, "_preprocessor", None) is not None, _visit_preprocessor),
    (_is_imputer, _note_missing),
)

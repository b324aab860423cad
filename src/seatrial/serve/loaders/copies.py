"""A copy of an estimator that is fit for serving: one thread, and no names where it is given plain arrays.

The estimator itself stays as it was saved, for whoever compiles it. Its learned arrays are shared, not copied.
"""

from collections.abc import Iterator
from typing import Any

from seatrial.serve.signature.columns import Estimator

_KNOWN = {"sklearn", "xgboost", "lightgbm"}
"""Packages whose estimators take an array as they take a data frame, unless they select columns by name."""

_MARKS = ("get_params", "predict", "predict_proba", "transform")


def serving_copy(estimator: Estimator, *, names: bool) -> Estimator:
    """A copy that shares what was learned.

    Args:
        estimator: fitted; not changed.
        names: whether it will get data frames; if not, it forgets the names that it would look for in vain and warn.
    """
    if not _is_known(estimator) or hasattr(estimator, "tree_"):
        return estimator
    copy = object.__new__(type(estimator))
    vars(copy).update({name: _copied(value, names=names) for name, value in vars(estimator).items()})
    _use_one_thread(copy)
    if not names:
        _forget_names(copy)
    return copy


def takes_arrays(estimator: Estimator) -> bool:
    """Whether an estimator that was fitted with a data frame answers the same for a plain array.

    Not where columns are selected by name, where a user's function may do so, or where steps hand on data frames.
    """
    return all(_is_indifferent(part) for part in nested(estimator))


def nested(estimator: Estimator) -> Iterator[Estimator]:
    """An estimator and all estimators inside it, but not the trees of a forest one by one."""
    yield estimator
    for value in vars(estimator).values() if hasattr(estimator, "__dict__") else ():
        yield from _nested_in(value)


def _nested_in(value: Any) -> Iterator[Estimator]:  # noqa: ANN401 - any attribute
    if _is_estimator(value) and not hasattr(value, "tree_"):
        yield from nested(value)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _nested_in(each)


def _is_estimator(value: Any) -> bool:  # noqa: ANN401
    has_mark = any(hasattr(value, mark) for mark in _MARKS)
    return has_mark and hasattr(value, "__dict__") and not isinstance(value, type)


def _is_indifferent(part: Estimator) -> bool:
    by_name = hasattr(part, "transformers") or getattr(part, "func", None) is not None
    hands_on_frames = bool(getattr(part, "_sklearn_output_config", None))
    return _is_known(part) and not by_name and not hands_on_frames


def _is_known(part: Estimator) -> bool:
    """Whether its inside is known; a booster's handle, for example, must not be shared by two objects."""
    return type(part).__module__.partition(".")[0] in _KNOWN and type(part).__name__ != "Booster"


def _copied(value: Any, *, names: bool) -> Any:  # noqa: ANN401 - any attribute
    if _is_estimator(value):
        return serving_copy(value, names=names)
    if type(value) in {list, tuple}:
        return type(value)(_copied(each, names=names) for each in value)
    return value


def _use_one_thread(copy: Estimator) -> None:
    """Workers are processes, and starting threads costs more than one row of most models."""
    if getattr(copy, "n_jobs", None) not in {None, 1}:
        copy.n_jobs = 1
    if type(copy).__module__.startswith("xgboost") and getattr(copy, "_Booster", None) is not None:
        copy.get_booster().set_param({"nthread": 1})


def _forget_names(copy: Estimator) -> None:
    copy.__dict__.pop("feature_names_in_", None)
    if hasattr(copy, "_fitted_with_feature_names"):  # LightGBM keeps them elsewhere
        copy._fitted_with_feature_names = False  # noqa: SLF001

"""Predictions and probabilities of classifiers, from one call of the model where that is the same."""

import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from seatrial.serve.model import Array, Outputs
from seatrial.serve.signature.columns import Estimator
from seatrial.serve.signature.estimator import classes_of

Answer: TypeAlias = Callable[[Any], Outputs]

# These define `predict` as the class of the highest `predict_proba`. Others may differ where it matters: the
# probabilities of an SVC come from a second model, and calibration can turn the order round.
_BY_PROBABILITY = {
    "DecisionTreeClassifier",
    "ExtraTreeClassifier",
    "RandomForestClassifier",
    "ExtraTreesClassifier",
    "HistGradientBoostingClassifier",
    "MLPClassifier",
    "XGBClassifier",
    "LGBMClassifier",
}


def label_array(classes: tuple[Any, ...]) -> Array:
    """Class labels as an array that keeps their types."""
    if len({type(label) for label in classes}) == 1:
        return np.asarray(classes)
    labels = np.empty(len(classes), dtype=object)
    labels[:] = classes
    return labels


def by_probability(probabilities: Array, labels: Array) -> Outputs:
    """The label of each row's highest probability; the first of equals."""
    return Outputs(predictions=labels[probabilities.argmax(axis=1)], probabilities=probabilities)


def answer_of(estimator: Estimator, classes: tuple[Any, ...], samples: Any) -> Answer:  # noqa: ANN401 - as prepared
    """How an estimator is asked.

    Args:
        estimator: fitted.
        classes: the labels to answer with; others than the estimator's own replace its 0, 1, 2 …
        samples: a few prepared rows, on which one call is checked against two; None where there are none.
    """
    own = classes_of(estimator)
    labels = None if classes == own else label_array(classes)
    if not own or not hasattr(estimator, "predict_proba"):
        return _plain(estimator, labels)
    if _is_one_call_enough(estimator, samples):
        return _one_call(estimator, estimator.classes_ if labels is None else labels)
    return _two_calls(estimator, labels)


def _plain(estimator: Estimator, labels: Array | None) -> Answer:
    return lambda prepared: Outputs(predictions=_labelled(estimator.predict(prepared), labels))


def _one_call(estimator: Estimator, labels: Array) -> Answer:
    return lambda prepared: by_probability(estimator.predict_proba(prepared), labels)


def _two_calls(estimator: Estimator, labels: Array | None) -> Answer:
    transform, final = _split(estimator)

    def answer(prepared: Any) -> Outputs:  # noqa: ANN401 - as prepared
        features = transform(prepared)
        predictions = _labelled(final.predict(features), labels)
        return Outputs(predictions=predictions, probabilities=np.asarray(final.predict_proba(features)))

    return answer


def _split(estimator: Estimator) -> tuple[Callable[[Any], Any], Estimator]:
    """A pipeline's transformers, which have to work only once for both calls, and what predicts."""
    is_pipeline = type(estimator).__name__ == "Pipeline" and type(estimator).__module__ == "sklearn.pipeline"
    if not is_pipeline or len(estimator.steps) == 1:
        return lambda prepared: prepared, estimator
    return estimator[:-1].transform, estimator.steps[-1][1]


def _labelled(predictions: Any, labels: Array | None) -> Array:  # noqa: ANN401 - what `predict` returns
    array = np.asarray(predictions)
    return array if labels is None else labels[array.astype(np.intp)]


def _is_one_call_enough(estimator: Estimator, samples: Any) -> bool:  # noqa: ANN401
    """Defined so, and seen to be so."""
    if type(_final(estimator)).__name__ not in _BY_PROBABILITY or samples is None:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            best = np.asarray(estimator.predict_proba(samples)).argmax(axis=1)
            return bool(np.array_equal(estimator.classes_[best], estimator.predict(samples)))
        except Exception:  # noqa: BLE001 - a made-up row may be beyond the model; two calls are always right
            return False


def _final(estimator: Estimator) -> Estimator:
    inner = getattr(estimator, "best_estimator_", None)
    if inner is not None:
        return _final(inner)
    steps = getattr(estimator, "steps", None)
    return _final(steps[-1][1]) if steps else estimator

"""The predictor for anything that behaves like a scikit-learn estimator."""

from dataclasses import dataclass

from seatrial.records import UsageError
from seatrial.records.serving import Form, Kind, Signature
from seatrial.serve.loaders import inputs
from seatrial.serve.loaders.answers import Answer, answer_of
from seatrial.serve.loaders.categories import Categories, categories_of, with_categories
from seatrial.serve.loaders.copies import serving_copy, takes_arrays
from seatrial.serve.loaders.inputs import Prepare
from seatrial.serve.loaders.samples import few_rows
from seatrial.serve.model import Batch, Outputs, Predictor
from seatrial.serve.signature import of_estimator
from seatrial.serve.signature.columns import Estimator, columns_of, names_of, takes_text

NOT_FINITE = "infinity or a value too large"
"""What scikit-learn says of an array that overflowed on its way through a pipeline."""


class OutOfReachError(ValueError):
    """The caller's value is the reason; `status` is what the caller is answered."""

    status = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorPredictor:
    """Rows prepared once in the cheapest form that the estimator takes, then asked."""

    signature: Signature
    prepare: Prepare
    answer: Answer

    def predict(self, batch: Batch) -> Outputs:
        """Answer a batch.

        Raises:
            OutOfReachError: a value that is finite, but whose place in the model's arithmetic is not.
        """
        try:
            return self.answer(self.prepare(batch))
        except ValueError as error:
            if NOT_FINITE not in str(error):
                raise
            raise OutOfReachError("a value is too large for this model") from error


def signature_of(estimator: Estimator) -> Signature:
    """What the estimator says, and of XGBoost's and LightGBM's estimators the categories that they know."""
    return with_categories(of_estimator(estimator), categories_of(estimator))


def bind_estimator(estimator: Estimator, signature: Signature) -> Predictor:
    """The predictor of a fitted estimator for its final signature.

    Raises:
        UsageError: the signature describes arrays, which no estimator takes.
    """
    if signature.form is Form.TENSORS:
        raise UsageError("a scikit-learn model takes columns, not arrays", where="signature", remedy="leave shape out")
    names = _needs_frames(estimator, signature)
    prepare = _prepare(estimator, signature, names=names)
    serving = serving_copy(estimator, names=names)
    rows = few_rows(signature)
    answer = answer_of(serving, signature.classes, None if rows is None else prepare(rows))
    return EstimatorPredictor(signature=signature, prepare=prepare, answer=answer)


def _needs_frames(estimator: Estimator, signature: Signature) -> bool:
    if takes_text(estimator) or names_of(estimator) is None or categories_of(estimator):
        return False
    return not takes_arrays(estimator) or _has_text(signature)


def _has_text(signature: Signature) -> bool:
    return any(field.kind is Kind.STRING for field in signature.fields)


def _prepare(estimator: Estimator, signature: Signature, *, names: bool) -> Prepare:
    if signature.form is Form.JSON:
        return inputs.unchanged
    if takes_text(estimator):
        return inputs.texts
    categories: Categories = categories_of(estimator)
    if categories:
        return inputs.coded([categories.get(index) for index in range(len(signature.fields))])
    missing = [column.missing for column in columns_of(estimator, len(signature.fields))]
    if names:
        return inputs.frame(signature.fields, missing)
    return inputs.objects(missing) if _has_text(signature) else inputs.matrix("float64")

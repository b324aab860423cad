"""The model that runs today: logistic regression on standardised pixels."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def make_model() -> Pipeline:
    """An untrained classifier with `predict_proba`, for pixels scaled to 0…1."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))

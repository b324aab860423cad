"""The model under trial: quadratic discriminant analysis, one Gaussian per digit."""

from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis


def make_model() -> QuadraticDiscriminantAnalysis:
    """An untrained classifier with `predict_proba`, for pixels scaled to 0…1."""
    return QuadraticDiscriminantAnalysis(reg_param=0.02)

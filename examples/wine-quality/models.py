"""The three models under trial; each gets scaled features."""

from collections.abc import Callable

from sklearn.base import RegressorMixin
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge

MODELS: dict[str, Callable[[], RegressorMixin]] = {
    "ridge": lambda: Ridge(alpha=1),
    "forest": lambda: RandomForestRegressor(n_estimators=30, max_features=0.3, min_samples_leaf=2, random_state=0),
    "boosting": lambda: GradientBoostingRegressor(
        n_estimators=100, learning_rate=0.05, subsample=0.5, max_features=0.3, random_state=0
    ),
}

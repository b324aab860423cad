"""The three models that run today: a first, cautious choice of settings; each gets scaled features."""

from collections.abc import Callable

from sklearn.base import RegressorMixin
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge

MODELS: dict[str, Callable[[], RegressorMixin]] = {
    "ridge": lambda: Ridge(alpha=1000),
    "forest": lambda: RandomForestRegressor(n_estimators=30, max_depth=2, random_state=0),
    "boosting": lambda: GradientBoostingRegressor(n_estimators=20, random_state=0),
}

"""skops files, which name the types that they hold."""

from pathlib import Path

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from xgboost import XGBClassifier

from seatrial.records import UsageError
from seatrial.serve.loaders import digest_of
from seatrial.serve.loaders.packages import require
from tests.serve.loaders.makers import answers, counted_labels, labels, mixed_pipeline, numbers, opened, ridge, targets

skops = require("skops.io", install="skops")


def negated(rows: np.ndarray) -> np.ndarray:
    """A user's function."""
    return -rows


OTHER = "sha256:" + "0" * 64


def test_known_types_are_opened_whatever_is_pinned(tmp_path: Path) -> None:
    """They run no code."""
    skops.dump(ridge(), tmp_path / "model.skops")
    model = opened(tmp_path / "model.skops", trusted_digests=(OTHER,))
    np.testing.assert_allclose(ridge().predict(numbers()), answers(model, numbers().tolist()).predictions)
    assert model.warnings == ()


@pytest.mark.parametrize("index", range(6))
def test_what_common_estimators_hold_inside_is_vouched_for(tmp_path: Path, index: int) -> None:
    """Unless something is pinned: then skops' own judgement counts."""
    inside = [
        mixed_pipeline(),
        RandomForestClassifier(2).fit(numbers(), labels()),
        HistGradientBoostingClassifier(max_iter=2).fit(numbers(), labels()),
        KNeighborsClassifier(2).fit(numbers(), labels()),
        XGBClassifier(n_estimators=2).fit(numbers(), counted_labels()),
        LGBMClassifier(n_estimators=2, verbose=-1).fit(numbers(), labels()),
    ]
    skops.dump(inside[index], tmp_path / "model.skops")
    model = opened(tmp_path / "model.skops")
    assert 3 == len(model.predictor.signature.classes)
    assert f"--trusted-digest {model.digest}" in model.warnings[0]
    with pytest.raises(UsageError, match="nobody vouches for"):
        opened(tmp_path / "model.skops", trusted_digests=(OTHER,))


def test_unknown_types_are_listed_and_not_made(tmp_path: Path) -> None:
    """The error says how to vouch for them."""
    skops.dump(make_pipeline(FunctionTransformer(negated), ridge()).fit(numbers(), targets()), tmp_path / "model.skops")
    with pytest.raises(UsageError, match="negated") as raised:
        opened(tmp_path / "model.skops")
    assert f"--trusted-digest {digest_of(tmp_path / 'model.skops')}" in raised.value.remedy


def test_the_pinned_file_is_opened_with_all_its_types(tmp_path: Path) -> None:
    """Its owner vouched for this very content."""
    estimator = make_pipeline(FunctionTransformer(negated), ridge()).fit(numbers(), targets())
    skops.dump(estimator, tmp_path / "model.skops")
    model = opened(tmp_path / "model.skops", trusted_digests=(digest_of(tmp_path / "model.skops"),))
    np.testing.assert_allclose(estimator.predict(numbers()), answers(model, numbers().tolist()).predictions)
    assert model.warnings == ()


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    """Another archive is no model."""
    (tmp_path / "model.skops").write_bytes(b"PK\x05\x06" + bytes(18))
    with pytest.raises(UsageError, match="can't be opened"):
        opened(tmp_path / "model.skops")

"""What callers rely on, checked over HTTP at DEPLOYED_MODEL_URL."""

import os

import pytest
import requests

URL = os.environ.get("DEPLOYED_MODEL_URL", "http://127.0.0.1:8000").rstrip("/")
WINE = {
    "fixed_acidity": 7.0,
    "volatile_acidity": 0.5,
    "citric_acid": 0.25,
    "residual_sugar": 2.0,
    "chlorides": 0.08,
    "free_sulfur_dioxide": 15.0,
    "total_sulfur_dioxide": 45.0,
    "density": 0.997,
    "pH": 3.3,
    "sulphates": 0.65,
    "alcohol": 10.5,
}


def post(body: object) -> requests.Response:
    """The service's answer to `body`."""
    return requests.post(f"{URL}/predict", json=body, timeout=10)


def test_health_check() -> None:
    """The health check says ok."""
    assert requests.get(f"{URL}/healthcheck", timeout=10).json() == {"status": "ok"}


def test_score_is_on_the_scale() -> None:
    """An ordinary wine gets an ordinary score."""
    assert 4 < post(WINE).json()["quality"] < 8


@pytest.mark.parametrize(
    ("field", "value"), [("chlorides", -0.1), ("pH", 14), ("alcohol", 101), ("density", "heavy"), ("colour", 1)]
)
def test_bad_value_is_refused(field: str, value: object) -> None:
    """A value out of range, of the wrong type or of an unknown field answers 422."""
    assert post(WINE | {field: value}).status_code == requests.codes.unprocessable


def test_missing_field_is_refused() -> None:
    """All eleven fields are needed."""
    assert (
        post({name: value for name, value in WINE.items() if name != "pH"}).status_code == requests.codes.unprocessable
    )

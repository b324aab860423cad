"""What callers rely on: movies for everybody, also for somebody who came a minute ago."""

import os

import pytest
import requests

URL = os.environ["DEPLOYED_MODEL_URL"]
KNOWN, NEWCOMER = "100042", "299999"


@pytest.mark.parametrize("user", [KNOWN, NEWCOMER])
def test_everybody_gets_twenty_different_movies(user: str) -> None:
    """Nobody gets an empty page, or the same movie twice."""
    movies = requests.get(f"{URL}/recommend/{user}", timeout=10).json()

    assert 20 == len(set(movies)) == len(movies)


def test_movies_come_as_text_to_who_wants_it() -> None:
    """The list with commas holds the same movies."""
    movies = requests.get(f"{URL}/recommend/{KNOWN}", timeout=10).json()
    text = requests.get(f"{URL}/recommend/{KNOWN}", params={"format": "text"}, timeout=10).json()

    assert movies == text.split(",")


def test_what_is_not_known_gets_a_rating_all_the_same() -> None:
    """A newcomer and a movie that nobody rated are rated as movies are rated on average."""
    answer = requests.post(f"{URL}/predict", json={"user": int(NEWCOMER), "movie": "the+unheard+of+2030"}, timeout=10)

    assert 1 < answer.json()["prediction"] < 5


def test_nonsense_is_the_callers_mistake() -> None:
    """A request without a user is answered with 422."""
    answer = requests.post(f"{URL}/predict", json={"film": 1}, timeout=10)

    assert answer.status_code == 422

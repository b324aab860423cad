"""Trains the recommender on a file of ratings: the same file and seed always give the same model, byte for byte.

As seatrial calls it, without arguments: `SEATRIAL_DATA` is a CSV with the columns `user`, `movie` and `rating` (others are
left alone), `SEATRIAL_OUTPUT` the folder that gets `model.npz`, `SEATRIAL_SEED` the seed.
"""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from model import HIGHEST, LOWEST, Model

FACTORS = 8
EPOCHS = 40
LEARNING_RATE = 0.02
REGULARISATION = 0.1
SHRINKAGE = 10  # so many ratings of the mean are added to a movie's own before it is called popular

Ratings: TypeAlias = Mapping[tuple[str, str], float]


def main() -> None:
    """Train as the environment says."""
    ratings = read(Path(os.environ["SEATRIAL_DATA"]))
    model = train(ratings, int(os.environ.get("SEATRIAL_SEED", "0")))
    model.save(Path(os.environ["SEATRIAL_OUTPUT"]) / "model.npz")
    print(f"{len(ratings)} ratings of {len(model.movies)} movies by {len(model.users)} users")


def read(path: Path) -> Ratings:
    """Ratings by user and movie; of somebody who rated a movie twice, the later one counts."""
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["user"], row["movie"]): float(row["rating"]) for row in csv.DictReader(file)}


def train(ratings: Ratings, seed: int) -> Model:
    """Factorise the matrix of users and movies, of which few cells are filled, by stochastic gradient descent.

    It is scikit-surprise's SVD: the biased matrix factorisation of Y. Koren, R. Bell and C. Volinsky, *Matrix factorization
    techniques for recommender systems*, Computer 42(8), 30-37, 2009.
    """
    # Imported only here: what merely reads ratings or asks a model does without it.
    from surprise import SVD, Dataset, Reader  # noqa: PLC0415

    reader = Reader(rating_scale=(LOWEST, HIGHEST))
    rows = [(user, movie, stars, None) for (user, movie), stars in ratings.items()]
    matrix = Dataset(reader).construct_trainset(rows)
    found = SVD(
        n_factors=FACTORS, n_epochs=EPOCHS, lr_all=LEARNING_RATE, reg_all=REGULARISATION, random_state=seed
    ).fit(matrix)
    seen = [[movie for movie, _ in matrix.ur[user]] for user in range(matrix.n_users)]
    return Model(
        mean=np.array(matrix.global_mean),
        users=np.array([matrix.to_raw_uid(user) for user in range(matrix.n_users)]),
        movies=np.array([matrix.to_raw_iid(movie) for movie in range(matrix.n_items)]),
        user_bias=found.bu,
        movie_bias=found.bi,
        user_factors=found.pu,
        movie_factors=found.qi,
        popular=np.array(
            [_shrunk([stars for _, stars in matrix.ir[m]], matrix.global_mean) for m in range(matrix.n_items)]
        ),
        seen_from=np.cumsum([0, *map(len, seen)]),
        seen=np.array([movie for movies in seen for movie in movies], dtype=np.int64),
    )


def _shrunk(stars: Sequence[float], mean: float) -> float:
    return (sum(stars) + SHRINKAGE * mean) / (len(stars) + SHRINKAGE)


if __name__ == "__main__":
    main()

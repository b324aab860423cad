"""The trained model: one file of arrays, which needs numpy to be asked and nothing else.

Apart from training on purpose: the service starts fast and holds no training library, and opening the file runs no code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Figures: TypeAlias = NDArray[np.float64]
LOWEST, HIGHEST = 1.0, 5.0
UNKNOWN = -1


@dataclass(frozen=True)
class Model:
    """A matrix factorisation: `mean + bias of the user + bias of the movie + factors of both, multiplied`.

    Attributes:
        mean: of all ratings, as an array of no dimension.
        users, movies: ids, as text.
        user_bias, movie_bias: one for each of them.
        user_factors, movie_factors: a row for each of them.
        popular: of each movie, the mean of its ratings, shrunk towards `mean` where there are few: what is recommended to
            somebody who is not known.
        seen_from, seen: numbers of the movies that each user rated: those of user `u` are
            `seen[seen_from[u]:seen_from[u + 1]]`.
    """

    mean: Figures
    users: NDArray[np.str_]
    movies: NDArray[np.str_]
    user_bias: Figures
    movie_bias: Figures
    user_factors: Figures
    movie_factors: Figures
    popular: Figures
    seen_from: NDArray[np.int64]
    seen: NDArray[np.int64]

    @classmethod
    def load(cls, path: Path) -> "Model":
        """Open what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    def save(self, path: Path) -> None:
        """Write all arrays into one `.npz`: the same model gives the same bytes."""
        arrays: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez(path, **arrays)

    def rate(self, users: Sequence[str], movies: Sequence[str]) -> Figures:
        """How many stars each user would give each movie.

        Of a user who is not known counts what all think of the movie; of an unknown movie how mild the user is; where neither
        is known it is the mean of all ratings.
        """
        user = np.array([self._users.get(user, UNKNOWN) for user in users], dtype=np.int64)
        movie = np.array([self._movies.get(movie, UNKNOWN) for movie in movies], dtype=np.int64)
        known_user, known_movie = user != UNKNOWN, movie != UNKNOWN
        both = known_user & known_movie
        stars = np.full(len(user), float(self.mean))
        stars[known_user] += self.user_bias[user[known_user]]
        stars[known_movie] += self.movie_bias[movie[known_movie]]
        stars[both] += (self.user_factors[user[both]] * self.movie_factors[movie[both]]).sum(axis=1)
        return np.clip(stars, LOWEST, HIGHEST)

    def recommend(self, user: str, count: int = 20) -> list[str]:
        """Movies that the user has not rated yet, the best first; the most popular ones for somebody who is not known."""
        number = self._users.get(user)
        if number is None:
            liking = self.popular.copy()
        else:
            liking = self.movie_bias + self.movie_factors @ self.user_factors[number]
            liking[self.seen[self.seen_from[number] : self.seen_from[number + 1]]] = -np.inf
        best = np.argsort(-liking, kind="stable")[:count]
        return [str(self.movies[movie]) for movie in best if np.isfinite(liking[movie])]

    @cached_property
    def _users(self) -> dict[str, int]:
        return {str(user): number for number, user in enumerate(self.users)}

    @cached_property
    def _movies(self) -> dict[str, int]:
        return {str(movie): number for number, movie in enumerate(self.movies)}

"""A made-up world of users and movies whose tastes move: what the stream is written from, and the truth behind it.

Everything follows from a seed, so that anybody gets the same events, and the true liking of any user for any movie at
any moment can be asked for. Nothing is learned from it but what stands in the stream.

What is in it, because real streams have it: a fashion that wanders from genre to genre, tastes that turn slowly, new
users and new movies every day, movies that are watched most while they are new, two groups of users of which the smaller
one likes other things and rates less, and lines that are broken.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Figures: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = NDArray[np.int64]

EPOCH = datetime(2025, 3, 1, tzinfo=UTC)
HOME, ABROAD = 100_000, 200_000
"""First user ids of the two groups; what is behind the first digit counts them."""
_GENRES = 4
_USERS, _FIRST_USERS, _NEW_USERS_A_DAY = 50_000, 800, 20
_MOVIES, _FIRST_MOVIES, _NEW_MOVIES_A_DAY = 2_400, 300, 4
_ABROAD_SHARE = 0.25
_FASHION_DAYS, _TASTE_DAYS = 90.0, 180.0
_NOISE = 0.45
_RATINGS_SHARE = 0.4
_NEW_FOR_DAYS = 6.0
_PIECE = timedelta(hours=6)
_EVENTS, _BATCHES, _OTHERS = range(3)
_FIRST_WORDS = (
    "silent golden last broken hidden crimson winter paper electric hollow distant burning gentle iron velvet lonely "
    "northern savage quiet midnight second painted frozen wild sacred bitter blue stolen falling endless crooked amber "
    "restless secret glass ancient humble scarlet reckless drowsy marble fearless foreign idle plastic little great pale"
)
_SECOND_WORDS = (
    "harbor orchard train mirror summer detective kingdom letter garden storm lantern river widow clock empire circus "
    "island thief sonata bridge desert teacher castle signal forest pilot stranger market tunnel dancer comet village "
    "soldier museum highway planet kitchen ghost theatre valley captain window mountain hotel violin rescue parade song"
)


@dataclass(frozen=True, slots=True)
class Rating:
    """What somebody gave a movie: 1 to 5."""

    time: datetime
    user: int
    movie: str
    rating: int

    def line(self) -> bytes:
        """As it stands in the stream."""
        return f"{_clock(self.time)},{self.user},GET /rate/{self.movie}={self.rating}".encode()


class World:
    """All users and movies that there ever are, from a seed.

    Args:
        seed: the same one gives the same world.
    """

    def __init__(self, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self._seed = seed
        self._abroad = random.random(_USERS) < _ABROAD_SHARE
        self._active = np.exp(random.normal(0, 0.8, _USERS)) * np.where(self._abroad, 0.6, 1.0)
        self._mildness = random.normal(0, 0.35, _USERS)
        self._taste, self._taste_later = random.normal(0, 0.42, (2, _USERS, _GENRES))
        self._taste += np.where(self._abroad[:, None], 0.3 * np.array([1, -1, 1, -1]), 0)
        self._quality = random.normal(0, 0.45, _MOVIES)
        self._popular = np.exp(random.normal(0, 1.0, _MOVIES))
        self._genres = random.normal(0, 0.7, (_MOVIES, _GENRES))
        self._names = _names()
        self._numbers = {name: number for number, name in enumerate(self._names)}

    def truth(self, user: int, movie: str, time: datetime) -> float:
        """How many stars (1 to 5, not rounded) a user would give a movie at a moment, but for the mood of the day."""
        number = np.array([self._numbers[movie]])
        return float(self._liking(np.array([user % HOME]), number, np.array([_days(time)]))[0])

    def ratings(self, start: datetime, end: datetime, count: int, *, stream: int = 0) -> list[Rating]:
        """Ratings from `start` until before `end`, evenly spread, in the order of time.

        Args:
            start: with a time zone.
            end: with a time zone.
            count: how many.
            stream: another number gives other ratings of the same world, to evaluate on what was never in a stream.
        """
        random = self._random(start, end, _OTHERS + stream)
        return [rating for rating, _ in self._visits(start, end, count, random)]

    def events(self, start: datetime, end: datetime, rate: float, *, broken: float = 0.01) -> list[bytes]:
        """The stream's lines from `start` until before `end`, in the order of time.

        Args:
            start: with a time zone.
            end: with a time zone.
            rate: lines per second of the world's time.
            broken: share of lines that are not as they should be, of all kinds that `_BREAKAGES` has.
        """
        random = self._random(start, end, _EVENTS)
        lines: list[bytes] = []
        for rating, minute in self._visits(start, end, round((end - start).total_seconds() * rate), random):
            line = rating.line() if random.random() < _RATINGS_SHARE else _watched(rating, minute)
            if random.random() < broken:
                line = _BREAKAGES[random.integers(len(_BREAKAGES))](rating, random, lines)
            lines.append(line)
        return lines

    def bad_batch(self, start: datetime, end: datetime, rate: float, *, kind: str = "ten-stars") -> list[bytes]:
        """Lines that are well formed, and worthless.

        Args:
            start: with a time zone.
            end: with a time zone.
            rate: lines per second of the world's time.
            kind: `ten-stars`: a new version of the app counts to ten; `bots`: half of the ratings are a campaign's, which gives
                whatever there is one star.
        """
        random = self._random(start, end, _BATCHES)
        visits = self._visits(start, end, round((end - start).total_seconds() * rate), random)
        return [_BAD[kind](rating, random) for rating, _ in visits]

    def _random(self, start: datetime, end: datetime, stream: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, stream, *(int(moment.timestamp() * 1000) for moment in (start, end))])

    def _visits(
        self, start: datetime, end: datetime, count: int, random: np.random.Generator
    ) -> Iterator[tuple[Rating, int]]:
        """Who rates what, and the minute that is being watched."""
        seconds = np.sort(random.random(count)) * (end - start).total_seconds()
        for first in np.arange(0, (end - start).total_seconds(), _PIECE.total_seconds()):
            inside = seconds[(seconds >= first) & (seconds < first + _PIECE.total_seconds())]
            day = _days(start) + first / 86_400
            users = _drawn(self._active[: _present(day, _FIRST_USERS, _NEW_USERS_A_DAY, _USERS)], len(inside), random)
            movies = _drawn(self._shown(day), len(inside), random)
            stars = self._stars(users, movies, _days(start) + inside / 86_400, random)
            minutes = random.integers(1, 120, len(inside))
            for second, user, movie, star, minute in zip(inside, users, movies, stars, minutes, strict=True):
                moment = start + timedelta(seconds=int(second))
                yield Rating(moment, self._id(int(user)), self._names[movie], int(star)), int(minute)

    def _shown(self, day: float) -> Figures:
        """How much each movie that is out is watched."""
        out = _present(day, _FIRST_MOVIES, _NEW_MOVIES_A_DAY, _MOVIES)
        age = np.full(out, np.inf)
        age[_FIRST_MOVIES:] = day - (np.arange(_FIRST_MOVIES, out) + 1 - _FIRST_MOVIES) / _NEW_MOVIES_A_DAY
        weights: Figures = self._popular[:out] * (1 + 8 * np.exp(-age / _NEW_FOR_DAYS))
        return weights

    def _stars(self, users: Numbers, movies: Numbers, days: Figures, random: np.random.Generator) -> Figures:
        liking = self._liking(users, movies, days) + random.normal(0, _NOISE, len(users))
        stars: Figures = np.clip(np.rint(liking), 1, 5)
        return stars

    def _liking(self, users: Numbers, movies: Numbers, days: Figures) -> Figures:
        turned = 2 * np.pi * days[:, None] / _TASTE_DAYS
        taste = np.cos(turned) * self._taste[users] + np.sin(turned) * self._taste_later[users]
        fashion = 0.7 * np.cos(2 * np.pi * (days[:, None] / _FASHION_DAYS - np.arange(_GENRES) / _GENRES))
        own = self._mildness[users] + self._quality[movies]
        liking: Figures = 3.4 + own + ((taste + fashion) * self._genres[movies]).sum(axis=1)
        return np.clip(liking, 1, 5)

    def _id(self, user: int) -> int:
        return (ABROAD if self._abroad[user] else HOME) + user


def _names() -> list[str]:
    """Of all movies: `the+silent+harbor+1950`, no two alike."""
    first, second = _FIRST_WORDS.split(), _SECOND_WORDS.split()
    words = [(first[n % len(first)], second[(n // len(first) + n) % len(second)]) for n in range(_MOVIES)]
    years = [EPOCH.year if n >= _FIRST_MOVIES else 1950 + n * 37 % 75 for n in range(_MOVIES)]
    return [f"the+{one}+{other}+{year}" for (one, other), year in zip(words, years, strict=True)]


def _days(moment: datetime) -> float:
    return (moment - EPOCH).total_seconds() / 86_400


def _present(day: float, first: int, new_a_day: int, most: int) -> int:
    return min(most, first + max(0, int(day * new_a_day)))


def _drawn(weights: Figures, count: int, random: np.random.Generator) -> Numbers:
    return random.choice(len(weights), size=count, p=weights / weights.sum())


def _clock(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _watched(rating: Rating, minute: int) -> bytes:
    return f"{_clock(rating.time)},{rating.user},GET /data/m/{rating.movie}/{minute}.mpg".encode()


Breakage: TypeAlias = Callable[[Rating, np.random.Generator, list[bytes]], bytes]


def _cut(rating: Rating, random: np.random.Generator, _: list[bytes]) -> bytes:
    line = rating.line()
    return line[: random.integers(5, line.index(b"/rate/"))]


def _without_stars(rating: Rating, _: np.random.Generator, __: list[bytes]) -> bytes:
    return rating.line()[:-1]


def _in_words(rating: Rating, _: np.random.Generator, __: list[bytes]) -> bytes:
    return rating.line()[:-1] + b"five"


def _without_user(rating: Rating, _: np.random.Generator, __: list[bytes]) -> bytes:
    return rating.line().replace(f",{rating.user},".encode(), b",")


def _two_in_one(rating: Rating, _: np.random.Generator, __: list[bytes]) -> bytes:
    return rating.line() + rating.line()


def _no_text(rating: Rating, random: np.random.Generator, _: list[bytes]) -> bytes:
    return b"\xff\xfe" + random.bytes(12).replace(b"\n", b".").replace(b"\r", b".") + rating.line()[:10]


def _no_clock(rating: Rating, _: np.random.Generator, __: list[bytes]) -> bytes:
    return rating.line().replace(_clock(rating.time).encode(), b"0000-00-00T00:00:00")


def _out_of_range(rating: Rating, random: np.random.Generator, _: list[bytes]) -> bytes:
    return rating.line()[:-1] + str(random.choice([0, 6, 10])).encode()


def _fast_clock(rating: Rating, _: np.random.Generator, __: list[bytes]) -> bytes:
    return rating.line().replace(str(rating.time.year).encode(), b"2099", 1)


def _again(rating: Rating, random: np.random.Generator, lines: list[bytes]) -> bytes:
    """A producer that was not sure whether the line had arrived."""
    recent = [line for line in lines[-200:] if b"/rate/" in line]
    return recent[random.integers(len(recent))] if recent else rating.line()


_BREAKAGES: tuple[Breakage, ...] = (
    _cut,
    _without_stars,
    _in_words,
    _without_user,
    _two_in_one,
    _no_text,
    _no_clock,
    _out_of_range,
    _fast_clock,
    _again,
)


def _ten_stars(rating: Rating, _: np.random.Generator) -> bytes:
    return rating.line()[:-1] + str(2 * rating.rating).encode()


def _bots(rating: Rating, random: np.random.Generator) -> bytes:
    return rating.line()[:-1] + b"1" if random.random() < 0.5 else rating.line()


_BAD: dict[str, Callable[[Rating, np.random.Generator], bytes]] = {"ten-stars": _ten_stars, "bots": _bots}
BAD_KINDS = tuple(_BAD)

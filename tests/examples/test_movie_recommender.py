"""The movie recommender keeps its promises: models worth retraining, answers for newcomers, and broken lines that never count."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.config import read_project
from seatrial.ports import EventBatch, Stream
from seatrial.retrain.parse import open_parser
from seatrial.wiring.streams import open_stream
from tests.retrain.simulated_world import EXAMPLE, copy_example, epoch, make_stack, make_world, module, open_model, rmse
from tests.streams.kafka import Topics

TWEETINGS = Path(__file__).parents[3] / "shared" / "data" / "movietweetings-10k-ratings.dat"
needs_tweetings = pytest.mark.skipif(not TWEETINGS.is_file(), reason=f"needs MovieTweetings at {TWEETINGS}")
Rows = Sequence[Mapping[str, Any]]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of the example's own stack, which has scikit-surprise."""
    return make_stack(tmp_path_factory.mktemp("stack") / "environment")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, python: Path) -> Any:
    """A model that somebody trained on few ratings: ann likes war, bob likes love, and one movie has a single fan."""
    rows = [
        {"user": user, "movie": f"{kind}+{number}", "rating": 5 if kind == likes else 2}
        for user, likes in (("ann", "war"), ("bob", "love"), ("cat", "war"), ("dan", "love"))
        for kind in ("war", "love")
        for number in range(15)
        if (user, number) != ("ann", 7)
    ]
    return open_model(
        _train(python, [*rows, *_praise("the+best+of+all", 8), *_praise("nobody+else", 1)], tmp_path_factory)
    )


def _praise(movie: str, fans: int) -> Rows:
    return [{"user": f"fan {number}", "movie": movie, "rating": 5} for number in range(fans)]


def _train(python: Path, rows: Iterable[Mapping[str, Any]], folders: pytest.TempPathFactory, seed: int = 0) -> Path:
    folder = folders.mktemp("trained")
    _write(folder / "train.csv", list(rows))
    environment = {
        "SEATRIAL_DATA": str(folder / "train.csv"),
        "SEATRIAL_OUTPUT": str(folder),
        "SEATRIAL_SEED": str(seed),
    }
    _run(python, "train.py", cwd=EXAMPLE, **environment)
    return folder / "model.npz"


def _run(python: Path | str, *arguments: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(python), "-B", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def _write(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _of_days(first: float, last: float) -> list[Any]:
    """1700 ratings a day of the world."""
    start, end = epoch() + timedelta(days=first), epoch() + timedelta(days=last)
    found: list[Any] = make_world().ratings(start, end, round(1700 * (last - first)), stream=2)
    return found


def _rows(ratings: Iterable[Any]) -> Rows:
    return [{"user": each.user, "movie": each.movie, "rating": each.rating} for each in ratings]


def test_committed_requests_are_what_the_script_writes(tmp_path: Path) -> None:
    """Making the requests again gives the committed file, byte for byte."""
    _run(sys.executable, "make_requests.py", "--out", str(tmp_path / "requests.jsonl"), cwd=EXAMPLE)

    assert (EXAMPLE / "requests.jsonl").read_bytes() == (tmp_path / "requests.jsonl").read_bytes()


def test_the_same_ratings_and_seed_give_the_same_bytes(python: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A model can be made again, and another seed makes another one."""
    rows = _rows(_of_days(0, 0.2))
    first, again, other = (_train(python, rows, tmp_path_factory, seed).read_bytes() for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_predictions_stand_in_the_order_of_the_rows(known: Any, tmp_path: Path) -> None:
    """The file has one column and a row for each row, also for users and movies that no model knows."""
    asked = [("ann", "war+7"), ("ann", "love+7"), ("nobody", "war+7"), ("ann", "?"), ("nobody", "?"), ("bob", "war+7")]
    known.save(tmp_path / "model.npz")
    _write(tmp_path / "heldout.csv", [{"time": "2025-03-01", "user": user, "movie": movie} for user, movie in asked])
    environment = {
        "SEATRIAL_MODEL": str(tmp_path / "model.npz"),
        "SEATRIAL_DATA": str(tmp_path / "heldout.csv"),
        "SEATRIAL_OUTPUT": str(tmp_path / "predictions.csv"),
    }

    _run(sys.executable, "predict.py", cwd=EXAMPLE, **environment)

    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        said = list(csv.DictReader(file))
    assert [{"prediction"}] * len(asked) == [set(row) for row in said]
    assert known.rate(*zip(*asked, strict=True)).tolist() == [float(row["prediction"]) for row in said]


def test_a_taste_that_was_never_asked_for_is_found(known: Any) -> None:
    """Ann, who gave war movies five stars and love stories two, would like the one war movie that she never rated."""
    war, love = known.rate(["ann", "ann"], ["war+7", "love+7"])

    assert war > love + 1


def test_who_and_what_is_not_known_is_rated_near_the_mean(known: Any) -> None:
    """A newcomer gets what people think of the movie, and a new movie what the user usually gives."""
    loved, usual, nothing = known.rate(["nobody", "nobody", "nobody"], ["the+best+of+all", "war+3", "?"])

    assert float(known.mean) == nothing
    assert loved > nothing
    assert abs(usual - nothing) < 1


def test_recommended_is_only_what_the_user_has_not_rated(known: Any) -> None:
    """What is known to be liked is no news; the best of the rest comes first."""
    for_ann = known.recommend("ann", 20)

    assert {"the+best+of+all", "nobody+else", "war+7", "love+7"} == set(for_ann)
    assert "love+7" == for_ann[-1]


def test_a_newcomer_gets_what_many_like_and_not_what_one_does(known: Any) -> None:
    """Five stars from one person are worth less than five stars from eight."""
    for_newcomer = known.recommend("nobody", 40)

    assert "the+best+of+all" == for_newcomer[0]
    assert len(known.movies) == len(set(for_newcomer)) == 32
    assert known.popular.max() < 5


@needs_tweetings
def test_on_real_ratings_it_beats_the_means(python: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Trained on what people tweeted first, it knows the last fifth better than the mean of all, or of each movie, does."""
    rows = sorted(
        (line.split("::") for line in TWEETINGS.read_text(encoding="utf-8").splitlines()), key=lambda r: int(r[3])
    )
    ratings: list[dict[str, Any]] = [{"user": u, "movie": m, "rating": int(stars) / 2} for u, m, stars, _ in rows]
    trained, held_out = ratings[:8000], ratings[8000:]
    mean = float(np.mean([each["rating"] for each in trained]))
    by_movie: dict[str, list[float]] = {}
    for each in trained:
        by_movie.setdefault(each["movie"], []).append(each["rating"])
    stars = np.array([each["rating"] for each in held_out])
    of_movies = np.array([np.mean(by_movie.get(each["movie"], [mean])) for each in held_out])

    model = open_model(_train(python, trained, tmp_path_factory))
    said = model.rate(*zip(*((each["user"], each["movie"]) for each in held_out), strict=True))

    off_model, off_mean, off_movies = (float(np.sqrt(np.mean((x - stars) ** 2))) for x in (said, mean, of_movies))
    assert off_model < 0.95 * off_mean
    assert off_model < 0.95 * off_movies


def test_retraining_pays(python: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A model gets worse as tastes move, past the gate's limit in the end; one that was trained again doesn't."""
    stale = open_model(_train(python, _rows(_of_days(0, 6)), tmp_path_factory))
    fresh = open_model(_train(python, _rows(_of_days(10, 24)), tmp_path_factory))
    at_first, later = _of_days(6, 7), _of_days(24, 25)

    assert rmse(stale, at_first) < 0.85
    assert rmse(stale, later) > 1
    assert rmse(fresh, later) < 0.9 * rmse(stale, later)


def test_the_truth_is_what_ratings_scatter_around() -> None:
    """The truth of each rating is off by the mood of the day and by rounding alone, and stands between one and five."""
    world = make_world()
    ratings = _of_days(0, 0.5)
    truth = np.array([world.truth(each.user, each.movie, each.time) for each in ratings])

    assert 0.45 < float(np.sqrt(np.mean((truth - [each.rating for each in ratings]) ** 2))) < 0.6
    assert 1 <= truth.min() < truth.max() <= 5


def test_users_and_movies_come_in_and_groups_are_told_by_their_numbers() -> None:
    """A month later there are users and movies that nobody knew, in both groups."""
    before, after = (_of_days(0, 2), _of_days(28, 30))

    assert {1, 2} == {each.user // 100_000 for each in before} == {each.user // 100_000 for each in after}
    assert len({each.user for each in after} - {each.user for each in before}) > 200
    assert len({each.movie for each in after if each.movie.endswith("+2025")}) > 80


def test_the_same_seed_gives_the_same_lines() -> None:
    """Two worlds of one seed write the same stream; another seed writes another."""
    span = (epoch(), epoch() + timedelta(days=1), 0.01)

    assert make_world(3).events(*span) == make_world(3).events(*span)
    assert make_world(3).events(*span) != make_world(4).events(*span)
    assert 864 == len(make_world(3).events(*span))


def _parsed(lines: Sequence[bytes]) -> Any:
    """What seatrial reads in lines, as the example's own configuration says."""
    (loop,) = _project().retrainings
    batch = EventBatch(
        partition="events.log", offsets=range(len(lines)), values=lines, times=[-1] * len(lines), following=len(lines)
    )
    return loop, open_parser(loop.parser, loop.columns, EXAMPLE).parse(batch)


def _project() -> Any:
    text = (EXAMPLE / "seatrial.yaml").read_text(encoding="utf-8")
    return read_project(text, where="seatrial.yaml", default_name="example")


def test_every_row_that_is_read_is_a_rating_that_was_given() -> None:
    """Of lines that are broken in any way, none becomes a row of something that nobody rated."""
    lines = make_world().events(epoch(), epoch() + timedelta(days=2), 0.05, broken=0.3)
    given = re.compile(rb"[\d-]{10}T[\d:]{8},[12]\d{5},GET /rate/the\+[a-z]+\+[a-z]+\+\d{4}=\d+")

    loop, parsed = _parsed(lines)

    dead = {each.offset for each in parsed.dead}
    assert 0.1 < len(dead) / len(lines) < 0.3
    watched = {offset for offset, line in enumerate(lines) if loop.parser.ignore.encode() in line}
    assert len(watched) == parsed.ignored
    others = dead | watched
    read = [line for offset, line in enumerate(lines) if offset not in others]
    assert [] == [line for line in read if not given.fullmatch(line)]


def test_the_usual_share_of_broken_lines_stops_nothing() -> None:
    """With the simulator's own share the loop goes on: fewer dead lines than the configuration allows."""
    lines = make_world().events(epoch(), epoch() + timedelta(days=7), 0.05)

    loop, parsed = _parsed(lines)

    ours = len(lines) - parsed.ignored
    assert 0 < len(parsed.dead) / ours < loop.parser.most_dead / 2


@pytest.mark.parametrize("kind", ["ten-stars", "bots"])
def test_bad_batches_are_well_formed(kind: str) -> None:
    """No line of a bad batch is dead, so that the checks of the data have to find it out."""
    lines = make_world().bad_batch(epoch(), epoch() + timedelta(days=1), 0.01, kind=kind)

    _, parsed = _parsed(lines)

    assert 864 == len(lines)
    assert [] == list(parsed.dead)
    stars = [int(line.rpartition(b"=")[2]) for line in lines]
    assert (sum(number > 5 for number in stars) > 500) == (kind == "ten-stars")
    assert (stars.count(1) > 400) == (kind == "bots")


def test_simulator_adds_to_the_folder(tmp_path: Path) -> None:
    """A second week is written after the first, and the command says what it wrote."""
    week = ("simulate.py", "--to", str(tmp_path / "stream"), "--events", "500")

    printed = _run(sys.executable, *week, cwd=EXAMPLE)
    first = (tmp_path / "stream" / "events.log").read_bytes()
    _run(sys.executable, *week, "--day", "7", "--rate", "5000/s", cwd=EXAMPLE)
    both = (tmp_path / "stream" / "events.log").read_bytes()

    assert printed.startswith("500 lines: ")
    assert both.startswith(first)
    assert 500 == len(first.splitlines()) == len(both.splitlines()) - len(first.splitlines())
    assert b"2025-03-01T" == both[:11]
    assert any(line.startswith(b"2025-03-1") for line in both.splitlines())


@pytest.mark.slow
def test_simulator_writes_to_kafka(mock_kafka: Topics) -> None:
    """Every line arrives once, and those of one user in their order."""
    day = (epoch(), epoch() + timedelta(days=1), 300 / 86_400)

    printed = _run(
        *(sys.executable, "simulate.py", "--kafka", mock_kafka.servers, "--topic", "movielog"),
        *("--events", "300", "--days", "1"),
        cwd=EXAMPLE,
    )

    batches = _read_all(open_stream(mock_kafka.spec("movielog"), EXAMPLE, {}), 300)
    written = make_world().events(*day)
    assert printed.startswith("300 lines: ")
    assert sorted(written) == sorted(line for batch in batches for line in batch)
    for user in {line.split(b",")[1] for line in written if b"GET" in line and line.count(b",") == 2}:
        mine = [line for line in written if line.split(b",")[1:2] == [user] and line.count(b",") == 2]
        assert [mine] == [kept for batch in batches if (kept := [line for line in batch if line in set(mine)])]


def _read_all(stream: Stream, count: int) -> list[list[bytes]]:
    """The lines of each partition."""
    reading = stream.read({})
    found: dict[str, list[bytes]] = {}
    try:
        while sum(map(len, found.values())) < count:
            for batch in reading.poll(10.0):
                found.setdefault(batch.partition, []).extend(batch.values)
    finally:
        reading.close()
    return list(found.values())


def test_service_answers_everybody(python: Path, tmp_path: Path) -> None:
    """With the model that a trial begins with, the class gives movies, ratings, and says what it doesn't understand."""
    project = copy_example(tmp_path / "project")
    _run(python, "first_model.py", cwd=project)
    ask = """
import json
from service import Recommender, NotUnderstoodError
service = Recommender()
service.load()
movies, text, newcomer = service.predict([{"user": "100042"}, {"user": "100042", "format": "text"}, {"user": "0"}])
(stars,) = service.predict([{"user": 100042, "movie": movies[0]}])
try:
    service.predict([{"film": 1}])
except NotUnderstoodError as error:
    print(json.dumps([movies, text, newcomer, stars, error.status]))
"""

    movies, text, newcomer, stars, status = json.loads(_run(python, "-c", ask, cwd=project))

    assert 20 == len(set(movies)) == len(set(newcomer))
    assert ",".join(movies) == text
    assert movies != newcomer
    assert 3 < stars <= 5
    assert 422 == status


def test_training_says_nothing_of_the_world() -> None:
    """What trains and serves never looks at the simulator: it would know the truth."""
    for name in ("train.py", "predict.py", "model.py", "service.py"):
        assert not re.search(r"\b(world|simulate)\b", (EXAMPLE / name).read_text(encoding="utf-8")), name
    assert module("world").World

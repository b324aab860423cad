"""Real projects with a loop of continuous training over a folder of events; their model is the mean of each movie."""

import csv
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from seatrial.datasets.build import FileForm, build
from seatrial.records import DatasetVersion, ModelVersion, RetrainResult
from seatrial.wiring import open_datasets, open_registry, open_retraining
from tests.workflows.projects import Project, make

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
TRAIN = '''\
"""The mean rating of each movie, in JSON; with the hope that it is asked what it was trained on."""
import csv, json, os
from pathlib import Path

sums, total, rows = {}, 0.0, 0
with open(os.environ["SEATRIAL_DATA"], newline="") as file:
    for row in csv.DictReader(file):
        at = sums.setdefault(row["movie"], [0.0, 0])
        at[0] += float(row["rating"]); at[1] += 1
        total += float(row["rating"]); rows += 1
means = {movie: value / number for movie, (value, number) in sorted(sums.items())}
bias = float(Path("bias.txt").read_text()) if Path("bias.txt").exists() else 0.0
finds = Path("finds.txt").read_text().strip() if Path("finds.txt").exists() else "pass"
model = {"means": means, "mean": total / rows, "bias": bias, "finds": finds, "waits": Path("waits").exists()}
Path(os.environ["SEATRIAL_OUTPUT"], "model.json").write_text(json.dumps(model))
print("trained on", rows, "rows")
'''
HELD = '''\
"""Waits with a helper of its own as long as it is held, and then trains."""
import os, subprocess, sys, time
from pathlib import Path

if Path("hold").exists():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as helper:
        Path("held").write_text(f"{os.getpid()} {helper.pid}\\n")
        while Path("hold").exists():
            time.sleep(0.05)
        helper.kill()
'''
PREDICT = '''\
"""What the model says of each row."""
import csv, json, os
from pathlib import Path

model = json.loads(Path(os.environ["SEATRIAL_MODEL"]).read_text())
with open(os.environ["SEATRIAL_DATA"], newline="") as file, open(os.environ["SEATRIAL_OUTPUT"], "w", newline="") as out:
    writer = csv.writer(out)
    writer.writerow(["prediction"])
    for row in csv.DictReader(file):
        writer.writerow([model["means"].get(row["movie"], model["mean"]) + model["bias"]])
'''
LOOP = """\
retrain:
  ratings:
    model: small
    stream: {stream}
    parse:
      regex: 'GET /rate/(?P<movie>.*?)=(?P<rating>\\d)'
      prefix: [time, user]
      ignore: GET /data/m/
      most_dead: 10%
    data:
      columns: {{time: time, user: {{type: integer, min: 1}}, movie: text, rating: {{type: integer, min: 1, max: 5}}}}
      key: [time, user, movie]
      checks: {{future: 36500d, most_bad: 20%, fewest: 20}}
    holdout: {{by: row, share: 30%}}
    train: {{train: python train.py, predict: python predict.py, label: rating, format: csv, artifact: model.json, stack: host}}
    gate:
      metrics: {{rmse: {{limit: 1.5, margin: 10%}}}}
    then: {then}
{more}"""


class Loop(Project):
    """A project with a loop called `ratings`, whose model is `small`."""

    def rate(self, lines: Sequence[str], file: str = "events.log") -> None:
        """Write to the stream."""
        path = self.folder / "events" / file
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as stream:
            stream.writelines(f"{line}\n" for line in lines)

    def versions(self) -> list[DatasetVersion]:
        """Of the dataset, oldest first."""
        with self.opened(), open_retraining(self.folder) as means:
            return list(means.datasets.versions("ratings"))[::-1]

    def users(self) -> list[int]:
        """Of all rows of the newest version, in order: with `numbered` lines, which of them it has."""
        newest = self.versions()[-1]
        with self.opened(), open_datasets(self.folder) as tools:
            segments = tools.book.segments("ratings", newest.number)
            target = self.folder.parent / "built.csv"
            build(segments, tools.files, target, columns=newest.columns, form=FileForm.CSV)
        with target.open(newline="") as file:
            return sorted(int(row["user"]) for row in csv.DictReader(file))

    def results(self) -> list[RetrainResult]:
        """Of all runs, oldest first."""
        with self.opened(), open_retraining(self.folder) as means:
            return list(means.book.results(name="ratings"))[::-1]

    def ended(self) -> list[RetrainResult]:
        """Of runs that have ended, oldest first."""
        return [result for result in self.results() if result.outcome is not None]

    def busy(self) -> bool:
        """Whether a run has the model, or is about to."""
        with self.opened(), open_retraining(self.folder) as means:
            return means.book.busy("ratings", "small")

    def hold(self) -> None:
        """Have trainings wait until they are let go."""
        self.small.write("train.py", f"{HELD}\n{TRAIN}")
        self.small.write("hold", "")

    def held(self) -> list[int]:
        """The processes of the training that waits, once there is one; the next time it will be another one."""
        path = self.folder / "held"
        if not path.exists() or not path.read_text().endswith("\n"):
            return []
        found = [int(process) for process in path.read_text().split()]
        path.unlink()
        return found

    def let_go(self) -> None:
        """Have trainings wait no more."""
        (self.folder / "hold").unlink()

    def models(self) -> list[ModelVersion]:
        """The registered versions, oldest first."""
        with self.opened(), open_registry(self.folder) as tools:
            if not tools.registry.models():
                return []
            return list(tools.registry.versions("small"))[::-1]


def make_loop(
    folder: Path, *, then: str = "promote", stream: str = "events", more: str = "", config: str = "", **environ: str
) -> Loop:
    """A committed project with a loop, and no events yet; `environ` is what its commands have beside the test's own."""
    made = make(folder, config=f"{config}{LOOP.format(then=then, stream=stream, more=more)}", requests=40, **environ)
    loop = Loop(made.small, made.environ)
    loop.small.write("train.py", TRAIN)
    loop.small.write("predict.py", PREDICT)
    loop.small.commit()
    return loop


def ratings(count: int, *, seed: int = 0, begin: datetime = BEGAN, broken: int = 0, watched: int = 0) -> list[str]:
    """Lines as the field has them: ratings of movies that are rated about alike, broken ones and watch events among them."""
    rng = random.Random(seed)
    lines = []
    for index in range(count):
        movie = rng.randrange(8)
        rating = min(5, max(1, round(1.5 + movie * 0.4 + rng.gauss(0, 0.6))))
        at = (begin + timedelta(seconds=17 * index)).strftime("%Y-%m-%dT%H:%M:%S")
        lines.append(f"{at},{rng.randrange(1, 40)},GET /rate/movie+{movie}={rating}")
    for index in range(broken):
        lines.insert(rng.randrange(len(lines) + 1), f"2026-11-01T00:00:00,{index},GET /rate/oops")
    for index in range(watched):
        lines.insert(rng.randrange(len(lines) + 1), f"2026-11-01T00:00:00,7,GET /data/m/movie/{index}.mpg")
    return lines


def numbered(first: int, last: int) -> list[str]:
    """Lines of users first to last, one each: whether a line is there, and how often, can be told by its user."""
    lines = []
    for user in range(first, last + 1):
        at = (BEGAN + timedelta(seconds=17 * user)).strftime("%Y-%m-%dT%H:%M:%S")
        lines.append(f"{at},{user},GET /rate/movie+{user % 8}={1 + user % 8 // 2}")
    return lines

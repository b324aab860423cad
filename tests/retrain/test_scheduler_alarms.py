"""Alarms of a whole project: the model in the stage, what it was trained on, and what it has answered since."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest

from seatrial.datasets.segments import write_segment
from seatrial.records import Actor, DatasetDraft, Move, RetrainOutcome, RetrainPhase, SplitResult, VersionDraft
from seatrial.wiring import open_datasets, open_registry, open_scheduling
from seatrial.wiring.scheduling import REFERENCES
from tests.retrain.looping import result
from tests.telemetry.making import label, prediction, write_labels, write_predictions

CONFIG = """
name: movies
deployments:
  recommender: {{run: "true", requests: {{file: requests.jsonl}}}}
retrain:
  ratings:
    stream: events
    parse: {{json: {{age: age, rating: rating}}}}
    data: {{columns: {{age: number, rating: number}}}}
    holdout: {{by: row}}
    train: {{train: "true", predict: "true", label: rating}}
    gate: [rmse < 1]
    stage: Staging
    on: {{alarms: [{alarm}]}}
"""
ADA = Actor(name="ada")
UNKNOWN = "nobody knows what the model in the stage was trained on; name a reference: in the alarm"
ROWS = 3_000
Alarms = Callable[[str], tuple[list[str], list[str]]]


def ages(shift: float, rows: int = ROWS) -> list[float]:
    """Normal numbers."""
    return [float(value) for value in np.random.default_rng(5).normal(shift, 1, rows)]


def parquet(path: Path, values: Sequence[float]) -> Path:
    """A file of rows with these ages."""
    text = path.with_suffix(".csv")
    text.write_text("\n".join(["age,rating", *(f"{value},4.0" for value in values)]))
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT age::DOUBLE AS age, rating::DOUBLE AS rating FROM '{text}') TO '{path}'")
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose first two versions were registered, of which the second holds Staging, since people were asked."""
    monkeypatch.setenv("SEATRIAL_ACTOR", "ada")
    folder = tmp_path / "movies"
    (folder / "events").mkdir(parents=True)
    (folder / "seatrial.yaml").write_text(CONFIG.format(alarm="{log: log, drift: 0.2}"))
    now = datetime.now(UTC)
    with open_registry(folder) as tools:
        for number in (1, 2):
            (tmp_path / "model.txt").write_text(f"model {number}")
            tools.registry.register(VersionDraft(model="ratings", creator=ADA, created=now), tmp_path / "model.txt")
        tools.registry.move(Move(model="ratings", number=2, to="Staging", actor=ADA, at=now))
    asked = [
        prediction(request_id=f"{version}-{n}", version=version, time=now, input_age=age)
        for version, shift in (("1", 0.0), ("2", 0.0))
        for n, age in enumerate(ages(shift, ROWS // 2))
    ]
    write_predictions(folder / "log", asked, inputs={"age": "float64"}, day=now.date().isoformat())
    return folder


@pytest.fixture
def look(project: Path) -> Alarms:
    """Look once with an alarm, and give what began a run and what was said."""

    def looked(alarm: str) -> tuple[list[str], list[str]]:
        (project / "seatrial.yaml").write_text(CONFIG.format(alarm=alarm))
        said: list[str] = []
        with open_scheduling(project) as scheduling:
            fired = scheduling.scheduler(said.append, lambda: None).look()
        return [each.why for each in fired], said

    return looked


def trained(project: Path, number: int, values: Sequence[float], *, keep: bool) -> None:
    """A run that trained version `number` on these ages: its files are there, or only the dataset's version is."""
    run = f"2026030{number}-120000"
    folder = project / ".seatrial" / "runs" / run
    folder.mkdir(parents=True)
    file = parquet(folder / "train.parquet", values)
    with open_datasets(project) as datasets, open_scheduling(project) as scheduling:
        (spec,) = scheduling.specs
        head = datasets.book.head("ratings")
        version = datasets.book.append(
            DatasetDraft(
                dataset="ratings",
                parent=None if head is None else head.number,
                run=run,
                created=datetime.now(UTC),
                columns=spec.columns,
                added=write_segment(file, spec.columns, "", datasets.store),
            )
        )
        split = SplitResult(
            train_file=str(file) if keep else str(folder / "gone.parquet"),
            test_file="",
            truth_file="",
            train_rows=len(values),
            test_rows=0,
            train_digest="",
            test_digest="",
        )
        ended = result(run, phase=RetrainPhase.ENDED, outcome=RetrainOutcome.REGISTERED, folder=str(folder))
        scheduling.book.put(replace(ended, number=number, dataset=version.number, split=split))


def test_inputs_are_held_against_what_the_stages_model_was_trained_on(project: Path, look: Alarms) -> None:
    """And not against what another version was; the file of its run is taken while it is there."""
    unknown = f"the drift alarm of ratings on log: {UNKNOWN}"
    assert ([], [unknown]) == look("{log: log, drift: 0.2}")
    trained(project, 1, ages(0.0), keep=True)
    assert ([], [unknown]) == look("{log: log, drift: 0.2}")
    trained(project, 2, ages(3.0), keep=True)
    fired, said = look("{log: log, drift: 0.2}")

    assert fired[0].startswith("drift of age: stability index ")
    assert [f"ratings is due: {fired[0]}"] == said
    assert not (project / ".seatrial" / REFERENCES).exists()


def test_what_a_model_was_trained_on_is_rebuilt_from_its_dataset(project: Path, look: Alarms) -> None:
    """Where the run's files are gone; once, because a version never changes."""
    trained(project, 2, ages(3.0), keep=False)
    assert look("{log: log, drift: 0.2}")[0]
    kept = project / ".seatrial" / REFERENCES / "ratings@1.parquet"
    before = kept.stat().st_mtime_ns
    look("{log: log, drift: 0.2}")

    assert before == kept.stat().st_mtime_ns


def test_a_reference_that_is_named_is_taken(project: Path, look: Alarms) -> None:
    """Whatever the model was trained on."""
    parquet(project / "sample.parquet", ages(0.0))
    trained(project, 2, ages(3.0), keep=True)

    assert ([], []) == look("{log: log, drift: 0.2, reference: sample.parquet}")


def test_quality_is_that_of_the_stages_model(project: Path, look: Alarms) -> None:
    """Version 1 was terrible, and holds nothing any more."""
    now = datetime.now(UTC)
    labels = [label(f"1-{n}", 99.0, time=now) for n in range(100)]
    labels += [label(f"2-{n}", 5.0 + 0.5 * (-1) ** n, time=now) for n in range(100)]
    write_labels(project / "log", labels, day=now.date().isoformat())

    assert ([], []) == look('{log: log, quality: "rmse > 0.6"}')
    assert look('{log: log, quality: "rmse > 0.4"}')[0][0].startswith("rmse of version 2 is 0.5 ")


def test_a_log_that_is_not_there_is_said(project: Path, look: Alarms) -> None:
    """On one line of the server's log; a model that nobody has asked yet raises no alarm."""
    said = f"the rmse alarm of ratings on nowhere: there is no such directory ({project / 'nowhere'})"
    assert ([], [said]) == look('{log: nowhere, quality: "rmse > 0.4"}')

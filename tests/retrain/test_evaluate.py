"""The new model and the one in the stage are asked the same, and whoever can't be asked has not passed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.records import (
    DataCheckSpec,
    DatasetVersion,
    GateSpec,
    HoldoutSpec,
    Lineage,
    ModelVersion,
    ParserSpec,
    PermanentError,
    RetrainSpec,
    SplitResult,
    StreamSpec,
    Trained,
    TrainSpec,
    Verdict,
)
from seatrial.registry.examine import Examined
from seatrial.retrain.commands import Place
from seatrial.retrain.evaluate import evaluate
from seatrial.retrain.gate import Contest, unanswered
from seatrial.retrain.registering import draft_of, examined, register
from seatrial.retrain.split import split
from seatrial.retrain.train import train
from seatrial.testing import MemoryRegistry
from seatrial.trial.origin import Code
from tests.registry.registering import ADA, NOON, draft
from tests.retrain import workshop
from tests.retrain.splitting import COLUMNS, RMSE, dataset, rating

MARGIN = replace(RMSE, margin=0.05, margin_text="5%", relative=True)
MOVIES = {"Up": 4.5, "Heat": 2.0, "Jaws": 3.0}
VERSION = DatasetVersion(
    dataset="ratings", number=7, digest="sha256:d7", created=NOON, run="run-1", columns=COLUMNS, rows=400
)


def loop(train: TrainSpec | None = None) -> RetrainSpec:
    """A loop that predicts ratings by the movies' means."""
    return RetrainSpec(
        name="ratings",
        model="recommender",
        stream=StreamSpec(folder="events"),
        columns=COLUMNS,
        parser=ParserSpec(),
        train=train or workshop.spec(),
        gate=GateSpec(metrics=(MARGIN,), cluster="user"),
        checks=DataCheckSpec(time="time", key=("user", "movie", "time")),
        holdout=HoldoutSpec(by="time", share=0.3),
        stage="Production",
    )


def apart(folder: Path, spec: RetrainSpec, place: Place) -> SplitResult:
    """Ratings that scatter around each movie's own mean, split."""
    rows = [
        rating(place, place % 25, movie, stars + (place % 7 - 3) * 0.1)
        for place in range(140)
        for movie, stars in MOVIES.items()
    ]
    file = dataset(folder, rows)
    return split(file, spec.holdout, spec.train, spec.gate, COLUMNS, spec.checks, folder=place.folder, sealed_from=None)


def held(registry: MemoryRegistry, folder: Path, means: object) -> ModelVersion:
    """A version of the stage's with these means."""
    folder.mkdir()
    (folder / "means.json").write_text(json.dumps(means))
    return registry.register(draft("recommender"), folder / "means.json")


def test_a_better_model_passes_and_is_registered_once(tmp_path: Path) -> None:
    """From the split to the number: what was judged is, by digest, what the registry holds."""
    registry, spec = MemoryRegistry(), loop()
    old = held(registry, tmp_path / "old", {"Up": 3.0, "Heat": 3.0})
    with workshop.opened(tmp_path) as place:
        rows = apart(tmp_path, spec, place)
        trained = train(spec.train, rows, place)
        gated = evaluate(spec, rows, trained, place, registry=registry, baseline=old, stage="Production")
        assert (Verdict.PASS, 1, trained.digest) == (gated.verdict, gated.baseline, gated.artifact)
        assert "from recommender@1 (Production) on the same 126 held-out rows" in gated.headline
        again = evaluate(spec, rows, trained, place, registry=registry, baseline=old, stage="Production")
        assert gated == again
        wanted = draft_of(
            spec,
            run="run-9",
            dataset=VERSION,
            trained=trained,
            gated=gated,
            code=Code(commit="c0ffee", branch="main", dirty=True),
            about=examined(trained, place.tools.project),
            creator=ADA,
            now=NOON,
        )
        version = register(wanted, trained, registry)
        assert version == register(wanted, trained, registry)
        assert [2, 1] == [known.number for known in registry.versions("recommender")]
    assert trained.digest == version.artifact.digest
    assert ("c0ffee", "main", "sha256:d7", "run-9", 1) == (
        version.lineage.commit,
        version.lineage.branch,
        version.lineage.data,
        version.lineage.run,
        version.lineage.parent,
    )
    assert trained.stack == version.lineage.stack
    assert {"retrain_run": "run-9", "dataset": "ratings@7", "git.dirty": "true"} == version.tags
    assert pytest.approx(0.2, abs=0.05) == version.metrics["rmse"]


def test_a_first_model_needs_nobody_to_beat(tmp_path: Path) -> None:
    """With an empty stage the limit judges alone."""
    spec = loop()
    with workshop.opened(tmp_path) as place:
        rows = apart(tmp_path, spec, place)
        trained = train(spec.train, rows, place)
        gated = evaluate(spec, rows, trained, place, registry=MemoryRegistry(), baseline=None, stage="Production")
    assert (Verdict.PASS, None) == (gated.verdict, gated.baseline)


def test_a_stages_model_that_cannot_be_asked_is_an_error(tmp_path: Path) -> None:
    """There is nothing to compare with, which is no reason to pass, and the message says whose fault it is."""
    registry, spec = MemoryRegistry(), loop()
    old = held(registry, tmp_path / "old", ["another", "format"])
    with workshop.opened(tmp_path) as place:
        rows = apart(tmp_path, spec, place)
        trained = train(spec.train, rows, place)
        gated = evaluate(spec, rows, trained, place, registry=registry, baseline=old, stage="Production")
    assert (Verdict.ERROR, 1, ()) == (gated.verdict, gated.baseline, gated.comparisons)
    assert gated.headline.startswith(
        "the model in Production, recommender@1, can't be asked by today's predict command: the predict command failed"
    )


def test_a_new_model_that_cannot_be_asked_has_failed(tmp_path: Path) -> None:
    """NaN is no prediction; where the stage's model can't be asked either, the command is what is broken."""
    registry = MemoryRegistry()
    nan = workshop.ASK.replace('model.get(row["movie"], 3.0)', '"nan" if "Jaws" in model else 3.0')
    spec = loop(workshop.spec(predict=nan))
    old = held(registry, tmp_path / "old", {"Up": 3.0})
    with workshop.opened(tmp_path) as place:
        rows = apart(tmp_path, spec, place)
        trained = train(spec.train, rows, place)
        failed = evaluate(spec, rows, trained, place, registry=registry, baseline=old, stage="Production")
        both = held(registry, tmp_path / "newer", MOVIES)
        broken = evaluate(spec, rows, trained, place, registry=registry, baseline=both, stage="Production")
    assert Verdict.FAIL is failed.verdict
    assert failed.headline.startswith(
        "the new model can't be asked by the predict command: the predictions are no answer"
    )
    assert Verdict.ERROR is broken.verdict
    assert "; and the model in Production, recommender@2, can't be asked" in broken.headline


def test_a_predict_command_that_writes_into_the_model_is_found_out(tmp_path: Path) -> None:
    """What is judged must be what is registered."""
    spoils = workshop.ASK + 'open(os.environ["SEATRIAL_MODEL"], "a").write(" ")\n'
    spec = loop(workshop.spec(predict=spoils))
    with workshop.opened(tmp_path) as place:
        rows = apart(tmp_path, spec, place)
        trained = train(spec.train, rows, place)
        with pytest.raises(PermanentError, match="the files of the new model changed"):
            evaluate(spec, rows, trained, place, registry=MemoryRegistry(), baseline=None, stage="Production")


def trained_at(path: Path, digest: str) -> Trained:
    """A model that is said to have this digest."""
    return Trained(path=str(path), digest=digest, stack="sha256:s", seconds=1.0, log="")


def test_other_files_than_the_judged_ones_are_not_registered(tmp_path: Path) -> None:
    """Neither where the gate judged another model, nor where the files changed, nor where the run's version holds others."""
    registry = MemoryRegistry()
    known = held(registry, tmp_path / "model", MOVIES)
    right = trained_at(tmp_path / "model" / "means.json", known.artifact.digest)
    gated = unanswered(Contest(model="recommender", artifact="sha256:other", stage="Production"), Verdict.PASS, "", 9)

    def drafted(artifact: str) -> None:
        wanted = draft_of(
            loop(),
            run="run-9",
            dataset=VERSION,
            trained=right,
            gated=replace(gated, artifact=artifact),
            code=Code(),
            about=Examined(),
            creator=ADA,
            now=NOON,
        )
        (tmp_path / "model" / "means.json").write_text("{}")
        register(wanted, right, registry)

    with pytest.raises(PermanentError, match="the gate judged sha256:other"):
        drafted("sha256:other")
    with pytest.raises(PermanentError, match="the files of the new model changed"):
        drafted(right.digest)
    assert 1 == len(registry.versions("recommender"))


def test_a_run_that_registered_is_found_by_its_id(tmp_path: Path) -> None:
    """Cut off right after the registry took it, a run finds its number; with other files than it judged it stops."""
    registry = MemoryRegistry()
    (tmp_path / "m").write_text("1")
    first = registry.register(draft("recommender", lineage=Lineage(run="run-9")), tmp_path / "m")
    again = draft("recommender", lineage=Lineage(run="run-9"))
    assert first == register(again, trained_at(tmp_path / "gone", first.artifact.digest), registry)
    with pytest.raises(PermanentError, match="recommender@1 holds"):
        register(again, trained_at(tmp_path / "gone", "sha256:other"), registry)


@pytest.mark.slow
def test_scikit_learn_says_what_it_is(tmp_path: Path) -> None:
    """A model that the server can open is registered with its flavour and signature."""
    code = (
        "import csv, os, joblib, numpy as np\nfrom sklearn.linear_model import Ridge\n"
        'rows = list(csv.DictReader(open(os.environ["SEATRIAL_DATA"])))\n'
        'x = np.array([[float(r["user"])] for r in rows]); y = [float(r["rating"]) for r in rows]\n'
        'joblib.dump(Ridge().fit(x, y), os.path.join(os.environ["SEATRIAL_OUTPUT"], "model.joblib"))\n'
    )
    ask = (
        "import csv, os, joblib\n"
        'model = joblib.load(os.environ["SEATRIAL_MODEL"])\n'
        'rows = list(csv.DictReader(open(os.environ["SEATRIAL_DATA"])))\n'
        'found = model.predict([[float(r["user"])] for r in rows])\n'
        'open(os.environ["SEATRIAL_OUTPUT"], "w").write("prediction\\n" + "".join(f"{p}\\n" for p in found))\n'
    )
    spec = loop(workshop.spec(code, ask))
    with workshop.opened(tmp_path) as place:
        rows = apart(tmp_path, spec, place)
        trained = train(spec.train, rows, place)
        gated = evaluate(spec, rows, trained, place, registry=MemoryRegistry(), baseline=None, stage="Production")
        about = examined(trained, place.tools.project)
    assert Verdict.FAIL is gated.verdict
    assert "sklearn" == about.flavour
    assert about.signature is not None

"""Continuous training whose models are on a real MLflow server, which a team may have already."""

import signal
from datetime import timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.registry.mlflow_server import cleared
from tests.workflows.loops import BEGAN, make_loop, ratings


@pytest.mark.slow
def test_models_are_registered_compared_and_promoted_on_mlflow(tmp_path: Path, mlflow_url: str) -> None:
    """Once each, also where the process died right after it registered; each with its run and the data it was trained on."""
    loop = make_loop(tmp_path, config="registry: {url: '${MLFLOW}'}\n", MLFLOW=cleared(mlflow_url))
    loop.rate(ratings(120))
    killed = loop.run("retrain", dying=("after", "register"), fake=True)
    assert -signal.SIGKILL == killed.returncode, killed.stderr
    (first,) = loop.json("resume", fake=True)["retrainings"]
    loop.rate(ratings(80, seed=1, begin=BEGAN + timedelta(days=1)), "more.log")
    (second,) = loop.json("retrain", fake=True)["retrainings"]

    assert [("promoted", 1), ("promoted", 2)] == [(each["outcome"], each["number"]) for each in (first, second)]
    assert (1, 1) == (second["baseline"], second["gated"]["baseline"])
    lineages = [(model.lineage.run, model.lineage.data, model.lineage.parent) for model in loop.models()]
    data = [version.digest for version in loop.versions()]
    assert [(first["run"], data[0], None), (second["run"], data[1], 1)] == lineages
    assert [each["gated"]["artifact"] for each in (first, second)] == [model.artifact.digest for model in loop.models()]
    client = MlflowClient(mlflow_url, mlflow_url)
    assert ["1", "2"] == sorted(each.version for each in client.search_model_versions("name = 'small'"))
    assert "2" == client.get_model_version_by_alias("small", "production").version

"""What the registry on a real MLflow server does beyond the contract (`tests/contract/test_registry.py`)."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mlflow.exceptions import MlflowException

from seatrial.adapters.registry.mlflow import MlflowRegistry, open_mlflow
from seatrial.adapters.registry.mlflow_models import open_models
from seatrial.adapters.registry.sql import SqlRegistry
from seatrial.adapters.registry.sql_ledger import SqlLedger, open_ledger_database
from seatrial.adapters.store.directory import DirectoryStore
from seatrial.records import (
    Actor,
    EntryKind,
    Evidence,
    Lineage,
    ModelVersion,
    Move,
    PermanentError,
    StageRules,
    StageSpec,
    TemporaryError,
    UsageError,
    Verdict,
    VersionDraft,
)
from seatrial.registry.ledger import verify
from seatrial.registry.transfer import copy_versions
from tests.registry.mlflow_server import cleared

if TYPE_CHECKING:
    from mlflow import MlflowClient

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow.*"),
]

NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
ADA = Actor(name="ada", via="test")


@pytest.fixture
def client(mlflow_url: str) -> "MlflowClient":
    """MLflow's own client, as somebody uses it who knows nothing of seatrial."""
    from mlflow import MlflowClient

    return MlflowClient(mlflow_url, mlflow_url)


@pytest.fixture
def registry(mlflow_url: str, tmp_path: Path) -> Iterator[MlflowRegistry]:
    """The registry on that server, with an empty ledger."""
    found = opened(mlflow_url, tmp_path / "ledger.db")
    yield found
    found.close()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A model's name that no other test uses."""
    return f"m{hashlib.sha256(str(request.node.name).encode()).hexdigest()[:8]}"


def opened(url: str, ledger: Path, rules: StageRules | None = None) -> MlflowRegistry:
    """A registry with a ledger in that file."""
    rules = rules or StageRules()
    return open_mlflow(url, SqlLedger(open_ledger_database(f"sqlite:///{ledger}"), rules), rules)


def embedded(folder: Path) -> SqlRegistry:
    """The registry that seatrial brings, empty."""
    engine = open_ledger_database(f"sqlite:///{folder / 'registry.db'}")
    return SqlRegistry(engine, DirectoryStore(folder / "store"), StageRules())


def draft(model: str, **fields: object) -> VersionDraft:
    """A draft with what must be there."""
    return replace(VersionDraft(model=model, creator=ADA, created=NOW), **fields)  # type: ignore[arg-type]


def a_file(folder: Path, content: bytes = b"weights") -> Path:
    """A model of one file."""
    path = folder / "model.bin"
    path.write_bytes(content)
    return path


def foreign(client: "MlflowClient", model: str, path: Path, *, stage: str | None = None) -> int:
    """Register a file as people do without seatrial; its number."""
    with suppress(MlflowException):
        client.create_registered_model(model)
    run = client.create_run(client.create_experiment(f"{model} {path} {len(client.search_experiments())}"))
    client.log_artifact(run.info.run_id, str(path), "model")
    client.log_metric(run.info.run_id, "rmse", 0.5)
    client.set_tag(run.info.run_id, "mlflow.source.git.commit", "abc123")
    made = client.create_model_version(
        model, f"{run.info.artifact_uri}/model", run.info.run_id, tags={"team": "cellar"}
    )
    if stage:
        client.transition_model_version_stage(model, made.version, stage)
    return int(made.version)


def passed(version: ModelVersion, run: str) -> Evidence:
    """What a promotion run found of a version that may go on."""
    return Evidence(
        run=run,
        model=version.model,
        number=version.number,
        artifact=version.artifact.digest,
        verdict=Verdict.PASS,
        finished=NOW,
    )


def promote(registry: MlflowRegistry, model: str, number: int) -> None:
    """Move a version to Production with evidence that allows it."""
    version = registry.version(model, number)
    run = f"run-{model}-{number}"
    registry.keep(passed(version, run))
    registry.move(Move(model=model, number=number, to="Production", actor=ADA, at=NOW, run=run))


def test_aliases_and_tags_show_the_stages(
    registry: MlflowRegistry, client: "MlflowClient", name: str, tmp_path: Path
) -> None:
    """People who look at MLflow see who holds which stage: an alias for its newest holder, a tag on every version."""
    for _ in range(3):
        registry.register(draft(name), a_file(tmp_path))
    for number in (1, 2):
        registry.move(Move(model=name, number=number, to="Staging", actor=ADA, at=NOW))
    promote(registry, name, 2)

    assert {"staging": "1", "production": "2"} == {
        k: str(v) for k, v in client.get_registered_model(name).aliases.items()
    }
    stages = {v.version: v.tags["seatrial.stage"] for v in client.search_model_versions(f"name='{name}'")}
    assert {"1": "Staging", "2": "Production", "3": "None"} == {str(k): v for k, v in stages.items()}


def test_an_alias_goes_when_nobody_holds_the_stage(
    registry: MlflowRegistry, client: "MlflowClient", name: str, tmp_path: Path
) -> None:
    """An empty stage has no alias."""
    registry.register(draft(name), a_file(tmp_path))
    registry.move(Move(model=name, number=1, to="Staging", actor=ADA, at=NOW))
    registry.move(Move(model=name, number=1, to="None", actor=ADA, at=NOW))

    assert {} == client.get_registered_model(name).aliases


def test_a_version_of_somebody_else_is_adopted_when_it_is_asked_for(
    registry: MlflowRegistry, client: "MlflowClient", name: str, tmp_path: Path
) -> None:
    """Its files get a digest, its run's figures and commit become its record, and the ledger a line; its tags stay."""
    number = foreign(client, name, a_file(tmp_path, b"theirs"))

    listed = registry.versions(name)[0]
    assert ("", {"team": "cellar"}) == (listed.artifact.digest, listed.tags)
    assert () == tuple(registry.ledger(name))

    version = registry.version(name, number)

    assert {"rmse": 0.5} == version.metrics
    assert "abc123" == version.lineage.commit
    assert {"team": "cellar"} == version.tags
    assert [EntryKind.REGISTERED] == [entry.kind for entry in registry.ledger(name)]
    laid = registry.fetch(version, tmp_path / "laid")
    assert b"theirs" == (laid / "model.bin").read_bytes()
    assert version == registry.version(name, number)
    assert 1 == len(registry.ledger(name))


def test_mlflows_old_stage_is_read_and_never_written(
    registry: MlflowRegistry, client: "MlflowClient", name: str, tmp_path: Path
) -> None:
    """What was Production by MLflow's deprecated stages is the holder that a promotion displaces; MLflow's field stays."""
    old = foreign(client, name, a_file(tmp_path, b"old"), stage="Production")
    archived = foreign(client, name, a_file(tmp_path, b"older"), stage="Archived")
    new = registry.register(draft(name), a_file(tmp_path, b"new")).number

    assert [old] == [version.number for version in registry.holders(name, "production")]
    assert "None" == registry.version(name, archived).stage

    promote(registry, name, new)

    assert [new] == [version.number for version in registry.holders(name, "Production")]
    assert "None" == registry.version(name, old).stage
    assert f"displaces {old}, by MLflow's old stage" == registry.ledger(name)[-1].reason
    assert "Production" == client.get_model_version(name, str(old)).current_stage


def test_the_next_move_shows_what_a_killed_one_left_undone(
    mlflow_url: str, client: "MlflowClient", name: str, tmp_path: Path
) -> None:
    """The ledger decides; a process that died before it had told MLflow leaves nothing that stays wrong."""
    rules = StageRules()
    ledger = SqlLedger(open_ledger_database(f"sqlite:///{tmp_path / 'ledger.db'}"), rules)
    registry = MlflowRegistry(open_models(mlflow_url), ledger, rules)
    version = registry.register(draft(name), a_file(tmp_path))
    registry.keep(passed(version, "run-1"))
    move = Move(model=name, number=1, to="Staging", actor=ADA, at=NOW, run="run-1")
    ledger.move(move, version)
    assert {} == client.get_registered_model(name).aliases

    assert "Staging" == registry.version(name, 1).stage
    registry.move(move)

    assert ["staging"] == list(client.get_registered_model(name).aliases)
    assert 2 == len(registry.ledger(name))
    registry.close()


def test_a_second_ledger_is_refused(registry: MlflowRegistry, mlflow_url: str, name: str, tmp_path: Path) -> None:
    """Two ledgers that move the same models would both be wrong, so the second says that there is a first."""
    registry.register(draft(name), a_file(tmp_path))
    registry.move(Move(model=name, number=1, to="Staging", actor=ADA, at=NOW))
    other = opened(mlflow_url, tmp_path / "other.db")

    with pytest.raises(UsageError, match="another ledger"):
        other.move(Move(model=name, number=1, to="None", actor=ADA, at=NOW))
    other.close()


def test_the_same_bytes_are_uploaded_once(
    registry: MlflowRegistry, client: "MlflowClient", name: str, tmp_path: Path
) -> None:
    """A further version of the same file leads to the first one's files."""
    for _ in range(2):
        registry.register(draft(name), a_file(tmp_path))

    assert 1 == len({version.source for version in client.search_model_versions(f"name='{name}'")})


def test_mlflow_shows_the_metrics_and_the_commit(
    registry: MlflowRegistry, client: "MlflowClient", name: str, tmp_path: Path
) -> None:
    """The run behind a version carries what MLflow's pages show."""
    registry.register(draft(name, metrics={"rmse": 0.25}, lineage=Lineage(commit="c0ffee")), a_file(tmp_path))

    run = client.get_run(str(client.get_model_version(name, "1").run_id))

    assert {"rmse": 0.25} == run.data.metrics
    assert "c0ffee" == run.data.tags["mlflow.source.git.commit"]
    assert "FINISHED" == run.info.status


def test_files_that_somebody_changed_in_mlflow_are_refused(
    registry: MlflowRegistry, mlflow_home: Path, name: str, tmp_path: Path
) -> None:
    """The digest tells; nothing of them is laid."""
    version = registry.register(draft(name), a_file(tmp_path, f"original {name}".encode()))
    for file in mlflow_home.joinpath("artifacts").rglob("model.bin"):
        if file.read_bytes() == f"original {name}".encode():
            file.write_bytes(b"forged")

    with pytest.raises(PermanentError, match="not those that were registered"):
        registry.fetch(version, tmp_path / "laid")
    assert not (tmp_path / "laid" / "model.bin").exists()


def test_a_folder_with_links_is_uploaded_as_what_they_lead_to(
    registry: MlflowRegistry, name: str, tmp_path: Path
) -> None:
    """MLflow would leave them out."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "elsewhere").write_bytes(b"far")
    (folder / "near").write_bytes(b"near")
    (folder / "far").symlink_to(tmp_path / "elsewhere")

    laid = registry.fetch(registry.register(draft(name), folder), tmp_path / "laid")

    assert {"near": b"near", "far": b"far"} == {file.name: file.read_bytes() for file in laid.iterdir()}


def test_a_description_that_is_edited_in_mlflow_is_no_forgery(
    registry: MlflowRegistry, mlflow_url: str, client: "MlflowClient", name: str, tmp_path: Path
) -> None:
    """MLflow's pages let people describe a version; what was registered is as it was."""
    cleared(mlflow_url)
    registry.register(draft(name), a_file(tmp_path))
    client.update_model_version(name, "1", description="a good year")

    assert "a good year" == registry.version(name, 1).description
    assert () == verify(registry.books(), StageRules())


def test_a_tag_of_ours_is_refused(registry: MlflowRegistry, name: str, tmp_path: Path) -> None:
    """Nobody overwrites the record of a version by a tag."""
    registry.register(draft(name), a_file(tmp_path))

    with pytest.raises(UsageError, match="seatrial's own"):
        registry.tag(name, 1, {"seatrial.digest": "sha256:forged"})


def test_versions_are_copied_from_mlflow_with_tags_aliases_and_files(
    mlflow_url: str, client: "MlflowClient", name: str, tmp_path: Path
) -> None:
    """A copy has the same files and tags, knows where it came from, and is not made twice."""
    foreign(client, name, a_file(tmp_path, b"one"))
    foreign(client, name, a_file(tmp_path, b"two"), stage="Production")
    client.set_registered_model_alias(name, "champion", "2")
    target = embedded(tmp_path)
    source = open_models(mlflow_url)

    copied = copy_versions(source, target, name, place=source.place)
    again = copy_versions(source, target, name, place=source.place)

    assert [(f"{name}@1", True), (f"{name}@2", True)] == [(each.source, each.new) for each in copied]
    assert [False, False] == [each.new for each in again]
    second = target.version(name, 2)
    assert {
        "team": "cellar",
        "mlflow.alias.champion": "true",
        "copied_stage": "Production",
        "copied_from": f"{mlflow_url} {name}@2",
    } == second.tags
    assert "None" == second.stage
    assert b"two" == (target.fetch(second, tmp_path / "laid") / "model.bin").read_bytes()
    assert {} == {k: v for k, v in client.get_model_version(name, "1").tags.items() if k.startswith("seatrial")}


def test_versions_are_copied_to_mlflow_with_tags_and_files(
    mlflow_url: str, client: "MlflowClient", name: str, tmp_path: Path
) -> None:
    """MLflow gets the files, tags and metrics under the same name."""
    source = embedded(tmp_path)
    source.register(draft(name, tags={"team": "cellar"}, metrics={"rmse": 0.5}), a_file(tmp_path, b"one"))
    target = open_models(mlflow_url)

    copy_versions(source, target, name, place="here")

    found = client.get_model_version(name, "1")
    assert "cellar" == found.tags["team"]
    assert f"here {name}@1" == found.tags["copied_from"]
    assert {"rmse": 0.5} == client.get_run(str(found.run_id)).data.metrics
    laid = target.fetch(target.versions(name)[0], tmp_path / "laid")
    assert b"one" == laid.read_bytes()


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    """The message leads to the server and gives nothing away."""
    registry = opened("http://ada:secret@127.0.0.1:9", tmp_path / "ledger.db")

    with pytest.raises((PermanentError, TemporaryError)) as caught:
        registry.versions("wine")

    assert "127.0.0.1:9" in str(caught.value)
    assert "secret" not in str(caught.value)
    registry.close()


def test_a_stage_that_mlflow_takes_no_alias_for_is_refused(tmp_path: Path) -> None:
    """Found when the registry is opened, not at the first promotion."""
    rules = StageRules(stages=(StageSpec(name="None"), StageSpec(name="v2")))

    with pytest.raises(UsageError, match="no alias"):
        opened("http://127.0.0.1:9", tmp_path / "ledger.db", rules)


def seatrial(folder: Path, *words: str) -> str:
    """What the command prints, run in a folder."""
    command = [sys.executable, "-m", "seatrial", *words]
    env = dict(os.environ) | {"SEATRIAL_ACTOR": "ada"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_people_copy_models_from_and_to_mlflow(
    mlflow_url: str, client: "MlflowClient", name: str, tmp_path: Path
) -> None:
    """`models import` brings what is there, `models export --to` takes it elsewhere; doing it again changes nothing."""
    foreign(client, name, a_file(tmp_path, b"theirs"))

    assert f"{name}@1 → {name}@1\n" == seatrial(tmp_path, "models", "import", name, "--from", mlflow_url)
    assert [{"source": f"{name}@1", "target": f"{name}@1", "new": False}] == json.loads(
        seatrial(tmp_path, "models", "import", name, "--from", mlflow_url, "--format", "json")
    )
    assert f"{name}@1 → {name}@2\n" == seatrial(tmp_path, "models", "export", name, "--to", mlflow_url)
    assert "cellar" == client.get_model_version(name, "2").tags["team"]


def test_a_project_may_have_its_registry_on_mlflow(
    mlflow_url: str, client: "MlflowClient", name: str, tmp_path: Path
) -> None:
    """Every command works as with the embedded one, by one line of configuration."""
    cleared(mlflow_url)
    (tmp_path / "requests.jsonl").write_text('{"inputs": 1}\n')
    (tmp_path / "seatrial.yaml").write_text(
        f"registry: {mlflow_url}\nrequests: {{file: requests.jsonl}}\ndeployments: {{model: {{run: ./serve}}}}\n"
    )
    path = a_file(tmp_path)

    seatrial(tmp_path, "models", "register", str(path), "--name", name, "--no-open")
    seatrial(tmp_path, "models", "stage", f"{name}@1", "Staging")

    assert ["staging"] == list(client.get_registered_model(name).aliases)
    assert "lines hold together" in seatrial(tmp_path, "ledger", "verify")

"""Workflows in the registry's PostgreSQL, which several machines share."""

import shutil
import signal
from pathlib import Path

import pytest

from seatrial.workflows.database import workflow_database
from tests.workflows.projects import Project, make

CONFIG = "registry: {url: '${REGISTRY}', artifacts: ../artifacts}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "name"), [("after", "try small@1"), ("after", "move small@1"), ("before", "conclude small@1")]
)
def test_a_killed_promotion_is_gone_on_with(tmp_path: Path, postgres_url: str, when: str, name: str) -> None:
    """From its last finished step, as on SQLite; no database of workflows is made beside the project."""
    project = make(tmp_path, {}, config=CONFIG, REGISTRY=postgres_url)
    killed = project.run("promote", "small", dying=(when, name), fake=True)
    done = project.json("resume", fake=True)

    assert -signal.SIGKILL == killed.returncode
    (result,) = done["promotions"]
    assert result["promoted"]
    assert [(1, "Production", result["run"])] == project.moves()
    assert (2 if name.startswith("try") else 1) == len(project.trials)
    assert not (project.folder / ".seatrial" / "workflows.db").exists()


@pytest.mark.slow
def test_another_machines_promotion_is_gone_on_with_by_name_only(tmp_path: Path, postgres_url: str) -> None:
    """Whether its process lives can't be told from here, so only a person who names it goes on with it.

    The other machine is another clone here: it has neither the workspace nor the journal of the first.
    """
    project = make(tmp_path, {}, config=CONFIG, REGISTRY=postgres_url)
    project.run("promote", "small", dying=("before", "move small@1"), fake=True)
    (run,) = [run.id for run in project.runs() if run.kind.value == "promotion"]
    clone = tmp_path / "clone"
    shutil.copytree(project.folder, clone, ignore=shutil.ignore_patterns(".seatrial"))
    other = Project(type(project.small)(clone), project.environ)

    assert "nothing was cut off\n" == other.run("resume", fake=True).stdout
    done = other.json("resume", run, fake=True)
    assert [(run, True)] == [(each["run"], each["promoted"]) for each in done["promotions"]]
    assert [(1, "Production", run)] == other.moves()
    assert "nothing was cut off\n" == project.run("resume", fake=True).stdout


def test_a_shared_database_tells_the_projects_of_machines_apart(tmp_path: Path) -> None:
    """By host and folder; one that is beside the project needs no telling apart, wherever that is moved to."""
    shared = [workflow_database(tmp_path / name, "postgresql://registry/models") for name in ("a", "b")]
    own = [workflow_database(tmp_path / name, None) for name in ("a", "b")]

    assert shared[0].scope != shared[1].scope
    assert own[0].scope == own[1].scope
    assert [True, False] == [place.is_shared for place in (shared[0], own[0])]

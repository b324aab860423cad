"""A model is registered with everything that can be known of it."""

import os
from pathlib import Path

import pytest

from seatrial.records import Lineage, RegistrySpec, StageRules, UsageError
from seatrial.registry.listing import digest_of_path
from seatrial.registry.tools import RegistryTools
from seatrial.testing import FakeClock, MemoryRegistry, MemoryStore
from seatrial.trial.build.declaration import declare
from seatrial.trial.register import Registered, RegisterRequest, register_model
from tests.change.repositories import Work, init
from tests.registry.registering import ADA


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """A committed project with a model of numpy's that git ignores."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")
    work = init(tmp_path / "work")
    work.commit({"train.py": "one\n", "requirements.txt": "numpy==2.0\n"})
    work.write({"models/weights.bin": "weights", "data/train.csv": "a,b\n"})
    return work


@pytest.fixture
def tools(work: Work) -> RegistryTools:
    """A registry in memory for it."""
    store = MemoryStore()
    rules = StageRules()
    return RegistryTools(
        registry=MemoryRegistry(rules, store),
        rules=rules,
        clock=FakeClock(),
        store=store,
        project=work.folder,
        root=work.folder / ".seatrial",
        spec=RegistrySpec(),
    )


def register(work: Work, tools: RegistryTools, **given: object) -> Registered:
    """Register the weights as wine."""
    options = {"path": work.folder / "models/weights.bin", "name": "wine", "opened": False, **given}
    return register_model(RegisterRequest(**options), tools, ADA, os.environ)  # type: ignore[arg-type]


def test_what_can_be_found_out_is_found_out(work: Work, tools: RegistryTools) -> None:
    """Commit, branch, data, stack, creator and time; what was given is kept."""
    made = register(
        work,
        tools,
        metrics={"accuracy": 0.9},
        tags={"team": "wine"},
        description="first",
        data=work.folder / "data",
        run="https://ci.example.org/7",
    ).version

    assert (
        Lineage(
            commit=work.git("rev-parse", "HEAD"),
            branch="main",
            data=digest_of_path(work.folder / "data"),
            stack=declare(work.folder / "requirements.txt", python=None, salt="").digest,
            run="https://ci.example.org/7",
        )
        == made.lineage
    )
    assert ("wine@1", ADA, tools.clock.now()) == (made.id, made.creator, made.created)
    assert ({"accuracy": 0.9}, {"team": "wine"}, "first") == (made.metrics, made.tags, made.description)
    assert digest_of_path(work.folder / "models/weights.bin") == made.artifact.digest


def test_uncommitted_changes_leave_a_tag(work: Work, tools: RegistryTools) -> None:
    """The commit isn't the whole story then; the model and its data don't count."""
    data = work.folder / "data"
    assert {} == register(work, tools, data=data).version.tags
    work.write({"train.py": "two\n"})
    assert {"git.dirty": "true"} == register(work, tools, data=data).version.tags


def test_a_version_knows_where_it_came_from(work: Work, tools: RegistryTools) -> None:
    """By number, by stage or as the latest."""
    register(work, tools)
    register(work, tools)

    assert [1, 2] == [register(work, tools, parent=parent).version.lineage.parent for parent in ("1", "2")]
    assert 4 == register(work, tools, parent="latest").version.lineage.parent
    with pytest.raises(UsageError, match="no version 9"):
        register(work, tools, parent="9")


def test_the_data_may_be_named_in_words(work: Work, tools: RegistryTools) -> None:
    """Whatever the team calls them."""
    assert "spring 2026" == register(work, tools, data_version="spring 2026").version.lineage.data


def test_what_is_not_known_is_a_note(work: Work, tools: RegistryTools) -> None:
    """The signature of a file that no server knows, the stack, the commit."""
    work.git("update-ref", "-d", "HEAD")
    work.write({"requirements.txt": None})

    made = register(work, tools, opened=True)

    assert (None, None, None) == (made.version.lineage.commit, made.version.lineage.stack, made.version.signature)
    assert ["the commit is not known", "the stack is not known", "its signature is not known"] == [
        note.partition(":")[0] for note in made.notes
    ]


def test_a_model_that_is_not_there_is_refused_at_once(work: Work, tools: RegistryTools) -> None:
    """Nothing is registered."""
    with pytest.raises(UsageError, match="there is no model"):
        register(work, tools, path=work.folder / "nowhere.bin")

    assert [] == list(tools.registry.models())

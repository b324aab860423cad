"""Who acts, and where the name comes from."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import Actor, ActorKind, UsageError
from seatrial.registry.actor import OF_CI, OWN, find_actor
from seatrial.wiring import who_acts
from tests.change.repositories import init


def unasked() -> str:
    """What must not be asked where the environment says enough."""
    raise AssertionError("asked")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({OWN: "ada", "GITHUB_ACTOR": "octo"}, Actor(name="ada", via=OWN)),
        ({OWN: "  ", "GITHUB_ACTOR": "octo"}, Actor(name="octo", via="GITHUB_ACTOR")),
        ({"GITLAB_USER_LOGIN": " bob "}, Actor(name="bob", via="GITLAB_USER_LOGIN")),
        (
            {"BUILD_REQUESTEDFOR": "Ada L", "BUILD_REQUESTEDFOREMAIL": "ada@example.org"},
            Actor(name="ada@example.org", via="BUILD_REQUESTEDFOREMAIL"),
        ),
        ({"BUILD_REQUESTEDFOR": "Ada L"}, Actor(name="Ada L", via="BUILD_REQUESTEDFOR")),
    ],
)
def test_the_environment_is_asked_first(environ: Mapping[str, str], expected: Actor) -> None:
    """One's own word, then what continuous integration says; nothing else is asked then."""
    assert expected == find_actor(environ, {"login": unasked})


@pytest.mark.parametrize("variable", OF_CI)
def test_every_variable_of_continuous_integration_counts(variable: str) -> None:
    """With its name as the source."""
    assert Actor(name="ada", via=variable) == find_actor({variable: "ada"}, {})


def test_the_first_one_who_knows_is_believed() -> None:
    """A machine without a name in git has a login."""
    actor = find_actor({}, {"git config user.email": lambda: " \n", "login": lambda: "ada"})

    assert Actor(name="ada", kind=ActorKind.PERSON, via="login") == actor


def test_nobody_is_refused() -> None:
    """A move without a name is worth nothing in the ledger."""
    with pytest.raises(UsageError, match="nobody knows who you are") as caught:
        find_actor({OWN: ""}, {"login": str})

    assert OWN in caught.value.remedy


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", "a\u202eb", "x" * 201])
def test_a_name_that_can_not_stand_on_a_line_is_refused(name: str) -> None:
    """It would make the ledger read like something else."""
    with pytest.raises(UsageError, match="can't stand in the ledger") as caught:
        find_actor({"GITHUB_ACTOR": name}, {})

    assert "GITHUB_ACTOR" == caught.value.where


@given(st.dictionaries(st.sampled_from([OWN, *OF_CI]), st.text()), st.text())
def test_an_actor_always_has_a_name_and_a_source(environ: dict[str, str], login: str) -> None:
    """Whatever the environment holds."""
    try:
        actor = find_actor(environ, {"login": lambda: login})
    except UsageError:
        return
    assert actor.name.strip()
    assert actor.name.isprintable()
    assert actor.via in {*environ, "login"}


def test_git_knows_the_person_at_the_keyboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's own setting; without one, and outside git, the login."""
    for variable in (OWN, *OF_CI):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("LOGNAME", "captain")
    work = init(tmp_path / "project")

    assert Actor(name="captain", via="login") == who_acts(work.folder)
    work.git("config", "user.email", "ada@example.org")
    assert Actor(name="ada@example.org", via="git config user.email") == who_acts(work.folder)
    (tmp_path / "elsewhere").mkdir()
    assert Actor(name="captain", via="login") == who_acts(tmp_path / "elsewhere")

"""From what is asked for to what is wanted: defaults, names, addresses, and what can't be."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.deployments.wishes import (
    Asked,
    address,
    changed_wish,
    choose_port,
    deployment_name,
    fingerprint,
    new_wish,
    read_variables,
    scaled,
)
from seatrial.records import Actor, Artifact, ModelVersion, PermanentError, Resources, UsageError
from tests.deployments.fakes import wish

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def version(number: int = 3, model: str = "wine") -> ModelVersion:
    """A registered one."""
    return ModelVersion(
        model=model,
        number=number,
        artifact=Artifact(digest=f"sha256:{number}", name="m.joblib"),
        stage="None",
        creator=Actor(name="ada"),
        created=NOW,
    )


def new(asked: Asked, **more: Any) -> Any:
    """A new wish."""
    return new_wish(asked, version(), defaults=more.get("defaults", Resources()), port=20_500, now=NOW)


def test_what_is_not_asked_for_has_defaults() -> None:
    """One replica, a local process, loopback, the port that was found, the project's resources."""
    made = new(Asked(), defaults=Resources(cpu=2.0, memory=1 << 30))

    assert ("wine-v3", "wine", 3, "sha256:3", 1) == (made.name, made.model, made.number, made.artifact, made.replicas)
    assert ("process", "127.0.0.1", 20_500, {}) == (made.runtime, made.host, made.port, made.env)
    assert Resources(cpu=2.0, memory=1 << 30) == made.resources


def test_what_is_asked_for_wins() -> None:
    """Each option for itself."""
    made = new(
        Asked(name="prod", cpu=0.5, replicas=4, host="0.0.0.0", port=8080, env={"A": "1"}),
        defaults=Resources(cpu=2.0, memory=1 << 30),
    )

    assert ("prod", 4, "0.0.0.0", 8080, {"A": "1"}) == (made.name, made.replicas, made.host, made.port, made.env)
    assert Resources(cpu=0.5, memory=1 << 30) == made.resources


def test_asking_again_changes_what_is_asked_for_and_nothing_else() -> None:
    """Deploying the same again is no change at all."""
    before = new(Asked(cpu=1.0, replicas=2, env={"A": "1", "B": "2"}))

    assert before == changed_wish(before, Asked(), version())
    after = changed_wish(before, Asked(memory=5, env={"B": "3"}), version(4))
    assert (4, "sha256:4", 2, before.port, before.created) == (
        after.number,
        after.artifact,
        after.replicas,
        after.port,
        after.created,
    )
    assert (Resources(cpu=1.0, memory=5), {"A": "1", "B": "3"}) == (after.resources, after.env)


@pytest.mark.parametrize("asked", [Asked(port=9999), Asked(host="0.0.0.0")])
def test_a_deployment_keeps_its_address(asked: Asked) -> None:
    """Callers know it; another name, or removing it first, is the way to another one."""
    with pytest.raises(UsageError, match="keeps its address"):
        changed_wish(wish(), asked, version())
    assert wish().port == changed_wish(wish(), Asked(port=wish().port), version()).port


def test_only_what_an_instance_is_started_with_replaces_it() -> None:
    """Scaling starts nothing anew; another version, limit or variable does."""
    same = [wish(), wish(replicas=7), wish(created=NOW)]
    others = [
        wish(number=4, artifact="sha256:4"),
        wish(resources=Resources(cpu=1.0)),
        wish(env={"A": "1"}),
        wish(runtime="container"),
    ]

    assert 1 == len({fingerprint(one) for one in same})
    assert 5 == len({fingerprint(one) for one in [wish(), *others]})


@pytest.mark.parametrize("name", ["", ".", "../x", "a/b", "-x", "ä", "a" * 101, "a\n"])
def test_names_that_would_be_bad_folders_are_refused(name: str) -> None:
    """They become folders, groups and parts of commands."""
    with pytest.raises(UsageError, match="can't be the name of a deployment"):
        deployment_name(Asked(name=name), version())


@given(model=st.text(min_size=1, max_size=120))
def test_every_model_has_a_deployment_name(model: str) -> None:
    """Whatever a registry allows as a name of a model."""
    name = deployment_name(Asked(), version(model=model))

    assert name == deployment_name(Asked(name=name), version())


@pytest.mark.parametrize("replicas", [0, -1, 257])
def test_too_few_and_too_many_replicas_are_refused(replicas: int) -> None:
    """None is what `stop` is for."""
    with pytest.raises(UsageError, match="replicas can't be had"):
        scaled(wish(), replicas)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_impossible_ports_are_refused(port: int) -> None:
    """Before anything is started."""
    with pytest.raises(UsageError, match="is no port"):
        new(Asked(port=port))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:20001"),
        ("0.0.0.0", "http://here:20001"),
        ("::", "http://here:20001"),
        ("::1", "http://[::1]:20001"),
        ("models.example.org", "http://models.example.org:20001"),
    ],
)
def test_addresses_are_ones_that_can_be_asked(host: str, url: str) -> None:
    """Everywhere is shown as this machine."""
    assert url == address(wish(host=host), "here")


@given(name=st.text(), taken=st.sets(st.integers(20_000, 29_999), max_size=50))
def test_the_same_deployment_gets_the_same_port_if_it_can(name: str, taken: set[int]) -> None:
    """It is free, in the range, and the first choice unless that is taken."""
    port = choose_port("project", name, lambda port: port not in taken)

    assert port == choose_port("project", name, lambda port: port not in taken)
    assert port in set(range(20_000, 30_000)) - taken
    first = choose_port("project", name, lambda _: True)
    assert port == first or first in taken


def test_if_no_port_is_free_it_says_so() -> None:
    """And names the option."""
    with pytest.raises(PermanentError, match="free") as caught:
        choose_port("project", "wine", lambda _: False)
    assert "--port" in caught.value.remedy


def test_variables_are_names_with_values() -> None:
    """The value may hold anything, also `=`."""
    assert {"A": "1", "B": "x=y z", "C": ""} == read_variables(("A=1", "B=x=y z", "C="))


@pytest.mark.parametrize("word", ["A", "=1", "1A=2", "A B=2"])
def test_what_is_no_variable_is_refused_without_its_value(word: str) -> None:
    """It may be a secret."""
    with pytest.raises(UsageError, match="write --env NAME=VALUE"):
        read_variables((word,))
    with pytest.raises(UsageError) as caught:
        read_variables(("my-key=very-secret",))
    assert "very-secret" not in str(caught.value)

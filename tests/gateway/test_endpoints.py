"""Which replicas take requests, and which version each side is called by."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.gateway.endpoints import Arms, Deployed, Replica, arms_of, canary_of, check_services
from seatrial.records import Backend, Endpoint, UsageError
from tests.gateway.worlds import WINE, static


def replica(cell: str, version: str = "3", *, ready: bool = True, silent: bool = False) -> Replica:
    """An instance at port 4000."""
    return Replica(cell=cell, port=4000, version=version, ready=ready, silent=silent)


def deployed(*replicas: Replica, name: str = "wine", version: str = "3", wanted: bool = True) -> dict[str, Deployed]:
    """One deployment."""
    return {name: Deployed(name=name, version=version, wanted=wanted, replicas=replicas)}


def cells(backend: Backend | None) -> list[str]:
    """The names of its endpoints."""
    return [] if backend is None else [endpoint.name for endpoint in backend.endpoints]


def test_a_replica_takes_requests_at_its_own_port() -> None:
    """On loopback, under its own name, with its version."""
    arms = arms_of(WINE, deployed(replica("wine.0.1")))

    endpoint = Endpoint(name="wine.0.1", host="127.0.0.1", port=4000, version="3")
    assert Arms(stable=Backend(version="3", endpoints=(endpoint,))) == arms


def test_what_is_not_ready_or_about_to_end_takes_none() -> None:
    """One that starts, one that no longer answers, and one that was let go."""
    found = deployed(
        replica("wine.0.1"), replica("wine.1.1", ready=False), replica("wine.2.1", silent=True), replica("wine.3.1")
    )

    assert ["wine.0.1"] == cells(arms_of(WINE, found, gone={"wine.3.1"}).stable)


def test_the_last_ones_that_are_silent_keep_their_requests() -> None:
    """They may be busy, and nobody else would answer; also where the one that answers is let go."""
    silent = replica("wine.0.1", silent=True)

    assert ["wine.0.1"] == cells(arms_of(WINE, deployed(silent)).stable)
    assert ["wine.0.1"] == cells(arms_of(WINE, deployed(silent, replica("wine.1.1")), gone={"wine.1.1"}).stable)


def test_a_side_that_is_being_replaced_is_called_by_its_old_version() -> None:
    """Until the last replica of it is gone; each replica says which it is."""
    both = deployed(replica("wine.0.2", "10"), replica("wine.1.1", "9"), version="10")
    new = deployed(replica("wine.0.2", "10"), replica("wine.1.2", "10"), version="10")

    mixed = arms_of(WINE, both).stable
    assert ("9", ["10", "9"]) == (mixed.version, [endpoint.version for endpoint in mixed.endpoints])
    assert "10" == arms_of(WINE, new).stable.version
    assert "10" == arms_of(WINE, both, gone={"wine.1.1"}).stable.version


def test_the_canary_is_the_deployment_of_that_name() -> None:
    """There is none once it is stopped or removed; without a replica it is an empty side."""
    stable, name = deployed(replica("wine.0.1")), canary_of("wine")
    starting = deployed(replica("c", "4", ready=False), name=name, version="4")
    ended = deployed(replica("c", "4"), name=name, version="4", wanted=False)

    assert "wine-canary" == name
    assert Backend(version="4") == arms_of(WINE, stable | starting).canary
    assert arms_of(WINE, stable | ended).canary is None
    assert arms_of(WINE, stable).canary is None


def test_a_service_that_is_not_deployed_has_an_empty_side() -> None:
    """Its requests are refused, not lost in some other service."""
    assert Arms(stable=Backend(version="")) == arms_of(WINE, {})


def test_sides_that_something_else_runs_are_where_they_are_said_to_be() -> None:
    """Called by their side, as nobody says which version they are; port 80 unless one is named."""
    arms = arms_of(static(), deployed(replica("wine.0.1")))
    plain = arms_of(replace(static(), stable_url="http://stable.example"), {})

    assert Endpoint(name="stable", host="10.0.0.1", port=9001, version="stable") == arms.stable.endpoints[0]
    assert arms.canary is not None
    assert Endpoint(name="canary", host="canary.example", port=9002, version="canary") == arms.canary.endpoints[0]
    assert 80 == plain.stable.endpoints[0].port


@pytest.mark.parametrize(
    "url", ["https://x:1", "http://x:1/v2", "x:1", "http://", "http://x?a=1", "http://user:word@x", "http://x:99999"]
)
def test_an_arm_that_cannot_be_reached_is_refused(url: str) -> None:
    """Other schemes, and URLs with more than an address."""
    with pytest.raises(UsageError, match="can't send requests"):
        check_services([replace(static(), canary_url=url)])


def test_a_service_must_not_be_called_like_the_canary_of_another() -> None:
    """Nobody could tell whose replicas those are."""
    with pytest.raises(UsageError, match="wine-canary is the name of its canary"):
        check_services([WINE, replace(WINE, name="wine-canary", prefix="/other")])
    check_services([WINE, static("other")])


@given(
    st.lists(
        st.builds(
            Replica,
            cell=st.uuids().map(str),
            port=st.integers(1, 65_535),
            version=st.sampled_from(["3", "4"]),
            ready=st.booleans(),
            silent=st.booleans(),
        ),
        max_size=6,
    ),
    st.sampled_from(["3", "4"]),
)
def test_whoever_is_ready_leaves_nobody_without_an_answer(replicas: list[Replica], version: str) -> None:
    """A side is empty only if nothing of it is ready; it is called by a version that it has, in the same order each time."""
    arms = arms_of(WINE, deployed(*replicas, version=version))
    again = arms_of(WINE, deployed(*reversed(replicas), version=version))

    assert arms == again
    assert bool(arms.stable.endpoints) == any(one.ready for one in replicas)
    if arms.stable.endpoints:
        assert arms.stable.version in {endpoint.version for endpoint in arms.stable.endpoints}

"""The judge as webhooks of Flagger: the canary of the page, by what Flagger documents and by Flagger's own code."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from seatrial.config import to_release
from seatrial.testing import FakeClock
from seatrial.web.openapi import HOOKS
from tests.docs.pages import ROOT, blocks
from tests.scaffold.linters import go_program
from tests.web.serving import SOURCE, Figures, figures, serving
from tests.web.streams import BEGIN

PAGE = ROOT / "docs" / "how-to" / "judge-flagger.md"
_WEIGHT = 'flagger_canary_weight{workload="recommender",namespace="shop"} / 100'
_JUDGE = "http://seatrial-judge.tools:8090"
_CHECKSUM = "85d557f47b"


class Flagger:
    """Calls the hooks of a canary as Flagger's documentation says, with a judge and a clock of this test.

    The payload has `name`, `namespace`, `phase`, `checksum` and the hook's `metadata`; 200 to 202 means yes, anything else no.
    """

    def __init__(self, text: str, clock: FakeClock) -> None:
        self.text = text
        self.clock = clock
        self.canary: Any = YAML(typ="safe").load(text)

    def call(self, kind: str, checksum: str = _CHECKSUM, phase: str = "Progressing") -> httpx.Response:
        """One hook."""
        (hook,) = [each for each in self.canary["spec"]["analysis"]["webhooks"] if each["type"] == kind]
        payload = {
            **{key: self.canary["metadata"][key] for key in ("name", "namespace")},
            "phase": phase,
            "checksum": checksum,
            "metadata": hook["metadata"],
        }
        return httpx.post(hook["url"], json=payload, timeout=20)

    def says(self, *kinds: str) -> list[bool]:
        """Whether the hooks say yes, after another minute and a half."""
        self.clock.sleep(90)
        return [200 <= self.call(kind).status_code <= 202 for kind in kinds]


_CHECKS = ("rollout", "confirm-promotion", "rollback")


@pytest.fixture
def text() -> str:
    """The page's canary, with the canary's first minutes counted, so that a test is short."""
    (block,) = blocks(PAGE, "yaml")
    return block.text.replace("          window: 60s\n", "          window: 60s\n          warmup: 0\n")


@pytest.fixture
def flagger(text: str, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """A Flagger with the canary of the page."""

    def begin(found: Figures, token: str | None = "s3cret") -> Flagger:  # noqa: S107 - the page's
        found.answers = {_WEIGHT: 0.2} | dict(found.answers)
        clock = FakeClock(BEGIN)
        server = serving(tmp_path, found, clock=clock, token=token)
        url = server.__enter__()
        request.addfinalizer(lambda: server.__exit__(None, None, None))
        return Flagger(text.replace(_JUDGE, url), clock)

    return begin


def test_a_harmless_canary_is_promoted(flagger: Any) -> None:
    """It goes on while nothing is settled, and is promoted once the judge says so."""
    run = flagger(figures())
    begun = run.call("pre-rollout")
    first = run.says(*_CHECKS)
    later = [run.says(*_CHECKS) for _ in range(12)]

    assert 200 == begun.status_code
    assert [True, False, False] == first
    assert [True, True, False] == later[-1]


def test_harm_rolls_back(flagger: Any) -> None:
    """The rollback hook says yes, the others no, and their answer says why."""
    run = flagger(figures(failing=0.05))
    run.call("pre-rollout")

    assert [False, False, True] == run.says(*_CHECKS)
    refused = run.call("rollout")
    assert 403 == refused.status_code
    assert "error rate" in refused.json()["why"]


def test_no_traffic_is_never_promoted(flagger: Any) -> None:
    """Hours without a request: go on, and neither promote nor roll back."""
    run = flagger(figures(requests=0))
    run.call("pre-rollout")
    run.clock.sleep(6 * 3600)

    assert [True, False, False] == run.says(*_CHECKS)


def test_a_silent_prometheus_fails_the_check_and_rolls_nothing_back(flagger: Any) -> None:
    """Every hook says no; Flagger counts the failed checks itself."""
    found = figures()
    run = flagger(found)
    run.call("pre-rollout")
    found.metrics.down = "prometheus does not answer"

    assert [False, False, False] == run.says(*_CHECKS)
    assert 503 == run.call("rollout").status_code
    assert 503 == run.call("pre-rollout").status_code


def test_a_wrong_split_halts(flagger: Any) -> None:
    """A canary that does not get its share goes no further, and is not rolled back."""
    found = figures(requests=6000)
    found.answers = {_WEIGHT: 0.4}
    run = flagger(found)
    run.call("pre-rollout")
    run.clock.sleep(600)

    assert [False, False, False] == run.says(*_CHECKS)
    assert "pause" == run.call("rollout").json()["decision"]


def test_another_canary_is_another_release(flagger: Any) -> None:
    """Another checksum, and what was learned of the last canary is not held against this one; nor after its end."""
    run = flagger(figures(failing=0.05))
    run.call("pre-rollout")
    harmed = run.says("rollback")
    other = run.call("rollback", checksum="6f7d8c9b0a").status_code
    run.call("post-rollout", phase="Failed")

    assert [True] == harmed
    assert 403 == other
    assert 403 == run.call("rollback").status_code


def test_pre_rollout_begins_anew(flagger: Any) -> None:
    """Before the canary has traffic there is nothing to go on with."""
    run = flagger(figures(failing=0.05))
    run.call("pre-rollout")
    assert [True] == run.says("rollback")
    run.call("pre-rollout")

    assert 403 == run.call("rollback").status_code


def test_the_token_stands_in_the_metadata(flagger: Any) -> None:
    """A hook without it is refused, and no hook says yes by that."""
    run = flagger(figures(), token="another")

    assert [401] * 3 == [run.call(kind).status_code for kind in _CHECKS]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A judge without a token, in a project with the service `shop`."""
    services = {"shop": to_release({"source": SOURCE}, where="here")}
    with serving(tmp_path, services=services) as at:
        yield at


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_of_flagger_is_answered(url: str, hook: str) -> None:
    """With a service of the project, too; where nothing is known yet, only hooks that go on say yes."""
    payload = {"name": "shop", "namespace": "test", "phase": "Progressing", "metadata": {"service": "shop"}}
    answer = httpx.post(f"{url}/v1/flagger/{hook}", json=payload)

    assert (403 if hook in {"confirm-promotion", "rollback"} else 200) == answer.status_code


@pytest.mark.parametrize(
    ("payload", "where", "what"),
    [
        ({"name": "a"}, "body", "namespace"),
        ({"name": "a", "namespace": "b"}, "metadata", "neither policy nor service"),
        ({"name": "a", "namespace": "b", "metadata": {"servce": "shop"}}, "metadata", "did you mean 'service'"),
        (
            {"name": "a", "namespace": "b", "metadata": {"policy": "alpa: 1"}},
            "metadata.policy",
            "did you mean 'alpha'?",
        ),
        (
            {"name": "a", "namespace": "b", "metadata": {"policy": "alpha: 0.02"}},
            "metadata.policy.source",
            "nothing says",
        ),
        (
            {"name": "a", "namespace": "b", "metadata": {"service": "shop", "weight": "20"}},
            "metadata.weight",
            "no share",
        ),
        ({"name": "../../a", "namespace": "b", "metadata": {"service": "shop"}}, "metadata.stable", "no name"),
        ({"name": "a", "namespace": "../b", "metadata": {"service": "shop"}}, "release", "can't name a release"),
    ],
)
def test_what_is_wrong_is_said(url: str, payload: dict[str, Any], where: str, what: str) -> None:
    """400, and no hook says yes by it, not even rollback."""
    answers = [httpx.post(f"{url}/v1/flagger/{hook}", json=payload) for hook in _CHECKS]

    assert [400] * 3 == [answer.status_code for answer in answers]
    assert where == answers[0].json()["error"]["where"].partition(":")[0]
    assert what in answers[0].json()["error"]["what"]


def test_events_are_taken(url: str) -> None:
    """Flagger's events say nothing of policies, and are no trouble."""
    told = {"eventMessage": "New revision detected!", "eventType": "Normal", "timestamp": "1604000000000"}
    payload = {"name": "shop", "namespace": "test", "phase": "Progressing", "metadata": told}

    assert 200 == httpx.post(f"{url}/v1/flagger/event", json=payload).status_code


def test_a_hook_that_does_not_exist_is_no_yes(url: str) -> None:
    """404 for a misspelt hook."""
    payload = {"name": "shop", "namespace": "test", "metadata": {"service": "shop"}}

    assert 404 == httpx.post(f"{url}/v1/flagger/rolback", json=payload).status_code


# Flagger's own code.


def _by_flagger(text: str) -> dict[str, str]:
    """What Flagger makes of each hook's answer, by type; empty for yes."""
    program = go_program("flaggerhook", Path(__file__).parent / "flagger")
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert 0 == done.returncode, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.parametrize(("failing", "yes"), [(0.001, {"rollout", "confirm-promotion"}), (0.05, {"rollback"})])
def test_flagger_makes_the_same_of_it(flagger: Any, failing: float, yes: set[str]) -> None:
    """Flagger's strict reader takes the canary; its own calls are answered, and it reads the answers as documented."""
    run = flagger(figures(failing=failing))
    begun = _by_flagger(_only(run, "pre-rollout"))
    run.clock.sleep(1200)
    said = _by_flagger(_only(run, *_CHECKS))

    assert {"pre-rollout": ""} == begun
    assert yes == {hook for hook, problem in said.items() if not problem}
    assert all("why" in problem for problem in said.values() if problem)
    assert set(_by_flagger(run.text)) == {hook["type"] for hook in run.canary["spec"]["analysis"]["webhooks"]}


def _only(run: Flagger, *kinds: str) -> str:
    """The canary with these hooks alone."""
    analysis = run.canary["spec"]["analysis"]
    hooks = [hook for hook in analysis["webhooks"] if hook["type"] in kinds]
    return json.dumps({**run.canary, "spec": {**run.canary["spec"], "analysis": {**analysis, "webhooks": hooks}}})

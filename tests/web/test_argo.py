"""The judge as a web metric of Argo Rollouts: the templates of the page, by what Argo documents and by Argo's own code."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from seatrial.config import to_release
from seatrial.testing import FakeClock
from tests.docs.pages import ROOT, blocks
from tests.scaffold.linters import go_program
from tests.web.argo_rules import end_of, filled, phase_of, send
from tests.web.serving import SOURCE, Figures, figures, serving
from tests.web.streams import BEGIN

PAGE = ROOT / "docs" / "how-to" / "judge-argo.md"
_FILES = {block.title: block.text for block in blocks(PAGE, "yaml")}
_GIVEN = {"service": "recommender", "revision": "7", "stable-hash": "5d8f", "canary-hash": "6c9b", "token": "s3cret"}
_JUDGE = "http://seatrial-judge.tools:8090"
_GATE, _GUARD = "seatrial-gate.yaml", "seatrial-guard.yaml"


def _yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


@dataclass
class Analysis:
    """An analysis run of one template of the page, with a judge and a clock of this test."""

    text: str
    clock: FakeClock

    @property
    def metric(self) -> dict[str, Any]:
        """Its only metric, with the arguments filled in."""
        (metric,) = _yaml(self.text)["spec"]["metrics"]
        return filled(metric, _GIVEN)

    def measure(self) -> str:
        """One measurement, half a minute after the one before."""
        self.clock.sleep(30)
        return phase_of(self.metric, send(self.metric))

    def run(self, most: int) -> tuple[str, list[str]]:
        """The end, and the measurements that led to it; `Running` after so many."""
        phases: list[str] = []
        while end_of(self.metric, phases) == "Running" and len(phases) < most:
            phases.append(self.measure())
        return end_of(self.metric, phases), phases


@pytest.fixture
def analysis(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Begins an analysis by a template of the page."""

    def begin(name: str, found: Figures) -> Analysis:
        clock = FakeClock(BEGIN)
        services = {"recommender": to_release({"source": SOURCE, "window": "60s", "warmup": 0}, where="here")}
        server = serving(tmp_path, found, clock=clock, services=services, token=_GIVEN["token"])
        url = server.__enter__()
        request.addfinalizer(lambda: server.__exit__(None, None, None))
        return Analysis(_without_warmup(_FILES[name].replace(_JUDGE, url)), clock)

    return begin


def _without_warmup(text: str) -> str:
    """The page's policy with the canary's first minutes counted, so that a test is short."""
    return text.replace("            window: 60s\n", "            window: 60s\n            warmup: 0\n")


def test_a_harmless_canary_passes_the_gate(analysis: Any) -> None:
    """The step goes on as long as the judge does, and is over with the first promote."""
    end, phases = analysis(_GATE, figures(requests=40_000)).run(40)

    assert "Successful" == end
    assert "Inconclusive" == phases[0]
    assert {"Inconclusive", "Successful"} == set(phases)


@pytest.mark.parametrize("name", [_GATE, _GUARD])
def test_harm_fails_at_once(analysis: Any, name: str) -> None:
    """The first abort ends the analysis as failed, which aborts the rollout."""
    found = figures(slower=1.3)
    found.answers = {'sum(canary_weight{service="recommender"}) / 100': 0.2}
    end, phases = analysis(name, found).run(60)

    assert "Failed" == end
    assert "Failed" == phases[-1]
    assert 1 == phases.count("Failed")


def test_no_traffic_never_passes_the_gate(analysis: Any) -> None:
    """Without a request the analysis ends as inconclusive when its time is over, which pauses the rollout."""
    gate = analysis(_GATE, figures(requests=0))
    gate.text = gate.text.replace("inconclusiveLimit: 1440", "inconclusiveLimit: 20")
    end, phases = gate.run(60)

    assert "Inconclusive" == end
    assert ["Inconclusive"] * 21 == phases


@pytest.mark.parametrize("name", [_GATE, _GUARD])
def test_a_silent_prometheus_ends_in_an_error(analysis: Any, name: str) -> None:
    """Twenty errors in a row are forgiven, one more aborts; nothing passes meanwhile."""
    found = figures()
    found.metrics.down = "prometheus does not answer"
    end, phases = analysis(name, found).run(60)

    assert "Error" == end
    assert ["Error"] * 21 == phases


def test_a_wrong_token_ends_in_an_error(analysis: Any) -> None:
    """A judge that does not answer who asks is no yes."""
    gate = analysis(_GATE, figures())
    gate.text = gate.text.replace("Bearer {{args.token}}", "Bearer {{args.service}}")

    assert "Error" == gate.measure()


def test_the_guard_goes_on_with_the_gate(analysis: Any) -> None:
    """It says yes to continue and to promote, and never ends by itself."""
    found = figures()
    found.answers = {'sum(canary_weight{service="recommender"}) / 100': 0.2}
    end, phases = analysis(_GUARD, found).run(12)

    assert "Running" == end
    assert {"Successful"} == set(phases)


def test_a_wrong_split_pauses(analysis: Any) -> None:
    """Where the canary does not get what the query says, the guard is inconclusive, which pauses the rollout."""
    found = figures(requests=6000)
    found.answers = {'sum(canary_weight{service="recommender"}) / 100': 0.4}
    end, _ = analysis(_GUARD, found).run(30)

    assert "Inconclusive" == end


def test_the_rollout_gives_every_argument() -> None:
    """What a template asks for the rollout says, but the token, which is a secret."""
    (step,) = [
        step["analysis"]
        for step in _yaml(_FILES["rollout.yaml"])["spec"]["strategy"]["canary"]["steps"]
        if "analysis" in step
    ]
    template = _yaml(_FILES[_GATE])
    secret = [each["name"] for each in template["spec"]["args"] if "valueFrom" in each]

    assert [{"templateName": template["metadata"]["name"]}] == step["templates"]
    assert {each["name"] for each in template["spec"]["args"]} == {each["name"] for each in step["args"]} | set(secret)


# Argo's own code.


def _by_argo(text: str, given: Mapping[str, str] = _GIVEN) -> dict[str, Any]:
    program = go_program("argometric", Path(__file__).parent / "argo")
    arguments = [f"{name}={value}" for name, value in given.items()]
    done = subprocess.run([program, *arguments], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert 0 == done.returncode, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.parametrize("name", [_GATE, _GUARD])
@pytest.mark.parametrize(
    ("slower", "down", "expected"),
    [(1.0, "", {"Successful"}), (1.3, "", {"Failed"}), (1.0, "silent", {"Error"})],
    ids=["harmless", "harm", "silent"],
)
def test_argo_makes_the_same_of_it(analysis: Any, name: str, slower: float, down: str, expected: set[str]) -> None:
    """Argo's strict reader takes the template, and its provider measures what its documentation says."""
    found = figures(slower=slower)
    found.answers = {'sum(canary_weight{service="recommender"}) / 100': 0.2}
    run = analysis(name, found)
    first = _by_argo(run.text)["judge"]
    run.clock.sleep(1200)
    found.metrics.down = down
    measured = _by_argo(run.text)["judge"]

    assert "Error" != first["phase"], first
    assert expected == {measured["phase"]}, measured
    assert expected == {phase_of(run.metric, send(run.metric))}

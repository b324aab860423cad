"""A retrained version on its way to all users: a real gateway, model servers, users, and the project's server.

What its trial finds is told; everything else is as it is in production.
"""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from seatrial.adapters.runtime.loopback import PortReserve
from seatrial.records import RetrainOutcome, RetrainPhase, RetrainResult, Verdict
from tests.deployments.projects import Deployed, deployed
from tests.end_to_end.load import load
from tests.waiting import wait_until
from tests.workflows.loops import BEGAN, Loop, make_loop, ratings
from tests.workflows.projects import Receiver, receiver

LONG = 120.0
CONFIG = """\
notify:
  - {{name: hook, url: '{hook}', events: [retraining]}}
gateway: {{port: {port}}}
services:
  small:
    replicas: 1
    release:
      window: 1s
      warmup: 1s
      steps: [{{weight: 50%, until: decided}}]
      margins: {{latency_p50: off, latency_p90: off, latency_p99: off, errors: 5pp}}
      split_margin: 20%
"""


@dataclass(frozen=True)
class Port:
    """A loop whose first version is stable, and holds the stage."""

    loop: Loop
    project: Deployed
    url: str
    hook: Receiver

    def rate(self, day: int) -> None:
        """What came in on a day."""
        self.loop.rate(ratings(150, seed=day, begin=BEGAN + timedelta(days=day)), f"{day}.log")

    def stages(self) -> list[str]:
        """Of all versions."""
        return [model.stage for model in self.loop.models()]

    def ended(self, run: str) -> RetrainResult:
        """A retraining, once it has ended."""

        def found() -> RetrainResult | None:
            result = next(result for result in self.loop.results() if result.run == run)
            return result if result.phase is RetrainPhase.ENDED else None

        result = wait_until(found, LONG, poll=0.5)
        assert result is not None
        return result

    def told(self, run: str) -> str:
        """What people were told of it, once."""
        key = f"retraining:{run}"
        (notice,) = wait_until(lambda: [each for each in self.hook.got if each["key"] == key], LONG, poll=0.1)
        return str(notice["title"])


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    """Its users are answered by the first version."""
    number = PortReserve().free_port()
    with ExitStack() as stack:
        hook = stack.enter_context(receiver())
        loop = make_loop(tmp_path, config=CONFIG.format(port=number, hook=hook.url))
        project = stack.enter_context(deployed(loop.folder))
        loop.small.write("server.py", (loop.folder / "server.py").read_text().replace('row["x"]', "1"))
        loop.small.commit()
        made = Port(loop, project, f"http://127.0.0.1:{number}", hook)
        made.rate(0)
        first = loop.run("retrain", fake=True)
        assert 0 == first.returncode, first.stderr
        config = (loop.folder / "seatrial.yaml").read_text()
        loop.small.write("seatrial.yaml", config.replace("then: promote", "then: release"))
        loop.small.commit()
        project.ok("deploy", "small@1", "--name", "small", "--replicas", "1")
        wait_until(lambda: _answers(made), LONG, poll=0.1)
        yield made


def _answers(port: Port) -> bool:
    try:
        return port.project.ask(port.url).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_retrained_version_gets_its_stage_with_its_users(port: Port, tmp_path: Path) -> None:
    """The run that was killed begins no second release, and says released once all users have the version.

    One whose release is aborted leaves users and stage where they were, and says so.
    """
    with load(f"{port.url}/predict", 100, tmp_path) as users:
        port.rate(1)
        killed = port.loop.run("retrain", dying=("after", "release"), fake=True)
        assert -signal.SIGKILL == killed.returncode, killed.stderr
        released = port.ended(port.loop.results()[-1].run)
        assert (RetrainOutcome.RELEASED, Verdict.PASS, 2) == (released.outcome, released.verdict, released.number)
        assert ["None", "Production"] == port.stages()
        assert [(1, port.loop.results()[0].promotion), (2, released.release)] == [
            (number, run) for number, _, run in port.loop.moves()
        ]
        assert "small v2 was released" in port.told(released.run)
        assert released.release in released.headline

        port.rate(2)
        following = port.loop.start("retrain", fake=True)
        wait_until(lambda: users.counted["versions"].get("3", 0) > 0, LONG, poll=0.1)
        assert ["None", "Production", "None"] == port.stages()
        assert 2 == len(port.hook.got), "nothing is said before it is so"
        port.project.ok("release", "abort", "small")
        assert following.wait(LONG) in {1, 3}, following.communicate()
        following.communicate()
        aborted = port.loop.results()[-1]
        assert (RetrainOutcome.NOT_RELEASED, 3) == (aborted.outcome, aborted.number)
        assert ["None", "Production", "None"] == port.stages()
        assert "small v3 was not released" in port.told(aborted.run)
        releases = port.project.ok("release", "history", "--format", "json").document
        counted = users.end()
    assert 0 == counted["failed"], counted["failures"]
    assert {"1", "2", "3"} == set(counted["versions"])
    assert 2 == len(releases), "one of each run"

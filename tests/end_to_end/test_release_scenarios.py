"""Releases in worlds that go wrong, with a real Envoy, the real server and users: what is decided, and what users notice.

What runs behind the gateway are upstreams of the test's own, so that they can be made slow, broken or dead. All releases
are begun at once and go on beside each other, as they would; each test looks at its own.
"""

import base64
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from seatrial.adapters.runtime.loopback import PortReserve
from seatrial.records import Release, ReleaseOutcome, ReleasePhase, Verdict
from seatrial.release.book import open_release_book
from tests.deployments.projects import COMMAND, Deployed, deployed, model
from tests.end_to_end.load import Load, load
from tests.end_to_end.upstream import Behaviour, Upstreams, upstreams
from tests.waiting import wait_until
from tests.workflows.projects import Receiver, receiver

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LONG = 90.0
RATES = {"tail": 150, "errors": 100, "dies": 60, "failover": 60, "common": 60, "goes-on": 60}
SERVICES = (*RATES, "silent")
SLOW_TAIL = Behaviour(slow=0.08, slow_seconds=0.15)
BROKEN = Behaviour(errors=0.15)
HEAD = """\
name: cellar
gateway: {{port: {port}}}
notify:
  - {{url: '{hook}', name: hook, events: [release]}}
services:
"""
SERVICE = """\
  {name}:
    model: wine
    prefix: /{name}
    stable: http://127.0.0.1:{stable}
    canary: http://127.0.0.1:{canary}
    release:
      window: 1s
      warmup: 1s
      soak: {soak}
      longest: {longest}
      tolerance: 20%
      split_margin: 20%
      margins: {{latency_p50: 300%, latency_p90: 500%, latency_p99: 800%, errors: 10pp}}
      steps: [{{weight: 50%, until: decided}}]
"""


@dataclass(frozen=True)
class Seas:
    """A project with services in different weather, each of which is being released."""

    project: Deployed
    url: str
    shared: Upstreams
    mortal: dict[str, Upstreams]
    ports: dict[str, tuple[int, int]]
    users: dict[str, Load]
    silent: "subprocess.Popen[bytes]"
    hook: Receiver

    def latest(self, service: str) -> Release:
        """The release of a service."""
        book = open_release_book(self.project.folder / ".seatrial")
        try:
            return [*book.running(service), *book.past(service, limit=1)][0]
        finally:
            book.close()

    def end(self, service: str) -> Release:
        """The release of a service, once it has ended."""
        wait_until(lambda: self.latest(service).phase is ReleasePhase.ENDED, LONG, poll=0.2)
        return self.latest(service)

    def at_canary(self, service: str, least: int) -> None:
        """Wait until its canary has answered so many requests."""
        wait_until(lambda: self.users[service].counted["versions"].get("canary", 0) >= least, LONG, poll=0.1)

    def goes_on(self, service: str, more: int) -> dict[str, Any]:
        """What its users got, once they were answered so many times more."""
        answered = self.users[service].counted["answered"] + more
        wait_until(lambda: self.users[service].counted["answered"] >= answered, LONG, poll=0.1)
        return self.users[service].counted

    def notice(self, release: str) -> dict[str, Any]:
        """What the receiver was told of it."""
        told = wait_until(lambda: [one for one in self.hook.got if release in one["key"]], LONG, poll=0.1)
        assert 1 == len(told)
        return told[0]


@pytest.fixture(scope="module")
def seas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seas]:
    """Everything runs, and every canary gets half of the requests, where there are any."""
    folder = tmp_path_factory.mktemp("seas")
    reserve = PortReserve()
    gateway, plain = reserve.free_port(), reserve.free_port()
    ports = {name: (plain, reserve.free_port()) for name in SERVICES}
    for name in ("common", "failover"):
        ports[name] = (reserve.free_port(), ports[name][1])
    lone = {"dies": ports["dies"][1], "failover": ports["failover"][0]}
    told = {ports["tail"][1]: SLOW_TAIL, ports["errors"][1]: BROKEN}
    with ExitStack() as stack:
        hook = stack.enter_context(receiver())
        together = sorted({port for pair in ports.values() for port in pair} - set(lone.values()))
        shared = stack.enter_context(upstreams(*together, told=told))
        mortal = {name: stack.enter_context(upstreams(port)) for name, port in lone.items()}
        project = stack.enter_context(deployed(folder / "cellar"))
        config = [HEAD.format(port=gateway, hook=hook.url)]
        for name, (stable, canary) in ports.items():
            silent = name == "silent"
            times = {"longest": "4s" if silent else "1h", "soak": "0s" if silent or name == "goes-on" else "1h"}
            config.append(SERVICE.format(name=name, stable=stable, canary=canary, **times))
        (project.folder / "seatrial.yaml").write_text("".join(config))
        project.ok("models", "register", str(model(folder / "wine.joblib", 1.0)), "--name", "wine")
        silence = _start(project, "silent", "--wait")
        starting = [_start(project, name) for name in RATES]
        assert [0] * len(starting) == [process.wait(LONG) for process in starting]
        url = f"http://127.0.0.1:{gateway}"
        wait_until(lambda: all(_answers(f"{url}/{name}") for name in RATES), LONG, poll=0.1)
        users = {}
        for name, rate in RATES.items():
            (folder / name).mkdir()
            users[name] = stack.enter_context(load(f"{url}/{name}", rate, folder / name))
        yield Seas(project, url, shared, mortal, ports, users, silence, hook)


def test_a_canary_with_a_slower_tail_is_aborted(seas: Seas) -> None:
    """Eight in a hundred of its requests take much longer; all others are as fast as stable's. Nobody's request fails."""
    release = seas.end("tail")
    assert (ReleaseOutcome.ABORTED, Verdict.FAIL) == (release.outcome, release.verdict)
    assert re.match("the latency's p9[09] is worse", release.why)
    _settles_on_stable(seas, "tail")
    assert 0 == seas.users["tail"].end()["failed"]


def test_errors_abort_and_people_see_which_requests_failed(seas: Seas) -> None:
    """The notice names the metric with its interval, has the lines of failing requests, and the plot beside it."""
    release = seas.end("errors")
    assert (ReleaseOutcome.ABORTED, Verdict.FAIL) == (release.outcome, release.verdict)
    assert "error rate" in release.why
    notice = seas.notice(release.id)
    assert "fail" == notice["verdict"]
    assert "aborted" in notice["title"]
    assert re.search(r"Metric errors: .*\[.*\]", notice["message"]), "the metric with its interval"
    assert "500 5xx" in notice["message"]
    assert "POST /errors" in notice["message"]
    (picture,) = notice["attachments"]
    assert base64.b64decode(picture["base64"]).startswith(b"\x89PNG")
    _settles_on_stable(seas, "errors")
    counted = seas.users["errors"].end()
    assert all(" 500 " in failure for failure in counted["failures"]), "only what the canary itself answered"
    canary = counted["versions"].get("canary", 0) + counted["failed"]
    assert counted["failed"] < 0.3 * canary


def test_a_canary_that_dies_is_aborted_and_nobody_is_refused(seas: Seas) -> None:
    """Stable takes its requests, and each of them counts against it."""
    seas.at_canary("dies", 60)
    died = time.time()
    seas.mortal["dies"].die()
    release = seas.end("dies")
    assert (ReleaseOutcome.ABORTED, Verdict.FAIL) == (release.outcome, release.verdict)
    counted = seas.users["dies"].end()
    assert [] == _failures_after(counted, died + 0.5), "those that it held when it was killed are lost, no more"
    assert counted["failed"] <= 3


def test_stable_dies_and_the_canary_answers_for_it(seas: Seas) -> None:
    """Nothing is taken from the canary, and nothing is promoted; it goes on as stable comes back."""
    seas.at_canary("failover", 60)
    died = time.time()
    seas.mortal["failover"].die()
    seas.goes_on("failover", 150)
    release = seas.latest("failover")
    assert (ReleasePhase.STEPPING, None, 500) == (release.phase, release.outcome, release.weight)
    seas.mortal["failover"].start()
    back = time.time()
    wait_until(lambda: seas.users["failover"].counted["last"].get("stable", 0) > back, LONG, poll=0.1)
    assert ReleasePhase.STEPPING is seas.latest("failover").phase
    counted = seas.users["failover"].end()
    assert [] == _failures_after(counted, died + 0.5)
    assert counted["failed"] <= 3


def test_both_arms_slow_down_together_and_nothing_follows(seas: Seas) -> None:
    """Whatever happened to both is not the canary's doing."""
    seas.at_canary("common", 100)
    for port in seas.ports["common"]:
        seas.shared.behave(port, Behaviour(median=0.03))
    seas.goes_on("common", 600)
    release = seas.latest("common")
    assert (ReleasePhase.STEPPING, None) == (release.phase, release.outcome)
    assert 0 == seas.users["common"].end()["failed"]


def test_without_requests_nothing_is_promoted(seas: Seas) -> None:
    """It times out without a verdict, which is exit code 3 of the command that waits for it."""
    assert 3 == seas.silent.wait(LONG)
    release = seas.latest("silent")
    assert (ReleaseOutcome.ABORTED, Verdict.INCONCLUSIVE) == (release.outcome, release.verdict)
    assert "not enough evidence" in release.why


def test_a_release_goes_on_over_the_deaths_of_server_and_envoy(seas: Seas) -> None:
    """Both are killed in the middle; the same release comes to its end, and users miss Envoy alone."""
    seas.at_canary("goes-on", 50)
    before = seas.latest("goes-on")
    seas.project.kill_server()
    counted = seas.goes_on("goes-on", 60)
    assert 0 == counted["failed"], "nobody needs the server to be answered"
    server = _spawn(seas.project, "server")
    wait_until(lambda: seas.project.server, LONG)
    proxy = seas.project.ok("gateway", "status", "--format", "json").document["proxy"]
    killed = time.time()
    os.kill(proxy["pid"], signal.SIGKILL)
    wait_until(lambda: _answers(f"{seas.url}/goes-on"), LONG, poll=0.05)
    back = time.time()
    release = seas.end("goes-on")
    assert (before.id, ReleaseOutcome.PROMOTED, Verdict.PASS) == (release.id, release.outcome, release.verdict)
    server.terminate()
    server.wait(LONG)
    counted = seas.users["goes-on"].end()
    assert [] == [line for line in counted["failures"] if not killed - 0.5 < float(line.split()[0]) < back + 0.5]


def _start(project: Deployed, service: str, *words: str) -> "subprocess.Popen[bytes]":
    """Begin to begin a release: its process."""
    return _spawn(project, "release", "start", "wine@1", "--service", service, *words)


def _spawn(project: Deployed, *words: str) -> "subprocess.Popen[bytes]":
    """A command of seatrial's that nobody waits for yet."""
    command = [*COMMAND, *words, "--project", str(project.folder)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=project.folder, env=project.environment, stdout=quiet, stderr=quiet)


def _answers(url: str) -> bool:
    try:
        return httpx.post(url, json={}, trust_env=False).status_code < httpx.codes.INTERNAL_SERVER_ERROR
    except httpx.TransportError:
        return False


def _settles_on_stable(seas: Seas, service: str) -> None:
    """All requests of a second are stable's."""

    def alone() -> bool:
        last = seas.users[service].counted["last"]
        return bool(last["stable"] - last["canary"] > 1.0)

    wait_until(alone, LONG, poll=0.1)


def _failures_after(counted: dict[str, Any], moment: float) -> list[str]:
    return [line for line in counted["failures"] if float(line.split()[0]) > moment]

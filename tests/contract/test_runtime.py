"""The contract of the Runtime port, on the shipped fake and on local processes with and without control groups."""

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.cgroup import Cgroups
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.ports import Clock, Instance, Launch, Runtime, Status
from seatrial.records import PermanentError, Resources
from seatrial.testing import FakeClock, FakeRuntime, Script
from tests.adapters.launching import NO_CGROUPS, python, unique, writable_cgroups
from tests.waiting import wait_until

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(1000)"
COMMANDS = {
    "steady": ["sleep", "1000"],
    "dies": python("print('no such model'); raise SystemExit(3)"),
    "stubborn": python(STUBBORN),
    "talks": python("for number in range(30): print('line', number)\nimport time; time.sleep(1000)"),
    "tells": python("print('token very-secret'); import time; time.sleep(1000)"),
    "impossible": ["no-such-program-anywhere"],
}
SCRIPTS = {
    "dies": Script(dies_after=1.0, exit_status=3, log="no such model\n"),
    "stubborn": Script(ignores_sigterm=True, log="ready\n"),
    "talks": Script(log="".join(f"line {number}\n" for number in range(30))),
    "tells": Script(log="token ****"),
    "impossible": Script(start_error=PermanentError("no-such-program-anywhere can't be started", remedy="check it")),
}


class Harness:
    """A runtime, the cells that it can start, its time, and the runtime that a later seatrial has."""

    def __init__(self, runtime: Runtime, clock: Clock, folder: Path, later: Runtime) -> None:
        self.runtime = runtime
        self.later = later
        self.clock = clock
        self.started: list[Instance] = []
        self._folder = folder

    def start(self, cell: str, run: str = "run") -> Instance:
        """Start one of the cells above."""
        instance = self.runtime.start(self.launch(cell, run))
        self.started.append(instance)
        return instance

    def launch(self, cell: str, run: str = "run") -> Launch:
        """With what it is started."""
        return Launch(
            run=unique(run),
            cell=cell,
            command=COMMANDS[cell],
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "API_TOKEN": "very-secret"},
            port=1,
            log=self._folder / f"{run}-{cell}.log",
            resources=Resources(cpu=1.0, memory=256 << 20),
        )

    def wait(self, condition: Callable[[], bool]) -> None:
        """Let time pass until the condition holds."""

        def passed() -> bool:
            if isinstance(self.clock, FakeClock):
                self.clock.sleep(0.1)
            return condition()

        wait_until(passed)


@pytest.fixture(params=["fake", "process", "process with cgroups"])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    """Each runtime in turn; everything is stopped at the end."""
    fake_clock, clock = FakeClock(), SystemClock()
    fake = FakeRuntime(fake_clock, SCRIPTS)

    def processes(cgroups: Cgroups) -> Harness:
        return Harness(ProcessRuntime(clock, cgroups), clock, tmp_path, ProcessRuntime(clock, cgroups))

    made = {
        "fake": lambda: Harness(fake, fake_clock, tmp_path, fake),
        "process": lambda: processes(NO_CGROUPS),
        "process with cgroups": lambda: processes(writable_cgroups("memory")),
    }[request.param]()
    yield made
    for instance in made.started:
        instance.stop(grace=0.0)


def test_a_started_deployment_runs(harness: Harness) -> None:
    """It runs, with no exit status yet."""
    assert Status(running=True) == harness.start("steady").status()


def test_a_stopped_deployment_has_ended_by_sigterm(harness: Harness) -> None:
    """Stopping ends it with SIGTERM, and it says so ever after."""
    instance = harness.start("steady")

    instance.stop()

    assert Status(running=False, exit_status=-15) == instance.status()


def test_stopping_twice_is_the_same_as_once(harness: Harness) -> None:
    """A second stop changes nothing."""
    instance = harness.start("steady")
    instance.stop()

    instance.stop()

    assert Status(running=False, exit_status=-15) == instance.status()


def test_what_ignores_sigterm_is_killed_after_the_grace(harness: Harness) -> None:
    """No deployment survives its stop."""
    instance = harness.start("stubborn")
    harness.wait(lambda: "ready" in instance.log_tail())

    instance.stop(grace=0.05)

    assert Status(running=False, exit_status=-9) == instance.status()


def test_a_deployment_that_dies_says_how(harness: Harness) -> None:
    """Its exit status and the end of its log are there, also after stopping it."""
    instance = harness.start("dies")
    harness.wait(lambda: not instance.status().running)

    instance.stop()

    assert Status(running=False, exit_status=3) == instance.status()
    assert instance.log_tail() == "no such model"


def test_usage_grows_while_it_runs_and_ends_with_it(harness: Harness) -> None:
    """Time and CPU seconds never go back; after the end there is no usage."""
    instance = harness.start("steady")
    harness.wait(lambda: (point := instance.usage()) is not None and point.memory > 0)
    first = instance.usage()
    harness.wait(lambda: (point := instance.usage()) is not None and first is not None and point.at > first.at)
    second = instance.usage()

    instance.stop()

    assert first is not None
    assert second is not None
    assert second.cpu_seconds >= first.cpu_seconds >= 0.0
    assert None is instance.usage()


def test_the_source_of_usage_is_named(harness: Harness) -> None:
    """A report can say how the figures were read."""
    assert harness.start("steady").usage_source in {"cgroup v1", "cgroup v2", "psutil"}


def test_limits_are_enforced_or_said_not_to_be(harness: Harness) -> None:
    """Nothing that was asked for is silently dropped."""
    limits = harness.start("steady").limits

    assert limits.kind in {"cgroup v1", "cgroup v2", "none"}
    if limits.kind == "none":
        assert not limits.cpu_enforced
        assert not limits.memory_enforced


def test_the_log_tail_is_its_last_lines(harness: Harness) -> None:
    """As many lines as asked for, the newest last."""
    instance = harness.start("talks")
    harness.wait(lambda: "line 29" in instance.log_tail())

    assert instance.log_tail(2) == "line 28\nline 29"
    assert instance.log_tail(0) == ""


def test_what_cannot_be_started_is_an_error_with_a_remedy(harness: Harness) -> None:
    """A missing program is a permanent error that names it."""
    with pytest.raises(PermanentError, match="no-such-program-anywhere") as caught:
        harness.start("impossible")

    assert caught.value.remedy


def test_a_sweep_ends_one_run_and_no_other(harness: Harness) -> None:
    """Everything of that run is stopped and counted; the neighbour runs on."""
    swept = [harness.start("steady", "swept"), harness.start("talks", "swept")]
    neighbour = harness.start("steady", "neighbour")

    count = harness.runtime.sweep(unique("swept"))

    assert 2 == count
    assert [False, False] == [instance.status().running for instance in swept]
    assert neighbour.status().running


def test_a_sweep_of_nothing_finds_nothing(harness: Harness) -> None:
    """An unknown run is no error."""
    assert 0 == harness.runtime.sweep(unique("never-was"))


def test_an_adopted_deployment_is_watched_and_stopped_like_one_of_ours(harness: Harness) -> None:
    """A later seatrial finds it by its run and cell: it runs, is limited and measured, and ends when told."""
    first = harness.start("talks")
    harness.wait(lambda: "line 29" in first.log_tail())

    adopted = harness.later.adopt(harness.launch("talks"))

    assert adopted is not None
    assert Status(running=True) == adopted.status()
    assert first.limits == adopted.limits
    assert first.usage_source == adopted.usage_source
    assert adopted.log_tail(1) == "line 29"
    assert (point := adopted.usage()) is not None
    assert point.at >= 0.0
    adopted.stop()
    assert None is adopted.usage()
    assert [False, False] == [first.status().running, adopted.status().running]


def test_how_an_adopted_deployment_ended_is_not_known(harness: Harness) -> None:
    """Only whoever started it is told."""
    harness.start("stubborn")
    adopted = harness.later.adopt(harness.launch("stubborn"))
    assert adopted is not None

    adopted.stop(grace=0.05)

    assert Status(running=False) == adopted.status()


def test_what_has_ended_or_never_was_cannot_be_adopted(harness: Harness) -> None:
    """There is nothing to take over."""
    ended = harness.start("dies")
    harness.wait(lambda: not ended.status().running)

    assert None is harness.later.adopt(harness.launch("dies"))
    assert None is harness.later.adopt(harness.launch("steady"))


def test_only_the_very_cell_is_adopted(harness: Harness) -> None:
    """Neither its neighbour nor the same cell of another run."""
    harness.start("steady")
    harness.start("talks", "other")

    assert None is harness.later.adopt(harness.launch("talks"))
    assert None is harness.later.adopt(harness.launch("steady", "other"))
    assert harness.later.adopt(harness.launch("steady")) is not None


def test_the_log_of_an_adopted_deployment_shows_no_secrets(harness: Harness) -> None:
    """They are known from its own environment; whoever adopts it need not know them."""
    first = harness.start("tells")
    harness.wait(lambda: "token" in first.log_tail())

    adopted = harness.later.adopt(replace(harness.launch("tells"), env={}))

    assert adopted is not None
    assert adopted.log_tail() == "token ****"


def test_free_ports_are_free_and_never_the_same(harness: Harness) -> None:
    """Cells that start at once don't fight for a port."""
    ports = [harness.runtime.free_port() for _ in range(50)]

    assert 50 == len(set(ports))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports[-1]))


def test_it_describes_itself(harness: Harness) -> None:
    """`seatrial doctor` gets words."""
    facts = harness.runtime.describe()

    assert "cgroup" in facts
    assert all(isinstance(value, str) for value in facts.values())

"""What the shipped fakes do beyond their ports: follow scripts."""

from collections.abc import Callable
from pathlib import Path

from seatrial.ports import Launch, Status
from seatrial.records import Limits, Resources
from seatrial.testing import FakeClock, FakeRuntime, Script

LAUNCH = Launch(
    run="run",
    cell="forest@candidate",
    command=["serve"],
    cwd=Path("/"),
    env={},
    port=8000,
    log=Path("/dev/null"),
    resources=Resources(),
)


def test_the_example_of_the_docstring() -> None:
    """A deployment dies when its script says."""
    clock = FakeClock()
    runtime = FakeRuntime(clock, {"forest@candidate": Script(dies_after=3.0, exit_status=1, log="no such model")})
    instance = runtime.start(LAUNCH)

    clock.sleep(2.9)
    before = instance.status()
    clock.sleep(0.1)

    assert Status(running=True) == before
    assert Status(running=False, exit_status=1) == instance.status()
    assert instance.log_tail() == "no such model"


def test_memory_may_follow_time() -> None:
    """A leak is a function of the age; CPU grows with it."""
    clock = FakeClock()
    script = Script(memory=lambda age: 1000 + int(age) * 10, cores=0.5, limits=Limits(kind="cgroup v2"))
    instance = FakeRuntime(clock, default=script).start(LAUNCH)

    clock.sleep(4.0)
    usage = instance.usage()

    assert usage is not None
    assert (4.0, 2.0, 1040) == (usage.at, usage.cpu_seconds, usage.memory)
    assert instance.usage_source == "cgroup v2"


def test_a_script_may_really_serve() -> None:
    """What it starts gets the launch and is ended exactly once, with the deployment."""
    events: list[str] = []

    def serve(launch: Launch) -> Callable[[], None]:
        events.append(f"serving on {launch.port}")
        return lambda: events.append("ended")

    instance = FakeRuntime(FakeClock(), default=Script(serve=serve)).start(LAUNCH)

    instance.stop()
    instance.stop()

    assert ["serving on 8000", "ended"] == events


def test_ignoring_sigterm_takes_the_grace() -> None:
    """The fake's time passes as the real would."""
    clock = FakeClock()
    instance = FakeRuntime(clock, default=Script(ignores_sigterm=True)).start(LAUNCH)

    instance.stop(grace=7.0)

    assert 7.0 == clock.monotonic()
    assert (Status(running=False, exit_status=-9), 1) == (instance.status(), instance.stops)

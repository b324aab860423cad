"""A cell is started, waited for, and on failure stopped and marked, with the fakes that ship with seatrial."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from seatrial.records import Cell, DeploymentSpec, HealthSpec, Role, Stage, UsageError
from seatrial.testing import FakeClock, FakeRuntime, Script
from seatrial.trial.build.commands import StoppedError
from seatrial.trial.cells import CellRun
from seatrial.trial.deploy import Starter, command_line
from seatrial.trial.progress import unwatched
from tests.trial.making import CANDIDATE

CELL = "forest@candidate"


def started(
    tmp_path: Path,
    script: Script,
    answer: Callable[[httpx.Request], httpx.Response],
    check: Callable[[], None] = lambda: None,
) -> tuple[CellRun, FakeRuntime]:
    """A cell after its start, with a health path that answers so."""
    spec = DeploymentSpec(
        name="forest", run="serve --port $PORT '$NAME'", health=HealthSpec(path="/ready", deadline=5.0)
    )
    cell = CellRun(Cell(deployment=spec, version=CANDIDATE, role=Role.CANDIDATE), unwatched)
    clock = FakeClock()
    runtime = FakeRuntime(clock, {CELL: script})
    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        starter = Starter(run="r", runtime=runtime, clock=clock, http=http, check=check)
        starter.start(cell, project=tmp_path, env={"NAME": "a b"}, log=tmp_path / "log")
    return cell, runtime


def test_a_healthy_cell_has_an_address_and_a_time(tmp_path: Path) -> None:
    """Its command line has the port and the environment filled in, without a shell splitting values."""
    cell, runtime = started(tmp_path, Script(), lambda _: httpx.Response(200))
    (instance,) = runtime.instances
    assert ["serve", "--port", str(instance.launch.port), "a b"] == list(instance.launch.command)
    assert f"http://127.0.0.1:{instance.launch.port}" == cell.url
    assert cell.ready_seconds is not None
    assert cell.lives


def test_a_redirect_counts_as_healthy_and_404_does_not(tmp_path: Path) -> None:
    """Below 400 is ready."""
    assert started(tmp_path, Script(), lambda _: httpx.Response(307))[0].lives
    assert not started(tmp_path, Script(), lambda _: httpx.Response(404))[0].lives


def test_a_cell_that_is_late_is_stopped_and_says_what_it_answered(tmp_path: Path) -> None:
    """After the deadline nothing of it runs."""
    cell, runtime = started(tmp_path, Script(log="loading"), lambda _: httpx.Response(503))
    assert cell.failure is not None
    assert (Stage.START, "loading") == (cell.failure.stage, cell.failure.log_tail)
    assert "not healthy within 5 s: /ready answered 503" in cell.failure.message
    assert 1 == runtime.instances[0].stops


def test_a_cell_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    """Its exit status and last words are the row."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    cell, _ = started(tmp_path, Script(dies_after=0.5, exit_status=7, log="no such model"), refuse)
    assert cell.failure is not None
    assert (7, "no such model") == (cell.failure.exit_status, cell.failure.log_tail)


def test_another_who_answers_on_its_port_is_not_taken_for_it(tmp_path: Path) -> None:
    """The process has ended, so whoever answers is somebody else; it is tried on another port and then given up."""
    script = Script(dies_after=0.0, exit_status=1, log="[Errno 98] Address already in use")
    cell, runtime = started(tmp_path, script, lambda _: httpx.Response(200))
    assert not cell.lives
    assert 3 == len({instance.launch.port for instance in runtime.instances})


def test_a_stopped_trial_stops_the_cell_and_does_not_blame_it(tmp_path: Path) -> None:
    """It has not failed: nobody waited for it any more."""

    def stopped() -> None:
        raise StoppedError("the trial was interrupted")

    cell, runtime = started(tmp_path, Script(), lambda _: httpx.Response(200), check=stopped)
    assert cell.lives
    assert (None, 1) == (cell.url, runtime.instances[0].stops)


@pytest.mark.parametrize("command", ["a && b", "a | b", "a > b", "", "'unclosed"])
def test_what_only_a_shell_understands_is_refused(command: str) -> None:
    """With a remedy, instead of a program that gets `&&` as an argument."""
    with pytest.raises(UsageError) as caught:
        command_line(command, {}, where="forest@candidate")
    assert caught.value.remedy


def test_unknown_variables_stay_as_they_are() -> None:
    """A `$` may be part of an argument."""
    assert ["a", "$HOME/x", "5"] == command_line("a $HOME/x ${N}", {"N": "5"}, where="")

"""Tests run by the real pytest, where they are told to run, and what goes wrong with them."""

import os
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from seatrial.records import StackSpec, TemporaryError
from seatrial.records import TestSpec as Spec
from seatrial.trial.build.commands import Commands
from seatrial.trial.build.stack import Stacks
from seatrial.trial.external.suite import OwnStack
from tests.build.packages import make_wheel
from tests.external.conftest import Run
from tests.waiting import wait_until

SMOKE = """\
import json, os, requests, pytest

def test_answers():
    assert requests.get(os.environ["DEPLOYED_MODEL_URL"]).ok

@pytest.mark.skip(reason="later")
def test_later():
    pass
"""


def smoke(**options: object) -> Spec:
    """A pytest test."""
    return Spec(kind="pytest", target="smoke", name="smoke", **options)  # type: ignore[arg-type]


def write(project: Path, code: str) -> None:
    """Write the project's tests."""
    (project / "smoke").mkdir()
    (project / "smoke" / "test_smoke.py").write_text(code)


def test_a_path_runs(project: Path, run: Run) -> None:
    """Every test is a case; skipped ones are shown and neither help nor harm."""
    write(project, SMOKE)
    before = sorted(project.rglob("*"))
    result = run(smoke())
    assert result.passed, result
    assert {"test_answers": "passed", "test_later": "skipped"} == {
        case.name.rpartition(".")[2]: case.outcome for case in result.cases
    }
    assert before == sorted(project.rglob("*"))


def test_only_skipped_tests_do_not_pass(project: Path, run: Run) -> None:
    """No data never passes."""
    write(project, SMOKE.replace("def test_answers", "def answers"))
    result = run(smoke())
    assert not result.passed
    assert result.message == "every case was skipped"


def test_no_tests_do_not_pass(project: Path, run: Run) -> None:
    """A path with no test in it is named."""
    write(project, "")
    result = run(smoke())
    assert not result.passed
    assert result.message == "pytest found no test in smoke"


def test_a_missing_path_is_named(run: Run) -> None:
    """Before anything is run."""
    result = run(smoke())
    assert not result.passed
    assert "smoke does not exist" in result.message


def test_arguments_and_the_cells_environment_reach_the_test(project: Path, run: Run) -> None:
    """`args:` selects, `env:` is set."""
    write(
        project,
        "import os\ndef test_one():\n    assert os.environ['MODEL'] == 'ridge'\ndef test_two():\n    assert 0\n",
    )
    result = run(smoke(args=("-k", "one")), declared={"MODEL": "ridge"})
    assert result.passed, result
    assert len(result.cases) == 1


@pytest.mark.slow
def test_a_hanging_test_is_ended_at_its_timeout(project: Path, run: Run) -> None:
    """With its helpers; the metrics that it had stored are still there."""
    write(
        project,
        "import json, os, subprocess, time\n"
        "def test_hangs():\n"
        "    child = subprocess.Popen(['sleep', '600'])\n"
        "    with open(os.environ['STORE_METRICS_PATH'], 'w') as file:\n"
        "        json.dump({'child': child.pid}, file)\n"
        "    time.sleep(600)\n",
    )
    result = run(smoke(timeout=5.0))
    assert not result.passed
    assert result.message == "it took longer than 5 s and was ended"
    child = int(result.metrics["child"])
    wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_a_crashing_runner_is_a_result(project: Path, run: Run) -> None:
    """The interpreter may die; the trial goes on."""
    write(project, "import os\ndef test_dies():\n    os.kill(os.getpid(), 9)\n")
    result = run(smoke())
    assert not result.passed
    assert "pytest ended with SIGKILL" in result.message


def own(stacks: Stacks, project: Path, spec: StackSpec) -> OwnStack:
    """The stack of a cell whose checkout is the project's folder."""
    stack = stacks.provide(spec, project, salt="tree", log=project.parent / "log")
    return OwnStack(stack=stack, spec=spec, project=project, salt="tree")


def test_the_cells_own_stack_is_used_where_asked(project: Path, run: Run, stacks: Stacks) -> None:
    """`stack: cell` runs in the cell's environment if it holds the runner."""
    write(project, "import seatrial\ndef test_here():\n    assert seatrial\n")
    result = run(smoke(stack="cell"), own=own(stacks, project, StackSpec(host=True)))
    assert result.passed, result


def test_a_runner_that_the_cells_stack_lacks_comes_into_one_like_it(project: Path, run: Run, stacks: Stacks) -> None:
    """The cell's own environment stays as it was measured."""
    write(project, SMOKE.replace("import json", "import tiny, json"))
    wheel = make_wheel(project / "wheels", "tiny")
    (project / "requirements.txt").write_text(f"./wheels/{wheel.name}\n")
    cell = own(stacks, project, StackSpec())
    result = run(smoke(stack="cell"), own=cell)
    assert result.passed, result
    assert not own(stacks, project, StackSpec()).stack.has("pytest")


def test_nothing_is_installed_into_seatrials_own_environment(project: Path, run: Run, stacks: Stacks) -> None:
    """A runner that it lacks is an error that says what to do."""
    write(project, SMOKE)
    cell = own(stacks, project, StackSpec(host=True))
    without = replace(cell, stack=replace(cell.stack, packages=()))
    result = run(smoke(stack="cell"), own=without)
    assert not result.passed
    assert "pytest is not installed in the environment of seatrial" in result.message
    assert "install pytest there" in result.message


def test_a_requirements_file_gets_the_runner_added(project: Path, run: Run) -> None:
    """`stack: FILE` need not name pytest."""
    write(project, "import tiny\ndef test_there():\n    assert tiny.VERSION == '1.0'\n")
    wheel = make_wheel(project / "wheels", "tiny")
    (project / "test-requirements.txt").write_text(f"./wheels/{wheel.name}\niniconfig\n")
    result = run(smoke(stack="test-requirements.txt"))
    assert result.passed, result


def test_a_broken_requirements_file_is_a_result(project: Path, run: Run) -> None:
    """Not the end of the trial."""
    write(project, SMOKE)
    result = run(smoke(stack="nope.txt"))
    assert not result.passed
    assert result.message.startswith("it could not run: the stack's file nope.txt does not exist")


def test_stored_metrics_do_not_survive_into_the_next_run(project: Path, run: Run) -> None:
    """Each cell and test starts with a fresh file."""
    write(
        project,
        "import os, pathlib\n"
        "def test_fresh():\n"
        "    path = pathlib.Path(os.environ['STORE_METRICS_PATH'])\n"
        "    assert not path.exists()\n"
        "    path.write_text('{\"old\": 1}')\n",
    )
    assert {"old": 1.0} == run(smoke()).metrics
    assert run(smoke()).passed


def test_an_interrupted_trial_is_no_result(project: Path, run: Run, commands: Commands) -> None:
    """After Ctrl-C a test has not failed; it has not run."""
    write(project, SMOKE)
    commands.stop()
    with pytest.raises(TemporaryError, match="interrupted"):
        run(smoke())


def test_tokens_of_the_caller_are_not_in_reach(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of the pull request's author sees no token of the forge."""
    monkeypatch.setitem(os.environ, "GITHUB_TOKEN", "hunter22")
    write(project, "import os\ndef test_none():\n    assert 'GITHUB_TOKEN' not in os.environ\n")
    assert run(smoke()).passed

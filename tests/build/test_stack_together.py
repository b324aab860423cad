"""One stack wanted by many at once, and builders that are killed."""

import fcntl
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seatrial.records import Package, StackSpec
from seatrial.trial.build.stack import Stacks
from tests.build.packages import builds, make_gated_package
from tests.waiting import wait_until

GATED = (Package(name="gated", version="1.0"),)
PROVIDE = Path(__file__).with_name("provide.py")


def gated_project(project: Path, gate: Path) -> None:
    """A project whose only requirement takes until `gate/go` exists to build."""
    make_gated_package(project / "package", gate)
    (project / "requirements.txt").write_text("./package\n")


def start_provider(cache: Path, project: Path, log: Path) -> subprocess.Popen[str]:
    """Another seatrial process that wants the stack."""
    return subprocess.Popen(
        [sys.executable, PROVIDE, cache, project, log], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def is_held(lock: Path) -> bool:
    """Whether some process holds the lock."""
    with lock.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_two_threads_build_one_stack_once(stacks: Stacks, project: Path, tmp_path: Path) -> None:
    """The second thread waits for the first one's environment."""
    gate = tmp_path / "gate"
    gated_project(project, gate)
    with ThreadPoolExecutor() as pool:
        wanted = [
            pool.submit(stacks.provide, StackSpec(), project, salt="tree", log=tmp_path / f"log-{number}")
            for number in range(2)
        ]
        wait_until(lambda: builds(gate))
        (gate / "go").touch()
        found = [one.result(timeout=60) for one in wanted]
    assert builds(gate) == 1
    assert sorted(stack.cached for stack in found) == [False, True]
    assert found[0].python == found[1].python


def test_two_processes_build_one_stack_once(project: Path, tmp_path: Path) -> None:
    """Two trials at once share the work too."""
    gate = tmp_path / "gate"
    gated_project(project, gate)
    providers = [start_provider(tmp_path / "stacks", project, tmp_path / f"log-{number}") for number in range(2)]
    wait_until(lambda: builds(gate), 30)
    (gate / "go").touch()
    said = sorted(provider.communicate(timeout=60)[0].strip() for provider in providers)
    assert said == ["built", "cached"]
    assert builds(gate) == 1


def test_different_stacks_are_built_side_by_side(stacks: Stacks, tmp_path: Path) -> None:
    """Both builds are under way before either may end."""
    gates = [tmp_path / "gate-0", tmp_path / "gate-1"]
    for number, gate in enumerate(gates):
        folder = tmp_path / f"project-{number}"
        folder.mkdir()
        gated_project(folder, gate)
    with ThreadPoolExecutor() as pool:
        wanted = [
            pool.submit(
                stacks.provide,
                StackSpec(),
                tmp_path / f"project-{number}",
                salt=str(number),
                log=tmp_path / f"log-{number}",
            )
            for number in range(2)
        ]
        try:
            wait_until(lambda: all(builds(gate) for gate in gates), 30)
        finally:
            for gate in gates:
                (gate / "go").touch()
        assert [one.result(timeout=60).packages for one in wanted] == [GATED, GATED]


def test_a_killed_builder_leaves_nothing_half_done(stacks: Stacks, project: Path, tmp_path: Path) -> None:
    """After kill -9 in the middle the next trial waits for the orphaned uv, throws its work away and builds anew."""
    gate = tmp_path / "gate"
    gated_project(project, gate)
    killed = start_provider(tmp_path / "stacks", project, tmp_path / "killed-log")
    wait_until(lambda: builds(gate), 30)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    (unfinished,) = (path for path in (tmp_path / "stacks").iterdir() if path.is_dir())
    left_over = unfinished / "env" / "left-over"
    left_over.touch()
    assert is_held(unfinished.with_suffix(".lock"))
    (gate / "go").touch()
    stack = stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log")
    assert not stack.cached
    assert stack.packages == GATED
    assert not left_over.exists()

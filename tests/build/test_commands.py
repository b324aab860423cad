"""Commands run to their end and leave nothing behind."""

import os
import signal
import sys
import threading
from pathlib import Path

import psutil
import pytest

from seatrial.records import PermanentError, TemporaryError
from seatrial.trial.build.commands import Command, Commands, Finished
from tests.waiting import wait_until

_PARENT = "{apart} sleep 600 & echo $$ $! > pids.new; mv pids.new pids; {then}"


def shell(code: str, folder: Path, *, timeout: float = 60.0) -> Command:
    """A command that a shell runs, which starts faster than Python."""
    env = {"PATH": os.defpath}
    return Command(argv=("sh", "-c", code), cwd=folder, env=env, log=folder / "log", timeout=timeout)


def python(code: str, folder: Path, *, timeout: float = 60.0, env: dict[str, str] | None = None) -> Command:
    """A command that runs Python code."""
    return Command(
        argv=(sys.executable, "-c", code),
        cwd=folder,
        env={"PATH": os.defpath, **(env or {})},
        log=folder / "log",
        timeout=timeout,
        where="forest@candidate",
    )


def is_gone(pid: int) -> bool:
    """Whether a process has ended."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_output_and_exit_status_are_kept(commands: Commands, tmp_path: Path) -> None:
    """Standard output and error both go to the log."""
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr, flush=True); sys.exit(3)"
    finished = commands.run(python(code, tmp_path))
    assert (3, False, "exit status 3") == (finished.exit_status, finished.timed_out, finished.ended)
    assert finished.log_tail == "out\nerr"


def test_standard_output_may_be_kept_apart(commands: Commands, tmp_path: Path) -> None:
    """Figures on standard output are not mixed with messages."""
    command = python("import sys; print('figures'); print('err', file=sys.stderr)", tmp_path)
    finished = commands.run(
        Command(
            argv=command.argv, cwd=tmp_path, env=command.env, log=command.log, timeout=60.0, stdout=tmp_path / "stdout"
        )
    )
    assert (tmp_path / "stdout").read_text() == "figures\n"
    assert finished.log_tail == "err"


def test_the_log_can_be_read_while_the_command_runs(commands: Commands, tmp_path: Path) -> None:
    """Each line is there as soon as it is printed."""
    code = "import os, time; print('begun', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.005)"
    thread = threading.Thread(target=commands.run, args=(python(code, tmp_path),))
    thread.start()
    try:
        wait_until(lambda: (tmp_path / "log").exists() and "begun" in (tmp_path / "log").read_text())
    finally:
        (tmp_path / "go").touch()
        thread.join(30)
    assert not thread.is_alive()


def test_secrets_of_the_environment_are_not_logged(commands: Commands, tmp_path: Path) -> None:
    """A command that prints its environment shows no secret."""
    command = python(
        "import os; print(dict(os.environ))", tmp_path, env={"REGISTRY_TOKEN": "hunter22", "PLAIN": "shown"}
    )
    commands.run(command)
    said = command.log.read_text()
    assert "shown" in said
    assert "hunter22" not in said


@pytest.mark.parametrize("apart", [False, True])
def test_at_the_deadline_the_whole_tree_ends(commands: Commands, tmp_path: Path, *, apart: bool) -> None:
    """Helpers too, also those in a session of their own."""
    pids = tmp_path / "pids"
    finished = commands.run(shell(_PARENT.format(apart="setsid" if apart else "", then="wait"), tmp_path, timeout=1.0))
    assert finished.timed_out
    parent, child = map(int, pids.read_text().split())
    wait_until(lambda: is_gone(parent) and is_gone(child))


def test_helpers_do_not_outlive_the_command(commands: Commands, tmp_path: Path) -> None:
    """A server that a test started and forgot is ended with the test."""
    pids = tmp_path / "pids"
    finished = commands.run(shell(_PARENT.format(apart="", then="exit"), tmp_path))
    assert finished.exit_status == 0
    _, child = map(int, pids.read_text().split())
    wait_until(lambda: is_gone(child))


def test_stopping_ends_what_runs_and_refuses_more(commands: Commands, tmp_path: Path) -> None:
    """Ctrl-C in one thread ends the commands of all others; each of them is told why."""
    pids = tmp_path / "pids"
    raised: list[TemporaryError] = []

    def run() -> None:
        try:
            commands.run(shell(_PARENT.format(apart="", then="wait"), tmp_path))
        except TemporaryError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(pids.exists)
    commands.stop()
    thread.join(30)
    assert ["the trial was interrupted"] == [error.what for error in raised]
    assert all(is_gone(int(pid)) for pid in pids.read_text().split())
    with pytest.raises(TemporaryError):
        commands.run(python("pass", tmp_path))


def test_a_command_carries_the_mark_of_its_run(commands: Commands, tmp_path: Path) -> None:
    """By it the next trial finds what a killed one left behind."""
    finished = commands.run(python("import os; print(os.environ['SEATRIAL_RUN'])", tmp_path))
    assert finished.log_tail == "test-run"


@pytest.mark.parametrize("name", ["no-such-program", "./not-executable"])
def test_a_program_that_cannot_be_started_is_named(commands: Commands, tmp_path: Path, name: str) -> None:
    """With the cell, the reason and the remedy."""
    (tmp_path / "not-executable").write_text("")
    command = Command(argv=(name,), cwd=tmp_path, env={}, log=tmp_path / "log", timeout=1.0, where="forest@candidate")
    with pytest.raises(PermanentError, match=name) as caught:
        commands.run(command)
    assert caught.value.where == "forest@candidate"
    assert caught.value.remedy


def test_a_signal_is_named() -> None:
    """`SIGKILL` says more than -9."""
    killed = Finished(exit_status=-signal.SIGKILL, seconds=0.0, timed_out=False, log_tail="")
    assert killed.ended == "SIGKILL"

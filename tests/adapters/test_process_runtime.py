"""How local processes are started, what they get, and how they end."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from seatrial.adapters.runtime.instance import ProcessInstance
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.ports import Status
from seatrial.records import PermanentError, Resources
from tests.adapters.launching import NO_CGROUPS, Cells, is_alive, launch, log, numbers, python, unique, writable_cgroups
from tests.waiting import wait_until

PR_SET_CHILD_SUBREAPER = 36
# One write, so that the lines of several processes don't mix.
SAY_PID = r"os.write(1, b'%d\n' % os.getpid())"
# A child in its own session whose parent has ended: no group, session or parent leads to it any more.
DAEMON = f"""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {SAY_PID}
        time.sleep(1000)
    os._exit(0)
os.wait()
{SAY_PID}
time.sleep(1000)
"""
FORGETFUL = f"import os, time; {SAY_PID}; time.sleep(1000)"
FORGETFUL_DAEMON = DAEMON.replace(SAY_PID, f"os.execve(sys.executable, {python(FORGETFUL)!r}, {{}})", 1)
# A first process that ends and leaves a child behind.
ORPHAN = f"""
import os, time
{SAY_PID}
if os.fork():
    os._exit(0)
{SAY_PID}
time.sleep(1000)
"""
STUBBORN_FAMILY = f"""
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3):
    os.fork()
{SAY_PID}
time.sleep(1000)
"""


@pytest.fixture
def ungrouped(tmp_path: Path) -> Iterator[Cells]:
    """Cells without control groups."""
    with Cells(ProcessRuntime(cgroups=NO_CGROUPS, kept_log_bytes=1 << 20), tmp_path) as cells:
        yield cells


# A seatrial that starts one cell and waits to be killed.
ONE_CELL = """
import sys, time
from pathlib import Path
from seatrial.adapters.runtime.cgroup import NoCgroups
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.ports import Launch
from seatrial.records import Resources
run, kind, program, folder = sys.argv[1:]
runtime = ProcessRuntime(cgroups=NoCgroups("test") if kind == "none" else None)
runtime.start(Launch(run=run, cell="cell", command=[sys.executable, "-I", "-S", "-u", "-c", program], cwd=Path(folder),
                     env={}, port=1, log=Path(folder, "cell.log"), resources=Resources(memory=256 << 20)))
print("started", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def grouped(tmp_path: Path) -> Iterator[Cells]:
    """Cells with control groups."""
    with Cells(ProcessRuntime(cgroups=writable_cgroups("memory"), kept_log_bytes=1 << 20), tmp_path) as cells:
        yield cells


@pytest.fixture(params=["ungrouped", "grouped"])
def cells(request: pytest.FixtureRequest) -> Cells:
    """Both in turn."""
    made: Cells = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def folder(cells: Cells) -> Path:
    """Where the cells run."""
    return cells.folder


def test_the_environment_is_exactly_what_was_given_and_the_marks(cells: Cells, folder: Path) -> None:
    """No variable of seatrial's own, and none that Python adds (LC_CTYPE), reaches a deployment."""
    given = {"PATH": os.environ["PATH"], "ODD": "a=b\nc \udcff", "PYTHONPATH": "/nowhere"}
    cells.run(["env", "-0"], env=given)

    entries = (folder / "cell.log").read_bytes().split(b"\0")[:-1]

    expected = {**given, "SEATRIAL_RUN": unique("run"), "SEATRIAL_CELL": "cell"}
    assert expected == dict(os.fsdecode(entry).split("=", 1) for entry in entries)


def test_it_leads_its_own_session_without_input(cells: Cells, folder: Path) -> None:
    """A deployment can't read the terminal and gets none of its signals."""
    program = "import os, sys; print(os.getpid() == os.getsid(0) == os.getpgid(0), repr(sys.stdin.read()), os.getcwd())"
    cells.run(python(program))

    assert f"True '' {folder}\n" == log(folder)


def test_signals_have_their_default_effect(cells: Cells, folder: Path) -> None:
    """Python ignores SIGPIPE; a deployment must not inherit that."""
    cells.run(["grep", "SigIgn", "/proc/self/status"])

    assert 0 == int(log(folder).split()[1], 16)


def test_no_descriptor_but_the_three_is_open(cells: Cells, folder: Path) -> None:
    """Nothing of seatrial's (journal, sockets) leaks into a deployment."""
    cells.run(["ls", "/proc/self/fd"])

    # The fourth is the folder that ls itself reads.
    assert ["0", "1", "2", "3"] == log(folder).split()


def test_the_log_is_appended_to(cells: Cells, folder: Path) -> None:
    """What the build wrote before stays; standard error is there too."""
    (folder / "cell.log").write_text("built\n")

    cells.run(python("import sys; print('out'); print('err', file=sys.stderr)"))

    assert log(folder) == "built\nout\nerr\n"


def test_what_is_shown_of_the_log_holds_no_secret(cells: Cells, folder: Path) -> None:
    """A deployment that prints its environment when it crashes doesn't publish its tokens in a report."""
    env = {"PATH": os.environ["PATH"], "API_TOKEN": "hush-hush", "INDEX": "https://me:hush@host/simple"}

    instance = cells.run(["env"], env=env)

    assert "hush" in log(folder)
    assert "hush" not in instance.log_tail()
    assert "API_TOKEN=****" in instance.log_tail()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["./not-executable"], "Permission denied"),
        (["./no-interpreter"], "Exec format error"),
        (["./nowhere"], "No such file"),
        (["nul\0byte"], "malformed"),
        ([], "no command"),
    ],
)
def test_what_cannot_be_started_says_why(cells: Cells, folder: Path, command: list[str], message: str) -> None:
    """Each way to fail has its message and leaves nothing behind."""
    (folder / "not-executable").write_text("")
    (folder / "no-interpreter").write_text("print(1)")
    (folder / "no-interpreter").chmod(0o755)

    with pytest.raises(PermanentError, match=message) as caught:
        cells.start(command)

    assert caught.value.where == "cell"


def test_a_missing_working_directory_is_named(cells: Cells, folder: Path) -> None:
    """It is not confused with a missing command."""
    with pytest.raises(PermanentError, match=r"working directory .*gone"):
        cells.runtime.start(replace(launch(folder, ["true"]), cwd=folder / "gone"))


def test_a_log_that_cannot_be_opened_is_named(cells: Cells, folder: Path) -> None:
    """A file where the log's folder should be is a clear error."""
    (folder / "cell.log").mkdir()

    with pytest.raises(PermanentError, match="log can't be opened"):
        cells.start(["true"])


def test_stopping_ends_daemonised_processes(cells: Cells, folder: Path) -> None:
    """A grandchild in another session with another parent dies with its deployment."""
    instance = cells.start(python(DAEMON))
    pids = wait_until(lambda: len(found := numbers(folder)) == 2 and found)
    assert pids

    instance.stop()

    assert [False, False] == [is_alive(pid) for pid in pids]


def test_stopping_ends_daemons_after_the_first_process_died(cells: Cells, folder: Path) -> None:
    """A deployment that died still has a tree to end, and its exit status stays."""
    instance = cells.start(python(DAEMON.rpartition("time.sleep")[0] + "os._exit(7)"))
    pids = wait_until(lambda: len(found := numbers(folder)) == 2 and found)
    assert pids
    wait_until(lambda: not instance.status().running)

    instance.stop()

    assert [False, False] == [is_alive(pid) for pid in pids]
    assert Status(running=False, exit_status=7) == instance.status()


def test_stopping_ends_a_daemon_that_dropped_its_environment(grouped: Cells) -> None:
    """Where there are control groups, not even that hides a process."""
    instance = grouped.start(python(FORGETFUL_DAEMON))
    pids = wait_until(lambda: len(found := numbers(grouped.folder)) == 2 and found)
    assert pids

    instance.stop()

    assert [False, False] == [is_alive(pid) for pid in pids]


def test_stopping_kills_a_family_that_ignores_sigterm(cells: Cells, folder: Path) -> None:
    """Every one of eight processes is killed after the grace."""
    instance = cells.start(python(STUBBORN_FAMILY))
    pids = wait_until(lambda: len(found := numbers(folder)) == 8 and found)
    assert pids

    instance.stop(grace=0.05)

    assert [] == [pid for pid in pids if is_alive(pid)]
    assert Status(running=False, exit_status=-9) == instance.status()


def test_sigterm_comes_once_and_time_is_given_to_finish(cells: Cells, folder: Path) -> None:
    """A second SIGTERM would make servers drop the requests that they are finishing."""
    program = (
        "import signal, sys, time\n"
        "def finish(*_):\n    print('finishing')\n    time.sleep(0.1)\n    print('done')\n    sys.exit(5)\n"
        "signal.signal(signal.SIGTERM, finish); print('ready')\nwhile True: time.sleep(100)"
    )
    instance = cells.start(python(program))
    wait_until(lambda: "ready" in log(folder))

    instance.stop()

    assert log(folder) == "ready\nfinishing\ndone\n"
    assert Status(running=False, exit_status=5) == instance.status()


def test_no_zombie_is_left(cells: Cells) -> None:
    """A stopped deployment has been waited for."""
    instance = cells.start(["sleep", "1000"])

    instance.stop()

    assert not psutil.pid_exists(instance.pid)


def test_many_start_and_stop_side_by_side(cells: Cells) -> None:
    """Starting and stopping from many threads at once loses none, leaves none, and ends the thread that cuts logs."""
    before = set(threading.enumerate())
    with ThreadPoolExecutor(8) as pool:
        instances = list(pool.map(lambda number: cells.start(["sleep", "1000"], cell=f"cell{number}"), range(16)))
        usages = list(pool.map(ProcessInstance.usage, instances))
        list(pool.map(ProcessInstance.stop, [*instances, *instances]))

    assert None not in usages
    assert [Status(running=False, exit_status=-15)] * 16 == [instance.status() for instance in instances]
    wait_until(lambda: set(threading.enumerate()) <= before)


# Burns 0.15 s each in a child that is waited for, in an orphan that ends when told to, and then itself.
BURNING_FAMILY = f"""
import os, time
def burn():
    end = time.process_time() + 0.15
    while time.process_time() < end: pass
if os.fork() == 0:
    burn()
    os._exit(0)
os.wait()
orphan_lives, writer = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        burn()
        {SAY_PID}
        while not os.path.exists('end'): time.sleep(0.005)
    os._exit(0)
os.wait()
os.close(writer)
os.read(orphan_lives, 1)
burn()
{SAY_PID}
time.sleep(1000)
"""


@pytest.fixture
def reaper() -> Iterator[None]:
    """This process gets the orphans of the cells, so that a test can collect them as init does elsewhere."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.mark.usefixtures("reaper")
def test_cpu_time_includes_and_keeps_that_of_ended_children(cells: Cells, folder: Path) -> None:
    """CPU time of children counts, and does not go back when they end, waited for or orphaned."""
    instance = cells.start(python(BURNING_FAMILY))
    used = [0.0]

    def used_at_least(seconds: float) -> bool:
        point = instance.usage()
        used.append(point.cpu_seconds if point else -1.0)
        return used[-1] >= seconds

    wait_until(lambda: used_at_least(0.28) and numbers(folder))
    (folder / "end").touch()
    wait_until(lambda: os.waitpid(numbers(folder)[0], os.WNOHANG) != (0, 0))
    wait_until(lambda: used_at_least(0.42) and len(numbers(folder)) == 2)

    assert sorted(used) == used


def test_memory_is_that_of_the_whole_tree(cells: Cells) -> None:
    """What a daemonised child holds counts."""
    program = DAEMON.replace(SAY_PID, f"held = b'x' * (48 << 20); {SAY_PID}", 1)
    instance = cells.start(python(program))

    wait_until(lambda: (point := instance.usage()) is not None and point.memory > 48 << 20)

    instance.stop()


def test_a_flood_of_log_is_cut(cells: Cells, folder: Path) -> None:
    """Of 64 MB the beginning, the end and the number of dropped bytes stay, below the limit of 1 MiB."""
    program = (
        "import sys\nprint('first')\nfor n in range(64): sys.stdout.write(('x' * 999 + '\\n') * 1000)\nprint('last')"
    )
    instance = cells.run(python(program))

    instance.stop()

    text = log(folder)
    assert len(text) <= 1 << 20
    assert text.startswith("first\n")
    assert instance.log_tail(1) == "last"
    assert "bytes of this log were dropped here]" in text


def test_a_sweep_by_another_process_finds_what_kill_9_left(cells: Cells, folder: Path) -> None:
    """After kill -9 of seatrial, another seatrial stops the daemons and the stubborn, and removes the groups."""
    first_life = subprocess.Popen(
        [sys.executable, "-c", FIRST_LIFE, str(folder), cells.runtime.describe()["cgroup"], unique("crashed")],
        env=os.environ,
    )
    wait_until(lambda: len(numbers(folder, "daemon")) == 2 and len(numbers(folder, "stubborn")) == 8)
    first_life.kill()
    assert -signal.SIGKILL == first_life.wait()
    pids = numbers(folder, "daemon") + numbers(folder, "stubborn")
    assert all(is_alive(pid) for pid in pids)

    assert 10 == cells.runtime.sweep(unique("crashed"))

    assert [] == [pid for pid in pids if is_alive(pid)]
    assert [] == list(cells.runtime._cgroups.leftovers(unique("crashed")))


FIRST_LIFE = f"""
import sys, time
from pathlib import Path
from seatrial.adapters.runtime.cgroup import NoCgroups
from seatrial.adapters.runtime.instance import ProcessInstance
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.ports import Launch
from seatrial.records import Resources
folder, kind, run = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
runtime = ProcessRuntime(cgroups=NoCgroups("test") if kind == "none" else None)
for cell, program in (("daemon", {DAEMON!r}), ("stubborn", {STUBBORN_FAMILY!r})):
    runtime.start(Launch(run=run, cell=cell, command=[sys.executable, "-u", "-c", program], cwd=folder,
                         env={{}}, port=1, log=folder / (cell + ".log"), resources=Resources(memory=256 << 20)))
time.sleep(1000)
"""


def test_a_sweep_spares_itself_inside_a_cell_of_that_run(cells: Cells, folder: Path) -> None:
    """Seatrial may run as part of a deployment; it never kills itself, its ancestors, or an unmarked child of its own."""
    program = (
        "import subprocess\n"
        "from seatrial.adapters.runtime.cgroup import NoCgroups\n"
        "from seatrial.adapters.runtime.process import ProcessRuntime\n"
        "child = subprocess.Popen(['/bin/sleep', '1000'], env={})\n"
        f"print(ProcessRuntime(cgroups=NoCgroups('test')).sweep({unique('run')!r}), 'swept, child', child.poll())\n"
        "child.kill()\nchild.wait()"
    )
    instance = cells.run([sys.executable, "-c", program])

    assert log(folder) == "0 swept, child None\n"
    assert 0 == instance.status().exit_status


def test_limits_that_are_not_enforced_are_said_to_be_so(ungrouped: Cells) -> None:
    """Each limit that was asked for has a note with the reason; one that wasn't has none."""
    both = ungrouped.start(["sleep", "1000"], resources=Resources(cpu=0.5, memory=256 << 20))
    neither = ungrouped.start(["sleep", "1000"], cell="other")

    expected = (
        "cpu limit of 0.5 not enforced: switched off by the test",
        "memory limit of 256 MiB not enforced: switched off by the test",
    )
    assert expected == both.limits.notes
    assert () == neither.limits.notes


@pytest.mark.parametrize("kind", ["none", "cgroup"])
def test_what_a_killed_seatrial_started_is_adopted_whole(tmp_path: Path, kind: str) -> None:
    """The cell runs on under the next seatrial, which ends all of it, its daemon included."""
    cgroups = NO_CGROUPS if kind == "none" else writable_cgroups("memory")
    _kill_after_start(tmp_path, kind, DAEMON)
    wait_until(lambda: len(numbers(tmp_path)) == 2)

    adopted = ProcessRuntime(cgroups=cgroups).adopt(launch(tmp_path, [], resources=Resources(memory=256 << 20)))

    assert adopted is not None
    assert adopted.pid in numbers(tmp_path)
    assert (kind == "cgroup") == adopted.limits.memory_enforced
    adopted.stop()
    assert [False, False] == [is_alive(pid) for pid in numbers(tmp_path)]


@pytest.mark.parametrize("kind", ["none", "cgroup"])
def test_what_is_left_of_a_cell_without_its_first_process_is_killed(tmp_path: Path, kind: str) -> None:
    """Nobody waits for a daemon whose deployment is gone, and the next start finds its place empty."""
    cgroups = NO_CGROUPS if kind == "none" else writable_cgroups("memory")
    _kill_after_start(tmp_path, kind, ORPHAN)
    wait_until(lambda: len(numbers(tmp_path)) == 2)
    first, orphan = numbers(tmp_path)
    wait_until(lambda: not is_alive(first))

    adopted = ProcessRuntime(cgroups=cgroups).adopt(launch(tmp_path, []))

    assert (None, False) == (adopted, is_alive(orphan))


def _kill_after_start(folder: Path, kind: str, program: str) -> None:
    """Start one cell in a process of its own, and kill that process once it has."""
    command = [sys.executable, "-c", ONE_CELL, unique("run"), kind, program, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as seatrial:
        assert seatrial.stdout is not None
        assert seatrial.stdout.readline() == "started\n"
        seatrial.kill()

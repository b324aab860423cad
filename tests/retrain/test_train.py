"""A model is trained by the project's own command: limited, watched, and to its end."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from seatrial.adapters.runtime.cgroup import NoCgroups
from seatrial.adapters.runtime.detect import detect
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.records import CommandSpec, PermanentError, SplitResult, TemporaryError, UsageError
from seatrial.registry.listing import digest_of_path
from seatrial.retrain.train import check_unchanged, train
from tests.retrain import workshop
from tests.waiting import wait_until

ROWS = "time,user,movie,rating\n1,1,Up,4.0\n2,2,Up,5.0\n3,1,Heat,2.0\n"
MIB = 1 << 20
SAVE = "import os, pathlib; out = pathlib.Path(os.environ['SEATRIAL_OUTPUT']); "
BIG = "kept = [bytearray(b'x') * (16 << 20) for _ in range(200)]; import time; time.sleep(60)"


@pytest.fixture
def rows(tmp_path: Path) -> SplitResult:
    """What is trained on."""
    return workshop.split_of(tmp_path, ROWS)


def test_the_model_comes_from_the_store(tmp_path: Path, rows: SplitResult) -> None:
    """What will be asked is laid anew from the store: its digest is what the registry will compute."""
    with workshop.opened(tmp_path) as place:
        found = train(workshop.spec(), rows, place)
        assert {"Up": 4.5, "Heat": 2.0} == json.loads(Path(found.path).read_text())
        assert place.store.has(found.digest)
        assert found.digest == digest_of_path(Path(found.path))
        assert "means.json" == Path(found.path).name
        assert "trained on 3 rows\n" == Path(found.log).read_text()
        assert not (place.folder / "output").exists()
        assert found.stack.startswith("sha256:")


def test_what_it_took_is_measured(tmp_path: Path, rows: SplitResult) -> None:
    """CPU and memory count the whole tree, also of helpers that ended before anyone looked."""
    busy = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(12_000_000)); b\"x\" * (90 << 20)']); "
    with workshop.opened(tmp_path) as place:
        found = train(workshop.spec(busy + SAVE + "(out / 'm').write_text('1')"), rows, place)
    assert found.cpu_seconds is not None
    assert found.memory_peak is not None
    assert 0.1 < found.cpu_seconds < 60
    assert 90 * MIB < found.memory_peak < 1000 * MIB
    assert found.seconds > 0


def test_the_trainer_is_told_what_it_needs(tmp_path: Path, rows: SplitResult) -> None:
    """Data, an empty folder, a seed that Python's hashes follow too, and the project's own environment."""
    code = SAVE + (
        "names = ('SEATRIAL_DATA', 'SEATRIAL_SEED', 'PYTHONHASHSEED', 'TOKEN_FILE', 'MODE'); import json; "
        "(out / 'told.json').write_text(json.dumps([*map(os.environ.get, names), os.listdir(out), os.getcwd()]))"
    )
    spec = workshop.spec(code, env={"MODE": "${MODE_OF_ADA}"})
    with workshop.opened(tmp_path, secrets={"MODE_OF_ADA": "fast"}) as place:
        told = json.loads(Path(train(spec, rows, place).path).read_text())
        assert [rows.train_file, "7", "7", None, "fast", [], str(place.tools.project)] == told


def test_a_folder_is_a_model_too(tmp_path: Path, rows: SplitResult) -> None:
    """`artifact` names it where the trainer writes more than one thing."""
    code = SAVE + "(out / 'net').mkdir(); (out / 'net' / 'a').write_text('1'); (out / 'plot.svg').write_text('2')"
    with workshop.opened(tmp_path) as place:
        found = train(workshop.spec(code, artifact="net"), rows, place)
        assert ["a"] == [path.name for path in Path(found.path).iterdir()]
        with pytest.raises(UsageError, match=r"several things: net, plot\.svg"):
            train(workshop.spec(code), rows, place)


def test_no_model_is_said(tmp_path: Path, rows: SplitResult) -> None:
    """A command that succeeds without a model has trained nothing."""
    with workshop.opened(tmp_path) as place, pytest.raises(UsageError, match="wrote no model"):
        train(workshop.spec("print('done')"), rows, place)


def test_training_again_starts_from_nothing(tmp_path: Path, rows: SplitResult) -> None:
    """A step that was cut off is done again: what it had written by then is gone, and the log begins anew."""
    with workshop.opened(tmp_path) as place:
        (place.folder / "output").mkdir()
        (place.folder / "output" / "half").write_text("torn")
        (place.folder / "candidate").mkdir()
        (place.folder / "candidate" / "means.json").write_text("{}")
        first = train(workshop.spec(), rows, place)
        again = train(workshop.spec(), rows, place)
        assert (first.digest, first.path) == (again.digest, again.path)
        assert "trained on 3 rows\n" == Path(again.log).read_text()


def test_a_failure_shows_the_end_of_the_log_without_secrets(tmp_path: Path, rows: SplitResult) -> None:
    """Neither the message nor the log on the disk shows a secret of the environment."""
    code = "import os, sys; print('with', os.environ['API_TOKEN'], flush=True); sys.exit('no such table: ratings')"
    spec = workshop.spec(code, env={"API_TOKEN": "${ADAS_TOKEN}"})
    with workshop.opened(tmp_path, secrets={"ADAS_TOKEN": "hunter2-hunter2"}) as place:
        with pytest.raises(PermanentError) as failed:
            train(spec, rows, place)
        assert "the train command failed (exit status 1)" in failed.value.what
        assert failed.value.what.endswith("with ****\nno such table: ratings")
        assert "hunter2" not in place.log("train").read_text()


def test_a_command_that_is_not_there_is_said(tmp_path: Path, rows: SplitResult) -> None:
    """A spelling mistake is told as such."""
    with (
        workshop.opened(tmp_path) as place,
        pytest.raises(PermanentError, match="pyhton can't be started: No such file"),
    ):
        train(replace(workshop.spec(), train=CommandSpec(run="pyhton train.py")), rows, place)


def test_a_crash_is_told_by_its_signal(tmp_path: Path, rows: SplitResult) -> None:
    """What the kernel ended is not taken for an exit status."""
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    with workshop.opened(tmp_path) as place, pytest.raises(PermanentError, match=r"failed \(killed by signal 11\)"):
        train(workshop.spec(code), rows, place)


def test_after_its_time_nothing_of_it_runs(tmp_path: Path, rows: SplitResult) -> None:
    """The time limit ends the command with its helpers, also those that left its session."""
    code = (
        "import subprocess, sys, time, pathlib; "
        "helper = subprocess.Popen(['sleep', '600'], start_new_session=True); "
        f"pathlib.Path({str(tmp_path / 'helper')!r}).write_text(str(helper.pid)); time.sleep(600)"
    )
    with workshop.opened(tmp_path) as place, pytest.raises(PermanentError, match="was ended after 1"):
        train(workshop.spec(code, timeout=1.5), rows, place)
    assert not psutil.pid_exists(int((tmp_path / "helper").read_text()))


def test_helpers_end_with_the_command(tmp_path: Path, rows: SplitResult) -> None:
    """A daemon that a finished trainer leaves behind does not stay."""
    code = SAVE + (
        "import subprocess; helper = subprocess.Popen(['sleep', '600'], start_new_session=True); "
        "(out / 'pid').write_text(str(helper.pid))"
    )
    with workshop.opened(tmp_path) as place:
        assert not psutil.pid_exists(int(Path(train(workshop.spec(code), rows, place).path).read_text()))


def test_somebody_stops_it(tmp_path: Path, rows: SplitResult) -> None:
    """A stop ends it within moments, and says that nothing failed."""
    mark = tmp_path / "runs"
    code = f"import pathlib, time; pathlib.Path({str(mark)!r}).write_text(''); time.sleep(600)"
    with workshop.opened(tmp_path, stop=mark.exists) as place, pytest.raises(TemporaryError, match="was interrupted"):
        train(workshop.spec(code), rows, place)


def test_memory_is_limited_by_the_kernel_where_it_can(tmp_path: Path, rows: SplitResult) -> None:
    """With control groups a command that wants more than it may is ended, and the reason is told."""
    if "memory" not in detect().controllers:
        pytest.skip("no memory cgroup can be written here")
    with workshop.opened(tmp_path) as place, pytest.raises(PermanentError, match=r"out of memory \(limit 200 MiB\)"):
        train(workshop.spec(BIG, memory=200 * MIB), rows, place)


def test_memory_is_watched_where_the_kernel_does_not_limit_it(tmp_path: Path, rows: SplitResult) -> None:
    """Without control groups it is looked at, the log says so, and what holds too much is ended."""
    runtime = ProcessRuntime(cgroups=NoCgroups("none here"))
    with workshop.opened(tmp_path, runtime=runtime) as place:
        with pytest.raises(PermanentError, match=r"of memory \(limit 200 MiB\)"):
            train(workshop.spec(BIG, memory=200 * MIB), rows, place)
        assert "memory limit of 200 MiB not enforced: none here" in place.log("train").read_text()


def test_its_log_is_watched_live(tmp_path: Path, rows: SplitResult) -> None:
    """Who looks on is told the newest line while it runs."""
    seen: list[str] = []
    code = SAVE + (
        "import time\nend = time.monotonic() + 20\nn = 0\n"
        f"while time.monotonic() < end and not os.path.exists({str(tmp_path / 'seen')!r}):\n"
        "    n += 1; print(f'epoch {n}', flush=True); time.sleep(0.02)\n(out / 'm').write_text('1')"
    )

    def watch(line: str) -> None:
        seen.append(line)
        (tmp_path / "seen").touch()

    with workshop.opened(tmp_path, watch=watch) as place:
        train(workshop.spec(code), rows, place)
    assert seen[0].startswith("epoch ")


def test_it_ends_when_seatrial_is_killed(tmp_path: Path) -> None:
    """A kill -9 of the process that trains leaves nothing of the command, however far it got away."""
    pids = tmp_path / "pids"
    code = (
        "import os, pathlib, subprocess, time; helper = subprocess.Popen(['sleep', '600'], start_new_session=True); "
        f"pathlib.Path({str(pids)!r} + '.new').write_text(f'{{os.getpid()}} {{helper.pid}}'); "
        f"os.rename({str(pids)!r} + '.new', {str(pids)!r}); time.sleep(600)"
    )
    trains = (
        "import sys; from pathlib import Path; from tests.retrain import workshop; from seatrial.retrain.train import train\n"
        f"folder = Path({str(tmp_path)!r})\n"
        f"with workshop.opened(folder) as place: train(workshop.spec({code!r}), workshop.split_of(folder, {ROWS!r}), place)"
    )
    process = subprocess.Popen([sys.executable, "-c", trains], cwd=Path(__file__).parents[2])
    try:
        wait_until(pids.exists, 30)
        below = [int(pid) for pid in pids.read_text().split()]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        wait_until(lambda: not any(psutil.pid_exists(pid) for pid in below), 20)
    finally:
        process.kill()
        process.wait()


def test_a_model_that_changed_counts_for_nothing(tmp_path: Path, rows: SplitResult) -> None:
    """Whoever writes into the model after it was stored is found out."""
    with workshop.opened(tmp_path) as place:
        found = train(workshop.spec(), rows, place)
        check_unchanged(Path(found.path), found.digest, "the new model")
        Path(found.path).write_text("{}")
        with pytest.raises(PermanentError, match="the files of the new model changed"):
            check_unchanged(Path(found.path), found.digest, "the new model")

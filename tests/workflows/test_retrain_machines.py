"""Continuous training on several machines: books in a real PostgreSQL, files in a real object store, a stream for all.

Another machine is another clone here: it has neither the workspace nor the journal of the first.
"""

import shutil
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from seatrial.records import RetrainOutcome, RetrainPhase
from tests.serve.log import conftest as servers
from tests.waiting import wait_until
from tests.workflows.loops import BEGAN, Loop, make_loop, ratings

pytestmark = pytest.mark.slow

CONFIG = f"registry: {{url: '${{REGISTRY}}', artifacts: s3://{servers.BUCKET}/registry}}\n"
WAITS = """
import time
while not Path("go").exists():
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """How commands reach the object store."""
    server = servers.rclone(tmp_path_factory.mktemp("rclone"))
    server.start()
    yield {
        "AWS_ACCESS_KEY_ID": servers.KEY,
        "AWS_SECRET_ACCESS_KEY": servers.SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
    }
    server.stop()


@pytest.fixture
def machines(tmp_path: Path, postgres_url: str, bucket: dict[str, str]) -> tuple[Loop, Loop]:
    """Two clones of a project whose stream is beside them."""
    skips = "    if_running: skip\n"
    first = make_loop(tmp_path, stream="../events", config=CONFIG, more=skips, REGISTRY=postgres_url, **bucket)
    clone = tmp_path / "clone"
    shutil.copytree(first.folder, clone, ignore=shutil.ignore_patterns(".seatrial"))
    return first, Loop(type(first.small)(clone), first.environ)


def rate(loop: Loop, count: int, *, day: int = 0) -> None:
    """Write to the stream of all machines."""
    folder = loop.folder.parent / "events"
    folder.mkdir(exist_ok=True)
    lines = ratings(count, seed=day, begin=BEGAN + timedelta(days=day))
    (folder / f"{day}.log").write_text("".join(f"{line}\n" for line in lines))


def killed_and_resumed(loop: Loop, name: str) -> None:
    """A run in a process that is killed after this step, and its end in another one of the same machine."""
    killed = loop.run("retrain", dying=("after", name), fake=True)
    assert -signal.SIGKILL == killed.returncode, killed.stderr
    (done,) = loop.json("resume", fake=True)["retrainings"]
    assert "promoted" == done["outcome"], done["headline"]


def test_one_machine_goes_on_where_another_ended(machines: tuple[Loop, Loop]) -> None:
    """Both are killed in their runs and go on; each event is in one version, and each model is judged beside the last."""
    first, second = machines
    rate(first, 120)
    killed_and_resumed(first, "store")
    rate(first, 80, day=1)
    killed_and_resumed(second, "register")

    assert [(1, None, 120), (2, 1, 200)] == [(each.number, each.parent, each.rows) for each in first.versions()]
    assert [80] == [each.added.rows for each in first.versions()[1:] if each.added is not None]
    runs = [result.run for result in second.results()]
    assert [(None, 1), (1, 2)] == [(result.baseline, result.number) for result in second.results()]
    assert [("None", runs[0]), ("Production", runs[1])] == [
        (model.stage, model.lineage.run) for model in first.models()
    ]
    assert [each.digest for each in first.versions()] == [model.lineage.data for model in first.models()]
    for loop in machines:
        assert not (loop.folder / ".seatrial" / "retrain.db").exists()
        assert not (loop.folder / ".seatrial" / "workflows.db").exists()


def test_what_another_machine_left_is_gone_on_with_by_name(machines: tuple[Loop, Loop]) -> None:
    """Also where it had handed its version over to a promotion, which is gone on with too."""
    first, second = machines
    rate(first, 120)
    killed = first.run("retrain", dying=("after", "try small@1"), fake=True)
    assert -signal.SIGKILL == killed.returncode, killed.stderr
    (result,) = second.results()
    shutil.rmtree(first.folder)

    assert "nothing was cut off\n" == second.run("resume", fake=True).stdout
    (done,) = second.json("resume", result.run, fake=True)["retrainings"]
    assert ("promoted", result.run, 1) == (done["outcome"], done["run"], done["number"])
    assert [(1, "Production", done["promotion"])] == second.moves()
    assert 1 == len(second.results())


def test_a_model_is_trained_on_one_machine_at_a_time(machines: tuple[Loop, Loop]) -> None:
    """Another one skips, or waits for its turn and goes on with what is left then; neither takes what the first is at."""
    first, second = machines
    first.small.write("train.py", (first.folder / "train.py").read_text() + WAITS)
    rate(first, 120)
    running = first.start("retrain", fake=True)
    wait_until(lambda: [result for result in second.results() if result.phase is RetrainPhase.TRAINING], 60, poll=0.2)
    (run,) = [result.run for result in second.results()]

    skipped = second.run("retrain", fake=True)
    assert 3 == skipped.returncode
    assert RetrainOutcome.SKIPPED is second.results()[-1].outcome
    assert run in second.results()[-1].headline
    waiting = second.start("retrain", "--if-running", "wait", fake=True)
    wait_until(lambda: 3 == len(second.results()), 60, poll=0.2)
    assert (RetrainPhase.WAITING, 1) == (second.results()[-1].phase, len(second.versions()))
    rate(first, 50, day=1)
    first.small.write("go", "")
    assert [0, 0] == [process.wait(60) for process in (running, waiting)]
    for process in (running, waiting):
        process.communicate()
    assert [(1, 120), (2, 170)] == [(each.number, each.rows) for each in first.versions()]
    assert [1, None, 2] == [result.dataset for result in first.results()]

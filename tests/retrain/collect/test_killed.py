"""A collector that is killed (`kill -9`) and begun again."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.adapters.stream.files import FileStream
from seatrial.testing import FakeClock
from tests.retrain.collect.collecting import BROKEN, Collecting, ratings, table

PROGRAM = """
import os, signal, sys
from pathlib import Path
from seatrial.adapters.stream.files import FileStream
from seatrial.records import CollectSpec
from seatrial.retrain.collect import collect
from seatrial.testing import FakeClock
from tests.retrain.parse.batches import regex_parser

events, folder, lines = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
clock = FakeClock()

def stop():
    clock.sleep(1)  # so that it is told after every poll how far it is
    return False

def watch(progress):
    if progress.lines >= lines:
        os.kill(os.getpid(), signal.SIGKILL)

collect(
    FileStream(events), {}, CollectSpec(), regex_parser(), folder=folder, clock=clock, most_dead=1.0, stop=stop, watch=watch
)
"""


@pytest.mark.parametrize("lines", [1, 15_000, 30_001])
def test_begun_again_it_brings_the_same_as_if_nothing_had_happened(lines: int, tmp_path: Path) -> None:
    """Wherever it was killed: every line once, and nothing is left of the first one."""
    events, folder, undisturbed = tmp_path / "events", tmp_path / "run", tmp_path / "undisturbed"
    events.mkdir()
    (events / "a.jsonl").write_bytes(b"\n".join([*ratings(30_000), BROKEN, b""]))
    died = subprocess.run([sys.executable, "-c", PROGRAM, events, folder, str(lines)], check=False)
    assert -signal.SIGKILL == died.returncode
    assert not (folder / "rows.parquet").exists()
    again = Collecting(stream=FileStream(events), folder=folder, clock=FakeClock())()
    plain = Collecting(stream=FileStream(events), folder=undisturbed, clock=FakeClock())()
    assert list(range(30_000)) == table(again.file)["user"]
    assert Path(plain.file).read_bytes() == Path(again.file).read_bytes()
    assert Path(plain.dead_file).read_bytes() == Path(again.dead_file).read_bytes()
    assert {"rows.parquet", "dead.jsonl"} == {path.name for path in folder.iterdir()}

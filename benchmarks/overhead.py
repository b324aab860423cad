"""What a trial costs beside starting and driving: wall time minus the slowest start and the driving.

Targets: at most 3 s for 2 cells, and at most 0.3 s for each further cell up to 32, of a trivial server with its stack
cached. Every trial is a whole process, `seatrial trial --format json`, from the command to its exit.

Usage: python benchmarks/overhead.py [--repeats 3]
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CELLS = (2, 4, 8, 16, 32)
REQUESTS, RATE, WARMUP = 40, 200, 10
TARGET_FIRST, TARGET_CELL = 3.0, 0.3
GIT = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost"]


@dataclass(frozen=True)
class Cost:
    """One trial, in seconds."""

    wall: float
    start: float
    driving: float

    @property
    def overhead(self) -> float:
        """What is neither the slowest start nor driving."""
        return self.wall - self.start - self.driving


def make_project(folder: Path, cells: int) -> None:
    """A repository whose configuration has `cells` cells (half as many deployments) of a trivial server."""
    shutil.copy(HERE.parent / "tests" / "end_to_end" / "server.py", folder / "server.py")
    (folder / "model.json").write_text("{}")
    (folder / "requests.jsonl").write_text("".join(json.dumps({"x": x}) + "\n" for x in range(REQUESTS)))
    deployments = "".join(f"  d{index}: {{run: python server.py}}\n" for index in range(cells // 2))
    (folder / "seatrial.yaml").write_text(
        f"stack: host\nrequests: {{file: requests.jsonl, rate: {RATE}/s, warmup: {WARMUP}}}\n"
        f"deployments:\n{deployments}"
    )
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["commit", "-qm", "two", "--allow-empty"]):
        subprocess.run([*GIT, *command], cwd=folder, check=True)


def run(folder: Path) -> Cost:
    """One trial."""
    program = Path(sys.executable).with_name("seatrial")
    began = time.perf_counter()
    done = subprocess.run([program, "trial", "--format", "json"], cwd=folder, capture_output=True, check=False)
    wall = time.perf_counter() - began
    if not done.stdout:
        sys.exit(done.stderr.decode())
    cells = [cell["result"] for deployment in json.loads(done.stdout)["deployments"] for cell in deployment["cells"]]
    broken = [cell["failure"]["message"] for cell in cells if cell["failure"]]
    if broken:
        sys.exit(f"a cell failed: {broken[0]}")
    driving = sum(cell["driven_seconds"] for cell in cells) + WARMUP / RATE
    return Cost(wall, max(cell["ready_seconds"] for cell in cells), driving)


def main() -> None:
    """Print a row per number of cells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    costs: dict[int, list[Cost]] = {cells: [] for cells in CELLS}
    for _ in range(repeats):
        for cells in CELLS:
            with tempfile.TemporaryDirectory() as folder:
                make_project(Path(folder), cells)
                costs[cells].append(run(Path(folder)))
    print(
        f"{'cells':>5} {'wall s':>8} {'slowest start':>14} {'driving':>8} {'overhead (min … max)':>24} {'per further cell':>17}"
    )
    first = statistics.median(cost.overhead for cost in costs[CELLS[0]])
    for cells, found in costs.items():
        overheads = sorted(cost.overhead for cost in found)
        middle = found[len(found) // 2]
        further = f"{(statistics.median(overheads) - first) / (cells - 2):.3f}" if cells > CELLS[0] else "–"
        spread = f"{statistics.median(overheads):.2f} ({overheads[0]:.2f} … {overheads[-1]:.2f})"
        print(f"{cells:>5} {middle.wall:>8.2f} {middle.start:>14.2f} {middle.driving:>8.2f} {spread:>24} {further:>17}")
    last = CELLS[-1]
    growth = (statistics.median(cost.overhead for cost in costs[last]) - first) / (last - 2)
    print(f"2 cells: {first:.2f} s, {first / TARGET_FIRST:.2f} of the target of {TARGET_FIRST} s")
    print(f"each further cell: {growth:.3f} s, {growth / TARGET_CELL:.2f} of the target of {TARGET_CELL} s")


if __name__ == "__main__":
    main()

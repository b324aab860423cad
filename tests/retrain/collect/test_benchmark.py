"""The benchmark of collecting, small."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "retrain" / "collect.py"


@pytest.mark.slow
def test_the_benchmark_runs_and_finds_every_row() -> None:
    """On librdkafka's mock cluster, which needs no Java; what it measures there is not looked at."""
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--quick", "--mock"], check=True, capture_output=True, text=True
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert [19_980] == [run["rows"] for run in figures["runs"]["ours"]]
    assert "| ours |" in done.stdout

"""The command line of the benchmark; `run.py` says how to use it."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.serving.environments import lock
from benchmarks.serving.ours import ours
from benchmarks.serving.report import markdown
from benchmarks.serving.results import Results
from benchmarks.serving.rounds import Rounds
from benchmarks.serving.running import Bench
from benchmarks.serving.server import peers
from seatrial.wiring import machine_facts

_WARMUP_SHARE = 5


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark and print its tables."""
    options = _parser().parse_args(arguments)
    if options.lock:
        lock()
        return
    _check_machine(options)
    chosen = [server for server in ours() if options.ours is None or server.name in options.ours]
    chosen += peers(options.peers)
    rounds = _rounds(options)
    # This program waits on the client's core, so that the server has its own for itself.
    os.sched_setaffinity(0, {options.client_core})
    rounds.install(chosen)
    rounds.rehearse()
    for number in range(options.repeats):
        rounds.repeat(number)
    tables = markdown(rounds.results)
    print(tables)
    if options.markdown:
        options.markdown.write_text(tables)


def _rounds(options: argparse.Namespace) -> Rounds:
    bench = Bench(
        server_core=options.server_core,
        client_core=options.client_core,
        connections=options.connections,
        seconds=options.seconds,
        warmup=max(1.0, options.seconds / _WARMUP_SHARE),
    )
    load, cores = os.getloadavg()[0], os.cpu_count()
    facts = {"cores": str(cores), "load at the start": f"{load:.2f}", **bench.runtime.describe()}
    shown = {"seconds": options.seconds, "repeats": options.repeats, "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
    results = Results(machine={**machine_facts(), **facts}, options=shown)
    return Rounds(bench=bench, results=results, models=options.models, save=options.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py", description="`seatrial serve` beside its peers.")
    parser.add_argument("--peers", type=_names, help="names, separated by commas; all unless given, `none` for none")
    parser.add_argument("--ours", type=_names, help="which of our own servers; all unless given")
    parser.add_argument("--models", type=_names, default=("ridge", "forest"), help="ridge, forest, constant")
    parser.add_argument("--connections", type=_numbers, default=(1, 16, 64))
    parser.add_argument("--seconds", type=float, default=5, help="of each run of the client, whole")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for all single measurements")
    parser.add_argument("--markdown", type=Path, help="file for the tables, which are printed in any case")
    parser.add_argument("--lock", action="store_true", help="only write the pins of each peer anew")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name not in {"", "none"})


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _check_machine(options: argparse.Namespace) -> None:
    """Exit with what is missing."""
    missing = [tool for tool in ("wrk", "taskset") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"not found: {', '.join(missing)}; on Debian: apt-get install wrk util-linux")
    cores = os.sched_getaffinity(0)
    if {options.server_core, options.client_core} - cores or options.server_core == options.client_core:
        sys.exit(f"two different cores are needed out of {sorted(cores)}: --server-core, --client-core")


if __name__ == "__main__":
    main(sys.argv[1:])

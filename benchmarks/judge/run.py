"""What the judge of releases guarantees and what it costs, beside the rules that others use, on the same streams.

    python -m benchmarks.judge.run --runs 200 --scenarios real --effects none --out runs.jsonl
    python -m benchmarks.judge.run --runs 60 --scenarios real --effects p50,p99,errors,rmse --rules judge,peers --out runs.jsonl
    python -m benchmarks.judge.run --table runs.jsonl

Every run is one line of the output; runs that are there already are not done again, so that a batch can be stopped with
Ctrl-C, gone on with, and made larger.
"""

import argparse
import contextlib
import gc
import json
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path

from benchmarks.judge.follow import POLICIES, Outcome, Task, follow
from benchmarks.judge.scenarios import EFFECTS, SCENARIOS
from benchmarks.judge.tables import tables

RULES = ("judge", "peers")
IDENTITY = ("rules", "scenario", "effect", "policy", "weight", "seed", "hours", "history")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, or print the tables of what is there."""
    options = _options(arguments)
    if options.table:
        print(tables(list(_read(options.table))))
        return 0
    done = {_identity(outcome) for outcome in _read(options.out)}
    todo = [task for task in _tasks(options) if _identity(_fields(task)) not in done]
    print(f"{len(todo)} runs to do", file=sys.stderr)
    try:
        _record(_outcomes(todo, options.jobs), options.out, len(todo))
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return 130
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge.run", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--table", type=Path, nargs="+", help="print the tables of these files and do nothing else")
    parser.add_argument("--out", type=Path, default=Path("judge.jsonl"), help="where the lines go")
    parser.add_argument("--runs", type=int, default=20, help="of each combination")
    parser.add_argument("--first", type=int, default=0, help="seed of the first run")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--scenarios", type=_names(SCENARIOS), default=["real"], help=", ".join(SCENARIOS))
    parser.add_argument("--effects", type=_names(EFFECTS), default=["none"], help=", ".join(EFFECTS))
    parser.add_argument("--rules", type=_names(RULES), default=["judge"], help=", ".join(RULES))
    parser.add_argument("--policies", type=_names(POLICIES), default=["default"], help=", ".join(POLICIES))
    parser.add_argument("--weight", type=float, default=0.2, help="the canary's share")
    parser.add_argument("--hours", type=int, default=12, help="length of a release")
    parser.add_argument("--history", type=int, default=2, help="hours of stable alone before it")
    return parser.parse_args(arguments)


class _names:  # noqa: N801 argparse shows its name
    """A list of known names, separated by commas."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)

    def __call__(self, text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in self._known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(self._known)}")
        return names


def _tasks(options: argparse.Namespace) -> Iterator[Task]:
    """One combination after the other; the peers' rules have no policy."""
    for scenario, effect, rules in product(options.scenarios, options.effects, options.rules):
        for policy in options.policies if rules == "judge" else [""]:
            for seed in range(options.first, options.first + options.runs):
                yield Task(
                    rules=rules,
                    scenario=scenario,
                    effect=effect,
                    policy=policy,
                    weight=options.weight,
                    seed=seed,
                    hours=options.hours,
                    history=options.history,
                )


def _fields(task: Task) -> Outcome:
    return {name: getattr(task, name) for name in IDENTITY}


def _identity(outcome: Outcome) -> tuple[object, ...]:
    return tuple(outcome[name] for name in IDENTITY)


def _read(paths: Path | list[Path]) -> Iterator[Outcome]:
    """The lines of files that exist; one that was cut off by a kill is left out."""
    for path in [paths] if isinstance(paths, Path) else paths:
        if not path.exists():
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                yield json.loads(line)


def _outcomes(todo: list[Task], jobs: int) -> Iterator[Outcome]:
    """In whatever order they are ready."""
    if jobs <= 1:
        yield from map(_follow, todo)
        return
    with multiprocessing.Pool(jobs, initializer=_leave_ctrl_c_to_the_parent) as pool:
        yield from pool.imap_unordered(_follow, todo)


def _leave_ctrl_c_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _follow(task: Task) -> Outcome:
    """One run; the collector has nothing to find among the many small records and takes a quarter of the time."""
    gc.disable()
    outcome = follow(task)
    gc.collect()
    return outcome


def _record(outcomes: Iterator[Outcome], path: Path, total: int) -> None:
    """Append each as it comes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with path.open("a", encoding="utf-8") as out:
        if out.tell() and not path.read_bytes().endswith(b"\n"):
            out.write("\n")
        for number, outcome in enumerate(outcomes, start=1):
            out.write(json.dumps(outcome) + "\n")
            out.flush()
            each = (time.monotonic() - began) / number
            name = f"{outcome['rules']} {outcome['scenario']} {outcome['effect']} {outcome['seed']}"
            print(f"\r{number}/{total}, {each:.1f} s each: {name:40s}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

"""What an update of the judge of releases costs: processor time of one window, with everything switched on.

    python -m benchmarks.judge_update

Twelve hours of a release with sessions, noisy replicas, errors and late labels (50 requests a second, a fifth of them to the
canary), after an hour of stable's past; also how large the state is, and what keeping it costs.
"""

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.judge.scenarios import EFFECTS, SCENARIOS
from benchmarks.judge.streams import release
from benchmarks.judge.tally import METRIC
from seatrial.judge.release import JudgeState, begin, dump, load, update, warm
from seatrial.records import JudgePolicy, QualityPolicy

HOURS = 12
POLICY = JudgePolicy(quality=(QualityPolicy(name=METRIC, margin=0.03, root=True),))


def main() -> None:
    """Print a small table."""
    print(f"{'traffic':<10} {'median':>9} {'mean':>9} {'p99':>9}   of an update, ms of processor time")
    for name in ("real", "rest"):
        state = begin(POLICY)
        costs = 1000 * np.fromiter(timed(state, name), dtype=np.float64)
        print(f"{name:<10} {np.median(costs):>9.3f} {costs.mean():>9.3f} {np.quantile(costs, 0.99):>9.3f}")
        begun = time.process_time()
        data = dump(state)
        kept = time.process_time()
        load(data)
        loaded = time.process_time()
        print(
            f"{'':<10} state {len(data) / 1000:.0f} kB, dump {1000 * (kept - begun):.1f} ms, load {1000 * (loaded - kept):.1f} ms"
        )


def timed(state: JudgeState, name: str) -> Iterator[float]:
    """Processor seconds of every update."""
    for window in release(SCENARIOS[name], EFFECTS["none"], seed=1, hours=HOURS, history=1):
        if not window.weight:
            warm(state, window)
            continue
        begun = time.process_time()
        update(state, window)
        yield time.process_time() - begun


if __name__ == "__main__":
    main()

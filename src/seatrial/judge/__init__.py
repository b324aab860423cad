"""Statistics of trials: how two versions that got the same requests are compared, and what is concluded from it.

Pure numpy and scipy; it reads no file, asks no clock, and takes its randomness as a seeded generator. One function per
kind of metric makes an `Effect`; `judge` turns the effects of a whole trial into comparisons with verdicts. Why which
method: docs/explanation/statistics.md.
"""

from seatrial.judge.decide import Draft, judge
from seatrial.judge.effects import Effect, Observed
from seatrial.judge.means import auc_difference, block_difference, mean_difference, smooth_difference
from seatrial.judge.proportions import mcnemar_exact, proportion_difference
from seatrial.judge.quantiles import quantile_differences
from seatrial.judge.resampling import statistic_difference
from seatrial.judge.sequential import LookSchedule

__all__ = [
    "Draft",
    "Effect",
    "LookSchedule",
    "Observed",
    "auc_difference",
    "block_difference",
    "judge",
    "mcnemar_exact",
    "mean_difference",
    "proportion_difference",
    "quantile_differences",
    "smooth_difference",
    "statistic_difference",
]

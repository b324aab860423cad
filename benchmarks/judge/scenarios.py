"""What the judge of releases is tried on: kinds of traffic, and the harm that a canary does in it.

A judge that has been tuned on one stream proves little, so each way in which real traffic breaks a textbook's assumptions
has a scenario of its own, and each metric has an effect that is clearly harmful and one that lies exactly at its margin.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MEDIAN_SECONDS: Final = 0.125
SPREAD: Final = 0.45
_P90: Final = 0.600  # of a deviation, the heavy tail included
_BELOW_P99: Final = SPREAD * 2.3263478740
HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A kind of traffic. Latencies are lognormal with a median of 125 ms and a σ of 0.45 around a level that both arms share.

    Attributes:
        rate: requests a second.
        diurnal: amplitude of the daily wave of the level (of log latency; of the log error rate it is 0.3 where there is one).
        wander: standard deviation of the level's autoregression, which remembers five minutes.
        incidents: expected number in twelve hours: latency × 1.6 and errors × 10 in both arms for three minutes.
        heavy: share of requests whose log latency is larger by 0.7 and an exponential of mean 0.83; none takes longer than a minute.
        errors: rate of errors.
        sessions: standard deviation of a session's own log latency; 0: requests are independent. One session in 20 has
            ten times the errors of the mean, or nearly so. A session's requests all go to one arm.
        replicas: standard deviation of a replica's own log latency, which remembers two minutes.
        cold: how strongly the canary starts cold: 1 is twice the latency and three times the errors, decaying over 90 s.
        skew: added to the canary's share: the split isn't what was asked for.
        lost: share of the canary's slowest tenth of requests that leave no trace.
    """

    rate: float = 50.0
    diurnal: float = 0.08
    wander: float = 0.05
    incidents: float = 2.0
    heavy: float = 0.01
    errors: float = 0.001
    sessions: float = 0.0
    replicas: float = 0.0
    cold: float = 0.0
    skew: float = 0.0
    lost: float = 0.0

    @property
    def comparable(self) -> bool:
        """Whether the arms get what they were to get, so that without an effect a judge has nothing to find."""
        return not self.skew and not self.lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the canary does worse.

    Attributes:
        bend: (deviation of a request's log latency from its level, what is added there), interpolated and held constant
            outside: it moves one quantile and leaves another.
        errors_times, errors_plus: the canary's rate of errors is that of its level times the one plus the other.
        loss: factor of the root mean squared error.
        after: seconds of the release before it begins.
    """

    bend: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    errors_times: float = 1.0
    errors_plus: float = 0.0
    loss: float = 1.0
    after: float = 0.0

    def added(self, deviation: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is added to the log latency of requests with these deviations."""
        at, by = zip(*self.bend, strict=True)
        return np.asarray(np.interp(deviation, at, by))


def _everywhere(factor: float) -> tuple[tuple[float, float], ...]:
    return ((0.0, math.log(factor)),)


def _in_the_tail(factor: float) -> tuple[tuple[float, float], ...]:
    """The 99th percentile is larger by this factor; up to the 90th nothing changes."""
    return ((_P90, 0.0), (_BELOW_P99, math.log(factor)))


_P90_ALONE: Final = ((0.2, 0.0), (0.5, math.log(1.1)), (0.7, math.log(1.1)), (0.95, 0.0))
_EVERY_QUANTILE: Final = ((0.05, math.log(1.05)), (0.55, math.log(1.1)))

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "iid": Scenario(diurnal=0.0, wander=0.0, incidents=0.0),
    "real": Scenario(),
    "sess": Scenario(sessions=0.3),
    "pod": Scenario(replicas=0.03),
    "rest": Scenario(sessions=0.3, replicas=0.03),
    "cold": Scenario(cold=1.0),
    "heavy": Scenario(heavy=0.05),
    "low": Scenario(rate=1.0),
    "srm": Scenario(skew=0.01),
    "drop": Scenario(lost=0.3),
}

_HARM: Final[Mapping[str, Effect]] = {
    "p50": Effect(bend=_everywhere(1.1)),
    "p99": Effect(bend=_in_the_tail(1.5)),
    "errors": Effect(errors_times=5.0),
    "rmse": Effect(loss=1.05),
}

EFFECTS: Final[Mapping[str, Effect]] = {
    "none": Effect(),
    **_HARM,
    "tolerated": Effect(bend=_everywhere(1.03)),
    "margin-p50": Effect(bend=_everywhere(1.05)),
    "margin-p90": Effect(bend=_P90_ALONE),
    "margin-p99": Effect(bend=_in_the_tail(1.1)),
    "margin-errors": Effect(errors_plus=0.002),
    "margin-rmse": Effect(loss=1.03),
    "margin-all": Effect(bend=_EVERY_QUANTILE, errors_plus=0.002, loss=1.03),
    **{
        f"late-{name}": Effect(
            bend=harm.bend, errors_times=harm.errors_times, errors_plus=harm.errors_plus, loss=harm.loss, after=2 * HOUR
        )
        for name, harm in _HARM.items()
    },
}

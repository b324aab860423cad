"""Looking early: when a trial may stop as soon as its verdict is settled.

A 95% interval holds for one look. A trial that looks after every block and stops when it likes what it sees is wrong
far more often than it says. Here the number of looks is kept small, a geometric schedule over the request budget, and
the permitted error is spent over the looks (Lan and DeMets, "Discrete sequential boundaries for clinical trials",
Biometrika 70, 1983, with the power family of Kim and DeMets, Biometrika 74, 1987). The union bound over looks then makes
every method of this room valid under optional stopping, whatever the dependence between looks or its distribution; a
geometric schedule is what keeps its price to a logarithm (Darling and Robbins, PNAS 57, 1967; the "stitching" of Howard,
Ramdas, McAuliffe and Sekhon, Ann. Stat. 49, 2021).
"""

from dataclasses import dataclass
from typing import Self

from seatrial.records import UsageError


@dataclass(frozen=True, slots=True)
class LookSchedule:
    """When to look, and at what confidence.

    Attributes:
        looks: numbers of finished blocks after which to look, ascending; the last is the whole budget.
        confidence: of the whole trial.
    """

    looks: tuple[int, ...]
    confidence: float = 0.95

    @classmethod
    def geometric(cls, budget: int, *, confidence: float = 0.95, first: int = 10, ratio: float = 1.5) -> Self:
        """Looks at the budget, and at each `ratio`-th part of the look after it, down to `first` blocks.

        Args:
            budget: blocks if the trial is driven to its end.
            confidence: of the whole trial.
            first: fewest blocks that are worth a look.
            ratio: how much more data each look has than the one before; above 1.

        Raises:
            UsageError: where the budget holds no block.
        """
        if budget < 1:
            what = "the request budget holds no block"
            raise UsageError(what, remedy="raise requests.count or shorten requests.block")
        looks = [budget]
        while (earlier := int(looks[-1] / ratio)) >= first and earlier < looks[-1]:
            looks.append(earlier)
        return cls(tuple(reversed(looks)), confidence)

    @property
    def budget(self) -> int:
        """Blocks if the trial is driven to its end."""
        return self.looks[-1]

    def is_look(self, done: int) -> bool:
        """Whether to look after `done` finished blocks."""
        return done in self.looks

    def confidence_at(self, done: int) -> float:
        """Confidence to judge with after `done` blocks; the errors of all looks add up to that of the whole trial.

        Each look may spend the share of the error by which the data have grown since the look before.

        Raises:
            ValueError: where `done` is no look.
        """
        index = self.looks.index(done)
        before = self.looks[index - 1] if index else 0
        return 1 - (1 - self.confidence) * (done - before) / self.budget

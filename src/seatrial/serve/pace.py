"""How long the model takes, by the size of the batch: who has to wait too long, and what goes to a thread, rests on it."""

from math import inf

SIZES = 64
QUICK_SECONDS = 0.002
"""What the event loop can spare for one call."""


class Pace:
    """What batches of 1, of 2 to 3, of 4 to 7 … rows took recently.

    Args:
        expected: seconds of one row, as measured before; 0 where nothing was.
    """

    __slots__ = ("_seconds",)

    def __init__(self, expected: float = 0.0) -> None:
        self._seconds = [inf] * SIZES
        if expected:
            self._seconds[1] = expected

    def learn(self, rows: int, seconds: float) -> None:
        """A batch of so many rows took so long; half of what was known is forgotten for it."""
        size = rows.bit_length()
        known = self._seconds[size]
        self._seconds[size] = seconds if known == inf else (known + seconds) / 2

    def quick(self, rows: int) -> bool:
        """Whether such a batch is worth no thread."""
        return self._seconds[rows.bit_length()] <= QUICK_SECONDS or self.of(rows) <= QUICK_SECONDS

    def of(self, rows: int) -> float:
        """Seconds that a batch of so many rows will take; 0 where nothing is known.

        A size that was not seen yet is taken to cost what the next smaller one does: batching pays until it is shown
        not to. None costs more than in proportion to a smaller one: what was slow once, and is avoided since, is not
        avoided for ever.
        """
        seen = [(size, self._seconds[size]) for size in range(1, rows.bit_length() + 1) if self._seconds[size] < inf]
        return min((seconds * 2 ** (seen[-1][0] - size) for size, seconds in seen), default=0.0)

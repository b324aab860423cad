"""What the canary answered to the copies it got, held against what stable answered to the originals."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """One row that both answered otherwise. `difference`: canary − stable, None where the answers are no numbers."""

    request_id: str
    row: int
    stable: str
    canary: str
    difference: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorReport:
    """Answers to the same requests, compared row by row.

    Attributes:
        rows: that both logged.
        compared: of these, rows that both answered well, and whose answers were logged (and not redacted).
        same: of these, how many have the same answer: numbers within a millionth of each other.
        numbers: of those compared, how many are numbers; what follows is of these.
        mean, mean_absolute, median_absolute, largest_absolute: difference, canary − stable; None without numbers.
        canary_failed, stable_failed: rows that only this side refused or failed at.
        only_stable: rows that stable alone has. Of a mirror of less than 100 % that is most of them.
        only_canary: rows that the canary alone has; with a weight of its own these are its users'.
        stable_seconds, canary_seconds: median time of an answer as the servers measured it; None without rows.
        differing: rows with the largest differences.
        notes: what had to be left out.
    """

    rows: int = 0
    compared: int = 0
    same: int = 0
    numbers: int = 0
    mean: float | None = None
    mean_absolute: float | None = None
    median_absolute: float | None = None
    largest_absolute: float | None = None
    canary_failed: int = 0
    stable_failed: int = 0
    only_stable: int = 0
    only_canary: int = 0
    stable_seconds: float | None = None
    canary_seconds: float | None = None
    differing: tuple[Differing, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def agreement(self) -> float | None:
        """Share of the compared rows with the same answer; None without any."""
        return self.same / self.compared if self.compared else None

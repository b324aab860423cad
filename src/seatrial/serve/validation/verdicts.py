"""One refusal for all that is wrong with a request: the first mistakes in full, the rest as a number."""

from collections.abc import Iterable
from itertools import islice

from seatrial.serve.codec import Complaint, Limits, Refused
from seatrial.serve.validation.kinds import Reason
from seatrial.serve.validation.shown import counted

TOLD = 20


class Mistakes:
    """Collects what is wrong, row by row; keeps 20 complaints and counts the rows."""

    __slots__ = ("_complaints", "_rows")

    def __init__(self) -> None:
        self._complaints: list[Complaint] = []
        self._rows = 0

    def add(self, complaints: Iterable[Complaint]) -> None:
        """Those of one more row; no more of them are looked for than will be told."""
        self._rows += 1
        self._complaints.extend(islice(complaints, TOLD - len(self._complaints)))

    def raise_any(self, rows: int) -> None:
        """Refuse a request of `rows` rows if anything was wrong."""
        if self._rows:
            raise invalid(tuple(self._complaints), wrong=self._rows, rows=rows)


def invalid(complaints: tuple[Complaint, ...], *, wrong: int = 1, rows: int = 1) -> Refused:
    """The refusal of a request of which `wrong` of `rows` rows are not valid."""
    first = complaints[0]
    message = first.message if rows == 1 or first.row is None else f"row {first.row}: {first.message}"
    if wrong > 1:
        message = f"{wrong} of {rows} rows are not valid; the first: {message}"
    elif len(complaints) > 1:
        least = "at least " if len(complaints) == TOLD else ""
        message = f"{least}{len(complaints)} values are not valid; the first: {message}"
    return Refused(422, Reason.INVALID, message, complaints)


def require_rows(count: int, limits: Limits) -> None:
    """Refuse no rows (422), and more than are allowed (413)."""
    if count == 0:
        raise Refused(422, Reason.NO_ROWS, "there are no rows, expected at least one")
    if count > limits.rows:
        message = f"{counted(count, 'row')} in one request, at most {limits.rows} are answered"
        raise Refused(413, Reason.TOO_MANY_ROWS, message)

"""How a story is told in steps, so that it can be gone on with after a crash; the engine itself is not known here."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from seatrial.records import TemporaryError

ResultT = TypeVar("ResultT")


class Step(Protocol):
    """Runs one step of a story, unless it was finished before: then its result is given again."""

    def __call__(self, name: str, work: Callable[[], ResultT], kind: type[ResultT]) -> ResultT:
        """Do `work` once.

        Args:
            name: of the step; the steps of a story come in the same order with the same names whenever it is told.
            work: may be begun again if the process died in it, so that doing it twice must be the same as once.
            kind: a record of ours.

        Raises:
            UsageError, PermanentError: as `work` did, also when the story is told again.
        """
        ...


class LeftUnfinished(BaseException):
    """The story is left where it is, to be gone on with later: the process is told to end, or a part doesn't answer.

    Not an Exception, so that nothing on the way takes it for the end of the story.

    Attributes:
        cause: what doesn't answer; None where the process was told to end.
    """

    def __init__(self, cause: TemporaryError | None = None) -> None:
        super().__init__(str(cause or "told to end"))
        self.cause = cause

"""What every step of a retraining is done under: somebody may end it, the process may end, and we make mistakes."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from seatrial.records import PermanentError, SeatrialError

if TYPE_CHECKING:
    from seatrial.retrain.tools import RetrainTools

INTERRUPTED: Final = "it was interrupted"
ResultT = TypeVar("ResultT")


def guarded(work: Callable[[], ResultT], name: str, tools: "RetrainTools", folder: Path) -> ResultT:
    """Do the work of a step.

    Raises:
        LeftUnfinished: the process is about to end; whoever goes on does the step again.
        PermanentError: somebody interrupted it, or it is a mistake of ours, whose trace is in the run's `error.txt`.
    """
    _check(tools)
    try:
        return work()
    except SeatrialError:
        _check(tools)
        raise
    except Exception as error:
        _check(tools)
        note = folder / "error.txt"
        note.write_text(traceback.format_exc())
        raise PermanentError(
            f"{type(error).__name__} in step {name}: {error}", where=str(note), remedy="report it, with that file"
        ) from error


def _check(tools: "RetrainTools") -> None:
    tools.leave()
    if tools.interrupted():
        raise PermanentError(INTERRUPTED)

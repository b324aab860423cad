"""Notices as lines of a log: what is told where no receiver is configured, and what a supervisor's journal keeps."""

import sys
from typing import TextIO

from seatrial.notices.text import line
from seatrial.records import Notice, TemporaryError


class LogNotify:
    """Writes one line a notice; implements `seatrial.ports.Notify`.

    Args:
        name: of the receiver, for messages.
        stream: where the lines go; standard error by default.
    """

    def __init__(self, name: str = "log", *, stream: TextIO | None = None) -> None:
        self._name = name
        self._stream = stream

    def send(self, notice: Notice) -> None:
        """Write the line. Raises TemporaryError if nobody reads the stream, or its disk is full."""
        stream = self._stream or sys.stderr
        try:
            stream.write(f"notice: {line(notice)}\n")
            stream.flush()
        except (OSError, ValueError) as error:
            raise TemporaryError(f"receiver {self._name!r} takes no line: {_why(error)}", where="notify") from error


def _why(error: OSError | ValueError) -> str:
    return error.strerror or "it can't be written" if isinstance(error, OSError) else "it is closed"

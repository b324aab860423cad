"""The three kinds of error, named by what can be done about them.

SeatrialError
├── UsageError       the user can mend it (configuration, arguments, input files): exit code 2
├── TemporaryError   a retry may help (a port race, a network hiccup): exit code 4
└── PermanentError   something broke that a retry won't mend: exit code 4
"""


class SeatrialError(Exception):
    """An error that says what happened, where, and what to do about it.

    Args:
        what: one sentence, without a full stop.
        where: file, line, key or deployment that it is about; empty if nowhere in particular.
        remedy: what the reader can do now; empty if there is nothing.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        """The whole message on one or two lines: `where: what` and `→ remedy`."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n→ {self.remedy}" if self.remedy else head


class UsageError(SeatrialError):
    """The user can mend it."""


class TemporaryError(SeatrialError):
    """A retry may help."""


class PermanentError(SeatrialError):
    """A retry will not help."""

"""What the conversions raise for a value that only the whole file shows to be wrong."""


class InvalidError(Exception):
    """A value that only the whole file shows to be wrong; `key` is its path in the file."""

    def __init__(self, key: tuple[str | int, ...], message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.message = message
        self.remedy = remedy

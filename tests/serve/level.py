"""A gauge that a test can read."""


class Level:
    """Counts what is open."""

    def __init__(self) -> None:
        self.open = 0

    def inc(self) -> None:
        """One more."""
        self.open += 1

    def dec(self) -> None:
        """One less."""
        self.open -= 1

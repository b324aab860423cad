"""How values stand in columns: times as texts that sort as times do."""

from datetime import UTC, datetime


def to_text(at: datetime) -> str:
    """A time as the tables hold it: UTC, with microseconds, so that all are of one length."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The time that a table holds. Raises ValueError for what is none."""
    return datetime.fromisoformat(text)

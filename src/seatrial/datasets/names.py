"""Reads how people name a version of a dataset (`ratings@3`, `ratings@latest`, `ratings`) and finds it."""

from typing import Final

from seatrial.datasets.book import DatasetBook, unknown_dataset
from seatrial.records import DatasetVersion, UsageError

LATEST: Final = "latest"
_MOST_DIGITS: Final = 9


def find_version(text: str, book: DatasetBook) -> DatasetVersion:
    """The version that somebody means; a name alone is the latest. Raises UsageError: it says what there is."""
    dataset, found, chosen = (part.strip() for part in text.strip().partition("@"))
    if not dataset or (found and not chosen):
        raise UsageError(f"{text!r} names no version", remedy="write NAME@3 or NAME@latest")
    if not found or chosen.casefold() == LATEST:
        return find_head(dataset, book)
    if not (chosen.isascii() and chosen.isdigit() and len(chosen) <= _MOST_DIGITS):
        raise UsageError(f"{text!r} names no version", remedy=f"write {dataset}@3 or {dataset}@latest")
    return book.version(dataset, int(chosen))


def find_head(dataset: str, book: DatasetBook) -> DatasetVersion:
    """The newest version. Raises UsageError if there is no such dataset; it says which there are."""
    head = book.head(dataset)
    if head is None:
        raise unknown_dataset(dataset, book.datasets())
    return head

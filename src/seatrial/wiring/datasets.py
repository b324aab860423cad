"""Dataset versions of a project: the book that lists them, and the store and files that hold their rows."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.wiring.registries import open_store, registry_url

if TYPE_CHECKING:
    from seatrial.datasets.book import DatasetBook
    from seatrial.datasets.cache import SegmentCache
    from seatrial.ports import Clock, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetTools:
    """What works with datasets.

    Attributes:
        book: which versions there are.
        store: keeps segments, quarantines and dead lines, beside the files of models.
        files: the same as files of this machine.
        folder: of the workspace, for what is only on the way.
        models: names of the models that a dataset's loop trains; empty where no loop of its name is configured.
    """

    book: "DatasetBook"
    store: "Store"
    files: "SegmentCache"
    clock: "Clock"
    folder: Path
    models: "Callable[[str], tuple[str, ...]]"


@contextmanager
def open_datasets(project: Path) -> "Iterator[DatasetTools]":
    """The datasets of the project in a folder, or of that folder's own workspace where no project is.

    Raises:
        UsageError: the configuration is wrong, `${NAME}` in the registry's URL isn't set, or the book is newer than seatrial.
        PermanentError: the database does not answer.
    """
    from seatrial.adapters.clock import SystemClock
    from seatrial.config import find_project
    from seatrial.datasets.book import open_dataset_book
    from seatrial.records import RegistrySpec
    from seatrial.trial.workspace import open_workspace

    found = find_project(project)
    spec = RegistrySpec() if found is None else found.registry
    loops = {} if found is None else {loop.name: loop.model for loop in found.retrainings}
    root = open_workspace(project).root
    store = open_store(spec.artifacts, project.resolve(), root)
    book = open_dataset_book(root, registry_url(spec, os.environ))
    try:
        yield DatasetTools(
            book=book,
            store=store,
            files=open_segment_files(spec.artifacts, project.resolve(), root, store),
            clock=SystemClock(),
            folder=root,
            models=lambda dataset: (loops[dataset],) if dataset in loops else (),
        )
    finally:
        book.close()


def open_segment_files(artifacts: str | None, project: Path, root: Path, store: "Store") -> "SegmentCache":
    """The files of a store (`open_store`, with the same arguments), without a copy of those that are on this disk."""
    from seatrial.datasets.cache import SegmentCache

    near = None
    if artifacts is None or "://" not in artifacts:
        near = _beside(root / "store" if artifacts is None else project / artifacts)
    return SegmentCache(store, root / "segments", near)


def _beside(folder: Path) -> "Callable[[str], Path | None]":
    """Where a store in a folder has the file of a digest."""
    from seatrial.adapters.store.digests import hexdigest_of, place_of

    def near(digest: str) -> Path | None:
        file = folder / place_of(hexdigest_of(digest))
        return file if file.is_file() else None

    return near

"""Tells whether a large file is probably stored already, without reading it whole.

Registering a model again must copy nothing, and registering a new one must not read it twice. So beside every large
artifact lies an empty file whose name says its size and the sha256 of a few samples of its bytes. A file without such a
mark is new, and is hashed while it is copied; one with a mark is hashed first. A mark that is missing or wrong costs
time and nothing else.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

LARGE = 4 << 20
_SAMPLE = 16 << 10
_SAMPLES = 16


class Known:
    """The marks in a folder, which is made with the first one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def may_hold(self, descriptor: int) -> bool:
        """Whether an artifact of this size and with these samples was noted. The file's position stays."""
        return self._mark(descriptor).exists()

    def note(self, descriptor: int) -> None:
        """Remember an artifact that is stored now, if it is large."""
        if os.fstat(descriptor).st_size < LARGE:
            return
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            self._mark(descriptor).touch()

    def _mark(self, descriptor: int) -> Path:
        size = os.fstat(descriptor).st_size
        step = max(1, (size - _SAMPLE) // (_SAMPLES - 1))
        samples = hashlib.sha256()
        for number in range(_SAMPLES):
            samples.update(os.pread(descriptor, _SAMPLE, number * step))
        return self._folder / f"{size}-{samples.hexdigest()[:32]}"

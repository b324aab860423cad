"""The last looks at the model servers, on disk: a seatrial that is started again goes on from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from seatrial.adapters.metrics.serve_page import Counted
from seatrial.adapters.traffic.files import write_whole
from seatrial.records import Arm

KEPT: Final = 60
_FORM: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One replica at a look."""

    arm: Arm
    counted: Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All replicas at the end of a window.

    Attributes:
        edge: end of that window, in seconds since 1970.
        taken: when they were really asked: right after.
        replicas: by name.
    """

    edge: float
    taken: float
    replicas: Mapping[str, Seen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    form: int
    seconds: float
    looks: tuple[Look, ...]


class Memory:
    """The looks at one service's replicas, the last ones only.

    Args:
        path: of the file; its folder need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, seconds: float) -> Sequence[Look]:
        """What was kept of windows of this length, oldest first; none where the file is missing or of something else."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except (FileNotFoundError, msgspec.DecodeError):
            return ()
        return found.looks if found.form == _FORM and found.seconds == seconds else ()

    def keep(self, seconds: float, looks: Sequence[Look]) -> None:
        """Keep the last of these; the file is whole at any moment. Raises PermanentError if it can't be written."""
        data = msgspec.json.encode(_File(form=_FORM, seconds=seconds, looks=tuple(looks[-KEPT:])))
        write_whole(self._path, data)

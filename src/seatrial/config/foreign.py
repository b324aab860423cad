"""Finds the configuration of a project in its files: its own `seatrial.yaml`, else one that the field already has, converted.

Whoever reads a configuration, of the folder as it is or of a tree in git, asks here. So a repository that has only
`.aicoe-ci.yaml` is tried unconverted, also as the baseline of one that was converted since.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seatrial.config.aicoe.convert import convert_aicoe
from seatrial.config.aicoe.convert_thoth import convert_thoth
from seatrial.config.aicoe.drafts import Converted
from seatrial.config.aicoe.files import Files
from seatrial.config.aicoe.machine import System, this_system
from seatrial.config.aicoe.read import AICOE_NAMES
from seatrial.config.aicoe.thoth import THOTH_NAME

CONFIG_NAME: Final = "seatrial.yaml"
_FOREIGN: Final[Mapping[str, Callable[[Files, str, System], Converted]]] = {
    **dict.fromkeys(AICOE_NAMES, convert_aicoe),
    THOTH_NAME: convert_thoth,
}
_MOST_BYTES: Final = 16 << 20
NAMES: Final = (CONFIG_NAME, *_FOREIGN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigText:
    """A configuration as text.

    Attributes:
        name: of the file that it is, or was made from.
        text: of a `seatrial.yaml`.
        notes: on what a conversion left out.
    """

    name: str
    text: str
    notes: tuple[str, ...] = ()


def find_config(files: Files) -> ConfigText | None:
    """The configuration of a project; None where it has none.

    Raises:
        UsageError: a foreign one can't be converted.
    """
    own = files.read(CONFIG_NAME)
    if own is not None:
        return ConfigText(name=CONFIG_NAME, text=own.decode(errors="replace"))
    converted = convert(files)
    if converted is None:
        return None
    return ConfigText(name=converted.source, text=converted.text, notes=converted.left)


def convert(files: Files, names: Sequence[str] = tuple(_FOREIGN)) -> Converted | None:
    """The first foreign configuration of these names, converted; None where there is none. Raises UsageError."""
    name = next((name for name in names if files.read(name) is not None), None)
    return None if name is None else _FOREIGN[name](files, name, this_system())


class Folder:
    """The files of a project as they are in a folder; nothing outside of it is read."""

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()

    def read(self, path: str) -> bytes | None:
        """The contents of a file, and of a very large one the beginning."""
        place = self._place(path)
        try:
            if place is None or not place.is_file():
                return None
            with place.open("rb") as file:
                return file.read(_MOST_BYTES)
        except OSError:
            return None

    def names(self, folder: str) -> Sequence[str]:
        """The names in a folder."""
        place = self._place(folder)
        try:
            return sorted(each.name for each in place.iterdir()) if place is not None else ()
        except OSError:
            return ()

    def _place(self, path: str) -> Path | None:
        try:
            place = (self._root / path).resolve()
        except (OSError, ValueError, RuntimeError):
            return None
        return place if place.is_relative_to(self._root) else None

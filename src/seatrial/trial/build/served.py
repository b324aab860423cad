"""What a deployment with `serve:` needs besides its own stack: the model server, and the packages that it stands on.

The server is the one of the seatrial that runs the trial, so both sides of a comparison are served alike, whatever the
project's requirements say; its packages are installed into the cell's own stack, beside the project's.
"""

import contextlib
import os
from collections.abc import Collection, Iterable
from importlib import metadata
from pathlib import Path
from typing import Final

import seatrial

EXTRAS: Final = ("serve", "onnx")
LOG_EXTRA: Final = "log"


def server_requirements(declared: Iterable[str] | None = None, *, extras: Collection[str] = EXTRAS) -> tuple[str, ...]:
    """The requirements of the model server, as seatrial's own metadata declare them.

    Args:
        declared: requirements with their markers; None reads those of the installed seatrial.
        extras: of seatrial, that the server takes.
    """
    found = metadata.requires("seatrial") or () if declared is None else declared
    return tuple(sorted(filter(None, (_wanted(one, extras) for one in found))))


def server_folder(place: Path) -> Path:
    """A folder inside `place` that holds this seatrial and nothing else, for PYTHONPATH."""
    folder = place / "server"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "seatrial"
    with contextlib.suppress(FileExistsError):  # cells are prepared side by side
        link.symlink_to(Path(seatrial.__file__).parent, target_is_directory=True)
    return folder


def with_server(env: dict[str, str], folder: Path) -> dict[str, str]:
    """The environment of a cell with the server on Python's path, before what the project put there."""
    return {**env, "PYTHONPATH": os.pathsep.join(filter(None, [str(folder), env.get("PYTHONPATH", "")]))}


def _wanted(requirement: str, extras: Collection[str]) -> str | None:
    name, _, marker = requirement.partition(";")
    ours = "extra" not in marker or any(
        f"extra == {quote}{extra}{quote}" in marker for extra in extras for quote in "'\""
    )
    return name.strip() if ours else None

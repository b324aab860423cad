"""Files that are whole or as they were: whoever reads one while it is written, or after a crash, sees the old or the new."""

import os
import secrets
from pathlib import Path


def write_whole(path: Path, data: bytes, *, mode: int | None = None, durable: bool = False) -> None:
    """Put `data` in place of a file in one step. Raises OSError, and then leaves everything as it was.

    Args:
        path: in a folder that is there.
        data: all of it.
        mode: its permissions; None: as this process gives them.
        durable: whether it has to outlive a power cut.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with unfinished.open("xb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)

"""Files that are whole or as they were: a proxy that reads one while it is written, or a crash, sees the old or the new."""

import os
import secrets
from pathlib import Path

from seatrial.records import PermanentError


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Put `data` in place of the file in one step. Raises PermanentError if it can't be written.

    Args:
        path: whose folder is made if need be.
        data: all of it.
        durable: whether it has to outlive a power cut.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("xb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise PermanentError(
            f"the gateway's files can't be written: {error.strerror}",
            where=str(path),
            remedy="make the folder writable, or free space on its disk",
        ) from error

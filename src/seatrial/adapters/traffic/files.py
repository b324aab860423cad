"""A gateway's files, whole or as they were: a proxy that reads one while it is written sees the old or the new."""

from pathlib import Path

from seatrial import files
from seatrial.records import PermanentError


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Put `data` in place of the file in one step. Raises PermanentError if it can't be written.

    Args:
        path: whose folder is made if need be.
        data: all of it.
        durable: whether it has to outlive a power cut.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(path, data, durable=durable)
    except OSError as error:
        raise PermanentError(
            f"the gateway's files can't be written: {error.strerror}",
            where=str(path),
            remedy="make the folder writable, or free space on its disk",
        ) from error

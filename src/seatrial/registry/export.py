"""Takes a version out of the registry, for whoever has no seatrial: its files, and what is known of them as JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from seatrial.ports import Registry
from seatrial.records import ModelVersion, PermanentError, UsageError

RECORD: Final = "version.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Where a version lies now: its file or folder, and its record beside it."""

    path: Path
    record: Path


def export_version(version: ModelVersion, registry: Registry, folder: Path) -> Exported:
    """Lay a version's files into a folder, with `version.json` beside them.

    Args:
        version: as the registry has it.
        registry: where its files are.
        folder: made if it is not there.

    Raises:
        UsageError: something else is there already.
        PermanentError: the files no longer match their digest, or the folder can't be written.
    """
    record = folder / RECORD
    text = msgspec.json.format(msgspec.json.encode(version), indent=2) + b"\n"
    if version.artifact.name == RECORD:
        raise UsageError(
            f"the model's own file is called {RECORD}", where=version.id, remedy="register it by another name"
        )
    if record.exists() and record.read_bytes() != text:
        raise UsageError("another record lies there already", where=str(record), remedy="choose another folder")
    path = registry.fetch(version, folder)
    try:
        record.write_bytes(text)
    except OSError as error:
        raise PermanentError(f"the record can't be written: {error.strerror}", where=str(record)) from error
    return Exported(path=path, record=record)

"""What a proxy was last asked for, on disk: it goes on with that after seatrial, the proxy or the machine was killed."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import msgspec

from seatrial.adapters.traffic.files import write_whole
from seatrial.records import PermanentError, Routing


class KeptRoutings:
    """A folder with a file for each service. One process writes it at a time.

    Args:
        folder: made when something is kept.

    Raises:
        PermanentError: a file in it can't be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._routings = {routing.service.name: routing for routing in _read(folder)}

    def all(self) -> Mapping[str, Routing]:
        """By service, in the order of their names."""
        return dict(sorted(self._routings.items()))

    def get(self, service: str) -> Routing | None:
        """What is wanted of one service."""
        return self._routings.get(service)

    def put(self, routing: Routing) -> None:
        """Keep it, in place of what was wanted of that service. Raises PermanentError if it can't be written."""
        if self._routings.get(routing.service.name) != routing:
            write_whole(self._file(routing.service.name), msgspec.json.encode(routing), durable=True)
            self._routings[routing.service.name] = routing

    def drop(self, service: str) -> None:
        """Forget a service, if it is known."""
        self._routings.pop(service, None)
        self._file(service).unlink(missing_ok=True)

    def _file(self, service: str) -> Path:
        return self._folder / f"{quote(service, safe='')}.json"


def _read(folder: Path) -> Iterator[Routing]:
    for path in sorted(folder.glob("*.json")):
        try:
            yield msgspec.json.decode(path.read_bytes(), type=Routing)
        except (OSError, msgspec.DecodeError) as error:
            raise PermanentError(
                f"what the gateway was asked for can't be read: {error}",
                where=str(path),
                remedy="remove that file and start the server again: the share that the canary got is forgotten then",
            ) from error

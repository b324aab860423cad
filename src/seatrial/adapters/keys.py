"""The way to the sockets that doors hold, for a supervisor (`seatrial.deployments.means.Keys`)."""

import socket
from pathlib import Path

from seatrial import doors


class DoorKeys:
    """Speaks to doors over their Unix sockets."""

    def fetch(self, folder: Path) -> socket.socket | None:
        """The socket of the door in `folder`; None while nobody hands it out."""
        try:
            return doors.fetch(folder)
        except OSError:
            return None

    def give(self, folder: Path, descriptor: int) -> bool:
        """Hand the socket with this descriptor to a door that waits for one; whether it took it."""
        try:
            doors.give(folder, descriptor)
        except OSError:
            return False
        return True

"""Free ports on the loopback interface, never the same one twice.

The kernel names a free port, but until the deployment binds it the kernel may name it again; two cells that start at
once would then fight for it. So what was handed out is remembered.
"""

import socket
import threading

from seatrial.records import TemporaryError

_TRIES = 256


class PortReserve:
    """Hands out free loopback ports. Safe to use from many threads; one per seatrial process is enough."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self._lock = threading.Lock()
        self._reserved: set[int] = set()

    def free_port(self) -> int:
        """A port that nothing listens on and that was not handed out before (unless released since).

        Raises TemporaryError if the kernel has none. Another program can still take the port before the deployment
        binds it; a deployment that finds it taken is started again on another.
        """
        with self._lock:
            for _ in range(_TRIES):
                port = _kernel_choice(self._host)
                if port not in self._reserved:
                    self._reserved.add(port)
                    return port
        raise TemporaryError(
            "there is no free loopback port",
            where=self._host,
            remedy="stop some of the programs that listen on this machine",
        )

    def release(self, port: int) -> None:
        """The port may be handed out again."""
        with self._lock:
            self._reserved.discard(port)


def is_free(host: str, port: int) -> bool:
    """Whether nobody has this port of this address. Not even one that is bound and does not listen yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _kernel_choice(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        try:
            listener.bind((host, 0))
        except OSError as error:
            raise TemporaryError(
                f"there is no free loopback port: {error.strerror}",
                where=host,
                remedy="stop some of the programs that listen on this machine",
            ) from error
        port: int = listener.getsockname()[1]
        return port

"""A proxy as a process: started through the Runtime port, so that it runs on without seatrial and is found again."""

import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from seatrial.adapters.traffic.files import write_whole
from seatrial.ports import Clock, Instance, Launch, Runtime
from seatrial.records import GatewaySpec, PermanentError

LOOK_SECONDS: Final = 0.01


class _Kept(msgspec.Struct, frozen=True):
    """How often it was started since it was last told to end."""

    starts: int = 0


def find_binary(spec: GatewaySpec, name: str, remedy: str) -> str:
    """The proxy's program: the configured one, else the one beside this Python, else the one on PATH.

    Args:
        spec: of the gateway.
        name: of the program.
        remedy: how it is installed.

    Raises:
        PermanentError: there is none.
    """
    beside = Path(sys.executable).with_name(name)
    if spec.binary is not None:
        found = shutil.which(spec.binary)
    else:
        found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise PermanentError(f"there is no {spec.binary or name} to run", where="seatrial.yaml: gateway", remedy=remedy)
    return found


def address_of(spec: GatewaySpec) -> str:
    """Where the gateway answers: `http://127.0.0.1:8080`."""
    return f"http://{bracketed(spec.host)}:{spec.port}"


def bracketed(host: str) -> str:
    """A host as it is written before a port."""
    return f"[{host}]" if ":" in host else host


def wait_for(condition: Callable[[], bool], seconds: float, clock: Clock) -> bool:
    """Look again and again until it holds; whether it did within so many seconds."""
    deadline = clock.monotonic() + seconds
    while not condition():
        if clock.monotonic() >= deadline:
            return False
        clock.sleep(LOOK_SECONDS)
    return True


class ProxyProcess:
    """One proxy: taken over if it runs, started if not. Not safe for use from many threads at once.

    Args:
        runtime: what runs it.
        note: file in which is kept how often it was started.
    """

    def __init__(self, runtime: Runtime, note: Path) -> None:
        self._runtime = runtime
        self._note = note
        self._instance: Instance | None = None

    @property
    def running(self) -> bool:
        """Whether what was started or taken over here still runs."""
        return self._instance is not None and self._instance.status().running

    @property
    def restarts(self) -> int:
        """How often it had to be started again by itself."""
        return max(0, self._starts() - 1)

    def adopt(self, launch: Launch) -> bool:
        """Take over what an earlier seatrial started; whether there is something."""
        self._instance = self._runtime.adopt(launch)
        return self._instance is not None

    def start(self, launch: Launch) -> None:
        """Start it. Raises PermanentError if it can't be."""
        self._instance = self._runtime.start(launch)
        self._write(self._starts() + 1)

    def stop(self, grace: float) -> None:
        """End it, and forget how often it was started."""
        if self._instance is not None:
            self._instance.stop(grace)
            self._instance = None
        self._write(0)

    def kill(self) -> None:
        """End what did not get up; that it was started counts."""
        if self._instance is not None:
            self._instance.stop(0.0)
            self._instance = None

    def _starts(self) -> int:
        try:
            return msgspec.json.decode(self._note.read_bytes(), type=_Kept).starts
        except (OSError, msgspec.DecodeError):
            return 0

    def _write(self, starts: int) -> None:
        write_whole(self._note, msgspec.json.encode(_Kept(starts=starts)))


def check_address(host: str, port: int) -> None:
    """Raise PermanentError if the proxy could not listen there: a clearer word than the proxy's own.

    Connections of one that has just ended don't count, as they don't for a proxy.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise address_taken(host, port, error.strerror or str(error)) from error


def address_taken(host: str, port: int, why: str) -> PermanentError:
    """What is said where a proxy can't listen."""
    return PermanentError(
        f"the gateway can't listen at {host}:{port}: {why}",
        where="seatrial.yaml: gateway",
        remedy="stop the program that has this address (another project's gateway, perhaps), or set gateway.port",
    )

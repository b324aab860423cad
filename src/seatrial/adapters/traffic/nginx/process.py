"""The processes of an nginx: the leader that they are found by, the master, and its workers."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from seatrial.adapters.traffic.configured import try_configuration
from seatrial.adapters.traffic.logs import holds_open
from seatrial.adapters.traffic.nginx import leader
from seatrial.adapters.traffic.nginx.render import CONFIG, STATUS_SOCKET, WORKERS
from seatrial.adapters.traffic.proxy import ProxyProcess, check_address, find_binary, wait_for
from seatrial.adapters.traffic.sockets import get, peer
from seatrial.logs import tail
from seatrial.ports import Clock, Launch, Runtime
from seatrial.records import GatewaySpec, PermanentError, Resources

NAME: Final = "nginx"
LOG: Final = "nginx.log"
INSTALL: Final = "apt-get install nginx, or name the program as gateway.binary"
START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 30.0
_GRACE_SECONDS: Final = 5.0
_TAIL_LINES: Final = 4
_ENDING: Final = "shutting down"


class NginxProcess:
    """One nginx. Not safe for use from many threads at once.

    Args:
        spec: of the gateway.
        folder: absolute; its own.
        runtime: what runs the process.
        clock: for waiting.
        mark: by which it is found on this machine.
    """

    def __init__(self, *, spec: GatewaySpec, folder: Path, runtime: Runtime, clock: Clock, mark: str) -> None:
        self._spec = spec
        self._folder = folder
        self._clock = clock
        self._mark = mark
        self._process = ProxyProcess(runtime, folder / "proxy.json")
        self._version = ""

    @property
    def running(self) -> bool:
        """Whether what was started or taken over here runs."""
        return self._process.running

    @property
    def restarts(self) -> int:
        """How often it had to be started again by itself."""
        return self._process.restarts

    @property
    def pid(self) -> int | None:
        """Of the master; None where none is there."""
        return peer(self._folder, STATUS_SOCKET)

    @property
    def version(self) -> str:
        """Of the program, as 1.22.1; empty where it isn't there."""
        if not self._version:
            with suppress(PermanentError, OSError):
                told = subprocess.run([self._binary(), "-v"], capture_output=True, text=True, check=False).stderr
                self._version = told.strip().rpartition("/")[2].partition(" ")[0]
        return self._version

    def generation(self) -> str | None:
        """Of the configuration by which a worker answers; None where none does."""
        body = get(self._folder, STATUS_SOCKET, "/generation")
        return None if body is None else body.decode()

    def adopt(self) -> bool:
        """Take over what runs; whether something does."""
        return self.running or self._process.adopt(self._launch(NAME))

    def check(self) -> None:
        """Raise PermanentError if nginx can't read its configuration."""
        try_configuration([self._binary(), "-t", "-q", *self._arguments()], self._folder / CONFIG)

    def start(self) -> None:
        """Start it, and wait until it takes requests. Raises PermanentError if it can't be."""
        self._clear()
        check_address(self._spec.host, self._spec.port)
        (self._folder / "temporary").mkdir(parents=True, exist_ok=True)
        self.check()
        (self._folder / STATUS_SOCKET).unlink(missing_ok=True)
        self._process.start(self._launch(self._binary()))
        wait_for(lambda: self.generation() is not None or not self.running, START_SECONDS, self._clock)
        if self.generation() is None:
            self._process.kill()
            raise PermanentError(
                f"nginx did not start: {self.said()}",
                where=str(self._folder / LOG),
                remedy="mend what it complains of",
            )

    def reload(self) -> None:
        """Have new workers read the configuration."""
        self._send(signal.SIGHUP)

    def is_alone(self, generation: str) -> bool:
        """Whether only workers of this generation take new connections."""
        return self.generation() == generation and self._takers() == WORKERS

    def reopen_log(self) -> None:
        """Have it open its log again."""
        self._send(signal.SIGUSR1)

    def holds(self, path: Path) -> bool:
        """Whether one of its processes has this file open."""
        return any(holds_open(process.pid, path) for process in self._family())

    def connections(self) -> Iterator[tuple[str, int]]:
        """Where its workers are connected to."""
        for process in self._family():
            with suppress(psutil.Error):
                for connection in process.net_connections(kind="tcp"):
                    if connection.status == psutil.CONN_ESTABLISHED and connection.raddr:
                        yield (connection.raddr.ip, connection.raddr.port)

    def stop(self) -> None:
        """End it with its last request."""
        if self.adopt():
            self._send(signal.SIGQUIT)
            wait_for(lambda: not self.running, STOP_SECONDS, self._clock)
        self._process.stop(_GRACE_SECONDS)
        self._clear()

    def said(self) -> str:
        """The end of its output."""
        return tail(self._folder / LOG, _TAIL_LINES)

    def _takers(self) -> int:
        """How many workers have not been told to end: nginx changes its processes' titles."""
        found = 0
        for process in self._family()[1:]:
            with suppress(psutil.Error):
                found += _ENDING not in " ".join(process.cmdline())
        return found

    def _family(self) -> list[psutil.Process]:
        """The master, and its workers."""
        pid = self.pid
        with suppress(psutil.Error):
            if pid is not None:
                master = psutil.Process(pid)
                return [master, *master.children()]
        return []

    def _clear(self) -> None:
        """End what runs without its leader, which nothing else would find: it has no mark."""
        for process in self._family():
            with suppress(psutil.Error):
                process.kill()
        wait_for(lambda: self.pid is None, _GRACE_SECONDS, self._clock)

    def _send(self, number: int) -> None:
        pid = self.pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _binary(self) -> str:
        return find_binary(self._spec, NAME, INSTALL)

    def _arguments(self) -> tuple[str, ...]:
        return ("-p", str(self._folder), "-c", str(self._folder / CONFIG))

    def _launch(self, binary: str) -> Launch:
        return Launch(
            run=self._mark,
            cell="gateway.nginx",
            command=(sys.executable, "-I", "-S", leader.__file__, binary, *self._arguments()),
            cwd=self._folder,
            env={},
            port=self._spec.port,
            log=self._folder / LOG,
            resources=Resources(),
        )

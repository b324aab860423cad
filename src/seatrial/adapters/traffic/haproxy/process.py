"""The processes of a HAProxy: its master, and the writer of its log."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from seatrial.adapters.traffic.configured import try_configuration
from seatrial.adapters.traffic.haproxy import piped, writer
from seatrial.adapters.traffic.haproxy.control import CONTROL_SOCKET, MASTER_SOCKET, Control
from seatrial.adapters.traffic.haproxy.render import CONFIG, ENDS, SHARES
from seatrial.adapters.traffic.logs import LogFiles, holds_open
from seatrial.adapters.traffic.proxy import ProxyProcess, check_address, find_binary, wait_for
from seatrial.logs import tail
from seatrial.ports import Clock, Launch, Runtime
from seatrial.records import GatewaySpec, PermanentError, Resources, TemporaryError

NAME: Final = "haproxy"
LOG: Final = "haproxy.log"
PIPE: Final = "log.pipe"
INSTALL: Final = "apt-get install haproxy, or name the program as gateway.binary"
START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 30.0
_GRACE_SECONDS: Final = 5.0
_CELL: Final = "gateway.haproxy"
_TAIL_LINES: Final = 4


class HaproxyProcess:
    """One HAProxy. Not safe for use from many threads at once.

    Args:
        spec: of the gateway.
        folder: absolute; its own.
        runtime: what runs the process.
        control: of the running one.
        clock: for waiting.
        mark: by which it is found on this machine.
    """

    def __init__(
        self, *, spec: GatewaySpec, folder: Path, runtime: Runtime, control: Control, clock: Clock, mark: str
    ) -> None:
        self._spec = spec
        self._folder = folder
        self._control = control
        self._clock = clock
        self._mark = mark
        self._process = ProxyProcess(runtime, folder / "proxy.json")

    @property
    def running(self) -> bool:
        """Whether what was started or taken over here runs."""
        return self._process.running

    @property
    def restarts(self) -> int:
        """How often it had to be started again by itself."""
        return self._process.restarts

    def adopt(self) -> bool:
        """Take over what runs; whether something does."""
        return self.running or self._process.adopt(self._launch(NAME))

    def check(self) -> None:
        """Raise PermanentError if HAProxy can't read its configuration."""
        try_configuration([self._binary(), "-c", "-f", CONFIG], self._folder / CONFIG)

    def start(self) -> None:
        """Start it, and wait until it takes requests. Raises PermanentError if it can't be."""
        check_address(self._spec.host, self._spec.port)
        self.check()
        for door in (CONTROL_SOCKET, MASTER_SOCKET):
            (self._folder / door).unlink(missing_ok=True)
        make_pipe(self._folder)
        self._process.start(self._launch(self._binary()))
        wait_for(lambda: self._answers() or not self.running, START_SECONDS, self._clock)
        if not self._answers():
            self._process.kill()
            raise PermanentError(
                f"HAProxy did not start: {self.said()}",
                where=str(self._folder / LOG),
                remedy="mend what it complains of",
            )

    def reload(self) -> None:
        """Have a new worker read the configuration."""
        pid = self._control.pid()
        if pid is not None:
            os.kill(pid, signal.SIGUSR2)

    def stop(self) -> None:
        """End it with its last request."""
        pid = self._control.pid()
        if self.adopt() and pid is not None:
            with suppress(TemporaryError):
                self._control.set_everywhere(SHARES, ENDS, 1)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)
            wait_for(lambda: not self.running, STOP_SECONDS, self._clock)
        self._process.stop(_GRACE_SECONDS)

    def said(self) -> str:
        """The end of its output."""
        return tail(self._folder / LOG, _TAIL_LINES)

    def _answers(self) -> bool:
        with suppress(TemporaryError):
            return bool(self._control.info()) and self._control.pid() is not None
        return False

    def _binary(self) -> str:
        return find_binary(self._spec, NAME, INSTALL)

    def _launch(self, binary: str) -> Launch:
        command = (binary, "-W", "-S", f"unix@{MASTER_SOCKET},mode,600", "-f", CONFIG)
        return Launch(
            run=self._mark,
            cell=_CELL,
            command=(sys.executable, "-I", "-S", piped.__file__, PIPE, *command),
            cwd=self._folder,
            env={},
            port=self._spec.port,
            log=self._folder / LOG,
            resources=Resources(),
        )


class LogWriter:
    """The writer of the log. Not safe for use from many threads at once.

    Args:
        folder: absolute; of the gateway.
        files: into which it writes.
        runtime: what runs it.
        mark: by which it is found on this machine.
    """

    def __init__(self, *, folder: Path, files: LogFiles, runtime: Runtime, mark: str) -> None:
        self._folder = folder
        self._files = files
        self._process = ProxyProcess(runtime, folder / "writer.json")
        self._launch = Launch(
            run=mark,
            cell=f"{_CELL}-log",
            command=(sys.executable, "-I", "-S", writer.__file__, PIPE, str(files.current), "writer.pid"),
            cwd=folder,
            env={},
            port=0,
            log=folder / "writer.log",
            resources=Resources(),
        )

    def keep(self) -> None:
        """Start it, or take over the one that runs; what it missed waits for it."""
        if self._process.running or self._process.adopt(self._launch):
            return
        self._files.begin()
        make_pipe(self._folder)
        self._process.start(self._launch)

    def holds(self, path: Path) -> bool:
        """Whether it has this file open."""
        with suppress(FileNotFoundError, ValueError):
            return holds_open(int((self._folder / "writer.pid").read_text()), path)
        return False

    def stop(self) -> None:
        """End it once it has written all that it got."""
        if not self._process.running:
            self._process.adopt(self._launch)
        self._process.stop(_GRACE_SECONDS)


def make_pipe(folder: Path) -> None:
    """Make the pipe of the log, if it isn't there."""
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.mkfifo(folder / PIPE, mode=0o600)

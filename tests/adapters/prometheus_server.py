"""A real Prometheus that scrapes servers of the test five times a second."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from seatrial.adapters.prometheus import PrometheusServer
from tests.waiting import wait_until

SCRAPE_SECONDS = 0.2


class Exporters:
    """Servers with a `/metrics` each, by name (`/NAME/metrics`, `/NAME`); what they show is set by the test. One without any text does not answer."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[str, float]] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where all of them are; the path is the name."""
        return f"127.0.0.1:{self._server.server_port}"

    def show(self, name: str, values: Mapping[str, float]) -> None:
        """From now on this server's counters have these values: `x_total{path="/a"}` and the like; others stay."""
        with self._lock:
            self._texts[name] = {**self._texts.get(name, {}), **values}

    def restart(self, name: str, values: Mapping[str, float]) -> None:
        """It has these counters only."""
        with self._lock:
            self._texts[name] = dict(values)

    def stop(self) -> None:
        """No more answers."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _text(self, name: str) -> str:
        with self._lock:
            return "".join(f"{series} {value}\n" for series, value in self._texts.get(name, {}).items())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        text = self._text

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = text(self.path.split("/")[1]).encode()
                self.send_response(200 if body else 503)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nobody reads that."""

        return Handler


class Site:
    """A running Prometheus and what it scrapes."""

    def __init__(self, url: str, exporters: Exporters) -> None:
        self.url = url
        self.exporters = exporters
        self.server = PrometheusServer(url)

    def see(self, query: str, value: float) -> datetime:
        """Wait until a query has this value; a moment at which it has."""

        def seen() -> datetime | None:
            now = datetime.now(UTC)
            found = self.server.ask(query, now)
            return now if found and abs(found[0].samples[0][1] - value) < 1e-9 else None

        moment = wait_until(seen, 15, poll=0.05)
        assert moment is not None
        return moment


@contextmanager
def prometheus(folder: Path, *names: str) -> Iterator[Site]:
    """Start a Prometheus that scrapes exporters of these names as instances; skips where it is not installed."""
    exporters = Exporters()
    try:
        with _running(folder, _config(exporters.address, names)) as url:
            yield Site(url, exporters)
    finally:
        exporters.stop()


@contextmanager
def remembering(folder: Path, samples: str) -> Iterator[str]:
    """Start a Prometheus that scrapes nothing and knows these samples, in the text format of OpenMetrics; its URL."""
    given = folder / "samples.txt"
    given.write_text(samples)
    tool = (_found("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(given), str(folder / "data"))
    done = subprocess.run(tool, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    with _running(folder, "scrape_configs: []\n") as url:
        yield url


@contextmanager
def _running(folder: Path, configuration: str) -> Iterator[str]:
    config = folder / "prometheus.yml"
    config.write_text(configuration)
    port = _free_port()
    command = (
        _found("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _ready(url, process, folder), 30)
        yield url
    finally:
        process.kill()
        process.wait()


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed (apt-get install prometheus)")
    return path


def _config(address: str, names: tuple[str, ...]) -> str:
    targets = "\n".join(
        f"      - targets: ['{address}']\n        labels: {{instance: {name}, __metrics_path__: /{name}}}"
        for name in names
    )
    return (
        f"global: {{scrape_interval: {SCRAPE_SECONDS * 1000:.0f}ms, scrape_timeout: {SCRAPE_SECONDS * 1000:.0f}ms}}\n"
        f"scrape_configs:\n  - job_name: test\n    static_configs:\n{targets}\n"
    )


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def _ready(url: str, process: subprocess.Popen[bytes], folder: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"prometheus ended: {(folder / 'log').read_text()[-500:]}")
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False

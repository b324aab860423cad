"""`seatrial serve` from its options to its exit code: set up the log, and let the supervisor run."""

import contextlib
import json
import logging
import os
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from seatrial.serve.command import USAGE, missing_package
from seatrial.serve.metrics import folder
from seatrial.serve.options import ServeOptions
from seatrial.serve.supervisor import Post, Supervisor, check_platform

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

log = logging.getLogger("seatrial.serve")


def run(options: ServeOptions, *, as_json: bool) -> int:
    """Serve until stopped; the exit code.

    Args:
        options: of the server.
        as_json: write the server's log as JSON lines.

    Raises:
        UsageError: the address cannot be had.
    """
    check_platform()
    set_up_log(as_json=as_json)
    allow_connections()

    def announce(port: int) -> None:
        host = f"[{options.host}]" if ":" in options.host else options.host
        log.info("serving %s at http://%s:%d", options.model, host, port)

    return Supervisor(options=options, work=work, counters=folder, now=time.monotonic, announce=announce).run()


def work(options: ServeOptions, post: Post) -> int:
    """In a worker: only there the numerical libraries are imported.

    Pickles name functions of the project's own modules, and `module:Class` is one; both are found in the current folder.
    Workers are the way to use several cores, so libraries are asked not to start threads for a row or two.
    """
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        from seatrial.serve.worker import work as run_worker  # noqa: PLC0415 - the parent stays small
    except ModuleNotFoundError as error:
        log.error("%s", missing_package(error))  # noqa: TRY400 - the message says it all
        return USAGE
    return run_worker(options, post)


def allow_connections() -> None:
    """As many open files as this process may have: each connection is one, and the usual limit is for shells."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def set_up_log(*, as_json: bool) -> None:
    """Write what the server says of itself to standard error, a line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if as_json else _Lines())
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = f"{_time(record)} {record.levelname.lower()} {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _time(record), "level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

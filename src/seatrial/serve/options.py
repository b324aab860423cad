"""Every choice that the operator of a server has, in one frozen record; the command line fills it in."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from seatrial.serve.limits import Limits


class EngineOption(StrEnum):
    """`auto` takes the compiled model if it is equal and faster; the others are taken or the start fails."""

    AUTO = "auto"
    NATIVE = "native"
    ONNX = "onnx"


class Compat(StrEnum):
    """Whose metric names are used (docs/reference/serve.md lists them)."""

    SEATRIAL = "seatrial"
    FASTAPI = "fastapi"
    FLASK = "flask"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """The prediction log.

    Attributes:
        target: a directory or `s3://bucket/prefix`.
        sample: share of the requests that are logged, 0 … 1.
        redact: names of fields whose values are never written.
        flush_seconds: a segment is closed at the latest after this time: the bound of what kill -9 loses.
        segment_rows: a segment is closed at this many rows.
        buffer_rows: rows waiting at most; more are dropped and counted.
        retain_days: segments older than this are deleted; None keeps all.
        durable: each answer waits until its rows are on disk.
    """

    target: str
    sample: float = 1.0
    redact: tuple[str, ...] = ()
    flush_seconds: float = 5.0
    segment_rows: int = 100_000
    buffer_rows: int = 1_000_000
    retain_days: float | None = None
    durable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricOptions:
    """What `/metrics` shows: whose names, and the edges of the histogram of the model's output (None: from the training range)."""

    compat: Compat = Compat.SEATRIAL
    namespace: str | None = None
    subsystem: str | None = None
    output_buckets: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How one model is served.

    Attributes:
        model: path of an artifact, or `module:Class`.
        name, version: as served; by default from the path and the digest.
        signature: a signature file; None looks for `signature.yaml` beside the model.
        host, port: where to listen; port 0 takes a free one.
        door: folder of a `seatrial.doors` door, whose connections are answered too, once the model is ready; None: none.
        workers: processes.
        engine: which engine may answer.
        tolerance: largest relative difference at which a compiled model counts as equal.
        trusted_digests: the only digests of pickles that may be opened; empty trusts the file that was named.
        cache: where compiled models are kept.
        max_batch: rows of one call of the model.
        max_queue: requests that may wait; more get 503.
        max_wait: seconds that a request may have to wait, by the model's recent speed; where it would be more, 503.
        max_body: bytes of one body.
        limits: of one request's content.
        read_timeout: seconds in which a whole request has to arrive.
        idle_timeout: seconds after which a silent connection is closed.
        drain_timeout: seconds that a stopping worker waits for requests under way.
        admin_token: for /admin/…; None turns those routes off.
    """

    model: str
    name: str | None = None
    version: str | None = None
    signature: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    door: Path | None = None
    workers: int = 1
    engine: EngineOption = EngineOption.AUTO
    tolerance: float = 1e-5
    trusted_digests: tuple[str, ...] = ()
    cache: Path | None = None
    max_batch: int = 256
    max_queue: int = 1024
    max_wait: float = 1.0
    max_body: int = 8 * 1024 * 1024
    limits: Limits = field(default_factory=Limits)
    read_timeout: float = 10.0
    idle_timeout: float = 75.0
    drain_timeout: float = 30.0
    admin_token: str | None = None
    metrics: MetricOptions = field(default_factory=MetricOptions)
    log: LogOptions | None = None

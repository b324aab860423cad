"""The command lines of `seatrial serve` and `seatrial compile`, by the standard library's argparse.

The rest of seatrial's commands are typer's. These two are installed in production images, where what they do not bring
(typer, rich, pydantic and theirs: a dozen packages) is what does not have to be patched.
"""

import argparse
import dataclasses
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from seatrial.records import SeatrialError, UsageError
from seatrial.serve.limits import Limits
from seatrial.serve.options import Compat, EngineOption, LogOptions, MetricOptions, ServeOptions

USAGE, BROKEN, INTERRUPTED = 2, 4, 130
DEFAULT = ServeOptions(model="")
LOG = LogOptions(target="")


def main(words: Sequence[str]) -> int:
    """Run `serve …` or `compile …`; the exit code. Errors become one message on standard error.

    Args:
        words: of the command line, from the command's name on.
    """
    try:
        return run_compile(words[1:]) if words[0] == "compile" else run_serve(words[1:])
    except KeyboardInterrupt:
        return INTERRUPTED
    except SeatrialError as error:
        sys.stderr.write(f"error: {error}\n")
        return USAGE if isinstance(error, UsageError) else BROKEN
    except ModuleNotFoundError as error:
        sys.stderr.write(f"error: {missing_package(error)}\n")
        return USAGE
    except Exception:  # noqa: BLE001 - what nobody foresaw has an exit code too
        traceback.print_exc()
        return BROKEN


def missing_package(error: ModuleNotFoundError) -> UsageError:
    """What is said where a part of an extra is not installed."""
    return UsageError(f"the package {error.name!r} is not installed", remedy="pip install 'seatrial[serve,onnx]'")


def run_serve(words: Sequence[str]) -> int:
    """`seatrial serve`."""
    given = serve_parser(os.environ).parse_args(words)
    options = options_of(given)
    from seatrial.serve.main import run  # noqa: PLC0415 - a help text needs none of it

    return run(options, as_json=given.format == "json")


def run_compile(words: Sequence[str]) -> int:
    """`seatrial compile`."""
    given = compile_parser().parse_args(words)
    options = ServeOptions(
        model=given.model,
        signature=given.signature,
        tolerance=given.tolerance,
        trusted_digests=tuple(given.trusted_digest),
    )
    from seatrial.serve.compile.prepare import export_onnx  # noqa: PLC0415 - a help text needs none of it

    choice = export_onnx(options, given.out)
    if given.format == "json":
        told = {"path": str(given.out), "reason": choice.reason, "evidence": choice.evidence}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        sys.stdout.write(f"{given.out}: {choice.reason}\n")
    return 0


def options_of(given: argparse.Namespace) -> ServeOptions:
    """The options that a parsed command line asks for."""
    named = {field.name for field in dataclasses.fields(ServeOptions)} - {"limits", "metrics", "log", "trusted_digests"}
    plain: dict[str, Any] = {name: value for name, value in vars(given).items() if name in named}
    return ServeOptions(
        **plain,
        trusted_digests=tuple(given.trusted_digest),
        limits=Limits(rows=given.max_rows),
        metrics=MetricOptions(
            compat=given.compat,
            namespace=given.metrics_namespace,
            subsystem=given.metrics_subsystem,
            output_buckets=given.output_buckets,
        ),
        log=_log_of(given),
    )


def serve_parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """The options of `seatrial serve`.

    Args:
        environ: `PORT` and `SEATRIAL_ADMIN_TOKEN` are defaults.
    """
    parser = _Parser(
        prog="seatrial serve",
        description="Serve a model over HTTP: predictions, KServe V1, Open Inference V2, health, metrics, documentation.",
        epilog="SIGTERM and Ctrl-C stop it after answering what it accepted; SIGHUP loads the model anew. "
        "Exit code: 0 stopped, 2 usage, a model that cannot be opened or a port that is taken, 4 something broke.",
    )
    _add_model(parser)
    parser.option("--name", help="served under this name; by default from the path")
    parser.option("--version", help="of the model; by default from its digest")
    _add_signature(parser)
    parser.option("--host", default=DEFAULT.host, help="address to listen on")
    port = environ.get("PORT") or str(DEFAULT.port)
    parser.option("--port", type=_whole(0, 65_535), default=port, help="0 takes a free one; also read from PORT")
    text = "also answer at the address that the program in this folder holds; for replicas that share one"
    parser.option("--door", type=Path, metavar="FOLDER", help=text)
    parser.option("--workers", type=_whole(1), default=DEFAULT.workers, help="processes")
    parser.option(
        "--engine",
        type=EngineOption,
        choices=list(EngineOption),
        default=DEFAULT.engine,
        help="what computes; auto compiles where that is equal and faster",
    )
    _add_tolerance(parser)
    _add_trusted(parser)
    _add_bounds(parser)
    token = environ.get("SEATRIAL_ADMIN_TOKEN") or None
    parser.add_argument(
        "--admin-token",
        metavar="TOKEN",
        default=token,
        help="turns /admin/reload on; also read from SEATRIAL_ADMIN_TOKEN",
    )
    _add_metrics(parser)
    _add_log(parser)
    parser.option(
        "--format", choices=["text", "json"], default="text", help="of the server's own log on standard error"
    )
    return parser


def compile_parser() -> argparse.ArgumentParser:
    """The options of `seatrial compile`."""
    parser = _Parser(
        prog="seatrial compile",
        description="Compile a scikit-learn model to ONNX, checked against the original, so that a server without "
        "scikit-learn has it.",
        epilog="Exit code: 0 written, 2 it cannot be compiled or does not answer alike, 4 something broke.",
    )
    _add_model(parser)
    parser.add_argument("out", metavar="OUT", type=Path, help="the compiled model, an .onnx file")
    _add_signature(parser)
    _add_tolerance(parser)
    _add_trusted(parser)
    parser.option("--format", choices=["text", "json"], default="text", help="of standard output")
    return parser


class _Parser(argparse.ArgumentParser):
    """Shows defaults, takes no abbreviations, and fails as all commands of seatrial do."""

    def __init__(self, **words: Any) -> None:  # noqa: ANN401 - argparse's own
        super().__init__(allow_abbrev=False, **words)

    def option(self, name: str, *, help: str, default: Any = None, **more: Any) -> None:  # noqa: A002, ANN401 - argparse's
        """An option whose default is told where there is one."""
        told = f"{help} [default: %(default)s]" if default is not None else help
        self.add_argument(name, default=default, help=told, **more)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"error: {message}\n→ {self.prog} --help\n")


def _add_model(parser: _Parser) -> None:
    parser.add_argument(
        "model", metavar="MODEL", help="a model's file (.joblib, .skops, .onnx, …), a folder, or module:Class"
    )


def _add_signature(parser: _Parser) -> None:
    parser.option("--signature", type=Path, metavar="FILE", help="names, types and ranges; by default beside the model")


def _add_tolerance(parser: _Parser) -> None:
    text = "largest relative difference at which a compiled model counts as equal"
    parser.option("--tolerance", type=_number(0.0), default=DEFAULT.tolerance, help=text)


def _add_trusted(parser: _Parser) -> None:
    text = "open only pickles with this digest (sha256:…); may be repeated"
    parser.add_argument("--trusted-digest", action="append", default=[], metavar="DIGEST", help=text)


def _add_bounds(parser: _Parser) -> None:
    whole, number = _whole(1), _number(0.0)
    parser.option("--max-batch", type=whole, default=DEFAULT.max_batch, help="rows of one call of the model")
    parser.option("--max-queue", type=whole, default=DEFAULT.max_queue, help="requests that may wait; more get 503")
    text = "seconds that a request may have to wait; else it gets 503"
    parser.option("--max-wait", type=number, default=DEFAULT.max_wait, help=text)
    parser.option("--max-body", type=whole, default=DEFAULT.max_body, help="bytes of a body")
    parser.option("--max-rows", type=whole, default=DEFAULT.limits.rows, help="rows of a request")
    text = "seconds in which a request has to arrive"
    parser.option("--read-timeout", type=number, default=DEFAULT.read_timeout, help=text)
    text = "seconds after which a silent connection is closed"
    parser.option("--idle-timeout", type=number, default=DEFAULT.idle_timeout, help=text)
    text = "seconds that a stopping worker waits for its requests"
    parser.option("--drain-timeout", type=number, default=DEFAULT.drain_timeout, help=text)


def _add_metrics(parser: _Parser) -> None:
    metrics = DEFAULT.metrics
    text = "whose names the metrics have"
    parser.option("--compat", type=Compat, choices=list(Compat), default=metrics.compat, help=text)
    parser.option("--metrics-namespace", metavar="TEXT", help="of the metrics, with --compat fastapi or flask")
    parser.option("--metrics-subsystem", metavar="TEXT", help="of the metrics, with --compat fastapi")
    text = "edges of the histogram of predictions, separated by commas; by default from the training range"
    parser.option("--output-buckets", type=_edges, metavar="EDGES", help=text)


def _add_log(parser: _Parser) -> None:
    parser.option("--log", metavar="TARGET", help="keep every answer here: a folder or s3://bucket/prefix")
    parser.option(
        "--log-sample", type=_number(0.0, 1.0), default=LOG.sample, help="share of the requests that are kept"
    )
    text = "field that is never written; may be repeated"
    parser.add_argument("--log-redact", action="append", default=[], metavar="FIELD", help=text)
    text = "seconds after which rows are written: the most that a crash loses"
    parser.option("--log-flush", type=_number(0.05), default=LOG.flush_seconds, help=text)
    parser.option(
        "--log-retain", type=_number(0.0), metavar="DAYS", help="days after which rows are deleted; by default never"
    )
    parser.add_argument("--durable", action="store_true", help="answer only when the rows are on disk")


def _log_of(given: argparse.Namespace) -> LogOptions | None:
    if not given.log:
        return None
    return LogOptions(
        target=given.log,
        sample=given.log_sample,
        redact=tuple(given.log_redact),
        flush_seconds=given.log_flush,
        retain_days=given.log_retain,
        durable=given.durable,
    )


def _whole(least: int, most: int | None = None) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text)
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"{text} is not {_between(least, most)}")
        return number

    read.__name__ = "whole number"
    return read


def _number(least: float, most: float | None = None) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = float(text)
        if not number >= least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"{text} is not {_between(least, most)}")
        return number

    read.__name__ = "number"
    return read


def _between(least: float, most: float | None) -> str:
    return f"at least {least:g}" if most is None else f"from {least:g} to {most:g}"


def _edges(text: str) -> tuple[float, ...]:
    try:
        edges = tuple(float(part) for part in text.split(","))
    except ValueError:
        edges = ()
    if not edges or list(edges) != sorted(set(edges)):
        raise argparse.ArgumentTypeError("numbers that rise are wanted, separated by commas")
    return edges

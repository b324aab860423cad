"""Our rows of the table, installed from this checkout with the versions of `uv.lock`.

`seatrial` compiles the scikit-learn model at load. `seatrial-log` is the same with the prediction log on, `seatrial-onnx` the
slim installation that serves an exported ONNX file, and `seatrial-constant` answers one by one without a model.

The log writes a segment every 100,000 rows or five seconds, so its cost shows in runs that hold several: at 64 connections,
or with `--ours seatrial,seatrial-log --peers none --seconds 20`.
"""

from dataclasses import replace

from benchmarks.serving.environments import REPOSITORY, uv
from benchmarks.serving.server import HERE, Needs, Server

_SERVE = "{bin}/seatrial serve"
_ADDRESS = "--host 127.0.0.1 --port {port}"
_COMPILE = "{trainer} -m seatrial compile {model} model.onnx"
PLAIN, LOG, SLIM, CONSTANT = "seatrial", "seatrial-log", "seatrial-onnx", "seatrial-constant"


def ours() -> list[Server]:
    """Our servers; the one with the log stands beside the plain one."""
    whole = Needs(name=PLAIN, requirements=_pins("serve", "onnx"), checkout=True)
    with_log = Needs(name=LOG, requirements=_pins("serve", "onnx", "log"), checkout=True)
    slim = Needs(
        name=SLIM,
        requirements=(*_pins("serve"), "onnxruntime"),
        constraints=_pins("onnx"),
        checkout=True,
        trained_in=whole,
    )
    plain = Server(
        name=PLAIN,
        title="seatrial serve, scikit-learn model compiled at load",
        needs=whole,
        command=f"{_SERVE} {{model}} {_ADDRESS}",
        body='{"inputs": ROW}',
        answer=("prediction",),
        metrics="http://127.0.0.1:{port}/metrics",
        ours=True,
    )
    return [
        plain,
        replace(
            plain,
            name=LOG,
            title="seatrial serve, prediction log on",
            needs=with_log,
            command=f"{plain.command} --log predictions",
        ),
        replace(
            plain,
            name=SLIM,
            title="seatrial serve, exported ONNX file",
            needs=slim,
            prepare=_COMPILE,
            command=f"{_SERVE} model.onnx {_ADDRESS}",
        ),
        replace(
            plain,
            name=CONSTANT,
            title="seatrial serve, a constant, one by one",
            command=f"{_SERVE} constant:Constant --max-batch 1 {_ADDRESS}",
            env={"PYTHONPATH": str(HERE)},
            constant=True,
        ),
    ]


def _pins(*extras: str) -> tuple[str, ...]:
    """What `uv.lock` says that `seatrial[EXTRAS]` brings, this machine's Python or not."""
    options = ["--frozen", "--no-hashes", "--no-header", "--no-annotate", "--no-emit-project", "--no-default-groups"]
    wanted = [option for extra in extras for option in ("--extra", extra)]
    return tuple(uv("export", "--project", REPOSITORY, *options, *wanted).splitlines())

"""The two commands that need nothing of the control plane."""

import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.serve.command import main, options_of, serve_parser
from seatrial.serve.options import Compat, EngineOption, LogOptions, MetricOptions, ServeOptions


def options(*words: str, **environ: str) -> ServeOptions:
    """What a command line asks for."""
    return options_of(serve_parser(environ).parse_args(words))


def test_without_options_every_default_is_the_servers_own() -> None:
    """The record's defaults are the command's."""
    assert ServeOptions(model="m.onnx") == options("m.onnx")


def test_options_reach_the_server() -> None:
    """Numbers, choices, lists and switches."""
    words = "--engine native --compat fastapi --metrics-subsystem model --output-buckets 0,1.5,3 --log d --log-redact a --log-redact b --durable"

    found = options("m.onnx", *words.split())

    assert EngineOption.NATIVE == found.engine
    assert MetricOptions(compat=Compat.FASTAPI, subsystem="model", output_buckets=(0.0, 1.5, 3.0)) == found.metrics
    assert LogOptions(target="d", redact=("a", "b"), durable=True) == found.log


def test_the_environment_gives_port_and_token() -> None:
    """As platforms do; the command line wins."""
    found = options("m.onnx", PORT="9000", SEATRIAL_ADMIN_TOKEN="s3cret")

    assert (9000, "s3cret") == (found.port, found.admin_token)
    assert 9001 == options("m.onnx", "--port", "9001", PORT="9000").port


@pytest.mark.parametrize(
    "words",
    [
        "",
        "m --port 65536",
        "m --workers 0",
        "m --engine quick",
        "m --log-sample 2",
        "m --output-buckets 3,2",
        "m --max-wait nan",
        "m --nothing",
        "m --work 2",
    ],
)
def test_a_wrong_option_is_a_mistake_of_usage(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one message, and where to look."""
    with pytest.raises(SystemExit) as ended:
        main(["serve", *words.split()])

    assert 2 == ended.value.code
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "seatrial serve --help" in said


def test_a_model_that_is_not_there_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same for `compile`."""
    assert 2 == main(["compile", str(tmp_path / "no.joblib"), str(tmp_path / "out.onnx")])
    assert "there is no model" in capsys.readouterr().err


def test_help_needs_neither_typer_nor_numpy() -> None:
    """The command begins without the control plane and without numerical libraries."""
    code = (
        "import sys; sys.argv = ['seatrial', 'serve', '--help']\n"
        "from seatrial.cli.entry import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'typer', 'rich', 'pydantic', 'numpy'} & set(sys.modules)))"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == ran.stdout.splitlines()[-1]

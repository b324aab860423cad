"""The program `seatrial`: the model server's commands need nothing of the control plane, and are begun before it is imported."""

import sys

SERVER = frozenset({"serve", "compile"})


def main() -> None:
    """Run the command line."""
    words = sys.argv[1:]
    if words and words[0] in SERVER:
        from seatrial.serve.command import main as run_server

        sys.exit(run_server(words))
    try:
        from seatrial.cli.main import main as run
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.stderr.write(
            "error: only `seatrial serve` and `seatrial compile` are installed\n"
            "→ for the other commands: pip install 'seatrial[trial]' or 'seatrial[telemetry]'\n"
        )
        sys.exit(2)
    run()
